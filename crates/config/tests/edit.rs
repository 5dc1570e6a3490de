//! A change of the text is the change of the model, and the smallest there is.

use std::io;
use std::path::Path;

use config::{Environment, Sources, edit, expand, format};
use model::{
    CertificateId, Change, GroupId, ListenerId, Model, NetworkId, Peer, RecordId, SecurityGroupId,
    Severity,
};

struct Fixed;

impl Environment for Fixed {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path, name: &str) -> io::Result<String> {
        Ok(match name.rsplit_once('.') {
            Some((_, "conf")) => "http { server { listen 80; return 204; } }\n".to_owned(),
            Some((_, "zone")) => "old 600 A 203.0.113.80\n".to_owned(),
            Some(_) | None => name.to_owned(),
        })
    }
}

fn read(sources: &Sources) -> (Model, Vec<String>) {
    let (model, findings) = config::parse(sources, &Fixed);
    let errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
    (model, errors.map(|finding| format!("{}: {}", finding.place, finding.message)).collect())
}

/// What comes of it, with everything that holds of every edit.
fn check(row: &str, text: &str, change: &Change) -> Option<String> {
    let sources = Sources::single("shop.hcl", text);
    let (model, errors) = read(&sources);
    assert!(errors.is_empty(), "{row}: {errors:?}\n{text}");
    let edits = edit::edits(&sources, &model, change)?;
    let edited = edit::apply(&sources, &edits);
    let new = &edited.0[0].text;
    let (got, errors) = read(&edited);
    assert!(errors.is_empty(), "{row}, {change:?}: {errors:?}\n{new}");
    let mut wanted = model;
    change.apply(&mut wanted);
    assert_eq!(expand(&got), expand(&wanted), "{row}, {change:?}:\n{new}");
    if format(text).unwrap() == text {
        assert_eq!(format(new).unwrap(), *new, "{row}, {change:?}: the layout stays canonical");
    }
    // What is not reported is as it was.
    let mut at = 0;
    let (mut old, mut rest) = (text.split_inclusive('\n'), new.split_inclusive('\n'));
    for edit in &edits {
        assert!(edit.before != edit.after && edit.file == "shop.hcl", "{row}: {edit:?}");
        for _ in at..edit.line - 1 {
            assert_eq!(old.next(), rest.next(), "{row}, {change:?}");
        }
        at = edit.line - 1 + edit.before.len() as u32;
        edit.before.iter().for_each(|line| assert_eq!(trimmed(old.next()), *line, "{row}"));
        edit.after.iter().for_each(|line| assert_eq!(trimmed(rest.next()), *line, "{row}"));
    }
    assert!(old.eq(rest), "{row}, {change:?}: the lines below");
    Some(edit::diff(&edits))
}

fn trimmed(line: Option<&str>) -> &str {
    line.unwrap_or("").trim_end_matches(['\r', '\n'])
}

const GROUPS: &str = "network \"x\" { cidrs = [\"192.0.2.0/24\"] }\n";

fn admit(group: u32, rule: usize) -> Change {
    let peer = Peer::Network(NetworkId(0));
    Change::AdmitPeer { group: SecurityGroupId(group), rule, peer }
}

