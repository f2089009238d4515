//! Random numbers that are addressed, not drawn in turn: a counter goes in, bits come out.
//!
//! A mask element is a function of (seed, step, site, time, row, position) alone, so it is the same whatever the number
//! of threads, the batch that the row stands in, the order of the loops or the CPU level. The function is Philox4x32-10
//! (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): ten rounds of
//!
//! ```text
//! (hi0, lo0) = M0 · c0      (hi1, lo1) = M1 · c2
//! c ← (hi1 ^ c1 ^ k0,  lo1,  hi0 ^ c3 ^ k1,  lo0)      k ← (k0 + W0, k1 + W1)
//! ```
//!
//! Not for secrets. Nothing here calls the platform's mathematics library, whose last bits differ from system to system:
//! the same seed gives the same bits everywhere, normal draws included.

use std::f64::consts::{FRAC_PI_4, LN_2, SQRT_2};

/// The multipliers of Philox4x32, from the paper.
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The steps of its key schedule: the golden ratio and √3 - 1 in 32 bits, from the paper.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// The rounds everywhere in this library: three above the least number that passes BigCrush.
const ROUNDS: usize = 10;
/// The blocks computed side by side, and so one 256-bit register for each word of the counter.
const BLOCKS: usize = 4;
/// The words that [`Key::lanes`] returns.
const LANES: usize = 4 * BLOCKS;

/// One block of Philox4x32 with the given number of rounds: 128 bits that look random for every counter and key.
pub fn philox<const ROUNDS: usize>(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    rounds::<1, ROUNDS>(counter.map(|word| [u64::from(word)]), key).map(|[word]| word as u32)
}

/// `N` blocks side by side; `counter[w][b]` is word w of block b, in the low half of 64 bits.
///
/// The upper halves may hold anything, before and after: a 32×32-bit vector multiply reads the low half only, so leaving
/// them dirty saves the masking, and the result is the low half.
#[inline(always)]
fn rounds<const N: usize, const ROUNDS: usize>(mut counter: [[u64; N]; 4], key: [u32; 2]) -> [[u64; N]; 4] {
    // Written out, since the compiler keeps a loop of ten as a loop, and then the keys cost as much as the products.
    macro_rules! rounds {
        ($($number:literal)*) => { $(if $number < ROUNDS { counter = round(counter, key, $number); })* };
    }
    const { assert!(ROUNDS <= 10) };
    rounds!(0 1 2 3 4 5 6 7 8 9);
    counter
}

#[inline(always)]
fn round<const N: usize>([c0, c1, c2, c3]: [[u64; N]; 4], key: [u32; 2], number: u32) -> [[u64; N]; 4] {
    let [k0, k1] = [0, 1].map(|half| u64::from(key[half].wrapping_add(WEYL[half].wrapping_mul(number))));
    let mut after = [[0; N]; 4];
    for block in 0..N {
        let left = (c0[block] & 0xFFFF_FFFF) * MULTIPLIERS[0];
        let right = (c2[block] & 0xFFFF_FFFF) * MULTIPLIERS[1];
        after[0][block] = (right >> 32) ^ c1[block] ^ k0;
        after[1][block] = right;
        after[2][block] = (left >> 32) ^ c3[block] ^ k1;
        after[3][block] = left;
    }
    after
}

/// Sixty-four bits from sixty-four, one to one and without a pattern (the finaliser of SplitMix64).
fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Folds two addresses into one key: one to one in each while the other stays, and without a pattern between pairs.
fn fold(seed: u64, number: u64) -> [u32; 2] {
    let key = scramble(scramble(seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_add(number));
    [key as u32, (key >> 32) as u32]
}

/// The key of one training step; from it every mask of the step follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key([u32; 2]);

impl Key {
    /// The key for `step` of a run that began with `seed`. Two steps of one run never share a key.
    pub fn new(seed: u64, step: u64) -> Key {
        Key(fold(seed, step))
    }

    /// Sixteen words for the elements `position * 16 .. position * 16 + 16` of `row` at `site` and `time`.
    ///
    /// `site` names what the words are for (layer, direction, purpose); `position` is below 2³⁰, so a row may have 2³⁴
    /// elements. No branches and only arrays of four: inlined into a function that is compiled for AVX2 or AVX-512 this
    /// becomes vector code (0.7 ns for each word at AVX2, `rng::cost_of_a_mask` in the tests).
    #[inline(always)]
    pub fn lanes(self, site: u32, time: u32, row: u32, position: u32) -> [u32; 16] {
        debug_assert!(position < 1 << 30, "position {position} does not fit thirty bits");
        let block = position.wrapping_mul(BLOCKS as u32);
        let mut counter = [[0; BLOCKS], [u64::from(time); BLOCKS], [u64::from(row); BLOCKS], [u64::from(site); BLOCKS]];
        for (offset, word) in counter[0].iter_mut().enumerate() {
            *word = u64::from(block.wrapping_add(offset as u32));
        }
        let counter = rounds::<BLOCKS, ROUNDS>(counter, self.0);
        let mut lanes = [0; LANES];
        for word in 0..4 {
            for block in 0..BLOCKS {
                lanes[word * BLOCKS + block] = counter[word][block] as u32;
            }
        }
        lanes
    }
}

/// A coin with a bias, thrown with words from [`Key::lanes`].
///
/// The chance is rounded to a multiple of 2⁻³¹: so the threshold, never and always included, fits the signed compare that
/// every vector unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coin {
    /// Keep where the upper 31 bits of the word are at most this; -1 keeps nothing.
    limit: i32,
}

