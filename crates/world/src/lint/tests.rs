//! Each lint with a bad and a good example. The examples are configuration text in the tests of
//! `config`; here are the models that need no text.

use model::{Action, Condition, Deny, Enforce, GroupId, Matcher, SecurityGroupId};
use model::{
    Algorithm, FixedResponse, Forward, HealthCheck, Listener, ListenerAttributes, ListenerId,
    ListenerProtocol, LoadBalancer, LoadBalancerAttributes, LoadBalancerId, Peer, Place, PortRange,
    Ports, Redirect, RedirectStatus, Rule, Scheme, Seconds, SecurityGroup, SecurityRule,
    Stickiness, Target, TargetAddress, TargetGroup, TargetProtocol, Template, TlsPolicy,
    WeightedGroup, Wildcard,
};

use super::*;

fn place(line: u32) -> Place {
    Place::new("test.hcl", line, 1)
}

/// One load balancer, one HTTP listener on port 80 that forwards to one target.
pub fn good() -> Model {
    let rule = |peer| SecurityRule {
        ports: Ports(vec![PortRange { first: 80, last: 80 }]),
        peers: vec![peer],
        place: place(2),
    };
    Model {
        security_groups: vec![SecurityGroup {
            name: "web".into(),
            ingress: vec![rule(Peer::Anywhere)],
            egress: None,
            place: place(1),
        }]
        .into(),
        load_balancers: vec![LoadBalancer {
            name: "public".into(),
            scheme: Scheme::InternetFacing,
            addresses: vec!["127.0.0.1".parse().unwrap()],
            public_addresses: Vec::new(),
            security_groups: vec![SecurityGroupId(0)],
            deny: Deny::Drop,
            enforce: Enforce::Socket,
            attributes: LoadBalancerAttributes::default(),
            listeners: vec![ListenerId(0)],
            place: place(3),
        }]
        .into(),
        listeners: vec![Listener {
            name: "http".into(),
            load_balancer: LoadBalancerId(0),
            port: 80,
            protocol: ListenerProtocol::Http,
            certificates: Vec::new(),
            tls_policy: TlsPolicy::default(),
            client_certificates: None,
            rules: Vec::new().into(),
            default_action: Action::Forward(Forward {
                groups: vec![WeightedGroup { group: GroupId(0), weight: 1 }],
                stickiness: None,
            }),
            default_place: place(5),
            attributes: ListenerAttributes::default(),
            place: place(4),
        }]
        .into(),
        target_groups: vec![TargetGroup {
            name: "app".into(),
            protocol: TargetProtocol::Http,
            verification: None,
            targets: vec![Target {
                address: TargetAddress::Ip("10.0.0.1".parse().unwrap()),
                port: 3000,
                place: place(7),
            }],
            health_check: HealthCheck::default(),
            algorithm: Algorithm::RoundRobin,
            stickiness: Stickiness::Off,
            slow_start: Seconds(0),
            deregistration_delay: Seconds(300),
            minimum_healthy_targets: 1,
            application: None,
            place: place(6),
        }]
        .into(),
        ..Model::default()
    }
}

fn rule(priority: u32, patterns: &[&str], methods: &[&str]) -> Rule {
    let mut conditions = Vec::new();
    if !patterns.is_empty() {
        let values = patterns.iter().map(|p| Matcher::Wildcard(Wildcard::sensitive(p)));
        conditions.push(Condition::Path(values.collect()));
    }
    if !methods.is_empty() {
        conditions.push(Condition::Method(methods.iter().map(|m| (*m).to_owned()).collect()));
    }
    let fixed =
        FixedResponse { status: 200, content_type: "text/plain".into(), body: String::new() };
    Rule {
        name: format!("r{priority}"),
        priority,
        conditions,
        transforms: Vec::new(),
        action: Action::FixedResponse(fixed),
        place: place(100 + priority),
    }
}

fn codes(model: &Model) -> Vec<&'static str> {
    lint(model, &|_| Some(vec!["covered.example".to_owned()]))
        .iter()
        .map(|finding| finding.code)
        .collect()
}

#[test]
fn a_good_model_has_no_findings() {
    assert_eq!(codes(&good()), [] as [&str; 0]);
}

