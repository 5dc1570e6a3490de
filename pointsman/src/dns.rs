//! `pointsman dns`: what our zones answer, and what they need from others.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use control::status::ZoneStatus;

use crate::arguments::{Instance, Knowledge};
use crate::commands::{FAILED, complain, state};

#[derive(Debug, Args)]
pub struct DnsArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Ask the world whether it finds our zones.
    ///
    /// `pointsman dns check example.com --config site.hcl`
    Check(crate::delegation::CheckArguments),
    /// Show the DS record that the parent of a signed zone has to publish.
    ///
    /// `pointsman dns ds example.com`
    Ds(DsArguments),
    /// Say what the name server answers to a question, and why.
    ///
    /// `pointsman dns query www.example.com AAAA --from office`
    Query(QueryArguments),
}

#[derive(Debug, Args)]
struct QueryArguments {
    /// The name that is asked for.
    name: String,
    /// The type of its records, such as `AAAA`, `MX` or `ANY` [default: A]
    #[arg(value_name = "TYPE")]
    record_type: Option<String>,
    /// A declared network, `internet`, `instance.NAME` or an address; somebody in no declared
    /// network, if not given.
    #[arg(long, value_name = "NETWORK|ADDRESS")]
    from: Option<String>,
    #[command(flatten)]
    knowledge: Knowledge,
}

#[derive(Debug, Args)]
struct DsArguments {
    /// The name of a zone of the running instance.
    zone: String,
    #[command(flatten)]
    instance: Instance,
}

pub fn carry_out(arguments: &DnsArguments) -> ExitCode {
    match &arguments.verb {
        Verb::Check(arguments) => crate::delegation::check(arguments),
        Verb::Ds(arguments) => ds(arguments),
        Verb::Query(QueryArguments { name, record_type, from, knowledge }) => {
            crate::ask::name(name, record_type.as_deref(), from.as_deref(), knowledge)
        }
    }
}

fn ds(arguments: &DsArguments) -> ExitCode {
    let status = match control::client::status(&state(&arguments.instance).control_socket()) {
        Ok(status) => status,
        Err(error) => return complain(FAILED, &error.to_string()),
    };
    let zones = status.dns.map_or(Vec::new(), |dns| dns.zones);
    let name = arguments.zone.trim_end_matches('.').to_ascii_lowercase();
    match told(&name, &zones) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => complain(FAILED, &text),
    }
}

fn told(name: &str, zones: &[ZoneStatus]) -> Result<String, String> {
    let mut named = zones.iter().filter(|zone| zone.name == name).peekable();
    let Some(first) = named.peek() else {
        let all: Vec<&str> = zones.iter().map(|zone| &*zone.name).collect();
        let known = match &all[..] {
            [] => "it serves no zones: add a `zone` and a `dns_server`".to_owned(),
            all => format!("it serves {}", all.join(", ")),
        };
        return Err(format!("the instance has no zone `{name}`\n  hint: {known}"));
    };
    let place = first.place.clone();
    let Some(record) = named.find_map(|zone| zone.delegation_signer.as_ref()) else {
        return Err(format!(
            "{place}: zone `{name}` is not signed\n  hint: add `signed = true`, and reload"
        ));
    };
    let parent = match name.split_once('.') {
        Some((_, parent)) => format!("`{parent}`"),
        None => "the root".to_owned(),
    };
    Ok(format!(
        "{name}. IN DS {record}\n\n\
         This is for whoever runs {parent}: at most registrars a form called DNSSEC or DS takes it\n\
         (key tag, algorithm 13, digest type 2, digest). Registrars that look for CDS find it in the\n\
         zone by themselves.\n\n\
         Until it is published there, resolvers take the zone for unsigned, and nothing breaks. Once\n\
         it is, they refuse answers that this key did not sign: keep the state directory, and before\n\
         `signed = true` goes, have the record removed there and wait until its time to live is over.\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parent_needs() {
        let zone = |name: &str, delegation_signer: Option<&str>| ZoneStatus {
            name: name.into(),
            visible_to: Vec::new(),
            serial: 1,
            key_tag: None,
            delegation_signer: delegation_signer.map(str::to_owned),
            place: "site.hcl:7".into(),
        };
        let zones = [zone("example.com", Some("7 13 2 AB")), zone("plain.example", None)];
        let rows: [(&str, &[ZoneStatus], &str); 4] = [
            (
                "example.com",
                &zones,
                "example.com. IN DS 7 13 2 AB\n\nThis is for whoever runs `com`",
            ),
            ("plain.example", &zones, "site.hcl:7: zone `plain.example` is not signed"),
            ("other.example", &zones, "it serves example.com, plain.example"),
            ("other.example", &[], "add a `zone` and a `dns_server`"),
        ];
        for (name, zones, expected) in rows {
            let (Ok(text) | Err(text)) = told(name, zones);
            assert!(text.contains(expected), "{name}: {text}");
        }
    }
}