impl Coin {
    /// The coin of a dropout that drops with the chance `p` in `[0, 1]`; outside it, the nearer end.
    pub fn new(p: f32) -> Coin {
        Coin::with_chance(1.0 - f64::from(p))
    }

    /// The coin that keeps with the chance `p` in `[0, 1]`; outside it, the nearer end.
    pub fn keeping(p: f32) -> Coin {
        Coin::with_chance(f64::from(p))
    }

    fn with_chance(chance: f64) -> Coin {
        let kept = (chance.clamp(0.0, 1.0) * 2f64.powi(31)).round();
        Coin { limit: (kept - 1.0) as i32 }
    }

    /// Which of sixteen elements are kept.
    #[inline(always)]
    pub fn keep(self, words: [u32; 16]) -> [bool; 16] {
        words.map(|word| (word >> 1) as i32 <= self.limit)
    }

    /// `scale` for what is kept, 0 for what is dropped; dropout's scale is `1 / (1 - p)`.
    #[inline(always)]
    pub fn mask(self, words: [u32; 16], scale: f32) -> [f32; 16] {
        words.map(|word| if (word >> 1) as i32 <= self.limit { scale } else { 0.0 })
    }
}

/// Draws one after another, for initialisers: the same seed and stream number, the same draws.
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    /// The blocks computed so far.
    block: u64,
    words: [u32; 4],
    /// The words of the block that are spent.
    used: usize,
    /// The second normal of the last pair.
    spare: Option<f64>,
}

impl Stream {
    /// The stream with the number `stream` of `seed`. Streams of one seed never share a key.
    pub fn new(seed: u64, stream: u64) -> Stream {
        Stream { key: fold(seed, stream), block: 0, words: [0; 4], used: 4, spare: None }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == self.words.len() {
            // The last row of the last site, which no mask has: streams and masks stay apart even where their keys agree.
            let counter = [self.block as u32, (self.block >> 32) as u32, u32::MAX, u32::MAX];
            self.words = philox::<ROUNDS>(counter, self.key);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// The next number of `[0, 1)`, a multiple of 2⁻²⁴.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// The next number of `[0, 1)`, a multiple of 2⁻⁵³; spends two words.
    pub fn uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.next_u32());
        let low = u64::from(self.next_u32());
        ((high << 32 | low) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// The next draw from the normal distribution with mean 0 and variance 1 (Box and Muller's pairs).
    pub fn normal(&mut self) -> f64 {
        if let Some(second) = self.spare.take() {
            return second;
        }
        // 1 - u lies in (0, 1]: its logarithm is finite.
        let radius = (-2.0 * ln(1.0 - self.uniform_f64())).sqrt();
        let (sin, cos) = sin_cos_turns(self.uniform_f64());
        self.spare = Some(radius * sin);
        radius * cos
    }
}

/// The natural logarithm of a normal positive number, by correctly rounded operations alone.
pub(crate) fn ln(x: f64) -> f64 {
    // x = 2^e · m with m in [1/√2, √2): then |z| ≤ 0.1716, and ln m = 2 artanh z = 2 (z + z³/3 + z⁵/5 + …).
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa >= SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    // The first term left out is z²³/23 < 2e-19.
    let series = (0..11).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    exponent as f64 * LN_2 + 2.0 * z * series
}

/// Sine and cosine of `turns` full turns, `turns` in `[0, 1)`, by correctly rounded operations alone.
fn sin_cos_turns(turns: f64) -> (f64, f64) {
    // Turns = (quarter + rest / 2) / 4 with rest in [-1, 1]: the reduction is exact, the angle left is at most π/4.
    let quarter = (turns * 4.0 + 0.5).floor();
    let angle = (turns * 4.0 - quarter) * 2.0 * FRAC_PI_4;
    let square = -angle * angle;
    // Taylor's series; the first terms left out are x¹⁷/17! and x¹⁸/18!, both < 1e-16.
    let sin = angle * (1..8).rev().fold(1.0, |sum, k| 1.0 + sum * square / f64::from(2 * k * (2 * k + 1)));
    let cos = (1..9).rev().fold(1.0, |sum, k| 1.0 + sum * square / f64::from(2 * k * (2 * k - 1)));
    match quarter as u32 % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_logarithm_sine_and_cosine_agree_with_the_platforms() {
        let mut stream = Stream::new(1, 0);
        for draw in 0..100_000 {
            let x = if draw == 0 { 1.0 } else { 1.0 - stream.uniform_f64() };
            assert!((ln(x) - x.ln()).abs() <= 1e-15 * x.ln().abs(), "ln {x}: {} against {}", ln(x), x.ln());
            let turns = if draw < 64 { f64::from(draw) / 64.0 } else { stream.uniform_f64() };
            let (sin, cos) = sin_cos_turns(turns);
            let (want_sin, want_cos) = (turns * std::f64::consts::TAU).sin_cos();
            assert!(
                (sin - want_sin).abs() < 1.5e-15 && (cos - want_cos).abs() < 1.5e-15,
                "{turns} turns: {sin}, {cos}"
            );
        }
    }
}