#[test]
fn rules_of_groups() {
    let port = Change::AdmitPort { group: SecurityGroupId(0), rule: 0, port: 9000 };
    let peer = Peer::Anywhere;
    let ingress = Change::AddIngress { group: SecurityGroupId(0), port: 443, peer: peer.clone() };
    let egress = Change::AddEgress { group: SecurityGroupId(0), port: 443, peer };
    let rows: &[(&str, &str, &Change, &str)] = &[
        (
            "a list",
            "  ingress {\n    ports = 80\n    from  = [\"10.0.0.0/8\"] # why\n  }\n",
            &admit(0, 0),
            "shop.hcl:5\n-     from  = [\"10.0.0.0/8\"] # why\n+     from  = [\"10.0.0.0/8\", network.x] # why\n",
        ),
        (
            "a single value",
            "  ingress {\n    ports = 80\n    from  = anywhere\n  }\n",
            &admit(0, 0),
            "shop.hcl:5\n-     from  = anywhere\n+     from  = [anywhere, network.x]\n",
        ),
        (
            "an empty list",
            "  ingress {\n    ports = 80\n    from  = []\n  }\n",
            &admit(0, 0),
            "shop.hcl:5\n-     from  = []\n+     from  = [network.x]\n",
        ),
        (
            "lines with commas and comments",
            "  ingress {\n    ports = 80\n    from = [\n      \"10.0.0.0/8\", # ours, [\n    ]\n  }\n",
            &admit(0, 0),
            "shop.hcl:7\n+       network.x,\n",
        ),
        (
            "lines without a last comma",
            "  ingress {\n    ports = 80\n    from = [\n      \"10.0.0.0/8\", anywhere,\n      anywhere # all\n    ]\n  }\n",
            &admit(0, 0),
            "shop.hcl:7\n-       anywhere # all\n+       anywhere, # all\n+       network.x\n",
        ),
        (
            "a comma and the bracket on the last line",
            "  ingress {\n    ports = 80\n    from = [anywhere,\n            anywhere,]\n  }\n",
            &admit(0, 0),
            "shop.hcl:6\n-             anywhere,]\n+             anywhere,\n+             network.x,]\n",
        ),
        (
            "a block on one line, misaligned",
            "  ingress { ports=80   from=anywhere }\n",
            &admit(0, 0),
            "shop.hcl:3\n-   ingress { ports=80   from=anywhere }\n+   ingress { ports=80   from=[anywhere, network.x] }\n",
        ),
        (
            "a range of ports",
            "  ingress {\n    ports = \"80-90\"\n    from  = anywhere\n  }\n",
            &port,
            "shop.hcl:4\n-     ports = \"80-90\"\n+     ports = [\"80-90\", 9000]\n",
        ),
        (
            "all ports",
            "  ingress {\n    ports = \"all\"\n    from  = anywhere\n  }\n",
            &port,
            "none",
        ),
        (
            "a block after the last",
            "  ingress {\n    ports = 80\n    from  = anywhere\n  }\n\n  egress {\n    ports = 80\n    to    = anywhere\n  }\n",
            &ingress,
            "shop.hcl:8\n+   ingress {\n+     ports = [443]\n+     from  = [anywhere]\n+   }\n+\n",
        ),
        (
            "as short as its neighbour",
            "  ingress { ports = 80  from = anywhere }\n",
            &ingress,
            "shop.hcl:4\n+   ingress { ports = [443]  from = [anywhere] }\n",
        ),
        (
            "the first",
            "",
            &ingress,
            "shop.hcl:3\n+   ingress {\n+     ports = [443]\n+     from  = [anywhere]\n+   }\n",
        ),
        (
            "the first egress",
            "  ingress { ports = 80  from = anywhere }\n",
            &egress,
            "shop.hcl:4\n+\n+   egress {\n+     ports = [443]\n+     to    = [anywhere]\n+   }\n",
        ),
    ];
    for (row, body, change, expected) in rows {
        let text = format!("{GROUPS}security_group \"web\" {{\n{body}}}\n");
        let got = check(row, &text, change);
        assert_eq!(got.as_deref().unwrap_or("none"), *expected, "{row}");
        // With the other line ends, the same lines.
        let got = check(row, &text.replace('\n', "\r\n"), change);
        assert_eq!(got.as_deref().unwrap_or("none"), *expected, "{row}, CRLF");
    }
    let text =
        format!("{GROUPS}security_group \"web\" {{ ingress {{ ports = 80  from = anywhere }} }}");
    let got = check("all on one line, without an end", &text, &ingress).unwrap();
    assert!(got.ends_with("anywhere }  ingress { ports = [443]  from = [anywhere] } }\n"), "{got}");
}

const LISTENER: &str = r#"load_balancer "a" {
  security_groups = []

  listener "h" {
    port = 80

RULES
    default { forward = target_group.g }
  }
}

target_group "g" { targets = ["10.0.0.1:80"] }
target_group "f" { targets = ["10.0.0.2:80"] }
"#;

