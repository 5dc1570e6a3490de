//! What a running instance says of itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use model::{GroupId, Refusal};
use serde::{Deserialize, Serialize};
use signal::CoreCounters;
use world::World;

use crate::filters::Enforcement;
use crate::health::Health;
use crate::issued::CertificateStatus;
use crate::refused::{RefusedClients, listener_name};
use crate::sockets::Sockets;

/// The shape of `pointsman status --json`. `version` changes when a field changes its meaning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: u32,
    pub pid: u32,
    pub generation: u64,
    /// Unix seconds.
    pub started: i64,
    /// Unix seconds of the configuration that is served.
    pub configured: i64,
    /// The last reload that was refused and is not yet mended.
    pub refused_reload: Option<String>,
    pub cores: usize,
    pub draining: bool,
    pub listeners: Vec<ListenerStatus>,
    pub target_groups: Vec<TargetGroupStatus>,
    pub logs: Vec<LogStatus>,
    pub connections: u64,
    pub requests: u64,
    /// Connections that were passed through by server name, and are over.
    #[serde(default)]
    pub passed_connections: u64,
    /// Count by refusal code, without zeros; without clients that the kernel drops.
    pub refusals: BTreeMap<String, u64>,
    /// Who was turned away by security groups, in the kernel or after accept.
    pub refused: RefusedStatus,
    pub certificates: Vec<CertificateStatus>,
    /// The packet filter, where the configuration asks for it.
    pub firewall: Option<FirewallStatus>,
    /// The name server, where the configuration has one.
    pub dns: Option<DnsStatus>,
}

/// Counts since the start of the instance, or since `dns_server` was last added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DnsStatus {
    pub addresses: Vec<String>,
    pub zones: Vec<ZoneStatus>,
    pub udp_queries: u64,
    pub tcp_queries: u64,
    /// By the code of the answer, without zeros.
    pub answers: BTreeMap<String, u64>,
    /// Too large for UDP: the client asks again over TCP.
    pub truncated: u64,
    /// Not given, or given empty, because the client's network had had enough of them.
    pub limited: u64,
    /// Messages that are no question.
    pub dropped: u64,
    pub transfers: u64,
    /// Connections beyond the limit.
    pub refused_connections: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ZoneStatus {
    pub name: String,
    /// The networks that see it; empty for a public one.
    pub visible_to: Vec<String>,
    pub serial: u32,
    /// Tag of the key that signs it.
    pub key_tag: Option<u16>,
    /// The data of the DS that its parent has to publish (RFC 4034 §5.3).
    pub delegation_signer: Option<String>,
    pub place: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FirewallStatus {
    /// Of the family `inet`.
    pub table: String,
    /// Why nothing is enforced by it, or its counters cannot be read, and the remedy.
    pub problem: Option<String>,
    pub doors: Vec<FirewallDoor>,
}

/// An address and port at which the packet filter admits or drops connection attempts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FirewallDoor {
    /// `load_balancer.listener` or `instance.name`.
    pub name: String,
    pub address: String,
    pub rules: Vec<FirewallRule>,
    /// Packets dropped by network, without zeros; repeated SYNs count each time.
    pub dropped: BTreeMap<String, u64>,
}

/// A rule of a security group, in the order in which they are asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FirewallRule {
    pub group: String,
    pub place: String,
    /// Attempts that it admitted and no rule before it.
    pub admitted: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusedStatus {
    /// Why those that the kernel drops are not counted by network; null if they are, or if it drops
    /// nobody.
    pub unavailable: Option<String>,
    pub networks: Vec<RefusedNetwork>,
    /// Attempts that came too fast to be looked at.
    pub unseen: u64,
}

