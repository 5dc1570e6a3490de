//! The law of explanation: for random worlds and random clients, what `explain` foretells is what a
//! real client sees over real sockets (HOUSE.md; DECISIONS 4).
//!
//! One instance of the program lives in a network namespace in which every address is local, and gets
//! one world after the other by `reload`. Clients bind the addresses of their networks.
//! `LAW_PAIRS` and `LAW_SEED` choose how many pairs and which; `cargo xtask law` sets them.

mod papers;
mod random;
mod targets;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use config::{RealEnvironment, Sources};
use control::Certificates;
use explain::{
    Atlas, Behaviour, Client, Enforcement, FactSource, Facts, Observed, ObservedBy, Outcome,
    Request, Sees, Speaker, TargetView,
};
use lab::{Call, Trusts, observe};
use model::{GroupId, HealthState, Severity, Url};
use net::netlink::{Netlink, Table, Way};
use tls::{CertificateStore, Trusted};

use papers::Papers;
use targets::{MARK, Targets};
use world::{Ask, Does, World};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pointsman");
/// Pairs of one world, and how many they are chosen from.
const PAIRS_A_WORLD: usize = 24;
const CANDIDATES: usize = 160;
/// Of each kind of outcome, in a full run (DECISIONS 4).
const LEAST_OF_A_KIND: usize = 200;
/// DECISIONS 4.
const CONCURRENT: usize = 64;
/// Without `LAW_PAIRS`.
const PAIRS_QUICK: usize = 480;
const PAIRS_FULL: usize = 2600;
/// A SYN that a filter drops is not answered; one that is not dropped is, at once.
const CONNECT_LIMIT: Duration = Duration::from_millis(900);
/// Longer than five attempts of one second each.
const ANSWER_LIMIT: Duration = Duration::from_secs(9);
const PATIENCE: Duration = Duration::from_secs(30);
/// Seeds of worlds that once failed.
const ONCE_FAILED: &str = include_str!("seeds.txt");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What nextest asks of a test without the usual harness.
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("explanations_come_true: test");
        }
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let full = std::env::var_os("POINTSMAN_TEST_FULL").is_some();
    let pairs =
        number("LAW_PAIRS").map_or(if full { PAIRS_FULL } else { PAIRS_QUICK }, |n| n as usize);
    let seed = number("LAW_SEED").unwrap_or(1);
    // Before there is a second thread.
    if let Err(error) = everything_is_local() {
        let text = format!("the law needs a network namespace of its own: {error}");
        assert!(std::env::var_os("CI").is_none(), "{text}");
        eprintln!("SKIPPED: {text}");
        return;
    }
    let once: Vec<u64> = ONCE_FAILED
        .lines()
        .filter_map(|line| line.split('#').next()?.trim().parse().ok())
        .collect();
    let mut court = Court::open();
    let begun = Instant::now();
    for seed in once {
        court.try_world(seed, Choice::Everything);
    }
    let fresh = (0..).map(|at| seed.wrapping_mul(1_000_003).wrapping_add(at));
    for seed in fresh {
        if court.pairs >= pairs {
            break;
        }
        court.try_world(seed, Choice::Rare);
    }
    court.close(begun.elapsed(), pairs >= PAIRS_FULL);
}

/// A namespace in which a socket may have any address, and reach any.
fn everything_is_local() -> std::io::Result<()> {
    net::namespace::enter_private_network()?;
    // For IPv4 a local route is enough to bind an address; for IPv6 it is not.
    std::fs::write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1")?;
    let mut netlink = Netlink::open()?;
    let link = netlink.link("lo")?;
    for all in ["0.0.0.0", "::"] {
        let all: IpAddr = all.parse().map_err(std::io::Error::other)?;
        netlink.add_route((all, 0), Way::Here { link }, Table::Local)?;
    }
    Ok(())
}

/// Which of a world's asks are tried.
#[derive(Clone, Copy, PartialEq)]
enum Choice {
    Everything,
    /// Those whose kind of outcome was seen the least.
    Rare,
}

struct Court {
    folder: tempfile::TempDir,
    papers: Papers,
    trusted: Trusted,
    target_tls: Arc<rustls::ServerConfig>,
    instance: Option<Child>,
    worlds: u64,
    /// Requests sent: each has a number of its own, which the log tells.
    sent: usize,
    pairs: usize,
    kinds: BTreeMap<&'static str, usize>,
    agreed: usize,
    not_known: usize,
    seen: BTreeMap<String, usize>,
    failures: Vec<String>,
    /// Of every answered pair: what its log line may say.
    codes: BTreeMap<usize, (u64, BTreeSet<String>, String)>,
}

/// One ask, and what was foretold.
struct Case {
    number: usize,
    ask: Ask,
    url: Url,
    foretold: BTreeSet<Outcome>,
}

