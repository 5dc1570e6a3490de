//! Where a story is played: a lab of real networks, or, where the kernel allows none, loopback
//! addresses in their place (DECISIONS 30). The story is the same text for both.

pub mod authority;
mod changes;
mod loopback;
mod words;

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use config::Style;

use self::loopback::Loopback;
use crate::client::Seen;
use crate::networks::{
    Asking, Folder, Job, Listening, Redirects, application_arguments, applications, read,
};
use crate::{Failed, Pace, Setting};

/// How long a part may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// Of what the program writes into a transcript.
const COLUMNS: &str = "96";
const FILE: &str = "shop.hcl";

/// A new folder that nobody else may look into, and whose name nobody can have taken before.
fn private_folder() -> io::Result<PathBuf> {
    let number = u64::from_ne_bytes(net::random::os_bytes());
    let folder = std::env::temp_dir().join(format!("pointsman-demo-{number:016x}"));
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// The stage of a story. What it is made of ends with it.
pub struct Theatre {
    setting: Setting,
    folder: PathBuf,
    place: Place,
    /// As it is written now, in the words of the story.
    text: String,
    /// Names and application processes.
    actors: Vec<(String, Child)>,
}

enum Place {
    Lab,
    Loopback(Box<Loopback>),
}

/// What is right at this point of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Status(u16),
    /// Nothing comes back.
    Hangs,
    Refused,
    TooManyRedirects,
    Certificate,
}

impl Theatre {
    /// Builds what `text` declares and has the program serve it.
    pub fn open(setting: &Setting, text: &str) -> Result<Theatre, Failed> {
        let folder = private_folder().map_err(|e| Failed::Io("make a folder for the demo", e))?;
        let mut theatre = Theatre {
            setting: setting.clone(),
            folder,
            place: Place::Lab,
            text: text.to_owned(),
            actors: Vec::new(),
        };
        theatre.raise()?;
        Ok(theatre)
    }

    /// Whether the networks are real ones.
    pub fn is_lab(&self) -> bool {
        matches!(self.place, Place::Lab)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn raise(&mut self) -> Result<(), Failed> {
        fs::write(self.file(), &self.text).map_err(|e| Failed::Io("write a configuration", e))?;
        if self.is_lab() {
            let output = self.program(&["lab", "up", FILE, "--no-applications"], &self.folder)?;
            if output.status.success() {
                return Ok(());
            }
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            if !error.contains("may not make networks") {
                return Err(unexpected("lab up", "success", &error));
            }
        }
        let loopback = Loopback::new()?;
        self.place = Place::Loopback(Box::new(loopback));
        self.place_ready()
    }

    fn place_ready(&mut self) -> Result<(), Failed> {
        let Place::Loopback(loopback) = &mut self.place else { return Ok(()) };
        loopback.write(&self.text, &self.folder)?;
        let child = loopback.run(&self.setting.program, &self.folder)?;
        self.actors.push(("edge".to_owned(), child));
        self.until("the program", |theatre| theatre.status().map(|_| ()))
    }

    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The state directory of the program that serves.
    pub fn state(&self) -> PathBuf {
        match &self.place {
            Place::Lab => Folder::of(&self.folder).edge(),
            Place::Loopback(_) => self.folder.join("edge"),
        }
    }

    fn program(&self, arguments: &[&str], state: &Path) -> Result<Output, Failed> {
        Command::new(&self.setting.program)
            .args(arguments)
            .arg("--state")
            .arg(state)
            .env("COLUMNS", COLUMNS)
            .envs(self.colors())
            .current_dir(&self.folder)
            .output()
            .map_err(|e| Failed::Io("run the program", e))
    }

    /// The program writes into a pipe, and a person reads it on a terminal.
    pub(super) fn colors(&self) -> [(&'static str, &'static str); 1] {
        match io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            true => [("CLICOLOR_FORCE", "1")],
            false => [("NO_COLOR", "1")],
        }
    }

    pub fn status(&self) -> Option<serde_json::Value> {
        let output = self.program(&["status", "--json"], &self.state()).ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
    }

