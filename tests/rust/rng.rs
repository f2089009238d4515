//! Random numbers: the published vectors, the frequencies, the independence of the addresses, the cost.

use rustlstm::rng::{Coin, Key, Stream, philox};
use std::collections::HashSet;

/// The known-answer vectors of Random123 1.14 (tests/kat_vectors): counter, key, answer.
type Vector = ([u32; 4], [u32; 2], [u32; 4]);
const PI: ([u32; 4], [u32; 2]) = ([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
const TEN_ROUNDS: [Vector; 3] = [
    ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
    (PI.0, PI.1, [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]),
];
const SEVEN_ROUNDS: [Vector; 3] = [
    ([0; 4], [0; 2], [0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x5207ddc2, 0x45165e59, 0x4d8ee751, 0x8c52f662]),
    (PI.0, PI.1, [0x4dfccaba, 0x190a87f0, 0xc47362ba, 0xb6b5242a]),
];

#[test]
fn philox_gives_the_published_answers() {
    for (counter, key, answer) in TEN_ROUNDS {
        assert_eq!(philox::<10>(counter, key), answer, "ten rounds of {counter:08x?} under {key:08x?}");
    }
    for (counter, key, answer) in SEVEN_ROUNDS {
        assert_eq!(philox::<7>(counter, key), answer, "seven rounds of {counter:08x?} under {key:08x?}");
    }
}

#[test]
fn lanes_are_pinned() {
    // Recorded runs can be repeated only while these words stay.
    let words = Key::new(1, 2).lanes(3, 4, 5, 6);
    assert_eq!(words, PINNED, "{words:#010x?}");
    assert_eq!(words, Key::new(1, 2).lanes(3, 4, 5, 6));
    let mut stream = Stream::new(1, 2);
    assert_eq!([stream.next_u32(), stream.next_u32()], PINNED_STREAM);
}
const PINNED: [u32; 16] = [
    0xf277ee78, 0xa07e2e2f, 0xdddd0177, 0xa9b46309, 0xa25c8796, 0x9fa863c5, 0x1d6c6bf5, 0xc657baa9, 0x2ffae009,
    0xf6575eba, 0x4df74ca0, 0x953b67ad, 0x9dfbc212, 0x6e876687, 0xc1c1aa05, 0x753676c5,
];
const PINNED_STREAM: [u32; 2] = [0x2a5b9830, 0x67c73a10];

#[test]
fn every_coordinate_of_an_address_matters() {
    // Any set of the six coordinates moves by one, beside small and beside large coordinates.
    let mut seen = HashSet::new();
    let mut count = 0;
    for base in [0u32, 7, (1 << 30) - 2] {
        for change in 0u32..64 {
            let bit = |n: u32| change >> n & 1;
            let key = Key::new(u64::from(base) << 20 | u64::from(bit(0)), u64::from(base) + u64::from(bit(1)));
            seen.extend(key.lanes(base + bit(2), base + bit(3), base + bit(4), base + bit(5)));
            count += 16;
        }
    }
    assert_eq!(seen.len(), count, "3072 words of 32 bits are all different with a chance of 0.999");
}

#[test]
fn neighbouring_addresses_are_uncorrelated() {
    // Half of all bits differ between neighbours: 512 bits · 4096 pairs, four standard deviations.
    let words = |key: [u64; 2], at: [u32; 4]| Key::new(key[0], key[1]).lanes(at[0], at[1], at[2], at[3]);
    for coordinate in 0..6 {
        let mut differing = 0u32;
        for n in 0..4096u32 {
            let (mut key, mut at) = ([11, 13], [17, 19, 23, n]);
            let here = words(key, at);
            if coordinate < 2 {
                key[coordinate] += 1
            } else {
                at[coordinate - 2] += 1
            }
            let there = words(key, at);
            differing += here.iter().zip(there).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
        }
        let bits = 512.0 * 4096.0;
        let deviations = (f64::from(differing) - bits / 2.0) / (bits / 4.0f64).sqrt();
        assert!(deviations.abs() < 4.0, "coordinate {coordinate}: {deviations} standard deviations");
    }
}

#[test]
fn a_coin_keeps_as_often_as_it_says() {
    let key = Key::new(5, 0);
    let throws = 1 << 20;
    for p in [0.0f32, 1e-4, 0.1, 0.25, 0.5, 0.9, 0.999, 1.0] {
        let scale = 1.0 / (1.0 - p).max(0.5);
        let mut kept = 0;
        for position in 0..throws / 16 {
            let words = key.lanes(1, 0, 0, position);
            let keep = Coin::new(p).keep(words);
            kept += keep.iter().filter(|&&one| one).count();
            assert_eq!(Coin::new(p).mask(words, scale), keep.map(|one| if one { scale } else { 0.0 }));
        }
        let expected = f64::from(throws) * (1.0 - f64::from(p));
        let deviation = (expected * f64::from(p)).sqrt();
        assert!((kept as f64 - expected).abs() <= 4.0 * deviation, "p = {p}: kept {kept}, expected {expected}");
    }
    assert_eq!(Coin::new(0.25), Coin::keeping(0.75));
    assert_eq!(Coin::new(-1.0), Coin::new(0.0));
    assert_eq!(Coin::new(2.0), Coin::new(1.0));
    let ends = [u32::MAX, 0].map(|word| [word; 16]);
    for words in ends {
        assert_eq!(Coin::new(0.0).keep(words), [true; 16], "nothing is dropped at p = 0");
        assert_eq!(Coin::new(1.0).keep(words), [false; 16], "nothing is kept at p = 1");
    }
}

#[test]
fn streams_are_uniform_and_normal() {
    let draws = 1 << 20;
    type Draw = Box<dyn FnMut() -> f64>;
    let moments = |mut draw: Draw| {
        let mut sums = [0.0; 4];
        for _ in 0..draws {
            let x = draw();
            for (power, sum) in sums.iter_mut().enumerate() {
                *sum += x.powi(power as i32 + 1);
            }
        }
        sums.map(|sum| sum / f64::from(draws))
    };
    let cases: [(&str, Draw, [f64; 4], [f64; 4]); 3] = {
        let (mut a, mut b, mut c) = (Stream::new(3, 0), Stream::new(3, 1), Stream::new(3, 2));
        let (flat, flat_spread) = ([1.0 / 2.0, 1.0 / 3.0, 1.0 / 4.0, 1.0 / 5.0], [0.289, 0.298, 0.283, 0.267]);
        [
            ("uniform", Box::new(move || f64::from(a.uniform())), flat, flat_spread),
            ("uniform_f64", Box::new(move || b.uniform_f64()), flat, flat_spread),
            ("normal", Box::new(move || c.normal()), [0.0, 1.0, 0.0, 3.0], [1.0, 1.42, 3.88, 9.8]),
        ]
    };
    for (name, draw, expected, spread) in cases {
        let got = moments(draw);
        for moment in 0..4 {
            let deviations = (got[moment] - expected[moment]) / (spread[moment] / f64::from(draws).sqrt());
            assert!(deviations.abs() < 4.0, "{name}, moment {}: {deviations} standard deviations", moment + 1);
        }
    }
    let mut stream = Stream::new(3, 3);
    assert!((0..100_000).all(|_| (0.0..1.0).contains(&stream.uniform()) && (0.0..1.0).contains(&stream.uniform_f64())));
}

#[test]
fn streams_are_repeatable_and_apart() {
    let draw = |seed, number| {
        let mut stream = Stream::new(seed, number);
        (0..256).map(|_| stream.next_u32()).collect::<Vec<_>>()
    };
    assert_eq!(draw(1, 2), draw(1, 2));
    let all: HashSet<u32> =
        [(0, 0), (0, 1), (1, 0), (1, 1), (u64::MAX, 0)].iter().flat_map(|&(s, n)| draw(s, n)).collect();
    assert_eq!(all.len(), 5 * 256, "the streams share words");
    let normals = |mut stream: Stream| (0..99).map(|_| stream.normal().to_bits()).collect::<Vec<_>>();
    assert_eq!(normals(Stream::new(9, 9)), normals(Stream::new(9, 9)));
}

/// `cargo test --release --test rust rng::cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[cfg(target_arch = "x86_64")]
fn cost_of_a_mask() {
    use std::hint::black_box;
    use std::time::Instant;

    #[inline(always)]
    fn fill(key: Key, coin: Coin, out: &mut [f32]) {
        for (position, sixteen) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            *sixteen = coin.mask(key.lanes(1, 2, 3, position as u32), 2.0);
        }
    }
    #[target_feature(enable = "avx2,fma")]
    fn fill_avx2(key: Key, coin: Coin, out: &mut [f32]) {
        fill(key, coin, out);
    }
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
    fn fill_avx512(key: Key, coin: Coin, out: &mut [f32]) {
        fill(key, coin, out);
    }

    let mut out = vec![0.0f32; 4096];
    let mut measure = |name: &str, body: &dyn Fn(&mut [f32])| {
        let best = (0..200)
            .map(|_| {
                let start = Instant::now();
                body(black_box(&mut out));
                start.elapsed().as_nanos() as f64
            })
            .fold(f64::INFINITY, f64::min);
        println!("mask, {name}: {:.2} ns per element", best / out.len() as f64);
    };
    let (key, coin) = (Key::new(1, 2), Coin::new(0.5));
    measure("baseline", &|out| fill(key, coin, out));
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the features were found just above.
        measure("avx2", &|out| unsafe { fill_avx2(key, coin, out) });
    }
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
    {
        // SAFETY: the features were found just above.
        measure("avx512", &|out| unsafe { fill_avx512(key, coin, out) });
    }
}
