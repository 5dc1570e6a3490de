//! An instance of the program under test, and the configuration that it runs.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::Stage;
use super::process::{Guarded, Usage, until};
use crate::failed::Failed;

/// A configuration: one listener, one target group.
#[derive(Clone, Debug)]
pub struct Site {
    pub addresses: Vec<Ipv4Addr>,
    pub port: u16,
    pub targets: Vec<SocketAddr>,
    /// Lines of the load balancer.
    pub attributes: String,
    /// Lines of the target group.
    pub group: String,
    /// Lines of the listener.
    pub listener: String,
    pub access_log: PathBuf,
}

// === impl Site ===

impl Site {
    /// With a port that was free a moment ago.
    pub fn new(targets: Vec<SocketAddr>) -> Result<Site, Failed> {
        let reserved = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let address = reserved.and_then(|socket| socket.local_addr());
        let address =
            address.map_err(|error| Failed::Unexpected(format!("no free port: {error}")))?;
        Ok(Site {
            addresses: vec![Ipv4Addr::LOCALHOST],
            port: address.port(),
            targets,
            attributes: String::new(),
            group: String::new(),
            listener: String::new(),
            access_log: PathBuf::from("access.log"),
        })
    }

    pub fn address(&self) -> SocketAddr {
        (self.addresses[0], self.port).into()
    }

    /// Health checks are as quick as they may be.
    pub fn text(&self) -> String {
        let quoted = |items: Vec<String>| {
            items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
        };
        let addresses = quoted(self.addresses.iter().map(ToString::to_string).collect());
        let targets = quoted(self.targets.iter().map(ToString::to_string).collect());
        let mut text = String::new();
        let _ = write!(
            text,
            r#"load_balancer "chaos" {{
  addresses  = [{addresses}]
  access_log = "{}"
{}
  listener "http" {{
    port = {}
{}
    default {{
      forward = target_group.app
    }}
  }}
}}

target_group "app" {{
  targets = [{targets}]
{}
  health_check {{
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}
"#,
            self.access_log.display(),
            self.attributes,
            self.port,
            self.listener,
            self.group
        );
        text
    }
}

/// How the program is started: through other programs, with an environment.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Each ends by becoming the program that follows, so that the process is the program's.
    pub through: Vec<OsString>,
    pub environment: Vec<(String, OsString)>,
}

/// A running `pointsman run`, killed when dropped.
pub struct Instance {
    pub process: Guarded,
    program: PathBuf,
    folder: PathBuf,
    way: Way,
    healthy: usize,
}

// === impl Instance ===

impl Instance {
    pub fn start(stage: &Stage, site: &Site) -> Result<Instance, Failed> {
        Instance::start_by(stage, site, Way::default())
    }

    /// Serves, and all targets are healthy, when this returns.
    pub fn start_by(stage: &Stage, site: &Site, way: Way) -> Result<Instance, Failed> {
        let (program, folder) = (stage.program.clone(), stage.folder.clone());
        let process = spawn(&program, &folder, &way, site)?;
        let healthy = site.targets.len();
        let mut instance = Instance { process, program, folder, way, healthy };
        instance.await_healthy()?;
        Ok(instance)
    }

    /// In place of the one that has ended.
    pub fn start_again(&mut self, site: &Site) -> Result<(), Failed> {
        self.process = spawn(&self.program, &self.folder, &self.way, site)?;
        Ok(())
    }

    pub fn await_healthy(&mut self) -> Result<(), Failed> {
        let healthy = self.healthy;
        let awaited = until("all targets to be healthy", || {
            if let Some(status) = self.process.ended() {
                return Some(Err(status));
            }
            let status = self.status()?;
            (states(&status).iter().filter(|state| *state == "healthy").count() == healthy)
                .then_some(Ok(()))
        })?;
        awaited.map_err(|status| {
            Failed::Unexpected(format!("the instance ended with {status}:\n{}", self.output()))
        })
    }

    pub fn write(&self, text: &str) -> Result<(), Failed> {
        let path = self.folder.join("site.hcl");
        fs::write(&path, text).map_err(Failed::file(path))
    }

    pub fn reload(&self) -> Result<Output, Failed> {
        self.command(&["reload"])
    }

    pub fn command(&self, arguments: &[&str]) -> Result<Output, Failed> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--state").arg(self.folder.join("state"));
        command.output().map_err(Failed::file(&self.program))
    }

    /// `None` while it does not answer.
    pub fn status(&self) -> Option<Value> {
        let output = self.command(&["status", "--json"]).ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
    }

    /// What it has said on its standard outputs.
    pub fn output(&self) -> String {
        fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }

    pub fn usage(&self) -> Usage {
        Usage::of(self.process.id())
    }

    /// The same once nothing moves any more: health checks open a descriptor for a moment.
    pub fn usage_at_rest(&self) -> Usage {
        const LOOKS: u32 = 20;
        const EVERY: Duration = Duration::from_millis(25);
        let looks = (0..LOOKS).map(|_| {
            std::thread::sleep(EVERY);
            self.usage()
        });
        looks.min_by_key(|usage| usage.descriptors).unwrap_or_default()
    }

    pub fn signal(&self, signal: Signal) -> Result<(), Failed> {
        self.process.signal(signal)
    }

    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }
}

/// The states of the targets of the only group, in their order.
pub fn states(status: &Value) -> Vec<String> {
    let targets = status["target_groups"][0]["targets"].as_array();
    let state = |target: &Value| target["state"].as_str().unwrap_or_default().to_owned();
    targets.map(|targets| targets.iter().map(state).collect()).unwrap_or_default()
}

fn spawn(program: &Path, folder: &Path, way: &Way, site: &Site) -> Result<Guarded, Failed> {
    let configuration = folder.join("site.hcl");
    fs::write(&configuration, site.text()).map_err(Failed::file(&configuration))?;
    let output = folder.join("output");
    let file = File::options().append(true).create(true).open(&output);
    let file = file.map_err(Failed::file(&output))?;
    let again = file.try_clone().map_err(Failed::file(&output))?;
    // It ends also if we are killed and can kill nobody.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(&way.through).arg(program);
    command.args(["run", "site.hcl", "--cores", "2", "--state", "state"]);
    command.envs(way.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(folder).stdout(file).stderr(again);
    Guarded::start(&mut command)
}
