//! `lab up` and `lab down`, seen from outside.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use config::{RealEnvironment, Sources, Style};
use model::Severity;
use net::namespace::{self, Privileges, Process};
use serde::{Deserialize, Serialize};
use world::World;

use super::failed::{LabFailed, io};
use super::state::{Folder, Running};

/// What `lab up` is told.
#[derive(Clone, Debug)]
pub struct Up {
    /// The `pointsman` executable, which plays every part.
    pub program: PathBuf,
    pub file: PathBuf,
    /// The state directory, below which the lab has its own folder.
    pub state: PathBuf,
    pub applications: bool,
    pub style: Style,
}

/// The holder's first and only words.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    Ready,
    Failed(String),
}

/// Reads a configuration that has no errors.
pub fn read(file: &Path, style: Style) -> Result<Arc<World>, LabFailed> {
    let none = Sources::default();
    let rendered = |sources: &Sources, findings: &[model::Finding]| {
        LabFailed::Configuration(config::render(sources, findings, style))
    };
    let sources = Sources::load(file).map_err(|findings| rendered(&none, &findings))?;
    let (model, mut findings) = config::parse(&sources, &RealEnvironment);
    findings.retain(|finding| finding.severity == Severity::Error);
    match findings.is_empty() {
        true => Ok(Arc::new(world::compile(model, 0))),
        false => Err(rendered(&sources, &findings)),
    }
}

/// Builds a lab and leaves it with its holder. To be called before there is a second thread.
pub fn up(up: &Up) -> Result<Running, LabFailed> {
    if up.file.as_os_str() == "-" {
        return Err(LabFailed::Unknown {
            what: "the lab reads its configuration again and again, which `-` cannot be".to_owned(),
            hint: "give a file or a directory".to_owned(),
        });
    }
    let world = read(&up.file, up.style)?;
    super::plan::plan(&world).map_err(|what| LabFailed::Unknown {
        what,
        hint: "give it a part of the configuration".to_owned(),
    })?;
    let file = std::path::absolute(&up.file).map_err(io("find the configuration"))?;
    let state = std::path::absolute(&up.state).map_err(io("find the state directory"))?;
    let folder = Folder::of(&state);
    folder.create().map_err(io("make the folder of the lab"))?;
    let look = io("look for a running lab");
    if let Some(running) = folder.running().map_err(look)? {
        let file = running.file.display().to_string();
        return Err(LabFailed::Running { holder: running.holder, file });
    }
    folder.forget_logs().map_err(io("make the folder of the lab"))?;
    let privileges =
        namespace::isolate().map_err(|error| LabFailed::NotAllowed { error, hints: missing() })?;
    let log = std::fs::File::create(folder.logs().join("holder.log"));
    let mut command = Command::new(&up.program);
    command.args(["lab", "hold"]).arg(&file).arg("--state").arg(&state);
    if !up.applications {
        command.arg("--no-applications");
    }
    if privileges == Privileges::OwnUser {
        command.arg("--own-user");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.map_err(io("write the log of the lab"))?)
        .spawn()
        .map_err(io("start the holder of the lab"))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(io("hear from the holder"))?;
    }
    match serde_json::from_str(&line) {
        Ok(Word::Ready) => {
            let running = folder.running().map_err(io("read what the holder wrote"))?;
            running.ok_or(LabFailed::NotRunning)
        }
        failed => {
            let _ = child.kill();
            let _ = child.wait();
            // Why it did not come up is the better story.
            let _ = tidy(&folder);
            let log = folder.logs().join("holder.log");
            Err(LabFailed::Holder(match failed {
                Ok(Word::Failed(text)) => text,
                Ok(Word::Ready) | Err(_) => {
                    let text = std::fs::read_to_string(log).unwrap_or_default();
                    format!("the holder of the lab ended before it was ready\n{text}")
                }
            }))
        }
    }
}

/// Ends the lab: the kernel removes whatever it was made of.
pub fn down(state: &Path) -> Result<Running, LabFailed> {
    let folder = Folder::of(state);
    let running = running(&folder)?;
    let holder = Process::find(running.holder).map_err(io("find the holder of the lab"))?;
    // Still the same one, now that its number cannot be given to another.
    if folder.running().map_err(io("look for the lab"))?.is_some() {
        holder.kill().map_err(io("end the holder of the lab"))?;
        holder.await_end().map_err(io("wait for the end of the lab"))?;
    }
    tidy(&folder)?;
    Ok(running)
}

/// What an ended lab left behind, unless somebody has begun another.
fn tidy(folder: &Folder) -> Result<(), LabFailed> {
    if let Some(lock) = folder.lock_in_time().map_err(io("lock the folder of the lab"))? {
        folder.tidy(&lock);
    }
    Ok(())
}

pub fn running(folder: &Folder) -> Result<Running, LabFailed> {
    folder.running().map_err(io("look for a running lab"))?.ok_or(LabFailed::NotRunning)
}

/// Which settings of the machine stand in the way.
fn missing() -> Vec<String> {
    let rows = [
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "0",
            "sysctl kernel.unprivileged_userns_clone=1",
        ),
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
        ("/proc/sys/user/max_net_namespaces", "0", "sysctl user.max_net_namespaces=15000"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ];
    let is = |path: &str, value: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.trim() == value)
    };
    let mut hints: Vec<String> = rows
        .into_iter()
        .filter(|(path, value, _)| is(path, value))
        .map(|(path, value, remedy)| format!("`{path}` is {value}: `{remedy}` allows it"))
        .collect();
    hints.push(
        "run it as root, or where unprivileged user namespaces are allowed (`sysctl \
         kernel.unprivileged_userns_clone`; in a container: with CAP_SYS_ADMIN)"
            .to_owned(),
    );
    hints
}
