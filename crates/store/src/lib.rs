//! State that must survive: revisions, compare-and-set, watch and leases behind one trait, its
//! conformance suite, and SQLite as the engine that a single instance needs nothing else for.
//!
//! This crate must not know what it keeps: keys are paths, values are bytes.
