//! A large configuration, changed again and again under load.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::CERTIFICATES;
use super::entrants::Peer;
use super::load::Load;
use super::peers::Arena;
use super::sample::Sample;
use crate::failed::Failed;
use crate::{VISITOR, shell, tree};

/// Long enough for some reloads, and for a percentile to mean something.
pub const SECONDS_MIN: u32 = 12;
/// From the end of one reload to the beginning of the next.
const PAUSE: Duration = Duration::from_millis(500);
/// A path of one rule, and what it is changed to.
const CHANGE: (&str, &str) = ("\"/r5000/*\"", "\"/changed/*\"");

/// The 99th percentile of latency while the configuration is reloaded, in multiples of that at rest.
/// Besides the kept connections of the load, new connections are made all the time, in both halves.
pub fn measure(arena: &Arena, peer: &Peer, seconds: u32) -> Result<Sample, Failed> {
    let load = Load::http(64, "/");
    let stop = AtomicBool::new(false);
    let visitors = [("http", peer.http_port), ("https", peer.https_port)]
        .map(|(scheme, port)| Visitor::start(arena, scheme, port));
    let visitors = visitors.into_iter().collect::<Result<Vec<_>, Failed>>()?;
    let rest = load.run(arena, peer, seconds)?;
    let (busy, reloads) = std::thread::scope(|scope| {
        let reloader = scope.spawn(|| reload_until(peer, &stop));
        let busy = load.run(arena, peer, seconds);
        stop.store(true, Ordering::Relaxed);
        (busy, reloader.join())
    });
    let failed_visits = visitors.into_iter().map(Visitor::end).sum::<Result<u64, Failed>>()?;
    let busy = busy?;
    let reloads = reloads.map_err(|_| Failed::Unexpected("the reloader panicked".into()))??;
    eprintln!("{reloads} reloads in {seconds} s");
    if reloads == 0 {
        return Err(Failed::Unexpected("no reload came to its end".into()));
    }
    Ok(Sample {
        cost: busy.p99_milliseconds / rest.p99_milliseconds,
        per_second: Some(busy.requests as f64 / busy.seconds),
        p99_milliseconds: Some(busy.p99_milliseconds),
        errors: rest.errors + busy.errors + failed_visits,
        ..Sample::default()
    })
}

/// A process that makes one new connection after another.
struct Visitor(Child);

impl Visitor {
    fn start(arena: &Arena, scheme: &str, port: u16) -> Result<Visitor, Failed> {
        let program = tree::program("xtask");
        let mut command = arena.beside(&program.to_string_lossy());
        command.args([VISITOR, scheme, &port.to_string()]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        child.map(Visitor).map_err(Failed::file(&program))
    }

    /// How many of its connections failed.
    fn end(mut self) -> Result<u64, Failed> {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output().map_err(Failed::file("the visitor"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let mut numbers = said.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(made), Some(failed)) if made > 0 => Ok(failed),
            _ => Err(Failed::Unexpected(format!("the visitor said: {said}"))),
        }
    }
}

fn reload_until(peer: &Peer, stop: &AtomicBool) -> Result<u32, Failed> {
    let file = &peer.configuration;
    let text = fs::read_to_string(file).map_err(Failed::file(file))?;
    let changed = text.replace(CHANGE.0, CHANGE.1);
    if changed == text {
        return Err(Failed::Unexpected(format!("{} is not in the configuration", CHANGE.0)));
    }
    let state = peer.arguments.last().cloned().unwrap_or_default();
    let mut reloads = 0;
    while !stop.load(Ordering::Relaxed) {
        let next = if reloads % 2 == 0 { &changed } else { &text };
        fs::write(file, next).map_err(Failed::file(file))?;
        let mut command = Command::new(&peer.program);
        command.args(["reload", "--state", &state]).stdout(Stdio::null());
        let started = Instant::now();
        shell::run(&mut command)?;
        eprintln!("reloaded in {:.2} s", started.elapsed().as_secs_f64());
        reloads += 1;
        std::thread::sleep(PAUSE);
    }
    fs::write(file, text).map_err(Failed::file(file))?;
    Ok(reloads)
}

/// Key and certificate in one file, each for a name of its own.
pub fn make_certificates(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("certificates");
    fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
    for number in 0..CERTIFICATES {
        let file = folder.join(format!("{number}.pem"));
        if file.exists() {
            continue;
        }
        let name = format!("site{number}.example");
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "3650", "-subj", &format!("/CN={name}")]);
        command.args(["-addext", &format!("subjectAltName=DNS:{name}"), "-keyout", "-"]);
        let made = command.stderr(Stdio::null()).output().map_err(Failed::file("openssl"))?;
        let private =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file);
        private.and_then(|mut out| out.write_all(&made.stdout)).map_err(Failed::file(&file))?;
    }
    Ok(())
}
