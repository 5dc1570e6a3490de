//! `location`, and what it inherits.

use model::application::{
    Behaviour, Content, ErrorPage, ErrorResponse, Fallback, Location, LocationPath, NotUnderstood,
    RedirectForm,
};
use model::{Place, Seconds};

use super::Problem;
use super::http::Reader;
use super::known::{Effect, effect};
use super::proxy::{self, Headers};
use super::rewrite::steps;
use super::tree::Directive;
use super::value::{Case, regex, seconds, value};

/// What a level hands to the levels inside it.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub internal: bool,
    pub doubts: Vec<NotUnderstood>,
    pub error_pages: Vec<ErrorPage>,
    pub form: RedirectForm,
    pub headers: Headers,
    pub keep_alive: Option<Seconds>,
}

impl Scope {
    /// The level of these directives. Their order does not matter.
    pub fn inner(&self, reader: &Reader, directives: &[Directive]) -> Result<Scope, Problem> {
        let mut scope =
            Scope { headers: proxy::headers(directives, &self.headers), ..self.clone() };
        scope.doubts.retain(|doubt| doubt.directive != "limit_except");
        let mut error_pages = Vec::new();
        let of = |name: &'static str| directives.iter().filter(move |d| d.name == name);
        if of("allow").chain(of("deny")).next().is_some() {
            scope.doubts.retain(|doubt| doubt.directive != "deny");
        }
        // The first rule that fits decides, and without any everybody is allowed.
        let mut open = false;
        for directive in directives {
            let on = || directive.word(0) == "on";
            match directive.name.as_str() {
                "error_page" => error_pages.push(error_page(directive)?),
                "internal" => scope.internal = true,
                "absolute_redirect" => scope.form.absolute = on(),
                "port_in_redirect" => scope.form.port = on(),
                "server_name_in_redirect" => scope.form.server_name = on(),
                "keepalive_timeout" => {
                    let Some(time) = seconds(directive.word(0)) else {
                        let text = format!("`{}` is no time", directive.word(0));
                        return Err(Problem::new(&directive.place, text));
                    };
                    scope.keep_alive = Some(time);
                }
                "allow" => open |= directive.word(0) == "all",
                "deny" if open => {}
                "deny" => scope.doubts.push(reader.not_understood(directive)),
                name if effect(name) == Effect::MayRefuse || name == "recursive_error_pages" => {
                    scope.doubts.retain(|doubt| doubt.directive != name);
                    let harmless = if name == "merge_slashes" { "on" } else { "off" };
                    if directive.word(0) != harmless {
                        scope.doubts.push(reader.not_understood(directive));
                    }
                }
                _ => {}
            }
        }
        if !error_pages.is_empty() {
            scope.error_pages = error_pages;
        }
        Ok(scope)
    }
}

/// What the directives of a level do; `scope` is the level's own.
pub fn behaviour(
    reader: &Reader,
    directives: &[Directive],
    scope: &Scope,
    inherited: Content,
    place: &Place,
) -> Result<Behaviour, Problem> {
    let content = content(reader, directives, scope, inherited)?;
    Ok(Behaviour {
        steps: steps(reader, directives, scope, &content)?,
        internal: scope.internal,
        doubts: scope.doubts.clone(),
        content,
        error_pages: scope.error_pages.clone(),
        form: scope.form,
        place: place.clone(),
    })
}

