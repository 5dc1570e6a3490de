//! Whether the world finds a zone of ours, judged from what was seen: who the parent says has it, what
//! those servers say, and what resolvers answer. Who asks is `dns check`; nothing is asked here.

mod declared;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use model::{Finding, Place};

pub use declared::declared;

/// Names of a zone that resolvers are asked for.
pub const NAMES_MAX: usize = 32;

/// What should be found.
#[derive(Clone, Debug)]
pub struct Declared {
    pub zone: String,
    pub place: Place,
    pub name_servers: Vec<DeclaredServer>,
    pub signed: bool,
    pub names: Vec<DeclaredName>,
}

#[derive(Clone, Debug)]
pub struct DeclaredServer {
    pub name: String,
    /// Empty where its name is kept elsewhere.
    pub addresses: BTreeSet<IpAddr>,
}

/// A name with every address that somebody outside may be given.
#[derive(Clone, Debug)]
pub struct DeclaredName {
    pub name: String,
    pub addresses: BTreeSet<IpAddr>,
    pub place: Place,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub parent: Option<Parent>,
    pub servers: Vec<Server>,
    pub resolved: Vec<Resolved>,
}

/// What a server of the parent zone says.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The parent's name, such as `example`.
    pub zone: String,
    pub name_servers: BTreeSet<String>,
    pub glue: Vec<(String, IpAddr)>,
    /// Delegation signers, as zone files write them; `None` if they could not be asked for.
    pub signers: Option<Vec<String>>,
}

/// One address of a name server that the parent names.
#[derive(Clone, Debug)]
pub struct Server {
    pub name: String,
    pub address: IpAddr,
    pub udp: Said,
    pub tcp: Said,
    pub serial: Option<u32>,
    /// The delegation signers that its key would have (RFC 7344); `None` if it publishes none.
    pub signers: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It answers for the zone.
    Authoritative,
    /// It answers, and not for the zone; in words.
    Lame(String),
    /// In words.
    Nothing(String),
}

/// What one resolver answers for one name and one family.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub resolver: String,
    pub name: String,
    pub family: Family,
    /// An error in words.
    pub addresses: Result<BTreeSet<IpAddr>, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    /// The type of record that has its addresses.
    pub fn kind(self) -> &'static str {
        match self {
            Family::Ipv4 => "A",
            Family::Ipv6 => "AAAA",
        }
    }
}

impl Said {
    pub fn words(&self) -> &str {
        match self {
            Said::Authoritative => "answers for the zone",
            Said::Lame(words) | Said::Nothing(words) => words,
        }
    }
}

/// Everything that is wrong, or could not be known.
pub fn judge(declared: &Declared, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &seen.parent {
        Some(parent) => {
            delegation(declared, parent, &mut findings);
            signers(declared, parent, seen, &mut findings);
        }
        None => findings.push(
            Finding::warning(
                "delegation/parent-not-known",
                &declared.place,
                format!("who the world asks for `{}` is not known", declared.zone),
            )
            .hint("no server of the parent zone answered: name one with `--parent ADDRESS`"),
        ),
    }
    for server in &seen.servers {
        reachable(declared, server, &mut findings);
    }
    serials(declared, seen, &mut findings);
    for resolved in &seen.resolved {
        agrees(declared, resolved, &mut findings);
    }
    findings
}

fn delegation(declared: &Declared, parent: &Parent, findings: &mut Vec<Finding>) {
    let zone = &declared.zone;
    let own: BTreeSet<String> =
        declared.name_servers.iter().map(|server| server.name.clone()).collect();
    let at_parent = &parent.name_servers;
    let wanted = format!("have the registrar list {} as name servers of `{zone}`", list(&own));
    if at_parent.is_empty() {
        let text =
            format!("`{}` delegates `{zone}` to nobody: the world does not find it", parent.zone);
        findings.push(Finding::error("delegation/none", &declared.place, text).hint(wanted));
        return;
    }
    if at_parent.is_disjoint(&own) {
        let text = format!("`{zone}` is delegated to {}, and not to us", list(at_parent));
        findings.push(Finding::error("delegation/elsewhere", &declared.place, text).hint(wanted));
        return;
    }
    if *at_parent != own {
        let text = format!(
            "`{}` names {} for `{zone}`, and the zone itself {}",
            parent.zone,
            list(at_parent),
            list(&own)
        );
        findings.push(
            Finding::warning("delegation/name-servers-differ", &declared.place, text)
                .hint(format!("{wanted}, or change `name_servers`")),
        );
    }
    for server in &declared.name_servers {
        glue(declared, parent, server, findings);
    }
}