impl Court {
    fn open() -> Court {
        let folder = tempfile::tempdir().unwrap();
        let papers = Papers::make(folder.path());
        let trusted = Trusted::from_files([papers.authority.as_path()]).unwrap();
        let target_tls = target_tls(&papers);
        Court {
            folder,
            papers,
            trusted,
            target_tls,
            instance: None,
            worlds: 0,
            sent: 0,
            pairs: 0,
            kinds: BTreeMap::new(),
            agreed: 0,
            not_known: 0,
            seen: BTreeMap::new(),
            failures: Vec::new(),
            codes: BTreeMap::new(),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("law.hcl")
    }

    fn command(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--state").arg(self.folder.path().join("state"));
        command.output().unwrap()
    }

    fn status(&self) -> Option<serde_json::Value> {
        let output = self.command(&["status", "--json"]);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The configuration is served, from the start or by a reload.
    fn serve(&mut self, hcl: &str, seed: u64) {
        std::fs::write(self.file(), hcl).unwrap();
        if self.instance.is_none() {
            let output = std::fs::File::create(self.folder.path().join("output")).unwrap();
            let child = Command::new(PROGRAM)
                .args(["run", "law.hcl", "--cores", "2", "--state", "state"])
                .current_dir(self.folder.path())
                .stdout(Stdio::null())
                .stderr(output)
                .spawn()
                .unwrap();
            self.instance = Some(child);
            let end = Instant::now() + PATIENCE;
            while self.status().is_none() {
                let output = std::fs::read_to_string(self.folder.path().join("output"));
                assert!(Instant::now() < end, "seed {seed}: it does not serve\n{output:?}\n{hcl}");
                std::thread::sleep(Duration::from_millis(20));
            }
        } else {
            let output = self.command(&["reload"]);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "seed {seed}: {text}\n{hcl}");
        }
    }

    fn try_world(&mut self, seed: u64, choice: Choice) {
        self.worlds += 1;
        let made = world::world(seed, self.worlds, &self.papers, CANDIDATES);
        // The targets first: a health check of the new generation is not to find them missing.
        let targets = Targets::start(&made.groups, &self.target_tls);
        self.serve(&made.hcl, seed);
        // What is observed while a target changes its state proves nothing: it is asked again.
        for _ in 0..3 {
            let before = self.settled();
            let cases = self.foretell(&made, &before, seed);
            let cases = self.choose(cases, choice);
            let observed = self.observe(&cases);
            if states(&before) == states(&self.status().unwrap()) {
                self.judge(&made, seed, cases, observed);
                drop(targets);
                return;
            }
        }
        panic!("seed {seed}: the targets' state does not settle\n{}", made.hcl);
    }

    fn settled(&self) -> serde_json::Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status().unwrap();
            if !states(&status).iter().any(|(_, _, state)| state == "initial") {
                return status;
            }
            assert!(Instant::now() < end, "a target stays in `initial`");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn choose(&mut self, mut cases: Vec<Case>, choice: Choice) -> Vec<Case> {
        let known = |case: &Case| !case.foretold.iter().any(|o| o.sees == Sees::NotKnown);
        self.not_known += cases.iter().filter(|case| !known(case)).count();
        cases.retain(known);
        let mut chosen = Vec::new();
        let mut kinds = self.kinds.clone();
        while !cases.is_empty() && (choice == Choice::Everything || chosen.len() < PAIRS_A_WORLD) {
            let count = |case: &Case| kinds.get(kind(&case.foretold)).copied().unwrap_or(0);
            let rarest = (0..cases.len()).min_by_key(|at| (count(&cases[*at]), *at)).unwrap();
            let mut case = cases.remove(rarest);
            *kinds.entry(kind(&case.foretold)).or_default() += 1;
            case.number = self.sent;
            self.sent += 1;
            chosen.push(case);
        }
        chosen
    }

    fn foretell(&self, made: &World, status: &serde_json::Value, seed: u64) -> Vec<Case> {
        let sources = Sources::single("law.hcl", &made.hcl);
        let (model, findings) = config::parse(&sources, &RealEnvironment);
        let broken = findings.iter().any(|finding| finding.severity == Severity::Error);
        assert!(!broken, "seed {seed}: {findings:?}\n{}", made.hcl);
        let now_unix = net::clock::unix_seconds();
        let (store, _) = CertificateStore::check(&model.certificates, now_unix);
        let certificates = Certificates::of(&model, &store, now_unix);
        let world = ::world::compile(model, 1);
        let states = states(status);
        let view = |group: GroupId, at: usize| {
            let name = &world.model[group].name;
            let (_, _, state) = states.iter().find(|(n, i, _)| n == name && *i == at).unwrap();
            let target = &made.groups[group.0 as usize][at];
            TargetView {
                state: health_state(state),
                behaviour: behaviour(target.does),
                // Whatever the path.
                observed_by: ObservedBy::Probe,
                ..TargetView::ASSUMED
            }
        };
        let kernel = |listener: model::ListenerId, _| {
            let place = world.model[listener].place.to_string();
            let all = status["listeners"].as_array().unwrap();
            let after = all.iter().any(|l| {
                l["place"] == place && l["admission"].as_str().unwrap().contains("after accept")
            });
            if after { Enforcement::AfterAccept } else { Enforcement::Kernel }
        };
        let facts = Facts {
            now_unix,
            certificates: &|id| certificates.view(id),
            targets: &view,
            enforcement: &kernel,
            refused: &|_, _| None,
            source: FactSource::Running,
        };
        let atlas = Atlas::of(&world);
        let cases = made.asks.iter().map(|ask| {
            let url = Url::parse(&ask.url).unwrap();
            let client: Client = atlas.clients(ask.client).remove(0);
            let headers = ask.headers.clone();
            let request =
                Request { url: url.clone(), method: ask.method.into(), headers, to: None };
            let foretold = explain::walk(&world, &facts, &request.ask(&client), &mut ());
            Case { number: 0, ask: ask.clone(), url, foretold }
        });
        cases.collect()
    }

    fn observe(&self, cases: &[Case]) -> Vec<Observed> {
        let next = AtomicUsize::new(0);
        let observed = Mutex::new(vec![None; cases.len()]);
        std::thread::scope(|scope| {
            for _ in 0..CONCURRENT.min(cases.len()) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(at) else { return };
                        let seen = observe(&Call {
                            from: Some(case.ask.from),
                            to: SocketAddr::new(case.ask.to, case.url.port),
                            url: &case.url,
                            method: case.ask.method,
                            headers: &case.ask.headers,
                            user_agent: &format!("law/{}", case.number),
                            trusts: Trusts::Authorities(&self.trusted),
                            connect_limit: CONNECT_LIMIT,
                            answer_limit: ANSWER_LIMIT,
                        });
                        observed.lock().unwrap()[at] = Some(seen);
                    }
                });
            }
        });
        observed.into_inner().unwrap().into_iter().map(Option::unwrap).collect()
    }

    fn judge(&mut self, made: &World, seed: u64, cases: Vec<Case>, observed: Vec<Observed>) {
        for (case, seen) in cases.into_iter().zip(observed) {
            self.pairs += 1;
            *self.kinds.entry(kind(&case.foretold)).or_default() += 1;
            let right: Vec<&Outcome> =
                case.foretold.iter().filter(|outcome| comes_true(outcome, &seen)).collect();
            if right.is_empty() {
                let foretold: Vec<String> = case
                    .foretold
                    .iter()
                    .map(|o| format!("{:?} {:?} [{}]", o.stage, o.sees, o.code().unwrap_or("-")))
                    .collect();
                self.failures.push(format!(
                    "seed {seed}, pair {}: {} {} from {} (as {}) to {}, headers {:?}\n  foretold: {}\n  seen:     {seen:?}",
                    case.number,
                    case.ask.method,
                    case.url,
                    case.ask.client,
                    case.ask.from,
                    case.ask.to,
                    case.ask.headers,
                    foretold.join("\n            "),
                ));
                if self.failures.len() <= 3 {
                    eprintln!("{}\n{}", made.hcl, self.failures.last().unwrap());
                }
                continue;
            }
            self.agreed += 1;
            let code = right[0].code().unwrap_or("-");
            *self.seen.entry(format!("{:<14} {code}", right[0].short())).or_default() += 1;
            // What was never a request has no line: a page for outsiders, plain HTTP on a TLS port.
            let request = !code.starts_with("admit/") && code != "tls/plain-http";
            if matches!(seen, Observed::Answer { .. }) && request {
                let may: BTreeSet<String> =
                    right.iter().map(|o| o.code().unwrap_or("-").to_owned()).collect();
                self.codes.insert(case.number, (seed, may, format!("{seen}")));
            }
        }
    }

    /// The log's codes, and the sum.
    fn close(mut self, took: Duration, full: bool) {
        let mut instance = self.instance.take().unwrap();
        net_terminate(&instance);
        assert!(instance.wait().unwrap().success(), "the instance ended badly");
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        let mut coded = 0;
        for line in log.lines() {
            let Some((_, rest)) = line.split_once("\"law/") else { continue };
            let Some(number) = rest.split('"').next().and_then(|n| n.parse::<usize>().ok()) else {
                continue;
            };
            let Some((seed, may, seen)) = self.codes.get(&number) else { continue };
            coded += 1;
            let code = cause_of(line);
            // The log says `route/default` of whatever the default action took.
            if !may.contains(code) && code != "route/default" {
                self.failures.push(format!(
                    "seed {seed}, pair {number}: {seen}: the log says {code}, foretold was {may:?}\n  {line}"
                ));
            }
        }
        println!("{:>6}  kind", "pairs");
        for (kind, count) in &self.kinds {
            println!("{count:>6}  {kind}");
        }
        println!("\n{:>6}  outcome        code", "pairs");
        for (what, count) in &self.seen {
            println!("{count:>6}  {what}");
        }
        let wrong: BTreeSet<&String> = self.failures.iter().collect();
        for failure in wrong.iter().take(20) {
            println!("\n{failure}");
        }
        println!(
            "\n{} worlds, {} pairs in {} s; {coded} codes of the access log compared; {} not foretold",
            self.worlds,
            self.pairs,
            took.as_secs(),
            self.not_known
        );
        println!("agreed {} of {}", self.agreed, self.pairs);
        assert_eq!(coded, self.codes.len(), "lines of the access log are missing");
        assert!(self.failures.is_empty(), "{} failures", self.failures.len());
        if full {
            let rare: Vec<_> = self.kinds.iter().filter(|(_, n)| **n < LEAST_OF_A_KIND).collect();
            assert!(rare.is_empty(), "too few to prove anything: {rare:?}");
        }
    }
}

