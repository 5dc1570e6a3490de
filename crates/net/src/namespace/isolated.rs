//! Many namespaces held by one process: networks that are real and belong to nobody else.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind, mount_change, mount_remount};
use rustix::process::{PidfdFlags, Signal, getegid, geteuid};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// Whether root's own privileges were enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privileges {
    /// The namespaces belong to the user namespace that the process was in.
    AsBefore,
    /// A user namespace was made, in which the user is root.
    OwnUser,
}

/// Which of a process's namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    Mounts,
    Network,
    /// Of the children, not of the process itself.
    Processes,
}

/// Moves this process into a network and a mount namespace of its own, with a user namespace around
/// them unless it is root. Its next child is the first process of a process namespace: when that one
/// dies, the kernel ends all others in it. To be called before there is a second thread.
pub fn isolate() -> io::Result<Privileges> {
    let apart = UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWPID;
    let (user, group) = (geteuid(), getegid());
    let privileges = match user.is_root() && unshare(apart).is_ok() {
        true => Privileges::AsBefore,
        false => {
            unshare(apart | UnshareFlags::NEWUSER)?;
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("0 {} 1", user.as_raw()))?;
            fs::write("/proc/self/gid_map", format!("0 {} 1", group.as_raw()))?;
            Privileges::OwnUser
        }
    };
    // What is mounted here is seen nowhere else.
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    if access("/proc/sys/net/ipv4/ip_forward", Access::WRITE_OK) == Err(Errno::ROFS) {
        // As in a container. If it cannot be helped, the first setting says so.
        let _ = mount_remount("/proc/sys", MountFlags::BIND, "");
    }
    Ok(privileges)
}

/// Moves this thread into a new network namespace, and names it. Nothing is up in it.
pub fn new_network() -> io::Result<OwnedFd> {
    unshare(UnshareFlags::NEWNET)?;
    current(Kind::Network)
}

/// Moves this process into a copy of its mount namespace, and names it.
pub fn new_mounts() -> io::Result<OwnedFd> {
    unshare(UnshareFlags::NEWNS)?;
    current(Kind::Mounts)
}

/// The namespace that this process is in.
pub fn current(kind: Kind) -> io::Result<OwnedFd> {
    Ok(File::open(Path::new("/proc/self/ns").join(kind.name()))?.into())
}

/// The namespaces of another process.
pub fn of_process(pid: u32, kind: Kind) -> io::Result<OwnedFd> {
    Ok(File::open(Path::new("/proc").join(pid.to_string()).join("ns").join(kind.name()))?.into())
}

/// A namespace that another process holds by a descriptor.
pub fn held_by(pid: u32, descriptor: i32) -> io::Result<OwnedFd> {
    let path = format!("/proc/{pid}/fd/{descriptor}");
    Ok(File::open(path)?.into())
}

/// Moves this process into a namespace; for [`Kind::User`] before there is a second thread. The
/// working directory is kept.
pub fn enter(namespace: &impl AsFd, kind: Kind) -> io::Result<()> {
    let at = if kind == Kind::Mounts { std::env::current_dir().ok() } else { None };
    let named = match kind {
        Kind::User => LinkNameSpaceType::User,
        Kind::Mounts => LinkNameSpaceType::Mount,
        Kind::Network => LinkNameSpaceType::Network,
        Kind::Processes => LinkNameSpaceType::ProcessID,
    };
    move_into_link_name_space(namespace.as_fd(), Some(named))?;
    match at {
        Some(at) => std::env::set_current_dir(at),
        None => Ok(()),
    }
}

/// Whoever reads `place` in this mount namespace reads `file`.
pub fn show_instead(file: &Path, place: &Path) -> io::Result<()> {
    Ok(mount_bind(file, place)?)
}

/// A setting below `/proc/sys/net`, of the network namespace that this thread is in.
pub fn set(setting: &str, value: impl AsRef<OsStr>) -> io::Result<()> {
    fs::write(Path::new("/proc/sys/net").join(setting), value.as_ref().as_encoded_bytes())
}

/// Leaves the terminal, whose signals are for others.
pub fn leave_terminal() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// The child is killed when the thread that starts it ends.
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: between fork and exec the child makes one system call and allocates nothing.
    // JUSTIFICATION: a child can only ask for this itself.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            Ok(())
        });
    }
}

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug)]
pub struct Process(OwnedFd);

impl Process {
    pub fn find(pid: u32) -> io::Result<Process> {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        Ok(Process(rustix::process::pidfd_open(pid, PidfdFlags::empty())?))
    }

    pub fn kill(&self) -> io::Result<()> {
        Ok(rustix::process::pidfd_send_signal(&self.0, Signal::KILL)?)
    }

    /// Waits for its end.
    pub fn await_end(&self) -> io::Result<()> {
        let mut events = [rustix::event::PollFd::new(&self.0, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut events, None)?;
        Ok(())
    }
}

/// Waits for the end of some child, whoever started it; `None` if there is none.
pub fn await_child() -> io::Result<Option<u32>> {
    match rustix::process::wait(rustix::process::WaitOptions::empty()) {
        Ok(ended) => Ok(ended.map(|(pid, _)| pid.as_raw_nonzero().get() as u32)),
        Err(Errno::CHILD) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Mounts => "mnt",
            Kind::Network => "net",
            Kind::Processes => "pid",
        }
    }
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: neither memory nor descriptors are unshared; the callers have one thread where it
    // matters (a user or a mount namespace), so no other one is left behind.
    // JUSTIFICATION: there is no other way to ask the kernel for namespaces.
    #[expect(unsafe_code, reason = "see SAFETY")]
    unsafe {
        rustix::thread::unshare_unsafe(flags)?;
    }
    Ok(())
}
