//! Embeddings against plain loops: rows are copied, and their gradients are added up in the order of the steps.

use crate::everywhere::{everywhere, levels};
use crate::support::{Rng, bits, fill_padding};
use rustlstm::layers::Steps;
use rustlstm::layers::embedding::Embedding;

#[test]
fn rows_are_copied_and_gradients_added_in_order() {
    let mut rng = Rng::new(3);
    for (batch, time, count, width) in
        [(0, 4, 3, 2), (3, 0, 3, 2), (1, 1, 1, 1), (4, 6, 5, 16), (5, 3, 9, 17), (40, 50, 7, 100), (3, 5, 4, 0)]
    {
        let lengths: Option<Vec<usize>> = rng.chance(0.6).then(|| (0..batch).map(|_| rng.below(time + 1)).collect());
        let padding_index = rng.chance(0.5).then(|| rng.below(count));
        let embedding = Embedding { count, width, padding_index };
        let table = rng.fill(count * width, -1.0, 1.0);
        let mut ids: Vec<i64> = (0..batch * time).map(|_| rng.below(count) as i64).collect();
        let mut dy = rng.fill(batch * time * width, -1.0, 1.0);
        if let Some(lengths) = &lengths {
            fill_padding(&mut ids, lengths, time, 1, -77);
            fill_padding(&mut dy, lengths, time, width, f32::NAN);
        }
        let steps = Steps::new(batch, time, lengths.as_deref()).expect("lengths fit");
        let (mut y, mut dtable) = (vec![0.0; dy.len()], vec![0.5; table.len()]);
        for row in (0..batch * time).filter(|&row| steps.counts(row)) {
            let id = ids[row] as usize;
            y[row * width..][..width].copy_from_slice(&table[id * width..][..width]);
            if Some(id) != padding_index {
                let from = &dy[row * width..][..width];
                dtable[id * width..][..width].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
        let what = format!("B={batch} T={time} V={count} E={width} {lengths:?} {padding_index:?}");
        let found = everywhere(&what, |level| {
            let (mut got_y, mut got) = (vec![f32::NAN; dy.len()], vec![0.5; table.len()]);
            embedding.forward(&table, &ids, &steps, &mut got_y).expect("all fits");
            embedding.backward(level, &ids, &steps, &dy, &mut got).expect("all fits");
            vec![got_y, got]
        });
        for got in found {
            assert!(bits(&got[0]) == bits(&y) && bits(&got[1]) == bits(&dtable), "{what}");
        }
    }
}

#[test]
fn a_number_without_a_row_is_named_with_its_place() {
    let embedding = Embedding { count: 3, width: 2, padding_index: None };
    let (table, mut y) = ([0.0; 6], [0.0; 12]);
    let steps = Steps::new(2, 3, None).expect("no lengths");
    for wrong in [3, -1, i64::MAX, i64::MIN] {
        let ids = [0, 1, 2, 0, wrong, 7];
        let error = embedding.forward(&table, &ids, &steps, &mut y).unwrap_err().to_string();
        assert_eq!(error, format!("ids[1, 1] must be from 0 to V - 1 = 2, got {wrong}"));
        assert!(embedding.backward(levels()[0], &ids, &steps, &[0.0; 12], &mut [0.0; 6]).is_err());
    }
    let lengths = [3, 1];
    let short = Steps::new(2, 3, Some(&lengths)).expect("lengths fit");
    assert!(embedding.forward(&table, &[0, 1, 2, 0, 9, 9], &short, &mut y).is_ok(), "padding is not looked at");
}
