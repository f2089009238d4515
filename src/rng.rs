//! Deterministic random numbers: counters in, bits out.
