//! Real processes and real sockets for tests: an instance of the program, origins that say exactly
//! what a test wants, and clients that send exact bytes.
#![allow(dead_code, reason = "each test file uses its own part of this")]

pub mod recorder;
pub mod strict;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Whatever takes longer has gone wrong.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_pointsman");

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Asks again until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

// === the program ===

/// A running `pointsman run FILE`, killed when dropped.
pub struct Instance {
    pub folder: tempfile::TempDir,
    pub child: Child,
}

impl Instance {
    /// Starts with a configuration and waits until it serves. `@NAME@` is not replaced: format it.
    pub fn start(configuration: &str) -> Instance {
        Instance::start_with(configuration, &["--cores", "1"])
    }

    pub fn start_with(configuration: &str, arguments: &[&str]) -> Instance {
        Instance::begin(configuration, &[], arguments)
    }

    /// With files beside the configuration.
    pub fn start_beside(configuration: &str, files: &[(&str, &[u8])]) -> Instance {
        Instance::begin(configuration, files, &["--cores", "1"])
    }

    fn begin(configuration: &str, files: &[(&str, &[u8])], arguments: &[&str]) -> Instance {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("site.hcl"), configuration).unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Instance::start_in(folder, arguments)
    }

    /// Serves the `site.hcl` of a folder.
    pub fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Instance {
        let child = spawn(folder.path(), arguments);
        let mut instance = Instance { folder, child };
        instance.await_serving();
        instance
    }

    /// Dies without a chance to tidy up, and is started again.
    pub fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.folder.path(), &["--cores", "1"]);
        self.await_serving();
    }

    fn await_serving(&mut self) {
        until("the instance to serve", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the instance ended with {status}:\n{}", self.output());
            }
            self.try_status()
        });
    }

    pub fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }

    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--state").arg(self.folder.path().join("state"));
        command.output().unwrap()
    }

    fn try_status(&self) -> Option<serde_json::Value> {
        let output = self.command(&["status", "--json"]);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    pub fn status(&self) -> serde_json::Value {
        self.try_status().expect("the instance answers")
    }

    /// Waits until the first target of a group is in a state.
    pub fn await_target(&self, group: &str, state: &str) -> serde_json::Value {
        until(&format!("a target of {group} to be {state}"), || {
            let status = self.status();
            let groups = status["target_groups"].as_array()?;
            let group = groups.iter().find(|g| g["name"] == group)?;
            let target = group["targets"].get(0)?;
            (target["state"] == state).then(|| target.clone())
        })
    }

    pub fn write(&self, configuration: &str) {
        std::fs::write(self.folder.path().join("site.hcl"), configuration).unwrap();
    }

    pub fn reload(&self) -> Output {
        self.command(&["reload"])
    }

    /// The access log, with buffered lines flushed by waiting for one that contains `needle`.
    pub fn log_line(&self, needle: &str) -> String {
        let path = self.folder.path().join("access.log");
        until(&format!("a log line with `{needle}`"), || {
            let text = std::fs::read_to_string(&path).ok()?;
            text.lines().find(|line| line.contains(needle)).map(str::to_owned)
        })
    }

    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("state/development/authority.pem")
    }
}

fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    let output = std::fs::File::create(folder.join("output")).unwrap();
    Command::new(PROGRAM)
        .args(["run", "site.hcl", "--state", "state"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap()
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- output of the instance\n{}", self.output());
        }
    }
}

/// One listener on `port`, one target group `app` at `origin`, quick health checks by TCP.
pub fn simple(port: u16, origin: SocketAddr) -> String {
    site(port, "", "    default {\n      forward = target_group.app\n    }\n", &[origin])
}

/// As [`simple`], with attributes of the load balancer, the body of the listener, and the targets.
pub fn site(port: u16, attributes: &str, listener: &str, targets: &[SocketAddr]) -> String {
    let targets: Vec<String> = targets.iter().map(|t| format!("\"{t}\"")).collect();
    format!(
        r#"load_balancer "test" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.all]
  access_log      = "access.log"
{attributes}
  listener "http" {{
    port = {port}
{listener}
  }}
}}

security_group "all" {{
  ingress {{
    ports = "all"
    from  = [anywhere]
  }}
}}

