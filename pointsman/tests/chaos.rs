//! What becomes of requests while something fails: the short form of `cargo xtask chaos`, which
//! has more cases, and processes for targets.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use support::{
    Instance, Origin, PATIENCE, PROGRAM, Wire, at, free_port, header, simple, site, until,
};

const DEFAULT: &str = "    default {\n      forward = target_group.app\n    }\n";
/// Between two things that are done to a running instance.
const BEAT: Duration = Duration::from_millis(150);

#[test]
fn a_killed_target_loses_only_what_must_not_be_repeated() {
    let mut targets: Vec<Mortal> = (0..3).map(Mortal::start).collect();
    let addresses: Vec<SocketAddr> = targets.iter().map(|target| target.address).collect();
    let port = free_port();
    let instance = Instance::start(&site(port, "", DEFAULT, &addresses));
    await_healthy(&instance);
    let load = Load::start(port);
    std::thread::sleep(BEAT);
    let death = targets[0].kill();
    std::thread::sleep(BEAT);
    targets[0].revive();
    let before = targets[0].seen();
    until("the target to be used again", || (targets[0].seen() > before).then_some(()));
    judge(&load.stop(), &targets, &[death]);
}

#[test]
fn a_flapping_target_loses_only_what_must_not_be_repeated() {
    let mut targets: Vec<Mortal> = (0..3).map(Mortal::start).collect();
    let addresses: Vec<SocketAddr> = targets.iter().map(|target| target.address).collect();
    let port = free_port();
    let instance = Instance::start(&site(port, "", DEFAULT, &addresses));
    await_healthy(&instance);
    let load = Load::start(port);
    let mut deaths = Vec::new();
    for _ in 0..5 {
        deaths.push(targets[0].kill());
        std::thread::sleep(BEAT / 3);
        targets[0].revive();
        std::thread::sleep(BEAT / 3);
    }
    judge(&load.stop(), &targets, &deaths);
}

#[test]
fn without_descriptors_it_sheds_and_recovers() {
    const DESCRIPTORS: usize = 48;
    let origin = Origin::answering("ok");
    let port = free_port();
    let mut instance = Instance::start(&simple(port, origin.address));
    // From outside, so that its own limit of connections was made from a greater number.
    let limited = Command::new("prlimit")
        .args(["--pid", &instance.child.id().to_string()])
        .arg(format!("--nofile={DESCRIPTORS}:{DESCRIPTORS}"))
        .status();
    assert!(limited.unwrap().success());
    let hogs: Vec<TcpStream> =
        (0..2 * DESCRIPTORS).map(|_| TcpStream::connect(at(port)).unwrap()).collect();
    let mut shed = Wire::to(at(port));
    shed.stream.set_read_timeout(Some(BEAT)).unwrap();
    shed.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut bytes = [0; 12];
    let answer = shed.stream.read(&mut bytes);
    assert!(answer.is_err() || &bytes != b"HTTP/1.1 200", "there were descriptors left");
    drop(hogs);
    // What waited in the queue is served at last.
    shed.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if answer.is_err() {
        assert_eq!(shed.response().status, 200);
    }
    until("it to recover", || (Wire::to(at(port)).get("/").status == 200).then_some(()));
    assert!(instance.child.try_wait().unwrap().is_none(), "it has ended");
    assert_eq!(instance.status()["cores"], 1);
}

#[test]
fn reloads_under_load_fail_nothing() {
    let targets: Vec<Mortal> = (0..2).map(Mortal::start).collect();
    let port = free_port();
    let one = site(port, "", DEFAULT, &[targets[0].address]);
    let both = site(
        port,
        "  idle_timeout = \"30s\"\n",
        DEFAULT,
        &[targets[0].address, targets[1].address],
    );
    let instance = Instance::start(&one);
    let load = Load::start(port);
    let mut generation = instance.status()["generation"].as_u64().unwrap();
    for turn in 1..=15 {
        let text = if turn % 2 == 0 { &one } else { &both };
        let broken = turn % 5 == 0;
        instance.write(&if broken { text.replace("group.app", "group.ap") } else { text.clone() });
        let output = instance.reload();
        assert_eq!(output.status.success(), !broken, "reload {turn}: {output:?}");
        generation += u64::from(!broken);
        assert_eq!(instance.status()["generation"], generation, "reload {turn}");
    }
    judge(&load.stop(), &targets, &[]);
}

