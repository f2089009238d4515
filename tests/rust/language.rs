//! A language model one token at a time against its layers over the whole sequence.

use crate::everywhere::everywhere;
use crate::support::{Rng, bits, randomise};
use rustlstm::layers::linear::Linear;
use rustlstm::layers::{Config, LanguageModel, Lstm, Parts, Pass, Steps};
use rustlstm::simd::Level;
use rustlstm::view::{Seq, SeqMut};
use std::sync::Arc;

/// The sizes and numbers of a model.
struct Case {
    lstm: Lstm,
    params: Vec<Vec<f32>>,
    tokens: usize,
    /// None for ones at the tokens' places.
    embedding: Option<Vec<f32>>,
    projection: Option<(Vec<f32>, Vec<f32>, usize)>,
    head: (Vec<f32>, Option<Vec<f32>>),
}

impl Case {
    fn new(seed: u64, level: Level) -> Case {
        let mut rng = Rng::new(seed);
        let (tokens, hidden) = (rng.pick(&[1, 3, 17, 40, 96]), rng.pick(&[1, 8, 17, 33, 80]));
        let one_hot = rng.chance(0.4);
        let width = if one_hot { tokens } else { rng.pick(&[1, 5, 16, 33]) };
        let mut config = Config::new(width, hidden);
        if rng.chance(0.5) {
            config.hidden_sizes = vec![hidden, rng.pick(&[4, 16, 29])];
        }
        if rng.chance(0.5) {
            randomise(&mut rng, &mut config);
            config.bidirectional = false;
        }
        let lstm = Lstm::at_level(config, level).expect("a valid configuration");
        let params = lstm.specs().iter().map(|spec| rng.fill(spec.len(), -0.5, 0.5)).collect();
        let features = lstm.output_size();
        let projection = rng.chance(0.4).then(|| {
            let to = rng.pick(&[1, 7, 20]);
            (rng.fill(to * features, -0.5, 0.5), rng.fill(to, -0.5, 0.5), to)
        });
        let features = projection.as_ref().map_or(features, |(_, _, to)| *to);
        let head = (rng.fill(tokens * features, -0.5, 0.5), rng.chance(0.6).then(|| rng.fill(tokens, -0.5, 0.5)));
        let embedding = (!one_hot).then(|| rng.fill(tokens * width, -1.0, 1.0));
        Case { lstm, params, tokens, embedding, projection, head }
    }

    fn maps(&self) -> (Option<Linear<'_>>, Linear<'_>) {
        let outputs = self.lstm.output_size();
        let projection = self.projection.as_ref().map(|(weight, bias, to)| Linear {
            weight,
            bias: Some(bias),
            features: [*to, outputs],
        });
        let features = [self.tokens, projection.map_or(outputs, |projection| projection.features[0])];
        (projection, Linear { weight: &self.head.0, bias: self.head.1.as_deref(), features })
    }

    fn model(&self, largest: usize) -> Arc<LanguageModel> {
        let params: Vec<&[f32]> = self.params.iter().map(Vec::as_slice).collect();
        let packed = Arc::new(self.lstm.pack(&params).expect("parameters of the right shapes"));
        let (projection, head) = self.maps();
        let parts = Parts { embedding: self.embedding.as_deref(), projection, memory: None, head };
        let model = LanguageModel::with_table(self.lstm.clone(), packed, parts, largest);
        Arc::new(model.expect("parts that fit"))
    }

    /// The logits `[B, T, V]` by the layers over whole sequences.
    fn whole(&self, ids: &[Vec<u32>]) -> Vec<f32> {
        let (batch, time, width) = (ids.len(), ids[0].len(), self.lstm.config().input_size);
        let mut x = vec![0.0; batch * time * width];
        for (token, row) in ids.iter().flatten().zip(x.chunks_exact_mut(width)) {
            match &self.embedding {
                Some(table) => row.copy_from_slice(&table[*token as usize * width..][..width]),
                None => row[*token as usize] = 1.0,
            }
        }
        let params: Vec<&[f32]> = self.params.iter().map(Vec::as_slice).collect();
        let packed = self.lstm.pack(&params).expect("parameters of the right shapes");
        let outputs = self.lstm.output_size();
        let mut y = vec![0.0; batch * time * outputs];
        let x = Seq::new(&x, [batch, time, width]).expect("its shape");
        let to = SeqMut::new(&mut y, [batch, time, outputs]).expect("its shape");
        self.lstm.forward(&packed, x, None, None, to, Pass::Infer).expect("arguments that fit");
        let steps = Steps::new(batch, time, None).expect("no lengths");
        let (projection, head) = self.maps();
        for map in projection.into_iter().chain([head]) {
            let mut next = vec![0.0; batch * time * map.features[0]];
            map.forward(self.lstm.level(), &y, &steps, &mut next).expect("arguments that fit");
            y = next;
        }
        y
    }
}

