//! What pages call, for whoever gets the page (USERS.md §4, rows 2, 14 and 20).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use model::{
    Asker, Finding, GroupId, ListenerId, LoadBalancerId, Model, Network, NetworkId, Obstacle, Page,
    PageCall, Refusal, Url, UrlScheme,
};

use crate::atlas::{Alike, Atlas, Classes};
use crate::chain;
use crate::facts::Facts;
use crate::outcome::{Grade, Outcome};
use crate::page::{allowed_origin, allows};
use crate::question::{Client, Request, asker_words};
use crate::walk::walk;
use crate::who::{Ends, Inquiry};

/// Of those who are refused, so many are named.
const NAMED_MAX: usize = 3;
/// Of those who are served, the ways of so many kinds are followed.
const WAYS_MAX: usize = 64;

/// Who gets the page: a client of each kind.
struct Visitor {
    asker: Asker,
    classes: Arc<Classes>,
    at: usize,
}

impl Visitor {
    fn alike(&self) -> &Alike {
        &self.classes.classes[self.at]
    }
}

/// The load balancers that refuse calls of pages: that they are closed is said.
pub fn lint(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    findings: &mut Vec<Finding>,
) -> BTreeSet<LoadBalancerId> {
    let mut refusing = BTreeSet::new();
    let mut without_cors: BTreeSet<ListenerId> = BTreeSet::new();
    for page in &atlas.world.model.pages {
        let visitors = visitors(atlas, facts, page);
        for call in &page.calls {
            if let Some(finding) = written_insecure(page, call) {
                findings.push(finding);
                continue;
            }
            let request = Request::get(call.url.clone());
            let inquiry = Inquiry::new(atlas, facts, &request);
            let mut refused: Vec<(&Visitor, Ends)> = Vec::new();
            let mut served: Vec<&Visitor> = Vec::new();
            for visitor in &visitors {
                let ends = inquiry.ends(visitor.alike());
                match is_refused(&ends) {
                    true => refused.push((visitor, ends)),
                    false => served.push(visitor),
                }
            }
            if let Some(finding) = call_refused(atlas, page, call, &refused) {
                findings.push(finding);
                let listeners =
                    refused.iter().flat_map(|(_, ends)| ends.iter()).filter_map(|o| o.listener);
                refusing.extend(listeners.map(|id| atlas.world.model[id].load_balancer));
            }
            let Some(visitor) = served.first() else { continue };
            findings.extend(redirected_insecure(
                atlas,
                facts,
                page,
                call,
                &visitor.alike().example,
            ));
            for (listener, group) in ways(atlas, facts, &request, &served) {
                if let Some(finding) = cors(atlas, page, call, listener, group)
                    && without_cors.insert(listener)
                {
                    findings.push(finding);
                }
            }
        }
        for call in &page.server_calls {
            findings.extend(server_call(atlas, facts, page, call));
        }
    }
    refusing
}

fn visitors(atlas: &Atlas<'_>, facts: &Facts<'_>, page: &Page) -> Vec<Visitor> {
    let request = Request::get(page.url.clone());
    let inquiry = Inquiry::new(atlas, facts, &request);
    let gets = |alike: &Alike| {
        let ends = inquiry.ends(alike);
        !ends.is_empty() && ends.iter().all(|end| end.grade() == Grade::Reaches)
    };
    let mut visitors = Vec::new();
    for asker in people(&atlas.world.model, page) {
        let classes = atlas.classes_of(asker);
        let getting = classes.classes.iter().enumerate().filter(|(_, alike)| gets(alike));
        visitors.extend(getting.map(|(at, _)| Visitor {
            asker,
            classes: Arc::clone(&classes),
            at,
        }));
    }
    visitors
}