fn content(
    reader: &Reader,
    directives: &[Directive],
    scope: &Scope,
    inherited: Content,
) -> Result<Content, Problem> {
    let mut content = inherited;
    let mut files: Option<&Directive> = None;
    let mut passes = false;
    for directive in directives {
        match directive.name.as_str() {
            "proxy_pass" => {
                passes = true;
                content = proxy::pass(reader, directive, &scope.headers)?;
            }
            "try_files" => files = Some(directive),
            name if effect(name) == Effect::Content && directive.word(0) != "off" => {
                passes = true;
                content = Content::NotUnderstood(reader.not_understood(directive));
            }
            _ => {}
        }
    }
    let Some(directive) = files else { return Ok(content) };
    if passes {
        // What is passed on is another path if there is such a file.
        return Ok(Content::NotUnderstood(reader.not_understood(directive)));
    }
    let place = directive.place.clone();
    let (last, rest) = match directive.words.split_last() {
        Some((last, rest)) if !rest.is_empty() => (last, rest),
        _ => return Err(Problem::new(&place, "`try_files` takes files and a fallback")),
    };
    debug_assert!(!rest.is_empty());
    let fallback = match (last.strip_prefix('='), last.starts_with('@')) {
        (Some(status), _) => match status.parse() {
            Ok(status) => Fallback::Status(status),
            Err(_) => return Err(Problem::new(&place, format!("`{last}` is no status"))),
        },
        (None, true) => Fallback::Named(last.clone()),
        (None, false) => Fallback::Uri(value(last)),
    };
    Ok(Content::TryFiles { fallback, place })
}

fn error_page(directive: &Directive) -> Result<ErrorPage, Problem> {
    let place = directive.place.clone();
    let bad = |word: &str| Problem::new(&directive.place, format!("`{word}` is no status"));
    let Some((uri, rest)) = directive.words.split_last().filter(|(_, rest)| !rest.is_empty())
    else {
        return Err(Problem::new(&place, "`error_page` takes statuses and a page"));
    };
    let mut response = ErrorResponse::Same;
    let mut statuses = Vec::new();
    for word in rest {
        match word.strip_prefix('=') {
            Some("") => response = ErrorResponse::OfPage,
            Some(status) => {
                response = ErrorResponse::Status(status.parse().map_err(|_| bad(word))?);
            }
            None => statuses.push(word.parse().map_err(|_| bad(word))?),
        }
    }
    Ok(ErrorPage { statuses, response, uri: value(uri), place })
}

/// The locations of a level, and the named ones apart.
pub fn locations(
    reader: &Reader,
    directives: &[Directive],
    scope: &Scope,
) -> Result<(Vec<Location>, Vec<Location>), Problem> {
    let (mut locations, mut named) = (Vec::new(), Vec::new());
    for directive in directives.iter().filter(|directive| directive.name == "location") {
        let place = directive.place.clone();
        let path = path(reader, directive)?;
        let scope = scope.inner(reader, directive.inner())?;
        let content = Content::Files { place: place.clone() };
        let behaviour = behaviour(reader, directive.inner(), &scope, content, &place)?;
        let (nested, _) = self::locations(reader, directive.inner(), &scope)?;
        let list = match path {
            LocationPath::Named(_) => &mut named,
            LocationPath::Exact(_)
            | LocationPath::Prefix { .. }
            | LocationPath::Regex(_)
            | LocationPath::NotUnderstood(_) => &mut locations,
        };
        list.push(Location { path, behaviour, nested, place });
    }
    Ok((locations, named))
}

fn path(reader: &Reader, directive: &Directive) -> Result<LocationPath, Problem> {
    // The modifier may touch the path.
    let (modifier, path) = match &directive.words[..] {
        [word] => {
            let modifiers = ["=", "^~", "~*", "~"];
            let found = modifiers.into_iter().find(|modifier| word.starts_with(modifier));
            (found.unwrap_or(""), word.get(found.map_or(0, str::len)..).unwrap_or_default())
        }
        [modifier, path] => (modifier.as_str(), path.as_str()),
        _ => return Err(Problem::new(&directive.place, "a `location` takes one path")),
    };
    let expression = |case| match regex(path, case) {
        Some(regex) => LocationPath::Regex(regex),
        None => LocationPath::NotUnderstood(reader.not_understood(directive)),
    };
    let path = path.to_owned();
    Ok(match modifier {
        "" if path.starts_with('@') => LocationPath::Named(path),
        "" => LocationPath::Prefix { path, stops: false },
        "^~" => LocationPath::Prefix { path, stops: true },
        "=" => LocationPath::Exact(path),
        "~" => expression(Case::Counts),
        "~*" => expression(Case::Ignored),
        other => {
            let text = format!("`{other}` is no modifier of a `location`");
            return Err(Problem::new(&directive.place, text));
        }
    })
}
