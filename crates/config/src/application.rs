//! `application`: what runs on a port of an instance, or behind every target of a group.

use hcl_edit::structure::Block;
use model::application::{DeclaredRedirect, Facts, NotUnderstood, Unit, Written};
use model::{Application, Finding, Place, TargetProtocol, Template, Wildcard};

use crate::nginx::{Imported, import};
use crate::section::Section;
use crate::suggest::list;

const KEEP_ALIVE_MAX: u32 = 86_400;
/// A finding that names more places is not read.
const PLACES_MAX: usize = 5;
/// The facts about answers, which an nginx configuration says itself.
const ANSWERS: [&str; 4] = ["redirects", "redirect", "forward", "answers"];

/// The applications of an instance.
pub fn of_instance(outer: &Section<'_>, serves: Option<&[u16]>) -> Vec<Application> {
    let mut applications: Vec<Application> = Vec::new();
    for block in outer.blocks("application") {
        let section = Section::new(outer.context, outer.origin, "application", block);
        let name = section.label(block, true).unwrap_or_default().to_owned();
        let required = section.required("port", "80");
        let port = required.and_then(|value| section.number_in("port", value, 1..=65535));
        let port = port.map(|port| port as u16);
        if let (Some(port), Some(serves), Some(value)) = (port, serves, section.value("port"))
            && !serves.contains(&port)
        {
            let text = format!("nothing listens on port {port}, says `serves`");
            section.push(
                section
                    .error_at(value, "config/conflict", text)
                    .hint(format!("add {port} to `serves` of the instance")),
            );
        }
        let same =
            |other: &&Application| other.name == name || (port.is_some() && other.port == port);
        if let Some(first) = applications.iter().find(same) {
            let what = if first.name == name {
                format!("called `{name}`")
            } else {
                "on this port".to_owned()
            };
            section.push(
                section
                    .error("config/duplicate-name", format!("there are two applications {what}"))
                    .related(&first.place, "the first is here")
                    .hint("keep one of the two, or change it"),
            );
        }
        applications.push(read(section, name, port, TargetProtocol::Http));
    }
    applications
}

/// What each target of a group runs.
pub fn of_group(outer: &Section<'_>, protocol: TargetProtocol) -> Option<Application> {
    let block: &Block = outer.block("application")?;
    let section = Section::new(outer.context, outer.origin, "application", block);
    section.label(block, false);
    if let Some(value) = section.value("port") {
        section.push(
            section
                .error_at(value, "config/misplaced", "this application has the port of each target")
                .hint("remove `port`, or declare the application in an `instance`"),
        );
    }
    Some(read(section, String::new(), None, protocol))
}

fn read(
    section: Section<'_>,
    name: String,
    port: Option<u16>,
    protocol: TargetProtocol,
) -> Application {
    let protocols = [("HTTP", TargetProtocol::Http), ("HTTPS", TargetProtocol::Https)];
    let written_protocol = section.choice("protocol", &protocols);
    let trusts_forwarded_proto = section.flag("trusts_forwarded_proto");
    let mut keep_alive = section.seconds("keep_alive", 0..=KEEP_ALIVE_MAX);
    let facts = facts(&section);
    let place = section.place();
    let (mut servers, mut protocol) = (Vec::new(), written_protocol.unwrap_or(protocol));
    let mut written = Written::Facts(facts.clone());
    match nginx(&section, &facts) {
        Some((path, imported)) => {
            written = Written::Nginx(section.origin.folder.join(path));
            keep_alive = keep_alive.or(imported.keep_alive);
            if written_protocol.is_none() && speaks_tls(&imported, port) {
                protocol = TargetProtocol::Https;
            }
            servers = imported.servers;
        }
        None => servers.extend(facts.server(trusts_forwarded_proto, &place)),
    }
    let application = Application {
        name,
        port,
        protocol,
        servers,
        keep_alive,
        trusts_forwarded_proto,
        cors: cors(&section),
        unit: unit(&section),
        written,
        place,
    };
    section.finish();
    application
}