target_group "app" {{
  targets = [{}]

  health_check {{
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}
"#,
        targets.join(", ")
    )
}

// === origins ===

/// What an origin does with one connection. Bytes that were read are recorded.
pub type Script = dyn Fn(&mut Wire) + Send + Sync;

/// A server whose connections are run by a script each.
pub struct Origin {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Receiver<()>,
}

impl Origin {
    pub fn start(script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Origin {
        Origin::start_at((Ipv4Addr::LOCALHOST, 0).into(), script)
    }

    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&mut Wire) + Send + Sync + 'static,
    ) -> Origin {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (sender, connections) = channel();
        let script: Arc<Script> = Arc::new(script);
        let record = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let _ = sender.send(());
                let (script, record) = (Arc::clone(&script), Arc::clone(&record));
                std::thread::spawn(move || {
                    script(&mut Wire { stream, buffer: Vec::new(), record: Some(record) })
                });
            }
        });
        Origin { address, requests, connections }
    }

    /// Answers every request with 200 and a body.
    pub fn answering(body: &'static str) -> Origin {
        Origin::start(move |wire| {
            while let Some(_request) = wire.request() {
                let head_only = _request.starts_with("HEAD ");
                let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                wire.send(&text);
                if !head_only {
                    wire.send(body);
                }
            }
        })
    }

    /// The heads (and bodies by length) of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|r| String::from_utf8_lossy(r).into_owned())
            .collect()
    }

    pub fn last_request(&self) -> String {
        self.requests().pop().expect("the origin has seen a request")
    }
}

/// One end of a connection, with what was read and not yet used.
pub struct Wire {
    pub stream: TcpStream,
    pub buffer: Vec<u8>,
    record: Option<Arc<Mutex<Vec<Vec<u8>>>>>,
}

impl Wire {
    pub fn to(address: SocketAddr) -> Wire {
        Wire::from_source(Ipv4Addr::LOCALHOST.into(), address)
    }

    pub fn from_source(source: IpAddr, address: SocketAddr) -> Wire {
        Wire::over(net::stream::connect_from(source, address, PATIENCE).unwrap())
    }

    pub fn over(stream: TcpStream) -> Wire {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire { stream, buffer: Vec::new(), record: None }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Reads more; `false` at the end.
    pub fn fill(&mut self) -> bool {
        let mut bytes = [0; 65536];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&bytes[..n]);
                true
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => true,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "nothing came for {PATIENCE:?}; so far: {}",
                    String::from_utf8_lossy(&self.buffer)
                )
            }
            Err(_) => false,
        }
    }

    fn head_end(&self) -> Option<usize> {
        self.buffer.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
    }

    /// Reads a head; `None` at the end of the stream.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.head_end() {
                let head: Vec<u8> = self.buffer.drain(..end).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(
                self.fill(),
                "the stream ended early: {}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
        self.buffer.drain(..count).collect()
    }

    /// Reads to the end of the stream.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    fn body(&mut self, head: &str) -> Vec<u8> {
        if header(head, "transfer-encoding").is_some() {
            let mut body = Vec::new();
            loop {
                let line = self.line();
                let size = usize::from_str_radix(line.trim(), 16).expect("a chunk size");
                if size == 0 {
                    while !self.line().trim().is_empty() {}
                    return body;
                }
                body.extend(self.exactly(size));
                assert_eq!(self.exactly(2), b"\r\n");
            }
        }
        let length = header(head, "content-length").map_or(0, |v| v.parse().unwrap());
        self.exactly(length)
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return String::from_utf8_lossy(&line).into_owned();
            }
            assert!(self.fill(), "the stream ended in a chunk");
        }
    }

    /// A whole request, head and body, for an origin.
    pub fn request(&mut self) -> Option<String> {
        let head = self.head()?;
        let body = self.body(&head);
        let mut whole = head.into_bytes();
        whole.extend(body);
        if let Some(record) = &self.record {
            record.lock().unwrap().push(whole.clone());
        }
        Some(String::from_utf8_lossy(&whole).into_owned())
    }

    /// A whole response to a request that was not HEAD.
    pub fn response(&mut self) -> Response {
        let head = self.head().expect("a response head");
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if status < 200 || status == 204 || status == 304 {
            Vec::new()
        } else if header(&head, "content-length").is_none()
            && header(&head, "transfer-encoding").is_none()
        {
            self.rest()
        } else {
            self.body(&head)
        };
        Response { status, head, body }
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n"));
        self.response()
    }

    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (n, value) = line.split_once(':')?;
        n.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
