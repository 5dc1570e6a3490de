//! A network of this process's own (DECISIONS 10): there the kernel may drop what is not admitted,
//! also for an ordinary user.

mod isolated;

use std::fs;
use std::io;

use rustix::process::{getgid, getuid};
use rustix::thread::UnshareFlags;

pub use isolated::{
    Kind, Privileges, Process, await_child, current, die_with_parent, enter, held_by, isolate,
    leave_terminal, new_mounts, new_network, of_process, set, show_instead,
};

/// Moves this process into a user and a network namespace of its own, in which it is root, and
/// brings `lo` up. To be called before there is a second thread.
pub fn enter_private_network() -> io::Result<()> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    // SAFETY: the caller has one thread, so no other one is left behind in the old namespaces with
    // assumptions about its credentials; neither memory nor descriptors are unshared.
    // JUSTIFICATION: there is no other way to ask the kernel for namespaces.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
    }
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    loopback_up()
}

/// Brings `lo` up in the network namespace of this thread.
pub fn loopback_up() -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    let mut request = Interface { name: [0; 16], flags: 0, rest: [0; 22] };
    request.name[..2].copy_from_slice(b"lo");
    request.flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is as large as the kernel's `struct ifreq` (checked below), begins with a
    // zero-terminated name, and outlives the call.
    // JUSTIFICATION: bringing an interface up is an ioctl, which no safe crate of ours offers.
    #[expect(unsafe_code, reason = "see SAFETY")]
    let answer = unsafe {
        use std::os::fd::AsRawFd;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request)
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `struct ifreq` with its flags.
#[repr(C)]
struct Interface {
    name: [u8; 16],
    flags: libc::c_short,
    rest: [u8; 22],
}

const _: () = assert!(size_of::<Interface>() == size_of::<libc::ifreq>());
