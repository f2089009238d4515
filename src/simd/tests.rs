//! Every operation of every level against plain Rust on the same lanes, by bits.

use super::*;
use crate::half;

/// Numbers where levels could part: signs, zeros, the edges of the range, NaN.
const LANES_A: [f32; LANES] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    3.0e38,
    -3.0e38,
    1.0e-38,
    f32::MIN_POSITIVE,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    0.1,
    16777217.0,
    1.0 / 3.0,
    -7.25,
    12582912.0,
];

struct All {
    a: [f32; LANES],
    b: [f32; LANES],
    c: [f32; LANES],
}

impl Kernel for All {
    type Output = Vec<(&'static str, [f32; LANES])>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let [a, b, c] = [self.a, self.b, self.c].map(|x| s.from_array(x));
        vec![
            ("add", s.to_array(s.add(a, b))),
            ("sub", s.to_array(s.sub(a, b))),
            ("mul", s.to_array(s.mul(a, b))),
            ("div", s.to_array(s.div(a, b))),
            ("fma", s.to_array(s.fma(a, b, c))),
            ("fnma", s.to_array(s.fnma(a, b, c))),
            ("sqrt", s.to_array(s.sqrt(a))),
            ("abs", s.to_array(s.abs(a))),
            ("min", s.to_array(s.min(a, b))),
            ("max", s.to_array(s.max(a, b))),
            ("select_lt", s.to_array(s.select_lt(a, b, c, a))),
            ("shift", s.to_array(s.shift_to_exponent(s.splat(130.0 + 12582912.0)))),
            ("sum", [s.sum(c); LANES]),
        ]
    }
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// The sum by halves.
fn halved(lanes: &[f32]) -> f32 {
    match lanes {
        [one] => *one,
        _ => {
            let (low, high) = lanes.split_at(lanes.len() / 2);
            halved(&low.iter().zip(high).map(|(a, b)| a + b).collect::<Vec<_>>())
        }
    }
}

/// The operation by its name, on one lane.
fn plain(name: &str, fused: bool, a: f32, b: f32, c: f32) -> f32 {
    match name {
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "div" => a / b,
        "fma" if fused => a.mul_add(b, c),
        "fma" => a * b + c,
        "fnma" if fused => (-a).mul_add(b, c),
        "fnma" => c - a * b,
        "sqrt" => a.sqrt(),
        "abs" => a.abs(),
        "min" => [b, a][usize::from(a < b)],
        "max" => [b, a][usize::from(a > b)],
        "select_lt" => [a, c][usize::from(a < b)],
        "shift" => f32::from_bits((12582912.0f32 + 130.0).to_bits() << 23),
        _ => unreachable!("{name}"),
    }
}

#[test]
fn every_operation_of_every_level_is_the_plain_one() {
    for level in Level::available() {
        for turn in 0..LANES {
            let (a, mut b, mut c) = (LANES_A, LANES_A, LANES_A);
            b.rotate_left(turn);
            c.rotate_left((3 * turn + 1) % LANES);
            for (name, lanes) in dispatch(level, All { a, b, c }) {
                for i in 0..LANES {
                    let expected =
                        if name == "sum" { halved(&c) } else { plain(name, level.fused(), a[i], b[i], c[i]) };
                    assert!(
                        same(lanes[i], expected),
                        "{} {name}: {} {} {} gave {}, expected {expected}",
                        level.name(),
                        a[i],
                        b[i],
                        c[i],
                        lanes[i]
                    );
                }
            }
        }
    }
}

#[test]
fn short_slices_are_padded_with_zeros_and_written_no_further() {
    struct Ends;
    impl Kernel for Ends {
        type Output = ([f32; LANES], [f32; 5]);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Output {
            let v = s.load_slice(&[1.0, 2.0, 3.0]);
            let mut out = [9.0; 5];
            s.store_slice(&mut out[..2], v);
            (s.to_array(v), out)
        }
    }
    for level in Level::available() {
        let (lanes, out) = dispatch(level, Ends);
        assert_eq!(lanes[..4], [1.0, 2.0, 3.0, 0.0]);
        assert_eq!(out, [1.0, 2.0, 9.0, 9.0, 9.0]);
    }
}

#[test]
fn every_half_is_its_value_at_every_level() {
    struct Halves([u16; LANES]);
    impl Kernel for Halves {
        type Output = [f32; LANES];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Output {
            // SAFETY: the array has sixteen halves.
            s.to_array(unsafe { s.load_halves(self.0.as_ptr()) })
        }
    }
    for level in Level::available() {
        for first in (0..=u16::MAX).step_by(LANES) {
            let halves = std::array::from_fn(|i| first + i as u16);
            for (bits, got) in halves.into_iter().zip(dispatch(level, Halves(halves))) {
                let expected = half::to_f32(bits);
                assert!(same(got, expected), "{} {bits:#x}: {got}, expected {expected}", level.name());
            }
        }
    }
}

#[test]
fn whole_numbers_are_added_and_become_floats_at_every_level() {
    struct Whole([i8; 2 * LANES], [[i16; 2]; 3]);
    impl Kernel for Whole {
        type Output = [f32; LANES];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Output {
            // SAFETY: the array has thirty-two bytes.
            let pairs = unsafe { s.load_pairs(self.0.as_ptr()) };
            let sums = self.1.into_iter().fold(s.no_whole(), |sums, by| s.add_pairs(sums, by, pairs));
            s.to_array(s.to_floats(sums))
        }
    }
    let bytes: [i8; 2 * LANES] = std::array::from_fn(|i| (17 * i as i32 - 127) as i8);
    for by in [[[0; 2]; 3], [[1, 0], [0, 1], [0, 0]], [[32767, -32767], [-32768, 255], [3, -1]], [[30001, 29999]; 3]] {
        for level in Level::available() {
            for (lane, got) in dispatch(level, Whole(bytes, by)).into_iter().enumerate() {
                let [a, b] = [bytes[2 * lane], bytes[2 * lane + 1]].map(i64::from);
                let sum: i64 = by.iter().map(|[x, y]| i64::from(*x) * a + i64::from(*y) * b).sum();
                assert_eq!(got, sum as f32, "{} {by:?} lane {lane}", level.name());
            }
        }
    }
}

#[test]
fn names_are_read_back() {
    for level in Level::ALL {
        assert_eq!(level.short().parse::<Level>(), Ok(level));
    }
    let message = "mmx".parse::<Level>().unwrap_err().to_string();
    assert!(message.contains("mmx") && message.contains("scalar"), "{message}");
}

#[test]
fn a_promised_level_is_there() {
    for name in std::env::var("RUSTLSTM_ENSURE_SIMD").unwrap_or_default().split(',').filter(|name| !name.is_empty()) {
        name.parse::<Level>().and_then(Level::ensure).expect("RUSTLSTM_ENSURE_SIMD names a level that is absent");
    }
}
