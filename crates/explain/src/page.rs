//! Pages and the calls they make: the browser is one client, the server that renders is another.

use std::collections::BTreeSet;

use model::{Asker, Page, PageCall};

use crate::atlas::Atlas;
use crate::facts::Facts;
use crate::outcome::{Outcome, Sees, Speaker};
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
    let cross = by == "browser" && !page.url.same_origin(&call.url);
    let words: BTreeSet<String> = outcomes.iter().map(|o| browser_words(o, cross)).collect();
    CallReport {
        url: call.url.to_string(),
        by: by.to_owned(),
        from: asker_words(&atlas.world.model, asker),
        grade: grade(&outcomes),
        sees: words.into_iter().collect::<Vec<_>>().join(", or "),
        code: outcomes.iter().find_map(Outcome::code).map(str::to_owned),
        left_out,
    }
}

/// A script sees less than a person: an answer of another origin without its header is "blocked by
/// CORS", whatever it says (Fetch standard §3.2.5).
fn browser_words(outcome: &Outcome, cross_origin: bool) -> String {
    match &outcome.sees {
        Sees::Answer { status: status @ 400.., speaker: Speaker::LoadBalancer(_), .. }
            if cross_origin =>
        {
            format!(
                "\"blocked by CORS policy\" in the console: the {status} of the load balancer carries no Access-Control-Allow-Origin"
            )
        }
        Sees::Answer { .. } | Sees::Application | Sees::NotKnown => outcome.words(),
        Sees::NameNotFound
        | Sees::TimesOut
        | Sees::Silence
        | Sees::Refused
        | Sees::Reset
        | Sees::CertificateError(_)
        | Sees::ProtocolError
        | Sees::Closed => format!("\"Failed to fetch\" (Network Error): {}", outcome.words()),
    }
}