/// A coarse kind of what is foretold.
fn kind(foretold: &BTreeSet<Outcome>) -> &'static str {
    let Some(outcome) = foretold.first().filter(|_| foretold.len() == 1) else { return "several" };
    match &outcome.sees {
        Sees::TimesOut => "timed out",
        Sees::Silence => "silence",
        Sees::Refused => "refused",
        Sees::Reset => "reset",
        Sees::CertificateError(_) => "certificate",
        Sees::ProtocolError => "no TLS",
        Sees::CertificateWanted => "no client certificate",
        Sees::Closed | Sees::ClosedInHandshake => "closed",
        Sees::NameNotFound => "no name",
        Sees::NotKnown => "not known",
        Sees::Application => "application",
        Sees::PassedThrough => "passed through",
        Sees::Answer { speaker: Speaker::Application, .. } => "application",
        Sees::Answer { location: Some(_), .. } => "redirect",
        Sees::Answer { status: 500.., .. } => "own 5xx",
        Sees::Answer { .. } => "own answer",
    }
}

/// What was foretold came true, and it was said by whom it was to be said.
fn comes_true(outcome: &Outcome, seen: &Observed) -> bool {
    let marked = seen.header(MARK).is_some();
    let speaker = match &outcome.sees {
        Sees::Application | Sees::PassedThrough => marked,
        Sees::Answer { speaker, .. } => marked == (*speaker == Speaker::Application),
        _ => !marked,
    };
    speaker && seen.fits(outcome)
}

