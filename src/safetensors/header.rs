//! Reading: the header's bytes and the file's length in, tensors by name out.
//!
//! The text is walked twice, first to check and count and then to note places, so each list is allocated once and at its
//! size. An entry takes 44 bytes here and at least 49 in the text.

use super::dtype::to_f32;
use super::json::{Scanner, Text};
use super::{Dtype, MAX_HEADER, METADATA, refuse};
use crate::Error;
use std::borrow::Cow;
use std::ops::Range;

/// The bytes before the header: its length.
const PREFIX: usize = 8;

/// The header of a file: which tensors there are, and where.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    text: &'a str,
    /// In the order of the data.
    entries: Vec<Entry>,
    /// The entries in the order of their names.
    by_name: Vec<u32>,
    /// Where the keys of the metadata stand, in the order of the keys.
    metadata: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where the name's opening quote stands.
    name: u32,
    /// Where the opening bracket of the extents stands.
    shape: u32,
    dtype: Dtype,
    start: usize,
    end: usize,
}

impl<'a> Header<'a> {
    /// The length of the header of a file with `file_len` bytes that begins with `first`; it fits the file.
    pub fn length(first: &[u8], file_len: u64) -> Result<usize, Error> {
        let Some(bytes) = first.first_chunk() else {
            return refuse("the file", format!("{} bytes are too few for the header's length", first.len()));
        };
        let announced = u64::from_le_bytes(*bytes);
        let room = file_len.saturating_sub(PREFIX as u64);
        if announced > MAX_HEADER as u64 {
            return refuse("the header's length", format!("{announced} bytes, more than the {MAX_HEADER} allowed"));
        }
        if announced > room {
            return refuse("the header's length", format!("{announced} bytes, more than the {room} that follow it"));
        }
        Ok(announced as usize) // at most MAX_HEADER
    }

    /// The header and the data of a whole file.
    pub fn of_file(file: &'a [u8]) -> Result<(Header<'a>, &'a [u8]), Error> {
        let length = Header::length(file, file.len() as u64)?;
        let (header, data) = file[PREFIX..].split_at(length);
        Ok((Header::parse(header, file.len() as u64)?, data))
    }

    /// The header in `bytes`, of a file with `file_len` bytes in all. What it says of the data fits the file to the byte.
    pub fn parse(bytes: &'a [u8], file_len: u64) -> Result<Header<'a>, Error> {
        let before = (bytes.len().min(MAX_HEADER + 1) + PREFIX) as u64;
        if bytes.len() > MAX_HEADER || file_len < before {
            return refuse("the header", format!("has {} bytes, the file {file_len}", bytes.len()));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return refuse(format!("byte {} of the header", error.valid_up_to()), "is not UTF-8"),
        };
        let (mut tensors, mut pairs) = (0, 0);
        walk(text, |_| tensors += 1, |_| pairs += 1)?;
        let mut entries = Vec::with_capacity(tensors);
        let mut metadata = Vec::with_capacity(pairs);
        walk(text, |entry| entries.push(entry), |key| metadata.push(key))?;

        entries.sort_unstable_by_key(|entry: &Entry| (entry.start, entry.end));
        let mut header = Header { text, by_name: (0..entries.len() as u32).collect(), entries, metadata };
        header.check_offsets(file_len - before)?;
        let entries = &header.entries;
        header.by_name.sort_unstable_by(|&a, &b| {
            name_at(text, entries[a as usize].name).cmp(name_at(text, entries[b as usize].name))
        });
        header.metadata.sort_unstable_by(|&a, &b| name_at(text, a).cmp(name_at(text, b)));
        let names = header.by_name.iter().map(|&index| entries[index as usize].name);
        refuse_twins(text, "tensor", names)?;
        refuse_twins(text, "metadata", header.metadata.iter().copied())?;
        Ok(header)
    }

    fn check_offsets(&self, data_len: u64) -> Result<(), Error> {
        let mut reached = 0;
        for entry in &self.entries {
            let place = || format!("tensor {:?}", name_at(self.text, entry.name).excerpt());
            if entry.start != reached || entry.end < entry.start {
                let (start, end) = (entry.start, entry.end);
                let problem = format!("lies at [{start}, {end}) of the data, where {reached} is the next free byte");
                return refuse(place(), problem);
            }
            let got = entry.end - entry.start;
            match entry.dtype.bytes(extents(self.text, entry.shape)) {
                Some(needed) if needed == got => {}
                Some(needed) => return refuse(place(), format!("needs {needed} bytes by its shape, and has {got}")),
                None => return refuse(place(), "has a shape whose bytes cannot be counted"),
            }
            reached = entry.end;
        }
        if reached as u64 != data_len {
            return refuse("the data", format!("{data_len} bytes in the file, {reached} by the header"));
        }
        Ok(())
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The tensors in the order of the data.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Tensor<'a>> + '_ {
        self.entries.iter().map(|entry| Tensor { text: self.text, entry: *entry })
    }

    /// The tensor with this name.
    pub fn get(&self, name: &str) -> Option<Tensor<'a>> {
        let found = self.by_name.binary_search_by(|&index| {
            let entry = &self.entries[index as usize];
            // Names are compared as they are meant, and `name` means itself.
            name_at(self.text, entry.name).resolve().as_ref().cmp(name)
        });
        let entry = self.entries[self.by_name[found.ok()?] as usize];
        Some(Tensor { text: self.text, entry })
    }

    /// The metadata, in the order of the keys.
    pub fn metadata(&self) -> impl ExactSizeIterator<Item = (Cow<'a, str>, Cow<'a, str>)> + '_ {
        self.metadata.iter().map(|&key| {
            let mut scanner = Scanner::new(&self.text[key as usize..]);
            let mut pair = || {
                let key = scanner.string()?;
                scanner.colon()?;
                Ok::<_, Error>((key.resolve(), scanner.string()?.resolve()))
            };
            pair().expect("scanned before")
        })
    }
}

