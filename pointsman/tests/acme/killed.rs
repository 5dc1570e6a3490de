//! The program is killed at every request of an order, before the authority hears it, after it has done
//! what was asked, and when the answer has come (DECISIONS 34): nothing is lost and nothing ordered twice.

use std::sync::Arc;

use crate::between::{Between, CHALLENGE, Moment, Plan};
use crate::pebble::{Pebble, Quirks};
use crate::support::{Instance, until};
use crate::{
    await_state, certificate, curl, free_port, https, redirecting, root, show, site, text,
};

/// What is asked of Pebble, in the order of RFC 8555 §7.1.
const REQUESTS: [(&str, &str); 6] = [
    ("newAccount", "/sign-me-up"),
    ("newOrder", "/order-plz"),
    ("authorization", "/authZ/"),
    ("challenge", CHALLENGE),
    ("finalize", "/finalize-order/"),
    ("certificate", "/certZ/"),
];

#[test]
fn before_the_authority_hears_it() {
    killed(Moment::Asked);
}

#[test]
fn after_the_authority_has_done_it() {
    killed(Moment::Done);
}

#[test]
fn when_the_answer_has_come() {
    killed(Moment::Answered);
}

fn killed(moment: Moment) {
    let Some(pebble) = Pebble::start(Quirks::default()) else { return };
    let pebble = Arc::new(pebble);
    let between = Between::start(&pebble);
    let block = pebble.block("").replace(&pebble.directory(), &between.directory);
    let listeners = redirecting(pebble.http, pebble.tls) + &https(pebble.tls, "site");
    let configuration = site(free_port(), "anywhere", &listeners)
        + &block
        + &certificate("site", "[\"b.test\"]", "  challenge = \"http-01\"\n");
    let (mut accounts, mut orders) = (0, 0);
    for (request, path) in REQUESTS {
        let name = format!("{request}, {moment:?}");
        between.shut();
        let mut instance = Instance::start(&configuration);
        between.arm(Plan { process: instance.child.id(), path, moment });
        until(&format!("the end: {name}"), || instance.child.try_wait().unwrap());
        instance.crash();
        let state = await_state(&instance, "site", "valid");
        assert_eq!(state["error"], serde_json::Value::Null, "{name}: {state:#}");
        let root = root(&pebble, &instance);
        // With the key that was made before: the authority's certificate is of no use with another.
        assert_eq!(text(&curl("b.test", pebble.tls, &root)), "it works", "{name}");
        let (now_accounts, now_orders) = (pebble.count("accounts"), pebble.count("orders"));
        assert_eq!(now_accounts - accounts, 1, "{name}: accounts");
        // Its address was on the way, and no authority lists them.
        let lost = request == "newOrder" && moment != Moment::Asked;
        let most = if lost { 2 } else { 1 };
        assert!((1..=most).contains(&(now_orders - orders)), "{name}: {now_orders} {orders}");
        (accounts, orders) = (now_accounts, now_orders);
        // One that it has is not ordered again.
        instance.crash();
        assert_eq!(show(&instance, "site")["state"], "valid", "{name}");
        assert_eq!(pebble.count("orders"), orders, "{name}: once more");
    }
}
