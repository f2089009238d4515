//! The storeys of the crate, held against what the sources really import.
//!
//! ```text
//! bindings
//! layers  optim  decode  safetensors    siblings; they never import one another
//! kernels
//! simd
//! error  view  buffer  threads  rng  half    the ground, usable from every storey
//! ```
//!
//! An arrow may only point down. Instruction sets are named in `simd/`, in the matrix product's micro-kernel and where a
//! thread's rounding is set, and threads are started in `threads.rs` only. This reads text, not types: comments and
//! literals are blanked out, then the paths that lead to the crate's root are looked at.

use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules from the ground up; those of one row do not import one another, but for the ground's own row.
const STOREYS: [&[&str]; 6] = [
    &["error", "view", "buffer", "threads", "rng", "half"],
    &["simd"],
    &["kernels"],
    &["layers", "optim", "safetensors"],
    &["decode"],
    &["bindings"],
];

/// Words that only some files may use, and why.
const RESERVED: [(&[&str], &[&str], &str); 3] = [
    (
        &["std::arch", "core::arch", "target_feature", "is_x86_feature_detected", "is_aarch64_feature_detected"],
        &["simd/", "kernels/gemm/micro.rs", "threads/rounding.rs"],
        "instruction sets belong to src/simd/, src/kernels/gemm/micro.rs and src/threads/rounding.rs",
    ),
    (&["rayon"], &["threads.rs", "threads/"], "rayon has one gate, src/threads.rs"),
    (
        &["thread::spawn", "thread::scope", "thread::Builder"],
        &["threads.rs", "threads/"],
        "threads are started by src/threads.rs",
    ),
];

#[test]
fn architecture_arrows_point_down_only() {
    let files = sources();
    assert!(files.len() >= 8, "found only {} files under src/", files.len());
    let wrong: Vec<String> = files.iter().flat_map(|(name, text)| violations(name, text)).collect();
    assert!(wrong.is_empty(), "{} against the storeys:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn architecture_violations_are_seen() {
    // (file, source, what the report must contain, or "" for no report)
    let cases = [
        ("kernels/gates.rs", "use crate::simd::Simd;", ""),
        ("kernels/gates.rs", "use crate::layers::Cell;", "kernels -> layers"),
        ("kernels/gates.rs", "// use crate::layers::Cell;\n/* crate::layers /* */ crate::layers */", ""),
        ("kernels/gates.rs", r##"const S: &str = r#"crate::layers"#; const T: &str = "crate::layers";"##, ""),
        ("kernels/gates.rs", "fn f<'a>(x: &'a str) -> char { '\"' } use crate::bindings;", "kernels -> bindings"),
        ("layers/lstm.rs", "use crate::{\n    error::Error,\n    optim::{Adam, Sgd},\n};", "layers -> optim"),
        ("layers/lstm.rs", "use super::super::decode::sample;", "layers -> decode"),
        ("layers/lstm.rs", "use super::cell; use crate::layers::cell::Cell; use crate::kernels::{gates, gemm};", ""),
        ("layers/stream.rs", "let y = crate::decode::sample(x);", "layers -> decode"),
        ("decode/model.rs", "use crate::layers::TokenStream; use crate::kernels::softmax;", ""),
        ("decode/model.rs", "use crate::bindings;", "decode -> bindings"),
        ("layers/lstm.rs", "use rayon::prelude::*;", "one gate"),
        ("layers/lstm.rs", "fn go() { std::thread::spawn(|| ()); }", "started by src/threads.rs"),
        ("layers/lstm.rs", "#[cfg(test)]\nmod tests {\n fn go() { std::thread::scope(|_| ()); }\n}", ""),
        ("threads.rs", "use rayon::ThreadPool; use crate::Error; fn go() { std::thread::spawn(|| ()); }", ""),
        ("rng.rs", "use crate::simd::Level;", "rng -> simd"),
        ("view.rs", "use crate::error::Error;", ""),
        ("kernels/softmax.rs", "use std::arch::x86_64::*;", "belong to src/simd/"),
        ("kernels/gates.rs", "#[target_feature(enable = \"avx2\")] fn f() {}", "belong to src/simd/"),
        ("kernels/gemm/micro.rs", "use std::arch::x86_64::*;", ""),
        ("simd/avx2.rs", "use core::arch::x86_64::*; use crate::kernels::gemm;", "simd -> kernels"),
        ("bindings/lstm.rs", "use crate::layers::Lstm; use crate::threads; use crate::simd::level;", ""),
        ("safetensors/header.rs", "use crate::layers::Lstm;", "safetensors -> layers"),
        ("novel.rs", "use crate::error::Error;", "not in the table"),
        ("lib.rs", "pub mod layers; pub use crate::layers::Lstm;", ""),
    ];
    for (file, source, expected) in cases {
        let report = violations(file, source).join("\n");
        let right = if expected.is_empty() { report.is_empty() } else { report.contains(expected) };
        assert!(right, "{file}: {source}\n  must report {expected:?}, reported {report:?}");
    }
}

/// Every Rust file under `src/`, by its path from there, with its text.
fn sources() -> Vec<(String, String)> {
    fn visit(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("src/ can be listed") {
            let path = entry.expect("src/ can be listed").path();
            if path.is_dir() {
                visit(&path, files);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    visit(&root, &mut files);
    files.sort();
    let name = |path: &Path| path.strip_prefix(&root).expect("below src/").to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (name(path), fs::read_to_string(path).expect("sources are UTF-8"))).collect()
}

/// One readable line for each forbidden arrow or word in the file `name` (its path below `src/`).
fn violations(name: &str, text: &str) -> Vec<String> {
    let code = blank_comments_and_literals(text);
    let line = |at: usize| 1 + code[..at].matches('\n').count();
    let mut wrong = Vec::new();

    let unit = name.split('/').next().unwrap_or(name).trim_end_matches(".rs");
    if unit != "lib" {
        match storey(unit) {
            None => wrong.push(format!("src/{name}:1: `{unit}` is not in the table of storeys; give it a place there")),
            Some(here) => {
                for (at, target) in root_imports(&code) {
                    let Some(there) = storey(&target) else { continue };
                    let allowed = target == unit || there < here || there == 0;
                    if !allowed {
                        let why = if there == here { "siblings never import one another" } else { "arrows point down" };
                        wrong.push(format!("src/{name}:{}: {unit} -> {target} is forbidden: {why}", line(at)));
                    }
                }
            }
        }
    }

    // Tests close a file, and may start threads of their own.
    let tests = code.find("#[cfg(test)]").filter(|at| code[*at..].contains("mod ")).unwrap_or(code.len());
    for (words, homes, why) in RESERVED {
        if homes.iter().any(|home| name == *home || (home.ends_with('/') && name.starts_with(home))) {
            continue;
        }
        for word in words {
            for at in find_words(&code, word) {
                if at < tests || !word.starts_with("thread::") {
                    wrong.push(format!("src/{name}:{}: uses `{word}`: {why}", line(at)));
                }
            }
        }
    }
    wrong
}

/// The row of a top-level module, counted from the ground.
fn storey(unit: &str) -> Option<usize> {
    STOREYS.iter().position(|row| row.contains(&unit))
}

/// The top-level modules that paths in `code` lead to, with the place: `crate::a`, `crate::{a::x, b}`, `super::super::a`.
fn root_imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // `super::a` stays inside the unit, but for `super::super::a`, which reaches the root from a file of the unit's folder;
    // deeper chains are judged in the same way, because only the root has modules with these names.
    for start in ["crate::", "super::super::"] {
        for at in find_words(code, start) {
            let mut rest = &code[at + start.len()..];
            while let Some(shorter) = rest.strip_prefix("super::") {
                rest = shorter;
            }
            let trimmed = rest.trim_start();
            if let Some(group) = trimmed.strip_prefix('{') {
                found.extend(group_heads(group).into_iter().map(|head| (at, head)));
            } else {
                found.push((at, first_word(trimmed)));
            }
        }
    }
    found
}

/// The first words of the items of a `{…}` group whose opening brace is already read.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut item) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(first_word(item.trim_start()));
                item.clear();
            }
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    heads.push(first_word(item.trim_start()));
    heads
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The places of `word` in `code` where no identifier goes on to its left or right.
fn find_words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let open_left = !code[..at].chars().next_back().is_some_and(part);
        let open_right = word.ends_with("::") || !code[at + word.len()..].chars().next().is_some_and(part);
        open_left && open_right
    })
}

