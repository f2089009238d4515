//! Products of every shape against one chain per element.

use super::pack::{Packed, panel};
use super::*;
use crate::buffer::Shelf;
use crate::simd::{Level, dispatch};

struct Product<'a> {
    rows: usize,
    depth: usize,
    left: Grid<'a>,
    right: &'a Packed,
    init: Grid<'a>,
    out: Grid<'a>,
}

impl Kernel for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        multiply(s, self.rows, self.depth, self.left, self.right.grid(), 0..self.right.vectors, self.init, self.out);
    }
}

fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

#[test]
fn every_shape_is_one_chain_per_element() {
    for level in Level::available() {
        let p = panel(level);
        let mut shapes = Vec::new();
        for rows in (1..=14).chain([25, 64]) {
            for (depth, columns) in [(1, 1), (5, 16), (17, 33), (64, 64), (300, 100), (513, 130)] {
                shapes.push((rows, depth, columns));
            }
        }
        for (rows, depth, columns) in shapes {
            for packed_left in [false, true] {
                let a = numbers(rows * depth, 1);
                let b = numbers(depth * columns, 2);
                let vectors = columns.div_ceil(LANES);
                let right = Packed::straight(level, &Shelf::new(), &b, depth, columns, Some);
                let (left_row, left_panel) = if packed_left { (p, rows * p) } else { (depth, p) };
                let mut left = vec![f32::NAN; rows * depth.next_multiple_of(p)];
                for r in 0..rows {
                    for k in 0..depth {
                        let at = if packed_left { k / p * left_panel + r * p + k % p } else { r * depth + k };
                        left[at] = a[r * depth + k];
                    }
                }
                let width = (vectors * LANES).next_multiple_of(p);
                let bias = numbers(width, 3);
                let mut out = vec![f32::NAN; rows * width];
                // SAFETY: one worker only.
                let (left, init, to) = unsafe {
                    (Grid::read(&left, left_row, left_panel), Grid::read(&bias, 0, p), Grid::new(&mut out, width, p))
                };
                dispatch(level, Product { rows, depth, left, right: &right, init, out: to });
                for r in 0..rows {
                    for c in 0..columns {
                        let mut sum = bias[c];
                        for k in 0..depth {
                            let (x, y) = (a[r * depth + k], b[k * columns + c]);
                            sum = if level.fused() { x.mul_add(y, sum) } else { x * y + sum };
                        }
                        let got = out[r * width + c];
                        assert_eq!(
                            got.to_bits(),
                            sum.to_bits(),
                            "{} {rows}x{depth}x{columns} at {r},{c}: {got} {sum}",
                            level.name()
                        );
                    }
                }
            }
        }
    }
}

struct TurnedProduct<'a> {
    rows: usize,
    left: (Grid<'a>, usize),
    right: &'a Packed,
    out: Grid<'a>,
}

impl Kernel for TurnedProduct<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (depth, vectors) = (self.right.depth, self.right.vectors);
        multiply_turned(s, self.rows, depth, self.left, self.right.grid(), 0..vectors, self.out, self.out);
    }
}

#[test]
fn a_turned_left_side_is_met_from_its_last_row_on() {
    for level in Level::available() {
        let p = panel(level);
        for rows in 1..=LANES {
            for (depth, columns, vector) in [(1, 1, 0), (5, 33, 3), (130, 100, 5)] {
                let a = numbers(depth * (vector + 1) * LANES, 1);
                let b = numbers(depth * columns, 2);
                let left = Packed::straight(level, &Shelf::new(), &a, depth, (vector + 1) * LANES, Some);
                let right = Packed::straight(level, &Shelf::new(), &b, depth, columns, Some);
                let width = (right.vectors * LANES).next_multiple_of(p);
                let begin = numbers(rows * width, 3);
                let mut out = begin.clone();
                // SAFETY: one worker only.
                let to = unsafe { Grid::new(&mut out, width, p) };
                dispatch(level, TurnedProduct { rows, left: (left.grid(), vector), right: &right, out: to });
                for r in 0..rows {
                    for c in 0..columns {
                        let mut sum = begin[r * width + c];
                        for k in 0..depth {
                            let x = a[(depth - 1 - k) * (vector + 1) * LANES + vector * LANES + r];
                            let y = b[k * columns + c];
                            sum = if level.fused() { x.mul_add(y, sum) } else { x * y + sum };
                        }
                        let got = out[r * width + c];
                        assert_eq!(got.to_bits(), sum.to_bits(), "{} {rows}x{depth} at {r},{c}", level.name());
                    }
                }
            }
        }
    }
}

#[test]
fn both_ways_of_packing_agree() {
    for level in Level::available() {
        let (depth, columns) = (70, 37);
        let b = numbers(depth * columns, 2);
        let mut turned = vec![0.0; b.len()];
        for k in 0..depth {
            for c in 0..columns {
                turned[c * depth + k] = b[k * columns + c];
            }
        }
        let straight = Packed::straight(level, &Shelf::new(), &b, depth, columns, Some);
        let transposed = Packed::transposed(level, &Shelf::new(), &turned, depth, columns.div_ceil(LANES), |c| {
            (c < columns).then_some(c)
        });
        assert_eq!(straight.data[..], transposed.data[..], "{}", level.name());
        // Turned twice it is itself, with rows of zeros behind what filled up the last vector.
        let turned = straight.turned(level);
        assert_eq!((turned.depth, turned.vectors), (columns.next_multiple_of(LANES), depth.div_ceil(LANES)));
        for (k, c) in [(0, 0), (1, 3), (depth - 1, columns - 1), (33, 17)] {
            let p = panel(level);
            let value = turned.data[(k / p * turned.depth + c) * p + k % p];
            assert_eq!(value, b[k * columns + c], "{} at {k},{c}", level.name());
        }
    }
}

#[test]
#[should_panic(expected = "a product was given")]
fn a_short_operand_is_refused() {
    let right = Packed::straight(Level::Scalar, &Shelf::new(), &[1.0; 64], 4, 16, Some);
    let (left, mut out) = ([0.0; 7], [0.0; 32]);
    // SAFETY: one worker only.
    let (left, to) = unsafe { (Grid::read(&left, 4, 16), Grid::new(&mut out, 16, 16)) };
    dispatch(Level::Scalar, Product { rows: 2, depth: 4, left, right: &right, init: to, out: to });
}