/// For whom a page is: those for whom an expectation says that it works, else everybody but networks
/// of machines.
fn people(model: &Model, page: &Page) -> Vec<Asker> {
    let about = model.expectations.iter().filter(|expectation| {
        expectation.urls.iter().any(|url| url.same_origin(&page.url) && url.path == page.url.path)
    });
    let said: BTreeSet<Asker> = about.flat_map(|one| one.works.iter().copied()).collect();
    if !said.is_empty() {
        return said.into_iter().collect();
    }
    let machines = || {
        let instances = model.instances.iter().flat_map(|instance| &instance.addresses);
        instances.chain(model.load_balancers.iter().flat_map(|lb| &lb.addresses))
    };
    let of_machines = |network: &Network| {
        machines().any(|address| network.cidrs.iter().any(|net| net.contains(address)))
    };
    let networks = model.networks.iter().enumerate().filter(|(_, network)| !of_machines(network));
    let networks = networks.map(|(at, _)| Asker::Network(NetworkId(at as u32)));
    networks.chain([Asker::Internet]).collect()
}

/// Before any rule is asked, and for sure: a name that is kept elsewhere is not known.
fn is_refused(ends: &BTreeSet<Outcome>) -> bool {
    let kept_elsewhere = Some(Obstacle::NameNoRecord.into());
    !ends.is_empty()
        && ends.iter().all(|end| end.grade() == Grade::Blocked && end.cause != kept_elsewhere)
}

// === page-call-refused ===

fn call_refused(
    atlas: &Atlas<'_>,
    page: &Page,
    call: &PageCall,
    refused: &[(&Visitor, Ends)],
) -> Option<Finding> {
    let (first, ends) = refused.first()?;
    let mut askers: Vec<Asker> = refused.iter().map(|(visitor, _)| visitor.asker).collect();
    askers.dedup();
    let mut named: Vec<String> =
        askers.iter().take(NAMED_MAX).map(|asker| words(atlas, *asker)).collect();
    if askers.len() > NAMED_MAX {
        named.push(format!("{} more", askers.len() - NAMED_MAX));
    }
    let text = format!(
        "{} get the page `{}` and not {}, which it calls: {}",
        listed(&named),
        page.name,
        call.url,
        why(ends)
    );
    let from = asker_words(&atlas.world.model, first.asker);
    let from = from.split(' ').next().unwrap_or_default();
    let finding = Finding::warning("lint/page-call-refused", &call.place, text);
    let admission = ends.iter().all(|end| end.cause == Some(Refusal::AdmitNoRule.into()));
    let remedy = match admission {
        true => "admit them there too, or serve it below the page's own host; ",
        false => "",
    };
    Some(
        refuser(atlas, page, ends, finding)
            .hint(format!("{remedy}`pointsman explain {} --from {from}` says why", call.url)),
    )
}

fn server_call(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    page: &Page,
    call: &PageCall,
) -> Option<Finding> {
    let id = page.rendered_by?;
    let name = &atlas.world.model[id].name;
    let request = Request::get(call.url.clone());
    let classes = atlas.classes_of(Asker::Instance(id));
    let mut all = classes.classes.iter();
    // It has several addresses and may ask from any: only what none of them gets is refused.
    let ends: Vec<BTreeSet<Outcome>> =
        all.by_ref().map(|alike| request.ends(atlas.world, facts, &alike.example)).collect();
    let first = ends.first().filter(|_| ends.iter().all(is_refused))?;
    let text = format!(
        "`instance.{name}` renders the page `{}` and does not get {}: {}",
        page.name,
        call.url,
        why(first)
    );
    let finding = Finding::warning("lint/page-call-refused", &call.place, text);
    Some(refuser(atlas, page, first, finding).hint(format!(
        "admit it there; `pointsman explain {} --from instance.{name}` says why",
        call.url
    )))
}

fn refuser(atlas: &Atlas<'_>, page: &Page, ends: &BTreeSet<Outcome>, finding: Finding) -> Finding {
    let model = &atlas.world.model;
    match ends.iter().find_map(|end| end.listener) {
        Some(id) => {
            let lb = &model[model[id].load_balancer];
            finding.related(&lb.place, format!("they come to `load_balancer.{}`", lb.name))
        }
        None => finding.related(&page.place, "the page"),
    }
}

fn words(atlas: &Atlas<'_>, asker: Asker) -> String {
    match asker {
        Asker::Network(id) => format!("`network.{}`", atlas.world.model[id].name),
        Asker::Instance(id) => format!("`instance.{}`", atlas.world.model[id].name),
        Asker::Prefix(net) => net.to_string(),
        Asker::Internet => "clients on the internet".to_owned(),
        Asker::Anywhere => "some clients".to_owned(),
    }
}