#[test]
fn tokens_are_the_sequence_with_and_without_a_table() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed ^ 0x70c);
        let ids: Vec<Vec<u32>> =
            (0..rng.pick(&[1, 2, 7])).map(|_| (0..5).map(|_| rng.bits() as u32).collect()).collect();
        everywhere(&format!("seed {seed}"), |level| {
            let case = Case::new(seed, level);
            let ids: Vec<Vec<u32>> =
                ids.iter().map(|row| row.iter().map(|id| id % case.tokens as u32).collect()).collect();
            let expected = case.whole(&ids);
            for largest in [0, usize::MAX] {
                let mut stream = case.model(largest).stream(ids.len()).expect("rows");
                for t in 0..5 {
                    let tokens: Vec<u32> = ids.iter().map(|row| row[t]).collect();
                    let mut logits = vec![f32::NAN; ids.len() * case.tokens];
                    stream.step(&tokens, &mut logits).expect("tokens of the vocabulary");
                    for (b, row) in logits.chunks_exact(case.tokens).enumerate() {
                        let whole = &expected[(b * 5 + t) * case.tokens..][..case.tokens];
                        assert_eq!(bits(row), bits(whole), "seed {seed}, largest table {largest}, row {b}, step {t}");
                    }
                }
            }
            vec![expected]
        });
    }
}

#[test]
fn selected_rows_go_on_as_copies() {
    for seed in 100..120 {
        let case = Case::new(seed, Level::available()[0]);
        let model = case.model(usize::MAX);
        let token = |at: usize| (at * 7 % case.tokens) as u32;
        let step = |stream: &mut rustlstm::layers::TokenStream, first: usize| -> Vec<Vec<u32>> {
            let tokens: Vec<u32> = (0..stream.batch()).map(|row| token(first + row)).collect();
            let mut logits = vec![0.0; tokens.len() * case.tokens];
            stream.step(&tokens, &mut logits).expect("tokens of the vocabulary");
            logits.chunks_exact(case.tokens).map(bits).collect()
        };
        let mut stream = model.stream(3).expect("rows");
        step(&mut stream, 1);
        let mut alone = stream.fork();
        let expected = step(&mut alone, 5);
        for rows in [&[0, 1, 2][..], &[2, 0], &[1, 1, 2, 0, 0]] {
            let mut other = stream.fork();
            other.select(rows).expect("rows that are there");
            let tokens: Vec<u32> = rows.iter().map(|row| token(5 + row)).collect();
            let mut logits = vec![0.0; rows.len() * case.tokens];
            other.step(&tokens, &mut logits).expect("tokens of the vocabulary");
            for (got, row) in logits.chunks_exact(case.tokens).zip(rows) {
                assert_eq!(bits(got), expected[*row], "seed {seed}: {rows:?}");
            }
        }
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let lstm = Lstm::new(Config::new(4, 6)).expect("a valid configuration");
    let params: Vec<Vec<f32>> = lstm.specs().iter().map(|spec| vec![0.1; spec.len()]).collect();
    let params: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
    let packed = Arc::new(lstm.pack(&params).expect("parameters of the right shapes"));
    let (weight, table) = (vec![0.0; 60], vec![0.0; 40]);
    let linear =
        |outputs, inputs| Linear { weight: &weight[..outputs * inputs], bias: None, features: [outputs, inputs] };
    let right = Parts { embedding: Some(&table), projection: None, memory: None, head: linear(10, 6) };
    let short = Linear { weight: &weight[..59], ..right.head };
    let cases = [
        (Parts { embedding: Some(&table[1..]), ..right }, "the embedding must have shape [10, 4]"),
        (Parts { embedding: None, ..right }, "the LSTM's input must have shape [V=10]"),
        (Parts { head: linear(10, 5), ..right }, "the head must have shape [V=10, 6]"),
        (Parts { head: linear(0, 6), ..right }, "the vocabulary must be"),
        (Parts { head: short, ..right }, "weight must have shape [10, 6]"),
        (Parts { projection: Some(linear(6, 5)), ..right }, "the projection must have shape [_, 6]"),
        (Parts { projection: Some(linear(5, 6)), ..right }, "the head must have shape [V=10, 5]"),
    ];
    assert!(LanguageModel::new(lstm.clone(), packed.clone(), right).is_ok());
    for (parts, sentence) in cases {
        let error = LanguageModel::new(lstm.clone(), packed.clone(), parts).expect_err(sentence).to_string();
        assert!(error.starts_with(sentence), "{error:?} must begin with {sentence:?}");
    }
}
