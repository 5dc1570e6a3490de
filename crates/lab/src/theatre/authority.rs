//! A certificate authority for a story: Pebble, a real ACME server, where it is installed.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Place, Theatre, unexpected};
use crate::Failed;
use crate::client::Seen;
use crate::networks::Redirects;

const PROGRAM: &str = "pebble";
/// Of its own https, below the folder of the story.
const HTTPS: &str = "authority";
const CONFIGURATION: &str = "pebble.json";
/// Pebble sends so many of a hundred nonces back as bad, and clients have to repeat.
const BAD_NONCES: &str = "20";

/// Where it listens, in the words of the story.
#[derive(Clone, Copy, Debug)]
pub struct Authority {
    /// A machine of the story, with this address.
    pub instance: &'static str,
    pub acme: SocketAddr,
    /// Where it hands out its own root.
    pub management: SocketAddr,
    /// Whom it asks for names.
    pub resolver: SocketAddr,
}

/// Where the program is, if it is anywhere on the path.
pub fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(PROGRAM)).find(|file| file.is_file())
}

impl Theatre {
    /// Makes what vouches for its https, so that a configuration can name it: `authority.pem`.
    pub fn prepare_authority(&self, authority: &Authority) -> Result<(), Failed> {
        let wrong = |e: tls::AuthorityError| unexpected("a certificate", "one", &e.to_string());
        let now = net::clock::unix_seconds();
        let own =
            tls::LocalAuthority::open_or_create(&self.folder().join(HTTPS), now).map_err(wrong)?;
        let at = self.really(authority.acme).ip().to_string();
        let pem = own.issue_pem(&[at], now).map_err(wrong)?;
        let written = fs::copy(own.certificate_path(), self.folder().join("authority.pem"))
            .and_then(|_| fs::write(self.folder().join("pebble.pem"), pem));
        written.map_err(|e| Failed::Io("write a certificate", e))
    }

    pub fn start_authority(&mut self, authority: &Authority) -> Result<(), Failed> {
        let Some(program) = installed() else {
            return Err(unexpected(PROGRAM, "a program on the path", "none"));
        };
        let pem = self.folder().join("pebble.pem");
        let configuration = serde_json::json!({ "pebble": {
            "listenAddress": self.really(authority.acme).to_string(),
            "managementListenAddress": self.really(authority.management).to_string(),
            "certificate": pem,
            "privateKey": pem,
            "httpPort": self.really_port(80),
            "tlsPort": self.really_port(443),
        }});
        let file = self.folder().join(CONFIGURATION);
        fs::write(&file, configuration.to_string())
            .map_err(|e| Failed::Io("write a configuration", e))?;
        let name = format!("instance.{}", authority.instance);
        let mut command = match &self.place {
            Place::Lab => {
                let mut command = Command::new(&self.setting.program);
                command.args(["lab", "exec", "--state"]).arg(self.folder()).args([&name, "--"]);
                command.arg(&program);
                command
            }
            Place::Loopback(_) => Command::new(&program),
        };
        let log = fs::File::create(self.folder().join("output"))
            .map_err(|e| Failed::Io("write a file of the demo", e))?;
        let child = command
            .args([Path::new("-config"), &file])
            .args(["-dnsserver", &self.really(authority.resolver).to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", BAD_NONCES)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|e| Failed::Io("write a file of the demo", e))?)
            .stderr(log)
            .spawn()
            .map_err(|e| Failed::Io("start an authority", e))?;
        self.actors.push((name.clone(), child));
        // The people of the story trust it too: first its https, then what it issues.
        let https = fs::read_to_string(self.folder().join("authority.pem"))
            .map_err(|e| Failed::Io("read a certificate", e))?;
        self.trust(&https)?;
        let at = self.really(authority.management);
        let root = self.until("the authority", |theatre| theatre.root_of(&name, at))?;
        self.trust(&root)
    }

    /// An address of the story as it is here.
    fn really(&self, address: SocketAddr) -> SocketAddr {
        match &self.place {
            Place::Lab => address,
            Place::Loopback(loopback) => loopback.address(address),
        }
    }

    fn really_port(&self, port: u16) -> u16 {
        match &self.place {
            Place::Lab => port,
            Place::Loopback(loopback) => loopback.port(port),
        }
    }

    /// What its certificates end in: made anew at each start.
    fn root_of(&self, place: &str, at: SocketAddr) -> Option<String> {
        let url = format!("https://{at}/roots/0");
        let seen = match &self.place {
            Place::Lab => self.ask_in(place, &url, at.ip(), Redirects::Kept).ok()?,
            Place::Loopback(loopback) => loopback.ask(&self.state(), &url, at).ok()?,
        };
        match seen {
            Seen::Answer { status: 200, body, .. } => Some(body),
            _ => None,
        }
    }

    fn trust(&self, pem: &str) -> Result<(), Failed> {
        let file = tls::LocalAuthority::certificate_below(&self.state());
        let kept = fs::read_to_string(&file).unwrap_or_default();
        let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| fs::write(&file, kept + pem))
            .map_err(|e| Failed::Io("write a certificate", e))
    }
}
