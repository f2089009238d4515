//! Borrowed views: the caller's sequences, and the tables that a team of workers fills together.

use crate::Error;
use crate::buffer::Buffer;
use std::marker::PhantomData;

/// The number of floats that a vector has on every CPU level.
pub const LANES: usize = 16;

fn checked_len(name: &str, len: usize, [b, t, c]: [usize; 3]) -> Result<(), Error> {
    match b.checked_mul(t).and_then(|bt| bt.checked_mul(c)) {
        Some(need) if need == len => Ok(()),
        _ => Err(Error::shape(name, format!("[B={b}, T={t}, C={c}]"), format!("{len} values"))),
    }
}

/// A batch of sequences `[B, T, C]` to read, contiguous and batch-first.
#[derive(Clone, Copy)]
pub struct Seq<'a> {
    data: &'a [f32],
    shape: [usize; 3],
}

impl<'a> Seq<'a> {
    /// A view of `data` as `[B, T, C]`.
    pub fn new(data: &'a [f32], shape: [usize; 3]) -> Result<Self, Error> {
        checked_len("the sequence", data.len(), shape)?;
        Ok(Seq { data, shape })
    }

    /// `[B, T, C]`
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Row `b` at time `t`: `C` values.
    #[inline]
    pub fn row(&self, b: usize, t: usize) -> &'a [f32] {
        let [_, time, c] = self.shape;
        &self.data[(b * time + t) * c..][..c]
    }
}

/// A batch of sequences `[B, T, C]` to write, contiguous and batch-first; of floats unless said otherwise.
///
/// Workers of one team may hold it together as long as each writes rows of its own.
pub struct SeqMut<'a, T = f32> {
    data: *mut T,
    shape: [usize; 3],
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a `&mut [T]` in parts; `row` is unsafe and names the rule that keeps workers apart.
unsafe impl<T: Send> Send for SeqMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SeqMut<'_, T> {}

impl<'a, T> SeqMut<'a, T> {
    /// A view of `data` as `[B, T, C]`.
    pub fn new(data: &'a mut [T], shape: [usize; 3]) -> Result<Self, Error> {
        checked_len("the output sequence", data.len(), shape)?;
        Ok(SeqMut { data: data.as_mut_ptr(), shape, borrow: PhantomData })
    }

    /// `[B, T, C]`
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Row `b` at time `t`: `C` values.
    ///
    /// # Safety
    /// No two workers hold the same row at once.
    #[allow(clippy::mut_from_ref)] // the rule above stands in for the borrow
    #[inline]
    pub unsafe fn row(&self, b: usize, t: usize) -> &mut [T] {
        let [batch, time, c] = self.shape;
        assert!(b < batch && t < time, "row ({b}, {t}) of [{batch}, {time}]");
        // SAFETY: the row is inside the slice that `new` measured; the caller keeps rows apart.
        unsafe { std::slice::from_raw_parts_mut(self.data.add((b * time + t) * c), c) }
    }
}

impl SeqMut<'_> {
    /// Where the values begin, for those who divide them up themselves.
    pub(crate) fn start(&self) -> *mut f32 {
        self.data
    }

    /// `len` values of the row with the number `row = b T + t`, from `begin` on.
    ///
    /// # Safety
    /// No two workers hold the same values at once.
    #[allow(clippy::mut_from_ref)] // the rule above stands in for the borrow
    #[inline]
    pub unsafe fn part(&self, row: usize, begin: usize, len: usize) -> &mut [f32] {
        let [batch, time, c] = self.shape;
        assert!(
            row < batch * time && begin <= c && len <= c - begin,
            "values {begin} + {len} of row {row} of [{batch} x {time}, {c}]"
        );
        // SAFETY: the values are inside the slice that `new` measured; the caller keeps them apart.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(row * c + begin), len) }
    }
}

