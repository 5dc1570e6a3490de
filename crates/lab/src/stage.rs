//! The stage of a demo: a folder, processes, and somebody who tells what happens.

use std::fs;
use std::io::{self, BufRead, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Setting;

/// How long a part may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// Who turns the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nobody: play to the end.
    Unattended,
    /// The person at the keyboard.
    Keyboard,
}

/// Why a demo did not play to its end.
#[derive(Debug)]
pub enum Failed {
    Io(&'static str, io::Error),
    NotReady {
        part: String,
        output: String,
    },
    /// The story went otherwise than it should.
    Unexpected {
        asked: String,
        expected: String,
        seen: String,
    },
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::Io(what, error) => write!(f, "cannot {what}: {error}"),
            Failed::NotReady { part, output } => {
                write!(f, "`{part}` did not get ready within {} s\n{output}", READY_LIMIT.as_secs())
            }
            Failed::Unexpected { asked, expected, seen } => {
                write!(f, "{asked}: expected {expected}, saw {seen}")
            }
        }
    }
}

impl std::error::Error for Failed {}

pub struct Stage {
    pub setting: Setting,
    folder: PathBuf,
    parts: Vec<(String, Child)>,
}

impl Stage {
    pub fn open(setting: Setting) -> Result<Self, Failed> {
        let folder = std::env::temp_dir().join(format!("pointsman-demo-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| Failed::Io("make a folder for the demo", e))?;
        Ok(Stage { setting, folder, parts: Vec::new() })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failed> {
        let path = self.file(name);
        fs::write(&path, text).map_err(|e| Failed::Io("write a file of the demo", e))?;
        Ok(path)
    }

    /// A port that is free now. Another program could take it before we do; then the part says so.
    pub fn free_port(&self) -> Result<u16, Failed> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = net::listen::bind(any).and_then(|listener| listener.local_addr());
        bound.map(|address| address.port()).map_err(|e| Failed::Io("find a free port", e))
    }

    /// Starts the application.
    pub fn start_app(&mut self, part: &str, address: SocketAddr) -> Result<(), Failed> {
        let address_text = address.to_string();
        self.spawn(part, &["demo-app", &address_text, part])?;
        self.await_ready(part, |_| {
            net::stream::connect_from(source_for(address), address, Duration::from_millis(200))
                .is_ok()
        })
    }

    /// Starts a load balancer or front server from a configuration file.
    pub fn start_pointsman(&mut self, part: &str, configuration: &Path) -> Result<(), Failed> {
        let state = self.file(&format!("{part}.state"));
        let (configuration, state) =
            (configuration.display().to_string(), state.display().to_string());
        self.spawn(part, &["run", &configuration, "--state", &state, "--cores", "1"])?;
        self.await_ready(part, |stage| stage.status(part).is_some())
    }

    /// What a running part says of itself, as `pointsman status --json` does.
    pub fn status(&self, part: &str) -> Option<serde_json::Value> {
        let state = self.file(&format!("{part}.state"));
        let output = Command::new(&self.setting.program)
            .args(["status", "--json", "--state"])
            .arg(state)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
    }

    /// Has a running part read its configuration again.
    pub fn reload(&self, part: &str) -> Result<(), Failed> {
        let state = self.file(&format!("{part}.state"));
        let output = Command::new(&self.setting.program)
            .args(["reload", "--state"])
            .arg(state)
            .output()
            .map_err(|e| Failed::Io("reload a part of the demo", e))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failed::Unexpected {
            asked: "reload".into(),
            expected: "success".into(),
            seen: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Asks again until the answer is the one, for as long as a part may take to be ready.
    pub fn until<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T, Failed> {
        let end = Instant::now() + READY_LIMIT;
        loop {
            if let Some(answer) = ask() {
                return Ok(answer);
            }
            if Instant::now() > end {
                return Err(Failed::NotReady { part: what.to_owned(), output: String::new() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last line of an access log that says `needle`.
    pub fn log_line(&self, log: &str, needle: &str) -> Result<String, Failed> {
        let path = self.file(log);
        self.until(log, || {
            let text = fs::read_to_string(&path).ok()?;
            text.lines().rev().find(|line| line.contains(needle)).map(str::to_owned)
        })
    }

    pub fn kill(&mut self, part: &str) {
        if let Some(at) = self.parts.iter().position(|(name, _)| name == part) {
            let (_, mut child) = self.parts.remove(at);
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn spawn(&mut self, part: &str, arguments: &[&str]) -> Result<(), Failed> {
        let log = fs::File::create(self.file(&format!("{part}.output")))
            .map_err(|e| Failed::Io("write a file of the demo", e))?;
        let errors = log.try_clone().map_err(|e| Failed::Io("write a file of the demo", e))?;
        let child = Command::new(&self.setting.program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|e| Failed::Io("start a part of the demo", e))?;
        self.parts.push((part.to_owned(), child));
        Ok(())
    }

    fn await_ready(&self, part: &str, ready: impl Fn(&Stage) -> bool) -> Result<(), Failed> {
        self.until(part, || ready(self).then_some(())).map_err(|_| {
            let output =
                fs::read_to_string(self.file(&format!("{part}.output"))).unwrap_or_default();
            Failed::NotReady { part: part.to_owned(), output }
        })
    }

    // === telling ===

    pub fn scene(&self, title: &str) {
        if self.setting.pace == Pace::Keyboard {
            print!("\n(press Enter) ");
            let _ = io::stdout().flush();
            let _ = io::stdin().lock().read_line(&mut String::new());
        }
        println!("\n━━ {title}");
    }

    pub fn tell(&self, text: &str) {
        println!("   {text}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for (_, child) in &mut self.parts {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn source_for(to: SocketAddr) -> IpAddr {
    if to.is_ipv4() {
        IpAddr::from([127, 0, 0, 1])
    } else {
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])
    }
}
