//! Powers in `f64` that are the same bits on every machine, which the platform's `pow` does not promise.

/// `base` to the power `exponent`, neither of them negative.
///
/// Only products and square roots, each correctly rounded: `base` squared again and again for the whole part of the
/// exponent, its root taken again and again for the binary digits of the fraction. The relative error is about the exponent
/// times 2⁻⁵³, and no worse than 2⁻⁴⁷ for exponents below 1.
pub fn power(base: f64, exponent: f64) -> f64 {
    debug_assert!(base >= 0.0 && (0.0..9e15).contains(&exponent), "{base} to the power {exponent}");
    let (mut whole, mut fraction) = (exponent as u64, exponent.fract());
    let mut result = 1.0;
    let mut square = base;
    while whole > 0 {
        if whole % 2 == 1 {
            result *= square;
        }
        square *= square;
        whole /= 2;
    }
    let mut root = base;
    while fraction > 0.0 {
        root = root.sqrt();
        fraction *= 2.0;
        if fraction >= 1.0 {
            result *= root;
            fraction -= 1.0;
        }
    }
    result
}
