//! A real authority, Pebble, with a resolver of its own or with ours.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Whatever takes longer has gone wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// What is out of the ordinary.
#[derive(Clone, Copy, Default)]
pub struct Quirks {
    /// Of a hundred good nonces.
    pub nonces_refused: u8,
    pub customers_only: bool,
    /// Seconds.
    pub validity: Option<u64>,
    pub blocked: Option<&'static str>,
    /// Where it asks for names, if not at a resolver of its own.
    pub resolver: Option<u16>,
}

pub struct Pebble {
    folder: tempfile::TempDir,
    child: Child,
    pub port: u16,
    pub management: u16,
    pub http: u16,
    pub tls: u16,
    log: Arc<Mutex<String>>,
    pub resolver: Resolver,
}

/// Base64url, of [`Quirks::customers_only`].
pub const EAB_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

impl Pebble {
    /// `None` where it is not installed, unless the tests have to be complete.
    pub fn start(quirks: Quirks) -> Option<Pebble> {
        let there = Command::new("pebble").arg("-h").output().is_ok();
        if !there && std::env::var_os("CI").is_none() {
            eprintln!("pebble is not installed: nothing was tested");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        make_https(&folder);
        let [port, management, http, tls] = [(); 4].map(|()| free_port());
        let path = |name: &str| folder.path().join(name);
        let mut pebble = serde_json::json!({
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": path("cert.pem"),
            "privateKey": path("key.pem"),
            "httpPort": http,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": quirks.customers_only,
            "domainBlocklist": quirks.blocked.into_iter().collect::<Vec<_>>(),
        });
        if quirks.customers_only {
            pebble["externalAccountMACKeys"] = serde_json::json!({ "customer-7": EAB_KEY });
        }
        if let Some(validity) = quirks.validity {
            pebble["certificateValidityPeriod"] = validity.into();
        }
        let text = serde_json::json!({ "pebble": pebble }).to_string();
        std::fs::write(path("pebble.json"), text).unwrap();
        std::fs::write(path("eab.key"), EAB_KEY).unwrap();
        let resolver = Resolver::start();
        let mut child = Command::new("pebble")
            .arg("-config")
            .arg(path("pebble.json"))
            .args([
                "-dnsserver",
                &format!("127.0.0.1:{}", quirks.resolver.unwrap_or(resolver.port)),
            ])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", quirks.nonces_refused.to_string())
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble");
        let log: Arc<Mutex<String>> = Arc::default();
        let (output, lines) = (child.stdout.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut log = lines.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < end, "pebble does not listen: {}", log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Pebble { folder, child, port, management, http, tls, log, resolver })
    }

    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// An `authority "pebble"` block.
    pub fn block(&self, more: &str) -> String {
        format!(
            "authority \"pebble\" {{\n  directory = \"https://localhost:{}/dir\"\n  agree_to_terms = true\n  \
             contact = [\"mailto:admin@example.com\"]\n  roots = \"{}\"\n  http_port = {}\n  tls_port = {}\n{more}}}\n",
            self.port,
            self.folder.path().join("ca.pem").display(),
            self.http,
            self.tls
        )
    }

    pub fn eab(&self) -> String {
        let key = self.folder.path().join("eab.key");
        format!(
            "  eab {{\n    key_id = \"customer-7\"\n    key = file(\"{}\")\n  }}\n",
            key.display()
        )
    }

    /// In how many lines of its log.
    pub fn said(&self, words: &str) -> usize {
        self.log.lock().unwrap().lines().filter(|line| line.contains(words)).count()
    }

    /// How often it said that there is one more.
    pub fn count(&self, what: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.lines().filter(|line| line.contains("There are now ") && line.contains(what)).count()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- pebble\n{}", self.log.lock().unwrap());
        }
    }
}

fn make_https(folder: &tempfile::TempDir) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = authority.self_signed(&key).unwrap();
    std::fs::write(folder.path().join("ca.pem"), own.pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let leaf = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&leaf, &issuer).unwrap();
    std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), leaf.serialize_pem()).unwrap();
}

// === names ===

/// Every name is at 127.0.0.1, and has the texts that it is given.
pub struct Resolver {
    pub port: u16,
    pub texts: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl Resolver {
    fn start() -> Resolver {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let texts: Arc<Mutex<BTreeMap<String, Vec<String>>>> = Arc::default();
        let known = Arc::clone(&texts);
        std::thread::spawn(move || {
            let mut bytes = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let answer = answer(&bytes[..length], &known.lock().unwrap());
                let _ = socket.send_to(&answer, from);
            }
        });
        Resolver { port, texts }
    }
}

fn answer(question: &[u8], texts: &BTreeMap<String, Vec<String>>) -> Vec<u8> {
    let (mut at, mut name) = (12, String::new());
    while question[at] != 0 {
        let label = &question[at + 1..at + 1 + usize::from(question[at])];
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
        at += 1 + label.len();
    }
    let end = at + 5;
    let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
    let values: Vec<Vec<u8>> = match kind {
        1 => vec![vec![127, 0, 0, 1]],
        16 => {
            let texts = texts.get(&name).cloned().unwrap_or_default();
            texts.iter().map(|text| [&[text.len() as u8], text.as_bytes()].concat()).collect()
        }
        _ => Vec::new(),
    };
    let mut out = question[..2].to_vec();
    out.extend([0x85, 0x80, 0, 1, 0, values.len() as u8, 0, 0, 0, 0]);
    out.extend(&question[12..end]);
    for value in values {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 0, 0, value.len() as u8]);
        out.extend(value);
    }
    out
}