#[test]
fn rules_of_listeners() {
    let listener = ListenerId(0);
    let port = Change::RedirectPort { listener, rule: Some(0), port: 8443 };
    let to = |protocol: &str| {
        let protocol = protocol.to_owned();
        Change::RedirectProtocol { listener, rule: Some(0), protocol }
    };
    let weight = Change::Weight { listener, rule: Some(0), group: GroupId(1), weight: 0 };
    let path = |value: &str| Change::AddPath { listener, rule: 0, value: value.to_owned() };
    let rows: &[(&str, &str, Change, &str)] = &[
        ("a port", "redirect { port = \"443\" }", port.clone(), "port = \"8443\" }"),
        ("a number", "redirect { port = 443 }", port.clone(), "port = 8443 }"),
        (
            "a placeholder",
            "redirect { host = \"b\"  port = \"#{port}\" }",
            port.clone(),
            "port = \"8443\" }",
        ),
        (
            "none",
            "redirect { status = 302  path = \"/\" }",
            port.clone(),
            "302  port = \"8443\"  path",
        ),
        ("computed", "redirect { host = \"b\"  port = env(\"P\", \"1\") }", port.clone(), "none"),
        ("in a template", "redirect { port = \"${env(\"P\", \"1\")}\" }", port.clone(), "none"),
        ("no redirect", "forward = target_group.g", port, "none"),
        ("a protocol", "redirect { protocol = \"https\" }", to("HTTP"), "protocol = \"HTTP\" }"),
        ("no protocol", "redirect { port = 1 }", to("HTTPS"), "{ protocol = \"HTTPS\"  port"),
        ("not a protocol", "redirect { port = 1 }", to("FTP"), "none"),
        (
            "a weight",
            "forward { group { target = target_group.f  weight = 5 } }",
            weight.clone(),
            "weight = 0 }",
        ),
        (
            "no weight",
            "forward { group { target = target_group.f } }",
            weight.clone(),
            "target_group.f  weight = 0 }",
        ),
        ("other group", "forward { group { target = target_group.g } }", weight.clone(), "none"),
        ("a plain forward", "forward = target_group.f", weight, "none"),
        (
            "a path",
            "path = \"/a\"  forward = target_group.g",
            path("/b*"),
            "path = [\"/a\", \"/b*\"]  forward",
        ),
        (
            "paths",
            "path = [\"/a\", \"/c\"]  forward = target_group.g",
            path("/\"b"),
            "\"/c\", \"/\\\"b\"]",
        ),
        ("not a path", "path = \"/a\"  forward = target_group.g", path("b"), "none"),
        ("expressions", "path_regex = \"/a\"  forward = target_group.g", path("/b"), "none"),
    ];
    for (row, rule, change, expected) in rows {
        let text = LISTENER.replace("RULES", &format!("    rule \"r\" {{ {rule} }}\n"));
        let got = check(row, &text, change).unwrap_or_else(|| "none".to_owned());
        assert!(got.contains(expected), "{row}: {got}");
    }
    let block = "    rule \"r\" {\n      redirect {\n        status = 302\n        path   = \"/\" # there\n      }\n    }\n";
    let got = check("realigned", &LISTENER.replace("RULES", block), &to("HTTPS")).unwrap();
    assert_eq!(
        got,
        "shop.hcl:9\n-         status = 302\n-         path   = \"/\" # there\n+         status   = 302\n+         protocol = \"HTTPS\"\n+         path     = \"/\" # there\n"
    );
    let text = LISTENER.replace("RULES", block).replace("port = 80\n", "port    =  80\n");
    let got = check("not canonical", &text, &to("HTTPS")).unwrap();
    assert_eq!(got, "shop.hcl:10\n+         protocol = \"HTTPS\"\n");
}

