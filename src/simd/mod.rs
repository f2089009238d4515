//! Sixteen lanes of `f32` on every CPU level, and the choice of the level at run time.
//!
//! This is the only storey that knows instruction sets. A kernel is written once, over a token `S: Simd`:
//!
//! ```text
//! struct Scale<'a> { data: &'a mut [f32], by: f32 }
//! impl Kernel for Scale<'_> {
//!     type Output = ();
//!     fn run<S: Simd>(self, s: S) { … s.mul(s.load(…), s.splat(self.by)) … }
//! }
//! dispatch(level, Scale { data, by });
//! ```
//!
//! The token is the proof that the CPU has the level: it can only be made where that was checked. The vector always has
//! sixteen lanes, as one AVX-512 register, two of AVX2, four of NEON or an array. Sums over a vector therefore have the
//! same order everywhere, and every level with fused multiply-add gives the same bits: each operation here is correctly
//! rounded, and none is an approximation.

mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use crate::Error;
use std::str::FromStr;
use std::sync::OnceLock;

pub use crate::view::LANES;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust with separate multiply and add; present everywhere, and the only level whose bits differ.
    Scalar,
    /// AArch64 Advanced SIMD.
    Neon,
    /// AVX2 with FMA and F16C.
    Avx2,
    /// AVX-512 F.
    Avx512,
}

impl Level {
    /// Every level there is, slowest first.
    pub const ALL: [Level; 4] = [Level::Scalar, Level::Neon, Level::Avx2, Level::Avx512];

    /// The name in logs and benches, with the architecture.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Neon => "aarch64-neon",
            Level::Avx2 => "x86_64-avx2",
            Level::Avx512 => "x86_64-avx512",
        }
    }

    /// The name that `RUSTLSTM_SIMD` and `RUSTLSTM_ENSURE_SIMD` take.
    pub fn short(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// Whether multiply-add rounds once. All fused levels give the same bits.
    pub fn fused(self) -> bool {
        self != Level::Scalar
    }

    /// Whether this CPU has the level.
    pub fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::Avx2::new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::Avx512::new().is_some(),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => neon::Neon::new().is_some(),
            #[allow(unreachable_patterns)] // the levels of other architectures
            _ => false,
        }
    }

    /// The levels of this CPU, slowest first.
    pub fn available() -> Vec<Level> {
        Level::ALL.into_iter().filter(|level| level.is_available()).collect()
    }

    /// This level if the CPU has it, else an error that lists those it has.
    pub fn ensure(self) -> Result<Level, Error> {
        if self.is_available() { Ok(self) } else { Err(absent(self.short())) }
    }
}

fn absent(name: &str) -> Error {
    let available: Vec<_> = Level::available().into_iter().map(Level::short).collect();
    Error::Level { name: name.to_string(), available: available.join(", ") }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(name: &str) -> Result<Level, Error> {
        Level::ALL.into_iter().find(|level| level.short() == name).ok_or_else(|| absent(name))
    }
}

/// The level of this process: the best one of the CPU, unless `RUSTLSTM_SIMD` names another.
///
/// # Errors
/// When `RUSTLSTM_SIMD` names a level that this CPU does not have.
pub fn level() -> Result<Level, Error> {
    static LEVEL: OnceLock<Result<Level, Error>> = OnceLock::new();
    LEVEL
        .get_or_init(|| match std::env::var("RUSTLSTM_SIMD") {
            Ok(name) if !name.is_empty() => name.parse::<Level>()?.ensure(),
            _ => Ok(*Level::available().last().expect("the scalar level is always there")),
        })
        .clone()
}

/// Work that is written once over a token and compiled for every level.
pub trait Kernel {
    /// What the kernel returns.
    type Output;

    /// The work. Implementations are `#[inline(always)]`, and so is all they call, so that the whole is compiled with
    /// the instructions of `S`.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// Runs `kernel` at `level`.
///
/// # Panics
/// When the CPU lacks the level; [`Level::ensure`] reports that earlier.
#[inline]
pub fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        Level::Scalar => kernel.run(scalar::Scalar),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2::Avx2::new().expect("the CPU has AVX2").outlined(kernel),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => avx512::Avx512::new().expect("the CPU has AVX-512").outlined(kernel),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => neon::Neon::new().expect("the CPU has NEON").outlined(kernel),
        #[allow(unreachable_patterns)] // the levels of other architectures
        _ => panic!("{} is not a level of this architecture", level.name()),
    }
}

