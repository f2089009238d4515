//! The micro-kernel: a tile of a few rows by a few vectors, held in registers over all of `k`.
//!
//! ```text
//! for k:  load the right side's vectors; for each row: broadcast left[row][k]; tile[row][v] += it * right[k][v]
//! ```
//!
//! Each element is one chain of multiply-adds over `k` in ascending order, whatever the tile's shape. That, and nothing
//! else, makes results independent of threads, batch and level.

use super::MAX_ROWS;
use super::ahead::{NEAR, Next};
use super::factors::Factors;
use crate::simd::{Kernel, LANES, Simd};
use crate::view::Grid;
use std::marker::PhantomData;

/// The operands of tiles one below the other: pointers into grids that `multiply` has checked.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// How many tiles.
    pub blocks: usize,
    /// The factor of the first tile's first row for the first `k`.
    pub left: *const f32,
    /// Floats from a row's factor to the next row's, of a straight left side.
    pub left_row: usize,
    /// Floats from a segment of the left side's `k` to the next, and the length of a segment.
    pub left_panel: usize,
    pub segment: usize,
    /// `right[k][vector]` of the tile's first vector.
    pub right: *const f32,
    /// Floats from a vector of the right side to the next one of the same `k`.
    pub right_vector: usize,
    pub depth: usize,
    /// What comes after these tiles, if the right side is far.
    pub next: Next,
    pub init: *const f32,
    pub init_row: usize,
    pub init_vector: usize,
    pub out: *mut f32,
    pub out_row: usize,
    pub out_vector: usize,
}

/// Tiles of `M` rows by `N` vectors, each shape a function of its own: inlined side by side, the compiler merges their
/// common ends and keeps the last sum of each in memory, at less than half the speed.
///
/// The left side is straight, a row's factors being neighbours, or turned: then the rows' factors for one `k` are
/// neighbours, and those for the next `k` lie one row of panels *before* them.
///
/// Where the right side is `FAR`, they ask for what comes next of it.
pub(super) struct Shaped<const M: usize, const N: usize, const FAR: bool, F>(pub Tile, pub PhantomData<F>);

impl<const M: usize, const N: usize, const FAR: bool, F: Factors> Kernel for Shaped<M, N, FAR, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut tile = self.0;
        for _ in 0..tile.blocks {
            // SAFETY: whoever made the tile vouches for it.
            unsafe { compute::<S, M, N, FAR, F>(s, tile) };
            tile.left = tile.left.wrapping_add(M * tile.left_row);
            tile.next = tile.next.after(1, tile.depth);
            tile.init = tile.init.wrapping_add(M * tile.init_row);
            tile.out = tile.out.wrapping_add(M * tile.out_row);
        }
    }
}

/// # Safety
/// All that `tile` names lies inside live memory, and nobody else touches its output meanwhile.
#[inline(always)]
unsafe fn compute<S: Simd, const M: usize, const N: usize, const FAR: bool, F: Factors>(s: S, tile: Tile) {
    let mut sums = [[s.splat(0.0); N]; M];
    for (r, row) in sums.iter_mut().enumerate() {
        for (v, sum) in row.iter_mut().enumerate() {
            // SAFETY: the caller vouches for the tile.
            *sum = unsafe { s.load(tile.init.add(r * tile.init_row + v * tile.init_vector)) };
        }
    }
    if F::TURNED {
        // Sums over all rows of a batch, which lie in a matrix too large to be near: the same rows' next vectors come soon.
        for r in 0..M {
            for v in N..2 * N {
                s.prefetch(tile.out.wrapping_add(r * tile.out_row + v * tile.out_vector));
            }
        }
    }
    let right_vector = if S::PANEL > LANES { LANES } else { tile.right_vector };
    let (mut left, mut right, mut next, mut todo) = (tile.left, tile.right, tile.next, tile.depth);
    while todo > 0 {
        let length = todo.min(tile.segment);
        // SAFETY: the caller vouches for the tile.
        unsafe { chain::<S, M, N, FAR, F>(s, &mut sums, left, tile.left_row, right, right_vector, length, next) };
        left = left.wrapping_add(tile.left_panel);
        right = right.wrapping_add(length * S::PANEL);
        next = next.after(1, length);
        todo -= length;
    }
    for (r, row) in sums.into_iter().enumerate() {
        for (v, sum) in row.into_iter().enumerate() {
            // SAFETY: the caller vouches for the tile.
            unsafe { s.store(tile.out.add(r * tile.out_row + v * tile.out_vector), sum) };
        }
    }
}

/// Rows of the left side with an address of their own among them: an instruction reaches one and two strides further.
const GROUP: usize = 3;

/// `k` per round of the loop, whose operands lie at constants from the round's addresses. With an addition for each row and
/// `k`, the decoder would be as busy as the multipliers, and slower where another thread has half of it.
pub(super) const ROUND: usize = 4;

