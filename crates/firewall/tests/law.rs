//! The law of HOUSE.md: the kernel admits exactly what `verdict::admit` admits.
//!
//! In a network namespace in which every address is local, real connection attempts are made to the
//! doors of random worlds, over both families, from addresses around every boundary. Each is admitted
//! or not as the decision says, and the counters say the same; an instance's own connections always are. `LAW_WORLDS` and `LAW_SEED` choose how
//! many worlds and which.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use config::{RealEnvironment, Sources};
use firewall::{Door, Firewall, Owner, Ruleset};
use model::Severity;
use net::netlink::{Netlink, Table, Way};
use verdict::admit::Admission;
use world::World;

const WORLDS: u64 = 12;
const ATTEMPTS_A_WORLD: usize = 160;
const CONCURRENT: usize = 80;
/// Less than the second after which a SYN is repeated: an attempt is one packet.
const LIMIT: Duration = Duration::from_millis(600);
const DOORS_V4: [&str; 2] = ["10.200.0.1", "10.200.0.2"];
const DOORS_V6: [&str; 2] = ["2001:db8:200::1", "2001:db8:200::2"];
const INSTANCE: [&str; 2] = ["10.200.1.1", "2001:db8:200:1::1"];
const PORTS: [u16; 4] = [22, 80, 443, 8080];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What nextest asks of a test without the usual harness.
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("the_kernel_admits_what_the_decision_admits: test");
        }
        return;
    }
    // Before there is a second thread.
    let ready = everything_is_local().and_then(|()| nft(&["list", "tables"]).map(drop));
    if let Err(error) = ready {
        let text = format!("the law needs nft and a network namespace of its own: {error}");
        assert!(std::env::var_os("CI").is_none(), "{text}");
        eprintln!("SKIPPED: {text}");
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("LAW_SEED").unwrap_or(1);
    let worlds = number("LAW_WORLDS").unwrap_or(WORLDS);
    let state = tempfile::tempdir().unwrap();
    nft(&["add", "table", "inet", "of_others"]).unwrap();
    let mut sums = [0; 2];
    {
        let mut firewall = Firewall::of_state(state.path());
        for at in 0..worlds {
            let seen = try_world(&mut firewall, seed.wrapping_mul(1_000_003).wrapping_add(at));
            sums = [sums[0] + seen[0], sums[1] + seen[1]];
        }
        connections_live_on(&mut firewall);
        assert!(tables().contains(firewall.table().as_str()));
    }
    assert_eq!(tables(), "table inet of_others\n", "ours goes with the value, and no other");
    a_crash_is_tidied_up(state.path());
    many_prefixes(state.path());
    println!("{worlds} worlds: {} attempts were admitted, {} dropped", sums[0], sums[1]);
    assert!(worlds < WORLDS || sums.iter().all(|sum| *sum > 300), "both, and often: {sums:?}");
}

/// A namespace in which a socket may have any address, and reach any.
fn everything_is_local() -> std::io::Result<()> {
    net::namespace::enter_private_network()?;
    // For IPv4 a local route is enough to bind an address; for IPv6 it is not.
    std::fs::write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1")?;
    let mut netlink = Netlink::open()?;
    let link = netlink.link("lo")?;
    for all in [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()] {
        netlink.add_route((all, 0), Way::Here { link }, Table::Local)?;
    }
    Ok(())
}

fn nft(arguments: &[&str]) -> std::io::Result<String> {
    let output = Command::new("nft").args(arguments).output()?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(std::io::Error::other(words)),
    }
}

fn tables() -> String {
    nft(&["list", "tables"]).unwrap()
}

fn compiled(hcl: &str) -> World {
    let (model, findings) = config::parse(&Sources::single("law.hcl", hcl), &RealEnvironment);
    let broken: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(broken.is_empty(), "{broken:?}\n{hcl}");
    world::compile(model, 1)
}

fn admission<'w>(world: &'w World, door: &Door) -> std::borrow::Cow<'w, Admission> {
    match door.owner {
        Owner::Listener(id) => {
            std::borrow::Cow::Borrowed(world.ingress(world.model[id].load_balancer))
        }
        Owner::Instance(id) => std::borrow::Cow::Owned(world.ingress_of_instance(id)),
    }
}

