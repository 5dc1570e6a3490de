//! A control group with a limit of memory, of either version.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";
/// Of the names of our groups; the rest is the number of our process.
const PREFIX: &str = "pointsman-chaos-";

/// Removed when dropped; the processes in it must have ended by then.
pub struct Cgroup {
    folder: PathBuf,
    files: &'static Files,
}

/// What the two versions call the same.
struct Files {
    /// Below [`ROOT`].
    folder: &'static str,
    /// A file of the folder by which the version is known: what is not mounted is an empty folder.
    known_by: &'static str,
    limit: &'static str,
    most: &'static str,
    /// Has a line `oom_kill N`.
    events: &'static str,
}

const VERSIONS: [Files; 2] = [
    Files {
        folder: "",
        known_by: "cgroup.controllers",
        limit: "memory.max",
        most: "memory.peak",
        events: "memory.events",
    },
    Files {
        folder: "memory",
        known_by: "cgroup.procs",
        limit: "memory.limit_in_bytes",
        most: "memory.max_usage_in_bytes",
        events: "memory.oom_control",
    },
];

// === impl Cgroup ===

impl Cgroup {
    pub fn create(limit: u64) -> io::Result<Cgroup> {
        let name = format!("{PREFIX}{}", std::process::id());
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for files in &VERSIONS {
            let parent = Path::new(ROOT).join(files.folder);
            if !parent.join(files.known_by).is_file() {
                continue;
            }
            remove_leftovers(&parent);
            let folder = parent.join(&name);
            match fs::create_dir(&folder) {
                Ok(()) => {
                    // From here on it is removed whatever happens.
                    let group = Cgroup { folder, files };
                    match fs::write(group.folder.join(files.limit), limit.to_string()) {
                        Ok(()) => return Ok(group),
                        Err(error) => last = error,
                    }
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Words before a command that put it into the group.
    pub fn enter(&self) -> Vec<OsString> {
        let script = "echo $$ > \"$0\" && exec \"$@\"";
        let mut words: Vec<OsString> = ["sh", "-c", script].map(OsString::from).to_vec();
        words.push(self.folder.join("cgroup.procs").into_os_string());
        words
    }

    /// How often the kernel has killed a process of the group.
    pub fn kills(&self) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(self.files.events)).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    }

    /// The most that the group has used, in bytes.
    pub fn most(&self) -> Option<u64> {
        fs::read_to_string(self.folder.join(self.files.most)).ok()?.trim().parse().ok()
    }
}

/// Of runs that were killed. One that is in use is not removed.
fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It is busy for a moment after its last process has ended.
        let removed = || fs::remove_dir(&self.folder).ok();
        let _ = crate::chaos::process::until_within(std::time::Duration::from_secs(2), removed);
    }
}
