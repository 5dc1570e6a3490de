//! Configurations far larger than people write, the same at every run.

use std::fmt::Write;

/// What a configuration has many of.
#[derive(Clone, Copy, Debug)]
pub enum Large {
    /// 10,000 rules on four load balancers, 1,000 security groups, 1,000 target groups.
    Rules,
    /// 1,000 security groups of 100 prefixes each on ten load balancers, each group on a machine of
    /// its own as well, and 500 expectations.
    Prefixes(Lie),
}

/// How the prefixes of different groups lie to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    Disjoint,
    /// Long ones within short ones, of any group.
    Overlapping,
}

/// Where the load balancers listen.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub http: u16,
    pub https: u16,
}

pub const RULES: usize = 10_000;
pub const GROUPS: usize = 1_000;
pub const PREFIXES: usize = 100;
pub const EXPECTATIONS: usize = 500;
/// Networks that have a name, where it is the rules that are many.
const NETWORKS: usize = 100;

impl Large {
    pub fn text(self, ports: Ports) -> String {
        match self {
            Large::Rules => rules(ports),
            Large::Prefixes(lie) => prefixes(lie, ports),
        }
    }

    pub fn load_balancers(self) -> usize {
        match self {
            Large::Rules => 4,
            Large::Prefixes(_) => 10,
        }
    }
}

