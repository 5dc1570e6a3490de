//! From a plan to namespaces: their networks, and the files that they see.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use net::namespace::{self, Kind};
use world::World;

use super::node::{self, Node};
use super::plan::Plan;
use super::router::Router;
use super::{guard, hosts};

/// The only references to a place's namespaces.
#[derive(Debug)]
pub struct Place {
    pub network: OwnedFd,
    pub mounts: OwnedFd,
}

/// What was built, and what had to be left out.
#[derive(Debug)]
pub struct Built {
    /// As the nodes of the plan.
    pub places: Vec<Place>,
    /// Where the holder itself reads files.
    pub base: OwnedFd,
    /// Where every link ends: without it they are gone.
    #[expect(dead_code, reason = "what counts is that it is held")]
    pub router: OwnedFd,
    pub notes: Vec<String>,
}

/// What could not be done.
#[derive(Debug)]
pub struct BuildError {
    pub what: String,
    pub error: io::Error,
}

/// In the namespace that this process was isolated into, which becomes the router. `folder` keeps
/// what the places read instead of files of `/etc`.
pub fn build(world: &World, plan: &Plan, folder: &Path) -> Result<Built, BuildError> {
    let base = namespace::current(Kind::Mounts).map_err(doing("name the mount namespace"))?;
    let ipv6 = Path::new("/proc/sys/net/ipv6").exists();
    let mut notes = Vec::new();
    if !ipv6 {
        notes.push("this kernel has no IPv6: only IPv4 is built".to_owned());
    }
    let mut router = Router::open(plan, ipv6).map_err(doing("set up the router"))?;
    let mut networks: Vec<Option<OwnedFd>> = Vec::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        let made = match node.home == at {
            true => {
                let guard = guarding(world, node, &mut notes);
                let made = router.attach(plan, at, guard.as_ref());
                Some(made.map_err(doing(&format!("build the network of {}", node.name)))?)
            }
            false => None,
        };
        networks.push(made);
    }
    let mut places = Vec::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        let shared = networks[node.home].as_ref().map(OwnedFd::try_clone);
        let network = shared.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        let network = network.map_err(doing(&format!("find the network of {}", node.name)))?;
        let mounts = files_of(node, at, folder, &base);
        let mounts = mounts.map_err(doing(&format!("show {} its own /etc/hosts", node.name)))?;
        places.push(Place { network, mounts });
    }
    Ok(Built { places, base, router: router.network, notes })
}

fn doing(what: &str) -> impl FnOnce(io::Error) -> BuildError {
    let what = what.to_owned();
    move |error| BuildError { what, error }
}

fn guarding(world: &World, node: &Node, notes: &mut Vec<String>) -> Option<guard::Guard> {
    let node::Kind::Instance(id) = node.kind else { return None };
    match guard::of_instance(world, id)? {
        Ok(guard) => Some(guard),
        Err(note) => {
            notes.push(note);
            None
        }
    }
}

/// A mount namespace in which names are those of the place, and nobody else is asked.
fn files_of(node: &Node, at: usize, folder: &Path, base: &OwnedFd) -> io::Result<OwnedFd> {
    let own = folder.join(format!("{at}"));
    fs::create_dir_all(&own)?;
    let files = [
        ("/etc/hosts", hosts::text(node)),
        ("/etc/resolv.conf", hosts::resolver_text(node)),
        ("/etc/nsswitch.conf", hosts::SWITCH.to_owned()),
    ];
    let mounts = namespace::new_mounts()?;
    for (place, text) in files {
        let Some(name) = Path::new(place).file_name() else { continue };
        let file = own.join(name);
        fs::write(&file, text)?;
        if Path::new(place).exists() {
            namespace::show_instead(&file, Path::new(place))?;
        }
    }
    // A cache of names would be asked before any file.
    for cache in ["/run/nscd", "/run/systemd/resolve"] {
        if Path::new(cache).is_dir() {
            let empty = own.join("empty");
            fs::create_dir_all(&empty)?;
            namespace::show_instead(&empty, Path::new(cache))?;
        }
    }
    namespace::enter(base, Kind::Mounts)?;
    Ok(mounts)
}
