//! Random worlds: a configuration, the targets behind it, and clients before it.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use crate::papers::Papers;
use crate::random::Random;

pub struct World {
    pub hcl: String,
    /// By group, in the order of the configuration.
    pub groups: Vec<Vec<Target>>,
    pub asks: Vec<Ask>,
}

#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: bool,
    pub does: Does,
    /// What its health check gets.
    pub health: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    Answers(u16),
    Refuses,
    /// Drops the attempt to connect.
    Silent,
    Closes,
    Hangs,
    Nonsense,
    /// Speaks plain HTTP where TLS is begun.
    TlsFails,
}

#[derive(Clone, Debug)]
pub struct Ask {
    /// As its own network has it.
    pub client: IpAddr,
    /// From where its packets come.
    pub from: IpAddr,
    /// Where its name leads.
    pub to: IpAddr,
    pub url: String,
    pub method: &'static str,
    pub headers: Vec<(String, String)>,
}

struct Network {
    name: &'static str,
    v4: &'static str,
    v6: Option<&'static str>,
    seen_as: Option<&'static str>,
}

const NETWORKS: &[Network] = &[
    Network { name: "office", v4: "198.51.100.", v6: Some("2001:db8:1::"), seen_as: None },
    Network { name: "guest", v4: "10.50.7.", v6: None, seen_as: Some("203.0.113.7") },
    Network { name: "lte", v4: "192.0.2.", v6: Some("2001:db8:2::"), seen_as: None },
    Network { name: "partner", v4: "8.8.4.", v6: None, seen_as: None },
];
const OUTSIDE: &[&str] = &["9.9.9.9", "1.1.1.1", "2606:4700::1", "198.18.0.9"];
const HOSTS: &[&str] =
    &["shop.example", "api.shop.example", "blog.example", "deep.api.shop.example"];
const PORTS: &[u16] = &[80, 443, 8080, 8443];
const PATHS: &[&str] =
    &["/", "/cart", "/api", "/api/", "/api/v1/users", "/product", "/products/7", "/a%2fb", "/x//y"];
const PATTERNS: &[&str] = &["/api/*", "/api*", "/products*", "/cart", "/", "*.png", "/?art", "/*"];
const METHODS: &[&str] =
    &["GET", "GET", "GET", "GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE"];

struct Writing<'r> {
    random: Random,
    papers: &'r Papers,
    out: String,
}

/// `number` keeps the addresses of targets apart from those of other worlds.
pub fn world(seed: u64, number: u64, papers: &Papers, asks: usize) -> World {
    let mut w = Writing { random: Random::of(seed), papers, out: String::new() };
    w.networks();
    let groups_admit = w.security_groups();
    w.certificates();
    let groups = w.target_groups(number);
    let balancers = w.load_balancers(groups.len(), groups_admit);
    let views = w.records(balancers.len());
    let asks = (0..asks).map(|_| w.ask(&balancers, &views)).collect();
    World { hcl: w.out, groups, asks }
}

/// What a client has to know of a load balancer.
struct Balancer {
    v4: IpAddr,
    v6: Option<IpAddr>,
    ports: Vec<(u16, bool)>,
}

