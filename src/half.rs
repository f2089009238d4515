//! Half-precision numbers: a sign, five bits of exponent and ten of mantissa, in sixteen bits.
//!
//! This says what they mean. Where many of them are read, [`simd`](crate::simd) has the CPU's instructions for it.

/// The largest finite one.
pub const MAX: f32 = 65504.0;

/// The number that sixteen bits stand for, exactly.
pub fn to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, mantissa) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let magnitude = match exponent {
        0 => (mantissa as f32 / UNITS).to_bits(),
        31 => 255 << 23 | mantissa << 13,
        _ => (exponent + REBIAS) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// The nearest half, of two that are equally near the one with an even mantissa; infinite from 65520 on.
pub fn from_f32(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let size = x.abs();
    if size.is_nan() {
        return sign | 0x7e00;
    }
    if size < SMALLEST_NORMAL {
        // Rounded up to 1024 units it is the smallest normal one, whose bits these are.
        return sign | (size * UNITS).round_ties_even() as u16;
    }
    // Of the mantissa thirteen bits go; a carry into the exponent is as it should be.
    let bits = size.to_bits();
    let rounded = (bits + 0xfff + (bits >> 13 & 1)) >> 13;
    sign | (rounded - (REBIAS << 10)).min(0x7c00) as u16
}

/// Subnormal halves are so many units to 1.
const UNITS: f32 = (1 << 24) as f32;
/// 2⁻¹⁴
const SMALLEST_NORMAL: f32 = 1.0 / (1 << 14) as f32;
/// What the exponent of an `f32` counts from, less what that of a half does.
const REBIAS: u32 = 127 - 15;

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of finite bits by the definition of IEEE 754.
    fn value(bits: u16) -> f64 {
        let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let size = if exponent == 0 { mantissa } else { (1024.0 + mantissa) * 2.0_f64.powi(exponent - 1) };
        size * 2.0_f64.powi(-24) * if bits >> 15 == 1 { -1.0 } else { 1.0 }
    }

    /// Positive finite halves in order: their bits count up.
    const FINITE: std::ops::Range<u16> = 0..0x7c00;

    #[test]
    fn each_half_is_its_value_and_comes_back() {
        for bits in 0..=u16::MAX {
            let got = to_f32(bits);
            if bits & 0x7fff > 0x7c00 {
                assert!(got.is_nan() && from_f32(got) == bits & 0x8000 | 0x7e00, "{bits:#x}: {got}");
                continue;
            }
            let infinite = FINITE.end == bits & 0x7fff;
            let expected = if infinite { f64::INFINITY.copysign(value(bits)) } else { value(bits) };
            assert_eq!(f64::from(got).to_bits(), expected.to_bits(), "{bits:#x}");
            assert_eq!(from_f32(got), bits, "{got}");
        }
    }

    #[test]
    fn numbers_between_halves_go_to_the_nearer_or_the_even_one() {
        for low in FINITE {
            // Behind the last finite half the next one would be 65536, and what rounds to that is infinite.
            let high = low + 1;
            let above = if high == FINITE.end { 65536.0 } else { value(high) };
            let middle = (0.5 * (value(low) + above)) as f32; // exact: one bit more than a half has
            let even = if low % 2 == 0 { low } else { high };
            for (x, expected) in [(middle.next_down(), low), (middle, even), (middle.next_up(), high)] {
                assert_eq!(from_f32(x), expected, "{x:e}");
                assert_eq!(from_f32(-x), expected | 0x8000, "-{x:e}");
            }
        }
        for (x, expected) in [(f32::MAX, 0x7c00), (f32::MIN_POSITIVE, 0), (f32::from_bits(1), 0), (MAX, 0x7bff)] {
            assert_eq!(from_f32(x), expected, "{x:e}");
        }
    }
}
