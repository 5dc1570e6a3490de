//! What the process may still do to the file system once it knows its configuration: landlock(7).

use std::io;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    path_beneath_rules,
};

/// The rights this was written for; an older kernel enforces those that it knows.
const RIGHTS: ABI = ABI::V5;

/// Read by the C library, the resolver, the runtime and the reader of time zones.
const ALWAYS_READABLE: &[&str] = &["/etc", "/usr", "/lib", "/lib64", "/proc", "/dev", "/run"];

/// Folders, with everything below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub readable: Vec<PathBuf>,
    pub writable: Vec<PathBuf>,
}

/// How much of it the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confined {
    Fully,
    /// The kernel does not know all of the rights.
    Partly,
    /// The kernel has no landlock.
    Not,
}

/// Takes every right to the file system but these from the calling thread and those it will start:
/// to be called before there are others. Folders that do not exist are left out.
pub fn confine(reach: &Reach) -> io::Result<Confined> {
    let read = AccessFs::from_read(RIGHTS);
    let all = AccessFs::from_all(RIGHTS);
    let restrict = || {
        Ruleset::default()
            .handle_access(all)?
            .create()?
            .add_rules(path_beneath_rules(ALWAYS_READABLE, read))?
            .add_rules(path_beneath_rules(&reach.readable, read))?
            .add_rules(path_beneath_rules(&reach.writable, all))?
            .restrict_self()
    };
    let status = restrict().map_err(io::Error::other)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::Not,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_named_is_within_reach() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["read", "write", "other"] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join("file"), name).unwrap();
        }
        let reach = Reach { readable: vec![at("read")], writable: vec![at("write"), at("absent")] };
        let paths = ["read", "write", "other"].map(at);
        // On a thread of its own: there is no way back.
        let (confined, may) = std::thread::spawn(move || {
            let confined = confine(&reach).unwrap();
            let may = paths.map(|path| {
                let read = std::fs::read(path.join("file")).is_ok();
                (read, std::fs::write(path.join("new"), "").is_ok())
            });
            (confined, may)
        })
        .join()
        .unwrap();
        match confined {
            Confined::Not => assert_eq!(may, [(true, true); 3], "without landlock"),
            Confined::Fully | Confined::Partly => {
                assert_eq!(may, [(true, false), (true, true), (false, false)]);
            }
        }
        assert!(std::fs::write(at("other").join("new"), "").is_ok(), "other threads stay free");
    }
}
