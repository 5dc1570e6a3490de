use ipnet::IpNet;
use model::{
    FixedResponse, Listener, ListenerAttributes, ListenerProtocol, LoadBalancerId, Place,
    QueryPattern, TlsPolicy, Wildcard,
};
use proptest::prelude::*;
use verdict::route::{RouteScratch, route, rule_matches};

use super::*;

struct NoHeaders;

impl Headers for NoHeaders {
    fn any(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        name.eq_ignore_ascii_case("x-a") && each(b"1")
    }
}

/// Wants to be told everything.
#[derive(Default)]
struct Recorder {
    notes: usize,
}

impl verdict::Witness for Recorder {
    fn note(&mut self, _: verdict::Note<'_>) {
        self.notes += 1;
    }
}

fn table(conditions: Vec<Vec<Condition>>) -> ListenerTable {
    let action = Action::FixedResponse(FixedResponse {
        status: 200,
        content_type: "text/plain".into(),
        body: String::new(),
    });
    let place = Place::described("test");
    let rule = |(at, conditions)| Rule {
        name: format!("r{at}"),
        priority: at as u32 + 1,
        conditions,
        transforms: Vec::new(),
        action: action.clone(),
        place: place.clone(),
    };
    let listener = Listener {
        name: "l".into(),
        load_balancer: LoadBalancerId(0),
        port: 80,
        protocol: ListenerProtocol::Http,
        certificates: Vec::new(),
        tls_policy: TlsPolicy::default(),
        client_certificates: None,
        rules: conditions.into_iter().enumerate().map(rule).collect(),
        default_action: action.clone(),
        default_place: place.clone(),
        attributes: ListenerAttributes { allow_ambiguous_paths: true, ..Default::default() },
        place: place.clone(),
    };
    let model = Model { listeners: vec![listener].into(), ..Model::default() };
    ListenerTable::new(Arc::new(model), ListenerId(0))
}

fn facts<'a>(host: &'a str, path: &'a str) -> RequestFacts<'a, NoHeaders> {
    RequestFacts {
        method: b"GET",
        host: host.as_bytes(),
        path: path.as_bytes(),
        query: b"q=1",
        headers: &NoHeaders,
        source: "10.0.0.1".parse().unwrap(),
    }
}

/// The obvious way: every rule in order (HOUSE.md, "naive reference").
fn naive(table: &ListenerTable, request: &RequestFacts<'_, NoHeaders>) -> Option<usize> {
    table.rules().iter().position(|rule| rule_matches(rule, request, &mut ()))
}

fn wildcards(patterns: Vec<String>, fold: bool) -> Vec<Matcher> {
    let make = if fold { Wildcard::insensitive } else { Wildcard::sensitive };
    patterns.iter().map(|pattern| Matcher::Wildcard(make(pattern))).collect()
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]\\.[xy]",
        "\\*\\.[xy]",
        "\\*[ab]\\.x",
        "[ab]\\.\\*",
        "\\*",
        "\\*\\.[ab]\\.[xy]",
        "\\?\\.x",
        "A\\.X"
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof!["/[abc]", "/[ab]/\\*", "/[ab]\\*", "\\*", "/\\*c", "\\*/b", "/\\?", "/"]
}

fn condition() -> impl Strategy<Value = Condition> {
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    prop_oneof![
        4 => prop::collection::vec(host(), 1..3).prop_map(|p| Condition::Host(wildcards(p, true))),
        4 => prop::collection::vec(path(), 1..3).prop_map(|p| Condition::Path(wildcards(p, false))),
        1 => Just(Condition::Path(vec![Matcher::regex("^/[ab]", false).unwrap()])),
        1 => Just(Condition::Host(vec![Matcher::regex("^a", true).unwrap()])),
        1 => prop::sample::select(vec!["GET", "POST"]).prop_map(|m| Condition::Method(vec![m.into()])),
        1 => prop::sample::select(vec!["1", "2"]).prop_map(|v| Condition::Query(vec![QueryPattern { key: None, value: Wildcard::insensitive(v) }])),
        1 => prop::sample::select(vec!["1", "2"]).prop_map(|v| Condition::Header { name: "X-A".into(), values: wildcards(vec![v.into()], true) }),
        1 => prop::sample::select(vec!["10.0.0.0/8", "11.0.0.0/8"]).prop_map(move |n| Condition::SourceIp(vec![net(n)])),
    ]
}

