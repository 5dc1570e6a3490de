//! Orders against a real authority: every challenge, nonces that are refused, customers' accounts, and
//! being killed at every point.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use store::{
    Change, Changes, ChangesError, CommitError, Entry, Failure, FailureKind, Key, LeaseError,
    LeaseId, Listing, Revision, Store,
};
use support::front::Front;
use support::{Pebble, Quirks, State, keep_until, world};

/// The zone, so that DNS can be asked for at all.
const ZONE: &str = r#"
zone "a.test" {
  name_servers = ["ns1"]
  record "ns1" { addresses = ["127.0.0.1"] }
  record "@"   { addresses = ["127.0.0.1"] }
}

dns_server {
  addresses = ["127.0.0.1"]
  port      = 5353
}
"#;

fn local<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

#[test]
fn every_challenge_and_key() {
    let rows = [
        ("http", "[\"www.b.test\", \"b.test\"]", "http-01", "ecdsa-p256", Quirks::default()),
        ("handshake", "[\"c.test\"]", "tls-alpn-01", "ecdsa-p384", Quirks::default()),
        ("wildcard", "[\"a.test\", \"*.a.test\"]", "dns-01", "rsa-2048", Quirks::default()),
        (
            "half of the nonces are refused",
            "[\"b.test\"]",
            "http-01",
            "ecdsa-p256",
            Quirks { nonces_refused: 50, ..Quirks::default() },
        ),
        (
            "for customers",
            "[\"b.test\"]",
            "http-01",
            "ecdsa-p256",
            Quirks { customers_only: true, ..Quirks::default() },
        ),
    ];
    for (name, names, challenge, key, quirks) in rows {
        let Some(pebble) = Pebble::start(quirks) else { return };
        let more = if quirks.customers_only { pebble.eab() } else { String::new() };
        let certificate = format!(
            "certificate \"site\" {{\n  names = {names}\n  authority = authority.pebble\n  \
             challenge = \"{challenge}\"\n  key_kind = \"{key}\"\n}}\n"
        );
        let world = world(&(pebble.block(&more) + &certificate + ZONE));
        let state = State::new();
        let records = state.records(state.store());
        let states = local(keep_until(&pebble, records.clone(), &world, |keeper, issued| {
            !issued.is_empty() && keeper.states()[0].state == "valid"
        }));
        assert_eq!(states[0].challenge, challenge, "{name}");
        assert_eq!(states[0].error, None, "{name}");
        let issued = records.issued("site").unwrap().expect(name);
        let now = net::clock::unix_seconds();
        let loaded =
            tls::Identity::from_pem("site", issued.chain.as_bytes(), issued.key.as_bytes(), now);
        let facts = loaded.unwrap_or_else(|error| panic!("{name}: {error}")).identity.facts;
        for wanted in &world.model.certificates[0].names {
            assert!(facts.names.contains(wanted), "{name}: {:?}", facts.names);
        }
        assert_eq!((pebble.count("accounts"), pebble.count("orders")), (1, 1), "{name}");
    }
}

/// Fails for good at a certain commit, before or after it is made: as a process that is killed there.
#[derive(Debug)]
struct Killed {
    store: Arc<dyn Store>,
    left: AtomicUsize,
    written: AtomicBool,
}

impl Store for Killed {
    fn get(&self, key: &Key) -> Result<Option<Entry>, Failure> {
        self.store.get(key)
    }
    fn list(&self, prefix: &str) -> Result<Listing, Failure> {
        self.store.list(prefix)
    }
    fn commit(&self, changes: &[Change]) -> Result<Revision, CommitError> {
        let dead = Failure { kind: FailureKind::Other, message: "killed".into() };
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        {
            Ok(_) => self.store.commit(changes),
            Err(_) => {
                if self.written.swap(false, Ordering::SeqCst) {
                    self.store.commit(changes)?;
                }
                Err(dead.into())
            }
        }
    }
    fn changes(&self, prefix: &str, after: Revision) -> Result<Changes, ChangesError> {
        self.store.changes(prefix, after)
    }
    fn wait(&self, after: Revision, limit: Duration) -> Result<Revision, Failure> {
        self.store.wait(after, limit)
    }
    fn grant(&self, time_to_live: Duration) -> Result<LeaseId, LeaseError> {
        self.store.grant(time_to_live)
    }
    fn keep_alive(&self, lease: LeaseId) -> Result<(), LeaseError> {
        self.store.keep_alive(lease)
    }
    fn revoke(&self, lease: LeaseId) -> Result<(), LeaseError> {
        self.store.revoke(lease)
    }
}