/// Adds `length` products to every sum of a tile, and asks for what comes next.
///
/// # Safety
/// The operands hold `length` values of `k`.
#[inline(always)]
unsafe fn chain<S: Simd, const M: usize, const N: usize, const FAR: bool, F: Factors>(
    s: S,
    sums: &mut [[S::V; N]; M],
    left: *const f32,
    left_row: usize,
    right: *const f32,
    right_vector: usize,
    length: usize,
    mut next: Next,
) {
    let mut held = *sums;
    let groups = [left, if F::TURNED { left } else { left.wrapping_add(GROUP * left_row) }];
    let mut at = Place::<F> { groups, left_row, right, right_vector, side: PhantomData };
    for _ in 0..length / ROUND {
        at = at.opaque();
        for k in 0..ROUND {
            // SAFETY: the caller vouches for `length` values of `k`.
            unsafe { products(s, &mut held, at, k) };
            // A lone row's panels come as fast as they can without being asked for.
            if !FAR && M > 1 && S::PANEL == LANES {
                for v in 0..N {
                    s.prefetch(at.right.wrapping_add((k + 1) * S::PANEL + NEAR + v * right_vector));
                }
            }
        }
        if FAR {
            next.ask(s);
        }
        at = at.behind::<S>(ROUND);
    }
    for _ in 0..length % ROUND {
        // SAFETY: as above.
        unsafe { products(s, &mut held, at, 0) };
        at = at.behind::<S>(1);
    }
    *sums = held;
}

/// Where a tile's operands of the next `k` lie.
#[derive(Clone, Copy)]
struct Place<F> {
    /// Of each group of rows the first; one group of all where they are neighbours.
    groups: [*const f32; MAX_ROWS / GROUP],
    left_row: usize,
    right: *const f32,
    right_vector: usize,
    side: PhantomData<F>,
}

impl<F: Factors> Place<F> {
    /// The same, which the compiler takes for addresses it knows nothing of: else it adds them up from one another for
    /// each `k`.
    #[inline(always)]
    fn opaque(self) -> Self {
        let first = opaque(self.groups[0]);
        Place { groups: [first, if F::TURNED { first } else { opaque(self.groups[1]) }], ..self }
    }

    #[inline(always)]
    fn behind<S: Simd>(self, k: usize) -> Self {
        let groups =
            self.groups.map(|group| if F::TURNED { group.wrapping_sub(k * S::PANEL) } else { group.wrapping_add(k) });
        Place { groups, right: self.right.wrapping_add(k * S::PANEL), ..self }
    }

    /// The factor of row `r` for the `k`-th operand behind this place.
    ///
    /// # Safety
    /// It is inside live memory.
    #[inline(always)]
    unsafe fn factor<S: Simd>(self, r: usize, k: usize) -> f32 {
        let at = if F::TURNED {
            self.groups[0].wrapping_sub(k * S::PANEL).wrapping_add(r)
        } else {
            self.groups[r / GROUP].wrapping_add(r % GROUP * self.left_row + k)
        };
        // SAFETY: as for the caller.
        unsafe { *at }
    }
}

#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block)] // nothing is read or written there
fn opaque(address: *const f32) -> *const f32 {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let mut address = address;
        // SAFETY: there is no instruction.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) address, options(pure, nomem, nostack, preserves_flags));
        }
        address
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    address
}

/// Adds the products of the `k`-th operands behind a place.
///
/// # Safety
/// They are inside live memory.
#[inline(always)]
unsafe fn products<S: Simd, const M: usize, const N: usize, F: Factors>(
    s: S,
    held: &mut [[S::V; N]; M],
    at: Place<F>,
    k: usize,
) {
    let right = at.right.wrapping_add(k * S::PANEL);
    // SAFETY: the caller vouches for the operands.
    let factor = |r: usize| s.splat(unsafe { at.factor::<S>(r, k) });
    // SAFETY: as above.
    let column = |v: usize| unsafe { s.load(right.add(v * at.right_vector)) };
    if M > 3 || S::PANEL > LANES {
        // Many rows: the few columns stay in registers while the rows pass.
        let mut columns = [s.splat(0.0); N];
        for (v, one) in columns.iter_mut().enumerate() {
            *one = column(v);
        }
        for (r, row) in held.iter_mut().enumerate() {
            let factor = factor(r);
            for (sum, column) in row.iter_mut().zip(columns) {
                *sum = s.fma(factor, column, *sum);
            }
        }
    } else {
        // Few rows: their factors stay in registers while the columns pass.
        let mut factors = [s.splat(0.0); M];
        for (r, one) in factors.iter_mut().enumerate() {
            *one = factor(r);
        }
        for v in 0..N {
            let column = column(v);
            for (row, factor) in held.iter_mut().zip(factors) {
                row[v] = s.fma(factor, column, row[v]);
            }
        }
    }
}

/// Floats from vector `v` to `v + 1`, which lie in one panel or in neighbouring ones of a single vector.
#[inline(always)]
pub(super) fn vector_stride<S: Simd>(grid: Grid<'_>) -> usize {
    if S::PANEL > LANES { LANES } else { grid.panel }
}
