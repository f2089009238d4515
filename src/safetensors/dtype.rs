//! Element types, and how each becomes `f32`.

use super::refuse;
use crate::{Error, half};

/// The type of a tensor's elements; ordered as the `safetensors` package orders them in a file, which is the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are those of the format
pub enum Dtype {
    Bool,
    U8,
    I8,
    I16,
    U16,
    F16,
    Bf16,
    I32,
    U32,
    F32,
    F64,
    I64,
    U64,
}

impl Dtype {
    /// All of them.
    pub const ALL: [Dtype; 13] = {
        use Dtype::*;
        [Bool, U8, I8, I16, U16, F16, Bf16, I32, U32, F32, F64, I64, U64]
    };

    /// The name in the header.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::Bool => "BOOL",
            Dtype::U8 => "U8",
            Dtype::I8 => "I8",
            Dtype::I16 => "I16",
            Dtype::U16 => "U16",
            Dtype::F16 => "F16",
            Dtype::Bf16 => "BF16",
            Dtype::I32 => "I32",
            Dtype::U32 => "U32",
            Dtype::F32 => "F32",
            Dtype::F64 => "F64",
            Dtype::I64 => "I64",
            Dtype::U64 => "U64",
        }
    }

    /// The type with this name in the header.
    pub fn named(name: &str) -> Option<Dtype> {
        Dtype::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// The bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Dtype::Bool | Dtype::U8 | Dtype::I8 => 1,
            Dtype::I16 | Dtype::U16 | Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::I32 | Dtype::U32 | Dtype::F32 => 4,
            Dtype::F64 | Dtype::I64 | Dtype::U64 => 8,
        }
    }

    /// The bytes of a tensor of this shape, or nothing if they cannot be counted.
    ///
    /// Extents are multiplied from the first on, as the `safetensors` package does: a zero excuses only what follows it.
    pub fn bytes(self, shape: impl IntoIterator<Item = usize>) -> Option<usize> {
        // That package counts bits, so the last three of the count must be free.
        let bits = shape.into_iter().try_fold(1, usize::checked_mul)?.checked_mul(8 * self.size())?;
        Some(bits / 8)
    }
}

/// `data` as floats, exactly where `f32` can hold the number and rounded to the nearest where it cannot.
pub(super) fn to_f32(name: &str, dtype: Dtype, data: &[u8]) -> Result<Vec<f32>, Error> {
    match dtype {
        Dtype::F32 => Ok(convert(data, f32::from_le_bytes)),
        Dtype::F16 => Ok(convert(data, |bytes| half::to_f32(u16::from_le_bytes(bytes)))),
        Dtype::Bf16 => Ok(convert(data, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16))),
        Dtype::F64 => {
            let values = convert(data, |bytes| f64::from_le_bytes(bytes) as f32);
            // A finite double beyond the range must not silently become infinite.
            let doubles = data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
            match doubles.zip(&values).find(|(double, value)| double.is_finite() && value.is_infinite()) {
                Some((double, _)) => {
                    refuse(format!("tensor {name:?}"), format!("{double:e} is beyond the range of f32"))
                }
                None => Ok(values),
            }
        }
        other => refuse(format!("tensor {name:?}"), format!("has dtype {}, not one of floats", other.name())),
    }
}

fn convert<const SIZE: usize>(data: &[u8], number: impl Fn([u8; SIZE]) -> f32) -> Vec<f32> {
    data.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
}
