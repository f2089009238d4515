//! Scratch and saved activations: floats at cache-line boundaries, kept for the next call instead of freed.
//!
//! Fresh memory costs a page fault every 4 KB, a tenth of a training step. A [`Shelf`] therefore holds on to returned
//! buffers. A request that none of them satisfies takes the place of the largest, so that growing requests do not pile up.

use std::alloc::{self, Layout};
use std::mem;
use std::ops::{Deref, DerefMut};
use std::panic;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

/// Floats of a cache line.
const LINE: usize = 16;
const LINE_BYTES: usize = LINE * size_of::<f32>();

/// The payload of the unwinding that takes the place of an abort where the system gives no memory.
#[derive(Debug)]
pub struct OutOfMemory {
    /// How much was asked for.
    pub bytes: usize,
}

/// Whole cache lines. They come as zeros that the system makes when they are first touched, which a team does together.
///
/// The address is the allocator's own, a line's part before the first line: asked for zeros at a boundary it would write
/// them one by one.
struct Lines {
    base: NonNull<u8>,
    count: usize,
}

impl Lines {
    fn new(count: usize) -> Lines {
        if count == 0 {
            return Lines { base: NonNull::dangling(), count };
        }
        let bytes = count.saturating_mul(LINE_BYTES);
        let made = Lines::layout(count).and_then(|layout| {
            // SAFETY: the layout is not empty.
            NonNull::new(unsafe { alloc::alloc_zeroed(layout) })
        });
        match made {
            Some(base) => Lines { base, count },
            // What catches it says more than a report of a panic would.
            None if cfg!(feature = "python") => panic::resume_unwind(Box::new(OutOfMemory { bytes })),
            None => panic!("no room for {bytes} bytes"),
        }
    }

    /// Room for one line more, so that a boundary is in it.
    fn layout(count: usize) -> Option<Layout> {
        let bytes = count.checked_add(1)?.checked_mul(LINE_BYTES)?;
        Layout::from_size_align(bytes, align_of::<f32>()).ok()
    }

    fn start(&self) -> NonNull<f32> {
        if self.count == 0 {
            return NonNull::dangling();
        }
        let address = self.base.as_ptr();
        let skipped = address.addr().next_multiple_of(LINE_BYTES) - address.addr();
        // SAFETY: less than the line that is there beyond the others.
        unsafe { NonNull::new_unchecked(address.add(skipped)) }.cast()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let (1.., Some(layout)) = (self.count, Lines::layout(self.count)) {
            // SAFETY: made with this layout, and given up here.
            unsafe { alloc::dealloc(self.base.as_ptr(), layout) };
        }
    }
}

// SAFETY: they are owned as those of a `Vec` are.
unsafe impl Send for Lines {}

/// A slice of floats that begins at a cache line. It goes back to its shelf when dropped.
pub struct Buffer {
    /// The first float. A raw pointer, because a [`Grid`](crate::view::Grid) over the buffer is shared by a team of workers
    /// that write through it while the buffer itself is only borrowed.
    start: NonNull<f32>,
    len: usize,
    lines: Lines,
    shelf: Option<Arc<Shelf>>,
}

// SAFETY: a buffer owns its lines as a `Vec` would.
unsafe impl Send for Buffer {}
// SAFETY: through a shared buffer only reading is safe; whoever makes a grid of it vouches for the rest.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zeros that belong to no shelf.
    pub fn zeros(len: usize) -> Self {
        Buffer::new(Lines::new(len.div_ceil(LINE)), len, None)
    }

    fn new(lines: Lines, len: usize, shelf: Option<Arc<Shelf>>) -> Self {
        Buffer { start: lines.start(), len, lines, shelf }
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
        self.start.as_ptr()
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
        // SAFETY: the lines hold `len` floats, rounded up.
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
        if let Some(shelf) = self.shelf.take() {
            shelf.put(mem::replace(&mut self.lines, Lines::new(0)));
        }
    }
}

/// Buffers at rest, waiting for the next call.
///
/// The lock is only ever tried: a caller who finds it taken, perhaps by a thread that a fork left behind, allocates.
#[derive(Default)]
pub struct Shelf {
    resting: Mutex<Vec<Lines>>,
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
        let need = len.div_ceil(LINE);
        let found = self.resting.try_lock().ok().and_then(|mut resting| {
            if resting.iter().all(|lines| lines.count < need) {
                // What has become too small for the biggest request is replaced, not joined: growing sequences would
                // otherwise leave a buffer of every size behind.
                if let Some(largest) = (0..resting.len()).max_by_key(|&i| resting[i].count) {
                    resting.swap_remove(largest);
                }
                return None;
            }
            // The smallest that suffices, so that a small request does not carry off the big one.
            let best = (0..resting.len()).filter(|&i| resting[i].count >= need).min_by_key(|&i| resting[i].count)?;
            (resting[best].count <= 2 * need + 64).then(|| resting.swap_remove(best))
        });
        let lines = found.unwrap_or_else(|| Lines::new(need));
        Buffer::new(lines, len, Some(self.clone()))
    }

    /// `len` zeros.
    pub fn zeros(self: &Arc<Self>, len: usize) -> Buffer {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    fn put(&self, lines: Lines) {
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
        assert_eq!(Buffer::zeros(0).len(), 0);
    }

    #[test]
    fn what_the_system_does_not_have_is_a_panic_and_no_abort() {
        for len in [usize::MAX / 8, usize::MAX] {
            assert!(panic::catch_unwind(|| Buffer::zeros(len)).is_err());
        }
    }
}
