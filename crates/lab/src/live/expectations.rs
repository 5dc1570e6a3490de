//! Every expectation, for everybody whom this machine can be.

use std::collections::BTreeMap;
use std::net::IpAddr;

use explain::probe::Sends;
use explain::{Atlas, Request, only_other_family};
use model::{AddressSet, Url};
use tls::Trusted;
use world::World;

use super::{own, resolve};
use crate::expectations::{Finding, Wish, wishes};
use crate::networks::{Job, ask_all, with_facts};

/// What there is to do for a wish.
enum Step {
    Ask(Job),
    Leave(String),
}

/// In the order of the file. One client of each kind that the configuration tells apart is asked.
pub fn expectations(world: &World, trusted: &Trusted) -> Vec<Finding> {
    let atlas = Atlas::of(world);
    let mut names: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    let mut steps: Vec<(Wish<'_>, Step)> = Vec::new();
    for wish in wishes(&world.model) {
        let known = names.entry(wish.url.host.clone());
        let addresses = known.or_insert_with(|| match wish.url.address() {
            Some(address) => vec![address],
            None => resolve(&wish.url.host, wish.url.port),
        });
        steps.extend(of_wish(&atlas, wish, addresses).into_iter().map(|step| (wish, step)));
    }
    let jobs: Vec<Job> = steps
        .iter()
        .filter_map(|(_, step)| match step {
            Step::Ask(job) => Some(job.clone()),
            Step::Leave(_) => None,
        })
        .collect();
    let mut answers = ask_all(&jobs, trusted).into_iter();
    let judged = steps.into_iter().map(|(wish, step)| match step {
        Step::Ask(job) => wish.judge(&world.model, &job, &answers.next().unwrap_or_default()),
        Step::Leave(why) => wish.not_asked(&world.model, why),
    });
    judged.collect()
}

fn of_wish(atlas: &Atlas<'_>, wish: Wish<'_>, addresses: &[IpAddr]) -> Vec<Step> {
    let method = &wish.expectation.method;
    if Sends::of_method(method) == Sends::Nowhere {
        return vec![Step::Leave(format!("{method} may change something"))];
    }
    let classes = atlas.classes_of(wish.asker);
    let mut all: Vec<&explain::Alike> = classes.classes.iter().collect();
    let asks = |class: &&explain::Alike| family_asks(atlas, wish.url, class);
    if all.iter().any(asks) {
        all.retain(asks);
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut nobody = 0;
    for class in &all {
        match somebody(&class.clients, addresses) {
            Some(client) => steps.push(Step::Ask(wish.job(client, None))),
            None => nobody += 1,
        }
    }
    let asker = explain::asker_words(&atlas.world.model, wish.asker);
    let asker = asker.split(' ').next().unwrap_or_default();
    match (nobody, steps.len()) {
        (0, 0) => steps.push(Step::Leave(format!("nobody is of {asker}"))),
        (0, _) => {}
        (_, 0) => steps.push(Step::Leave(format!("no address of {asker} on this machine"))),
        (some, _) => steps.push(Step::Leave(format!(
            "{some} other kinds of clients of {asker}: no address of theirs on this machine"
        ))),
    }
    steps
}

/// Whoever has both families comes by the one that the name has.
fn family_asks(atlas: &Atlas<'_>, url: &Url, class: &explain::Alike) -> bool {
    let request = Request::get(url.clone());
    let ask = request.ask(&class.example);
    !with_facts(atlas.world, |facts| only_other_family(atlas.world, facts, &ask))
}

/// Who of them can go from here. A name without an address is found missing by anybody.
fn somebody(clients: &AddressSet, addresses: &[IpAddr]) -> Option<IpAddr> {
    match addresses {
        [] => own::anybody(clients),
        addresses => addresses.iter().find_map(|to| own::client(clients, *to)),
    }
}
