//! The safetensors format: what is written is read again, and each way to be wrong has its sentence.

use rustlstm::safetensors::{Dtype, Header, MAX_HEADER, Source, header, write};

/// A file with this header and so many bytes of data.
fn file(header: &[u8], data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    file.resize(file.len() + data, 7);
    file
}

fn sentence(file: &[u8]) -> String {
    match Header::of_file(file) {
        Ok(_) => "accepted".to_string(),
        Err(error) => error.to_string(),
    }
}

const GOOD: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

#[test]
fn what_is_accepted() {
    // (header, bytes of data, names in the order of the data)
    let table: &[(&str, usize, &[&str])] = &[
        (GOOD, 8, &["a"]),
        ("{}", 0, &[]),
        ("{ \n}\t \r\n", 0, &[]),
        (r#"{"__metadata__":{}}"#, 0, &[]),
        (r#"{ "a" : { "data_offsets" : [ 0 , 8 ] , "shape" : [ 2 ] , "dtype" : "F32" } } "#, 8, &["a"]),
        (r#"{"":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}"#, 8, &[""]),
        (r#"{"a":{"dtype":"U8","shape":[0,9],"data_offsets":[0,0]}}"#, 0, &["a"]),
        (r#"{"\u0061\ud83d\ude00\/":{"\u0064type":"F\u00332","shape":[1],"data_offsets":[0,4]}}"#, 4, &["a😀/"]),
        (
            r#"{"b":{"dtype":"I8","shape":[3],"data_offsets":[8,11]},"a":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}"#,
            11,
            &["a", "b"],
        ),
        (
            r#"{"b":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}}"#,
            3,
            &["a", "b"],
        ),
    ];
    for (header, data, names) in table {
        let file = file(header.as_bytes(), *data);
        let (read, rest) = Header::of_file(&file).unwrap_or_else(|error| panic!("{header}: {error}"));
        let found: Vec<String> = read.tensors().map(|tensor| tensor.name().into_owned()).collect();
        assert_eq!(found, *names, "{header}");
        assert_eq!(rest.len(), *data);
        for name in *names {
            assert_eq!(read.get(name).expect("it is listed").name(), *name);
        }
        assert!(read.get("absent").is_none());
    }
}

#[test]
fn what_is_refused() {
    let tensor = |inside: &str| format!(r#"{{"a":{{{inside}}}}}"#);
    let named = |name: &str| format!(r#"{{"{name}":{{"dtype":"U8","shape":[],"data_offsets":[0,1]}}}}"#);
    let one = r#""dtype":"U8","shape":[],"data_offsets":[0,1]"#;
    // (header, bytes of data, words of the sentence)
    let table: Vec<(String, usize, &str)> = vec![
        (String::new(), 0, "byte 0 of the header: expected '{', found the end"),
        (" {}".into(), 0, "byte 0 of the header: expected '{', found ' '"),
        ("[]".into(), 0, "expected '{'"),
        ("{} {}".into(), 0, "text behind the closing brace, found '{'"),
        ("{".into(), 0, "found the end"),
        ("{,}".into(), 0, "expected '\"', found ','"),
        ("{}\0".into(), 0, "text behind"),
        (GOOD.replace("]}}", "]},}"), 8, "expected '\"', found '}'"),
        (GOOD.replace("\"a\"", "'a'"), 8, "expected '\"'"),
        (GOOD.replace("\"a\"", "a"), 8, "expected '\"'"),
        (GOOD.replace(":{", " {"), 8, "expected ':'"),
        // Strings.
        (named(r"\x"), 1, "an escape that JSON does not have"),
        (named(r"\u12g4"), 1, "an escape"),
        (named(r"\u+123"), 1, "an escape"),
        (named(r"\ud800"), 1, "half of a surrogate pair"),
        (named(r"\ud800\n"), 1, "half of a surrogate pair"),
        (named(r"\ud800\ud800"), 1, "half of a surrogate pair"),
        (named(r"\udc00\ud800"), 1, "half of a surrogate pair"),
        (named("\n"), 1, "a control character"),
        (r#"{"a"#.into(), 0, "the string does not end"),
        (r#"{"a\"#.into(), 0, "an escape"),
        // Tensors.
        (r#"{"a":null}"#.into(), 0, "expected '{', found 'n'"),
        (r#"{"a":["U8",[],[0,1]]}"#.into(), 1, "expected '{', found '['"),
        (tensor(r#""dtype":"U8","shape":[]"#), 1, "a tensor needs dtype, shape and data_offsets"),
        (tensor(&format!(r#"{one},"dtype":"U8""#)), 1, "\"dtype\" is unknown or comes twice"),
        (tensor(&format!(r#"{one},"extra":1"#)), 1, "\"extra\" is unknown or comes twice"),
        (tensor(&one.replace("U8", "F8_E4M3")), 1, "\"F8_E4M3\" is not a dtype that is read here (BOOL, U8"),
        (tensor(&one.replace("U8", "u8")), 1, "\"u8\" is not a dtype"),
        (tensor(&one.replace("\"U8\"", "8")), 1, "expected '\"', found '8'"),
        (format!(r#"{{"a":{{{one}}},"a":{{{one}}}}}"#).replacen("[0,1]", "[1,2]", 1), 2, "tensor \"a\": comes twice"),
        (format!(r#"{{"a":{{{one}}},"\u0061":{{{one}}}}}"#).replacen("[0,1]", "[1,2]", 1), 2, "comes twice"),
        // Shapes.
        (tensor(&one.replace("[]", "[-1]")), 1, "expected a whole number from 0 on, found '-'"),
        (tensor(&one.replace("[]", "[1.0]")), 1, "expected a whole number from 0 on, found '.'"),
        (tensor(&one.replace("[]", "[1e0]")), 1, "expected a whole number"),
        (tensor(&one.replace("[]", "[01]")), 1, "a number with a leading zero"),
        (tensor(&one.replace("[]", "[00]")), 1, "a number with a leading zero"),
        (tensor(&one.replace("[]", "[18446744073709551616]")), 1, "does not fit the address space"),
        (tensor(&one.replace("[]", "[1,]")), 1, "expected a whole number"),
        (tensor(&one.replace("[]", "[[1]]")), 1, "expected a whole number"),
        (tensor(&one.replace("[]", "1")), 1, "expected '['"),
        (tensor(&one.replace("[]", "[2]")), 1, "tensor \"a\": needs 2 bytes by its shape, and has 1"),
        (tensor(&one.replace("[]", "[4294967296,4294967296]")), 1, "cannot be counted"),
        (tensor(&one.replace("[]", "[4294967296,4294967296,0]")), 1, "cannot be counted"),
        (tensor(&one.replace("[]", "[2305843009213693952]").replace("U8", "F64")), 1, "cannot be counted"),
        // Offsets.
        (tensor(&one.replace("[0,1]", "[0]")), 1, "must be a pair, got 1 numbers"),
        (tensor(&one.replace("[0,1]", "[0,1,2]")), 1, "must be a pair, got 3 numbers"),
        (
            tensor(&one.replace("[0,1]", "[1,2]")),
            2,
            "tensor \"a\": lies at [1, 2) of the data, where 0 is the next free",
        ),
        (tensor(&one.replace("[0,1]", "[1,0]")), 1, "lies at [1, 0)"),
        (tensor(one), 2, "the data: 2 bytes in the file, 1 by the header"),
        (tensor(one), 0, "the data: 0 bytes in the file, 1 by the header"),
        ("{}".into(), 1, "the data: 1 bytes in the file, 0 by the header"),
        (format!(r#"{{"a":{{{one}}},"b":{{{one}}}}}"#), 1, "lies at [0, 1) of the data, where 1 is the next free byte"),
        (
            format!(r#"{{"a":{{{one}}},"b":{{{one}}}}}"#).replacen("[0,1]", "[2,3]", 1),
            3,
            "where 1 is the next free byte",
        ),
        // Metadata.
        (r#"{"__metadata__":null}"#.into(), 0, "expected '{', found 'n'"),
        (r#"{"__metadata__":{"a":1}}"#.into(), 0, "expected '\"', found '1'"),
        (r#"{"__metadata__":{"a":"x","a":"y"}}"#.into(), 0, "metadata \"a\": comes twice"),
        (r#"{"__metadata__":{},"__metadata__":{}}"#.into(), 0, "the metadata come twice"),
        (r#"{"__metadata__":{},"\u005f_metadata__":{}}"#.into(), 0, "the metadata come twice"),
    ];
    let mut failures = Vec::new();
    for (header, data, words) in &table {
        let got = sentence(&file(header.as_bytes(), *data));
        if !got.contains(words) {
            failures.push(format!("{header}: {got:?} does not say {words:?}"));
        }
    }
    crate::support::report("headers that are refused", table.len(), &failures);
}

#[test]
fn lengths_are_held_against_the_file() {
    let good = file(GOOD.as_bytes(), 8);
    for cut in 0..good.len() {
        assert_ne!(sentence(&good[..cut]), "accepted", "cut to {cut} bytes");
    }
    let announcing = |length: u64| [&length.to_le_bytes(), &good[8..]].concat();
    let table = [
        (announcing(u64::MAX), "more than the 100000000 allowed"),
        (announcing(u64::MAX - 7), "more than the 100000000 allowed"),
        (announcing(MAX_HEADER as u64 + 1), "more than the 100000000 allowed"),
        (announcing(MAX_HEADER as u64), "more than the 62 that follow it"),
        (announcing(63), "more than the 62 that follow it"),
        (good[..5].to_vec(), "5 bytes are too few for the header's length"),
        (file(b"{\"\xff\":", 0), "byte 2 of the header: is not UTF-8"),
    ];
    for (bytes, words) in table {
        assert!(sentence(&bytes).contains(words), "{:?} does not say {words:?}", sentence(&bytes));
    }
    // A name of any length makes a short message.
    let long = GOOD.replace("\"a\"", &format!("\"{}\"", "x".repeat(10_000))).replace("[0,8]", "[0,9]");
    assert!(sentence(&file(long.as_bytes(), 9)).len() < 300);
}

#[test]
fn what_is_written_is_read() {
    let names = ["plain", "", "quote \" back \\ slash /", "control \u{1}\n\t\u{8}\u{c}\r\0", "ünï😀", "__metadata"];
    let data: Vec<u8> = (0..=255).cycle().take(8 * 6).collect();
    let shapes: [&[usize]; 3] = [&[2, 3], &[6], &[1, 6, 1]];
    let mut sources = Vec::new();
    for (index, dtype) in Dtype::ALL.into_iter().enumerate() {
        let name = names.get(index).copied().unwrap_or(dtype.name());
        sources.push(Source { name, dtype, shape: shapes[index % 3], data: &data[..6 * dtype.size()] });
    }
    sources.push(Source { name: "empty", dtype: Dtype::F64, shape: &[3, 0], data: &[] });
    sources.push(Source { name: "single", dtype: Dtype::F64, shape: &[], data: &data[..8] });
    let metadata = [("key \"", "value \\"), ("", "\u{7f}")];
    let mut bytes = Vec::new();
    write(&mut bytes, &sources, &metadata).expect("a file");

    let (header, rest) = Header::of_file(&bytes).expect("a file of ours");
    assert_eq!(header.len(), sources.len());
    for source in &sources {
        let tensor = header.get(source.name).unwrap_or_else(|| panic!("{:?} is not there", source.name));
        assert_eq!((tensor.dtype(), tensor.shape().as_slice()), (source.dtype, source.shape));
        assert_eq!(&rest[tensor.range()], source.data, "{:?}", source.name);
        assert_eq!(((bytes.len() - rest.len()) + tensor.range().start) % source.dtype.size(), 0, "not aligned");
    }
    let found: Vec<_> = header.metadata().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    assert_eq!(found, [("".to_string(), "\u{7f}".to_string()), ("key \"".to_string(), "value \\".to_string())]);
}

#[test]
fn what_is_not_written() {
    type Tensors<'a> = &'a [(&'a str, Dtype, &'a [usize])];
    type Metadata<'a> = &'a [(&'a str, &'a str)];
    let one: &[usize] = &[1];
    let table: [(Tensors<'_>, Metadata<'_>, &str); 4] = [
        (&[("a", Dtype::U8, one), ("a", Dtype::F32, one)], &[], "tensor \"a\": comes twice"),
        (&[], &[("k", "1"), ("k", "2")], "metadata \"k\": comes twice"),
        (&[("__metadata__", Dtype::U8, one)], &[], "under which the metadata stand"),
        (&[("a", Dtype::U8, &[usize::MAX, 2])], &[], "cannot be counted"),
    ];
    for (tensors, metadata, words) in table {
        let error = header(tensors, metadata).expect_err(words).to_string();
        assert!(error.contains(words), "{error:?} does not say {words:?}");
    }
    let short = Source { name: "a", dtype: Dtype::F32, shape: &[2], data: &[0; 7] };
    let error = write(&mut Vec::new(), &[short], &[]).expect_err("seven bytes").to_string();
    assert_eq!(error, "a must have shape [2], got 7 bytes");
}

/// The value of a half, by the definition of IEEE 754.
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + mantissa / 1024.0) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[test]
fn floats_of_all_kinds_become_f32() {
    let read = |dtype: Dtype, data: &[u8]| {
        let mut file = Vec::new();
        let shape = [data.len() / dtype.size()];
        write(&mut file, &[Source { name: "x", dtype, shape: &shape, data }], &[]).expect("a file");
        let (header, rest) = Header::of_file(&file).expect("a file of ours");
        header.get("x").expect("it is there").f32(rest)
    };
    let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    for (bits, value) in (0..=u16::MAX).zip(read(Dtype::F16, &bytes).expect("halves")) {
        let expected = half(bits);
        assert!(f64::from(value).to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(), "{bits:#x}");
    }
    for (bits, value) in (0..=u16::MAX).zip(read(Dtype::Bf16, &bytes).expect("bfloat16")) {
        assert_eq!(value.to_bits(), u32::from(bits) << 16);
    }
    let doubles = [0.1, -0.0, 1e-320, f64::INFINITY, 3.4e38];
    let bytes: Vec<u8> = doubles.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(read(Dtype::F64, &bytes).expect("doubles"), doubles.map(|x| x as f32));
    assert_eq!(read(Dtype::F32, &1.5f32.to_le_bytes()).expect("a float"), [1.5]);
    let error = read(Dtype::F64, &1e39f64.to_le_bytes()).expect_err("too large").to_string();
    assert_eq!(error, "tensor \"x\": 1e39 is beyond the range of f32");
    let error = read(Dtype::I64, &[0; 8]).expect_err("an integer").to_string();
    assert_eq!(error, "tensor \"x\": has dtype I64, not one of floats");
    let file = file(GOOD.as_bytes(), 8);
    let (header, _) = Header::of_file(&file).expect("a file");
    let error = header.get("a").expect("it is there").f32(&[0; 7]).expect_err("less data").to_string();
    assert_eq!(error, "the data: 7 bytes given, 8 needed");
}
