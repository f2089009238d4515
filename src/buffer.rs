//! Scratch and saved activations: floats at cache-line boundaries, kept for the next call instead of freed.
//!
//! Fresh memory costs a page fault every 4 KB, a tenth of a training step. A [`Shelf`] therefore holds on to returned
//! buffers. A request that none of them satisfies takes the place of the largest, so that growing requests do not pile up.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

/// Sixteen floats on one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A slice of floats that begins at a cache line. It goes back to its shelf when dropped.
pub struct Buffer {
    /// The first of `lines` lines. A raw pointer, because a [`Grid`](crate::view::Grid) over the buffer is shared by a team
    /// of workers that write through it while the buffer itself is only borrowed.
    start: NonNull<Line>,
    lines: usize,
    len: usize,
    shelf: Option<Arc<Shelf>>,
}

// SAFETY: a buffer owns its lines as a `Vec` would.
unsafe impl Send for Buffer {}
// SAFETY: through a shared buffer only reading is safe; whoever makes a grid of it vouches for the rest.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zeros that belong to no shelf.
    pub fn zeros(len: usize) -> Self {
        Buffer::new(vec![Line([0.0; 16]); len.div_ceil(16)], len, None)
    }

    fn new(lines: Vec<Line>, len: usize, shelf: Option<Arc<Shelf>>) -> Self {
        let mut lines = ManuallyDrop::new(lines.into_boxed_slice());
        let start = NonNull::new(lines.as_mut_ptr()).expect("a slice's pointer is never null");
        Buffer { start, lines: lines.len(), len, shelf }
    }

    /// `len` floats of any value from where these are from.
    pub fn another(&self, len: usize) -> Self {
        match &self.shelf {
            Some(shelf) => shelf.take(len),
            None => Buffer::zeros(len),
        }
    }

    /// Where the floats begin, for a grid over them.
    #[inline]
    pub(crate) fn start(&self) -> *mut f32 {
        self.start.as_ptr().cast()
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Buffer::zeros(0)
    }
}

impl Deref for Buffer {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        // SAFETY: the lines hold `len` floats, rounded up, without padding between them.
        unsafe { std::slice::from_raw_parts(self.start(), self.len) }
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.len) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = self.another(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} floats)", self.len)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: these are the parts of the boxed slice that `new` took apart, put together once.
        let lines = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.start.as_ptr(), self.lines)) };
        if let Some(shelf) = self.shelf.take() {
            shelf.put(lines.into_vec());
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

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shelf")
    }
}

impl Shelf {
    /// An empty shelf.
    pub fn new() -> Arc<Self> {
        Arc::new(Shelf::default())
    }

    /// `len` floats of any finite or infinite value: whoever takes them writes before reading.
    pub fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let need = len.div_ceil(16);
        let found = self.resting.try_lock().ok().and_then(|mut resting| {
            if resting.iter().all(|lines| lines.len() < need) {
                // What has become too small for the biggest request is replaced, not joined: growing sequences would
                // otherwise leave a buffer of every size behind.
                if let Some(largest) = (0..resting.len()).max_by_key(|&i| resting[i].len()) {
                    resting.swap_remove(largest);
                }
                return None;
            }
            // The smallest that suffices, so that a small request does not carry off the big one.
            let best = (0..resting.len()).filter(|&i| resting[i].len() >= need).min_by_key(|&i| resting[i].len())?;
            (resting[best].len() <= 2 * need + 64).then(|| resting.swap_remove(best))
        });
        let lines = found.unwrap_or_else(|| vec![Line([0.0; 16]); need]);
        Buffer::new(lines, len, Some(self.clone()))
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
