//! The one error type: every variant is a sentence that names the argument, what was expected and what was given.

use std::fmt;

/// What can go wrong at the edge of the library. Past the edge nothing fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// An array has the wrong shape or length.
    Shape {
        /// The argument's name as the caller knows it.
        name: String,
        /// The shape that was needed, in the shape letters of the documentation.
        expected: String,
        /// The shape that came.
        got: String,
    },
    /// An option has a value outside its range, or contradicts another option.
    Option {
        /// The option's name.
        name: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        got: String,
    },
    /// The CPU or the build lacks an instruction set that was asked for.
    Level {
        /// The level's short name.
        name: String,
        /// The levels that this machine has.
        available: String,
    },
    /// A file is not what it should be.
    File {
        /// The part of the file.
        place: String,
        /// What is wrong there.
        problem: String,
    },
}

impl Error {
    /// A shape error; `expected` and `got` are shown as they print.
    pub fn shape(name: impl Into<String>, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Error::Shape { name: name.into(), expected: expected.to_string(), got: got.to_string() }
    }

    /// An option error; `expected` and `got` are shown as they print.
    pub fn option(name: impl Into<String>, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Error::Option { name: name.into(), expected: expected.to_string(), got: got.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Shape { name, expected, got } => write!(f, "{name} must have shape {expected}, got {got}"),
            Error::Option { name, expected, got } => write!(f, "{name} must be {expected}, got {got}"),
            Error::Level { name, available } => {
                write!(f, "SIMD level {name:?} is not available here; this machine has: {available}")
            }
            Error::File { place, problem } => write!(f, "{place}: {problem}"),
        }
    }
}

impl std::error::Error for Error {}
