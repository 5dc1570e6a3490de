//! Names: `record "shop.example" { … }`, at the top level or in a `zone`.

mod data;
mod routing;

use hcl_edit::structure::Block;
use model::{Host, NetworkId, Record, RecordData, Seconds, ZoneId};

pub use data::{name, names};

use crate::names::Kind;
use crate::section::Section;

/// Of records that no zone says another for; ALB.md §10: that of an alias.
pub const TTL_DEFAULT: Seconds = Seconds(60);
/// A week: longer is a mistake that cannot be taken back.
pub const TTL_MAX: u32 = 604_800;
/// RFC 1035 §2.3.4, in text without a final dot.
const NAME_CHARACTERS_MAX: usize = 253;
const LABEL_CHARACTERS_MAX: usize = 63;

/// Where a record stands.
#[derive(Clone, Copy)]
pub enum Home<'z> {
    Top,
    Zone { id: ZoneId, name: &'z Host, ttl: Seconds },
}

impl Home<'_> {
    /// A name is relative to the zone if it is a single label; `@` is the zone's own.
    fn absolute(self, text: &str) -> String {
        match self {
            Home::Zone { name, .. } if text == "@" => name.0.clone(),
            Home::Zone { name, .. } if !text.contains('.') => format!("{text}.{}", name.0),
            Home::Zone { .. } | Home::Top => text.to_owned(),
        }
    }

    /// Like [`Home::absolute`], and a record in a zone is always of it.
    fn owner(self, text: &str) -> String {
        let Home::Zone { name: Host(zone), .. } = self else { return text.to_owned() };
        let text = text.trim_end_matches('.');
        let is_within = text
            .to_ascii_lowercase()
            .strip_suffix(zone)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        match text {
            "@" => zone.clone(),
            _ if is_within => text.to_owned(),
            _ => format!("{text}.{zone}"),
        }
    }

    pub fn zone(self) -> Option<ZoneId> {
        match self {
            Home::Top => None,
            Home::Zone { id, .. } => Some(id),
        }
    }
}

/// One for each kind of data; none where there is nothing the name could lead to: a finding says so.
pub fn read<'s>(section: Section<'s>, block: &'s Block, home: Home<'_>) -> Vec<Record> {
    let label = section.label(block, true).unwrap_or_default();
    let owner = home.owner(label);
    let name = match host(&owner) {
        Ok(name) => Some(name),
        Err(hint) => {
            let text = match label == owner {
                true => format!("`{label}` is no host name"),
                false => format!("`{label}` is no host name: in this zone it is `{owner}`"),
            };
            let finding = section.error_at(&block.labels[0], "config/invalid-name", text);
            section.push(finding.hint(hint));
            None
        }
    };
    let data = data::read(&section, home);
    let visible_to = visible_to(&section);
    let ttl = section.seconds("ttl", 0..=TTL_MAX);
    let routing = routing::read(&section, &data);
    let place = section.place();
    section.finish();
    let Some(name) = name else { return Vec::new() };
    let default = |data: &RecordData| match (data, home) {
        // An alias has no TTL of its own (ALB.md §10).
        (RecordData::Alias(_), _) | (_, Home::Top) => TTL_DEFAULT,
        (_, Home::Zone { ttl, .. }) => ttl,
    };
    let record = |data: RecordData| Record {
        name: name.clone(),
        zone: home.zone(),
        visible_to: visible_to.clone(),
        ttl: ttl.unwrap_or_else(|| default(&data)),
        routing: routing::of(&routing, &data).map(Box::new),
        data,
        place: place.clone(),
    };
    data.into_iter().map(record).collect()
}

pub fn visible_to(section: &Section<'_>) -> Vec<NetworkId> {
    let Some(value) = section.value("visible_to") else { return Vec::new() };
    let items = Section::items(value);
    let find = |item| section.reference("visible_to", item, Kind::Network).map(NetworkId);
    items.into_iter().filter_map(find).collect()
}

/// Lower case and without its final dot; else how to write it.
pub fn host(text: &str) -> Result<Host, String> {
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if host.len() > NAME_CHARACTERS_MAX {
        let length = host.len();
        return Err(format!("it has {length} characters; {NAME_CHARACTERS_MAX} are allowed"));
    }
    let labels = host.strip_prefix("*.").unwrap_or(&host);
    if let Some(long) = labels.split('.').find(|label| label.len() > LABEL_CHARACTERS_MAX) {
        let length = long.len();
        return Err(format!(
            "`{long}` has {length} characters; between two dots {LABEL_CHARACTERS_MAX} are allowed"
        ));
    }
    if labels.contains('*') {
        return Err("a `*` stands alone before the first dot, as in `*.shop.example`".to_owned());
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    match labels.split('.').all(label) {
        true => Ok(Host(host)),
        false => Err("write a name such as `shop.example` or `*.shop.example`".to_owned()),
    }
}
