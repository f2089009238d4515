//! Gradients cut to size: all together by their norm, or number by number.

use super::step::{Fault, Kind};
use super::walk::{chunks, share};
use crate::kernels::reduce;
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads;
use crate::view::SeqMut;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Keeps the divisor from zero, as torch does.
const EPSILON: f64 = 1e-6;

/// Scales the gradients together so that their norm is at most `max_norm`; returns what it was.
///
/// A norm that is not finite is a fault of the first gradient where it arises, and then nothing is scaled. Squares are summed
/// in `f64`, in sixteen lanes for each chunk, and the chunks in order: the same bits for every number of threads.
pub fn clip_norm(level: Level, grads: &mut [&mut [f32]], max_norm: f64) -> Result<f64, Fault> {
    let lens: Vec<usize> = grads.iter().map(|grad| grad.len()).collect();
    let squares: Vec<AtomicU64> = lens.iter().flat_map(|len| (0..chunks(*len)).map(|_| AtomicU64::new(0))).collect();
    let workers = threads::worth(lens.iter().sum());
    let read: &[&mut [f32]] = grads;
    threads::run(workers, |worker| {
        share(worker, lens.iter().copied(), |chunk, array, range| {
            let sum = dispatch(level, Squares(&read[array][range]));
            squares[chunk].store(sum.to_bits(), Relaxed);
        });
    });
    let mut chunk = squares.iter().map(|bits| f64::from_bits(bits.load(Relaxed)));
    let mut total = 0.0;
    for (slot, len) in lens.iter().enumerate() {
        for square in chunk.by_ref().take(chunks(*len)) {
            total += square;
        }
        // No sum of squares of finite f32 comes near the end of f64.
        if !total.is_finite() {
            return Err(Fault { slot, kind: Kind::Gradient });
        }
    }
    let norm = total.sqrt();
    let scale = max_norm / (norm + EPSILON);
    if scale < 1.0 {
        in_place(level, grads, workers, Scale(scale as f32));
    }
    Ok(norm)
}

/// Brings every number into `-limit ..= limit`; one that is not finite is a fault, and then nothing is changed.
pub fn clip_value(level: Level, grads: &mut [&mut [f32]], limit: f32) -> Result<(), Fault> {
    if let Some(slot) = grads.iter().position(|grad| !reduce::all_finite(level, grad)) {
        return Err(Fault { slot, kind: Kind::Gradient });
    }
    let workers = threads::worth(grads.iter().map(|grad| grad.len()).sum());
    in_place(level, grads, workers, Limit(limit));
    Ok(())
}

/// The sum of squares in `f64`. Squares of `f32` are exact there, so that only the order of the sums counts.
struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        let mut lanes = [0.0; LANES];
        let mut parts = self.0.chunks_exact(LANES);
        for part in parts.by_ref() {
            for lane in 0..LANES {
                let x = f64::from(part[lane]);
                lanes[lane] += x * x;
            }
        }
        for (lane, x) in parts.remainder().iter().enumerate() {
            lanes[lane] += f64::from(*x) * f64::from(*x);
        }
        let mut total = 0.0;
        for lane in lanes {
            total += lane;
        }
        total
    }
}

/// What is done to sixteen numbers of a gradient.
trait Change: Copy + Sync {
    fn change<S: Simd>(self, s: S, grad: S::V) -> S::V;
}

#[derive(Clone, Copy)]
struct Scale(f32);

impl Change for Scale {
    #[inline(always)]
    fn change<S: Simd>(self, s: S, grad: S::V) -> S::V {
        s.mul(grad, s.splat(self.0))
    }
}

#[derive(Clone, Copy)]
struct Limit(f32);

impl Change for Limit {
    #[inline(always)]
    fn change<S: Simd>(self, s: S, grad: S::V) -> S::V {
        s.max(s.splat(-self.0), s.min(s.splat(self.0), grad))
    }
}

fn in_place(level: Level, grads: &mut [&mut [f32]], workers: usize, change: impl Change) {
    struct Part<'a, C>(&'a mut [f32], C);
    impl<C: Change> Kernel for Part<'_, C> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for part in self.0.chunks_mut(LANES) {
                let changed = self.1.change(s, s.load_slice(part));
                s.store_slice(part, changed);
            }
        }
    }
    let shared: Vec<SeqMut<'_>> = grads
        .iter_mut()
        .map(|grad| {
            let len = grad.len();
            SeqMut::new(grad, [1, 1, len]).expect("one row of all")
        })
        .collect();
    threads::run(workers, |worker| {
        share(worker, shared.iter().map(|grad| grad.shape()[2]), |_, array, range| {
            // SAFETY: `share` gives each range to one worker.
            let part = unsafe { shared[array].part(0, range.start, range.len()) };
            dispatch(level, Part(part, change));
        });
    });
}