#[test]
fn after_a_crash_nothing_is_in_the_way_of_the_next_start() {
    let targets: Vec<Mortal> = (0..1).map(Mortal::start).collect();
    let port = free_port();
    let configuration = simple(port, targets[0].address);
    let mut instance = Instance::start(&configuration);
    let key = std::fs::read(instance.folder.path().join("state/stickiness.key")).unwrap();
    let load = Load::start(port);
    let mut outages = Vec::new();
    for _ in 0..2 {
        std::thread::sleep(BEAT);
        let from = Instant::now();
        instance.crash();
        assert_eq!(Wire::to(at(port)).get("/").status, 200);
        outages.push((from, Instant::now()));
    }
    std::thread::sleep(BEAT);
    let records = load.stop();
    for record in records.iter().filter(|record| record.outcome != Ok(200)) {
        let excused = outages.iter().any(|outage| record.met(*outage));
        assert!(excused, "{record:?} failed outside of {outages:?}");
    }
    assert!(records.iter().any(|record| record.outcome != Ok(200)), "there was no outage");
    assert_eq!(std::fs::read(instance.folder.path().join("state/stickiness.key")).unwrap(), key);
    assert!(instance.reload().status.success());
    // And while it runs, another cannot take its place.
    let second = Command::new(PROGRAM)
        .args(["run", "site.hcl", "--state", "other"])
        .current_dir(instance.folder.path())
        .output()
        .unwrap();
    assert!(!second.status.success());
    judge(&[], &targets, &[]);
}

fn await_healthy(instance: &Instance) {
    until("all targets to be healthy", || {
        let status = instance.status();
        let targets = status["target_groups"][0]["targets"].as_array()?;
        targets.iter().all(|target| target["state"] == "healthy").then_some(())
    });
}

/// From before it died until it was dead.
type Death = (Instant, Instant);

/// Nothing fails but what a dying target had: POSTs, and GETs that were on a connection of their
/// own (DECISIONS 15). No POST is sent twice.
fn judge(records: &[Record], targets: &[Mortal], deaths: &[Death]) {
    let mut given: BTreeMap<u64, Vec<Given>> = BTreeMap::new();
    for target in targets {
        for (id, how) in target.given.lock().unwrap().iter() {
            given.entry(*id).or_default().push(*how);
        }
    }
    for record in records {
        let given = given.get(&record.id).map_or(&[][..], Vec::as_slice);
        if record.post {
            assert!(given.len() <= 1, "{record:?} was sent {} times", given.len());
        }
        if record.outcome == Ok(200) {
            assert!(!given.is_empty(), "{record:?} was answered by nobody");
            continue;
        }
        assert_eq!(record.outcome, Ok(502), "{record:?}");
        let in_flight = deaths.iter().any(|death| record.met(*death));
        assert!(in_flight, "{record:?} was not with a dying target: {deaths:?}");
        assert!(record.post, "{record:?} may be repeated");
    }
}

// === a target that dies ===

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    OnNew,
    OnKept,
}

/// A target that can die with all its connections, and remembers what it was given.
struct Mortal {
    address: SocketAddr,
    given: Arc<Mutex<Vec<(u64, Given)>>>,
    life: Option<Life>,
}

struct Life {
    /// The listening socket. It is shut down, not only closed: a test beside us that is starting a
    /// process may have a copy of it for a moment.
    listening: TcpStream,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    acceptor: JoinHandle<()>,
}

impl Mortal {
    /// On an address that no outgoing connection has: its port stays free while it is dead.
    fn start(name: usize) -> Mortal {
        let host = Ipv4Addr::new(127, 0, 0, 11 + u8::try_from(name).unwrap());
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let mut target = Mortal { address, given: Arc::default(), life: None };
        target.revive();
        target
    }

    fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        let listening = TcpStream::from(OwnedFd::from(listener.try_clone().unwrap()));
        let connections: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let acceptor = std::thread::spawn({
            let (connections, given) = (Arc::clone(&connections), Arc::clone(&self.given));
            move || {
                for stream in listener.incoming() {
                    let Ok(stream) = stream else { return };
                    connections.lock().unwrap().push(stream.try_clone().unwrap());
                    let given = Arc::clone(&given);
                    std::thread::spawn(move || answer(stream, &given));
                }
            }
        });
        self.life = Some(Life { listening, connections, acceptor });
    }

    fn kill(&mut self) -> Death {
        let from = Instant::now();
        let life = self.life.take().expect("it is alive");
        life.listening.shutdown(Shutdown::Both).unwrap();
        life.acceptor.join().unwrap();
        for stream in life.connections.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        (from, Instant::now())
    }

    fn seen(&self) -> usize {
        self.given.lock().unwrap().len()
    }
}

fn answer(stream: TcpStream, given: &Mutex<Vec<(u64, Given)>>) {
    let mut wire = Wire::over(stream);
    let mut how = Given::OnNew;
    while let Some(head) = wire.head() {
        if let Some(id) = id(&head) {
            given.lock().unwrap().push((id, how));
        }
        let length = header(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        while wire.buffer.len() < length {
            if !wire.fill() {
                return;
            }
        }
        wire.buffer.drain(..length);
        how = Given::OnKept;
        // So that there is something in flight whenever it dies.
        std::thread::sleep(Duration::from_millis(2));
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

fn id(head: &str) -> Option<u64> {
    head.split(' ').nth(1)?.split_once("id=")?.1.parse().ok()
}

// === the load ===

/// How a request failed that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    NotConnected,
    ResetBefore,
    ResetWithin,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    id: u64,
    post: bool,
    began: Instant,
    ended: Instant,
    outcome: Result<u16, Failure>,
}

impl Record {
    fn met(&self, (from, to): (Instant, Instant)) -> bool {
        self.began <= to && self.ended >= from
    }
}

struct Load {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Vec<Record>>>,
}

impl Load {
    fn start(port: u16) -> Load {
        const WORKERS: u64 = 6;
        let stop = Arc::new(AtomicBool::new(false));
        let work = |worker: u64| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let (mut stream, mut records) = (None, Vec::new());
                for number in (worker << 32).. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let (post, began) = (number % 4 == 0, Instant::now());
                    let outcome = exchange(&mut stream, at(port), number, post);
                    let ended = Instant::now();
                    records.push(Record { id: number, post, began, ended, outcome });
                    std::thread::sleep(Duration::from_millis(2));
                }
                records
            })
        };
        Load { workers: (0..WORKERS).map(work).collect(), stop }
    }

    fn stop(self) -> Vec<Record> {
        self.stop.store(true, Ordering::Relaxed);
        self.workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    }
}

/// One request; the connection is kept after an answer that does not end it.
fn exchange(
    kept: &mut Option<TcpStream>,
    address: SocketAddr,
    id: u64,
    post: bool,
) -> Result<u16, Failure> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => TcpStream::connect(address).map_err(|_| Failure::NotConnected)?,
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (method, body) = if post { ("POST", "x") } else { ("GET", "") };
    let request = format!(
        "{method} /?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(request.as_bytes());
    let mut wire = Wire::over(stream);
    let head = loop {
        if wire.buffer.windows(4).any(|window| window == b"\r\n\r\n") {
            break wire.head().unwrap();
        }
        let failure =
            if wire.buffer.is_empty() { Failure::ResetBefore } else { Failure::ResetWithin };
        if !wire.fill() {
            return Err(failure);
        }
    };
    let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
    while wire.buffer.len() < length {
        if !wire.fill() {
            return Err(Failure::ResetWithin);
        }
    }
    assert_eq!(wire.buffer.len(), length, "more than the answer");
    if header(&head, "connection") != Some("close") {
        *kept = Some(wire.stream);
    }
    Ok(head.split(' ').nth(1).unwrap().parse().unwrap())
}
