//! Certificates from authorities (RFC 8555): drives the machine of orders and renewals over
//! instant-acme.
//!
//! What to do next, and when, is decided in `machine`; this crate must not decide it.
