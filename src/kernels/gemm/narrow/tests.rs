//! Narrow products of every shape against plain loops.

use super::super::pack::panel;
use super::left::quantise;
use super::*;
use crate::rng;
use crate::simd::{Level, dispatch};

/// A product whose columns from vector `first` on are asked for.
struct Wanted<'a> {
    rows: usize,
    left: Grid<'a>,
    room: Grid<'a>,
    right: &'a Narrow,
    first: usize,
    init: Grid<'a>,
    out: Grid<'a>,
}

impl Kernel for Wanted<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let vectors = 0..self.right.vectors - self.first;
        let left = self.right.left(s, self.rows, self.left, self.room);
        self.right.multiply(s, self.rows, left, self.first, vectors, self.init, self.out);
    }
}

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut draws = rng::Stream::new(seed, 0);
    (0..n).map(|_| 2.0 * draws.uniform() - 1.0).collect()
}

/// Weights `[columns, depth]`, a left side `[rows, depth]` and a bias.
struct Case {
    rows: usize,
    depth: usize,
    columns: usize,
    weights: Vec<f32>,
    left: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    fn new(rows: usize, depth: usize, columns: usize) -> Case {
        let (weights, left) = (numbers(columns * depth, 1), numbers(rows * depth, 2));
        Case { rows, depth, columns, weights, left, bias: numbers(columns, 3) }
    }

    /// As halves or whole numbers.
    fn packed(&self, whole: bool) -> Narrow {
        let (vectors, row) = (self.columns.div_ceil(LANES), |c| (c < self.columns).then_some(c));
        let pack = if whole { Narrow::bytes } else { Narrow::halves };
        pack(&self.weights, self.depth, vectors, row)
    }

    /// The product `[rows, columns]`, from the first column of vector `first` on.
    fn product(&self, level: Level, right: &Narrow, first: usize) -> Vec<f32> {
        let (p, skipped) = (panel(level), first * LANES);
        // Rows lie further apart than they are long, and what is between is poison.
        let (row, width) = (self.depth + 3, (right.vectors * LANES).next_multiple_of(64));
        let mut left = vec![f32::NAN; self.rows * row];
        for (to, from) in left.chunks_mut(row).zip(self.left.chunks(self.depth)) {
            to[..self.depth].copy_from_slice(from);
        }
        let mut bias = vec![0.0; width];
        bias[..self.columns - skipped].copy_from_slice(&self.bias[skipped..]);
        let (mut out, mut room) = (vec![f32::NAN; self.rows * width], vec![f32::NAN; self.rows * row]);
        // SAFETY: one worker only.
        let (left, room, init, to) = unsafe {
            let init = Grid::read(&bias, 0, p);
            (Grid::read(&left, row, p), Grid::new(&mut room, row, p), init, Grid::new(&mut out, width, p))
        };
        dispatch(level, Wanted { rows: self.rows, left, room, right, first, init, out: to });
        out.chunks(width).flat_map(|row| &row[..self.columns - skipped]).copied().collect()
    }

    /// The sums of `term(row, column)`, from the first column of vector `first` on.
    fn each(&self, first: usize, element: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let columns = first * LANES..self.columns;
        (0..self.rows).flat_map(|r| columns.clone().map(move |c| (r, c))).map(|(r, c)| element(r, c)).collect()
    }

    fn halves(&self, level: Level, first: usize) -> Vec<f32> {
        self.each(first, |r, c| {
            let weights = self.weights[c * self.depth..][..self.depth].iter().map(|w| half::to_f32(half::from_f32(*w)));
            let pairs = self.left[r * self.depth..].iter().zip(weights);
            pairs.fold(self.bias[c], |sum, (x, w)| if level.fused() { x.mul_add(w, sum) } else { x * w + sum })
        })
    }

    /// The same for whole numbers, whatever the level. Nothing may exceed 32 bits on the way.
    fn whole(&self, limit: f32, first: usize) -> Vec<f32> {
        let quantised = |from: &[f32], limit: f32| {
            let mut to = vec![0; from.len()];
            (quantise(from, limit, &mut to), to)
        };
        let columns: Vec<_> = self.weights.chunks(self.depth).map(|column| quantised(column, LARGEST)).collect();
        let rows: Vec<_> = self.left.chunks(self.depth).map(|row| quantised(row, limit)).collect();
        self.each(first, |r, c| {
            let ((u, p), (v, q)) = (&rows[r], &columns[c]);
            let terms = p.iter().zip(q).map(|(p, q)| i32::from(*p) * i32::from(*q));
            assert!(terms.clone().map(|term| i64::from(term).abs()).sum::<i64>() <= i64::from(i32::MAX));
            self.bias[c] + terms.sum::<i32>() as f32 * (v * u)
        })
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() }).collect()
}

const SHAPES: [(usize, usize); 8] = [(1, 1), (2, 16), (5, 48), (17, 33), (64, 64), (101, 100), (300, 130), (4096, 20)];