/// How many attempts were admitted and dropped.
fn try_world(firewall: &mut Firewall, seed: u64) -> [usize; 2] {
    let mut random = Random(seed ^ 0x9e37_79b9_7f4a_7c15);
    let hcl = world_text(&mut random);
    let world = compiled(&hcl);
    firewall.apply(&world).unwrap_or_else(|failed| panic!("seed {seed}: {failed}\n{hcl}"));
    let ruleset = firewall.applied().clone();
    assert_eq!(ruleset, Ruleset::of(&world));
    assert_eq!(firewall.counts().unwrap().admitted(0, 0), 0, "a new table counts from 0");
    if ruleset.is_empty() {
        return [0, 0];
    }
    let _listening: Vec<TcpListener> =
        ruleset.doors.iter().map(|door| net::listen::bind(door.address).unwrap()).collect();
    let doors = ruleset.doors.iter().enumerate();
    let own = doors.filter_map(|(at, door)| Some((at, door.itself()?, door.address)));
    let attempts: Vec<(usize, IpAddr, SocketAddr)> = (0..ATTEMPTS_A_WORLD)
        .map(|_| {
            let at = random.below(ruleset.doors.len());
            let door = &ruleset.doors[at];
            let to = match (door.address.ip().is_unspecified(), door.is_ipv4()) {
                (true, true) => "10.200.7.7".parse().unwrap(),
                (true, false) => "2001:db8:200:7::7".parse().unwrap(),
                (false, _) => door.address.ip(),
            };
            let from = source(&mut random, &world, door.is_ipv4());
            (at, from, SocketAddr::new(to, door.address.port()))
        })
        .chain(own)
        .collect();
    let connected = connect_all(&attempts);
    let mut sums = [0; 2];
    let mut counted: BTreeMap<(usize, Result<usize, &str>), u64> = BTreeMap::new();
    for ((at, from, to), connected) in attempts.iter().zip(&connected) {
        let door = &ruleset.doors[*at];
        let admission = admission(&world, door);
        // A machine's own connections are not what its security group is about.
        let itself = matches!(door.owner, Owner::Instance(_)) && *from == to.ip();
        let decided = verdict::admit::admit(&admission, *from, to.port(), &mut ()).is_ok();
        let admitted = decided || itself;
        assert_eq!(
            admitted,
            *connected,
            "seed {seed}: from {from} to {to}\n{hcl}\n{}",
            nft(&["list", "ruleset"]).unwrap()
        );
        sums[usize::from(!admitted)] += 1;
        if itself {
            continue;
        }
        let by = match door.admits.iter().position(|rule| rule.peers.contains(*from)) {
            Some(rule) => Ok(rule),
            None => Err(world.network_name(*from)),
        };
        *counted.entry((*at, by)).or_default() += 1;
    }
    let counts = firewall.counts().unwrap();
    for (at, door) in ruleset.doors.iter().enumerate() {
        for rule in 0..door.admits.len() {
            let expected = counted.get(&(at, Ok(rule))).copied().unwrap_or(0);
            assert_eq!(counts.admitted(at, rule), expected, "seed {seed}: {door:?} rule {rule}");
        }
        for (network, name) in ruleset.names() {
            let expected = counted.get(&(at, Err(name))).copied().unwrap_or(0);
            assert_eq!(counts.dropped(at, network), expected, "seed {seed}: {door:?} {name}");
        }
    }
    let sum: u64 = firewall.newly_dropped(&counts).iter().map(|(_, _, count)| count).sum();
    assert_eq!(sum, sums[1] as u64, "seed {seed}");
    let again = firewall.counts().unwrap();
    assert!(firewall.newly_dropped(&again).is_empty(), "seed {seed}: told once");
    sums
}

fn connect_all(attempts: &[(usize, IpAddr, SocketAddr)]) -> Vec<bool> {
    let next = AtomicUsize::new(0);
    let connected = Mutex::new(vec![false; attempts.len()]);
    std::thread::scope(|scope| {
        for _ in 0..CONCURRENT {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, from, to)) = attempts.get(at) else { return };
                    match net::stream::connect_from(*from, *to, LIMIT) {
                        Ok(_) => connected.lock().unwrap()[at] = true,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::TimedOut, "{from} {to}: {error}");
                        }
                    }
                }
            });
        }
    });
    connected.into_inner().unwrap()
}

