//! The safetensors file format: arrays by name, nothing that runs.
//!
//! ```text
//! 8 bytes       N, little-endian
//! N bytes       JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}, and perhaps
//!               "__metadata__": {"key": "text", …}; spaces may fill it up
//! the rest      the arrays, one after another without holes, little-endian, in C order
//! ```
//!
//! A file is a stranger's bytes. So reading takes nothing on trust: every length is held against the file's own before
//! anything is allocated, each piece of the header has one form and no other, and what is kept of the header is less than
//! the header. What the `safetensors` package refuses is refused here; so are, beyond that, names that come twice, fields
//! that are not known, element types that numpy lacks (BF16 aside), and space before the opening brace.
//!
//! ```
//! use rustlstm::safetensors::{Dtype, Header, Source, write};
//!
//! let numbers: Vec<u8> = [1.0_f32, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
//! let source = Source { name: "bias", dtype: Dtype::F32, shape: &[2], data: &numbers };
//! let mut file = Vec::new();
//! write(&mut file, &[source], &[("made by", "hand")])?;
//!
//! let (header, data) = Header::of_file(&file)?;
//! let bias = header.get("bias").expect("it was written");
//! assert_eq!(bias.f32(data)?, [1.0, 2.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dtype;
mod header;
mod json;
mod write;

pub use dtype::Dtype;
pub use header::{Header, Tensor};
pub use write::{Source, header, write};

use crate::Error;

/// The longest header that is read or written, as in the `safetensors` package.
pub const MAX_HEADER: usize = 100_000_000;

/// The name that no tensor has, since the metadata stand under it.
const METADATA: &str = "__metadata__";

fn refuse<T>(place: impl Into<String>, problem: impl Into<String>) -> Result<T, Error> {
    Err(Error::File { place: place.into(), problem: problem.into() })
}
