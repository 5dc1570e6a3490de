//! Whether a certificate may be ordered because a client came for a name: before anybody is asked.

use std::net::IpAddr;

use model::OnDemand;

/// RFC 1035 §2.3.4.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// What an instance remembers of one declaration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Names that have a certificate, or whose order is under way.
    pub names: u32,
    /// Orders that were begun within the last hour.
    pub orders: u32,
    /// Whether this name was refused a short time ago.
    pub refused: bool,
}

/// Why it is not ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOrdered {
    /// An address, one label, or what no DNS has.
    NoName,
    /// None of the patterns.
    OtherName,
    /// Whoever is asked has not allowed it, and is not asked again so soon.
    RefusedBefore,
    OrdersPerHour(u32),
    MaxNames(u32),
}

/// The pattern that a name fits, whatever else is known.
pub fn fits<'d>(declared: &'d OnDemand, name: &str) -> Result<&'d str, NotOrdered> {
    if !is_name(name) {
        return Err(NotOrdered::NoName);
    }
    let fits = |pattern: &&String| match pattern.strip_prefix('*') {
        Some("") => true,
        // RFC 6125 §6.4.3: one label, as in the certificates that it takes the place of.
        Some(rest) => name.strip_suffix(rest).is_some_and(|label| !label.contains('.')),
        None => *pattern == name,
    };
    declared.names.iter().find(fits).map(String::as_str).ok_or(NotOrdered::OtherName)
}

/// Whether to go on: the next is to ask whoever has to allow it.
pub fn judge(declared: &OnDemand, name: &str, memory: Memory) -> Result<(), NotOrdered> {
    fits(declared, name)?;
    if memory.refused {
        Err(NotOrdered::RefusedBefore)
    } else if memory.names >= declared.max_names {
        Err(NotOrdered::MaxNames(declared.max_names))
    } else if memory.orders >= declared.orders_per_hour {
        Err(NotOrdered::OrdersPerHour(declared.orders_per_hour))
    } else {
        Ok(())
    }
}

/// Lower case, with a dot, letters, digits and hyphens: what an authority may issue for.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(known)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= NAME_BYTES_MAX
        && name.contains('.')
        && name.split('.').all(is_label)
        && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(names: &[&str]) -> OnDemand {
        OnDemand {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ask: model::Url::parse("http://127.0.0.1/allowed").unwrap(),
            orders_per_hour: 2,
            max_names: 3,
            place: model::Place::described("a test"),
        }
    }

    #[test]
    fn which_names() {
        let below = ["*.shop.test", "shop.test"];
        let long = format!("{}.shop.test", "a".repeat(64));
        type Row<'r> = (&'r str, &'r [&'r str], &'r str, Result<&'r str, NotOrdered>);
        let rows: [Row<'_>; 11] = [
            ("below", &below, "a.shop.test", Ok("*.shop.test")),
            ("itself", &below, "shop.test", Ok("shop.test")),
            ("two labels", &below, "b.a.shop.test", Err(NotOrdered::OtherName)),
            ("no label", &below, ".shop.test", Err(NotOrdered::NoName)),
            ("ends alike", &below, "ashop.test", Err(NotOrdered::OtherName)),
            ("any", &["*"], "what.ever.test", Ok("*")),
            ("one label", &["*"], "localhost", Err(NotOrdered::NoName)),
            ("an address", &["*"], "192.0.2.1", Err(NotOrdered::NoName)),
            ("a path", &["*"], "../a.test", Err(NotOrdered::NoName)),
            ("a long label", &below, &long, Err(NotOrdered::NoName)),
            ("none declared", &[], "a.test", Err(NotOrdered::OtherName)),
        ];
        for (row, names, name, expected) in rows {
            assert_eq!(fits(&declared(names), name), expected, "{row}");
        }
    }

    #[test]
    fn what_is_remembered() {
        let none = Memory::default();
        let rows = [
            ("nothing", none, Ok(())),
            ("below the limits", Memory { names: 2, orders: 1, refused: false }, Ok(())),
            ("refused", Memory { refused: true, ..none }, Err(NotOrdered::RefusedBefore)),
            ("orders", Memory { orders: 2, ..none }, Err(NotOrdered::OrdersPerHour(2))),
            ("names", Memory { names: 3, orders: 2, ..none }, Err(NotOrdered::MaxNames(3))),
        ];
        for (row, memory, expected) in rows {
            assert_eq!(judge(&declared(&["*"]), "a.test", memory), expected, "{row}");
        }
    }
}