/// Refused connection attempts from one network to one address. A repeated SYN is no attempt of its
/// own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusedNetwork {
    /// The most specific declared network of the client, or `internet`.
    pub network: String,
    /// `load_balancer.listener` or `instance.name`; empty if a reload has taken it away.
    pub listener: String,
    pub address: String,
    pub count: u64,
    /// Unix seconds of the first and the last one.
    pub first: i64,
    pub last: i64,
    /// The last client; empty where packets were only counted.
    pub example: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListenerStatus {
    pub load_balancer: String,
    pub name: String,
    pub protocol: String,
    pub address: String,
    /// `open`, `kernel filter`, or `after accept`, and what an outsider gets.
    pub admission: String,
    /// Packets that the kernel dropped at the sockets, repetitions included; null where it filters
    /// nothing.
    pub dropped: Option<u64>,
    /// Where it is declared.
    pub place: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroupStatus {
    pub name: String,
    /// Fewer targets are healthy than `minimum_healthy_targets`: traffic goes to all.
    pub fail_open: bool,
    pub in_use: bool,
    pub targets: Vec<TargetStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetStatus {
    pub target: String,
    pub addresses: Vec<String>,
    /// ALB.md §5d.
    pub state: String,
    pub reason: String,
    pub description: String,
    /// Unix seconds.
    pub since: i64,
    /// `normal`, or `anomalous` where the target fails more than its peers.
    pub anomaly: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogStatus {
    pub path: String,
    pub lost_lines: u64,
}

pub const STATUS_VERSION: u32 = 1;

pub fn listeners(
    world: &World,
    enforcement: &BTreeMap<SocketAddr, Enforcement>,
    sockets: &Sockets,
) -> Vec<ListenerStatus> {
    let describe = |(address, enforcement): (&SocketAddr, &Enforcement)| {
        let listener = &world.model[world.listener_at(*address)?];
        let load_balancer = &world.model[listener.load_balancer];
        Some(ListenerStatus {
            load_balancer: load_balancer.name.clone(),
            name: listener.name.clone(),
            protocol: listener.protocol.scheme().to_owned(),
            address: address.to_string(),
            admission: enforcement.describe(load_balancer.deny),
            dropped: match enforcement {
                Enforcement::Kernel => sockets.dropped(address),
                Enforcement::Open | Enforcement::Nftables | Enforcement::AfterAccept(_) => None,
            },
            place: listener.place.to_string(),
        })
    };
    enforcement.iter().filter_map(describe).collect()
}

pub fn target_groups(world: &World, health: &Health) -> Vec<TargetGroupStatus> {
    let board = health.board();
    let groups = world.model.target_groups.iter().zip(&board.groups).enumerate();
    let describe =
        |(at, (group, board)): (usize, (&model::TargetGroup, &machine::board::GroupBoard))| {
            TargetGroupStatus {
                name: group.name.clone(),
                fail_open: board.fails_open(group.minimum_healthy_targets),
                in_use: world.group_in_use(GroupId(at as u32)),
                targets: board.targets.iter().map(target).collect(),
            }
        };
    groups.map(describe).collect()
}

fn target(target: &machine::board::TargetBoard) -> TargetStatus {
    TargetStatus {
        target: target.name.to_string(),
        addresses: target.addresses.iter().map(ToString::to_string).collect(),
        state: target.state.name().to_owned(),
        reason: target.reason.map_or(String::new(), |reason| reason.code().to_owned()),
        description: target.reason.map_or(String::new(), |reason| reason.to_string()),
        since: target.since_unix,
        anomaly: if target.weight < verdict::target::FULL { "anomalous" } else { "normal" }
            .to_owned(),
    }
}

pub fn logs(losses: Vec<(PathBuf, u64)>) -> Vec<LogStatus> {
    let describe = |(path, lost_lines): (PathBuf, u64)| LogStatus {
        path: path.display().to_string(),
        lost_lines,
    };
    losses.into_iter().map(describe).collect()
}

pub fn refused(world: &World, clients: &RefusedClients) -> RefusedStatus {
    let describe = |(door, network, refused): (SocketAddr, &str, signal::Refused)| RefusedNetwork {
        network: network.to_owned(),
        listener: listener_name(world, door).unwrap_or_default(),
        address: door.to_string(),
        count: refused.count,
        first: refused.first,
        last: refused.last,
        example: refused.example.map_or(String::new(), |client| client.to_string()),
    };
    let mut networks: Vec<RefusedNetwork> = clients.tally().iter().map(describe).collect();
    networks.sort_by(|a, b| a.network.cmp(&b.network));
    RefusedStatus {
        unavailable: clients.unavailable().map(str::to_owned),
        networks,
        unseen: clients.unseen() + clients.tally().beyond(),
    }
}

pub fn refusals(counters: &[&CoreCounters]) -> BTreeMap<String, u64> {
    let count = |refusal: &Refusal| {
        let count: u64 = counters.iter().map(|core| core.refusals(*refusal)).sum();
        (count > 0).then(|| (refusal.code().to_owned(), count))
    };
    Refusal::ALL.iter().filter_map(count).collect()
}
