//! The terminal that a person sits at.

use std::os::fd::AsFd;

/// A program that prints into a pipe ends when nobody reads any more, as other tools do, and does not
/// complain. Not for a server.
pub fn end_with_reader() {
    // SAFETY: the default disposition of a signal needs no handler, and no other thread runs yet.
    // JUSTIFICATION: the standard library ignores the signal before `main`, and offers no way back.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Columns of the terminal that `stream` is; `None` if it is none.
pub fn columns(stream: impl AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}
