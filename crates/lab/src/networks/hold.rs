//! The holder: the first process of the lab's process namespace. Its descriptors are the only
//! references to the namespaces, so that the kernel removes everything when it dies, however it dies
//! (DECISIONS 30).

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use config::Style;
use net::namespace::{self, Kind};
use world::World;

use super::build::{Built, build};
use super::failed::{LabFailed, io};
use super::node::Node;
use super::plan::{EDGE, Plan, plan};
use super::state::{Folder, Lock, PlaceState, Running};
use super::up::{Word, read};

/// How long the program inside may take to serve.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// How long until somebody without children looks for new ones.
const IDLE: Duration = Duration::from_secs(1);

/// What the holder is told.
#[derive(Clone, Debug)]
pub struct Hold {
    pub program: PathBuf,
    pub file: PathBuf,
    pub state: PathBuf,
    pub applications: bool,
    /// Whether a user namespace was made for the lab.
    pub own_user: bool,
}

/// Builds the lab, says so on standard output, and keeps it.
pub fn hold(hold: &Hold) -> Result<Infallible, LabFailed> {
    match prepare(hold) {
        Ok(kept) => {
            say(&Word::Ready)?;
            keep(kept)
        }
        Err(failed) => {
            say(&Word::Failed(failed.to_string()))?;
            Err(failed)
        }
    }
}

/// Everything that must not be dropped.
struct Kept {
    #[expect(dead_code, reason = "what counts is that it is held")]
    lock: Lock,
    #[expect(dead_code, reason = "what counts is that they are held")]
    built: Built,
}

fn say(word: &Word) -> Result<(), LabFailed> {
    let mut out = std::io::stdout();
    let line = serde_json::to_string(word).unwrap_or_default();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(io("say that the lab is up"))
}

fn prepare(hold: &Hold) -> Result<Kept, LabFailed> {
    namespace::leave_terminal().map_err(io("leave the terminal"))?;
    let folder = Folder::of(&hold.state);
    let lock = folder.lock_in_time().map_err(io("lock the folder of the lab"))?;
    let lock = lock.ok_or_else(|| LabFailed::Holder("another lab is being built".to_owned()))?;
    let world = read(&hold.file, Style { color: false, width: 100 })?;
    let mut plan = plan(&world).map_err(LabFailed::Holder)?;
    if !hold.applications {
        plan.nodes.iter_mut().for_each(|node| node.applications.clear());
    }
    let built = build(&world, &plan, &folder.files()).map_err(LabFailed::Build)?;
    let served = served(&world, hold, &folder)?;
    let parts = Parts { program: &hold.program, folder: &folder, built: &built };
    for (at, node) in plan.nodes.iter().enumerate() {
        for application in &node.applications {
            // Its own end is in its log; what follows from it is what the lab is for.
            let arguments = super::serve::arguments(application, &hold.file, &hold.state);
            let log = format!("application-{at}-{}", application.address.port());
            parts.start(at, &log, &arguments)?;
        }
    }
    let edge = folder.edge().display().to_string();
    let served = served.display().to_string();
    let arguments = ["run", &served, "--state", &edge, "--cores", "1"].map(OsString::from);
    let mut program = parts.start(EDGE, "edge", &arguments)?;
    await_serving(&mut program, &folder)?;
    folder.write(&running(hold, &plan, &built)?).map_err(io("write down what is up"))?;
    Ok(Kept { lock, built })
}

/// The file itself, unless some address of a load balancer leads to it by a translation that the lab
/// does not have: then a copy in which it listens on that address.
fn served(world: &World, hold: &Hold, folder: &Folder) -> Result<PathBuf, LabFailed> {
    let translated = |lb: &model::LoadBalancer| {
        !lb.addresses.is_empty()
            && lb.public_addresses.iter().any(|one| !lb.addresses.contains(one))
    };
    if !world.model.load_balancers.iter().any(translated) {
        return Ok(hold.file.clone());
    }
    let mut model = model::Model::clone(&world.model);
    for lb in model.load_balancers.iter_mut().filter(|lb| translated(lb)) {
        let mut addresses = lb.addresses.clone();
        addresses.extend(lb.public_addresses.iter().filter(|one| !lb.addresses.contains(one)));
        lb.addresses = addresses;
    }
    std::fs::write(folder.served(), config::expand(&model))
        .map_err(io("write a copy of the configuration"))?;
    Ok(folder.served())
}

struct Parts<'a> {
    program: &'a Path,
    folder: &'a Folder,
    built: &'a Built,
}

impl Parts<'_> {
    fn start(&self, at: usize, log: &str, arguments: &[OsString]) -> Result<Child, LabFailed> {
        let log = self.folder.logs().join(format!("{log}.log"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(io("write a log of the lab"))?;
        let errors = log.try_clone().map_err(io("write a log of the lab"))?;
        let place = &self.built.places[at];
        namespace::enter(&place.network, Kind::Network).map_err(io("enter a network"))?;
        namespace::enter(&place.mounts, Kind::Mounts).map_err(io("enter a place"))?;
        let child = Command::new(self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(io("start a part of the lab"))?;
        namespace::enter(&self.built.base, Kind::Mounts).map_err(io("leave a place"))?;
        Ok(child)
    }
}

fn await_serving(program: &mut Child, folder: &Folder) -> Result<(), LabFailed> {
    let end = Instant::now() + READY_LIMIT;
    let said = || std::fs::read_to_string(folder.logs().join("edge.log")).unwrap_or_default();
    loop {
        if control::client::health(&folder.control_socket()).is_ok() {
            return Ok(());
        }
        if let Ok(Some(status)) = program.try_wait() {
            return Err(LabFailed::Holder(format!(
                "`pointsman run` ended with {status} in the lab\n{}",
                said()
            )));
        }
        if Instant::now() > end {
            let seconds = READY_LIMIT.as_secs();
            return Err(LabFailed::Holder(format!(
                "`pointsman run` does not serve within {seconds} s in the lab\n{}",
                said()
            )));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn running(hold: &Hold, plan: &Plan, built: &Built) -> Result<Running, LabFailed> {
    // By the files of the processes outside: in here the number is 1.
    let holder = std::fs::read_link("/proc/self").map_err(io("read /proc"))?;
    let holder = holder.to_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let places = plan.nodes.iter().zip(&built.places).map(|(node, place)| PlaceState {
        name: node.name.clone(),
        addresses: node.addresses.clone(),
        seen_as: node.seen_as.clone(),
        serves: serves(node),
        network: place.network.as_raw_fd(),
        mounts: place.mounts.as_raw_fd(),
    });
    let mut running = Running::new(holder, hold.own_user, hold.file.clone(), places.collect());
    running.notes = plan.notes.iter().chain(&built.notes).cloned().collect();
    Ok(running)
}

fn serves(node: &Node) -> Vec<String> {
    let mut ports: Vec<u16> = node.applications.iter().map(|one| one.address.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.into_iter().map(|port| format!("demo application on {port}")).collect()
}

/// As the first process it is also the parent of every orphan, and takes note of their ends.
fn keep(kept: Kept) -> ! {
    loop {
        match namespace::await_child() {
            Ok(Some(pid)) => eprintln!("process {pid} ended"),
            Ok(None) | Err(_) => std::thread::sleep(IDLE),
        }
        std::hint::black_box(&kept);
    }
}