/// Host, network of the view, load balancer.
type View = (&'static str, Option<usize>, usize);

impl Writing<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn networks(&mut self) {
        for network in NETWORKS {
            let v6 = network.v6.map_or(String::new(), |v6| format!(", \"{v6}/48\""));
            let seen =
                network.seen_as.map_or(String::new(), |seen| format!("\n  seen_as = [\"{seen}\"]"));
            self.line(&format!(
                "network \"{}\" {{\n  cidrs = [\"{}0/24\"{v6}]{seen}\n}}",
                network.name, network.v4
            ));
        }
    }

    fn security_groups(&mut self) -> usize {
        let count = 1 + self.random.below(3);
        for at in 0..count {
            self.line(&format!("security_group \"g{at}\" {{"));
            for _ in 0..self.random.below(3) + usize::from(at == 0) {
                let ports = self.random.some(PORTS, 1, 4);
                let mut from: Vec<String> = self
                    .random
                    .some(NETWORKS.iter().map(|n| n.name).collect::<Vec<_>>().as_slice(), 0, 3)
                    .into_iter()
                    .map(|name| format!("network.{name}"))
                    .collect();
                if self.random.one_in(3) || from.is_empty() {
                    from.push(
                        (*self.random.pick(&[
                            "anywhere",
                            "\"198.51.100.128/25\"",
                            "\"9.0.0.0/8\"",
                            "\"2001:db8::/32\"",
                            "\"203.0.113.7/32\"",
                        ]))
                        .to_owned(),
                    );
                }
                self.line(&format!(
                    "  ingress {{\n    ports = {ports:?}\n    from = [{}]\n  }}",
                    from.join(", ")
                ));
            }
            self.line("}");
        }
        count
    }

    fn certificates(&mut self) {
        for paper in self.papers.all.clone() {
            let (chain, key) = (paper.chain.display(), paper.key.display());
            self.line(&format!(
                "certificate \"{}\" {{\n  chain = \"{chain}\"\n  key = \"{key}\"\n}}",
                paper.name
            ));
        }
    }

    fn target_groups(&mut self, number: u64) -> Vec<Vec<Target>> {
        let mut groups = Vec::new();
        let mut last = 0u16;
        let checked = self.random.one_in(5);
        for at in 0..2 + self.random.below(3) {
            let tls = self.random.one_in(4);
            let count = *self.random.pick(&[0, 1, 1, 1, 1, 2, 2, 3]);
            let targets: Vec<Target> = (0..count)
                .map(|_| {
                    last += 1;
                    let ip = std::net::Ipv4Addr::from(
                        u32::from_be_bytes([10, 200, 0, 0]) + (number as u32 % 0xffff) + 1,
                    );
                    let address = SocketAddr::new(ip.into(), 3000 + last);
                    let does = match self.random.below(14) {
                        0 | 1 => Does::Refuses,
                        2 => Does::Silent,
                        3 => Does::Closes,
                        4 => Does::Hangs,
                        5 => Does::Nonsense,
                        6 => Does::Answers(*self.random.pick(&[500, 502, 503, 404, 204])),
                        7 | 8 if tls => Does::TlsFails,
                        _ => Does::Answers(200),
                    };
                    let health = *self.random.pick(&[200, 200, 500]);
                    Target { address, tls, does, health }
                })
                .collect();
            let list: Vec<String> =
                targets.iter().map(|target| format!("\"{}\"", target.address)).collect();
            let protocol = if tls { "HTTPS" } else { "HTTP" };
            let algorithm = *self.random.pick(&[
                "round_robin",
                "least_outstanding_requests",
                "weighted_random",
            ]);
            let check = if checked {
                "path = \"/health\"\n    interval = \"1s\"\n    timeout = \"1s\"\n    healthy_threshold = 2"
            } else {
                "enabled = false"
            };
            self.line(&format!(
                "target_group \"t{at}\" {{\n  protocol = \"{protocol}\"\n  targets = [{}]\n  algorithm = \"{algorithm}\"\n  deregistration_delay = \"0s\"\n  health_check {{\n    {check}\n  }}\n}}",
                list.join(", ")
            ));
            groups.push(targets);
        }
        groups
    }

    fn load_balancers(&mut self, groups: usize, security_groups: usize) -> Vec<Balancer> {
        let mut balancers = Vec::new();
        for at in 0..1 + self.random.below(2) {
            let v4: IpAddr = format!("203.0.113.{}", 80 + at).parse().unwrap();
            let v6 = self
                .random
                .one_in(2)
                .then(|| format!("2001:db8:ff::{}", 80 + at).parse::<IpAddr>().unwrap());
            let mut addresses = vec![format!("\"{v4}\"")];
            addresses.extend(v6.map(|v6| format!("\"{v6}\"")));
            let names: Vec<String> =
                (0..security_groups).map(|at| format!("security_group.g{at}")).collect();
            let least = usize::from(!self.random.one_in(5));
            let own = self.random.some(&names, least, 2);
            let deny = *self.random.pick(&["drop", "drop", "reset", "page"]);
            self.line(&format!(
                "load_balancer \"b{at}\" {{\n  addresses = [{}]\n  deny = \"{deny}\"\n  connect_timeout = \"1s\"\n  idle_timeout = \"1s\"\n  access_log = \"access.log\"",
                addresses.join(", ")
            ));
            if !own.is_empty() {
                self.line(&format!("  security_groups = [{}]", own.join(", ")));
            }
            if self.random.one_in(3) {
                self.line("  preserve_host_header = true");
            }
            let ports = self.random.some(PORTS, 1, 3);
            let mut listeners = Vec::new();
            for port in ports {
                let tls = matches!(port, 443 | 8443) != self.random.one_in(8);
                self.listener(port, tls, groups);
                listeners.push((port, tls));
            }
            self.line("}");
            balancers.push(Balancer { v4, v6, ports: listeners });
        }
        balancers
    }

    fn listener(&mut self, port: u16, tls: bool, groups: usize) {
        let protocol = if tls { "HTTPS" } else { "HTTP" };
        self.line(&format!(
            "  listener \"l{port}\" {{\n    port = {port}\n    protocol = \"{protocol}\""
        ));
        if tls {
            let names: Vec<String> =
                self.papers.all.iter().map(|paper| format!("certificate.{}", paper.name)).collect();
            let mut chosen = self.random.some(&names, 1, 3);
            // The good ones come more often, or little is seen of what lies behind.
            if !self.random.one_in(3) {
                chosen = vec![names[0].clone(), names[1].clone(), names[2].clone()];
            }
            self.line(&format!("    certificates = [{}]", chosen.join(", ")));
        }
        for at in 0..self.random.below(5) {
            self.line(&format!("    rule \"r{at}\" {{\n      priority = {}", 10 + at));
            self.conditions();
            let action = self.action(groups, tls);
            self.line(&action);
            self.line("    }");
        }
        let action = self.action(groups, tls);
        self.line(&format!("    default {{\n{action}\n    }}\n  }}"));
    }

    fn conditions(&mut self) {
        let before = self.out.len();
        if self.random.one_in(3) {
            let hosts =
                self.random.some(&["shop.example", "*.shop.example", "blog.example", "*"], 1, 2);
            self.line(&format!("      host = {hosts:?}"));
        }
        if self.random.one_in(2) {
            let paths = self.random.some(PATTERNS, 1, 2);
            self.line(&format!("      path = {paths:?}"));
        }
        if self.random.one_in(6) {
            let methods = self.random.some(&["GET", "POST", "HEAD"], 1, 2);
            self.line(&format!("      method = {methods:?}"));
        }
        if self.random.one_in(6) {
            let source = *self.random.pick(&[
                "network.office",
                "\"192.0.2.0/25\"",
                "\"203.0.113.7/32\"",
                "\"2001:db8::/32\"",
            ]);
            self.line(&format!("      source_ip = [{source}]"));
        }
        if self.random.one_in(6) {
            let values = self.random.some(&["gold", "sil*"], 1, 2);
            self.line(&format!(
                "      header {{\n        name = \"X-Tier\"\n        values = {values:?}\n      }}"
            ));
        }
        if self.out.len() == before || self.random.one_in(6) {
            self.line("      query {\n        key = \"v\"\n        value = \"?\"\n      }");
        }
    }

    fn action(&mut self, groups: usize, tls: bool) -> String {
        let group = |w: &mut Self| format!("target_group.t{}", w.random.below(groups));
        match self.random.below(10) {
            0 | 1 => {
                let status = *self.random.pick(&[200, 403, 404, 503]);
                format!("      fixed_response {{\n        status = {status}\n      }}")
            }
            2 | 3 => {
                let mut text = String::from("      redirect {\n");
                let status = *self.random.pick(&[301, 302]);
                let _ = writeln!(text, "        status = {status}");
                match self.random.below(4) {
                    0 => text.push_str("        protocol = \"HTTPS\"\n        port = 443\n"),
                    1 => text.push_str("        host = \"www.#{host}\"\n"),
                    2 => text.push_str("        path = \"/new/#{path}\"\n        query = \"from=#{host}\"\n"),
                    // Leaving TLS is refused (ALB.md §4c).
                    _ if tls => text.push_str("        path = \"/moved\"\n"),
                    _ => text.push_str("        protocol = \"HTTP\"\n        port = 8080\n        path = \"/moved\"\n"),
                }
                text + "      }"
            }
            4 => {
                let (a, b) = (self.random.below(groups), self.random.below(groups));
                let weights = *self.random.pick(&[(1, 1), (0, 1), (3, 0), (0, 0)]);
                if a == b {
                    return format!("      forward = target_group.t{a}");
                }
                format!(
                    "      forward {{\n        group {{\n          target = target_group.t{a}\n          weight = {}\n        }}\n        group {{\n          target = target_group.t{b}\n          weight = {}\n        }}\n      }}",
                    weights.0, weights.1
                )
            }
            _ => {
                let group = group(self);
                format!("      forward = {group}")
            }
        }
    }

    /// Each host leads somewhere in the public view; some lead elsewhere for one network.
    fn records(&mut self, balancers: usize) -> Vec<View> {
        let mut views: Vec<View> = Vec::new();
        for host in HOSTS {
            let public = self.random.below(balancers);
            self.line(&format!("record \"{host}\" {{\n  alias = load_balancer.b{public}\n}}"));
            views.push((host, None, public));
            if self.random.one_in(3) {
                let network = self.random.below(NETWORKS.len());
                let own = self.random.below(balancers);
                self.line(&format!(
                    "record \"{host}\" {{\n  alias = load_balancer.b{own}\n  visible_to = [network.{}]\n}}",
                    NETWORKS[network].name
                ));
                views.push((host, Some(network), own));
            }
        }
        views
    }

    fn ask(&mut self, balancers: &[Balancer], views: &[View]) -> Ask {
        let (client, from, network): (IpAddr, IpAddr, Option<usize>) = match self.random.below(6) {
            0 => {
                let outside: IpAddr = self.random.pick(OUTSIDE).parse().unwrap();
                (outside, outside, None)
            }
            1 => {
                let with_v6: Vec<usize> =
                    (0..NETWORKS.len()).filter(|at| NETWORKS[*at].v6.is_some()).collect();
                let at = *self.random.pick(&with_v6);
                let v6 = NETWORKS[at].v6.unwrap();
                let own: IpAddr = format!("{v6}{:x}", 1 + self.random.below(9)).parse().unwrap();
                (own, own, Some(at))
            }
            _ => {
                let at = self.random.below(NETWORKS.len());
                let own: IpAddr =
                    format!("{}{}", NETWORKS[at].v4, 1 + self.random.below(250)).parse().unwrap();
                let seen = NETWORKS[at].seen_as.map_or(own, |seen| seen.parse().unwrap());
                (own, seen, Some(at))
            }
        };
        let host = *self.random.pick(HOSTS);
        let view = |network: Option<usize>| {
            views.iter().find(|(h, n, _)| *h == host && *n == network).map(|(_, _, at)| *at)
        };
        let own = network.and_then(|_| view(network));
        let balancer = &balancers[own.or_else(|| view(None)).unwrap()];
        let bare = self.random.one_in(12);
        let to = match (client.is_ipv4(), balancer.v6) {
            (false, Some(v6)) => v6,
            _ => balancer.v4,
        };
        let (port, tls) = match self.random.one_in(10) {
            true => (*self.random.pick(PORTS), self.random.one_in(2)),
            false => {
                let (port, tls) = *self.random.pick(&balancer.ports);
                (port, tls != self.random.one_in(12))
            }
        };
        let scheme = if tls { "https" } else { "http" };
        let authority = match (bare, to) {
            (true, IpAddr::V6(v6)) => format!("[{v6}]"),
            (true, v4) => v4.to_string(),
            (false, _) => host.to_owned(),
        };
        let path = *self.random.pick(PATHS);
        let query = *self.random.pick(&["", "", "?v=1", "?v=22&w=3"]);
        let mut headers = Vec::new();
        if self.random.one_in(4) {
            headers.push((
                "X-Tier".to_owned(),
                (*self.random.pick(&["gold", "silver", "tin"])).to_owned(),
            ));
        }
        if self.random.one_in(15) {
            headers.push((
                "Host".to_owned(),
                (*self.random.pick(&["blog.example", "other.test", "SHOP.example:80"])).to_owned(),
            ));
        }
        Ask {
            client,
            from,
            to,
            url: format!("{scheme}://{authority}:{port}{path}{query}"),
            method: self.random.pick::<&str>(METHODS),
            headers,
        }
    }
}
