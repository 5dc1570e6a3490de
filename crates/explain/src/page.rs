//! Pages and the calls they make: the browser is one client, the server that renders is another.

use std::collections::BTreeSet;

use model::{Asker, Listener, Model, Page, PageCall};

use crate::atlas::Atlas;
use crate::facts::Facts;
use crate::outcome::{Grade, Outcome, Sees, Speaker};
use crate::question::{Request, asker_words};
use crate::report::{CallReport, grade};
use crate::who::partition_of;

/// The calls of the declared pages at the address.
pub fn calls(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    asker: Asker,
) -> Vec<CallReport> {
    let pages = atlas.world.model.pages.iter().filter(|page| page.url == request.url);
    pages.flat_map(|page| calls_of(atlas, facts, page, asker)).collect()
}

pub fn calls_of(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    page: &Page,
    asker: Asker,
) -> Vec<CallReport> {
    let server = page.rendered_by.map(Asker::Instance);
    let by_server = page
        .server_calls
        .iter()
        .filter_map(|call| Some(call_report(atlas, facts, page, call, server?, "server")));
    let by_browser =
        page.calls.iter().map(|call| call_report(atlas, facts, page, call, asker, "browser"));
    by_server.chain(by_browser).collect()
}

fn call_report(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    page: &Page,
    call: &PageCall,
    asker: Asker,
    by: &str,
) -> CallReport {
    let request = Request::get(call.url.clone());
    let partition = partition_of(atlas, facts, &request, asker);
    let left_out = atlas.left_out_words(&partition.left_out);
    let outcomes: BTreeSet<Outcome> =
        partition.parts.into_iter().flat_map(|part| part.outcomes).collect();
    let model = &atlas.world.model;
    let cross = by == "browser" && !page.url.same_origin(&call.url);
    let origin = cross.then(|| page.url.origin());
    let insecure = by == "browser" && crate::lint::page::is_blocked(page, &call.url);
    let told = |outcome: &Outcome| {
        if insecure {
            return ("blocked as mixed content: the page is of https".to_owned(), true);
        }
        if by == "server" {
            return (server_words(outcome), false);
        }
        let kept = origin.as_deref().and_then(|origin| kept_from(model, outcome, origin));
        (browser_words(outcome, kept.as_deref()), kept.is_some())
    };
    let told: BTreeSet<(String, bool)> = outcomes.iter().map(told).collect();
    // An answer that the script may not read is none.
    let grade = match grade(&outcomes) {
        Grade::Reaches | Grade::NotKnown if told.iter().any(|(_, kept)| *kept) => Grade::Fails,
        grade => grade,
    };
    let words: Vec<String> = told.into_iter().map(|(words, _)| words).collect();
    CallReport {
        url: call.url.to_string(),
        by: by.to_owned(),
        from: asker_words(model, asker),
        grade,
        sees: words.join(", or "),
        code: outcomes.iter().find_map(Outcome::code).map(str::to_owned),
        left_out,
    }
}

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// What the listener says to scripts of other origins, if it says it with every answer.
pub fn allowed_origin(listener: &Listener) -> Option<&str> {
    let mut headers = listener.attributes.response_headers.0.iter();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(ALLOW_ORIGIN));
    found.map(|(_, value)| value.as_str())
}

/// Whether one of the words is the origin, or any.
pub fn allows<'o>(words: impl IntoIterator<Item = &'o str>, origin: &str) -> bool {
    words.into_iter().any(|word| word == "*" || word == origin)
}

