//! The most multiply-adds that one core can do: independent chains of them in registers, and nothing else.

use rustlstm::simd::{Kernel, LANES, Level, Simd, dispatch};
use std::hint::black_box;

const STEPS: usize = 10_000;

/// Chains of sixteen lanes: enough to hide an instruction's latency, few enough to stay in registers.
fn chains(level: Level) -> usize {
    if level == Level::Avx512 { 12 } else { 6 }
}

struct Peak;

impl Kernel for Peak {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        match S::LEVEL {
            Level::Avx512 => spin::<S, 12>(s),
            _ => spin::<S, 6>(s),
        }
    }
}

#[inline(always)]
fn spin<S: Simd, const CHAINS: usize>(s: S) -> f32 {
    debug_assert_eq!(CHAINS, chains(S::LEVEL));
    let mut sums = [s.splat(0.0); CHAINS];
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = s.splat(black_box(i as f32));
    }
    let (factor, term) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = s.fma(*sum, factor, term);
        }
    }
    let mut all = s.splat(0.0);
    for sum in sums {
        all = s.add(all, sum);
    }
    s.sum(all)
}

/// Does [`flops`] multiplies and adds.
pub fn run(level: Level) {
    black_box(dispatch(level, Peak));
}

pub fn flops(level: Level) -> u64 {
    (STEPS * chains(level) * LANES * 2) as u64
}