fn rules(ports: Ports) -> String {
    let mut out = format!("{BEHIND}\n");
    for n in 0..NETWORKS {
        let _ = writeln!(
            out,
            "network \"n{n}\" {{\n  cidrs = [\"20.{n}.0.0/16\", \"2001:db8:{n:x}::/48\"]\n}}\n"
        );
    }
    let balancers = Large::Rules.load_balancers();
    for n in 0..GROUPS {
        let from = match n < NETWORKS {
            true => format!("network.n{n}, \"192.0.2.{}/32\"", n % 256),
            false => (0..balancers)
                .map(|balancer| format!("security_group.g{balancer}"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let ports = match n < NETWORKS {
            true => format!("{}, {}", ports.http, ports.https),
            false => "3000".to_owned(),
        };
        let _ = writeln!(
            out,
            "security_group \"g{n}\" {{\n  ingress {{\n    ports = [{ports}]\n    from  = [{from}]\n  }}\n}}\n"
        );
    }
    for n in 0..GROUPS {
        // The first ones are the load balancers'.
        let group = if n < NETWORKS { GROUPS - 1 - n } else { n };
        let _ = writeln!(out, "{}", machine(n, group));
        let _ = writeln!(out, "{}", target_group(n));
    }
    let _ = writeln!(out, "{CERTIFICATE}");
    for b in 0..balancers {
        let groups: Vec<String> = (0..NETWORKS / balancers)
            .map(|n| format!("security_group.g{}", b + balancers * n))
            .collect();
        let mut rules = String::new();
        for n in 0..RULES / balancers {
            let _ = write!(rules, "\n{}", rule(b, n));
        }
        let _ = writeln!(out, "{}", load_balancer(b, &groups.join(", "), ports, &rules));
    }
    out
}

/// Most have a host and a path, as programs write them; some have what no index finds.
fn rule(balancer: usize, n: usize) -> String {
    let conditions = match n % 50 {
        0 => format!("path      = \"/only/{n}/*\""),
        1 => format!(
            "path      = \"/from/{n}/*\"\n      source_ip = [\"20.{}.0.0/16\"]",
            n / 50 % NETWORKS
        ),
        2 => format!("host      = \"app{n}.edge{balancer}.example\"\n      method    = [\"POST\"]"),
        _ => format!(
            "host      = \"app{}.edge{balancer}.example\"\n      path      = \"/service{n}/*\"",
            n % 500
        ),
    };
    format!(
        "    rule \"r{n}\" {{\n      priority  = {}\n      {conditions}\n      forward   = target_group.t{}\n    }}\n",
        n + 1,
        n % GROUPS
    )
}

fn prefixes(lie: Lie, ports: Ports) -> String {
    let mut out = format!("{BEHIND}\n");
    let mut draw = Draw(1);
    for n in 0..GROUPS {
        let cidrs: Vec<String> =
            (0..PREFIXES).map(|p| format!("\"{}\"", prefix(lie, n, p, &mut draw))).collect();
        let _ = writeln!(out, "network \"n{n}\" {{\n  cidrs = [{}]\n}}\n", cidrs.join(", "));
        let _ = writeln!(
            out,
            "security_group \"g{n}\" {{\n  ingress {{\n    ports = [{}, {}, 3000]\n    from  = [network.n{n}]\n  }}\n}}\n",
            ports.http, ports.https
        );
        let _ = writeln!(out, "{}", machine(n, n));
        let _ = writeln!(out, "{}", target_group(n));
    }
    let _ = writeln!(out, "{CERTIFICATE}");
    let balancers = Large::Prefixes(lie).load_balancers();
    for b in 0..balancers {
        let groups: Vec<String> = (0..GROUPS / balancers)
            .map(|n| format!("security_group.g{}", b + balancers * n))
            .collect();
        let rules: String = (0..EXPECTATIONS / balancers)
            .map(|n| {
                format!(
                    "\n    rule \"r{n}\" {{\n      priority = {}\n      host     = \"app{n}.edge{b}.example\"\n      forward  = target_group.t{}\n    }}\n",
                    n + 1,
                    b + balancers * n
                )
            })
            .collect();
        let _ = writeln!(out, "{}", load_balancer(b, &groups.join(", "), ports, &rules));
    }
    for n in 0..EXPECTATIONS {
        let (balancer, app) = (n % balancers, n / balancers);
        // Where prefixes overlap, a stranger to the group may be let in by another.
        let denied = match lie {
            Lie::Disjoint => format!("\n  denied = [network.n{}]", (n + 1) % GROUPS),
            Lie::Overlapping => String::new(),
        };
        let _ = writeln!(
            out,
            "expect \"e{n}\" {{\n  url    = \"https://app{app}.edge{balancer}.example:{}/\"\n  works  = [network.n{n}]{denied}\n}}\n",
            ports.https
        );
    }
    out
}

/// Half of a network's are IPv4.
fn prefix(lie: Lie, network: usize, at: usize, draw: &mut Draw) -> String {
    let half = PREFIXES / 2;
    // Every second prefix of its family, so that none of them join.
    let place = (2 * (network * half + at % half)) as u32;
    match (lie, at < half) {
        (Lie::Disjoint, true) => {
            let first = 0x1400_0000 + (place << 8);
            format!("{}/24", std::net::Ipv4Addr::from(first))
        }
        (Lie::Disjoint, false) => {
            let first = (0x2001_0db8_u128 << 96) | u128::from(place) << 76;
            format!("{}/52", std::net::Ipv6Addr::from(first))
        }
        (Lie::Overlapping, true) => {
            let length = 14 + draw.below(15);
            let first = 0x1400_0000 + (draw.below(1 << 28) & (u32::MAX << (32 - length)));
            format!("{}/{length}", std::net::Ipv4Addr::from(first))
        }
        (Lie::Overlapping, false) => {
            let length = 40 + draw.below(25);
            let below = u128::from(draw.below(u32::MAX)) << 64;
            let first = ((0x2001_0db8_u128 << 96) | below) & (u128::MAX << (128 - length));
            format!("{}/{length}", std::net::Ipv6Addr::from(first))
        }
    }
}

/// Knuth's numbers, for a sequence that is the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 32) % u64::from(limit)) as u32
    }
}

// === what all of them have ===

const CERTIFICATE: &str = "certificate \"site\" {\n  development = true\n  names       = [\"*.edge0.example\", \"*.edge1.example\", \"*.edge2.example\", \"*.edge3.example\", \"*.edge4.example\", \"*.edge5.example\", \"*.edge6.example\", \"*.edge7.example\", \"*.edge8.example\", \"*.edge9.example\"]\n}\n";

/// What every machine carries beside a group of its own.
const BEHIND: &str = "security_group \"behind\" {\n  ingress {\n    ports = [3000]\n    from  = [\"127.0.0.0/8\"]\n  }\n}\n";

fn machine(n: usize, group: usize) -> String {
    format!(
        "instance \"i{n}\" {{\n  addresses       = [\"10.9.{}.{}\"]\n  security_groups = [security_group.g{group}, security_group.behind]\n}}\n",
        n / 250,
        n % 250 + 1
    )
}

/// Without health checks: nothing of it is there.
fn target_group(n: usize) -> String {
    format!(
        "target_group \"t{n}\" {{\n  targets = [\"instance.i{n}:3000\"]\n\n  health_check {{\n    enabled = false\n  }}\n}}\n"
    )
}

fn load_balancer(b: usize, groups: &str, ports: Ports, rules: &str) -> String {
    let (http, https) = (ports.http, ports.https);
    format!(
        r#"record "*.edge{b}.example" {{
  alias = load_balancer.edge{b}
}}

load_balancer "edge{b}" {{
  addresses        = ["127.0.0.{address}"]
  public_addresses = ["203.0.113.{address}"]
  security_groups  = [{groups}]

  listener "http" {{
    port = {http}

    default {{
      redirect {{
        protocol = "HTTPS"
        port     = {https}
      }}
    }}
  }}

  listener "https" {{
    port         = {https}
    protocol     = "HTTPS"
    certificates = [certificate.site]
{rules}
    default {{
      fixed_response {{
        status = 404
      }}
    }}
  }}
}}
"#,
        address = b + 10
    )
}
