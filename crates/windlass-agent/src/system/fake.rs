//! An imagined machine, for tests.
