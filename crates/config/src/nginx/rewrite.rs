//! The rewrite phase: `return`, `rewrite`, `if`, `set`, `break`
//! (<https://nginx.org/en/docs/http/ngx_http_rewrite_module.html>).

use model::application::{AfterRewrite, Content, Part, Rewrite, Step, Test, Value};

use super::Problem;
use super::http::Reader;
use super::known::{Effect, effect, is_harmless_include};
use super::location::{Scope, behaviour};
use super::tree::Directive;
use super::value::{Case, regex, value};

/// What other readers read, and what stands in other places.
const READ_ELSEWHERE: [&str; 19] = [
    "absolute_redirect",
    "error_page",
    "http",
    "internal",
    "keepalive_timeout",
    "listen",
    "location",
    "merge_slashes",
    "port_in_redirect",
    "proxy_pass",
    "proxy_set_header",
    "recursive_error_pages",
    "server",
    "server_name",
    "server_name_in_redirect",
    "ssl",
    "ssl_certificate",
    "try_files",
    "upstream",
];

pub fn steps(
    reader: &Reader,
    directives: &[Directive],
    scope: &Scope,
    content: &Content,
) -> Result<Vec<Step>, Problem> {
    let mut steps = Vec::new();
    for directive in directives {
        let place = directive.place.clone();
        match directive.name.as_str() {
            "return" => steps.push(return_(directive)?),
            "rewrite" => steps.push(rewrite(reader, directive)?),
            "break" => steps.push(Step::Break),
            "set" => {
                let name = directive.word(0).strip_prefix('$').unwrap_or_default();
                if name.is_empty() || directive.words.len() != 2 {
                    let text = "`set` takes a variable and a value";
                    return Err(Problem::new(&place, text));
                }
                let variable = name.to_ascii_lowercase();
                steps.push(Step::Set { variable, value: value(directive.word(1)), place });
            }
            "if" => {
                let test = test(reader, directive)?;
                let scope = scope.inner(reader, directive.inner())?;
                // A true `if` takes the location's place, but not its `try_files`.
                let content = match content {
                    Content::TryFiles { place, .. } => Content::Files { place: place.clone() },
                    other => other.clone(),
                };
                let then = behaviour(reader, directive.inner(), &scope, content, &place)?;
                steps.push(Step::If { test, then: Box::new(then), place });
            }
            name if READ_ELSEWHERE.contains(&name) => {}
            name if is_harmless_include(name, directive.word(0)) => {}
            name => match effect(name) {
                Effect::Unknown => {
                    steps.push(Step::NotUnderstood(reader.not_understood(directive)))
                }
                Effect::Variables | Effect::None | Effect::MayRefuse | Effect::Content => {}
            },
        }
    }
    Ok(steps)
}

fn begins_with_scheme(word: &str) -> bool {
    ["http://", "https://", "$scheme"].iter().any(|start| word.starts_with(start))
}

fn return_(directive: &Directive) -> Result<Step, Problem> {
    let place = directive.place.clone();
    let (first, second) = (directive.word(0), directive.words.get(1));
    let bad = |text: String| Err(Problem::new(&directive.place, text));
    if directive.words.is_empty() || directive.words.len() > 2 {
        return bad("`return` takes a status, a URL, or both".to_owned());
    }
    match (first.parse::<u16>(), second) {
        (Ok(status), _) if status > 999 => bad(format!("`{first}` is no status")),
        (Ok(status), text) => {
            Ok(Step::Return { status, text: text.map(|text| value(text)), place })
        }
        (Err(_), None) if begins_with_scheme(first) => {
            Ok(Step::Return { status: 302, text: Some(value(first)), place })
        }
        (Err(_), _) => bad(format!("`{first}` is no status")),
    }
}

fn rewrite(reader: &Reader, directive: &Directive) -> Result<Step, Problem> {
    if !(2..=3).contains(&directive.words.len()) {
        let text = "`rewrite` takes an expression, a replacement and perhaps a flag";
        return Err(Problem::new(&directive.place, text));
    }
    let replacement = directive.word(1);
    let plain = match begins_with_scheme(replacement) {
        true => AfterRewrite::Redirect(302),
        false => AfterRewrite::NextStep,
    };
    let then = match directive.words.get(2).map(String::as_str) {
        None => plain,
        Some("last") if plain == AfterRewrite::NextStep => AfterRewrite::Last,
        Some("break") if plain == AfterRewrite::NextStep => AfterRewrite::Break,
        Some("last" | "break") => plain,
        Some("redirect") => AfterRewrite::Redirect(302),
        Some("permanent") => AfterRewrite::Redirect(301),
        Some(flag) => {
            let text = format!("`{flag}` is no flag of `rewrite`");
            return Err(Problem::new(&directive.place, text));
        }
    };
    let Some(regex) = regex(directive.word(0), Case::Counts) else {
        return Ok(Step::NotUnderstood(reader.not_understood(directive)));
    };
    let (replacement, keeps_query) = match replacement.strip_suffix('?') {
        Some(replacement) => (replacement, false),
        None => (replacement, true),
    };
    let (path, query) = match replacement.split_once('?') {
        Some((path, query)) => (path, Some(value(query))),
        None => (replacement, None),
    };
    let path = value(path);
    Ok(Step::Rewrite(Rewrite {
        regex,
        path,
        query,
        keeps_query,
        then,
        place: directive.place.clone(),
    }))
}

fn test(reader: &Reader, directive: &Directive) -> Result<Test, Problem> {
    let bad = || {
        let text = "a condition is `($variable)` or `($variable operator text)`";
        Err(Problem::new(&directive.place, text))
    };
    // The parentheses may touch the words, or not.
    let mut words: Vec<&str> = directive.words.iter().map(String::as_str).collect();
    let Some(first) = words.first_mut().and_then(|word| {
        let inner = word.strip_prefix('(')?;
        *word = inner;
        Some(inner)
    }) else {
        return bad();
    };
    if first.is_empty() {
        words.remove(0);
    }
    let Some(last) = words.last_mut().and_then(|word| {
        let inner = word.strip_suffix(')')?;
        *word = inner;
        Some(inner)
    }) else {
        return bad();
    };
    if last.is_empty() && words.len() > 1 && directive.words.last().is_some_and(|w| w == ")") {
        words.pop();
    }
    let variable = |word: &str| -> Option<Value> {
        let value = value(word);
        matches!(value.0[..], [Part::Variable(_) | Part::Capture(_)]).then_some(value)
    };
    let expression = |word: &str, case| regex(word, case);
    Ok(match words[..] {
        [one] => match variable(one) {
            Some(value) => Test::True(value),
            None => return bad(),
        },
        // Whether a file exists.
        [operator, _] if operator.trim_start_matches('!').starts_with('-') => {
            Test::NotUnderstood(reader.not_understood(directive))
        }
        [left, operator, right] => {
            let Some(left) = variable(left) else { return bad() };
            let (case, negated) = match operator {
                "=" => return Ok(Test::Equal(left, value(right))),
                "!=" => return Ok(Test::NotEqual(left, value(right))),
                "~" => (Case::Counts, false),
                "~*" => (Case::Ignored, false),
                "!~" => (Case::Counts, true),
                "!~*" => (Case::Ignored, true),
                _ => return bad(),
            };
            match (expression(right, case), negated) {
                (Some(regex), false) => Test::Matches(left, regex),
                (Some(regex), true) => Test::MatchesNot(left, regex),
                (None, _) => Test::NotUnderstood(reader.not_understood(directive)),
            }
        }
        _ => return bad(),
    })
}