    fn until<T>(
        &self,
        what: &str,
        mut ask: impl FnMut(&Theatre) -> Option<T>,
    ) -> Result<T, Failed> {
        let end = Instant::now() + READY_LIMIT;
        loop {
            if let Some(answer) = ask(self) {
                return Ok(answer);
            }
            if Instant::now() > end {
                let output = fs::read_to_string(self.folder.join("output")).unwrap_or_default();
                return Err(Failed::NotReady { part: what.to_owned(), output });
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    // === actors ===

    /// Starts the application that listens on a port of an instance.
    pub fn start(&mut self, instance: &str, port: u16) -> Result<(), Failed> {
        let (file, wanted) = match &self.place {
            Place::Lab => (self.file(), port),
            Place::Loopback(loopback) => (loopback.file(&self.folder), loopback.port(port)),
        };
        let plain = Style { color: false, width: 100 };
        let world = read(&file, plain).map_err(|e| unexpected(FILE, "a model", &e.to_string()))?;
        let all = applications(&world).map_err(|e| unexpected(FILE, "a plan", &e))?;
        let name = format!("instance.{instance}");
        let own: Option<&(String, Listening)> = all.iter().find(|(place, one)| {
            // On loopback all share one place.
            (*place == name || !self.is_lab()) && one.address.port() == wanted
        });
        let Some((_, listening)) = own else {
            let there: Vec<String> =
                all.iter().map(|(p, l)| format!("{p} {}", l.address)).collect();
            return Err(unexpected(&format!("{name}:{port}"), "an application", &there.join(", ")));
        };
        let mut all = vec![listening.clone()];
        if !self.is_lab() {
            // In a lab it listens on every address of its place.
            let machine = world.model.instances.iter().find(|one| one.name == instance);
            let public = machine.into_iter().flat_map(|one| &one.public_addresses);
            all.extend(public.map(|address| Listening {
                address: (*address, wanted).into(),
                ..listening.clone()
            }));
        }
        all.iter().try_for_each(|listening| self.start_one(&name, port, &file, listening))
    }

    fn start_one(
        &mut self,
        name: &str,
        port: u16,
        file: &Path,
        listening: &Listening,
    ) -> Result<(), Failed> {
        let arguments = application_arguments(listening, file, &self.folder);
        let mut command = Command::new(&self.setting.program);
        if self.is_lab() {
            command.args(["lab", "exec", "--state"]).arg(&self.folder).args([name, "--"]);
            command.arg(&self.setting.program);
        }
        let log = fs::File::create(self.folder.join("output"))
            .map_err(|e| Failed::Io("write a file of the demo", e))?;
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| Failed::Io("start an application", e))?;
        self.actors.push((format!("{name}:{port}"), child));
        self.until(&format!("{name}:{port}"), |theatre| {
            theatre.listens(name, listening.address).then_some(())
        })
    }

    /// Whether something takes connections there: asked inside, so that no security group is asked.
    fn listens(&self, place: &str, address: std::net::SocketAddr) -> bool {
        if !self.is_lab() {
            return net::stream::connect_from(address.ip(), address, Duration::from_millis(200))
                .is_ok();
        }
        let url = format!("http://{address}/");
        let seen = self.ask_in(place, &url, address.ip(), Redirects::Kept);
        seen.is_ok_and(|seen| !matches!(seen, Seen::Refused | Seen::TimedOut))
    }

    pub fn stop(&mut self, instance: &str, port: u16) {
        let name = format!("instance.{instance}:{port}");
        while let Some(at) = self.actors.iter().position(|(actor, _)| *actor == name) {
            let (_, mut child) = self.actors.remove(at);
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    // === clients ===

    /// A person in a network opens an address; what she sees is told, and has to be what is expected.
    pub fn visit(&self, place: &str, url: &str, expected: Expected) -> Result<(), Failed> {
        let seen = self.seen(place, url)?;
        self.tell(&format!("{place:>12}  {url}  →  {seen}"));
        let right = match (expected, &seen) {
            (Expected::Status(wanted), seen) => seen.status() == Some(wanted),
            (Expected::Hangs, seen) => seen.hangs(),
            (Expected::Refused, Seen::Refused) => true,
            (Expected::TooManyRedirects, Seen::Failed(text)) => text.contains("too many redirects"),
            (Expected::Certificate, Seen::Failed(text)) => text.contains("certificate"),
            _ => false,
        };
        match right {
            true => Ok(()),
            false => Err(unexpected(
                &format!("{place}: {url}"),
                &format!("{expected:?}"),
                &seen.to_string(),
            )),
        }
    }

    fn seen(&self, place: &str, url: &str) -> Result<Seen, Failed> {
        match &self.place {
            Place::Loopback(loopback) => loopback.visit(&self.folder, &self.state(), place, url),
            Place::Lab => {
                let running = Folder::of(&self.folder).running().ok().flatten();
                let state = running.as_ref().and_then(|running| running.place(place));
                let host_v4 = |address: &&std::net::IpAddr| address.is_ipv4();
                let client = state.and_then(|state| state.addresses.iter().find(host_v4).copied());
                let Some(client) = client else {
                    return Err(unexpected(place, "a place of the lab", "none"));
                };
                self.ask_in(place, url, client, Redirects::Followed)
            }
        }
    }

    fn ask_in(
        &self,
        place: &str,
        url: &str,
        client: std::net::IpAddr,
        redirects: Redirects,
    ) -> Result<Seen, Failed> {
        let job = Job {
            url: url.to_owned(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            client,
            seen_as: None,
            redirects,
        };
        let asking = Asking { authority: Folder::of(&self.folder).authority(), jobs: vec![job] };
        let mut child = Command::new(&self.setting.program)
            .args(["lab", "exec", "--state"])
            .arg(&self.folder)
            .args([place, "--"])
            .arg(&self.setting.program)
            .args(["lab", "ask"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| Failed::Io("start a client", e))?;
        if let Some(mut input) = child.stdin.take() {
            let jobs = serde_json::to_vec(&asking).unwrap_or_default();
            input.write_all(&jobs).map_err(|e| Failed::Io("tell a client what to ask", e))?;
        }
        let output = child.wait_with_output().map_err(|e| Failed::Io("wait for a client", e))?;
        let answers: Vec<Vec<Seen>> = serde_json::from_slice(&output.stdout)
            .map_err(|e| unexpected(url, "an answer", &e.to_string()))?;
        let last = answers.into_iter().flatten().next_back();
        last.ok_or_else(|| unexpected(url, "an answer", "none"))
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
        println!("{}", format!("   {text}").trim_end());
    }

    fn strike(&mut self) {
        for (_, child) in &mut self.actors {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.actors.clear();
        if self.is_lab() {
            let _ = self.program(&["lab", "down"], &self.folder);
        }
    }
}

impl Drop for Theatre {
    fn drop(&mut self) {
        self.strike();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub fn unexpected(asked: &str, expected: &str, seen: &str) -> Failed {
    Failed::Unexpected { asked: asked.into(), expected: expected.into(), seen: seen.into() }
}
