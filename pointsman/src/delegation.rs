//! `pointsman dns check`: whether the world finds our zones.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use explain::delegation::{Declared, Seen, declared, judge};
use lab::live::delegation::{Survey, survey};
use model::{Finding, Severity, Zone, ZoneId};
use world::World;

use crate::commands::{BAD_CONFIGURATION, FAILED, complain};
use crate::sources::{read, report};

/// Resolvers that anybody may ask, of three operators.
const PUBLIC: [IpAddr; 3] = [
    IpAddr::V4(std::net::Ipv4Addr::new(1, 1, 1, 1)),
    IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V4(std::net::Ipv4Addr::new(9, 9, 9, 9)),
];
const PORT: u16 = 53;
/// For each question: a resolver that does not know asks others first.
const LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Only these zones; all public ones, if none is given.
    pub zones: Vec<String>,
    /// The configuration with the zones; may be given several times.
    #[arg(short = 'c', long, value_name = "FILE", required = true)]
    pub config: Vec<PathBuf>,
    /// Ask this resolver, and not those that anybody may ask; may be given several times.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = server)]
    pub resolver: Vec<SocketAddr>,
    /// A server of the parent zone, where it cannot be found.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = server)]
    pub parent: Option<SocketAddr>,
    /// The port of name servers that are found by name.
    #[arg(long, default_value_t = PORT, hide = true)]
    pub port: u16,
    /// For programs; the shape has a version.
    #[arg(long)]
    pub json: bool,
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
    address
        .or_else(|_| text.parse())
        .map_err(|_| "write an address such as `192.0.2.1` or `192.0.2.1:5353`".to_owned())
}

pub fn check(arguments: &CheckArguments) -> ExitCode {
    let (sources, model, _) = match read(&arguments.config) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let world = world::compile(model, 1);
    let zones = match zones(&world, &arguments.zones) {
        Ok(zones) => zones,
        Err(text) => return complain(BAD_CONFIGURATION, &text),
    };
    let resolvers = match &arguments.resolver[..] {
        [] => PUBLIC.map(|address| SocketAddr::new(address, PORT)).to_vec(),
        given => given.to_vec(),
    };
    let mut all: Vec<(Declared, Seen, Vec<Finding>)> = Vec::new();
    for id in zones {
        let declared = declared(&world, id);
        let names: Vec<String> = declared.names.iter().map(|name| name.name.clone()).collect();
        let seen = survey(&Survey {
            zone: &declared.zone,
            names: &names,
            resolvers: &resolvers,
            parent: arguments.parent,
            port: arguments.port,
            limit: LIMIT,
        });
        let findings = judge(&declared, &seen);
        all.push((declared, seen, findings));
    }
    let findings = || all.iter().flat_map(|(_, _, findings)| findings);
    if arguments.json {
        let zones: Vec<_> =
            all.iter().map(|(declared, seen, found)| json(declared, seen, found)).collect();
        println!("{}", serde_json::json!({ "version": 1, "zones": zones }));
    } else {
        for (declared, seen, _) in &all {
            print!("{}", text(declared, seen));
        }
        let found: Vec<Finding> = findings().cloned().collect();
        report(&sources, &found);
    }
    match findings().any(|finding| finding.severity == Severity::Error) {
        true => ExitCode::from(FAILED),
        false => ExitCode::SUCCESS,
    }
}

fn zones(world: &World, asked: &[String]) -> Result<Vec<ZoneId>, String> {
    let zones = world.model.zones.iter().enumerate();
    let public: Vec<(ZoneId, &Zone)> = zones
        .map(|(at, zone)| (ZoneId(at as u32), zone))
        .filter(|(_, zone)| zone.visible_to.is_empty())
        .collect();
    if public.is_empty() {
        return Err("no public zone is declared: there is nothing that the world could find".into());
    }
    let named = |name: &String| {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let found = public.iter().find(|(_, zone)| zone.name.0 == name);
        found.map(|(id, _)| *id).ok_or_else(|| {
            let all: Vec<String> =
                public.iter().map(|(_, zone)| format!("`{}`", zone.name.0)).collect();
            format!("there is no public zone `{name}`: there is {}", all.join(", "))
        })
    };
    match asked {
        [] => Ok(public.iter().map(|(id, _)| *id).collect()),
        asked => asked.iter().map(named).collect(),
    }
}

fn text(declared: &Declared, seen: &Seen) -> String {
    use std::fmt::Write;
    let mut text = format!("{}\n", declared.zone);
    match &seen.parent {
        Some(parent) => {
            let servers: Vec<&str> = parent.name_servers.iter().map(String::as_str).collect();
            let _ = writeln!(text, "  `{}` delegates it to {}", parent.zone, servers.join(", "));
        }
        None => text.push_str("  nobody could be asked who has it\n"),
    }
    for server in &seen.servers {
        let serial =
            server.serial.map_or("no serial".to_owned(), |serial| format!("serial {serial}"));
        let _ = writeln!(text, "  {} at {}: {serial}", server.name, server.address);
    }
    for resolved in &seen.resolved {
        let got = match &resolved.addresses {
            Ok(got) if got.is_empty() => "no address".to_owned(),
            Ok(got) => got.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", "),
            Err(words) => words.clone(),
        };
        let kind = resolved.family.kind();
        let _ = writeln!(text, "  {} says of {} {kind}: {got}", resolved.resolver, resolved.name);
    }
    text
}

fn json(declared: &Declared, seen: &Seen, findings: &[Finding]) -> serde_json::Value {
    let parent = seen.parent.as_ref().map(|parent| {
        let glue: Vec<_> = parent
            .glue
            .iter()
            .map(|(name, address)| serde_json::json!({ "name": name, "address": address }))
            .collect();
        serde_json::json!({ "zone": parent.zone, "name_servers": parent.name_servers, "glue": glue,
            "ds": parent.signers })
    });
    let servers: Vec<_> = seen
        .servers
        .iter()
        .map(|server| {
            serde_json::json!({ "name": server.name, "address": server.address,
                "udp": server.udp.words(), "tcp": server.tcp.words(), "serial": server.serial })
        })
        .collect();
    let resolved: Vec<_> = seen
        .resolved
        .iter()
        .map(|one| {
            serde_json::json!({ "resolver": one.resolver, "name": one.name, "type": one.family.kind(),
                "addresses": one.addresses.as_ref().ok(), "error": one.addresses.as_ref().err() })
        })
        .collect();
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            let severity = match finding.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            serde_json::json!({ "code": finding.code, "severity": severity,
                "message": finding.message, "place": finding.place.to_string(), "hint": finding.hint })
        })
        .collect();
    serde_json::json!({ "zone": declared.zone, "parent": parent, "servers": servers,
        "resolvers": resolved, "findings": findings })
}
