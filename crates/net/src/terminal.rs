//! The terminal that a person sits at.

use std::os::fd::AsFd;

/// Columns of the terminal that `stream` is; `None` if it is none.
pub fn columns(stream: impl AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}
