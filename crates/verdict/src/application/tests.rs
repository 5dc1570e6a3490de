//! Declared facts. What nginx configurations answer is tested where they are read, in `config`.

use model::application::{DeclaredRedirect, Facts, Written};
use model::{Application, Place, TargetProtocol, Template, Wildcard};

use super::{Answer, Asked, answer};

fn application(facts: Facts, trusts: Option<bool>) -> Application {
    let place = Place::new("app.hcl", 7, 1);
    Application {
        name: String::new(),
        port: None,
        protocol: TargetProtocol::Http,
        servers: facts.server(trusts, &place).into_iter().collect(),
        keep_alive: None,
        trusts_forwarded_proto: trusts,
        cors: None,
        unit: None,
        written: Written::Facts(facts),
        place,
    }
}

const ASKED: Asked<'_> = Asked {
    method: "GET",
    scheme: "http",
    port: 8080,
    host: "Shop.example:80",
    path: "/a%20b",
    query: "q=1",
    forwarded_proto: None,
};

/// The answer in one line.
fn said(answer: &Answer<'_>) -> String {
    match answer {
        Answer::Redirect { status, location, .. } => format!("{status} {location}"),
        Answer::Status { status, .. } => status.to_string(),
        Answer::Forward { to, .. } => format!("forward {to}"),
        Answer::Files { .. } => "files".to_owned(),
        Answer::NoHandshake { .. } => "no handshake".to_owned(),
        Answer::NotKnown { why, .. } => format!("not known: {why}"),
    }
}

#[test]
fn declared_facts() {
    let https = Facts { redirects_to_https: Some(443), ..Facts::default() };
    let old = Facts {
        redirects: vec![DeclaredRedirect {
            from: Wildcard::sensitive("/old*"),
            to: Template::parse("https://#{host}/new/#{path}?#{query}").unwrap(),
            status: 302,
            place: Place::new("app.hcl", 9, 1),
        }],
        answers: Some(200),
        ..Facts::default()
    };
    let forward = Facts { forward: Some("127.0.0.1:3000".to_owned()), ..Facts::default() };
    let over_https = Asked { forwarded_proto: Some("https"), ..ASKED };
    let home = "301 https://shop.example/a%20b?q=1";
    let otherwise = "not known: what else it answers is not declared";
    let rows = [
        ("nothing", Facts::default(), None, ASKED, "not known: what it answers is not declared"),
        ("to https", https.clone(), None, ASKED, home),
        (
            "to https elsewhere",
            Facts { redirects_to_https: Some(8443), ..Facts::default() },
            None,
            ASKED,
            "301 https://shop.example:8443/a%20b?q=1",
        ),
        ("to https, not trusting", https.clone(), Some(false), over_https, home),
        ("to https, trusting", https.clone(), Some(true), ASKED, home),
        ("to https, trusting, is", https.clone(), Some(true), over_https, otherwise),
        ("to https, over TLS", https, None, Asked { scheme: "https", ..ASKED }, "no handshake"),
        (
            "old",
            old.clone(),
            None,
            Asked { path: "/old/x", ..ASKED },
            "302 https://shop.example/new/old/x?q=1",
        ),
        ("not old", old, None, ASKED, "200"),
        ("forward", forward, None, ASKED, "forward 127.0.0.1:3000"),
    ];
    for (name, facts, trusts, asked, expected) in rows {
        let application = application(facts, trusts);
        assert_eq!(said(&answer(&application, &asked)), expected, "{name}");
    }
}

#[test]
fn an_answer_names_its_place() {
    let facts = Facts { redirects_to_https: Some(443), ..Facts::default() };
    let application = application(facts, None);
    let Answer::Redirect { place, .. } = answer(&application, &ASKED) else {
        panic!("no redirect");
    };
    assert_eq!(place.to_string(), "app.hcl:7");
}