/// Why a script of another origin may not read the answer (Fetch standard §3.2.5); `None` if it may, or
/// if it is not known.
fn kept_from(model: &Model, outcome: &Outcome, origin: &str) -> Option<String> {
    let (status, speaker) = match outcome.sees {
        Sees::Answer { status, speaker, .. } => (Some(status), speaker),
        Sees::Application | Sees::PassedThrough => (None, Speaker::Application),
        Sees::NameNotFound
        | Sees::TimesOut
        | Sees::Silence
        | Sees::Refused
        | Sees::Reset
        | Sees::CertificateError(_)
        | Sees::ProtocolError
        | Sees::CertificateWanted
        | Sees::Closed
        | Sees::ClosedInHandshake
        | Sees::NotKnown => return None,
    };
    let answer = status.map_or("answer".to_owned(), |status| status.to_string());
    if let Some(said) = outcome.listener.and_then(|id| allowed_origin(&model[id])) {
        let words = format!("the {answer} carries Access-Control-Allow-Origin: {said}");
        return (!allows([said], origin)).then_some(words);
    }
    match speaker {
        Speaker::LoadBalancer(_) => Some(format!(
            "the {answer} of the load balancer carries no Access-Control-Allow-Origin"
        )),
        Speaker::Application => {
            let group = &model[outcome.group?];
            let of_target = |target| world::application_at(model, group, target, target.port);
            let declared: Option<Vec<&Vec<String>>> = group
                .targets
                .iter()
                .map(|target| of_target(target).and_then(|application| application.cors.as_ref()))
                .collect();
            let declared = declared.filter(|all| !all.is_empty())?;
            let none = declared.iter().all(|all| !allows(all.iter().map(String::as_str), origin));
            none.then(|| format!("the application does not allow scripts of {origin}"))
        }
    }
}

/// A script sees less than a person: an answer that it may not read is "blocked by CORS", whatever it
/// says.
fn browser_words(outcome: &Outcome, kept: Option<&str>) -> String {
    if let Some(why) = kept {
        return format!("\"blocked by CORS policy\" in the console: {why}");
    }
    match &outcome.sees {
        Sees::Answer { .. } | Sees::Application | Sees::PassedThrough | Sees::NotKnown => {
            outcome.words()
        }
        Sees::NameNotFound
        | Sees::TimesOut
        | Sees::Silence
        | Sees::Refused
        | Sees::Reset
        | Sees::CertificateError(_)
        | Sees::ProtocolError
        | Sees::CertificateWanted
        | Sees::Closed
        | Sees::ClosedInHandshake => {
            format!("\"Failed to fetch\" (Network Error): {}", outcome.words())
        }
    }
}

/// A server's library has no words of a browser.
fn server_words(outcome: &Outcome) -> String {
    match outcome.sees {
        Sees::Answer { .. } | Sees::Application | Sees::PassedThrough | Sees::NotKnown => {
            outcome.words()
        }
        Sees::NameNotFound => "the name is not found".to_owned(),
        Sees::TimesOut => "the connection attempt times out".to_owned(),
        Sees::Silence => "connected, then silence".to_owned(),
        Sees::Refused => "the connection is refused".to_owned(),
        Sees::Reset => "the connection is reset".to_owned(),
        Sees::CertificateError(_) => "the certificate is not accepted".to_owned(),
        Sees::ProtocolError => "the other side speaks no TLS".to_owned(),
        Sees::CertificateWanted => "the other side wants a client certificate".to_owned(),
        Sees::Closed => "the connection ends without an answer".to_owned(),
        Sees::ClosedInHandshake => "the connection ends in the handshake".to_owned(),
    }
}

/// Where to ask about the calls that fail: their fixes are those of another address.
pub fn advice(calls: &[CallReport]) -> Vec<String> {
    const TOLD_MAX: usize = 3;
    let failed = calls.iter().filter(|call| matches!(call.grade, Grade::Fails | Grade::Blocked));
    let words = |call: &CallReport| {
        let from = call.from.split(' ').next().unwrap_or_default();
        let from = if from == "anywhere" { String::new() } else { format!(" --from {from}") };
        format!("`pointsman explain {}{from}` says what mends the call", call.url)
    };
    failed.take(TOLD_MAX).map(words).collect()
}