#[test]
fn killed_at_every_point() {
    let Some(pebble) = Pebble::start(Quirks::default()) else { return };
    let certificate = "certificate \"site\" {\n  names = [\"b.test\"]\n  authority = authority.pebble\n  \
                       challenge = \"http-01\"\n}\n";
    let world = world(&(pebble.block("") + certificate));
    let (mut accounts, mut orders) = (0, 0);
    for written in [false, true] {
        // Account's key, account, certificate's key, order, certificate.
        for at in 0..5 {
            let name = format!("at commit {at}, written: {written}");
            let state = State::new();
            let killed = Arc::new(Killed {
                store: state.store(),
                left: AtomicUsize::new(at),
                written: AtomicBool::new(written),
            });
            local(keep_until(&pebble, state.records(killed), &world, |keeper, _| {
                keeper.states()[0].error.is_some()
            }));
            let records = state.records(state.store());
            let states = local(keep_until(&pebble, records.clone(), &world, |keeper, _| {
                keeper.states()[0].state == "valid"
            }));
            assert_eq!(states[0].error, None, "{name}");
            assert!(records.issued("site").unwrap().is_some(), "{name}");
            let (now_accounts, now_orders) = (pebble.count("accounts"), pebble.count("orders"));
            assert_eq!(now_accounts - accounts, 1, "{name}: one account");
            let most = if at == 3 && !written { 2 } else { 1 };
            assert_eq!(now_orders - orders, most, "{name}: orders (DECISIONS 34)");
            (accounts, orders) = (now_accounts, now_orders);
        }
    }
}

#[test]
fn a_short_life_is_renewed_in_time() {
    let quirks = Quirks { validity: Some(12), ..Quirks::default() };
    let Some(pebble) = Pebble::start(quirks) else { return };
    let certificate = "certificate \"site\" {\n  names = [\"b.test\"]\n  authority = authority.pebble\n  \
                       challenge = \"http-01\"\n}\n";
    let world = world(&(pebble.block("") + certificate));
    let state = State::new();
    let records = state.records(state.store());
    let mut expired = false;
    local(keep_until(&pebble, records.clone(), &world, |keeper, issued| {
        expired |= keeper.states()[0].state == "expired";
        issued.len() == 3
    }));
    assert!(!expired);
    assert_eq!(pebble.count("accounts"), 1);
}

const SITE: &str = "certificate \"site\" {\n  names = [\"b.test\"]\n  authority = authority.pebble\n  \
                    challenge = \"http-01\"\n}\n";

#[test]
fn a_window_that_is_over_renews_at_once() {
    let Some(pebble) = Pebble::start(Quirks::default()) else { return };
    let window = |at: usize| {
        // A revocation, then an ordinary life.
        let year = if at == 0 { 2020 } else { 2030 };
        let body = serde_json::json!({ "suggestedWindow": {
            "start": format!("{year}-01-01T00:00:00Z"), "end": format!("{year}-01-02T00:00:00Z"),
        }});
        ("200 OK", "Retry-After: 21600\r\n".to_owned(), body.to_string())
    };
    let front = Front::start(&pebble, "renewalInfo", Box::new(window));
    let block = pebble.block("").replace(&pebble.directory(), &front.directory);
    let world = world(&(block + SITE));
    let state = State::new();
    let records = state.records(state.store());
    let states = local(keep_until(&pebble, records, &world, |keeper, issued| {
        issued.len() == 2 && keeper.states()[0].state == "valid" && {
            let next = keeper.states()[0].next.clone().unwrap();
            next.action.contains("suggests")
        }
    }));
    let at = states[0].next.as_ref().unwrap().at;
    assert!((1_893_456_000..1_893_542_400).contains(&at), "in the second window: {at}");
    assert_eq!(front.asked.load(Ordering::SeqCst), 2, "once for each certificate");
}

#[test]
fn a_limit_is_kept_though_a_person_insists_and_the_process_is_killed() {
    let Some(pebble) = Pebble::start(Quirks::default()) else { return };
    let limited = |_: usize| {
        let body = serde_json::json!({
            "type": "urn:ietf:params:acme:error:rateLimited",
            "detail": "too many certificates already issued",
            "status": 429,
        });
        let more = "Retry-After: 7200\r\nContent-Type: application/problem+json\r\n".to_owned();
        ("429 Too Many Requests", more, body.to_string())
    };
    let front = Front::start(&pebble, "newOrder", Box::new(limited));
    let block = pebble.block("").replace(&pebble.directory(), &front.directory);
    let world = world(&(block + SITE));
    let state = State::new();
    for run in ["first", "after it was killed"] {
        let started = net::clock::unix_seconds();
        let mut asked = false;
        let states =
            local(keep_until(&pebble, state.records(state.store()), &world, |keeper, _| {
                let failed = keeper.states()[0].error.is_some();
                if failed && !asked {
                    asked = true;
                    keeper.issue("site").unwrap();
                    return false;
                }
                failed && keeper.states()[0].next.is_some()
            }));
        let error = states[0].error.as_ref().unwrap();
        assert_eq!(error.words, "`pebble` says: too many certificates already issued", "{run}");
        let next = states[0].next.as_ref().unwrap().at;
        assert!(next >= started + 7000, "{run}: {next} {started}");
        assert_eq!(front.asked.load(Ordering::SeqCst), 1, "{run}: it is asked once");
    }
}