#[test]
fn targets_and_health() {
    let port = |target| Change::TargetPort { group: GroupId(0), target, port: 8080 };
    let health = Change::HealthStatus { group: GroupId(0), first: 301, last: 302 };
    let rows: &[(&str, &str, Change, &str)] = &[
        (
            "a target",
            "targets = [\"10.0.0.1:80\", \"a.b:443\"]",
            port(1),
            "\"10.0.0.1:80\", \"a.b:8080\"",
        ),
        ("an address", "targets = \"[::1]:80\"", port(0), "\"[::1]:8080\""),
        (
            "the group's, alone",
            "port = 80\n  targets = [\"::1\", \"a:1\"]",
            port(0),
            "+   port    = 8080",
        ),
        (
            "the group's, of two",
            "port = 80\n  targets = [\"::1\", \"a\"]",
            port(0),
            "[\"[::1]:8080\", \"a\"]",
        ),
        ("an instance", "port = 80\n  targets = [instance.i]", port(0), "+   port    = 8080"),
        ("two instances", "port = 80\n  targets = [instance.i, instance.j]", port(0), "none"),
        ("computed", "targets = [\"${env(\"H\", \"a\")}:1\"]", port(0), "none"),
        ("taken", "targets = [\"a:1\", \"a:8080\"]", port(0), "none"),
        (
            "a status",
            "health_check { expect = \"200\" }",
            health.clone(),
            "expect = \"200,301-302\" }",
        ),
        ("a number", "health_check { expect = 200 }", health.clone(), "expect = \"200,301-302\" }"),
        (
            "the default",
            "health_check { path = \"/up\" }",
            health.clone(),
            "  expect = \"200,301-302\" }",
        ),
        ("empty", "health_check {}", health.clone(), "health_check { expect = \"200,301-302\" }"),
        (
            "a blank",
            "health_check { }",
            health.clone(),
            "health_check { expect = \"200,301-302\" }",
        ),
        ("over lines", "health_check {\n  }", health.clone(), "+     expect = \"200,301-302\""),
        (
            "no check",
            "port = 80",
            health.clone(),
            "+   health_check {\n+     expect = \"200,301-302\"\n+   }",
        ),
        ("computed statuses", "health_check { expect = env(\"E\", \"200\") }", health, "none"),
        (
            "no status",
            "port = 80",
            Change::HealthStatus { group: GroupId(0), first: 100, last: 100 },
            "none",
        ),
    ];
    for (row, body, change, expected) in rows {
        let instances = "instance \"i\" { addresses = \"10.0.0.8\" }\ninstance \"j\" { addresses = \"10.0.0.9\" }\n";
        let text = format!("{instances}\ntarget_group \"g\" {{\n  {body}\n}}\n");
        for text in [format(&text).unwrap(), text.replace("target_group", "\n\n\n\ntarget_group")] {
            let got = check(row, &text, change).unwrap_or_else(|| "none".to_owned());
            let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(bare(&got).contains(&bare(expected)), "{row}: {got}");
        }
    }
}

/// What a site brings along is written nowhere; what is written in it can be edited.
#[test]
fn sites_and_records() {
    let text = "network \"x\" {\n  cidrs = [\"192.0.2.0/24\"]\n}\n\nload_balancer \"a\" {\n  security_groups = []\n\n  site \"a.example\" {\n    rule \"r\" {\n      path    = \"/a\"\n      forward = target_group.g\n    }\n\n    default {\n      redirect {\n        host = \"b.example\"\n      }\n    }\n  }\n}\n\ntarget_group \"g\" {}\n\nrecord \"a.example\" {\n  alias = load_balancer.a\n}\n\nrecord \"a.example\" {\n  alias      = load_balancer.a\n  visible_to = network.x\n}\n";
    let (http, https) = (ListenerId(0), ListenerId(1));
    let visible =
        |record| Change::RecordVisible { record: RecordId(record), network: NetworkId(0) };
    let rows = [
        (
            "the redirect to HTTPS",
            Change::RedirectPort { listener: http, rule: None, port: 1 },
            "none",
        ),
        (
            "its certificates",
            Change::AddCertificate { listener: https, certificate: CertificateId(0) },
            "none",
        ),
        (
            "its rule",
            Change::AddPath { listener: https, rule: 0, value: "/b".into() },
            "+       path    = [\"/a\", \"/b\"]",
        ),
        (
            "its default",
            Change::RedirectPort { listener: https, rule: None, port: 1 },
            "+         port = \"1\"",
        ),
        (
            "a record for all",
            visible(0),
            "+   alias      = load_balancer.a\n+   visible_to = [network.x]",
        ),
        ("a record for some", visible(1), "+   visible_to = [network.x, network.x]"),
    ];
    for (row, change, expected) in rows {
        let got = check(row, text, &change).unwrap_or_else(|| "none".to_owned());
        assert!(got.contains(expected), "{row}: {got}");
    }
}

