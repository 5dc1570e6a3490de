//! What stands between an instance and its authority, passes everything on, and kills the instance at a
//! chosen point of an order.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};

use tls::{BlockingServer, Identity, Trusted};

use crate::pebble::{PATIENCE, Pebble};
use crate::support::until;

/// When the instance is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The authority has not heard of the request.
    Asked,
    /// It has done what was asked, and the instance does not know.
    Done,
    /// The answer has come, and may be stored or not.
    Answered,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub process: u32,
    /// Part of the path that is asked for.
    pub path: &'static str,
    pub moment: Moment,
}

/// Requests wait until there is a plan, or that there is none.
#[derive(Default)]
enum Gate {
    #[default]
    Shut,
    Armed(Plan),
    Open,
}

#[derive(Default)]
struct Gates(Mutex<Gate>, Condvar);

pub struct Between {
    pub directory: String,
    gates: Arc<Gates>,
}

impl Between {
    pub fn start(pebble: &Arc<Pebble>) -> Between {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let directory = format!("https://localhost:{}/dir", listener.local_addr().unwrap().port());
        let (chain, key) = (pebble.file("cert.pem"), pebble.file("key.pem"));
        let loaded = Identity::from_files("between", &chain, &key, net::clock::unix_seconds());
        let server = BlockingServer::new(loaded.unwrap().identity).unwrap();
        let gates: Arc<Gates> = Arc::default();
        let (at_gates, pebble) = (Arc::clone(&gates), Arc::clone(pebble));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (server, gates) = (server.clone(), Arc::clone(&at_gates));
                let pebble = Arc::clone(&pebble);
                std::thread::spawn(move || serve(&server, stream.unwrap(), &pebble, &gates));
            }
        });
        Between { directory, gates }
    }

    pub fn shut(&self) {
        *self.gates.0.lock().unwrap() = Gate::Shut;
    }

    pub fn arm(&self, plan: Plan) {
        self.set(Gate::Armed(plan));
    }

    fn set(&self, gate: Gate) {
        *self.gates.0.lock().unwrap() = gate;
        self.gates.1.notify_all();
    }
}

impl Gates {
    /// What is planned for a request; whoever takes the plan carries it out, and all later requests pass.
    fn plan_for(&self, path: &str) -> Option<Plan> {
        let shut = |gate: &mut Gate| matches!(gate, Gate::Shut);
        let (mut gate, waited) =
            self.1.wait_timeout_while(self.0.lock().unwrap(), PATIENCE, shut).unwrap();
        assert!(!waited.timed_out(), "the gate was never opened");
        match *gate {
            Gate::Armed(plan) if path.contains(plan.path) => {
                *gate = Gate::Open;
                Some(plan)
            }
            Gate::Shut | Gate::Armed(_) | Gate::Open => None,
        }
    }
}

/// One request and its answer.
fn serve(server: &BlockingServer, stream: TcpStream, pebble: &Pebble, gates: &Gates) {
    let mut stream = server.accept(stream).unwrap();
    let Some((head, body)) = read(&mut stream) else { return };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let plan = gates.plan_for(&path);
    let kill = |at: Moment| {
        let Some(plan) = plan.filter(|plan| plan.moment == at) else { return false };
        let process = plan.process.to_string();
        assert!(Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
        true
    };
    if kill(Moment::Asked) {
        return;
    }
    let proved = pebble.said("set VALID");
    let answer = pass_on(pebble, &head, &body);
    // What an instance that is gone could not prove would cost it the order.
    if plan.is_some_and(|plan| plan.path == CHALLENGE) {
        until("the validation", || (pebble.said("set VALID") > proved).then_some(()));
    }
    if kill(Moment::Done) {
        return;
    }
    let _ = stream.write_all(&answer);
    stream.conn.send_close_notify();
    let _ = stream.flush();
    kill(Moment::Answered);
}

pub const CHALLENGE: &str = "/chalZ/";

/// Head and body.
fn read(stream: &mut impl Read) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut more = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let length = crate::support::header(&head, "content-length");
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            while bytes.len() < at + 4 + length {
                let read = stream.read(&mut more).ok().filter(|read| *read > 0)?;
                bytes.extend_from_slice(&more[..read]);
            }
            return Some((head, bytes.split_off(at + 4)));
        }
        let read = stream.read(&mut more).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&more[..read]);
    }
}

/// With our own host: from it, Pebble makes the addresses of all that follows.
fn pass_on(pebble: &Pebble, head: &str, body: &[u8]) -> Vec<u8> {
    let trusted = Trusted::from_files([pebble.file("ca.pem").as_path()]).unwrap();
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, pebble.port)).unwrap();
    let mut stream = tls::blocking_client(tcp, "localhost", &trusted).unwrap();
    let request = format!("{head}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[request.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.is_empty(), "no answer to {head}");
    answer
}
