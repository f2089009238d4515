//! First values of the parameters: uniform, glorot, orthogonal per gate, chrono.
//!
//! Not here: state, masks, or anything that is drawn again later. Each parameter has a random stream of its own (its place
//! in the list), all arithmetic is `f64` with correctly rounded operations and is rounded once at the end, and no library
//! routine takes part: the same seed gives the same bits on every machine.
//!
//! | scheme | `weight_ih` | `weight_hh` | `weight_hr` | peepholes | bias |
//! |---|---|---|---|---|---|
//! | uniform | U(-k, k), k = 1/√H | the same | the same | the same | the sum of two such draws, as torch has two biases |
//! | glorot | U(-k, k), k = √(6 / (I + H)) per gate | the same with R for I | the same with P and H | zero | zero |
//! | orthogonal | as glorot | orthogonal per gate | orthogonal | zero | zero |
//!
//! Gains of layer normalisation are one. Then the forget rows of the bias are set to `forget_bias`, or, with chrono
//! (Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018), to ln U(1, T_max - 1), and the input rows to
//! minus that.

use super::{Config, ParamSpec};
use crate::Error;
use crate::rng::{Stream, ln};
use std::str::FromStr;

/// How the matrices begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Uniform within ±1/√H, as torch.
    #[default]
    Uniform,
    /// Uniform with the bound of Glorot and Bengio for each gate; biases zero.
    Glorot,
    /// Each gate's recurrent matrix orthogonal, the input matrices glorot; biases zero.
    Orthogonal,
}

impl FromStr for Scheme {
    type Err = Error;

    fn from_str(name: &str) -> Result<Scheme, Error> {
        match name {
            "uniform" => Ok(Scheme::Uniform),
            "glorot" => Ok(Scheme::Glorot),
            "orthogonal" => Ok(Scheme::Orthogonal),
            _ => Err(Error::option("init", "\"uniform\", \"glorot\" or \"orthogonal\"", format!("{name:?}"))),
        }
    }
}

/// How the parameters of an LSTM begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Init {
    /// The matrices.
    pub scheme: Scheme,
    /// The value of the forget rows of each bias; `None` leaves what the scheme gives.
    pub forget_bias: Option<f32>,
    /// The longest dependency to expect, in steps; it takes the place of `forget_bias`.
    pub chrono: Option<f32>,
}

impl Default for Init {
    fn default() -> Self {
        Init { scheme: Scheme::Uniform, forget_bias: Some(1.0), chrono: None }
    }
}

/// First values for each of `specs`, which are those of `config`, in order.
///
/// # Errors
/// When `chrono` is not a finite number above 2.
pub fn parameters(config: &Config, specs: &[ParamSpec], init: &Init, seed: u64) -> Result<Vec<Vec<f32>>, Error> {
    if let Some(steps) = init.chrono
        && !(steps.is_finite() && steps > 2.0)
    {
        return Err(Error::option("T_max of chrono", "a finite number above 2", steps));
    }
    let values = specs.iter().zip(0u64..).map(|(spec, number)| {
        let (kind, layer) = kind_and_layer(&spec.name);
        let hidden = config.hidden_sizes[layer];
        let mut out = vec![0.0; spec.shape.iter().product()];
        fill(&mut out, kind, &spec.shape, hidden, init, seed, number);
        out
    });
    Ok(values.collect())
}

fn fill(out: &mut [f32], kind: &str, shape: &[usize], hidden: usize, init: &Init, seed: u64, number: u64) {
    let torch = 1.0 / (hidden as f64).sqrt();
    let gates = shape[0] / hidden.min(shape[0]);
    match (kind, init.scheme) {
        ("weight_ln_ih" | "weight_ln_hh", _) => out.fill(1.0),
        ("bias", scheme) => {
            if scheme == Scheme::Uniform {
                let mut stream = Stream::new(seed, number);
                out.fill_with(|| (within(&mut stream, torch) + within(&mut stream, torch)) as f32);
            }
            if let Some(steps) = init.chrono {
                chrono(out, hidden, steps, seed, number);
            } else if let Some(value) = init.forget_bias {
                out[hidden..2 * hidden].fill(value);
            }
        }
        (_, Scheme::Uniform) => uniform(out, torch as f32, seed, number),
        ("weight_peephole", _) => {}
        ("weight_hr", Scheme::Orthogonal) => orthogonal(out, shape[0], shape[1], seed, number),
        ("weight_hh", Scheme::Orthogonal) => orthogonal(out, hidden, shape[1], seed, number),
        ("weight_hr", _) => glorot(out, shape[1], shape[0], seed, number),
        _ => glorot(out, shape[1], shape[0] / gates, seed, number),
    }
}