fn listed(names: &[String]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `timed out [admit/no-rule]`.
fn why(ends: &BTreeSet<Outcome>) -> String {
    let seen: BTreeSet<String> = ends.iter().map(Outcome::short).collect();
    let codes: BTreeSet<&str> = ends.iter().filter_map(Outcome::code).collect();
    let seen: Vec<String> = seen.into_iter().collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    format!("{} [{}]", seen.join(" or "), codes.join(", "))
}

// === mixed-content ===

fn written_insecure(page: &Page, call: &PageCall) -> Option<Finding> {
    if !is_blocked(page, &call.url) {
        return None;
    }
    let text =
        format!("the page `{}` is of https and calls {}: browsers block it", page.name, call.url);
    let finding = Finding::warning("lint/mixed-content", &call.place, text);
    Some(finding.related(&page.place, "the page").hint("write `https://` in the page and here"))
}

/// Mixed Content §4.3: what is potentially trustworthy, such as the machine itself, is not blocked.
pub fn is_blocked(page: &Page, url: &Url) -> bool {
    let own = url.host == "localhost"
        || url.host.ends_with(".localhost")
        || url.address().is_some_and(|address: IpAddr| address.is_loopback());
    page.url.scheme == UrlScheme::Https && url.scheme == UrlScheme::Http && !own
}

fn redirected_insecure(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    page: &Page,
    call: &PageCall,
    client: &Client,
) -> Option<Finding> {
    let request = Request::get(call.url.clone());
    let (legs, _) = chain::record(atlas.world, facts, &request.ask(client));
    let leg = legs.iter().skip(1).find(|leg| is_blocked(page, &leg.url))?;
    let text = format!(
        "the page `{}` is of https, and {}, which it calls, redirects to {}: browsers block it",
        page.name, call.url, leg.url
    );
    let finding = Finding::warning("lint/mixed-content", &call.place, text);
    let from = legs.iter().flat_map(|leg| &leg.outcomes).find_map(|outcome| outcome.listener);
    let finding = match from {
        Some(id) => finding.related(&atlas.world.model[id].place, "it comes to this listener"),
        None => finding.related(&page.place, "the page"),
    };
    Some(finding.hint("redirect to https, or call the address that it leads to over https"))
}

// === cors-only-from-application ===

/// Which groups answer the call, and by which listeners.
fn ways(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    served: &[&Visitor],
) -> BTreeSet<(ListenerId, GroupId)> {
    let ask = |visitor: &&Visitor| {
        walk(atlas.world, facts, &request.ask(&visitor.alike().example), &mut ())
    };
    let outcomes = served.iter().take(WAYS_MAX).flat_map(ask);
    outcomes.filter_map(|outcome| Some((outcome.listener?, outcome.group?))).collect()
}

fn cors(
    atlas: &Atlas<'_>,
    page: &Page,
    call: &PageCall,
    listener: ListenerId,
    group: GroupId,
) -> Option<Finding> {
    let model = &atlas.world.model;
    let (listener, group) = (&model[listener], &model[group]);
    if page.url.same_origin(&call.url) || allowed_origin(listener).is_some() {
        return None;
    }
    let origin = page.url.origin();
    let allows = |origins: &Vec<String>| allows(origins.iter().map(String::as_str), &origin);
    let applications = group
        .targets
        .iter()
        .filter_map(|target| world::application_at(model, group, target, target.port));
    let application = applications
        .into_iter()
        .find(|application| application.cors.as_ref().is_some_and(allows))?;
    let text = format!(
        "what the load balancer `{}` answers itself carries no Access-Control-Allow-Origin: to the \
         page `{}` its 502 looks like a CORS error",
        model[listener.load_balancer].name, page.name
    );
    Some(
        Finding::warning("lint/cors-only-from-application", &listener.place, text)
            .related(&call.place, "the page calls it from another origin")
            .related(&application.place, "only the application adds the header")
            .hint(format!(
                "add `response_headers = {{ \"Access-Control-Allow-Origin\" = \"{origin}\" }}`"
            )),
    )
}
