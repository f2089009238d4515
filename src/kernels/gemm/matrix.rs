//! A packed right side in the precision in which it is kept, and the product with it.
//!
//! Batches go both ways through `f32` matrices; narrow ones are for the few rows of a stream, see `narrow`.

use super::multiply;
use super::narrow::{self, Left, Narrow};
use super::pack::Packed;
use crate::buffer::Shelf;
use crate::simd::{LANES, Level, Simd};
use crate::view::Grid;
use crate::{Error, half};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// In which numbers a matrix is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// As they came.
    F32,
    /// Half precision: eleven bits of each number, of size 65504 at most.
    F16,
    /// Whole numbers of 8 bits with a unit for each column, that is for each gate of each unit; what they multiply has up to
    /// 16 bits with a unit for each row.
    Int8,
}

impl Precision {
    /// All of them, the widest first.
    pub const ALL: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Int8];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::Int8 => "int8",
        }
    }

    /// The bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::F16 => 2,
            Precision::Int8 => 1,
        }
    }

    /// Checks that no finite one of `values` becomes infinite in silence.
    pub fn check(self, name: &str, values: &[f32]) -> Result<(), Error> {
        let lost = |value: f32| value.is_finite() && half::to_f32(half::from_f32(value)).is_infinite();
        match values.iter().find(|value| self == Precision::F16 && lost(**value)) {
            Some(value) => Err(Error::option(name, format!("within ±{} for weights of f16", half::MAX), value)),
            None => Ok(()),
        }
    }

    /// Checks that so many rows may be multiplied.
    pub fn check_rows(self, rows: usize) -> Result<(), Error> {
        let (most, name) = (self.most_rows(), self.name());
        if rows <= most {
            return Ok(());
        }
        Err(Error::option("batch_size", format!("at most {most} with weights of {name}"), rows))
    }

    /// The most rows that a product may have.
    pub fn most_rows(self) -> usize {
        if self == Precision::F32 { usize::MAX } else { narrow::MOST_ROWS }
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Precision, Error> {
        let found = Precision::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| Error::option("weights", r#""f32", "f16" or "int8""#, format!("{name:?}")))
    }
}

/// A packed right side.
#[derive(Debug)]
pub enum Matrix {
    /// Of `f32`.
    Full(Packed),
    /// Of less.
    Narrow(Narrow),
}

impl Matrix {
    /// As [`Packed::transposed`], in any precision.
    pub fn transposed(
        level: Level,
        precision: Precision,
        shelf: &Arc<Shelf>,
        source: &[f32],
        depth: usize,
        vectors: usize,
        row: impl Fn(usize) -> Option<usize> + Sync,
    ) -> Self {
        match precision {
            Precision::F32 => Matrix::Full(Packed::transposed(level, shelf, source, depth, vectors, row)),
            Precision::F16 => Matrix::Narrow(Narrow::halves(source, depth, vectors, row)),
            Precision::Int8 => Matrix::Narrow(Narrow::bytes(source, depth, vectors, row)),
        }
    }

    /// The matrix of `f32`.
    ///
    /// # Panics
    /// When it is narrow.
    pub fn full(&self) -> &Packed {
        match self {
            Matrix::Full(packed) => packed,
            Matrix::Narrow(_) => panic!("batches are for matrices of f32"),
        }
    }

    /// The operand of products.
    pub fn right(&self) -> Right<'_> {
        match self {
            Matrix::Full(packed) => Right::Full(packed),
            Matrix::Narrow(narrow) => Right::Narrow(narrow),
        }
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Matrix::Full(packed) => size_of_val(&packed.data[..]),
            Matrix::Narrow(narrow) => narrow.size(),
        }
    }
}

/// The right side of a product.
#[derive(Clone, Copy)]
pub enum Right<'a> {
    /// Of `f32`.
    Full(&'a Packed),
    /// Of less.
    Narrow(&'a Narrow),
}

impl<'a> Right<'a> {
    /// Floats of room that each row of a left side needs.
    pub fn room(self) -> usize {
        match self {
            Right::Full(_) => 0,
            Right::Narrow(narrow) => narrow.room(),
        }
    }

    /// The left side of any number of products with this right side; it may be made in `room`.
    ///
    /// # Panics
    /// When a grid is too small.
    #[inline(always)]
    pub fn left<S: Simd>(self, s: S, rows: usize, left: Grid<'a>, room: Grid<'a>) -> Left<'a> {
        match self {
            Right::Full(_) => Left::floats(left),
            Right::Narrow(narrow) => narrow.left(s, rows, left, room),
        }
    }

    /// `out[r][v] = init[r][v] + sum over k of left[r][k] * right[k][first + v]` for `rows` rows and the vectors in
    /// `vectors`, counted from panel `first` of the level on, where `left` was made for this right side. `init` and `out`
    /// may be the same grid.
    ///
    /// # Panics
    /// When an operand is too small, or a narrow right side is given more rows than it takes.
    #[inline(always)]
    pub fn multiply<S: Simd>(
        self,
        s: S,
        rows: usize,
        left: Left<'_>,
        first: usize,
        vectors: Range<usize>,
        init: Grid<'_>,
        out: Grid<'_>,
    ) {
        match self {
            Right::Full(packed) => {
                multiply(s, rows, packed.depth, left.rows(), packed.grid().panels(first), vectors, init, out);
            }
            Right::Narrow(narrow) => narrow.multiply(s, rows, left, first * S::PANEL / LANES, vectors, init, out),
        }
    }
}