/// A server within the zone it serves is found by the addresses that the parent has of it (RFC 9471).
fn glue(
    declared: &Declared,
    parent: &Parent,
    server: &DeclaredServer,
    findings: &mut Vec<Finding>,
) {
    let within =
        server.name == declared.zone || server.name.ends_with(&format!(".{}", declared.zone));
    if !within || !parent.name_servers.contains(&server.name) {
        return;
    }
    let known = parent.glue.iter().filter(|(name, _)| *name == server.name);
    let known: BTreeSet<IpAddr> = known.map(|(_, address)| *address).collect();
    let hint = format!(
        "have the registrar keep {} as its addresses (glue)",
        list(server.addresses.iter())
    );
    if known.is_empty() {
        let text = format!(
            "`{}` has no address of `{}`, which is within the zone: nobody can ask it",
            parent.zone, server.name
        );
        findings.push(Finding::error("delegation/glue-missing", &declared.place, text).hint(hint));
    } else if known != server.addresses {
        let text = format!(
            "`{}` has {} for `{}`, and the zone {}",
            parent.zone,
            list(known.iter()),
            server.name,
            list(server.addresses.iter())
        );
        findings.push(Finding::error("delegation/glue-differs", &declared.place, text).hint(hint));
    }
}

/// RFC 4035 §5.2: a signer at the parent that no key of the zone has makes every answer bogus.
fn signers(declared: &Declared, parent: &Parent, seen: &Seen, findings: &mut Vec<Finding>) {
    let Some(at_parent) = &parent.signers else { return };
    let zone = &declared.zone;
    let command = format!("`pointsman dns ds {zone}` prints what the registrar has to have");
    match (declared.signed, at_parent.is_empty()) {
        (false, false) => {
            let text = format!(
                "`{}` says that `{zone}` is signed, and it is not: resolvers that \
                                validate refuse every answer",
                parent.zone
            );
            let hint = "have the registrar remove the DS records, or set `signed = true`";
            findings
                .push(Finding::error("delegation/ds-unsigned", &declared.place, text).hint(hint));
        }
        (true, true) => {
            let text = format!(
                "`{}` has no DS of `{zone}`: its signatures are not looked at",
                parent.zone
            );
            findings.push(
                Finding::warning("delegation/ds-missing", &declared.place, text).hint(command),
            );
        }
        (true, false) => {
            let own: BTreeSet<&String> = seen
                .servers
                .iter()
                .filter_map(|server| server.signers.as_ref())
                .flatten()
                .collect();
            let none = !at_parent.iter().any(|signer| own.contains(signer));
            if !own.is_empty() && none {
                let text = format!(
                    "the DS that `{}` has of `{zone}` belong to no key of it: resolvers that validate \
                     refuse every answer",
                    parent.zone
                );
                findings.push(
                    Finding::error("delegation/ds-differs", &declared.place, text).hint(command),
                );
            }
        }
        (false, true) => {}
    }
}