#[test]
fn shadowed_rules() {
    type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], &'a [&'a str], bool);
    let rows: [Row<'_>; 9] = [
        (&["/a*"], &[], &["/ab"], &[], true),
        (&["/a*"], &[], &["/ab*"], &["GET"], true),
        (&["*"], &[], &["/x"], &[], true),
        (&[], &[], &["/x"], &[], true),
        (&["/a", "/b"], &[], &["/b"], &[], true),
        (&["/a*"], &["GET"], &["/ab"], &[], false),
        (&["/ab"], &[], &["/a*"], &[], false),
        (&["/a"], &[], &["/a", "/b"], &[], false),
        (&["/a?"], &[], &["/a*"], &[], false),
    ];
    for (paths, methods, later_paths, later_methods, shadowed) in rows {
        let mut model = good();
        model.listeners[0].rules =
            vec![rule(1, paths, methods), rule(2, later_paths, later_methods)].into();
        let expected: &[&str] = if shadowed { &["lint/shadowed-rule"] } else { &[] };
        assert_eq!(
            codes(&model),
            expected,
            "{paths:?} {methods:?} before {later_paths:?} {later_methods:?}"
        );
    }
}

#[test]
fn certificates_cover_the_hosts_of_rules() {
    for (host, covered) in [("covered.example", true), ("www.covered.example", false)] {
        let mut model = good();
        let listener = &mut model.listeners[0];
        listener.protocol = ListenerProtocol::Https;
        listener.certificates = vec![CertificateId(0)];
        let mut only = rule(1, &[], &[]);
        only.conditions =
            vec![Condition::Host(vec![Matcher::Wildcard(Wildcard::insensitive(host))])];
        listener.rules = vec![only].into();
        let expected: &[&str] = if covered { &[] } else { &["lint/certificate-does-not-cover"] };
        assert_eq!(codes(&model), expected, "{host}");
        assert_eq!(lint(&model, &|_| None), [], "not known is not guessed");
    }
}

#[test]
fn redirects_lead_somewhere() {
    let redirect = |protocol: &str, port: &str, path: &str| {
        let t = |text: &str| Template::parse(text).unwrap();
        Action::Redirect(Redirect {
            status: RedirectStatus::MovedPermanently,
            protocol: t(protocol),
            host: t("#{host}"),
            port: t(port),
            path: t(path),
            query: t(""),
        })
    };
    let rows = [
        ("HTTPS", "443", "/x", Some("lint/redirect-to-nowhere")),
        ("HTTPS", "80", "/x", Some("lint/redirect-protocol")),
        ("HTTP", "80", "/#{path}", Some("lint/redirect-loop")),
        ("#{protocol}", "#{port}", "/x", None),
    ];
    for (protocol, port, path, expected) in rows {
        let mut model = good();
        model.listeners[0].rules =
            vec![Rule { action: redirect(protocol, port, path), ..rule(1, &["/a"], &[]) }].into();
        assert_eq!(
            codes(&model),
            expected.into_iter().collect::<Vec<_>>(),
            "{protocol} {port} {path}"
        );
    }
}

#[test]
fn egress_to_targets_by_a_name() {
    let rows = [
        ("neither loopback is allowed", "localhost", "10.0.0.0/8", true),
        ("one of them is enough", "localhost", "::1/128", false),
        ("where a name leads is not known", "app.example", "10.0.0.0/8", false),
    ];
    for (row, name, to, denied) in rows {
        let mut model = good();
        model.security_groups[0].egress = Some(vec![SecurityRule {
            ports: Ports(vec![PortRange { first: 1, last: 65535 }]),
            peers: vec![Peer::Cidr(to.parse().unwrap())],
            place: place(3),
        }]);
        model.target_groups[0].targets[0].address =
            TargetAddress::Name(model::Host(name.to_owned()));
        assert_eq!(codes(&model).contains(&"lint/egress-denied"), denied, "{row}");
    }
}

#[test]
fn the_rest_one_by_one() {
    let change = |f: fn(&mut Model)| {
        let mut model = good();
        f(&mut model);
        codes(&model)
    };
    assert_eq!(change(|m| m.security_groups[0].ingress.clear()), ["lint/nobody-admitted"]);
    assert_eq!(change(|m| m.security_groups[0].egress = Some(Vec::new())), ["lint/egress-denied"]);
    assert_eq!(change(|m| m.target_groups[0].targets.clear()), ["lint/no-targets"]);
    assert_eq!(change(|m| m.target_groups[0].targets[0].port = 443), ["lint/plain-to-443"]);
    assert_eq!(
        change(|m| {
            m.target_groups[0].targets[0].address = TargetAddress::Ip("127.0.0.1".parse().unwrap());
            m.target_groups[0].targets[0].port = 80;
        }),
        ["lint/target-is-listener"]
    );
    assert_eq!(
        change(|m| {
            let first = m.target_groups[0].clone();
            m.target_groups.push(first);
        }),
        ["lint/unused-target-group"]
    );
    assert_eq!(
        change(|m| {
            let first = m.security_groups[0].clone();
            m.security_groups.push(first);
        }),
        ["lint/unused-security-group"]
    );
    assert_eq!(
        change(|m| {
            if let Action::Forward(forward) = &mut m.listeners[0].default_action {
                forward.groups[0].weight = 0;
            }
        }),
        ["lint/no-weight"]
    );
}
