//! The trust store of the system: a folder of anchors, and a program that makes bundles of them.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Anchor, Machine, Mode, Outcome, Removal, refused, run};

/// Of our files.
const PREFIX: &str = "pointsman-development-";

/// How a family of systems keeps its anchors.
struct Layout {
    anchors: &'static str,
    program: &'static str,
    /// Debian's program takes certificates by this ending only.
    extension: &'static str,
}

const LAYOUTS: [Layout; 4] = [
    // Debian, Ubuntu, Alpine.
    Layout {
        anchors: "/usr/local/share/ca-certificates",
        program: "update-ca-certificates",
        extension: "crt",
    },
    // Fedora, RHEL and their relatives.
    Layout {
        anchors: "/etc/pki/ca-trust/source/anchors",
        program: "update-ca-trust",
        extension: "pem",
    },
    // Arch.
    Layout {
        anchors: "/etc/ca-certificates/trust-source/anchors",
        program: "update-ca-trust",
        extension: "pem",
    },
    // openSUSE.
    Layout {
        anchors: "/etc/pki/trust/anchors",
        program: "update-ca-certificates",
        extension: "pem",
    },
];

/// A layout that this machine has, and its program.
struct Found<'m> {
    layout: &'static Layout,
    program: PathBuf,
    machine: &'m Machine,
}

fn find(machine: &Machine) -> Option<Found<'_>> {
    LAYOUTS.iter().find_map(|layout| {
        let program = machine.program(layout.program)?;
        let there = machine.path(layout.anchors).is_dir();
        there.then_some(Found { layout, program, machine })
    })
}

pub fn add(anchor: &Anchor, machine: &Machine, mode: Mode) -> Outcome {
    let Some(found) = find(machine) else { return unknown(anchor) };
    let path = found.file(anchor);
    if fs::read_to_string(&path).is_ok_and(|there| there == anchor.pem) {
        return Outcome::AsItShouldBe(format!("`{}` is there already", path.display()));
    }
    let command = found.command();
    if mode == Mode::Carry {
        let what = format!("write `{}` and run {command}", path.display());
        if let Err(error) = write(&path, &anchor.pem) {
            return refused(&error, &what);
        }
        if let Err(said) = found.update(&[]) {
            // Not half of it: the next attempt would take it for done.
            let _ = fs::remove_file(&path);
            return cannot(said, &command);
        }
    }
    let undo = format!("remove `{}` and run {command}", path.display());
    let what = vec![format!("put `{}` in its place", path.display()), format!("called {command}")];
    Outcome::Changed { what, undo: Some(undo) }
}

pub fn remove(removal: &Removal<'_>, machine: &Machine, mode: Mode) -> Outcome {
    let nothing = || Outcome::AsItShouldBe("nothing of ours is there".into());
    let Some(found) = find(machine) else { return nothing() };
    let paths: Vec<PathBuf> = match removal {
        Removal::One(anchor) => vec![found.file(anchor)],
        Removal::All => found.ours(),
    };
    let paths: Vec<PathBuf> = paths.into_iter().filter(|path| path.exists()).collect();
    if paths.is_empty() {
        return nothing();
    }
    let command = found.command();
    let mut what = Vec::new();
    for path in &paths {
        if mode == Mode::Carry
            && let Err(error) = fs::remove_file(path)
        {
            return refused(&error, &format!("remove `{}` and run {command}", path.display()));
        }
        what.push(format!("removed `{}`", path.display()));
    }
    // Debian's leaves links to what is gone, unless it begins anew.
    let fresh: &[&str] = match found.layout.program {
        "update-ca-certificates" => &["--fresh"],
        _ => &[],
    };
    if mode == Mode::Carry
        && let Err(said) = found.update(fresh)
    {
        return cannot(said, &command);
    }
    what.push(format!("called {command}"));
    Outcome::Changed { what, undo: None }
}

impl Found<'_> {
    fn file(&self, anchor: &Anchor) -> PathBuf {
        let name = format!("{PREFIX}{}.{}", anchor.id(), self.layout.extension);
        self.machine.path(self.layout.anchors).join(name)
    }

    /// Files of ours, whichever instance wrote them.
    fn ours(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.machine.path(self.layout.anchors));
        let mut paths: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
            })
            .collect();
        paths.sort();
        paths
    }

    fn command(&self) -> String {
        format!("`{}`", self.layout.program)
    }

    fn update(&self, more: &[&str]) -> Result<(), String> {
        let mut arguments: Vec<OsString> = more.iter().map(OsString::from).collect();
        if self.machine.root != Path::new("/") && self.layout.program == "update-ca-certificates" {
            let folders = [
                ("--certsconf", "/etc/ca-certificates.conf"),
                ("--certsdir", "/usr/share/ca-certificates"),
                ("--localcertsdir", self.layout.anchors),
                ("--etccertsdir", "/etc/ssl/certs"),
                ("--hooksdir", "/etc/ca-certificates/update.d"),
            ];
            for (flag, path) in folders {
                arguments.extend([flag.into(), self.machine.path(path).into_os_string()]);
            }
        }
        let arguments: Vec<_> = arguments.iter().map(OsString::as_os_str).collect();
        run(&self.program, &arguments).map(drop)
    }
}

fn unknown(anchor: &Anchor) -> Outcome {
    Outcome::Cannot {
        what: "this system keeps its authorities in a way that is not known here".into(),
        hint: format!("add `{}` to them as its manual says", anchor.path.display()),
    }
}

fn cannot(said: String, command: &str) -> Outcome {
    Outcome::Cannot { what: said, hint: format!("run {command} by hand, and see what it says") }
}

/// Readable for everybody: every program asks it.
fn write(path: &Path, pem: &str) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(path)?;
    file.write_all(pem.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