fn reachable(declared: &Declared, server: &Server, findings: &mut Vec<Finding>) {
    let at = format!("`{}` at {}", server.name, server.address);
    match (&server.udp, &server.tcp) {
        (Said::Authoritative, Said::Authoritative) => {}
        (Said::Lame(words), _) | (Said::Nothing(_), Said::Lame(words)) => {
            let text = format!("{at} does not answer for `{}`: {words}", declared.zone);
            let hint = "does Pointsman run there, with this zone, and is the address right?";
            findings.push(Finding::error("delegation/lame", &declared.place, text).hint(hint));
        }
        (Said::Nothing(udp), Said::Nothing(_)) => {
            let text = format!("{at} is not reached: {udp}");
            let hint =
                "open port 53 over UDP and TCP to everybody, and let `dns_server` listen there";
            findings
                .push(Finding::error("delegation/unreachable", &declared.place, text).hint(hint));
        }
        (Said::Authoritative, Said::Nothing(words) | Said::Lame(words)) => {
            let text = format!("{at} answers over UDP and not over TCP: {words}");
            let hint = "open port 53 over TCP too (RFC 7766 §5): large answers come by it";
            findings
                .push(Finding::error("delegation/unreachable", &declared.place, text).hint(hint));
        }
        (Said::Nothing(words), Said::Authoritative) => {
            let text = format!("{at} answers over TCP and not over UDP: {words}");
            let hint = "open port 53 over UDP: resolvers ask that way first";
            findings
                .push(Finding::error("delegation/unreachable", &declared.place, text).hint(hint));
        }
    }
}

fn serials(declared: &Declared, seen: &Seen, findings: &mut Vec<Finding>) {
    let serials: BTreeSet<u32> = seen.servers.iter().filter_map(|server| server.serial).collect();
    if serials.len() > 1 {
        let each: BTreeSet<String> = seen
            .servers
            .iter()
            .filter_map(|server| Some(format!("{} has {}", server.address, server.serial?)))
            .collect();
        let text = format!(
            "the name servers of `{}` have different serials: {}",
            declared.zone,
            list(&each)
        );
        let hint = "a secondary that lags: does it get NOTIFY, and does `transfer_to` name it?";
        findings
            .push(Finding::warning("delegation/serial-differs", &declared.place, text).hint(hint));
    }
}

fn agrees(declared: &Declared, resolved: &Resolved, findings: &mut Vec<Finding>) {
    let Some(name) = declared.names.iter().find(|name| name.name == resolved.name) else { return };
    let of_family = |address: &&IpAddr| address.is_ipv4() == (resolved.family == Family::Ipv4);
    let expected: BTreeSet<IpAddr> = name.addresses.iter().filter(of_family).copied().collect();
    let kind = resolved.family.kind();
    let (who, asked) = (&resolved.resolver, &resolved.name);
    match &resolved.addresses {
        Err(words) => {
            let text = format!("{who} does not say the {kind} of `{asked}`: {words}");
            let hint = "ask another with `--resolver ADDRESS`";
            findings.push(
                Finding::warning("delegation/resolver-not-known", &name.place, text).hint(hint),
            );
        }
        // What is answered may be some of the declared ones: weights, health.
        Ok(got) if got.is_subset(&expected) && got.is_empty() == expected.is_empty() => {}
        Ok(got) => {
            let stale = resolved.family == Family::Ipv6 && !got.is_subset(&expected);
            let (code, hint) = match (stale, got.is_empty()) {
                (true, _) => (
                    "delegation/stale-aaaa",
                    "clients with IPv6, and certificate authorities, go there first: remove it where \
                     the name was kept before, or wait until its TTL has passed",
                ),
                (false, true) => (
                    "delegation/answer-differs",
                    "the resolver may remember an older answer; if it stays so, somebody else answers \
                     for the zone",
                ),
                (false, false) => (
                    "delegation/answer-differs",
                    "an older answer until its TTL has passed, or another server that answers for the \
                     zone",
                ),
            };
            let text = format!(
                "{who} says that the {kind} of `{asked}` is {}, and we say {}",
                list(got.iter()),
                list(expected.iter())
            );
            findings.push(Finding::error(code, &name.place, text).hint(hint));
        }
    }
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    match items.is_empty() {
        true => "nothing".to_owned(),
        false => items.join(", "),
    }
}

#[cfg(test)]
mod tests;
