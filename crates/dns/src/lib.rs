//! The authoritative server: messages, sockets, signatures. What an answer says is a decision of
//! `verdict`; here it becomes a message, and the rules of the protocol around it are kept: sizes,
//! cookies, limits, signatures, transfers.
//!
//! This crate must not know the configuration language, nor why a zone is as it is.
//! Start at [`engine`] and [`decide`], then [`core`].

pub mod core;
pub mod engine;
pub mod question;

pub mod decide;
pub mod draft;
pub mod message;
pub mod name;

pub mod cookie;
pub mod limit;

pub mod key;
pub mod sign;

pub mod notify;
pub mod snapshot;
mod stream;
pub mod transfer;

pub mod client;
