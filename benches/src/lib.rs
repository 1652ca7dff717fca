//! Fixtures of the benchmarks.