/// Field 35 of a line: the cause.
fn cause_of(line: &str) -> &str {
    let mut rest = line;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"').unwrap_or(quoted.len());
                (&quoted[..end], quoted.get(end + 1..).unwrap_or(""))
            }
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (&rest[..end], &rest[end..])
            }
        };
        fields.push(field);
        rest = after.trim_start_matches(' ');
    }
    fields.get(34).copied().unwrap_or("no field 35")
}

fn states(status: &serde_json::Value) -> Vec<(String, usize, String)> {
    let mut states = Vec::new();
    for group in status["target_groups"].as_array().unwrap() {
        let name = group["name"].as_str().unwrap();
        for (at, target) in group["targets"].as_array().unwrap().iter().enumerate() {
            let state = target["state"].as_str().unwrap().to_owned();
            // What is left of the world before.
            if state != "draining" {
                states.push((name.to_owned(), at, state));
            }
        }
    }
    states
}

fn health_state(name: &str) -> HealthState {
    let all = [
        HealthState::Initial,
        HealthState::Healthy,
        HealthState::Unhealthy,
        HealthState::Unused,
        HealthState::Draining,
        HealthState::Unavailable,
    ];
    all.into_iter().find(|state| state.name() == name).unwrap_or_else(|| panic!("{name}?"))
}

fn behaviour(does: Does) -> Behaviour {
    match does {
        Does::Answers(status) => Behaviour::Answers(status),
        Does::Refuses => Behaviour::Refuses,
        Does::Silent => Behaviour::Silent,
        Does::Closes => Behaviour::Closes,
        Does::Hangs => Behaviour::Hangs,
        Does::Nonsense => Behaviour::Nonsense,
        Does::TlsFails => Behaviour::TlsFails,
    }
}

fn target_tls(papers: &Papers) -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let read = |path: &Path| std::fs::read(path).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&read(&papers.target.chain)).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read(&papers.target.key)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

/// SIGTERM: logs are written out.
fn net_terminate(child: &Child) {
    let sent = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}
