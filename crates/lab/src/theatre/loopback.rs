//! A story on loopback: every address gets 127 in the place of its first number, and, where this user
//! may not have the ports of the web, every port one that is free. Instances' security groups are not
//! enforced there.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use config::Style;
use model::{Url, UrlScheme};

use super::unexpected;
use crate::Failed;
use crate::client::{self, Asked, Seen};
use crate::networks::read;

const INTERNET: &str = "internet";
/// Who stands for the internet.
const VISITORS: &str = "visitors";
/// The load balancer of the stories.
const EDGE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// The ports that stories use.
const PORTS: [u16; 8] = [53, 80, 443, 3000, 8080, 8443, 14000, 15000];
const FILE: &str = "shop-on-loopback.hcl";

pub struct Loopback {
    ports: BTreeMap<u16, u16>,
}

impl Loopback {
    pub fn new() -> Result<Loopback, Failed> {
        let mut ports = BTreeMap::new();
        let mut held = Vec::new();
        let own = PORTS
            .iter()
            .all(|port| net::listen::bind(SocketAddr::from((translated(EDGE), *port))).is_ok());
        if own {
            return Ok(Loopback { ports });
        }
        for port in PORTS {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let listener = net::listen::bind(any).map_err(|e| Failed::Io("find a free port", e))?;
            let address = listener.local_addr().map_err(|e| Failed::Io("find a free port", e))?;
            ports.insert(port, address.port());
            held.push(listener);
        }
        Ok(Loopback { ports })
    }

    pub fn file(&self, folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    pub fn port(&self, port: u16) -> u16 {
        self.ports.get(&port).copied().unwrap_or(port)
    }

    pub fn address(&self, address: SocketAddr) -> SocketAddr {
        let ip = match address.ip() {
            IpAddr::V4(v4) => IpAddr::V4(translated(v4)),
            v6 => v6,
        };
        SocketAddr::new(ip, self.port(address.port()))
    }

    pub fn url(&self, url: &Url) -> Url {
        let host = match url.host.parse::<Ipv4Addr>() {
            Ok(address) => translated(address).to_string(),
            Err(_) => url.host.clone(),
        };
        Url { host, port: self.port(url.port), ..url.clone() }
    }

    pub fn write(&self, text: &str, folder: &Path) -> Result<(), Failed> {
        // From outside nothing on loopback can be reached.
        let visitors = format!("\nnetwork \"{VISITORS}\" {{\n  cidrs = [\"127.250.0.0/16\"]\n}}\n");
        fs::write(self.file(folder), self.text(text) + &visitors)
            .map_err(|e| Failed::Io("write a configuration", e))
    }

    /// Word by word: addresses, ports, and the addresses of pages.
    fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/' | '-' | '_');
        while let Some(begin) = rest.find(part) {
            let (before, after) = rest.split_at(begin);
            let end = after.find(|c| !part(c)).unwrap_or(after.len());
            let (word, left) = after.split_at(end);
            out.push_str(before);
            out.push_str(&self.word(word));
            rest = left;
        }
        let https = self.port(443);
        let elsewhere = format!("redirects = \"https:{https}\"");
        (out + rest).replace("redirects = \"https\"", &elsewhere)
    }

    fn word(&self, word: &str) -> String {
        if let Ok(url) = Url::parse(word) {
            let url = self.url(&url).to_string();
            // An origin has no path.
            return if word.ends_with('/') { url } else { url.trim_end_matches('/').to_owned() };
        }
        if word == INTERNET {
            return format!("network.{VISITORS}");
        }
        if let Ok(port) = word.parse::<u16>() {
            return self.port(port).to_string();
        }
        let (head, tail) = match word.find(['/', ':']) {
            Some(at) => word.split_at(at),
            None => (word, ""),
        };
        let head = head.parse().map_or_else(|_| head.to_owned(), |a| translated(a).to_string());
        let tail = match tail.strip_prefix(':').and_then(|port| port.parse().ok()) {
            Some(port) => format!(":{}", self.port(port)),
            None => tail.to_owned(),
        };
        head + &tail
    }

