//! Questions about a configuration and their answers: how far a request gets from a client network,
//! why it stops there, what the person sees, and the smallest change that mends it; and a page of
//! prose for every code.
//!
//! It asks the decisions of [`verdict`] with a witness that records: nothing is decided here a second
//! time. It must not know sockets, clocks or the configuration language; what was observed is an
//! argument.

pub mod pages;
