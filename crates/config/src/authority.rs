//! Authorities that issue by ACME, and what a certificate says of them.

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use model::{
    Authority, AuthorityId, ChallengeKind, ExternalAccount, KeyKind, Ordered, SecretSource, Url,
    UrlScheme, ValidationPorts, WELL_KNOWN_AUTHORITIES,
};

use crate::names::Kind;
use crate::on_demand;
use crate::section::Section;

/// Of one certificate; Let's Encrypt takes as many.
const NAMES_MAX: usize = 100;

pub fn read<'s>(section: Section<'s>, block: &'s Block) -> Authority {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let directory = directory(&section, &name);
    let contact = contact(&section);
    if section.flag("agree_to_terms") != Some(true) {
        let text = format!("{} has terms that nobody has agreed to", section.title);
        section.push(
            section
                .error("config/terms", text)
                .hint("read them at the authority, then add `agree_to_terms = true`"),
        );
    }
    let external_account = section.block("eab").and_then(|eab| external_account(&section, eab));
    let profile = section.optional_text("profile");
    let roots = section.optional_text("roots").map(|path| section.origin.folder.join(path));
    let default = ValidationPorts::default();
    let port = |name, default| {
        section.number(name, 1..=65535).and_then(|port| u16::try_from(port).ok()).unwrap_or(default)
    };
    let ports = ValidationPorts {
        http: port("http_port", default.http),
        tls: port("tls_port", default.tls),
    };
    let place = section.place();
    section.finish();
    Authority { name, directory, contact, external_account, profile, roots, ports, place }
}

fn directory(section: &Section<'_>, name: &str) -> String {
    let well_known = WELL_KNOWN_AUTHORITIES.iter().find(|(known, _)| *known == name);
    let Some(value) = section.value("directory") else {
        if well_known.is_none() {
            let known: Vec<String> =
                WELL_KNOWN_AUTHORITIES.iter().map(|(name, _)| format!("`{name}`")).collect();
            let text = format!("{} has no `directory`", section.title);
            section.push(section.error("config/missing-attribute", text).hint(format!(
                "add `directory = \"https://…\"`; only {} are known without",
                known.join(" and ")
            )));
        }
        return well_known.map_or(String::new(), |(_, directory)| (*directory).to_owned());
    };
    let Some(text) = section.text("directory", value) else { return String::new() };
    match Url::parse(&text) {
        Ok(url) if url.scheme == UrlScheme::Https => text,
        // RFC 8555 §6.1: every request is over https.
        Ok(_) => {
            section.invalid(
                value,
                format!("`{text}` is not https"),
                "an authority is asked over https alone",
            );
            String::new()
        }
        Err(error) => {
            section.invalid(value, error.message, error.hint);
            String::new()
        }
    }
}

fn contact(section: &Section<'_>) -> Vec<String> {
    let Some(value) = section.value("contact") else { return Vec::new() };
    let mut contact = Vec::new();
    for (text, item) in section.texts("contact", value) {
        let address = text.strip_prefix("mailto:").unwrap_or_default();
        if address.contains('@') && !address.contains([' ', ',', '?']) {
            contact.push(text);
        } else {
            let bare = text.strip_prefix("mailto:").unwrap_or(&text);
            section.invalid(
                item,
                format!("`{text}` is no contact"),
                match bare.contains('@') {
                    true => format!("write `mailto:{bare}`, one address each"),
                    false => "write `mailto:admin@example.com`".to_owned(),
                },
            );
        }
    }
    contact
}

fn external_account<'s>(outer: &Section<'s>, block: &'s Block) -> Option<ExternalAccount> {
    let section = Section::new(outer.context, outer.origin, "eab", block);
    section.label(block, false);
    let key_id =
        section.required("key_id", "\"…\"").and_then(|value| section.text("key_id", value));
    let key =
        section.required("key", "file(\"eab.key\")").and_then(|value| secret(&section, value));
    section.finish();
    Some(ExternalAccount { key_id: key_id?, key: key? })
}