/// The source with comments, strings and characters replaced by spaces; line breaks stay, so that lines can be counted.
fn blank_comments_and_literals(text: &str) -> String {
    let source: Vec<char> = text.chars().collect();
    let at = |i: usize| source.get(i).copied().unwrap_or('\0');
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < source.len() {
        let end = match at(i) {
            '/' if at(i + 1) == '/' => (i..source.len()).find(|&j| at(j) == '\n').unwrap_or(source.len()),
            '/' if at(i + 1) == '*' => end_of_block_comment(&source, i),
            'r' if raw_string(&source, i).is_some() => raw_string(&source, i).unwrap_or(i + 1),
            '"' => end_of_quoted(&source, i, '"'),
            // A quote is a character if it closes after one (perhaps escaped) character, else a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => end_of_quoted(&source, i, '\''),
            c => {
                code.push(c);
                i += 1;
                continue;
            }
        };
        code.extend(source[i..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        i = end;
    }
    code
}

fn end_of_block_comment(source: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i + 1 < source.len() {
        match (source[i], source[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') if depth == 1 => return i + 2,
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    source.len()
}

/// The end of the raw string that starts at `start`, if one does.
fn raw_string(source: &[char], start: usize) -> Option<usize> {
    let before = start.checked_sub(1).map_or(' ', |i| source[i]);
    if (before.is_alphanumeric() && before != 'b') || before == '_' {
        return None;
    }
    let hashes = source[start + 1..].iter().take_while(|&&c| c == '#').count();
    let open = start + 1 + hashes;
    if source.get(open) != Some(&'"') {
        return None;
    }
    let closes = |&i: &usize| source[i] == '"' && source[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
    Some((open + 1..source.len()).find(closes).map_or(source.len(), |i| i + 1 + hashes))
}

fn end_of_quoted(source: &[char], start: usize, quote: char) -> usize {
    let mut i = start + 1;
    while i < source.len() && source[i] != quote {
        i += if source[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(source.len())
}
