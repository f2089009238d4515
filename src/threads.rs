//! Worker teams on a private pool.