/// A secret stays where it is: the configuration says where that is.
fn secret(section: &Section<'_>, value: &Expression) -> Option<SecretSource> {
    let named = |call: &hcl_edit::expr::FuncCall| {
        let argument = call.args.iter().next()?;
        match (call.name.name.as_str(), call.args.iter().count(), argument) {
            ("file", 1, Expression::String(path)) => {
                Some(SecretSource::File(section.origin.folder.join(path.value())))
            }
            ("env", 1, Expression::String(name)) => {
                Some(SecretSource::Variable(name.value().clone()))
            }
            _ => None,
        }
    };
    if let Expression::FuncCall(call) = value
        && let Some(source) = named(call)
    {
        // Whether it is there: the words for a file or variable that is missing are `text`'s.
        section.text("key", value)?;
        return Some(source);
    }
    section.invalid(
        value,
        "a secret does not stand in a configuration",
        "write `file(\"PATH\")` or `env(\"NAME\")`",
    );
    None
}

/// What a certificate says of its authority; `None` if it names none.
pub fn ordered<'s>(section: &Section<'s>, names: &[String]) -> Option<Ordered> {
    let kinds = ChallengeKind::ALL.map(|kind| (kind.name(), kind));
    let challenge = section.choice("challenge", &kinds);
    let keys = KeyKind::ALL.map(|kind| (kind.name(), kind));
    let kind = match section.value("key_kind") {
        Some(_) => section.choice("key_kind", &keys),
        None => None,
    };
    let value = section.value("authority");
    let Some(value) = value else {
        if let Some(block) = section.block("on_demand") {
            let text = "`on_demand` is for a certificate of an authority";
            let finding = section.error_at(block, "config/conflict", text);
            section.push(finding.hint("add `authority = authority.name`, or remove it"));
        }
        for word in ["challenge", "key_kind"] {
            if let Some(alone) = section.value(word) {
                let text = format!("`{word}` is for a certificate of an authority");
                let finding = section.error_at(alone, "config/conflict", text);
                section.push(finding.hint("add `authority = authority.name`, or remove it"));
            }
        }
        return None;
    };
    let items = Section::items(value);
    let authorities: Vec<AuthorityId> = items
        .into_iter()
        .filter_map(|item| section.reference("authority", item, Kind::Authority).map(AuthorityId))
        .collect();
    let block = section.block("on_demand");
    if let (Some(_), Some(value)) = (block, section.value("names")) {
        let text = format!("{} has `names` beside `on_demand`", section.title);
        section.invalid(
            value,
            text,
            "move them to another `certificate`: these are ordered at once",
        );
    }
    if block.is_none() && names.is_empty() && section.value("names").is_none() {
        let text = format!("{} has no `names`", section.title);
        section.push(
            section
                .error("config/missing-attribute", text)
                .hint("add `names = [\"example.com\"]`: an authority is asked for each"),
        );
    }
    check_names(section, names, challenge);
    let on_demand = block.and_then(|block| on_demand::read(section, block, challenge));
    Some(Ordered { authorities, challenge, key: kind.unwrap_or_default(), on_demand })
}

fn check_names<'s>(section: &Section<'s>, names: &[String], challenge: Option<ChallengeKind>) {
    let Some(value) = section.value("names") else { return };
    let texts = section.texts("names", value);
    if names.len() > NAMES_MAX {
        let text = format!("{} has more than {NAMES_MAX} names", section.title);
        section.invalid(value, text, "declare several certificates, or a wildcard");
    }
    for (text, item) in texts {
        let name = text.to_ascii_lowercase();
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        if is_address || crate::record::host(&name).is_err() || !name.contains('.') {
            section.invalid(
                item,
                format!("no authority issues a certificate for `{text}`"),
                "write a name such as `shop.example.com` or `*.example.com`",
            );
        } else if name.starts_with("*.")
            && let Some(kind @ (ChallengeKind::Http01 | ChallengeKind::TlsAlpn01)) = challenge
        {
            // RFC 8555 §7.1.3 leaves it to the authority; CA/Browser Baseline Requirements §3.2.2.4
            // allow a wildcard by DNS alone.
            let text = format!("`{name}` is a wildcard, which `{}` cannot prove", kind.name());
            section.invalid(item, text, "use `challenge = \"dns-01\"`, or name each host");
        }
    }
}
