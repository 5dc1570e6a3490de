//! What a record says.

use std::net::IpAddr;

use hcl_edit::expr::Expression;
use model::{Host, LoadBalancerId, RecordData, RecordType};

use super::{Home, host};
use crate::names::Kind;
use crate::section::Section;
use crate::suggest::nearest;
use crate::wire;

/// An attribute whose values are written as in a zone file.
struct Written {
    attribute: &'static str,
    kind: RecordType,
    /// Which of the words is a name: with a dot in it, it is no name below the zone.
    name_at: Option<usize>,
    example: &'static str,
}

const WRITTEN: [Written; 6] = [
    written("mx", RecordType::MX, Some(1), "10 mail.example.com"),
    written("srv", RecordType::SRV, Some(3), "0 5 5060 sip.example.com"),
    written("ptr", RecordType::PTR, Some(0), "www.example.com"),
    written("caa", RecordType::CAA, None, "0 issue \\\"letsencrypt.org\\\""),
    written("https", RecordType::HTTPS, Some(1), "1 . alpn=h2"),
    written("svcb", RecordType::SVCB, Some(1), "1 server.example.com port=8053"),
];

const fn written(
    attribute: &'static str,
    kind: RecordType,
    name_at: Option<usize>,
    example: &'static str,
) -> Written {
    Written { attribute, kind, name_at, example }
}

pub fn read(section: &Section<'_>, home: Home<'_>) -> Vec<RecordData> {
    // Each of them is all that a name has for the addresses that are asked for.
    let addresses = section.value("addresses").map(|value| {
        let texts = section.texts("addresses", value);
        let all = texts.into_iter().filter_map(|(text, item)| section.address(item, &text));
        Some(RecordData::Addresses(all.collect::<Vec<IpAddr>>()))
    });
    let alias = section.value("alias").map(|value| alias(section, home, value));
    let canonical = section
        .value("cname")
        .map(|value| name(section, home, "cname", value).map(RecordData::Canonical));
    let mut data = Vec::new();
    let leads: Vec<Option<RecordData>> =
        [addresses, alias, canonical].into_iter().flatten().collect();
    if leads.len() > 1 {
        section.push(
            section
                .error(
                    "config/conflict",
                    format!("{} leads to several kinds of things", section.title),
                )
                .hint("keep one of `alias`, `addresses` and `cname`"),
        );
    }
    let mut is_given = !leads.is_empty();
    if let [_] = leads[..] {
        data.extend(leads.into_iter().flatten());
    }
    if let Some(value) = section.value("ns") {
        is_given = true;
        let hosts = names(section, home, "ns", value);
        if !hosts.is_empty() {
            data.push(RecordData::NameServers(hosts));
        }
    }
    if let Some(value) = section.value("txt") {
        is_given = true;
        let texts = section.texts("txt", value).into_iter();
        let values = texts.filter_map(|(text, item)| match wire::text(&text) {
            Ok(wire) => Some(wire),
            Err(why) => {
                section.invalid(item, format!("this is no text of a record: {why}"), "shorten it");
                None
            }
        });
        data.push(RecordData::Data { kind: RecordType::TXT, values: values.collect() });
    }
    for written in WRITTEN {
        if let Some(value) = section.value(written.attribute) {
            is_given = true;
            data.extend(of_type(section, home, &written, value));
        }
    }
    let (general, was_given) = general(section, home);
    data.extend(general);
    if !is_given && !was_given {
        section.push(
            section
                .error("config/missing-attribute", format!("{} leads nowhere", section.title))
                .hint("add `alias = load_balancer.name`, `addresses = [\"192.0.2.1\"]` or `cname = \"other.example\"`"),
        );
    }
    data
}

fn alias(section: &Section<'_>, home: Home<'_>, value: &Expression) -> Option<RecordData> {
    match value {
        Expression::String(_) | Expression::StringTemplate(_) | Expression::FuncCall(_) => {
            let target = name(section, home, "alias", value)?;
            let Home::Zone { name: Host(zone), .. } = home else {
                section.invalid(
                    value,
                    "an alias of a name stands in the zone of that name",
                    "write the record inside `zone`, or `cname`; a load balancer is `load_balancer.name`",
                );
                return None;
            };
            let within = target.0.strip_suffix(zone.as_str());
            if !within.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) {
                section.invalid(
                    value,
                    format!("`{}` is no name of the zone `{zone}`", target.0),
                    "an alias follows names of its own zone; write `cname` for others",
                );
                return None;
            }
            Some(RecordData::AliasName(target))
        }
        _ => {
            let id = section.reference("alias", value, Kind::LoadBalancer)?;
            Some(RecordData::Alias(LoadBalancerId(id)))
        }
    }
}

/// A name that a value leads to.
pub fn name(
    section: &Section<'_>,
    home: Home<'_>,
    attribute: &str,
    value: &Expression,
) -> Option<Host> {
    let text = section.text(attribute, value)?;
    match host(&home.absolute(&text)) {
        Ok(host) if !host.0.starts_with('*') => Some(host),
        Ok(_) | Err(_) => {
            section.invalid(
                value,
                format!("`{text}` is no host name"),
                "write a name such as `shop.example`",
            );
            None
        }
    }
}

