//! What a service manager hands over and wants to hear (sd_listen_fds(3), sd_notify(3)).

use std::net::TcpListener;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixDatagram;

/// The first descriptor that is handed over.
const FIRST: RawFd = 3;
const HANDED_OVER_MAX: i32 = 256;

/// The listening TCP sockets of `LISTEN_FDS`; none if the variable is not for this process. To be
/// called once, at start.
pub fn inherited_listeners() -> Vec<TcpListener> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    if number("LISTEN_PID") != Some(std::process::id().cast_signed()) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0).clamp(0, HANDED_OVER_MAX);
    (FIRST..FIRST + count).filter_map(adopt).collect()
}

fn adopt(descriptor: RawFd) -> Option<TcpListener> {
    // SAFETY: the service manager promises that these descriptors are open and this process's own
    // (LISTEN_PID was checked), and nothing else in it has taken them: this runs once, at start.
    // JUSTIFICATION: the protocol hands descriptors over by number.
    #[expect(unsafe_code, reason = "see SAFETY")]
    let listener = unsafe { TcpListener::from_raw_fd(descriptor) };
    listener.local_addr().is_ok().then_some(listener)
}

/// Tells the service manager, if there is one: `READY=1`, `STOPPING=1`.
pub fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let send = || -> std::io::Result<usize> {
        let socket = UnixDatagram::unbound()?;
        let bytes = path.as_encoded_bytes();
        if let Some(name) = bytes.strip_prefix(b"@") {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            return socket.send_to_addr(state.as_bytes(), &address);
        }
        socket.send_to(state.as_bytes(), &path)
    };
    // A manager that does not listen cannot be told.
    let _ = send();
}

/// `RELOADING=1` with the time that sd_notify(3) asks for.
pub fn notify_reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
}
