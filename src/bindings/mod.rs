//! The Python binding: convert, release the GIL, call, map the error.
