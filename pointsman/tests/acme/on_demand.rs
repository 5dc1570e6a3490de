//! Names whose certificates are ordered when the first client comes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tls::Trusted;

use crate::pebble::{Pebble, Quirks};
use crate::support::{Instance, Origin, header, until};
use crate::{await_state, curl, fresh_handshake, https, redirecting, root, show, site, text};

/// Allows what begins with `good`; has a fault while it is told to.
fn guard() -> (Origin, Arc<AtomicBool>) {
    let broken: Arc<AtomicBool> = Arc::default();
    let is_broken = Arc::clone(&broken);
    let origin = Origin::start(move |wire| {
        while let Some(request) = wire.request() {
            let good = request.starts_with("GET /allowed?domain=good");
            let status = match (is_broken.load(Ordering::SeqCst), good) {
                (true, _) => "503 Down",
                (false, true) => "200 OK",
                (false, false) => "404 Not Found",
            };
            assert!(header(&request, "host").is_some());
            wire.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    (origin, broken)
}

#[test]
fn the_first_client_brings_the_certificate() {
    let Some(pebble) = Pebble::start(Quirks::default()) else { return };
    let (guard, broken) = guard();
    let listeners = redirecting(pebble.http, pebble.tls) + &https(pebble.tls, "customers");
    let on_demand = format!(
        "certificate \"customers\" {{\n  authority = authority.pebble\n  challenge = \"http-01\"\n\n  on_demand {{\n    \
         names = [\"*.shop.test\"]\n    ask = \"http://{}/allowed\"\n  }}\n}}\n",
        guard.address
    );
    let configuration =
        site(crate::free_port(), "anywhere", &listeners) + &pebble.block("") + &on_demand;
    let mut configuration = configuration;
    configuration = configuration.replace(
        "addresses       = [",
        "connection_log  = \"connections.log\"\n  addresses       = [",
    );
    let mut instance = Instance::start_with(&configuration, &["--cores", "2"]);
    let root = root(&pebble, &instance);
    let trusted = Trusted::from_files([Path::new(&root)]).unwrap();
    let explain = |instance: &Instance, host: &str| {
        let url = format!("https://{host}:{}/", pebble.tls);
        let said = text(&instance.command(&["explain", &url, "--from", "192.0.2.7"]));
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let first = explain(&instance, "good.shop.test");
    for word in ["no certificate for good.shop.test yet", "at the first visit", "/allowed` allows"]
    {
        assert!(first.contains(word), "{first}");
    }
    let count = |pebble: &Pebble| pebble.count("orders");

    // Twenty at once: one order, and all of them are served.
    let leaves: BTreeSet<Vec<u8>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| fresh_handshake("good.shop.test", pebble.tls, &trusted)))
            .collect();
        all.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
    });
    assert_eq!((leaves.len(), count(&pebble)), (1, 1));
    let asked = guard.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");

    let now = explain(&instance, "good.shop.test");
    assert!(now.contains("certificate.customers has one for good.shop.test"), "{now}");

    // Nothing is ordered for these.
    broken.store(true, Ordering::SeqCst);
    let rows = [
        ("guard down", "good2.shop.test", "tls/certificate-pending", "it answers with 503"),
        ("denied", "bad.shop.test", "tls/certificate-denied", "`ask` answers with 404"),
    ];
    for (name, host, code, told) in rows {
        let seen = text(&curl(host, pebble.tls, &root));
        assert!(seen.contains("unrecognized name"), "{name}: {seen}");
        until(name, || {
            let log = instance.folder.path().join("connections.log");
            let log = std::fs::read_to_string(log).ok()?;
            (log.contains(code) && instance.output().contains(told)).then_some(())
        });
        broken.store(false, Ordering::SeqCst);
    }
    let before = guard.requests().len();
    assert!(text(&curl("bad.shop.test", pebble.tls, &root)).contains("unrecognized name"));
    assert!(text(&curl("good.other.test", pebble.tls, &root)).contains("certificate"));
    assert_eq!(guard.requests().len(), before, "neither remembered nor outside is asked again");
    assert_eq!(count(&pebble), 1);

    // Others are not kept waiting, and the list names it.
    let list = text(&instance.command(&["cert", "list"]));
    assert!(list.contains("customers/good.shop.test") && list.contains("on demand"), "{list}");
    await_state(&instance, "customers/good.shop.test", "valid");
    instance.crash();
    until("it to be served again", || fresh_handshake("good.shop.test", pebble.tls, &trusted).ok());
    assert_eq!(count(&pebble), 1, "after kill -9");
    assert_eq!(show(&instance, "customers/good.shop.test")["state"], "valid");

    // Renewed as others, and the guard is asked again.
    let asked = instance.command(&["cert", "renew", "customers/good.shop.test", "--force"]);
    assert!(asked.status.success(), "{}", text(&asked));
    let leaf = leaves.first().unwrap();
    until("the next one", || {
        let now = fresh_handshake("good.shop.test", pebble.tls, &trusted).unwrap();
        (now != *leaf).then_some(())
    });
    assert_eq!(count(&pebble), 2);
}
