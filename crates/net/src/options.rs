//! Socket options that are numbers and that no safe crate of ours offers.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The first `N` numbers of an option; those that the kernel does not know are 0.
pub fn numbers<const N: usize>(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<[u32; N]> {
    let mut numbers = [0u32; N];
    let mut length = size_of_val(&numbers) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which is the size of the array, whose every
    // pattern of bits is a value; both pointers outlive the call.
    // JUSTIFICATION: see the head of this file.
    #[expect(unsafe_code, reason = "see SAFETY")]
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(numbers) }
}

pub fn set_number(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the kernel reads as many bytes as the number has, which outlives the call.
    // JUSTIFICATION: see the head of this file.
    #[expect(unsafe_code, reason = "see SAFETY")]
    let answer = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