/// Sixteen lanes of `f32` at one level. A value of an implementing type proves that the CPU has it.
pub trait Simd: Copy + Send + Sync + 'static {
    /// Sixteen lanes.
    type V: Copy;
    /// Sixteen whole numbers of 32 bits.
    type Whole: Copy;
    /// Sixteen pairs of small whole numbers.
    type Pairs: Copy;

    /// The level, for names and tests.
    const LEVEL: Level;
    /// Columns that lie together per `k` in a packed operand: as many as one micro-kernel takes at once.
    const PANEL: usize;
    /// The widest tile of a micro-kernel in vectors, for one row up to six: what keeps every accumulator in a register.
    const TILE_VECTORS: [usize; 6];

    /// Calls `kernel` as a function of its own, compiled for this level: keeps big inlined bodies apart.
    fn outlined<K: Kernel>(self, kernel: K) -> K::Output;

    /// The sixteen floats at `from`.
    ///
    /// # Safety
    /// `from` is valid for reading sixteen floats; any alignment.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// The sixteen halves at `from`, exactly; a NaN becomes some NaN.
    ///
    /// # Safety
    /// `from` is valid for reading sixteen halves; any alignment.
    unsafe fn load_halves(self, from: *const u16) -> Self::V;
    /// The sixteen pairs of bytes at `from`.
    ///
    /// # Safety
    /// `from` is valid for reading thirty-two bytes; any alignment.
    unsafe fn load_pairs(self, from: *const i8) -> Self::Pairs;
    /// Writes sixteen floats to `to`.
    ///
    /// # Safety
    /// `to` is valid for writing sixteen floats; any alignment.
    unsafe fn store(self, to: *mut f32, v: Self::V);
    /// Asks for the cache line at `at` to be brought near; any address is allowed.
    fn prefetch(self, at: *const f32);

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once on the fused levels.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, rounded once on the fused levels.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a` without its sign.
    fn abs(self, a: Self::V) -> Self::V;
    /// `a < b ? a : b`, so `b` where either is NaN.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a > b ? a : b`, so `b` where either is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? yes : no`, so `no` where either is NaN.
    fn select_lt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// The bits of each lane moved 23 places up: what turns the low bits of a number into an exponent.
    fn shift_to_exponent(self, a: Self::V) -> Self::V;

    /// Zeros.
    fn no_whole(self) -> Self::Whole;
    /// `sums + by[0] * pairs[0] + by[1] * pairs[1]`, where nothing may exceed 32 bits.
    fn add_pairs(self, sums: Self::Whole, by: [i16; 2], pairs: Self::Pairs) -> Self::Whole;
    /// The nearest floats.
    fn to_floats(self, a: Self::Whole) -> Self::V;

    /// The lanes as an array.
    #[inline(always)]
    fn to_array(self, v: Self::V) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: the array has sixteen floats.
        unsafe { self.store(lanes.as_mut_ptr(), v) };
        lanes
    }

    /// A vector of the lanes of an array.
    #[inline(always)]
    #[allow(clippy::wrong_self_convention)] // the token converts, not itself
    fn from_array(self, lanes: [f32; LANES]) -> Self::V {
        // SAFETY: the array has sixteen floats.
        unsafe { self.load(lanes.as_ptr()) }
    }

    /// The first sixteen floats of a slice, or fewer with zeros behind them.
    #[inline(always)]
    fn load_slice(self, from: &[f32]) -> Self::V {
        if from.len() >= LANES {
            // SAFETY: the slice has at least sixteen floats.
            unsafe { self.load(from.as_ptr()) }
        } else {
            let mut lanes = [0.0; LANES];
            lanes[..from.len()].copy_from_slice(from);
            self.from_array(lanes)
        }
    }

    /// Writes the first sixteen floats of a slice, or all of a shorter one.
    #[inline(always)]
    fn store_slice(self, to: &mut [f32], v: Self::V) {
        if to.len() >= LANES {
            // SAFETY: the slice has at least sixteen floats.
            unsafe { self.store(to.as_mut_ptr(), v) };
        } else {
            let lanes = self.to_array(v);
            let n = to.len();
            to.copy_from_slice(&lanes[..n]);
        }
    }

    /// The sum of the lanes: halves are added until one is left, the same order on every level.
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let mut lanes = self.to_array(v);
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
            half /= 2;
        }
        lanes[0]
    }
}

#[cfg(test)]
mod tests;
