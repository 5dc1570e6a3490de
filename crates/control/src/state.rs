//! The folder where an instance keeps what must outlive it (DECISIONS 25).

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// `STATE_DIRECTORY` of systemd, else the XDG state folder, else one below the home folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDirectory(PathBuf);

impl StateDirectory {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        StateDirectory(path.into())
    }

    /// `variable` reads the environment.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let path = match (set("STATE_DIRECTORY"), set("XDG_STATE_HOME"), set("HOME")) {
            // systemd separates several with colons; the first is ours.
            (Some(state), _, _) => PathBuf::from(state.split(':').next().unwrap_or_default()),
            (None, Some(xdg), _) => PathBuf::from(xdg).join("pointsman"),
            (None, None, Some(home)) => PathBuf::from(home).join(".local/state/pointsman"),
            (None, None, None) => PathBuf::from("/var/lib/pointsman"),
        };
        StateDirectory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a running instance listens for `status`, `reload` and `health`.
    pub fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// What must survive (docs/state.md).
    pub fn database(&self) -> PathBuf {
        self.0.join("pointsman.db")
    }

    /// What seals its secrets, where no other key is given.
    pub fn store_key(&self) -> PathBuf {
        self.0.join("store.key")
    }

    /// The key of the stickiness cookies, made on first use, so that cookies outlive a restart.
    pub fn stickiness_key(&self) -> io::Result<[u8; 32]> {
        let path = self.0.join("stickiness.key");
        match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| {
                let text =
                    format!("`{}` is damaged: remove it, and a new one is made", path.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key: [u8; 32] = net::random::os_bytes();
                let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&temporary)?;
                file.write_all(&key)?;
                file.sync_all()?;
                fs::rename(&temporary, &path)?;
                Ok(key)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the folder, for its owner only.
    pub fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let mode = fs::metadata(&self.0)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stickiness_key_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(folder.path());
        let key = state.stickiness_key().unwrap();
        assert_eq!(state.stickiness_key().unwrap(), key);
        let file = folder.path().join("stickiness.key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, "short").unwrap();
        assert!(state.stickiness_key().unwrap_err().to_string().contains("remove it"));
    }

    #[test]
    fn where_the_state_is() {
        let rows: &[(&[(&str, &str)], &str)] = &[
            (&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("HOME", "/h")], "/var/lib/a"),
            (&[("XDG_STATE_HOME", "/x"), ("HOME", "/h")], "/x/pointsman"),
            (&[("XDG_STATE_HOME", ""), ("HOME", "/h")], "/h/.local/state/pointsman"),
            (&[], "/var/lib/pointsman"),
        ];
        for (environment, expected) in rows {
            let find = |name: &str| {
                environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
            };
            assert_eq!(
                StateDirectory::from_environment(find).path(),
                Path::new(expected),
                "{environment:?}"
            );
        }
    }
}
