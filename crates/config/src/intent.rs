//! What the operator says must hold: `expect` and `page`.

use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::Block;
use model::{Asker, Expectation, InstanceId, NetworkId, Page, PageCall, StatusMatcher, Url};

use crate::names::Kind;
use crate::section::Section;
use crate::suggest::nearest;

/// `expect "…" { … }`.
pub fn expectation<'s>(section: Section<'s>, block: &'s Block) -> Expectation {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let urls = section
        .required("url", "\"https://example.com/\"")
        .map_or(Vec::new(), |value| urls(&section, "url", value));
    let method = section.optional_text("method").unwrap_or_else(|| "GET".to_owned());
    let headers = headers(&section);
    let works = askers(&section, "works");
    let denied = askers(&section, "denied");
    let status = section.value("status").and_then(|value| {
        let text = match value {
            Expression::Number(number) => Some(number.value().to_string()),
            other => section.text("status", other),
        }?;
        let status = StatusMatcher::parse(&text);
        if status.is_none() {
            section.invalid(
                value,
                "this is no list of statuses",
                "write `200`, `\"200,404\"` or `\"200-299\"`",
            );
        }
        status
    });
    let redirects_to = section
        .value("redirects_to")
        .and_then(|value| urls_of(&section, "redirects_to", value).into_iter().next());
    if works.is_empty()
        && denied.is_empty()
        && section.value("works").is_none()
        && section.value("denied").is_none()
    {
        let text = format!("{} says nobody for whom it holds", section.title);
        section.push(
            section
                .error("config/missing-attribute", text)
                .hint("add `works = [network.office]` or `denied = [internet]`"),
        );
    }
    let place = section.place();
    section.finish();
    Expectation {
        name,
        urls: urls.into_iter().map(|call| call.url).collect(),
        method,
        headers,
        works,
        denied,
        status,
        redirects_to,
        place,
    }
}

/// `page "…" { … }`; `None` without its address.
pub fn page<'s>(section: Section<'s>, block: &'s Block) -> Option<Page> {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let url = section
        .required("url", "\"https://example.com/\"")
        .and_then(|value| urls(&section, "url", value).into_iter().next());
    let calls = section.value("calls").map_or(Vec::new(), |value| urls(&section, "calls", value));
    let server_calls = section
        .value("server_calls")
        .map_or(Vec::new(), |value| urls(&section, "server_calls", value));
    let rendered_by = section
        .value("rendered_by")
        .and_then(|value| section.reference("rendered_by", value, Kind::Instance))
        .map(InstanceId);
    if !server_calls.is_empty() && rendered_by.is_none() && section.value("rendered_by").is_none() {
        let text = format!("{} does not say where its server calls come from", section.title);
        section.push(
            section
                .error("config/missing-attribute", text)
                .hint("add `rendered_by = instance.name`"),
        );
    }
    let place = section.place();
    section.finish();
    Some(Page { name, url: url?.url, calls, server_calls, rendered_by, place })
}

fn urls<'s>(section: &Section<'s>, name: &str, value: &'s Expression) -> Vec<PageCall> {
    let mut calls = Vec::new();
    for (text, item) in section.texts(name, value) {
        match Url::parse(&text) {
            Ok(url) => calls.push(PageCall { url, place: section.place_of(item) }),
            Err(error) => section.invalid(item, error.message, error.hint),
        }
    }
    calls
}

fn urls_of<'s>(section: &Section<'s>, name: &str, value: &'s Expression) -> Vec<Url> {
    urls(section, name, value).into_iter().map(|call| call.url).collect()
}

/// `{ Authorization = "Bearer x" }`.
fn headers(section: &Section<'_>) -> Vec<(String, String)> {
    let Some(value) = section.value("headers") else { return Vec::new() };
    let Expression::Object(object) = value else {
        section.invalid(
            value,
            "`headers` is an object",
            "write `headers = { Accept = \"text/html\" }`",
        );
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (key, item) in object.iter() {
        let name = match key {
            ObjectKey::Ident(ident) => Some(ident.as_str().to_owned()),
            ObjectKey::Expression(expression) => section.text("a header's name", expression),
        };
        let text = section.text("a header", item.expr());
        if let (Some(name), Some(text)) = (name, text) {
            headers.push((name, text));
        }
    }
    headers
}

fn askers(section: &Section<'_>, name: &'static str) -> Vec<Asker> {
    let Some(value) = section.value(name) else { return Vec::new() };
    Section::items(value).into_iter().filter_map(|item| asker(section, name, item)).collect()
}

fn asker<'s>(section: &Section<'s>, name: &str, value: &'s Expression) -> Option<Asker> {
    match value {
        Expression::Variable(word) if word.as_str() == "internet" => Some(Asker::Internet),
        Expression::Variable(word) if word.as_str() == "anywhere" => Some(Asker::Anywhere),
        Expression::Variable(word) => {
            let text = format!("`{}` is no client network", word.as_str());
            let hint = match nearest(word.as_str(), ["internet", "anywhere"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write `network.{}`, `internet` or `anywhere`", word.as_str()),
            };
            section.invalid(value, text, hint);
            None
        }
        Expression::Traversal(_) => {
            let (written, target) = Section::written_reference(value)?;
            let kinds = [Kind::Network, Kind::Instance];
            let (kind, id) = section.resolve(name, value, written, target, &kinds)?;
            Some(match kind {
                Kind::Instance => Asker::Instance(InstanceId(id)),
                _ => Asker::Network(NetworkId(id)),
            })
        }
        _ => {
            let text = section.text(name, value)?;
            section.cidr_or_address(value, &text).map(Asker::Prefix)
        }
    }
}
