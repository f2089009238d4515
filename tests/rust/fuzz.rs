//! The loader against files that were damaged by chance and by design: no panic, no hang, no memory beyond the file's
//! size. A test binary of its own, for the allocator counts the bytes of the whole process.

mod counting;

use counting::{TURN, measured};
use rustlstm::safetensors::{Dtype, Header, Source, write};
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// A right file with up to five tensors.
fn seed(rng: &mut Rng) -> Vec<u8> {
    const NAMES: [&str; 6] = ["weight_ih_l0", "a", "", "q\"\\\n", "ünï😀", "head.bias"];
    let data = [3; 8 * 27];
    let mut names = NAMES.to_vec();
    let shapes: Vec<Vec<usize>> = (0..5).map(|_| (0..rng.below(4)).map(|_| rng.below(4)).collect()).collect();
    let sources: Vec<Source<'_>> = shapes[..rng.below(6)]
        .iter()
        .map(|shape| {
            let dtype = Dtype::ALL[rng.below(Dtype::ALL.len())];
            let name = names.swap_remove(rng.below(names.len()));
            Source { name, dtype, shape, data: &data[..dtype.bytes(shape.iter().copied()).expect("small")] }
        })
        .collect();
    let metadata = [("format", "pt"), ("k\u{1}", "v")];
    let mut file = Vec::new();
    write(&mut file, &sources, &metadata[..rng.below(3)]).expect("a right file");
    file
}

/// Pieces that a header is made of, and some that it is not.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\"\"",
    "{}",
    "[]",
    "[0,0]",
    "0",
    "1",
    "00",
    "-0",
    "-1",
    "1.0",
    "1e3",
    "null",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "4294967296",
    "true",
    " ",
    "\n",
    "\u{0}",
    "\\u0061",
    "\\ud800",
    "\\udc00",
    "\\x",
    "\"F32\"",
    "\"dtype\"",
    "\"shape\"",
    "\"data_offsets\"",
    "\"__metadata__\"",
    "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},",
    "\"__metadata__\":{\"a\":\"b\"},",
    "\u{1F600}",
];

/// One change to the header that knows how headers are made: a piece is put in, put in another's place, or repeated.
fn change_structure(rng: &mut Rng, header: &mut Vec<u8>) {
    let borders: Vec<usize> = (0..=header.len())
        .filter(|&at| {
            let part = |at: usize| header.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            at == 0 || !(part(at - 1) && part(at))
        })
        .collect();
    let mut place = || borders[rng.below(borders.len())];
    let (first, second) = (place(), place());
    let (start, end) = (first.min(second), first.max(second));
    let next = borders.iter().copied().find(|&border| border > start).unwrap_or(start);
    match rng.below(6) {
        0 => drop(header.splice(start..start, rng.pick(&PIECES).bytes())),
        1 | 2 => drop(header.splice(start..next, rng.pick(&PIECES).bytes())),
        3 => drop(header.drain(start..end.min(start + 60))),
        4 => {
            let copy = header[start..end.min(start + 200)].to_vec();
            drop(header.splice(end..end, copy));
        }
        _ => {
            // A number close to the one that was there.
            let digits = header[start..next].iter().all(u8::is_ascii_digit) && next > start;
            if let (true, Ok(number)) = (digits, String::from_utf8_lossy(&header[start..next]).parse::<u64>()) {
                let other = number.wrapping_add(rng.next() % 9).wrapping_sub(4).to_string();
                drop(header.splice(start..next, other.bytes()));
            }
        }
    }
}

/// One change that knows nothing.
fn change_bytes(rng: &mut Rng, file: &mut Vec<u8>) {
    let at = rng.below(file.len() + 1);
    let end = (at + rng.below(9)).min(file.len());
    match rng.below(4) {
        0 if at < file.len() => file[at] ^= 1 << rng.below(8),
        1 => drop(file.splice(at..end, rng.next().to_le_bytes())),
        2 => drop(file.drain(at..end)),
        _ => file.truncate(at),
    }
}

fn mutant(rng: &mut Rng) -> Vec<u8> {
    let mut file = seed(rng);
    let kind = rng.below(10);
    if kind == 0 {
        return (0..rng.below(200)).map(|_| rng.next() as u8).collect();
    }
    if kind < 8 {
        let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
        let mut header = file[8..8 + length].to_vec();
        for _ in 0..=rng.below(3) {
            change_structure(rng, &mut header);
        }
        let mut announced = header.len() as u64;
        if rng.below(20) == 0 {
            announced = [0, 1, 7, 1 << 31, 1 << 32, 1 << 63, u64::MAX, u64::MAX - 7][rng.below(8)];
        }
        file = [&announced.to_le_bytes(), &header[..], &file[8 + length..]].concat();
    }
    if kind > 6 {
        for _ in 0..=rng.below(4) {
            change_bytes(rng, &mut file);
        }
    }
    file
}