    pub fn run(&self, program: &Path, folder: &Path) -> Result<Child, Failed> {
        let output = fs::File::create(folder.join("output"))
            .map_err(|e| Failed::Io("write a file of the demo", e))?;
        Command::new(program)
            .args(["run", FILE, "--state", "edge", "--cores", "1"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(|e| Failed::Io("start the program", e))
    }

    /// A machine asks an address over https, as one that trusts what the story's people trust.
    pub fn ask(&self, state: &Path, url: &str, to: SocketAddr) -> Result<Seen, Failed> {
        let wrong = |e: model::UrlError| unexpected(url, "an address", &e.message);
        let url = Url::parse(url).map_err(wrong)?;
        let trusted = trusted(state)?;
        Ok(client::ask(&Asked {
            from: to.ip(),
            to,
            method: "GET",
            host: &url.host,
            path: &url.path,
            headers: &[("Host".to_owned(), url.authority())],
            trusted: Some(&trusted),
        }))
    }

    /// As the lab's clients do: the name as the network sees it, redirects followed.
    pub fn visit(
        &self,
        folder: &Path,
        state: &Path,
        place: &str,
        url: &str,
    ) -> Result<Seen, Failed> {
        let plain = Style { color: false, width: 100 };
        let world = read(&self.file(folder), plain)
            .map_err(|e| unexpected(place, "a model", &e.to_string()))?;
        let model = &world.model;
        let from = match place.strip_prefix("instance.") {
            Some(name) => model.instances.iter().find(|i| i.name == name).map(|i| i.addresses[0]),
            None if place == INTERNET => Some(IpAddr::from([127, 250, 250, 7])),
            None => {
                model.networks.iter().find(|n| n.name == place).map(|n| match n.cidrs[0].addr() {
                    IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from(u32::from(first) + 7)),
                    v6 => v6,
                })
            }
        };
        let Some(from) = from else { return Err(unexpected(place, "a network", "none")) };
        let wrong = |e: model::UrlError| unexpected(url, "an address", &e.message);
        let mut url = self.url(&Url::parse(url).map_err(wrong)?);
        let mut visited = vec![url.clone()];
        loop {
            let to = crate::networks::address_of(&world, &url, from);
            let Some(to) = to else { return Ok(Seen::NoName) };
            let trusted = trusted(state)?;
            let path = match url.query.is_empty() {
                true => url.path.clone(),
                false => format!("{}?{}", url.path, url.query),
            };
            let headers = [("Host".to_owned(), url.authority())];
            let seen = client::ask(&Asked {
                from,
                to: SocketAddr::new(to, url.port),
                method: "GET",
                host: &url.host,
                path: &path,
                headers: &headers,
                trusted: (url.scheme == UrlScheme::Https).then_some(&trusted),
            });
            let next = match &seen {
                Seen::Answer { status, location: Some(location), .. } => {
                    let next = url.join(location).ok();
                    let asked = |next: &Url| {
                        explain::next_request("GET", &[], &visited[0], *status, next).is_some()
                    };
                    next.filter(asked)
                }
                _ => None,
            };
            let Some(next) = next else { return Ok(seen) };
            if visited.contains(&next) {
                return Ok(Seen::Failed("too many redirects".to_owned()));
            }
            visited.push(next.clone());
            url = next;
        }
    }
}

fn trusted(state: &Path) -> Result<tls::Trusted, Failed> {
    let authority = tls::LocalAuthority::certificate_below(state);
    tls::Trusted::of_files_there([&*authority])
        .map_err(|error| Failed::Io("read the authority of the story", error))
}

fn translated(address: Ipv4Addr) -> Ipv4Addr {
    let [first, b, c, d] = address.octets();
    match first {
        0 => address,
        // What a machine calls itself: the stories have one, and it has but this address here.
        127 => Ipv4Addr::new(127, 0, 1, 5),
        _ => Ipv4Addr::new(127, b, c, d),
    }
}
