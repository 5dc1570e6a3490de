//! Which location answers (<https://nginx.org/en/docs/http/ngx_http_core_module.html#location>).

use model::application::{Content, Location, LocationPath};

use super::{Answer, not_understood, uri};

/// How far one level of locations came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Nothing else is tried.
    Found,
    /// A prefix or nothing: an expression of an outer level may still be chosen.
    Open,
    /// The path lacks only the final slash of a location that forwards.
    SlashMissing,
}

/// Puts the location into `chosen`, and what an expression captured into `captures`.
pub fn find<'a>(
    locations: &'a [Location],
    path: &[u8],
    chosen: &mut Option<&'a Location>,
    captures: &mut Vec<Vec<u8>>,
) -> Result<Search, Answer<'a>> {
    let mut regexes = true;
    match by_text(locations, path) {
        ByText::Exact(location) => {
            *chosen = Some(location);
            return Ok(Search::Found);
        }
        ByText::SlashMissing(location) => {
            *chosen = Some(location);
            return Ok(Search::SlashMissing);
        }
        ByText::Prefix { location, stops } => {
            *chosen = Some(location);
            regexes = !stops;
            let inner = find(&location.nested, path, chosen, captures)?;
            if inner != Search::Open {
                return Ok(inner);
            }
        }
        ByText::Nothing => {}
    }
    for location in locations.iter().filter(|_| regexes) {
        match &location.path {
            LocationPath::Regex(regex) => {
                if let Some(found) = regex.captures(path) {
                    *captures = uri::captured(&found);
                    *chosen = Some(location);
                    find(&location.nested, path, chosen, captures)?;
                    return Ok(Search::Found);
                }
            }
            LocationPath::NotUnderstood(doubt) => return Err(not_understood(doubt)),
            LocationPath::Exact(_) | LocationPath::Prefix { .. } | LocationPath::Named(_) => {}
        }
    }
    Ok(Search::Open)
}

enum ByText<'a> {
    Exact(&'a Location),
    Prefix { location: &'a Location, stops: bool },
    SlashMissing(&'a Location),
    Nothing,
}

fn by_text<'a>(locations: &'a [Location], path: &[u8]) -> ByText<'a> {
    let mut best: Option<(&'a Location, &'a str, bool)> = None;
    // Where only the slash is missing: whether a location forwards, and which one redirects.
    let (mut redirects, mut with_slash) = (false, None);
    for location in locations {
        let name = match &location.path {
            LocationPath::Exact(name) => {
                if name.as_bytes() == path {
                    return ByText::Exact(location);
                }
                name
            }
            LocationPath::Prefix { path: prefix, stops } => {
                if path.starts_with(prefix.as_bytes())
                    && best.is_none_or(|(_, longest, _)| prefix.len() > longest.len())
                {
                    best = Some((location, prefix, *stops));
                }
                prefix
            }
            LocationPath::Regex(_) | LocationPath::Named(_) | LocationPath::NotUnderstood(_) => {
                continue;
            }
        };
        if name.strip_suffix('/').is_some_and(|bare| bare.as_bytes() == path) {
            redirects |= forwards(location);
            if with_slash.is_none() || matches!(location.path, LocationPath::Exact(_)) {
                with_slash = Some(location);
            }
        }
    }
    let slash_missing = with_slash.filter(|_| redirects);
    match (best, slash_missing) {
        (Some((location, prefix, stops)), _) if prefix.len() == path.len() => {
            ByText::Prefix { location, stops }
        }
        (_, Some(location)) => ByText::SlashMissing(location),
        (Some((location, _, stops)), None) => ByText::Prefix { location, stops },
        (None, None) => ByText::Nothing,
    }
}

/// `proxy_pass`, `fastcgi_pass` and their like redirect to the slash they were written with.
fn forwards(location: &Location) -> bool {
    match &location.behaviour.content {
        Content::Proxy(_) => true,
        Content::NotUnderstood(doubt) => doubt.directive.ends_with("_pass"),
        Content::Files { .. } | Content::TryFiles { .. } | Content::NotDeclared { .. } => false,
    }
}
