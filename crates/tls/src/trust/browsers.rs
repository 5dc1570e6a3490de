//! The trust stores of browsers: NSS databases, one for all that come from Chromium, and one in each
//! profile of Firefox. They belong to a person, who needs no root.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Anchor, Machine, Mode, Outcome, Removal, Step, is_ours, run};
use crate::authority::AUTHORITY_NAME;

const CERTUTIL: &str = "certutil";
const PACKAGES: &str = "install libnss3-tools (Debian, Ubuntu), nss-tools (Fedora) or nss (Arch), and run \
                        it again";
/// Trusted to issue certificates of servers, and for nothing else.
const FLAGS: &str = "C,,";
/// Below a home folder.
const CHROMIUM: [&str; 3] =
    [".pki/nssdb", ".local/share/pki/nssdb", "snap/chromium/current/.pki/nssdb"];
/// Folders of profiles, below a home folder.
const FIREFOX: [&str; 4] = [
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
];
/// Programs that read the first of [`CHROMIUM`], which they make when they are started first.
const CHROMIUMS: [&str; 6] =
    ["chromium", "chromium-browser", "google-chrome", "brave-browser", "microsoft-edge", "vivaldi"];
/// Of a person's profiles.
const PROFILES_MAX: usize = 64;

/// A database that is there, or that a browser would make.
struct Database {
    browser: &'static str,
    folder: PathBuf,
    is_there: bool,
}

pub fn add(anchor: &Anchor, machine: &Machine, mode: Mode) -> Vec<Step> {
    each(machine, |database, certutil| {
        if database.is_there && database.holds(certutil, anchor) {
            return Outcome::AsItShouldBe(format!("it trusts \"{}\" already", anchor.name()));
        }
        if mode == Mode::Carry
            && let Err(said) = database.add(certutil, anchor)
        {
            return cannot(said);
        }
        let what = vec![format!("added \"{}\"", anchor.name())];
        let folder = database.folder.display();
        let undo = format!("{CERTUTIL} -d sql:{folder} -D -n \"{}\"", anchor.name());
        Outcome::Changed { what, undo: Some(undo) }
    })
}

pub fn remove(removal: &Removal<'_>, machine: &Machine, mode: Mode) -> Vec<Step> {
    each(machine, |database, certutil| {
        let names = match database.names(certutil) {
            Ok(names) => names,
            Err(said) => return cannot(said),
        };
        let meant = |name: &String| match removal {
            Removal::One(anchor) => name == anchor.name(),
            Removal::All => true,
        };
        let names: Vec<String> = names.into_iter().filter(meant).collect();
        let mut what = Vec::new();
        for name in &names {
            if mode == Mode::Carry
                && let Err(said) = database.delete(certutil, name)
            {
                return cannot(said);
            }
            what.push(format!("removed \"{name}\""));
        }
        match what.is_empty() {
            true => Outcome::AsItShouldBe("nothing of ours is there".into()),
            false => Outcome::Changed { what, undo: None },
        }
    })
}

fn each(machine: &Machine, act: impl Fn(&Database, &Path) -> Outcome) -> Vec<Step> {
    let certutil = machine.program(CERTUTIL);
    let step = |database: Database| {
        let store = format!("{} `{}`", database.browser, database.folder.display());
        let outcome = match &certutil {
            Some(certutil) => act(&database, certutil),
            None => Outcome::Cannot {
                what: format!("`{CERTUTIL}` is needed, and is not there"),
                hint: PACKAGES.into(),
            },
        };
        Step { store, outcome }
    };
    databases(machine).into_iter().map(step).collect()
}

fn databases(machine: &Machine) -> Vec<Database> {
    let Some(home) = &machine.home else { return Vec::new() };
    let mut found: Vec<Database> = CHROMIUM
        .iter()
        .map(|below| Database { browser: "Chromium", folder: home.join(below), is_there: true })
        .filter(|database| database.folder.join("cert9.db").is_file())
        .collect();
    let installed = CHROMIUMS.iter().any(|program| machine.program(program).is_some());
    if found.is_empty() && installed {
        let folder = home.join(CHROMIUM[0]);
        found.push(Database { browser: "Chromium", folder, is_there: false });
    }
    let profiles = FIREFOX.iter().flat_map(|below| fs::read_dir(home.join(below)));
    let mut folders: Vec<PathBuf> = profiles
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join("cert9.db").is_file())
        .collect();
    folders.sort();
    folders.truncate(PROFILES_MAX);
    found.extend(folders.into_iter().map(|folder| Database {
        browser: "Firefox",
        folder,
        is_there: true,
    }));
    found
}

fn cannot(said: String) -> Outcome {
    Outcome::Cannot { what: said, hint: "close the browser, and run it again".into() }
}

impl Database {
    fn run(&self, certutil: &Path, arguments: &[&OsStr]) -> Result<String, String> {
        let folder = format!("sql:{}", self.folder.display());
        run(certutil, &[&["-d".as_ref(), folder.as_ref()], arguments].concat())
    }

    /// This very certificate under its name, trusted.
    fn holds(&self, certutil: &Path, anchor: &Anchor) -> bool {
        let lines = |pem: &str| -> Vec<String> {
            pem.lines().map(|line| line.trim().to_owned()).filter(|l| !l.is_empty()).collect()
        };
        let shown = self.run(certutil, &["-L", "-a", "-n", anchor.name()].map(OsStr::new));
        let same = shown.is_ok_and(|shown| lines(&shown) == lines(&anchor.pem));
        let listed = self.run(certutil, &[OsStr::new("-L")]).unwrap_or_default();
        same && listed.lines().any(|line| {
            line.strip_prefix(anchor.name()).is_some_and(|rest| rest.trim().starts_with('C'))
        })
    }

    fn add(&self, certutil: &Path, anchor: &Anchor) -> Result<(), String> {
        if !self.is_there {
            fs::create_dir_all(&self.folder)
                .map_err(|error| format!("cannot make `{}`: {error}", self.folder.display()))?;
            self.run(certutil, &["-N", "--empty-password"].map(OsStr::new))?;
        }
        let file = anchor.path.as_os_str();
        let flags = ["-A", "-t", FLAGS, "-n", anchor.name(), "-i"].map(OsStr::new);
        self.run(certutil, &[&flags[..], &[file]].concat()).map(drop)
    }

    fn delete(&self, certutil: &Path, name: &str) -> Result<(), String> {
        self.run(certutil, &["-D", "-n", name].map(OsStr::new)).map(drop)
    }

    /// Of all authorities of this kind.
    fn names(&self, certutil: &Path) -> Result<Vec<String>, String> {
        if !self.is_there {
            return Ok(Vec::new());
        }
        let listed = self.run(certutil, &[OsStr::new("-L")])?;
        let name = |line: &str| {
            // A name, spaces, and what it is trusted for.
            let end = line.trim_end().rfind(' ')?;
            let name = line[..end].trim_end();
            (name.starts_with(AUTHORITY_NAME) && is_ours(name)).then(|| name.to_owned())
        };
        Ok(listed.lines().filter_map(name).collect())
    }
}