/// Which rows count: runs of rows that follow one another, numbered through without the gaps between them.
///
/// ```
/// use rustlstm::view::Runs;
/// let runs = Runs::ragged(&[2, 0, 3], 4); // the valid steps of a batch [B=3, T=4]: rows 0, 1 and 8, 9, 10
/// assert_eq!((runs.total(), runs.piece(1, 5), runs.piece(2, 5)), (5, (1, 1), (8, 3)));
/// ```
#[derive(Debug, Clone)]
pub struct Runs {
    /// The first row of each run, and how many rows the runs before it have.
    runs: Vec<[usize; 2]>,
    total: usize,
}

impl Runs {
    /// The rows `0..count`.
    pub fn all(count: usize) -> Self {
        Runs { runs: vec![[0, 0]], total: count }
    }

    /// The valid steps of a padded batch `[B, T]`, whose rows are numbered `b T + t`.
    pub fn ragged(lengths: &[usize], time: usize) -> Self {
        let (mut runs, mut total) = (Vec::with_capacity(lengths.len()), 0);
        for (row, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            // Rows without a gap between them are one run.
            if row == 0 || lengths[row - 1] < time {
                runs.push([row * time, total]);
            }
            total += length;
        }
        Runs { runs, total }
    }

    /// How many rows count.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Whether there is no gap.
    pub fn is_one(&self) -> bool {
        self.runs.len() <= 1
    }

    /// The row behind the last one that counts.
    pub fn end(&self) -> usize {
        self.runs.last().map_or(0, |[first, before]| first + self.total - before)
    }

    /// The row with the number `from`, and how many follow one another up to the number `to`.
    #[inline]
    pub fn piece(&self, from: usize, to: usize) -> (usize, usize) {
        debug_assert!(from < to && to <= self.total, "numbers {from}..{to} of {}", self.total);
        let after = self.runs.partition_point(|[_, before]| *before <= from);
        let [first, before] = self.runs[after - 1];
        let end = self.runs.get(after).map_or(self.total, |[_, before]| *before);
        (first + from - before, end.min(to) - from)
    }
}

/// A table of floats, rows by vectors of sixteen, that the workers of a team share.
///
/// Vectors lie in panels of `S::PANEL` floats: vector `v` of row `r` begins at
/// `r * row + (v / n) * panel + (v % n) * 16`, where `n` vectors make a panel. One type thus describes
///
/// ```text
/// a row-major matrix                    row = width,   panel = S::PANEL
/// a packed operand, rows are k          row = S::PANEL, panel = rows * S::PANEL
/// a bias for all rows                   row = 0,       panel = S::PANEL
/// ```
#[derive(Clone, Copy)]
pub struct Grid<'a> {
    start: *mut f32,
    len: usize,
    /// Floats from a row to the next.
    pub row: usize,
    /// Floats from a panel to the next.
    pub panel: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: making a `Grid` is unsafe, and its maker promises that workers keep to tiles of their own between barriers.
unsafe impl Send for Grid<'_> {}
// SAFETY: as above.
unsafe impl Sync for Grid<'_> {}

impl<'a> Grid<'a> {
    /// A table over `data`.
    ///
    /// # Safety
    /// While copies of the grid live, nothing that one worker writes is read or written by another before a barrier.
    pub unsafe fn new(data: &'a mut [f32], row: usize, panel: usize) -> Self {
        Grid { start: data.as_mut_ptr(), len: data.len(), row, panel, borrow: PhantomData }
    }

    /// A table over a buffer that is borrowed by all who share the table.
    ///
    /// # Safety
    /// As for [`Grid::new`], and nobody reads the buffer itself meanwhile.
    pub unsafe fn over(buffer: &'a Buffer, row: usize, panel: usize) -> Self {
        Grid { start: buffer.start(), len: buffer.len(), row, panel, borrow: PhantomData }
    }

    /// A table over `len` floats at `start`, for parts of a buffer that a team shares: slices of it would overlap.
    ///
    /// # Safety
    /// As for [`Grid::new`], and the floats are there as long as the grid is used.
    pub(crate) unsafe fn at_pointer(start: *mut f32, len: usize, row: usize, panel: usize) -> Self {
        Grid { start, len, row, panel, borrow: PhantomData }
    }