#[test]
fn halves_of_any_shape_are_one_chain_per_element() {
    for level in Level::available() {
        for rows in 1..=MOST_ROWS {
            for (depth, columns) in SHAPES {
                let case = Case::new(rows, depth, columns);
                let right = case.packed(false);
                for first in (0..columns.div_ceil(LANES)).step_by(panel(level) / LANES) {
                    let (got, expected) = (case.product(level, &right, first), case.halves(level, first));
                    let what = format!("{} {rows}x{depth}x{columns} from {first}", level.name());
                    assert_eq!(bits(&got), bits(&expected), "{what}");
                }
            }
        }
    }
}

#[test]
fn whole_numbers_of_any_shape_are_summed_exactly() {
    for rows in 1..=MOST_ROWS {
        for (depth, columns) in SHAPES {
            let case = Case::new(rows, depth, columns);
            let right = case.packed(true);
            let limit = right.units.as_ref().expect("whole numbers").limit;
            for level in Level::available() {
                for first in (0..columns.div_ceil(LANES)).step_by(panel(level) / LANES) {
                    let (got, expected) = (case.product(level, &right, first), case.whole(limit, first));
                    let what = format!("{} {rows}x{depth}x{columns} from {first}", level.name());
                    assert_eq!(bits(&got), bits(&expected), "{what}");
                }
            }
        }
    }
}

#[test]
fn the_largest_sums_fit_in_32_bits() {
    for depth in [1, 2, 515, 516, 517, 1000, 4096, 20000] {
        for sign in [1.0, -1.0] {
            let mut case = Case::new(1, depth, 3);
            case.weights.fill(3.0);
            case.left.fill(7.0 * sign);
            case.bias.fill(0.0);
            let right = case.packed(true);
            let limit = right.units.as_ref().expect("whole numbers").limit;
            // No bit is given away without need.
            let room = i32::MAX as usize / (127 * depth);
            assert_eq!(limit, room.min(32767) as f32, "{depth}");
            for level in Level::available() {
                for got in case.product(level, &right, 0) {
                    let expected = 21.0 * sign * depth as f32;
                    assert!((got - expected).abs() <= 1e-6 * expected.abs(), "{depth} {}: {got}", level.name());
                }
            }
        }
    }
}

#[test]
fn the_nearest_multiples_of_a_unit_are_taken() {
    for (seed, limit, size) in
        [(1, 127.0, 1.0), (2, 32767.0, 1e-3), (3, 4128.0, 1e30), (4, 255.0, 1e-37), (5, 1.0, 3.0)]
    {
        let from: Vec<f32> = numbers(1000, seed).iter().map(|x| x * size).collect();
        let mut to = vec![0; from.len()];
        let unit = quantise(&from, limit, &mut to);
        for (x, p) in from.iter().zip(&to) {
            let off = (f64::from(*x) - f64::from(unit) * f64::from(*p)).abs();
            // The quotient is rounded before it is.
            assert!(off <= (0.5 + 1e-7 * f64::from(limit)) * f64::from(unit), "{x:e} as {p} units of {unit:e}");
        }
        let most = to.iter().map(|p| p.unsigned_abs()).max();
        let expected = if size < 1e-30 { 0 } else { limit as u16 };
        assert_eq!(most, Some(expected), "the largest takes the whole range");
    }
    let mut to = [7; 2];
    assert!(quantise(&[0.0, -0.0], 127.0, &mut to) > 0.0);
    assert_eq!(to, [0, 0]);
}

#[test]
fn what_is_not_finite_is_not_hidden() {
    for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for level in Level::available() {
            let mut case = Case::new(3, 21, 40);
            case.left[21 + 7] = bad;
            case.weights[5 * 21 + 20] = bad;
            for whole in [false, true] {
                let got = case.product(level, &case.packed(whole), 0);
                for (at, got) in got.iter().enumerate() {
                    let clean = at / 40 != 1 && at % 40 != 5;
                    assert_eq!(got.is_finite(), clean, "{bad} {} {at}: {got}", level.name());
                    assert!(clean || !whole || got.is_nan(), "{bad} {} {at}: {got}", level.name());
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "a narrow product of 9 rows")]
fn more_rows_than_there_may_be_are_refused() {
    let case = Case::new(9, 4, 16);
    case.product(Level::Scalar, &case.packed(false), 0);
}

#[test]
#[should_panic(expected = "a product was given")]
fn a_short_left_side_is_refused() {
    let right = Case::new(1, 8, 16).packed(false);
    let (left, mut out) = ([0.0; 7], [0.0; 16]);
    // SAFETY: one worker only.
    let (left, to) = unsafe { (Grid::read(&left, 8, 16), Grid::new(&mut out, 16, 16)) };
    dispatch(Level::Scalar, Wanted { rows: 1, left, room: left, right: &right, first: 0, init: to, out: to });
}
