//! Shared fixtures of the tests: a live server, a recording receiver.
