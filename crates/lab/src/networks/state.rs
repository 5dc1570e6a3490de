//! What a lab leaves in the state directory, so that it is found again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Of this file's shape.
const VERSION: u32 = 1;

/// Somebody who only looks holds the lock for a moment.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// The folder of the lab of a state directory.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// A lab that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    version: u32,
    /// Of the holder, as others see it.
    pub holder: u32,
    /// Whether its namespaces belong to a user namespace of its own.
    pub own_user: bool,
    /// As it was read.
    pub file: PathBuf,
    pub places: Vec<PlaceState>,
    pub notes: Vec<String>,
}

/// One place; the numbers are descriptors of the holder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlaceState {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    pub seen_as: Vec<IpAddr>,
    /// What was started in it.
    pub serves: Vec<String>,
    pub network: i32,
    pub mounts: i32,
}

/// Held for as long as the lab is up, and given back by the kernel however that ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "what counts is that it is open")] File);

impl Folder {
    pub fn of(state: &Path) -> Folder {
        Folder(state.join("lab"))
    }

    pub fn create(&self) -> io::Result<()> {
        control::StateDirectory::at(&self.0).create()
    }

    /// Those of the lab before.
    pub fn forget_logs(&self) -> io::Result<()> {
        let _ = fs::remove_dir_all(self.logs());
        fs::create_dir_all(self.logs())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The state directory of the program inside.
    pub fn edge(&self) -> PathBuf {
        self.0.join("edge")
    }

    pub fn control_socket(&self) -> PathBuf {
        control::StateDirectory::at(self.edge()).control_socket()
    }

    pub fn authority(&self) -> PathBuf {
        self.edge().join("development/authority.pem")
    }

    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    pub fn files(&self) -> PathBuf {
        self.0.join("etc")
    }

    /// The configuration in full, where the program cannot serve the file as it is.
    pub fn served(&self) -> PathBuf {
        self.0.join("served.hcl")
    }

    fn running_file(&self) -> PathBuf {
        self.0.join("lab.json")
    }

    /// `None` if somebody holds it.
    pub fn lock(&self) -> io::Result<Option<Lock>> {
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// As [`Folder::lock`], of somebody who waits for those who only look.
    pub fn lock_in_time(&self) -> io::Result<Option<Lock>> {
        let end = net::clock::now() + LOOK_LIMIT;
        loop {
            let lock = self.lock()?;
            if lock.is_some() || net::clock::now() >= end {
                return Ok(lock);
            }
            std::thread::sleep(LOOK_PAUSE);
        }
    }

    /// The lab that is up. What a dead one left behind is removed.
    pub fn running(&self) -> io::Result<Option<Running>> {
        if !self.0.join("lock").exists() {
            return Ok(None);
        }
        if let Some(lock) = self.lock()? {
            self.tidy(&lock);
            return Ok(None);
        }
        let text = match fs::read(self.running_file()) {
            Ok(text) => text,
            // It is being built.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let running: Running = serde_json::from_slice(&text)?;
        match running.version == VERSION {
            true => Ok(Some(running)),
            false => Err(io::Error::other("the lab was built by another version: end its holder")),
        }
    }

    pub fn write(&self, running: &Running) -> io::Result<()> {
        let temporary = self.0.join("lab.json.tmp");
        fs::write(&temporary, serde_json::to_vec_pretty(running)?)?;
        fs::rename(temporary, self.running_file())
    }

    /// Removes all but the development authority, which people may have told their clients to trust,
    /// and the logs, which say why it died. Without the lock they might be those of a new lab.
    pub fn tidy(&self, _held: &Lock) {
        let _ = fs::remove_file(self.running_file());
        let _ = fs::remove_file(self.control_socket());
        let _ = fs::remove_file(self.served());
        let _ = fs::remove_dir_all(self.files());
    }
}

impl Running {
    pub fn new(holder: u32, own_user: bool, file: PathBuf, places: Vec<PlaceState>) -> Running {
        Running { version: VERSION, holder, own_user, file, places, notes: Vec::new() }
    }

    pub fn place(&self, name: &str) -> Option<&PlaceState> {
        let name = name.strip_prefix("network.").unwrap_or(name);
        self.places.iter().find(|place| place.name == name)
    }

    pub fn place_names(&self) -> String {
        let names: Vec<String> =
            self.places.iter().map(|place| format!("`{}`", place.name)).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn somebody_who_looks_does_not_keep_a_lab_from_being_built() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::of(state.path());
        folder.create().unwrap();
        let (looks, begun) = (folder.lock().unwrap().unwrap(), Barrier::new(2));
        std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                assert!(folder.lock().unwrap().is_none(), "somebody looks");
                begun.wait();
                folder.lock_in_time().unwrap()
            });
            begun.wait();
            drop(looks);
            assert!(holder.join().unwrap().is_some());
        });
    }

    #[test]
    fn only_what_a_dead_lab_left_behind_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::of(state.path());
        folder.create().unwrap();
        for (name, dead) in [("one that is being built", false), ("a dead one", true)] {
            let lock = folder.lock().unwrap().filter(|_| !dead);
            fs::write(folder.served(), "").unwrap();
            assert!(folder.running().unwrap().is_none(), "{name}");
            assert_eq!(folder.served().exists(), !dead, "{name}");
            drop(lock);
        }
    }
}