/// One tensor of a header.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a> {
    text: &'a str,
    entry: Entry,
}

impl<'a> Tensor<'a> {
    /// Its name.
    pub fn name(&self) -> Cow<'a, str> {
        name_at(self.text, self.entry.name).resolve()
    }

    /// The type of its elements.
    pub fn dtype(&self) -> Dtype {
        self.entry.dtype
    }

    /// Its extents; none for a single number.
    pub fn shape(&self) -> Vec<usize> {
        extents(self.text, self.entry.shape).collect()
    }

    /// Where it lies in the data, which begin behind the header.
    pub fn range(&self) -> Range<usize> {
        self.entry.start..self.entry.end
    }

    /// Its numbers in C order, from F32, F16, BF16 or F64; `data` is all that stands behind the header.
    pub fn f32(&self, data: &[u8]) -> Result<Vec<f32>, Error> {
        match data.get(self.range()) {
            Some(bytes) => to_f32(&name_at(self.text, self.entry.name).excerpt(), self.dtype(), bytes),
            None => refuse("the data", format!("{} bytes given, {} needed", data.len(), self.entry.end)),
        }
    }
}

/// Reads the whole header, and hands over each tensor and the place of each key of the metadata.
fn walk(text: &str, mut tensor: impl FnMut(Entry), mut pair: impl FnMut(u32)) -> Result<(), Error> {
    let mut scanner = Scanner::new(text);
    let mut seen = false;
    scanner.object(|scanner, name| {
        if !name.is(METADATA) {
            tensor(entry(scanner, name.place(text))?);
            return Ok(());
        }
        if std::mem::replace(&mut seen, true) {
            return scanner.wrong("the metadata come twice");
        }
        scanner.object(|scanner, key| {
            pair(key.place(text) as u32);
            scanner.string().map(|_| ())
        })
    })?;
    scanner.space();
    scanner.end()
}

/// Reads `{"dtype": …, "shape": …, "data_offsets": …}`, in any order.
fn entry(scanner: &mut Scanner<'_>, name: usize) -> Result<Entry, Error> {
    let (mut dtype, mut shape, mut offsets) = (None, None, None);
    scanner.object(|scanner, field| {
        if field.is("dtype") && dtype.is_none() {
            let given = scanner.string()?;
            dtype = Dtype::ALL.into_iter().find(|dtype| given.is(dtype.name()));
            if dtype.is_none() {
                let known = Dtype::ALL.map(Dtype::name).join(", ");
                return scanner.wrong(format!("{:?} is not a dtype that is read here ({known})", given.excerpt()));
            }
        } else if field.is("shape") && shape.is_none() {
            shape = Some(scanner.at() as u32);
            scanner.list(|scanner| scanner.whole().map(|_| ()))?;
        } else if field.is("data_offsets") && offsets.is_none() {
            let (mut pair, mut count) = ([0; 2], 0);
            scanner.list(|scanner| {
                let offset = scanner.whole()?;
                if let Some(place) = pair.get_mut(count) {
                    *place = offset;
                }
                count += 1;
                Ok(())
            })?;
            if count != 2 {
                return scanner.wrong(format!("data_offsets must be a pair, got {count} numbers"));
            }
            offsets = Some(pair);
        } else {
            return scanner.wrong(format!("{:?} is unknown or comes twice", field.excerpt()));
        }
        Ok(())
    })?;
    match (dtype, shape, offsets) {
        // Places fit 32 bits, for the header's length is bounded.
        (Some(dtype), Some(shape), Some([start, end])) => Ok(Entry { name: name as u32, shape, dtype, start, end }),
        _ => scanner.wrong("a tensor needs dtype, shape and data_offsets"),
    }
}

fn name_at(text: &str, place: u32) -> Text<'_> {
    Text::at_quote(text, place as usize)
}

/// The extents behind a bracket, in a text that was walked before.
fn extents(text: &str, bracket: u32) -> impl Iterator<Item = usize> {
    let inside = text[bracket as usize + 1..].split(']').next().unwrap_or_default();
    inside.split(',').filter_map(|extent| extent.trim().parse().ok())
}

/// Fails if two of these names, which are sorted, are the same.
fn refuse_twins(text: &str, what: &str, places: impl Iterator<Item = u32>) -> Result<(), Error> {
    let mut before: Option<Text<'_>> = None;
    for name in places.map(|place| name_at(text, place)) {
        if before.is_some_and(|before| before.cmp(name).is_eq()) {
            return refuse(format!("{what} {:?}", name.excerpt()), "comes twice");
        }
        before = Some(name);
    }
    Ok(())
}
