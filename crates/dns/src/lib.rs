//! The authoritative server: messages, sockets, signatures. What an answer says is a decision of
//! `verdict`; here it becomes a message, and the rules of the protocol around it are kept: sizes,
//! cookies, limits, signatures, transfers.
//!
//! This crate must not know the configuration language, nor why a zone is as it is.
//! Start at [`question`], then [`cookie`] and [`limit`].

pub mod cookie;
pub mod draft;
pub mod key;
pub mod limit;
pub mod name;
pub mod question;
pub mod sign;
