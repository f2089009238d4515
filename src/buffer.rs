//! Scratch and saved activations: floats at cache-line boundaries, kept for the next call instead of freed.
//!
//! Fresh memory costs a page fault every 4 KB, a tenth of a training step. A [`Shelf`] therefore holds on to returned
//! buffers; what it holds is bounded by what the calls of its owner needed at once.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// Sixteen floats on one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A slice of floats that begins at a cache line. It goes back to its shelf when dropped.
#[derive(Default)]
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
    shelf: Option<Arc<Shelf>>,
}

impl Buffer {
    /// `len` zeros that belong to no shelf.
    pub fn zeros(len: usize) -> Self {
        Buffer { lines: vec![Line([0.0; 16]); len.div_ceil(16)], len, shelf: None }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        // SAFETY: `lines` holds `len` floats, rounded up, without padding between them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Buffer { lines: self.lines.clone(), len: self.len, shelf: self.shelf.clone() }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} floats)", self.len)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(shelf) = self.shelf.take() {
            shelf.put(std::mem::take(&mut self.lines));
        }
    }
}

/// Buffers at rest, waiting for the next call.
///
/// The lock is only ever tried: a caller who finds it taken, perhaps by a thread that a fork left behind, allocates.
#[derive(Default)]
pub struct Shelf {
    resting: Mutex<Vec<Vec<Line>>>,
}

/// Buffers that a shelf keeps at most; a stack needs about a dozen for each layer and direction.
const RESTING: usize = 256;

impl Shelf {
    /// An empty shelf.
    pub fn new() -> Arc<Self> {
        Arc::new(Shelf::default())
    }

    /// `len` floats of any finite or infinite value: whoever takes them writes before reading.
    pub fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let need = len.div_ceil(16);
        let found = self.resting.try_lock().ok().and_then(|mut resting| {
            // The smallest that suffices, so that a small request does not carry off the big one.
            let best = (0..resting.len()).filter(|&i| resting[i].len() >= need).min_by_key(|&i| resting[i].len())?;
            (resting[best].len() <= 2 * need + 64).then(|| resting.swap_remove(best))
        });
        let lines = found.unwrap_or_else(|| vec![Line([0.0; 16]); need]);
        Buffer { lines, len, shelf: Some(self.clone()) }
    }

    /// `len` zeros.
    pub fn zeros(self: &Arc<Self>, len: usize) -> Buffer {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    fn put(&self, lines: Vec<Line>) {
        if let Ok(mut resting) = self.resting.try_lock() {
            if resting.len() >= RESTING {
                resting.remove(0); // the longest unused
            }
            resting.push(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_come_back() {
        let shelf = Shelf::new();
        let address = {
            let mut buffer = shelf.take(1000);
            buffer.fill(3.0);
            assert_eq!(buffer.len(), 1000);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
            buffer.as_ptr()
        };
        let again = shelf.zeros(990);
        assert_eq!(again.as_ptr(), address, "the buffer is used again");
        assert!(again.iter().all(|&x| x == 0.0));
        assert_ne!(shelf.take(990).as_ptr(), address, "and given out once");
    }
}