/// At most one host and one path condition a rule, as the schema has it.
fn rule_conditions() -> impl Strategy<Value = Vec<Condition>> {
    prop::collection::vec(condition(), 0..4).prop_map(|conditions| {
        let (mut hosts, mut paths) = (0, 0);
        conditions
            .into_iter()
            .filter(|condition| match condition {
                Condition::Host(_) => {
                    hosts += 1;
                    hosts == 1
                }
                Condition::Path(_) => {
                    paths += 1;
                    paths == 1
                }
                _ => true,
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn the_index_only_prunes(
        rules in prop::collection::vec(rule_conditions(), 0..60),
        host in prop_oneof!["[ab]\\.[xy]", "[ab]\\.[ab]\\.[xy]", "", "a", "\\.x"],
        path in prop_oneof!["/[abc]?", "/[ab]/[bc]", "/[abc]{2}", ""],
    ) {
        let table = table(rules);
        let request = facts(&host, &path);
        let mut candidates = Vec::new();
        table.candidates(&request, &mut |position| {
            candidates.push(position);
            ControlFlow::Continue(())
        });
        prop_assert!(candidates.windows(2).all(|pair| pair[0] < pair[1]), "{candidates:?}");
        for (position, rule) in table.rules().iter().enumerate() {
            if rule_matches(rule, &request, &mut ()) {
                prop_assert!(candidates.contains(&position), "{rule:?}");
            }
        }
        let routed = route(&table, &request, &mut RouteScratch::default(), &mut ());
        prop_assert_eq!(routed, Ok(naive(&table, &request)));
        // The witness changes nothing (HOUSE.md).
        let mut recorder = Recorder::default();
        let witnessed = route(&table, &request, &mut RouteScratch::default(), &mut recorder);
        prop_assert_eq!(witnessed, routed);
        prop_assert!(recorder.notes > 0);
    }
}

/// 10,000 rules cost about what 10 cost: at most so many are asked.
#[test]
fn ten_thousand_rules_leave_few_candidates() {
    let by_path = |pattern: String| vec![Condition::Path(wildcards(vec![pattern], false))];
    let by_host = |pattern: String| vec![Condition::Host(wildcards(vec![pattern], true))];
    type Shape<'a> = (&'a str, Box<dyn Fn(usize) -> Vec<Condition>>, &'a str, &'a str);
    let shapes: Vec<Shape<'_>> = vec![
        ("path prefixes", Box::new(move |i| by_path(format!("/p{i}/*"))), "a.x", "/p7777/z"),
        ("exact paths", Box::new(move |i| by_path(format!("/p{i}"))), "a.x", "/p7777"),
        ("hosts", Box::new(move |i| by_host(format!("h{i}.x"))), "h7777.x", "/"),
        ("host suffixes", Box::new(move |i| by_host(format!("*.h{i}.x"))), "a.h7777.x", "/"),
        (
            "a host with many labels",
            Box::new(move |i| by_host(format!("*.h{i}.x"))),
            "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.h7777.x",
            "/",
        ),
        (
            "one host, many paths",
            Box::new(move |i| [by_host("a.x".into()), by_path(format!("/p{i}*"))].concat()),
            "a.x",
            "/p7777",
        ),
    ];
    for (name, shape, host, path) in shapes {
        let table = table((0..10_000).map(&shape).collect());
        let request = facts(host, path);
        let mut asked = 0;
        table.candidates(&request, &mut |_| {
            asked += 1;
            ControlFlow::Continue(())
        });
        assert!(asked <= 8, "{name}: {asked} rules are asked");
        assert!(naive(&table, &request).is_some(), "{name}");
        assert_eq!(
            route(&table, &request, &mut RouteScratch::default(), &mut ()),
            Ok(naive(&table, &request)),
            "{name}"
        );
    }
}
