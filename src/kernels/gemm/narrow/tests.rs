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

    /// The product `[rows, columns]`; the columns before vector `first` are not asked for, and are zeros.
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
        let mut whole = vec![0.0; self.rows * self.columns];
        for (to, from) in whole.chunks_mut(self.columns).zip(out.chunks(width)) {
            to[skipped..].copy_from_slice(&from[..self.columns - skipped]);
        }
        whole
    }

    /// The product by a plain loop, from what each element of it is.
    fn plain(&self, element: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let columns = 0..self.columns;
        (0..self.rows).flat_map(|r| columns.clone().map(move |c| (r, c))).map(|(r, c)| element(r, c)).collect()
    }

    fn halves(&self, fused: bool) -> Vec<f32> {
        let rounded: Vec<f32> = self.weights.iter().map(|w| half::to_f32(half::from_f32(*w))).collect();
        self.plain(|r, c| {
            let pairs = self.left[r * self.depth..].iter().zip(&rounded[c * self.depth..][..self.depth]);
            pairs.fold(self.bias[c], |sum, (x, w)| if fused { x.mul_add(*w, sum) } else { x * w + sum })
        })
    }

    /// The same of whole numbers, whatever the level. Nothing may exceed 32 bits on the way.
    fn whole(&self, limit: f32) -> Vec<f32> {
        let quantised = |from: &[f32], limit: f32| {
            let mut to = vec![0; from.len()];
            (quantise(from, limit, &mut to), to)
        };
        let columns: Vec<_> = self.weights.chunks(self.depth).map(|column| quantised(column, LARGEST)).collect();
        let rows: Vec<_> = self.left.chunks(self.depth).map(|row| quantised(row, limit)).collect();
        self.plain(|r, c| {
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

/// Cases of any shape, and where the columns that are asked for begin.
fn each(level: Level, check: impl Fn(&Case, usize)) {
    for (depth, columns) in [(1, 1), (2, 16), (5, 48), (17, 33), (64, 64), (101, 100), (300, 130), (4096, 20)] {
        // An emulated machine takes its time.
        for rows in (1..=MOST_ROWS).filter(|rows| depth < 300 || [1, 7].contains(rows)) {
            let case = Case::new(rows, depth, columns);
            let last = (columns - 1) / panel(level) * panel(level) / LANES;
            for first in [0, last] {
                check(&case, first);
            }
        }
    }
}

/// Fails where the columns from vector `first` on differ in a bit.
fn same(case: &Case, level: Level, first: usize, got: &[f32], expected: &[f32]) {
    for (r, (got, expected)) in got.chunks(case.columns).zip(expected.chunks(case.columns)).enumerate() {
        let what = format!("{} {}x{}x{} row {r} from {first}", level.name(), case.rows, case.depth, case.columns);
        assert_eq!(bits(&got[first * LANES..]), bits(&expected[first * LANES..]), "{what}");
    }
}

#[test]
fn halves_of_any_shape_are_one_chain_per_element() {
    for level in Level::available() {
        each(level, |case, first| {
            same(case, level, first, &case.product(level, &case.packed(false), first), &case.halves(level.fused()));
        });
    }
}

#[test]
fn whole_numbers_of_any_shape_are_summed_exactly() {
    for level in Level::available() {
        each(level, |case, first| {
            let right = case.packed(true);
            let limit = right.units.as_ref().expect("whole numbers").limit;
            same(case, level, first, &case.product(level, &right, first), &case.whole(limit));
        });
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
