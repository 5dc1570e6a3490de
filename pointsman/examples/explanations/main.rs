//! What answers cost where everything is large: `explanations PROGRAM` prints a table of times, in
//! this process, over the socket of a running instance, and of `check` as a whole;
//! `explanations CASE TIMES` asks one question a number of times, so that `cargo xtask instructions`
//! can count its instructions; `explanations write WORLD FILE` writes a configuration.

mod large;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::{RealEnvironment, Sources};
use control::{Certificates, FromFiles};
use explain::{Answer, Query, Surveyed, Verb};
use large::{Large, Lie, Ports};

const WORLDS: [(&str, Large); 3] = [
    ("rules", Large::Rules),
    ("disjoint", Large::Prefixes(Lie::Disjoint)),
    ("overlapping", Large::Prefixes(Lie::Overlapping)),
];

/// Of a day on which every certificate is in date.
const NOW_UNIX: i64 = 1_800_000_000;
const USUAL: Ports = Ports { http: 80, https: 443 };
/// A figure is the median of so many.
const TIMES: usize = 9;
const PATIENCE: Duration = Duration::from_secs(60);

/// A question that is asked of a world.
struct Case {
    name: &'static str,
    world: &'static str,
    verb: Verb,
    /// Without scheme and port.
    address: &'static str,
    from: &'static str,
}

const CASES: [Case; 9] = [
    case("explain-reaches", "rules", "app7.edge0.example/service7/x", "n0"),
    case("explain-no-rule", "rules", "app7.edge0.example/servise7/x", "n0"),
    case("explain-denied", "rules", "app7.edge0.example/service7/x", "n1"),
    Case { verb: Verb::Who, ..case("who", "rules", "app7.edge0.example/service7/x", "") },
    case("explain-reaches", "disjoint", "app1.edge0.example/", "n0"),
    case("explain-denied", "disjoint", "app1.edge0.example/", "n1"),
    Case { verb: Verb::Who, ..case("who", "disjoint", "app1.edge0.example/", "") },
    case("explain-reaches", "overlapping", "app1.edge0.example/", "n0"),
    Case { verb: Verb::Who, ..case("who", "overlapping", "app1.edge0.example/", "") },
];

const fn case(
    name: &'static str,
    world: &'static str,
    address: &'static str,
    from: &'static str,
) -> Case {
    Case { name, world, verb: Verb::Explain, address, from }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["write", world, file] => std::fs::write(file, of(world).text(USUAL)).expect("written"),
        [case, times] if times.parse::<u64>().is_ok() => count(case, times.parse().unwrap_or(0)),
        [program] => table(Path::new(program)),
        _ => {
            eprintln!("usage: explanations PROGRAM | CASE TIMES | write WORLD FILE");
            std::process::exit(2);
        }
    }
}

fn of(name: &str) -> Large {
    WORLDS.iter().find(|(world, _)| *world == name).expect("such a world").1
}

impl Case {
    fn query(&self, ports: Ports) -> Query {
        let (host, path) = self.address.split_once('/').unwrap_or((self.address, ""));
        let url = format!("https://{host}:{}/{path}", ports.https);
        let mut query = Query::new(self.verb, Some(&url));
        if !self.from.is_empty() {
            query.from = vec![self.from.to_owned()];
        }
        query
    }
}

/// A configuration that was read.
struct Read {
    sources: Sources,
    certificates: Certificates,
    surveyed: Surveyed,
}

impl Read {
    fn of(large: Large, ports: Ports) -> Read {
        let sources = Sources::single("large.hcl", &large.text(ports));
        let (model, findings) = config::parse(&sources, &RealEnvironment);
        let broken = findings.iter().find(|finding| finding.severity == model::Severity::Error);
        assert!(broken.is_none(), "{broken:?}");
        let (store, _) = tls::CertificateStore::check(&model.certificates, NOW_UNIX);
        let certificates = Certificates::of(&model, &store, NOW_UNIX);
        let surveyed = Surveyed::new(Arc::new(world::compile(model, 1)));
        Read { sources, certificates, surveyed }
    }

    fn answer(&self, query: &Query) -> Answer {
        let Read { sources, certificates, surveyed } = self;
        let files = FromFiles { sources, certificates, now_unix: NOW_UNIX };
        files.answer(&surveyed.atlas(), query).expect("a question that can be answered")
    }
}

// === counting ===

fn count(name: &str, times: u64) {
    let (world, name) = name.split_once('-').expect("a case is WORLD-NAME");
    let case = CASES.iter().find(|case| (case.world, case.name) == (world, name));
    let case = case.expect("such a case");
    let (read, query) = (Read::of(of(world), USUAL), case.query(USUAL));
    for _ in 0..times {
        black_box(read.answer(black_box(&query)));
    }
}

// === timing ===

fn table(program: &Path) {
    println!("{:<34} {:>10} {:>10}", "", "median ms", "worst ms");
    for (world, large) in WORLDS {
        let read = Read::of(large, USUAL);
        let cases = || CASES.iter().filter(|case| case.world == world);
        for case in cases() {
            let query = case.query(USUAL);
            row(&format!("{world}: {}", case.name), TIMES, || {
                black_box(read.answer(&query));
            });
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("large.hcl");
        std::fs::write(&file, large.text(USUAL)).expect("written");
        row(&format!("{world}: check, the process"), 3, || check(program, &file));
        let instance = Instance::start(program, large);
        for case in cases() {
            let query = case.query(instance.ports);
            row(&format!("{world}: {}, running", case.name), TIMES, || {
                let socket = instance.socket();
                let answer = control::client::explain(&socket, &query).expect("an answer");
                black_box(answer.expect("a question that can be answered"));
            });
        }
    }
}

/// The first time warms up, and is not counted.
fn row(name: &str, times: usize, mut ask: impl FnMut()) {
    ask();
    let mut took: Vec<f64> = (0..times)
        .map(|_| {
            let begin = Instant::now();
            ask();
            begin.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!("{name:<34} {:>10.2} {:>10.2}", took[times / 2], took[times - 1]);
}

fn check(program: &Path, file: &Path) {
    let output = Command::new(program).arg("check").arg(file).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// A running `pointsman run`.
struct Instance {
    child: Child,
    folder: tempfile::TempDir,
    ports: Ports,
}

impl Instance {
    fn start(program: &Path, large: Large) -> Instance {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = Ports { http: free_port(), https: free_port() };
        let file = folder.path().join("large.hcl");
        std::fs::write(&file, large.text(ports)).expect("written");
        let mut command = Command::new(program);
        command.arg("run").arg(&file).args(["--cores", "1", "--state"]);
        command.arg(folder.path().join("state"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        let instance = Instance { child, folder, ports };
        let end = Instant::now() + PATIENCE;
        while control::client::health(&instance.socket()).is_err() {
            assert!(Instant::now() < end, "the instance does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        instance
    }

    fn socket(&self) -> PathBuf {
        control::StateDirectory::at(self.folder.path().join("state")).control_socket()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).expect("a port").port()
}
