use std::net::IpAddr;
use std::sync::Arc;

use model::{
    Action, Condition, Deny, FixedResponse, Host, Instance, Listener, ListenerId, ListenerProtocol,
    LoadBalancer, LoadBalancerId, Matcher, Model, Network, NetworkId, Peer, Place, PortRange,
    Ports, Record, RecordData, Rule, Scheme, Seconds, SecurityGroup, SecurityGroupId, SecurityRule,
    TlsPolicy, Url, Wildcard,
};
use proptest::prelude::*;
use proptest::sample::select;
use world::World;

use super::*;
use crate::facts::{CertificateView, Enforcement, FactSource, TargetView, Trust};

/// Prefixes that touch, contain one another, and are of both families and every scope.
const NETS: [&str; 12] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.0/24",
    "127.0.0.0/8",
    "192.0.2.0/24",
    "192.0.2.128/25",
    "198.51.100.0/24",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "fc00::/7",
    "::/0",
];
const URLS: [&str; 5] = [
    "http://shop.example/",
    "http://shop.example/only",
    "http://shop.example:81/",
    "http://203.0.113.9/",
    "http://10.9.0.9/",
];

fn place() -> Place {
    Place::described("test")
}

fn answers(status: u16) -> Action {
    Action::FixedResponse(FixedResponse {
        status,
        content_type: "text/plain".into(),
        body: String::new(),
    })
}

fn group(name: &str, peers: &[&str]) -> SecurityGroup {
    let peers = peers.iter().map(|net| Peer::Cidr(net.parse().unwrap())).collect();
    let ports = Ports(vec![PortRange { first: 80, last: 80 }]);
    let ingress = vec![SecurityRule { ports, peers, place: place() }];
    SecurityGroup { name: name.into(), ingress, egress: None, place: place() }
}

fn listener(port: u16, rules: Vec<Rule>) -> Listener {
    Listener {
        name: format!("p{port}"),
        load_balancer: LoadBalancerId(0),
        port,
        protocol: ListenerProtocol::Http,
        certificates: Vec::new(),
        tls_policy: TlsPolicy::default(),
        client_certificates: None,
        rules: rules.into(),
        default_action: answers(200),
        default_place: place(),
        attributes: Default::default(),
        place: place(),
    }
}

/// One load balancer, one machine, two networks of which one is behind a gateway.
fn world(admitted: &[&str], sources: &[&str], machine: &[&str], views: &[u32]) -> World {
    let network = |name: &str, cidrs: &[&str], seen_as: &[&str]| Network {
        name: name.into(),
        cidrs: cidrs.iter().map(|net| net.parse().unwrap()).collect(),
        seen_as: seen_as.iter().map(|net| net.parse().unwrap()).collect(),
        place: place(),
    };
    let sources = sources.iter().map(|net| net.parse().unwrap()).collect();
    let only = Rule {
        name: "only".into(),
        priority: 1,
        conditions: vec![
            Condition::Path(vec![Matcher::Wildcard(Wildcard::sensitive("/only"))]),
            Condition::SourceIp(sources),
        ],
        transforms: Vec::new(),
        action: answers(404),
        place: place(),
    };
    let record = |data, visible_to| Record {
        zone: None,
        routing: None,
        name: Host("shop.example".into()),
        visible_to,
        data,
        ttl: Seconds(60),
        place: place(),
    };
    let inside: IpAddr = "10.9.0.9".parse().unwrap();
    let model = Model {
        networks: vec![
            network("office", &["10.1.0.0/16", "192.0.2.0/24"], &[]),
            network("behind", &["10.1.2.0/24", "10.2.0.0/16"], &["192.0.2.200/32"]),
        ]
        .into(),
        security_groups: vec![group("edge", admitted), group("machine", machine)].into(),
        instances: vec![Instance {
            name: "one".into(),
            addresses: vec![inside],
            public_addresses: Vec::new(),
            security_groups: vec![SecurityGroupId(1)],
            serves: Some(vec![80]),
            applications: Vec::new(),
            guarded: Default::default(),
            place: place(),
        }]
        .into(),
        load_balancers: vec![LoadBalancer {
            name: "edge".into(),
            scheme: Scheme::InternetFacing,
            addresses: vec!["203.0.113.9".parse().unwrap()],
            public_addresses: Vec::new(),
            security_groups: vec![SecurityGroupId(0)],
            deny: Deny::Drop,
            enforce: Default::default(),
            attributes: Default::default(),
            listeners: vec![ListenerId(0), ListenerId(1)],
            place: place(),
        }]
        .into(),
        listeners: vec![listener(80, vec![only]), listener(81, Vec::new())].into(),
        records: vec![
            record(RecordData::Alias(LoadBalancerId(0)), Vec::new()),
            record(
                RecordData::Addresses(vec![inside]),
                views.iter().map(|id| NetworkId(*id)).collect(),
            ),
        ]
        .into(),
        ..Model::default()
    };
    world::compile(model, 1)
}

fn with_facts<T>(ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    ask(&Facts {
        now_unix: 0,
        certificates: &|_| CertificateView {
            facts: None,
            trust: Trust::Authority,
            why_pending: None,
            on_demand: Default::default(),
        },
        targets: &|_, _| TargetView::ASSUMED,
        enforcement: &|_, _| Enforcement::NotKnown,
        refused: &|_, _| None,
        source: FactSource::Proof,
    })
}