pub fn names<'s>(
    section: &Section<'s>,
    home: Home<'_>,
    attribute: &str,
    value: &'s Expression,
) -> Vec<Host> {
    let items = Section::items(value);
    items.into_iter().filter_map(|item| name(section, home, attribute, item)).collect()
}

/// `type = "TLSA"` and `values = ["…"]`, for the rest; and whether it was there.
fn general<'s>(section: &Section<'s>, home: Home<'_>) -> (Option<RecordData>, bool) {
    let kind = section.value("type").map(|value| {
        let text = section.text("type", value)?;
        match RecordType::named(&text) {
            Some(kind) if is_data(kind) => Some(kind),
            Some(kind) => {
                let text = format!("`{kind}` cannot be declared in this way");
                section.invalid(value, text, instead(kind));
                None
            }
            None => {
                const COMMON: [&str; 6] = ["TLSA", "SSHFP", "DS", "NAPTR", "CAA", "SRV"];
                let hint = match nearest(&text.to_ascii_uppercase(), COMMON) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write a type such as `TLSA`, or its number as `TYPE65280`".to_owned(),
                };
                section.invalid(value, format!("there is no type `{text}`"), hint);
                None
            }
        }
    });
    let values = section.value("values");
    let was_given = kind.is_some() || values.is_some();
    let missing = |name: &str, example: &str| {
        let text = format!("{} has no `{name}`", section.title);
        section.push(
            section
                .error("config/missing-attribute", text)
                .hint(format!("add `{name} = {example}`")),
        );
    };
    let data = match (kind, values) {
        (Some(Some(kind)), Some(values)) => {
            let general = written("values", kind, None, "…");
            of_type(section, home, &general, values)
        }
        (Some(_), None) => {
            missing("values", "[\"…\"]");
            None
        }
        (None, Some(_)) => {
            missing("type", "\"TLSA\"");
            None
        }
        (Some(None), Some(_)) | (None, None) => None,
    };
    (data, was_given)
}

/// What has no attribute of its own that says more, and is not made by the server.
pub fn is_data(kind: RecordType) -> bool {
    const OPT: u16 = 41;
    const DNAME: u16 = 39;
    // RFC 6895 §3.1: meta-types and types of questions.
    !matches!(kind.0, 0 | OPT | DNAME | 128..=255)
        && !matches!(
            kind,
            RecordType::A
                | RecordType::AAAA
                | RecordType::CNAME
                | RecordType::NS
                | RecordType::SOA
                | RecordType::RRSIG
                | RecordType::NSEC
                | RecordType::NSEC3
                | RecordType::NSEC3PARAM
                | RecordType::DNSKEY
        )
}

fn instead(kind: RecordType) -> &'static str {
    match kind {
        RecordType::A | RecordType::AAAA => "write `addresses`",
        RecordType::CNAME => "write `cname`",
        RecordType::NS => "write `ns`",
        RecordType::SOA => {
            "the zone says it: `contact`, `refresh`, `retry`, `expire`, `negative_ttl`"
        }
        RecordType::DNSKEY
        | RecordType::RRSIG
        | RecordType::NSEC
        | RecordType::NSEC3
        | RecordType::NSEC3PARAM => "write `signed = true` in the zone, and the server makes it",
        _ => "it is no type of stored data",
    }
}

fn of_type<'s>(
    section: &Section<'s>,
    home: Home<'_>,
    written: &Written,
    value: &'s Expression,
) -> Option<RecordData> {
    let origin = match home {
        Home::Zone { name, .. } => &*name.0,
        Home::Top => "",
    };
    let mut values = Vec::new();
    for (text, item) in section.texts(written.attribute, value) {
        let absolute = match written.name_at {
            Some(at) => with_absolute_name(&text, at),
            None => text.clone(),
        };
        match wire::parse(origin, written.kind, &absolute) {
            Ok(RecordData::Data { values: parsed, .. }) => values.extend(parsed),
            Ok(_) => {}
            Err(why) => {
                let text = format!("`{text}` is no value of a {}: {why}", written.kind);
                let hint = match written.example {
                    "…" => "write it as in a zone file".to_owned(),
                    example => format!("write `{} = [\"{example}\"]`", written.attribute),
                };
                section.invalid(item, text, hint);
            }
        }
    }
    (!values.is_empty()).then_some(RecordData::Data { kind: written.kind, values })
}

/// In zone files a name without a final dot is below the zone, which nobody means who writes a dot.
fn with_absolute_name(text: &str, at: usize) -> String {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    let Some(name) = words.get(at).copied() else { return text.to_owned() };
    if !name.contains('.') || name.ends_with('.') {
        return text.to_owned();
    }
    let name = format!("{name}.");
    words[at] = &name;
    words.join(" ")
}