/// Every change that there is of a model.
fn changes(model: &Model) -> Vec<Change> {
    let mut all = Vec::new();
    let mut peers = vec![Peer::Anywhere, Peer::Cidr("198.51.100.0/24".parse().unwrap())];
    peers.extend((0..model.networks.len()).map(|id| Peer::Network(NetworkId(id as u32))));
    peers.extend(
        (0..model.security_groups.len()).map(|id| Peer::SecurityGroup(SecurityGroupId(id as u32))),
    );
    for (id, group) in model.security_groups.iter().enumerate() {
        let group_id = SecurityGroupId(id as u32);
        for rule in 0..group.ingress.len() {
            all.extend(peers.iter().map(|p| Change::AdmitPeer {
                group: group_id,
                rule,
                peer: p.clone(),
            }));
            all.push(Change::AdmitPort { group: group_id, rule, port: 8444 });
        }
        for peer in &peers {
            all.push(Change::AddIngress { group: group_id, port: 8444, peer: peer.clone() });
            all.push(Change::AddEgress { group: group_id, port: 8444, peer: peer.clone() });
        }
    }
    for certificate in (0..model.certificates.len()).map(|id| CertificateId(id as u32)) {
        all.push(Change::CertificateName { certificate, name: "added.example".into() });
    }
    for (id, listener) in model.listeners.iter().enumerate() {
        let listener_id = ListenerId(id as u32);
        let certificates = (0..model.certificates.len()).map(|id| CertificateId(id as u32));
        all.extend(
            certificates
                .map(|certificate| Change::AddCertificate { listener: listener_id, certificate }),
        );
        for rule in (0..listener.rules.len()).map(Some).chain([None]) {
            all.push(Change::RedirectPort { listener: listener_id, rule, port: 8444 });
            for protocol in ["HTTP", "HTTPS"] {
                all.push(Change::RedirectProtocol {
                    listener: listener_id,
                    rule,
                    protocol: protocol.into(),
                });
            }
            for group in (0..model.target_groups.len()).map(|id| GroupId(id as u32)) {
                all.push(Change::Weight { listener: listener_id, rule, group, weight: 7 });
            }
            if let Some(rule) = rule {
                all.push(Change::AddPath { listener: listener_id, rule, value: "/added/*".into() });
            }
        }
    }
    for (id, group) in model.target_groups.iter().enumerate() {
        let targets = 0..group.targets.len();
        let group = GroupId(id as u32);
        all.extend(targets.map(|target| Change::TargetPort { group, target, port: 8444 }));
        all.push(Change::HealthStatus { group, first: 301, last: 301 });
    }
    for record in (0..model.records.len()).map(|id| RecordId(id as u32)) {
        let networks = (0..model.networks.len()).map(|id| NetworkId(id as u32));
        all.extend(networks.map(|network| Change::RecordVisible { record, network }));
    }
    all
}

/// As written, laid out, expanded, and with other line ends.
fn examples() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let mut examples = vec![("everything".to_owned(), include_str!("everything.hcl").to_owned())];
    for file in ["README.md", "docs/configuration.md"] {
        let text = std::fs::read_to_string(format!("{root}{file}")).unwrap().replace("\r\n", "\n");
        for (at, piece) in text.split("```hcl\n").skip(1).enumerate() {
            examples.push((format!("{file} {at}"), piece.split("```").next().unwrap().to_owned()));
        }
    }
    let mut all = Vec::new();
    for (name, text) in examples {
        let (model, _) = read(&Sources::single(&name, &text));
        all.push((format!("{name}, laid out"), format(&text).unwrap()));
        all.push((format!("{name}, expanded"), expand(&model)));
        all.push((format!("{name}, CRLF"), text.replace('\n', "\r\n")));
        all.push((format!("{name}, squeezed"), text.replace(" = ", "=").replace("    ", "\t")));
        all.push((name, text));
    }
    all
}

#[test]
fn every_change_of_the_text_is_that_of_the_model() {
    let (mut made, mut kinds) = (0, std::collections::BTreeSet::new());
    for (name, text) in examples() {
        for change in changes(&read(&Sources::single("shop.hcl", &text)).0) {
            if check(&name, &text, &change).is_some() {
                made += 1;
                kinds.insert(format!("{change:?}").split(' ').next().unwrap_or("").to_owned());
            }
        }
    }
    assert_eq!(kinds.len(), 13, "every kind of change is made: {kinds:?}");
    assert!(made > 500, "{made} changes were made");
}
