//! Borrowed views of the caller's arrays.