/// Reads a file and all in it; whether it was accepted.
fn read(file: &[u8]) -> bool {
    let Ok((header, data)) = Header::of_file(file) else { return false };
    let mut reached = 0;
    for tensor in header.tensors() {
        let (range, shape) = (tensor.range(), tensor.shape());
        assert_eq!(range.start, reached, "a hole or an overlap was accepted");
        assert_eq!(range.len(), shape.iter().product::<usize>() * tensor.dtype().size());
        assert_eq!(header.get(&tensor.name()).expect("it is listed").range(), range, "a name was accepted twice");
        reached = range.end;
    }
    assert_eq!(reached, data.len());
    assert!(header.metadata().all(|(key, _)| header.metadata().filter(|(other, _)| *other == key).count() == 1));
    true
}

fn fuzz(files: u64) {
    let _turn = TURN.lock().expect("no test panics with it");
    let (mut accepted, mut most, mut slowest) = (0u64, 0, Duration::ZERO);
    for number in 0..files {
        let file = mutant(&mut Rng(number));
        let start = Instant::now();
        let (outcome, bytes) = measured(|| Header::of_file(&file).map(|(header, _)| header.len()));
        slowest = slowest.max(start.elapsed());
        most = most.max(bytes.saturating_sub(file.len()));
        assert!(bytes <= file.len() + (1 << 20), "file {number} of {} bytes took {bytes}", file.len());
        let read = catch_unwind(|| read(&file)).unwrap_or_else(|_| panic!("file {number} stopped the reader"));
        assert_eq!(outcome.is_ok(), read);
        accepted += u64::from(read);
    }
    println!(
        "fuzz: {files} files, {accepted} accepted, at most {most} bytes above the file's size, slowest {slowest:?}"
    );
    // The mutants are of both kinds: too few of one would test little.
    assert!(accepted > files / 100 && accepted < files / 2, "{accepted} of {files} accepted");
    assert!(slowest < Duration::from_secs(1));
}

#[test]
fn mutated_files() {
    fuzz(20_000);
}

#[test]
#[ignore = "a million files; `make fuzz` runs it"]
fn a_million_mutated_files() {
    fuzz(1_000_000);
}

#[test]
fn headers_of_many_entries_take_less_than_themselves() {
    let _turn = TURN.lock().expect("no test panics with it");
    let entries = |name: &dyn Fn(usize) -> String| -> String {
        let one = |number| format!(r#""{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, name(number));
        (0..100_000).map(one).collect::<Vec<_>>().join(",")
    };
    let ones = vec!["1"; 2_000_000].join(",");
    let pairs: Vec<String> = (0..300_000).map(|number| format!(r#""{number}":"""#)).collect();
    let long = "x".repeat(100);
    let table = [
        ("short names", entries(&|number| format!("{number:x}"))),
        ("names that begin alike", entries(&|number| format!("{long}{number}"))),
        ("escaped names", entries(&|number| format!("\\u0061{number:x}"))),
        ("many axes", format!(r#""a":{{"dtype":"U8","shape":[{ones}],"data_offsets":[0,1]}}"#)),
        ("metadata", format!(r#""__metadata__":{{{}}}"#, pairs.join(","))),
        ("a long name", format!(r#""{}":{{"dtype":"X","shape":[],"data_offsets":[0,1]}}"#, "y".repeat(3_000_000))),
        (
            "a long dtype",
            format!(r#""a":{{"dtype":"{}","shape":[],"data_offsets":[0,1]}}"#, "\\u0046".repeat(1_000_000)),
        ),
        ("brackets", "[".repeat(3_000_000)),
        ("twins", format!("{0},{0}", entries(&|number| number.to_string()))),
    ];
    for (what, inside) in table {
        let mut file = ((inside.len() + 2) as u64).to_le_bytes().to_vec();
        file.extend_from_slice(format!("{{{inside}}}").as_bytes());
        file.extend(what.contains("axes").then_some(0));
        let start = Instant::now();
        let (outcome, bytes) = measured(|| Header::of_file(&file).map(|(header, _)| header.len()));
        let seconds = start.elapsed().as_secs_f64();
        println!("{what}: {} bytes took {bytes} more and {seconds:.2} s; {:?}", file.len(), outcome.is_ok());
        assert_eq!(outcome.is_ok(), ["names", "axes", "metadata"].iter().any(|word| what.contains(word)), "{what}");
        assert!(bytes <= file.len(), "{what}: {bytes} bytes for a file of {}", file.len());
        assert!(seconds < 20.0, "{what} took {seconds} s");
    }
}
