use model::{FixedResponse, Matcher, Place, Wildcard};

use super::*;

struct Pairs(Vec<(&'static str, &'static [u8])>);

impl Headers for Pairs {
    fn any(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).any(|(_, v)| each(v))
    }
}

struct Scan {
    rules: Vec<Rule>,
    default: Action,
    allow: bool,
}

impl RuleTable for Scan {
    fn rules(&self) -> &[Rule] {
        &self.rules
    }
    fn default_action(&self) -> &Action {
        &self.default
    }
    fn allow_ambiguous_paths(&self) -> bool {
        self.allow
    }
    fn candidates<H: Headers + ?Sized>(
        &self,
        _: &RequestFacts<'_, H>,
        each: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) {
        for position in 0..self.rules.len() {
            if each(position).is_break() {
                break;
            }
        }
    }
}

fn fixed() -> Action {
    Action::FixedResponse(FixedResponse {
        status: 200,
        content_type: "text/plain".into(),
        body: String::new(),
    })
}

fn rule(priority: u32, conditions: Vec<Condition>) -> Rule {
    Rule {
        name: format!("r{priority}"),
        priority,
        conditions,
        transforms: Vec::new(),
        action: fixed(),
        place: Place::described("test"),
    }
}

fn path(pattern: &str) -> Condition {
    Condition::Path(vec![Matcher::Wildcard(Wildcard::sensitive(pattern))])
}

fn facts<'a>(path: &'a [u8], query: &'a [u8], headers: &'a Pairs) -> RequestFacts<'a, Pairs> {
    RequestFacts {
        method: b"GET",
        host: b"www.example.com",
        path,
        query,
        headers,
        source: "10.0.0.1".parse().unwrap(),
    }
}

#[test]
fn conditions() {
    let headers = Pairs(vec![("X-Debug", b"0"), ("x-debug", b"Yes")]);
    let wild = |s: &str| Matcher::Wildcard(Wildcard::insensitive(s));
    let query = |k: Option<&str>, v: &str| {
        Condition::Query(vec![QueryPattern {
            key: k.map(Wildcard::insensitive),
            value: Wildcard::insensitive(v),
        }])
    };
    let header = |n: &str, v: &str| Condition::Header { name: n.into(), values: vec![wild(v)] };
    let rows = [
        (Condition::Host(vec![wild("*.example.com")]), true),
        (Condition::Host(vec![wild("example.com")]), false),
        (path("/products*"), true),
        (path("/Products*"), false),
        (header("X-DEBUG", "yes"), true),
        (header("X-Debug", "no"), false),
        (header("X-Other", "*"), false),
        (Condition::Method(vec!["GET".into()]), true),
        (Condition::Method(vec!["get".into(), "HEAD".into()]), false),
        (query(Some("V"), "2"), true),
        (query(Some("v"), "3"), false),
        (query(None, "2"), true),
        (query(Some("flag"), ""), true),
        (Condition::SourceIp(vec!["10.0.0.0/8".parse().unwrap()]), true),
        (Condition::SourceIp(vec!["192.0.2.0/24".parse().unwrap()]), false),
    ];
    for (condition, expected) in rows {
        let request = facts(b"/products/1", b"a=b&v=2&flag", &headers);
        assert_eq!(condition_holds(&condition, &request), expected, "{condition:?}");
    }
}

#[test]
fn the_first_full_match_wins_and_the_default_is_last() {
    let headers = Pairs(vec![]);
    let table = Scan {
        rules: vec![
            rule(1, vec![path("/a*"), Condition::Method(vec!["POST".into()])]),
            rule(2, vec![path("/a*")]),
            rule(3, vec![]),
        ],
        default: fixed(),
        allow: false,
    };
    let go =
        |p: &[u8]| route(&table, &facts(p, b"", &headers), &mut RouteScratch::default(), &mut ());
    assert_eq!(go(b"/ab"), Ok(Some(1)));
    assert_eq!(go(b"/b"), Ok(Some(2)));
    let empty = Scan { rules: vec![], ..table };
    let request = facts(b"/b", b"", &headers);
    assert_eq!(route(&empty, &request, &mut RouteScratch::default(), &mut ()), Ok(None));
}

#[test]
fn a_path_that_reads_in_two_ways_is_refused_only_where_it_matters() {
    let headers = Pairs(vec![]);
    let rules = vec![rule(1, vec![path("/admin*")]), rule(2, vec![path("/static/*")])];
    let strict = Scan { rules, default: fixed(), allow: false };
    let rows: &[(&str, Result<RulePosition, Refusal>)] = &[
        ("/static/../admin", Err(Refusal::RequestAmbiguousPath)),
        ("/static/%2e%2e/admin", Err(Refusal::RequestAmbiguousPath)),
        ("//admin", Err(Refusal::RequestAmbiguousPath)),
        ("/..;/admin", Err(Refusal::RequestAmbiguousPath)),
        ("/x\\..\\admin", Err(Refusal::RequestAmbiguousPath)),
        ("/static/..%2fadmin", Err(Refusal::RequestAmbiguousPath)),
        ("/%61dmin", Err(Refusal::RequestAmbiguousPath)),
        ("/static/a//b", Ok(Some(1))),
        ("/static/a;v=1", Ok(Some(1))),
        ("/static/%C3%A9", Ok(Some(1))),
        ("/other/a%2Fb", Ok(None)),
    ];
    for (path, expected) in rows {
        let request = facts(path.as_bytes(), b"", &headers);
        let got = route(&strict, &request, &mut RouteScratch::default(), &mut ());
        assert_eq!(got, *expected, "{path}");
    }
    let lenient = Scan { allow: true, ..strict };
    let request = facts(b"/static/../admin", b"", &headers);
    assert_eq!(route(&lenient, &request, &mut RouteScratch::default(), &mut ()), Ok(Some(0)));
}
