//! Integration tests.

mod activation;
mod scan;
