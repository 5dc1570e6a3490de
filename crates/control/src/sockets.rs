//! Listening sockets: one for each address and core, kept across reloads (DECISIONS 22).

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};

use proxy::Opened;
use world::World;

/// Sockets of one address: a duplicate of each core's, so that filters can be changed while the core
/// owns the original.
#[derive(Debug)]
pub struct Bound {
    pub duplicates: Vec<TcpListener>,
}

/// All listening sockets of the process.
#[derive(Debug, Default)]
pub struct Sockets {
    bound: BTreeMap<SocketAddr, Bound>,
    /// Handed over by systemd and not yet claimed (DECISIONS 22).
    inherited: BTreeMap<SocketAddr, TcpListener>,
}

/// What a new World needs beyond, and no longer of, what is open.
pub struct Plan {
    /// By core.
    pub opened: Vec<Vec<Opened>>,
    pub closed: Vec<SocketAddr>,
    fresh: BTreeMap<SocketAddr, Bound>,
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct BindFailed {
    pub address: SocketAddr,
    pub error: io::Error,
    /// Where the listener is declared.
    pub place: String,
}

impl std::fmt::Display for BindFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, net::listen::explain(&self.error, self.address))
    }
}

impl Sockets {
    pub fn with_inherited(listeners: Vec<TcpListener>) -> Self {
        let inherited =
            listeners.into_iter().filter_map(|l| Some((l.local_addr().ok()?, l))).collect();
        Sockets { bound: BTreeMap::new(), inherited }
    }

    /// Opens what is missing, without touching what is open: if anything fails, all the failures
    /// are reported and nothing has changed.
    pub fn plan(&self, world: &World, cores: usize) -> Result<Plan, Vec<BindFailed>> {
        let wanted = wanted(world);
        let mut plan = Plan {
            opened: (0..cores).map(|_| Vec::new()).collect(),
            closed: self.bound.keys().filter(|a| !wanted.contains_key(a)).copied().collect(),
            fresh: BTreeMap::new(),
        };
        let mut failures = Vec::new();
        for (address, place) in wanted {
            if self.bound.contains_key(&address) {
                continue;
            }
            match self.open(address, cores) {
                Ok((sockets, shared, duplicates)) => {
                    for (core, socket) in sockets.into_iter().enumerate() {
                        plan.opened[core].push(Opened { address, socket, shared });
                    }
                    plan.fresh.insert(address, Bound { duplicates });
                }
                // Without IPv6 on the machine, "every address" is every IPv4 address.
                Err(error) if unspecified_v6_unavailable(address, &error) => {}
                Err(error) => failures.push(BindFailed { address, error, place }),
            }
        }
        if failures.is_empty() { Ok(plan) } else { Err(failures) }
    }

    /// Carries out a plan: the closed ones are forgotten, the new ones remembered.
    pub fn commit(&mut self, plan: &mut Plan) {
        for address in &plan.closed {
            self.bound.remove(address);
        }
        self.bound.append(&mut plan.fresh);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&SocketAddr, &Bound)> {
        self.bound.iter()
    }

    /// Packets that the kernel dropped at the sockets of an address.
    pub fn dropped(&self, address: &SocketAddr) -> Option<u64> {
        let counts = self.bound.get(address)?.duplicates.iter().map(net::listen::dropped);
        counts.map(|count| count.ok().map(u64::from)).sum()
    }

    fn open(
        &self,
        address: SocketAddr,
        cores: usize,
    ) -> io::Result<(Vec<TcpListener>, bool, Vec<TcpListener>)> {
        if let Some(inherited) = self.inherited.get(&address) {
            let sockets = (0..cores).map(|_| inherited.try_clone()).collect::<io::Result<_>>()?;
            return Ok((sockets, true, vec![inherited.try_clone()?]));
        }
        let sockets: Vec<TcpListener> =
            (0..cores).map(|_| net::listen::bind(address)).collect::<io::Result<_>>()?;
        let duplicates = sockets.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        Ok((sockets, false, duplicates))
    }
}

impl Plan {
    pub fn fresh(&self) -> impl Iterator<Item = (&SocketAddr, &Bound)> {
        self.fresh.iter()
    }
}

/// Every address that some listener wants, with the place of the listener.
fn wanted(world: &World) -> BTreeMap<SocketAddr, String> {
    let mut wanted = BTreeMap::new();
    for (at, listener) in world.model.listeners.iter().enumerate() {
        for address in world.addresses(model::ListenerId(at as u32)) {
            wanted.entry(address).or_insert_with(|| listener.place.to_string());
        }
    }
    wanted
}

fn unspecified_v6_unavailable(address: SocketAddr, error: &io::Error) -> bool {
    address.is_ipv6() && address.ip().is_unspecified() && net::listen::family_unavailable(error)
}
