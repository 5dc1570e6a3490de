//! Whose certificates the targets of a group have to show.

use model::{Host, TargetAuthorities, TargetProtocol, TargetVerification};

use crate::section::Section;

/// The authorities of this machine.
const SYSTEM: &str = "system";

pub fn read(outer: &Section<'_>, protocol: TargetProtocol) -> Option<TargetVerification> {
    let block = outer.block("verify")?;
    let section = Section::new(outer.context, outer.origin, "verify", block);
    section.label(block, false);
    let authorities = section
        .required("authorities", "\"authorities.pem\"")
        .and_then(|value| section.text("authorities", value))
        .map(|text| match text == SYSTEM {
            true => TargetAuthorities::System,
            false => TargetAuthorities::File(section.origin.folder.join(text)),
        });
    let name = section.value("name").and_then(|value| {
        let text = section.text("name", value)?;
        let host = host(&text);
        if host.is_none() {
            section.invalid(
                value,
                format!("`{text}` is no name of a host"),
                "write `\"app.internal\"`; without `name`, a certificate must be for the target as it \
                 is written, which may be an address",
            );
        }
        host
    });
    if protocol == TargetProtocol::Http {
        section.push(
            section
                .error("config/conflict", "targets over plain HTTP show no certificate")
                .hint("write `protocol = \"HTTPS\"`, or remove `verify`"),
        );
    }
    let place = section.place();
    section.finish();
    Some(TargetVerification { authorities: authorities?, name, place })
}

fn host(text: &str) -> Option<Host> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric = name.split('.').all(|label| label.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= 253 && !numeric && name.split('.').all(label)).then_some(Host(name))
}
