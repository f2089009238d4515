//! Sixteen lines of sixteen numbers, turned.

use crate::simd::LANES;

/// The transpose of up to sixteen lines of up to sixteen values, zeros elsewhere. Matrices are turned by such squares:
/// both sides are read and written by whole cache lines, and the place where values are strewn stays in a corner of the
/// first-level cache.
#[inline(always)]
pub fn square<'a>(lines: usize, line: impl Fn(usize) -> &'a [f32]) -> [[f32; LANES]; LANES] {
    let mut square = [[0.0; LANES]; LANES];
    for i in 0..lines {
        for (row, &value) in square.iter_mut().zip(line(i)) {
            row[i] = value;
        }
    }
    square
}
