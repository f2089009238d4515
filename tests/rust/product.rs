//! Products of matrices against one chain of multiply-adds for each element, by bits: any shape, transposed or not, any
//! start, some rows only, every level and number of threads.

use crate::support::{Rng, bits, report};
use rustlstm::kernels::product::{Matrix, Product, Start};
use rustlstm::simd::Level;
use rustlstm::threads;
use rustlstm::view::Runs;

/// One product with its operands as they lie in memory.
#[derive(Debug)]
struct Case {
    items: usize,
    rows: usize,
    depth: usize,
    columns: usize,
    shared: [bool; 2],
    turned: [bool; 2],
    start: usize,
    rows_of: Option<(Vec<usize>, usize)>,
    depth_of: Option<(Vec<usize>, usize)>,
}

/// Random numbers, with NaN where nobody may look: they would show in every sum that they entered.
struct Data {
    left: Vec<f32>,
    right: Vec<f32>,
    bias: Vec<f32>,
    before: Vec<f32>,
}

impl Case {
    fn random(rng: &mut Rng, sizes: &[usize]) -> Case {
        let [mut rows, mut depth, columns] = [rng.pick(sizes), rng.pick(sizes), rng.pick(sizes)];
        let [rows_of, depth_of] = [&mut rows, &mut depth].map(|extent| {
            let (batch, time) = (1 + rng.below(5), 1 + *extent / 4);
            let lengths = (0..batch).map(|_| [0, time / 2, time, rng.below(time + 1)][rng.below(4)]).collect();
            rng.chance(0.3).then(|| {
                *extent = batch * time;
                (lengths, time)
            })
        });
        let items = rng.pick(&[0, 1, 1, 1, 2, 5]);
        let mut coin = || rng.chance(0.5);
        let (shared, turned) = ([coin(), coin()], [coin(), coin()]);
        Case { items, rows, depth, columns, shared, turned, start: rng.below(3), rows_of, depth_of }
    }

    fn runs(of: &Option<(Vec<usize>, usize)>, extent: usize) -> Runs {
        of.as_ref().map_or_else(|| Runs::all(extent), |(lengths, time)| Runs::ragged(lengths, *time))
    }

    fn valid(of: &Option<(Vec<usize>, usize)>, at: usize) -> bool {
        of.as_ref().is_none_or(|(lengths, time)| at % time < lengths[at / time])
    }

    /// Where element `(row, column)` of a side is.
    fn at(&self, side: usize, item: usize, row: usize, column: usize) -> usize {
        let [rows, columns] = [[self.rows, self.depth], [self.depth, self.columns]][side];
        let item = if self.shared[side] { 0 } else { item };
        item * rows * columns + if self.turned[side] { column * rows + row } else { row * columns + column }
    }

    fn data(&self, rng: &mut Rng) -> Data {
        let [left_items, right_items] = self.shared.map(|shared| if shared { 1 } else { self.items });
        let mut left = rng.fill(left_items * self.rows * self.depth, -1.0, 1.0);
        let mut right = rng.fill(right_items * self.depth * self.columns, -1.0, 1.0);
        for k in (0..self.depth).filter(|k| !Case::valid(&self.depth_of, *k)) {
            (0..left_items).for_each(|i| (0..self.rows).for_each(|r| left[self.at(0, i, r, k)] = f32::NAN));
            (0..right_items).for_each(|i| (0..self.columns).for_each(|c| right[self.at(1, i, k, c)] = f32::NAN));
        }
        let (bias, before) =
            (rng.fill(self.columns, -1.0, 1.0), rng.fill(self.items * self.rows * self.columns, -1.0, 1.0));
        Data { left, right, bias, before }
    }

    fn fast(&self, level: Level, data: &Data) -> Vec<f32> {
        let items = self.shared.map(|shared| if shared { 1 } else { self.items });
        let side = |side: usize, values, shape: [usize; 2]| {
            let turned = self.turned[side];
            let [rows, columns] = if turned { [shape[1], shape[0]] } else { shape };
            let matrix = Matrix::new(values, [items[side], rows, columns]);
            if turned { matrix.turned() } else { matrix }
        };
        let left = side(0, &data.left, [self.rows, self.depth]);
        let right = side(1, &data.right, [self.depth, self.columns]);
        let start = [Start::Zero, Start::Row(&data.bias), Start::Out][self.start];
        let product = Product::new(left, right).start(start);
        let product = product.rows(Case::runs(&self.rows_of, self.rows)).depth(Case::runs(&self.depth_of, self.depth));
        let mut out = data.before.clone();
        product.compute(level, self.items, &mut out);
        out
    }

    fn slow(&self, fused: bool, data: &Data) -> Vec<f32> {
        let mut out = data.before.clone();
        for item in 0..self.items {
            for row in (0..self.rows).filter(|row| Case::valid(&self.rows_of, *row)) {
                for column in 0..self.columns {
                    let to = &mut out[(item * self.rows + row) * self.columns + column];
                    let mut sum = [0.0, data.bias[column], *to][self.start];
                    for k in (0..self.depth).filter(|k| Case::valid(&self.depth_of, *k)) {
                        let (a, b) = (data.left[self.at(0, item, row, k)], data.right[self.at(1, item, k, column)]);
                        sum = if fused { a.mul_add(b, sum) } else { a * b + sum };
                    }
                    *to = sum;
                }
            }
        }
        out
    }
}

#[test]
fn every_product_is_one_chain_per_element() {
    let mut rng = Rng::new(11);
    let mut failures = Vec::new();
    let small = [0, 1, 2, 5, 15, 16, 17, 33, 64, 65];
    let large = [1, 7, 97, 128, 200, 513, 600];
    let cases = 300;
    for number in 0..cases {
        let case = Case::random(&mut rng, if number % 10 == 0 { &large } else { &small });
        let data = case.data(&mut rng);
        let slow = [false, true].map(|fused| bits(&case.slow(fused, &data)));
        for level in Level::available() {
            for count in [1, 2, 4] {
                threads::set_num_threads(count).expect("a number of threads");
                if bits(&case.fast(level, &data)) != slow[usize::from(level.fused())] {
                    failures.push(format!("{} {count} threads: {case:?}", level.name()));
                }
            }
        }
    }
    report("products", cases, &failures);
}

#[test]
fn runs_number_the_valid_rows() {
    let cases: [(&[usize], usize); 6] =
        [(&[], 3), (&[0, 0], 2), (&[3, 3, 1], 3), (&[0, 2, 0, 4, 4, 1], 4), (&[1], 5), (&[0], 0)];
    for (lengths, time) in cases {
        let valid: Vec<usize> =
            lengths.iter().enumerate().flat_map(|(b, length)| (0..*length).map(move |t| b * time + t)).collect();
        let runs = Runs::ragged(lengths, time);
        assert_eq!((runs.total(), runs.end()), (valid.len(), valid.last().map_or(0, |row| row + 1)));
        for from in 0..valid.len() {
            for to in from + 1..=valid.len() {
                let (first, length) = runs.piece(from, to);
                assert!(length >= 1 && from + length <= to, "{lengths:?} {from}..{to}");
                assert!(
                    (0..length).all(|i| valid[from + i] == first + i),
                    "{lengths:?} {from}..{to}: {first} {length}"
                );
                assert!(from + length == to || valid[from + length] > first + length, "the longest piece");
            }
        }
        assert!(!runs.is_one() || valid.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lengths:?}");
    }
}