/// `weight_ih` and 2 of `weight_ih_l2_reverse`.
fn kind_and_layer(name: &str) -> (&str, usize) {
    let (kind, layer) =
        name.trim_end_matches("_reverse").rsplit_once("_l").expect("a parameter name ends in _l and a layer");
    (kind, layer.parse().expect("a parameter name ends in a layer's number"))
}

/// One draw from U(-bound, bound).
fn within(stream: &mut Stream, bound: f64) -> f64 {
    (2.0 * f64::from(stream.uniform()) - 1.0) * bound
}

/// Fills `out` with draws from U(-bound, bound).
pub fn uniform(out: &mut [f32], bound: f32, seed: u64, stream: u64) {
    let mut stream = Stream::new(seed, stream);
    out.fill_with(|| within(&mut stream, f64::from(bound)) as f32);
}

/// Fills `out` with draws from the normal distribution with mean 0 and this standard deviation.
pub fn normal(out: &mut [f32], deviation: f32, seed: u64, stream: u64) {
    let mut stream = Stream::new(seed, stream);
    out.fill_with(|| (stream.normal() * f64::from(deviation)) as f32);
}

/// Fills `out` with draws from U(-k, k), k = √(6 / (fan_in + fan_out)).
pub fn glorot(out: &mut [f32], fan_in: usize, fan_out: usize, seed: u64, stream: u64) {
    let bound = (6.0 / (fan_in + fan_out) as f64).sqrt();
    let mut stream = Stream::new(seed, stream);
    out.fill_with(|| within(&mut stream, bound) as f32);
}

/// Fills `out`, matrices `[rows, columns]` one after another, with orthogonal ones: columns orthonormal where there are at
/// least as many rows, else rows. The distribution is uniform (Gram and Schmidt on normal draws).
pub fn orthogonal(out: &mut [f32], rows: usize, columns: usize, seed: u64, stream: u64) {
    let mut stream = Stream::new(seed, stream);
    let (count, length) = (rows.min(columns), rows.max(columns));
    for matrix in out.chunks_exact_mut(rows * columns) {
        let vectors = orthonormal(count, length, &mut stream);
        for (k, vector) in vectors.chunks_exact(length).enumerate() {
            for (j, value) in vector.iter().enumerate() {
                let at = if rows >= columns { j * columns + k } else { k * columns + j };
                matrix[at] = *value as f32;
            }
        }
    }
}

/// `count` orthonormal vectors of `length >= count` numbers, one after another.
fn orthonormal(count: usize, length: usize, stream: &mut Stream) -> Vec<f64> {
    // A new vector this near to the span of the others would lose too many digits; it is drawn again.
    const NEAR: f64 = 1e-6;
    let mut done: Vec<f64> = Vec::with_capacity(count * length);
    let mut vector = vec![0.0; length];
    for _ in 0..count {
        loop {
            vector.fill_with(|| stream.normal());
            for other in done.chunks_exact(length) {
                let part = dot(&vector, other);
                vector.iter_mut().zip(other).for_each(|(v, o)| *v -= part * o);
            }
            let norm = dot(&vector, &vector).sqrt();
            if norm > NEAR {
                vector.iter_mut().for_each(|v| *v /= norm);
                break;
            }
        }
        done.extend_from_slice(&vector);
    }
    done
}

