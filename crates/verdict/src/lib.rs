//! The decisions, pure, each written once.
