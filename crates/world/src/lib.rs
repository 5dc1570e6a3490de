//! One immutable snapshot of the configuration with its compiled tables, and the lints.