// === declared answers ===

fn facts(section: &Section<'_>) -> Facts {
    let redirects_to_https = section.value("redirects").and_then(|value| {
        let text = section.text("redirects", value)?;
        let port = match text.strip_prefix("https") {
            Some("") => Some(443),
            Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()),
            None => None,
        };
        let port = port.filter(|port| *port > 0);
        if port.is_none() {
            let message = format!("`redirects` cannot be `{text}`");
            section.invalid(value, message, "write `\"https\"`, or `\"https:8443\"` with its port");
        }
        port
    });
    let redirects =
        section.blocks("redirect").into_iter().filter_map(|block| redirect(section, block));
    let redirects = redirects.collect();
    let forward = section.value("forward").and_then(|value| {
        let text = section.text("forward", value)?;
        match crate::group::parse_target(&text, None) {
            Ok((address, port)) => Some(format!("{address}:{port}")),
            Err((message, _)) => {
                section.invalid(
                    value,
                    message,
                    "write `\"127.0.0.1:8080\"`: an address and a port",
                );
                None
            }
        }
    });
    let answers = section.value("answers").and_then(|value| {
        let status = section.number_in("answers", value, 200..=599)?;
        if (300..400).contains(&status) {
            section.invalid(
                value,
                format!("an answer of {status} leads elsewhere"),
                "write `redirects = \"https\"`, or a `redirect { from = …  to = … }`",
            );
            return None;
        }
        Some(status as u16)
    });
    if let (Some(_), Some(_), Some(value)) = (&forward, answers, section.value("answers")) {
        section.push(
            section
                .error_at(value, "config/conflict", "what is forwarded is answered elsewhere")
                .hint("keep one of `forward` and `answers`"),
        );
    }
    Facts { redirects_to_https, redirects, forward, answers }
}

fn redirect<'s>(outer: &Section<'s>, block: &'s Block) -> Option<DeclaredRedirect> {
    let section = Section::new(outer.context, outer.origin, "redirect", block);
    section.label(block, false);
    let from = section.required("from", "\"/old*\"").and_then(|value| {
        let text = section.text("from", value)?;
        if !text.starts_with(['/', '*']) {
            let hint = format!("a path begins with `/`: write `\"/{text}\"`");
            section.invalid(value, format!("`{text}` is no path"), hint);
            return None;
        }
        Some(Wildcard::sensitive(&text))
    });
    let to = section.required("to", "\"https://#{host}/new\"").and_then(|value| {
        let text = section.text("to", value)?;
        if !["/", "http://", "https://", "#{protocol}://"].iter().any(|s| text.starts_with(s)) {
            section.invalid(
                value,
                format!("`{text}` is no URL"),
                format!("write `\"https://{text}\"`, or a path that begins with `/`"),
            );
            return None;
        }
        match Template::parse(&text) {
            Ok(template) => Some(template),
            Err(unknown) => {
                let hint = crate::rule::placeholder_hint(&unknown);
                section.invalid(value, format!("there is no placeholder `{unknown}`"), hint);
                None
            }
        }
    });
    let status = match section.value("status") {
        None => Some(301),
        Some(value) => {
            let status = section.number_in("status", value, 300..=399)?;
            if ![301, 302, 303, 307, 308].contains(&status) {
                let text = format!("a redirect cannot be {status}");
                section.invalid(value, text, "it is 301, 302, 303, 307 or 308");
            }
            Some(status as u16)
        }
    };
    let place = section.place();
    section.finish();
    Some(DeclaredRedirect { from: from?, to: to?, status: status?, place })
}

