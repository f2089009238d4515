//! As much JSON as a header needs: objects, lists, strings and whole numbers, each in the strict form of RFC 8259.
//!
//! Nothing is copied and nothing nests by itself: the caller says what it expects where, so crafted depth has no way in.

use super::refuse;
use crate::Error;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A place in the text and the way on from it.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Scanner { text, at: 0 }
    }

    /// The bytes read so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Reads `{"key": …, …}`; `member` is called behind each colon and reads the value.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), Error>) -> Result<(), Error> {
        self.items(b'{', b'}', |scanner| {
            let key = scanner.string()?;
            scanner.colon()?;
            member(scanner, key)
        })
    }

    /// Reads the colon between a key and its value, and the space around it.
    pub fn colon(&mut self) -> Result<(), Error> {
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(())
    }

    /// Reads `[…, …]`; `element` reads each value.
    pub fn list(&mut self, element: impl FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.items(b'[', b']', element)
    }

    fn items(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.expect(open)?;
        self.space();
        if self.take(close) {
            return Ok(());
        }
        loop {
            item(self)?;
            self.space();
            if self.take(close) {
                return Ok(());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Text<'a>, Error> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text(&self.text[start..self.at - 1]));
                }
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return self.wrong("a control character inside a string"),
                Some(_) => self.at += 1,
                None => return self.wrong("the string does not end"),
            }
        }
    }

    /// Passes a backslash and what belongs to it.
    fn escape(&mut self) -> Result<(), Error> {
        match escaped(&self.text.as_bytes()[self.at..]) {
            Some((_, length)) => {
                self.at += length;
                Ok(())
            }
            None => self.wrong("an escape that JSON does not have, or half of a surrogate pair"),
        }
    }

    /// Reads a whole number from 0 on, without sign, point, exponent or leading zeros.
    pub fn whole(&mut self) -> Result<usize, Error> {
        let start = self.at;
        let mut number: usize = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let next = number.checked_mul(10).and_then(|tens| tens.checked_add(usize::from(digit - b'0')));
            match next {
                Some(next) if self.at == start || number != 0 => number = next,
                Some(_) => return self.wrong("a number with a leading zero"),
                None => return self.wrong("a number that does not fit the address space"),
            }
            self.at += 1;
        }
        if self.at == start || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return self.wrong("expected a whole number from 0 on");
        }
        Ok(number)
    }

    /// Passes space, if there is any.
    pub fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Fails unless all is read.
    pub fn end(&self) -> Result<(), Error> {
        if self.at == self.text.len() { Ok(()) } else { self.wrong("text behind the closing brace") }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.take(byte) { Ok(()) } else { self.wrong(format!("expected {:?}", char::from(byte))) }
    }

    /// An error at this place.
    pub fn wrong<T>(&self, problem: impl Into<String>) -> Result<T, Error> {
        let got = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => format!(", found {found:?}"),
            None => ", found the end".to_string(),
        };
        refuse(format!("byte {} of the header", self.at), problem.into() + &got)
    }
}

/// What an escape at the start of `bytes` stands for, and its length; nothing if it is none.
fn escaped(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 6)?;
        let hex = digits.starts_with(b"\\u") && digits[2..].iter().all(u8::is_ascii_hexdigit);
        let value = |&digit: &u8| char::from(digit).to_digit(16);
        hex.then(|| digits[2..].iter().filter_map(value).fold(0, |number, digit| number << 4 | digit))
    };
    let simple = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(0)?;
            if let Some(plain) = char::from_u32(first) {
                return Some((plain, 6));
            }
            let second = unit(6)?;
            let pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
            let code = 0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF);
            return pair.then(|| char::from_u32(code)).flatten().map(|joined| (joined, 12));
        }
        _ => return None,
    };
    Some((simple, 2))
}

/// The inside of a JSON string whose escapes are known to be right; they are resolved where it is read.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// The string whose opening quote stands at `at`, in a text that was scanned before.
    pub fn at_quote(text: &'a str, at: usize) -> Text<'a> {
        Scanner { text, at }.string().expect("scanned before")
    }

    /// Where its opening quote stands in the text that it is a part of.
    pub fn place(self, text: &str) -> usize {
        self.0.as_ptr() as usize - text.as_ptr() as usize - 1
    }

    fn is_plain(self) -> bool {
        !self.0.as_bytes().contains(&b'\\')
    }

    fn chars(self) -> impl Iterator<Item = char> + 'a {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = rest.chars().next()?;
            let (meant, length) = match next {
                '\\' => escaped(rest.as_bytes()).expect("scanned before"),
                _ => (next, next.len_utf8()),
            };
            rest = &rest[length..];
            Some(meant)
        })
    }

    /// The string that it stands for.
    pub fn resolve(self) -> Cow<'a, str> {
        if self.is_plain() {
            return Cow::Borrowed(self.0);
        }
        // An escape is never shorter than what it stands for.
        let mut resolved = String::with_capacity(self.0.len());
        resolved.extend(self.chars());
        Cow::Owned(resolved)
    }

    /// The beginning of the string, for a message.
    pub fn excerpt(self) -> String {
        let mut short: String = self.chars().take(80).collect();
        if self.chars().nth(80).is_some() {
            short.push('…');
        }
        short
    }

    /// The order of the strings that they stand for.
    pub fn cmp(self, other: Text<'_>) -> Ordering {
        if self.is_plain() && other.is_plain() { self.0.cmp(other.0) } else { self.chars().cmp(other.chars()) }
    }

    /// Whether it stands for `plain`.
    pub fn is(self, plain: &str) -> bool {
        self.chars().eq(plain.chars())
    }
}