fn request(url: &str) -> Request {
    Request::get(Url::parse(url).unwrap())
}

/// The first and last address of every prefix that is mentioned anywhere, and what is beside them.
fn probes() -> Vec<IpAddr> {
    let more = ["192.0.2.200/32", "10.2.0.0/16", "203.0.113.9/32", "10.9.0.9/32", "::1/128"];
    let mut probes = Vec::new();
    for net in NETS.iter().chain(&more).chain(&verdict::name::SCOPE_PREFIXES) {
        let net: ipnet::IpNet = net.parse().unwrap();
        for end in [net.network(), net.broadcast()] {
            let beside = |by: i8| match end {
                IpAddr::V4(v4) => IpAddr::V4(u32::from(v4).wrapping_add_signed(by.into()).into()),
                IpAddr::V6(v6) => IpAddr::V6(u128::from(v6).wrapping_add_signed(by.into()).into()),
            };
            probes.extend([-1, 0, 1].map(beside));
        }
    }
    probes
}

fn nets() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(&NETS[..]), 1..4)
}

proptest! {
    /// Whoever is asked alone gets what the partition says of them.
    #[test]
    fn a_partition_says_what_each_client_is_told(
        (admitted, sources, machine) in (nets(), nets(), nets()),
        views in prop::collection::vec(0..2u32, 0..3),
        url in select(&URLS[..]),
    ) {
        let world = world(&admitted, &sources, &machine, &views);
        let (atlas, request) = (Atlas::of(&world), request(url));
        with_facts(|facts| {
            let found = partition_of(&atlas, facts, &request, Asker::Anywhere);
            for address in probes() {
                for client in atlas.clients(address) {
                    let told = request.ends(&world, facts, &client);
                    let parts = found.parts.iter().chain(&found.aside);
                    let mut own = parts.filter(|part| part.clients.contains(address));
                    prop_assert!(own.any(|part| part.outcomes == told), "{address}: {told:?}");
                }
            }
            Ok(())
        })?;
    }
}

#[test]
fn clients_are_asked_once_for_what_is_looked_at_on_their_way() {
    let world = world(&["10.0.0.0/8"], &["192.0.2.0/24"], &NETS[..7], &[0, 1]);
    let atlas = Atlas::of(&world);
    // Admitted or not, or the machine itself; of the three scopes and two families; of one network,
    // the other, or none.
    let rows = [("http://203.0.113.9/", 12), ("http://10.9.0.9/", 14)];
    for (url, walks_max) in rows {
        let request = request(url);
        with_facts(|facts| {
            let inquiry = Inquiry::new(&atlas, facts, &request);
            inquiry.partition_of(Asker::Anywhere);
            let walks = inquiry.walks();
            assert!(walks <= walks_max, "{url}: {walks}");
            inquiry.partition_of(Asker::Internet);
            assert_eq!(inquiry.walks(), walks, "{url}: what is known is not asked again");
        });
    }
}

#[test]
fn what_is_left_out_is_told_by_everybody_who_asks() {
    let world = world(&["10.0.0.0/8"], &["192.0.2.0/24"], &["10.0.0.0/8"], &[]);
    let (few, all) = (Atlas::of_pieces(&world, 3), Atlas::of(&world));
    let request = request("http://203.0.113.9/");
    let few_clients = Asker::Prefix("198.51.100.0/24".parse().unwrap());
    with_facts(|facts| {
        let who = |atlas: &Atlas<'_>| crate::tables::who(atlas, facts, &request);
        let (cut, whole) = (who(&few), who(&all));
        assert_eq!(cut.pieces, whole.pieces);
        assert!(!cut.left_out.is_empty() && whole.left_out.is_empty());
        let layout = crate::text::Layout { width: 100, paint: crate::text::Paint::Plain };
        let text = crate::tables::who_text(&cut, layout);
        assert!(text.contains("? not asked      of more than 3 pieces"), "{text}");
        let report = crate::report::explain(&few, facts, &request, Asker::Anywhere);
        assert!(report.left_out.is_some());
        let text = crate::text::text(&report, layout);
        assert!(text.contains("Left out: of more than 3 pieces"), "{text}");
        let pair = [Asker::Anywhere, few_clients];
        let sides = crate::compare::compare(&few, facts, &request, pair).sides;
        assert!(sides[0].left_out.is_some() && sides[1].left_out.is_none());
        let expectation = model::Expectation {
            name: "all".into(),
            urls: vec![request.url.clone()],
            method: "GET".into(),
            headers: Vec::new(),
            works: Vec::new(),
            denied: vec![Asker::Anywhere, few_clients],
            status: None,
            redirects_to: None,
            place: place(),
        };
        let left_out = crate::expect::prove(&few, facts, &expectation).left_out;
        assert_eq!(left_out.iter().map(|(asker, _)| *asker).collect::<Vec<_>>(), [Asker::Anywhere]);
        assert!(crate::expect::prove(&all, facts, &expectation).left_out.is_empty());
    });
}

#[test]
fn a_survey_outlives_its_questions() {
    let world = Arc::new(world(&["10.0.0.0/8"], &["10.0.0.0/8"], &["10.0.0.0/8"], &[]));
    let surveyed = crate::atlas::Surveyed::new(world);
    let first = surveyed.atlas().classes_of(Asker::Anywhere);
    assert!(Arc::ptr_eq(&first, &surveyed.atlas().classes_of(Asker::Anywhere)));
}
