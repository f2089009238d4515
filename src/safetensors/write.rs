//! Writing: the same bytes that the `safetensors` package writes for the same tensors (with at most one metadata entry,
//! since it has no order for more).

use super::{Dtype, MAX_HEADER, METADATA, refuse};
use crate::Error;
use std::fmt::Write as _;
use std::io;

/// The header is filled up with spaces to a multiple of this, so that every element is aligned in the file.
const ALIGNMENT: usize = 8;

/// A tensor to write.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its extents.
    pub shape: &'a [usize],
    /// Its elements, little-endian and in C order.
    pub data: &'a [u8],
}

/// Writes a file: header and data. Metadata are pairs of key and text.
pub fn write(out: &mut impl io::Write, tensors: &[Source<'_>], metadata: &[(&str, &str)]) -> io::Result<()> {
    let invalid = |error: Error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let described: Vec<_> = tensors.iter().map(|tensor| (tensor.name, tensor.dtype, tensor.shape)).collect();
    for tensor in tensors {
        let needed = tensor.dtype.bytes(tensor.shape.iter().copied());
        if needed != Some(tensor.data.len()) {
            let got = format!("{} bytes", tensor.data.len());
            return Err(invalid(Error::shape(tensor.name, format!("{:?}", tensor.shape), got)));
        }
    }
    let (start, order) = header(&described, metadata).map_err(invalid)?;
    out.write_all(&start)?;
    order.into_iter().try_for_each(|index| out.write_all(tensors[index].data))
}

/// The beginning of a file with these tensors (name, type, extents) up to its data, and the order of the data: the
/// widest elements first, then by name, so that each tensor is aligned.
pub fn header(tensors: &[(&str, Dtype, &[usize])], metadata: &[(&str, &str)]) -> Result<(Vec<u8>, Vec<usize>), Error> {
    refuse_twins("tensor", tensors.iter().map(|tensor| tensor.0))?;
    refuse_twins("metadata", metadata.iter().map(|pair| pair.0))?;
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by(|&a, &b| (tensors[b].1, tensors[a].0).cmp(&(tensors[a].1, tensors[b].0)));

    let mut text = String::from("{");
    if !metadata.is_empty() {
        quote(&mut text, METADATA);
        text.push_str(":{");
        for (key, value) in metadata {
            quote(&mut text, key);
            text.push(':');
            quote(&mut text, value);
            text.push(',');
        }
        close(&mut text);
        text.push(',');
    }
    let mut start: usize = 0;
    for &index in &order {
        let (name, dtype, shape) = tensors[index];
        let end = dtype.bytes(shape.iter().copied()).and_then(|bytes| start.checked_add(bytes));
        let Some(end) = end else {
            return refuse(format!("tensor {name:?}"), "has a shape whose bytes cannot be counted");
        };
        if name == METADATA {
            return refuse(format!("tensor {name:?}"), "has the name under which the metadata stand");
        }
        quote(&mut text, name);
        let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
        let (dtype, shape) = (dtype.name(), extents.join(","));
        let _ = write!(text, r#":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{start},{end}]}},"#);
        start = end;
    }
    close(&mut text);
    let length = text.len().next_multiple_of(ALIGNMENT);
    if length > MAX_HEADER {
        return refuse("the header", format!("takes {length} bytes, more than the {MAX_HEADER} allowed"));
    }
    let mut bytes = (length as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(bytes.len() + length - text.len(), b' ');
    Ok((bytes, order))
}

/// Closes an object, in the place of the comma behind its last member if it has one.
fn close(text: &mut String) {
    if text.ends_with(',') {
        text.pop();
    }
    text.push('}');
}

/// Adds `plain` as a JSON string.
fn quote(text: &mut String, plain: &str) {
    text.push('"');
    for c in plain.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..' ' => {
                let _ = write!(text, "\\u{:04x}", c as u32);
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}

fn refuse_twins<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut sorted: Vec<&str> = names.collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => refuse(format!("{what} {:?}", pair[0]), "comes twice"),
        None => Ok(()),
    }
}