/// One load balancer at 10.200.0.1:443, whose one rule admits these.
fn one_door(from: &str) -> String {
    format!(
        "security_group \"g\" {{\n  ingress {{\n    ports = [443]\n    from  = [{from}]\n  }}\n}}\n\
         load_balancer \"lb\" {{\n  addresses = [\"10.200.0.1\"]\n  security_groups = [security_group.g]\n  \
         enforce = \"nftables\"\n  listener \"http\" {{\n    port = 443\n    default {{\n      \
         fixed_response {{\n        status = 200\n      }}\n    }}\n  }}\n}}\n"
    )
}

const DOOR: ([u8; 4], u16) = ([10, 200, 0, 1], 443);
const CLIENT: [u8; 4] = [192, 0, 2, 1];

/// DECISIONS 11: who was admitted stays; nothing of it is decided again.
fn connections_live_on(firewall: &mut Firewall) {
    firewall.apply(&compiled(&one_door("\"192.0.2.0/24\""))).unwrap();
    let listener = net::listen::bind(DOOR.into()).unwrap();
    listener.set_nonblocking(false).unwrap();
    let mut client = net::stream::connect_from(CLIENT.into(), DOOR.into(), LIMIT).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    firewall.apply(&compiled(&one_door("\"198.51.100.0/24\""))).unwrap();
    let again = net::stream::connect_from(CLIENT.into(), DOOR.into(), LIMIT);
    assert_eq!(again.unwrap_err().kind(), ErrorKind::TimedOut);
    let passes = |from: &mut TcpStream, to: &mut TcpStream| {
        from.write_all(b"x").unwrap();
        to.read_exact(&mut [0]).unwrap();
    };
    passes(&mut client, &mut server);
    passes(&mut server, &mut client);
}

/// A table that outlived its process goes when the next one is asked for nothing.
fn a_crash_is_tidied_up(state: &Path) {
    let mut crashed = Firewall::of_state(state);
    crashed.apply(&compiled(&one_door("\"192.0.2.0/24\""))).unwrap();
    std::mem::forget(crashed);
    assert!(tables().contains("pointsman_"));
    let mut next = Firewall::of_state(state);
    let open = one_door("anywhere");
    next.apply(&compiled(&open)).unwrap();
    assert_eq!(tables(), "table inet of_others\n");
}

/// More than a socket filter holds (DECISIONS 8). In a user namespace a transaction of nft's is limited by
/// the system's `net.core.wmem_max`; root's is not.
fn many_prefixes(state: &Path) {
    let nets: Vec<String> = (0..3_000u32)
        .map(|at| format!("\"{}/32\"", Ipv4Addr::from(0x0b00_0000 + 2 * at)))
        .collect();
    let mut firewall = Firewall::of_state(state);
    firewall.apply(&compiled(&one_door(&nets.join(", ")))).unwrap();
    let _listener = net::listen::bind(DOOR.into()).unwrap();
    for (last, expected) in [(2 * 2_999, true), (2 * 2_999 + 1, false), (0, true), (1, false)] {
        let from = Ipv4Addr::from(0x0b00_0000 + last);
        let seen = net::stream::connect_from(from.into(), DOOR.into(), LIMIT);
        assert_eq!(seen.is_ok(), expected, "{from}");
    }
}

// === random worlds ===

struct Random(u64);