fn cors(section: &Section<'_>) -> Option<Vec<String>> {
    let value = section.value("cors")?;
    let mut origins = Vec::new();
    for (text, item) in section.texts("cors", value) {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if text != "*" && rest.is_none_or(|host| host.is_empty() || host.contains('/')) {
            let bare = rest.unwrap_or(&text).split('/').next().unwrap_or_default().to_owned();
            section.invalid(
                item,
                format!("`{text}` is no origin"),
                format!("an origin is a scheme and a host: `\"https://{bare}\"`, or `\"*\"`"),
            );
        } else {
            origins.push(text);
        }
    }
    Some(origins)
}

fn unit(section: &Section<'_>) -> Option<Unit> {
    let enabled = section.flag("starts_at_boot");
    let Some(value) = section.value("unit") else {
        if let Some(value) = section.value("starts_at_boot") {
            section.push(
                section
                    .error_at(value, "config/missing-attribute", "this is said of no unit")
                    .hint("add `unit = \"app.service\"`"),
            );
        }
        return None;
    };
    let name = section.text("unit", value)?;
    if !name.contains('.') || !name.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
        let hint = "write its whole name, such as `\"app.service\"`";
        section.invalid(value, format!("`{name}` is no unit"), hint);
        return None;
    }
    Some(Unit { name, enabled, place: section.place_of(value) })
}

// === nginx ===

fn nginx(section: &Section<'_>, facts: &Facts) -> Option<(String, Imported)> {
    let value = section.value("nginx")?;
    let path = section.text("nginx", value)?;
    if *facts != Facts::default() {
        let text = "an nginx configuration says itself what is answered";
        section.push(
            section
                .error_at(value, "config/conflict", text)
                .hint(format!("remove `nginx`, or {}", list(ANSWERS))),
        );
        return None;
    }
    match import(section.context.environment, &section.origin.folder, &path) {
        Ok(imported) => {
            for finding in not_understood(&imported.not_understood, &section.place_of(value)) {
                section.push(finding.length(path.chars().count() as u32 + 2));
            }
            Some((path, imported))
        }
        Err(problem) => {
            let (text, hint) = match problem.place.line {
                0 => (problem.message.clone(), "paths are relative to this file"),
                _ => (
                    format!("{}: {}", problem.place, problem.message),
                    "mend it there; `nginx -t` checks such a file too",
                ),
            };
            let finding = section.error_at(value, "config/nginx", text).hint(hint);
            section.push(finding.related(&problem.place, problem.message));
            None
        }
    }
}

/// One finding a kind of directive.
fn not_understood(doubts: &[NotUnderstood], place: &Place) -> Vec<Finding> {
    let mut kinds: Vec<&str> = doubts.iter().map(|doubt| doubt.directive.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let finding = |kind: &str| {
        let places: Vec<&Place> = doubts
            .iter()
            .filter(|doubt| doubt.directive == kind)
            .map(|doubt| &doubt.place)
            .collect();
        let shown: Vec<String> = places.iter().take(PLACES_MAX).map(|p| p.to_string()).collect();
        let more = match places.len().saturating_sub(PLACES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "nginx's `{kind}` could change an answer and is not understood: {}{more}",
            shown.join(", ")
        );
        let finding = Finding::warning("lint/nginx-not-understood", place, text);
        let finding = finding.hint("where it could matter, the answer is `not known`");
        places
            .iter()
            .take(PLACES_MAX)
            .fold(finding, |finding, place| finding.related(place, "here"))
    };
    kinds.into_iter().map(finding).collect()
}

fn speaks_tls(imported: &Imported, port: Option<u16>) -> bool {
    let mut listens = imported.servers.iter().flat_map(|server| &server.listens).peekable();
    match port {
        Some(port) => listens.any(|listen| listen.port == port && listen.tls),
        None => listens.peek().is_some() && listens.all(|listen| listen.tls),
    }
}

/// The ports on which something listens.
pub fn serves(section: &Section<'_>) -> Option<Vec<u16>> {
    let value = section.value("serves")?;
    let port = |item| section.number_in("serves", item, 1..=65535).map(|port| port as u16);
    Some(Section::items(value).into_iter().filter_map(port).collect())
}
