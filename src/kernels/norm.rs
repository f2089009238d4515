//! Layer normalisation of the gates: each row of `4 H` values to mean 0 and variance 1, then a gain.
//!
//! ```text
//! forward   x̂ = (x - mean) r,  r = 1 / sqrt(var + ε);  out = x̂ gain + init
//! backward  d̂ = dz gain;  dx = r (d̂ - mean(d̂) - x̂ mean(d̂ x̂))
//! ```
//!
//! Rows lie in vectors `4 unit + gate`; the lanes behind the last unit are not part of the row, and come out as zeros.

use crate::simd::{LANES, Simd};
use crate::view::Grid;

/// Keeps the square root away from zero, as torch does.
pub const EPSILON: f32 = 1e-5;

/// The shape of a row.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Rows.
    pub rows: usize,
    /// `H`; a row has `4 H` values.
    pub hidden: usize,
}

impl Shape {
    fn vectors(self) -> usize {
        4 * self.hidden.div_ceil(LANES)
    }

    /// One in the lanes of vector `v` that belong to the row.
    #[inline(always)]
    fn valid<S: Simd>(self, s: S, v: usize) -> S::V {
        let left = self.hidden - v / 4 * LANES;
        if left >= LANES {
            s.splat(1.0)
        } else {
            s.from_array(std::array::from_fn(|lane| if lane < left { 1.0 } else { 0.0 }))
        }
    }

    #[inline(always)]
    fn mean<S: Simd>(self, s: S, sum: S::V) -> f32 {
        s.sum(sum) / (4 * self.hidden) as f32
    }
}

/// `out = x̂ gain + init`; `kept` receives x̂ and `scale` its r, sixteen times, where they are asked for.
#[inline(always)]
pub fn forward<S: Simd>(
    s: S,
    shape: Shape,
    x: Grid<'_>,
    gain: Grid<'_>,
    init: Grid<'_>,
    out: Grid<'_>,
    kept: Option<(Grid<'_>, Grid<'_>)>,
) {
    let n = S::PANEL / LANES;
    let vectors = shape.vectors();
    for grid in [x, init, out] {
        grid.check(n, shape.rows, vectors);
    }
    gain.check(n, 1, vectors);
    if let Some((normal, scale)) = kept {
        normal.check(n, shape.rows, vectors);
        scale.check(n, shape.rows, 1);
    }
    for row in 0..shape.rows {
        // SAFETY: the grids were checked for these rows and vectors above.
        unsafe {
            let mut sum = s.splat(0.0);
            for v in 0..vectors {
                sum = s.fma(s.load(x.at(n, row, v)), shape.valid(s, v), sum);
            }
            let mean = s.splat(shape.mean(s, sum));
            let mut squares = s.splat(0.0);
            for v in 0..vectors {
                let d = s.mul(s.sub(s.load(x.at(n, row, v)), mean), shape.valid(s, v));
                squares = s.fma(d, d, squares);
            }
            let scale = s.splat(1.0 / (shape.mean(s, squares) + EPSILON).sqrt());
            for v in 0..vectors {
                let d = s.mul(s.sub(s.load(x.at(n, row, v)), mean), shape.valid(s, v));
                let normal = s.mul(d, scale);
                if let Some((kept, _)) = kept {
                    s.store(kept.at(n, row, v), normal);
                }
                s.store(out.at(n, row, v), s.fma(normal, s.load(gain.at(n, 0, v)), s.load(init.at(n, row, v))));
            }
            if let Some((_, kept)) = kept {
                s.store(kept.at(n, row, 0), scale);
            }
        }
    }
}

/// `dx` from `dz`, with what forward kept.
#[inline(always)]
pub fn backward<S: Simd>(
    s: S,
    shape: Shape,
    dz: Grid<'_>,
    gain: Grid<'_>,
    (normal, scale): (Grid<'_>, Grid<'_>),
    dx: Grid<'_>,
) {
    let n = S::PANEL / LANES;
    let vectors = shape.vectors();
    for grid in [dz, normal, dx] {
        grid.check(n, shape.rows, vectors);
    }
    gain.check(n, 1, vectors);
    scale.check(n, shape.rows, 1);
    for row in 0..shape.rows {
        // SAFETY: the grids were checked for these rows and vectors above.
        unsafe {
            let (mut sum, mut product) = (s.splat(0.0), s.splat(0.0));
            for v in 0..vectors {
                let d = s.mul(s.load(dz.at(n, row, v)), s.load(gain.at(n, 0, v)));
                sum = s.add(sum, d);
                product = s.fma(d, s.load(normal.at(n, row, v)), product);
            }
            let (mean, along) = (s.splat(shape.mean(s, sum)), s.splat(shape.mean(s, product)));
            let scale = s.load(scale.at(n, row, 0));
            for v in 0..vectors {
                let d = s.mul(s.load(dz.at(n, row, v)), s.load(gain.at(n, 0, v)));
                let rest = s.fnma(s.load(normal.at(n, row, v)), along, s.sub(d, mean));
                s.store(dx.at(n, row, v), s.mul(s.mul(rest, scale), shape.valid(s, v)));
            }
        }
    }
}