    /// A table that is only read.
    ///
    /// # Safety
    /// No kernel is given this grid as its output.
    pub unsafe fn read(data: &'a [f32], row: usize, panel: usize) -> Self {
        Grid { start: data.as_ptr().cast_mut(), len: data.len(), row, panel, borrow: PhantomData }
    }

    /// A table of any size whose every element is zero.
    pub fn zeros() -> Grid<'static> {
        static ZEROS: [f32; 64] = [0.0; 64];
        // SAFETY: a static that is not mutable is only read; as an output it would be refused for its size, or be a fault.
        unsafe { Grid::read(&ZEROS, 0, 0) }
    }

    /// The rows from `first` on.
    #[inline(always)]
    pub fn rows(self, first: usize) -> Self {
        let skip = first * self.row;
        // A grid without rows left may begin behind its end; `check` refuses every access to it.
        Grid { start: self.start.wrapping_add(skip), len: self.len.saturating_sub(skip), ..self }
    }

    /// The panels from `first` on.
    #[inline(always)]
    pub fn panels(self, first: usize) -> Self {
        let skip = first * self.panel;
        Grid { start: self.start.wrapping_add(skip), len: self.len.saturating_sub(skip), ..self }
    }

    /// Where vector `v` of row `r` begins, with `n` vectors in a panel.
    #[inline(always)]
    pub fn offset(self, n: usize, r: usize, v: usize) -> usize {
        r * self.row + (v / n) * self.panel + (v % n) * LANES
    }

    /// The address of vector `v` of row `r`, with `n` vectors in a panel; to be followed only inside what was checked.
    #[inline(always)]
    pub fn at(self, n: usize, r: usize, v: usize) -> *mut f32 {
        self.start.wrapping_add(self.offset(n, r, v))
    }

    /// The first `len` floats of row `r` of a row-major grid.
    ///
    /// # Safety
    /// Nobody writes them while the slice lives.
    #[inline(always)]
    pub unsafe fn slice(self, r: usize, len: usize) -> &'a [f32] {
        assert!(r * self.row + len <= self.len, "row {r} lies outside");
        // SAFETY: inside, as was just checked; the caller keeps writers away.
        unsafe { std::slice::from_raw_parts(self.start.add(r * self.row), len) }
    }

    /// The first `len` floats of row `r` of a row-major grid, to write.
    ///
    /// # Safety
    /// Nobody else reads or writes them while the slice lives.
    #[inline(always)]
    pub unsafe fn slice_mut(self, r: usize, len: usize) -> &'a mut [f32] {
        assert!(r * self.row + len <= self.len, "row {r} lies outside");
        // SAFETY: inside, as was just checked; the caller keeps others away.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(r * self.row), len) }
    }

    /// Checks once that rows `0..rows` and vectors `0..vectors` lie inside, so that a kernel need not ask again.
    ///
    /// # Panics
    /// When they do not.
    #[inline(always)]
    pub fn check(self, n: usize, rows: usize, vectors: usize) {
        if rows > 0 && vectors > 0 {
            let mut last = self.offset(n, rows - 1, vectors - 1);
            if vectors > n {
                // Where panels overlap, as in a grid of zeros, a full panel reaches further than a begun one.
                last = last.max(self.offset(n, rows - 1, (vectors - 1) / n * n - 1));
            }
            assert!(last + LANES <= self.len, "a kernel was given {} floats and needs {}", self.len, last + LANES);
        }
    }

    /// The same for the elements `0..depth` of each row, which need not fill their last vector.
    ///
    /// # Panics
    /// When they do not lie inside.
    #[inline(always)]
    pub fn check_depth(self, n: usize, rows: usize, depth: usize) {
        if rows > 0 && depth > 0 {
            let last = self.offset(n, rows - 1, (depth - 1) / LANES) + (depth - 1) % LANES;
            assert!(last < self.len, "a product was given {} floats and needs {}", self.len, last + 1);
        }
    }
}