impl Random {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Few of them, nested in each other, so that rules and networks meet.
fn net(random: &mut Random) -> String {
    match random.one_in(2) {
        true => {
            let length = [9, 12, 16, 20, 24, 29, 32][random.below(7)];
            let bits = 0x0a00_0000 | (random.next() as u32 & 0x0007_3f3f);
            let net = ipnet(bits.into(), 32, length) as u32;
            format!("{}/{length}", Ipv4Addr::from(net))
        }
        false => {
            let length = [33, 48, 56, 64, 100, 128][random.below(6)];
            let bits = (0x2001_0db8_u128 << 96)
                | (u128::from(random.next() & 0x3_0003) << 64)
                | u128::from(random.next() & 0xf);
            format!("{}/{length}", Ipv6Addr::from(ipnet(bits, 128, length)))
        }
    }
}

/// Without the bits of the host.
fn ipnet(bits: u128, width: u32, length: u32) -> u128 {
    let host = width - length;
    bits.checked_shr(host).unwrap_or(0).checked_shl(host).unwrap_or(0)
}

fn world_text(random: &mut Random) -> String {
    let mut text = String::new();
    let networks = random.below(5);
    for at in 0..networks {
        let nets: Vec<String> =
            (0..1 + random.below(3)).map(|_| format!("\"{}\"", net(random))).collect();
        let _ = writeln!(text, "network \"n{at}\" {{\n  cidrs = [{}]\n}}", nets.join(", "));
    }
    let groups = 1 + random.below(3);
    for at in 0..groups {
        let _ = writeln!(text, "security_group \"g{at}\" {{");
        for _ in 0..random.below(4) {
            let ports = match random.below(4) {
                0 => "\"all\"".to_owned(),
                1 => "[\"80-500\"]".to_owned(),
                _ => format!("[{}]", PORTS[random.below(PORTS.len())]),
            };
            let peers: Vec<String> = (0..1 + random.below(4))
                .map(|_| match random.below(12) {
                    0 => "anywhere".to_owned(),
                    1..=4 if networks > 0 => format!("network.n{}", random.below(networks)),
                    5 => format!("security_group.g{}", random.below(groups)),
                    _ => format!("\"{}\"", net(random)),
                })
                .collect();
            let _ = writeln!(
                text,
                "  ingress {{\n    ports = {ports}\n    from  = [{}]\n  }}",
                peers.join(", ")
            );
        }
        text += "}\n";
    }
    let some_groups = |random: &mut Random| {
        let all: Vec<String> = (0..groups)
            .filter(|at| *at == 0 || random.one_in(2))
            .map(|at| format!("security_group.g{at}"))
            .collect();
        all.join(", ")
    };
    // On every address, or on some; then their ports may be the same.
    let everywhere = random.one_in(3);
    for at in 0..if everywhere { 1 } else { 2 } {
        let addresses = match everywhere {
            true => String::new(),
            false => format!("  addresses = [\"{}\", \"{}\"]\n", DOORS_V4[at], DOORS_V6[at]),
        };
        let own = some_groups(random);
        let _ = writeln!(
            text,
            "load_balancer \"lb{at}\" {{\n{addresses}  security_groups = [{own}]\n  enforce = \"nftables\""
        );
        for (name, port) in [("a", PORTS[1]), ("b", PORTS[2 + random.below(2)])] {
            let _ = writeln!(
                text,
                "  listener \"{name}\" {{\n    port = {port}\n    default {{\n      forward = target_group.t\n    }}\n  }}"
            );
        }
        text += "}\n";
    }
    let own = some_groups(random);
    let _ = writeln!(
        text,
        "instance \"here\" {{\n  addresses = [\"{}\", \"{}\"]\n  security_groups = [{own}]\n  enforce = \"nftables\"\n}}",
        INSTANCE[0], INSTANCE[1]
    );
    // A port that somebody wrote, even if it is 22.
    let port = [PORTS[0], 3000][random.below(2)];
    let _ =
        writeln!(text, "target_group \"t\" {{\n  port = {port}\n  targets = [instance.here]\n}}");
    text
}

/// At, just before or just behind a boundary of something, mostly; else anywhere.
fn source(random: &mut Random, world: &World, ipv4: bool) -> IpAddr {
    let mut edges: Vec<IpAddr> = Vec::new();
    let groups = world.model.security_groups.iter().flat_map(|group| &group.ingress);
    let cidrs = groups.flat_map(|rule| &rule.peers).filter_map(|peer| match peer {
        model::Peer::Cidr(net) => Some(*net),
        model::Peer::Network(_)
        | model::Peer::SecurityGroup(_)
        | model::Peer::Instance(_)
        | model::Peer::Anywhere => None,
    });
    let networks = world.model.networks.iter().flat_map(|network| network.cidrs.iter().copied());
    for net in cidrs.chain(networks) {
        edges.extend([net.network(), net.broadcast()]);
    }
    edges.extend(
        DOORS_V4.iter().chain(&DOORS_V6).chain(&INSTANCE).map(|a| a.parse::<IpAddr>().unwrap()),
    );
    edges.retain(|edge| edge.is_ipv4() == ipv4);
    let step = random.below(3) as i32 - 1;
    let edge = match random.one_in(5) {
        true => None,
        false => edges.get(random.below(edges.len().max(1))).copied(),
    };
    match edge {
        Some(IpAddr::V4(edge)) => Ipv4Addr::from(u32::from(edge).wrapping_add_signed(step)).into(),
        Some(IpAddr::V6(edge)) => {
            Ipv6Addr::from(u128::from(edge).wrapping_add_signed(step.into())).into()
        }
        None if ipv4 => Ipv4Addr::from(0x0a00_0000 | (random.next() as u32 & 0x00ff_ffff)).into(),
        None => Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(random.next())).into(),
    }
}