/// The sum of products in one fixed order: eight running sums, so that the compiler may use vectors without changing bits.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Sets the forget rows of a bias `[4H]` to ln U(1, steps - 1) and the input rows to minus that.
pub fn chrono(bias: &mut [f32], hidden: usize, steps: f32, seed: u64, stream: u64) {
    // The upper half of the numbers: apart from the streams that fill the parameters.
    let mut stream = Stream::new(seed, stream | 1 << 63);
    let (input, rest) = bias.split_at_mut(hidden);
    for (input, forget) in input.iter_mut().zip(&mut rest[..hidden]) {
        let time = 1.0 + f64::from(stream.uniform()) * (f64::from(steps) - 2.0);
        *forget = ln(time) as f32;
        *input = -*forget;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(of: &[(&str, &[usize])]) -> Vec<ParamSpec> {
        of.iter().map(|(name, shape)| ParamSpec { name: (*name).to_string(), shape: shape.to_vec() }).collect()
    }

    fn largest(values: &[f32]) -> f32 {
        values.iter().fold(0.0, |largest, value| value.abs().max(largest))
    }

    #[test]
    fn names_are_read() {
        assert_eq!(kind_and_layer("weight_ln_ih_l12_reverse"), ("weight_ln_ih", 12));
        assert_eq!(kind_and_layer("bias_l0"), ("bias", 0));
    }

    #[test]
    fn orthogonal_matrices_are_orthogonal() {
        for (rows, columns) in [(1, 1), (3, 3), (17, 5), (5, 17), (64, 64), (33, 8)] {
            let mut out = vec![0.0; 4 * rows * columns];
            orthogonal(&mut out, rows, columns, 7, 3);
            for gate in out.chunks_exact(rows * columns) {
                let vector = |k: usize| -> Vec<f64> {
                    let at = |j: usize| if rows >= columns { gate[j * columns + k] } else { gate[k * columns + j] };
                    (0..rows.max(columns)).map(|j| f64::from(at(j))).collect()
                };
                for k in 0..rows.min(columns) {
                    for l in 0..=k {
                        let expected = if k == l { 1.0 } else { 0.0 };
                        let got = dot(&vector(k), &vector(l));
                        assert!((got - expected).abs() < 1e-6, "{rows}x{columns}: vectors {k}, {l}: {got}");
                    }
                }
            }
            assert!(
                rows * columns == 1 || out[..rows * columns] != out[rows * columns..2 * rows * columns],
                "gates differ"
            );
        }
    }

    #[test]
    fn schemes_follow_the_table() {
        let mut config = Config::new(10, 16);
        config.hidden_sizes = vec![16, 4];
        let specs = specs(&[
            ("weight_ih_l0", &[64, 10]),
            ("weight_hh_l0", &[64, 16]),
            ("bias_l0", &[64]),
            ("weight_peephole_l0", &[3, 16]),
            ("weight_ln_ih_l0", &[64]),
            ("weight_ih_l1", &[16, 16]),
            ("weight_hr_l1", &[3, 4]),
        ]);
        for scheme in [Scheme::Uniform, Scheme::Glorot, Scheme::Orthogonal] {
            let init = Init { scheme, forget_bias: Some(2.5), chrono: None };
            let values = parameters(&config, &specs, &init, 1).unwrap();
            assert_eq!(values, parameters(&config, &specs, &init, 1).unwrap());
            assert_ne!(values[0], parameters(&config, &specs, &init, 2).unwrap()[0]);
            let bounds = match scheme {
                Scheme::Uniform => [0.25, 0.25, 0.5, 0.25, 1.0, 0.5, 0.5],
                _ => [
                    (6.0f32 / 26.0).sqrt(),
                    (6.0f32 / 32.0).sqrt(),
                    0.0,
                    0.0,
                    1.0,
                    (6.0f32 / 20.0).sqrt(),
                    (6.0f32 / 7.0).sqrt(),
                ],
            };
            let orthogonal = scheme == Scheme::Orthogonal;
            for (k, bound) in bounds.into_iter().enumerate().filter(|(k, _)| !(orthogonal && matches!(k, 1 | 6))) {
                let mut values = values[k].clone();
                if k == 2 {
                    assert!(values[16..32].iter().all(|v| *v == 2.5));
                    values[16..32].fill(0.0);
                }
                let largest = largest(&values);
                assert!(largest <= bound && largest >= 0.7 * bound, "{scheme:?} {}: {largest} {bound}", specs[k].name);
            }
        }
    }

    #[test]
    fn chrono_sets_forget_and_input_rows() {
        let init = Init { chrono: Some(100.0), ..Init::default() };
        let values = parameters(&Config::new(1, 50), &specs(&[("bias_l0", &[200])]), &init, 0).unwrap();
        let (input, forget) = (&values[0][..50], &values[0][50..100]);
        assert!(forget.iter().all(|v| (0.0..=99f32.ln()).contains(v)), "{forget:?}");
        assert!(input.iter().zip(forget).all(|(i, f)| *i == -f));
        assert!(largest(forget) > 4.0);
        for steps in [2.0, f32::NAN, f32::INFINITY] {
            let init = Init { chrono: Some(steps), ..Init::default() };
            assert!(parameters(&Config::new(1, 1), &[], &init, 0).is_err());
        }
    }

    #[test]
    fn bits_stay_as_they_are() {
        // The values of the first release: a change here changes every model that is trained from a seed.
        let mut drawn = [[0.0; 3]; 3];
        uniform(&mut drawn[0], 1.0, 1, 2);
        orthogonal(&mut drawn[1], 3, 1, 1, 2);
        let mut bias = [0.0; 12];
        chrono(&mut bias, 3, 50.0, 1, 2);
        drawn[2].copy_from_slice(&bias[3..6]);
        let golden = [
            [0xBF2B_48D0, 0xBE41_C630, 0xBE58_02C8],
            [0xBF49_CE47, 0x3F1D_8065, 0x3BF6_109F],
            [0x4076_F098, 0x4027_6F5A, 0x4011_052B],
        ];
        assert_eq!(drawn.map(|three| three.map(f32::to_bits)), golden, "{drawn:?}");
    }
}
