//! Going into a place of a running lab.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use net::namespace::{self, Kind};

use super::failed::{LabFailed, io};
use super::state::{Folder, PlaceState, Running};
use super::up::running;

/// What a shell adds to a signal's number.
const SIGNALLED: i32 = 128;

/// The namespaces of a lab, opened while this process still sees the holder's descriptors.
pub struct Door {
    user: Option<OwnedFd>,
    processes: OwnedFd,
    places: Vec<(OwnedFd, OwnedFd)>,
}

impl Door {
    /// To these places of the lab.
    pub fn open(running: &Running, places: &[&PlaceState]) -> Result<Door, LabFailed> {
        let holder = running.holder;
        let open = |kind| namespace::of_process(holder, kind).map_err(io("open the lab"));
        let user = if running.own_user { Some(open(Kind::User)?) } else { None };
        let held =
            |number| namespace::held_by(holder, number).map_err(io("open a place of the lab"));
        let places = places.iter().map(|place| Ok((held(place.network)?, held(place.mounts)?)));
        Ok(Door {
            user,
            processes: open(Kind::Processes)?,
            places: places.collect::<Result<_, _>>()?,
        })
    }

    /// Into the lab, but not yet into a place: the next children end with it.
    pub fn step_in(&self) -> Result<(), LabFailed> {
        if let Some(user) = &self.user {
            namespace::enter(user, Kind::User).map_err(io("become a user of the lab"))?;
        }
        namespace::enter(&self.processes, Kind::Processes).map_err(io("join the lab"))
    }

    pub fn enter(&self, at: usize) -> Result<(), LabFailed> {
        let Some((network, mounts)) = self.places.get(at) else { return Ok(()) };
        namespace::enter(network, Kind::Network).map_err(io("enter a network"))?;
        namespace::enter(mounts, Kind::Mounts).map_err(io("enter a place"))
    }
}

/// Runs a command in a place, and gives its exit code back. To be called before there is a second
/// thread.
pub fn exec(state: &Path, place: &str, command: &[OsString]) -> Result<u8, LabFailed> {
    let running = running(&Folder::of(state))?;
    let place = running.place(place).ok_or_else(|| LabFailed::Unknown {
        what: format!("there is no `{place}` in the lab"),
        hint: format!("there are {}", running.place_names()),
    })?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(LabFailed::Unknown {
            what: "no command is given".to_owned(),
            hint: "write it after `--`: `pointsman lab exec internet -- curl http://…`".to_owned(),
        });
    };
    let door = Door::open(&running, &[place])?;
    door.step_in()?;
    door.enter(0)?;
    let mut command = Command::new(program);
    command.args(arguments);
    namespace::die_with_parent(&mut command);
    let status = command.status().map_err(|error| LabFailed::Unknown {
        what: format!("cannot run `{}`: {error}", program.display()),
        hint: "the lab has the programs of this machine".to_owned(),
    })?;
    Ok(code(status))
}

/// As a shell gives it.
fn code(status: ExitStatus) -> u8 {
    let signalled = || status.signal().map(|signal| SIGNALLED + signal);
    status.code().or_else(signalled).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
