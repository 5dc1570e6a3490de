//! The decisions of a request, each a number of times: `decisions CASE TIMES`. `cargo xtask
//! instructions` counts the instructions of one of them, as the difference between two runs.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use config::{RealEnvironment, Sources};
use http1::Fields;
use model::{Action, HealthState, ListenerId, LoadBalancerId};
use verdict::redirect::{RedirectFacts, location};
use verdict::route::{Headers, RequestFacts, RouteScratch, route};
use verdict::target::{FULL, TargetFacts, choose};
use world::World;

const HEAD: &[u8] = b"GET /r20/index.html?a=b HTTP/1.1\r\nHost: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html;q=0.9,*/*;q=0.8\r\n\
    Accept-Encoding: gzip, deflate\r\nCookie: session=0123456789abcdef; theme=dark\r\n\r\n";

struct NoHeaders;

impl Headers for NoHeaders {
    fn any(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let times = arguments.get(1).and_then(|text| text.parse::<u64>().ok());
    match (arguments.first().map(String::as_str), times) {
        (Some("admit-3-ranges"), Some(times)) => admit(3, times),
        (Some("admit-50000-ranges"), Some(times)) => admit(50_000, times),
        (Some("route-20-rules"), Some(times)) => routes(20, "/r20/index.html", times),
        (Some("route-10000-rules"), Some(times)) => routes(10_000, "/r9000/index.html", times),
        (Some("route-peculiar-path"), Some(times)) => routes(20, "/r20/%7Euser", times),
        (Some("redirect"), Some(times)) => redirects(times),
        (Some("target-round-robin-3"), Some(times)) => targets(3, times),
        (Some("target-round-robin-100"), Some(times)) => targets(100, times),
        (Some("parse-request"), Some(times)) => parses(times),
        _ => {
            eprintln!("usage: decisions CASE TIMES");
            std::process::exit(2);
        }
    }
}

fn world(rules: usize, ranges: usize) -> World {
    let ranges: Vec<String> = (0..ranges)
        .map(|n| format!("\"10.{}.{}.{}/32\"", n >> 16, n >> 8 & 255, n & 254))
        .collect();
    let rules: String = (1..=rules)
        .map(|n| {
            format!("    rule \"r{n}\" {{\n path = \"/r{n}/*\"\n forward = target_group.app\n }}\n")
        })
        .collect();
    let text = format!(
        "security_group \"few\" {{\n ingress {{\n ports = [80]\n from = [{}, \"192.0.2.0/24\"]\n }}\n}}\n\
         target_group \"app\" {{\n targets = [\"127.0.0.1:3000\"]\n}}\n\
         load_balancer \"edge\" {{\n security_groups = [security_group.few]\n listener \"http\" {{\n \
         port = 80\n{rules} default {{\n redirect {{\n protocol = \"HTTPS\"\n port = 443\n }}\n }}\n }}\n}}\n",
        ranges.join(", "),
    );
    let sources = Sources::single("decisions", &text);
    let (model, findings) = config::parse(&sources, &RealEnvironment);
    let broken = findings.iter().find(|finding| finding.severity == model::Severity::Error);
    assert!(broken.is_none(), "{broken:?}");
    world::compile(model, 1)
}

fn admit(ranges: usize, times: u64) {
    let world = world(1, ranges);
    let admission = world.ingress(LoadBalancerId(0));
    for _ in 0..times {
        let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let admitted = verdict::admit::admit(admission, black_box(source), 80, &mut ());
        assert!(black_box(admitted).is_ok());
    }
}

fn routes(rules: usize, path: &str, times: u64) {
    let world = world(rules, 1);
    let table = world.table(ListenerId(0));
    let mut scratch = RouteScratch::default();
    for _ in 0..times {
        let facts = RequestFacts {
            method: b"GET",
            host: b"www.example.com",
            path: black_box(path.as_bytes()),
            query: b"a=b",
            headers: &NoHeaders,
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let rule = route(table, &facts, &mut scratch, &mut ());
        assert!(matches!(black_box(rule), Ok(Some(_))));
    }
}

fn redirects(times: u64) {
    let world = world(1, 1);
    let Action::Redirect(action) = &world.model[ListenerId(0)].default_action else {
        panic!("the default action is a redirect")
    };
    let mut out = Vec::new();
    for _ in 0..times {
        out.clear();
        let facts = RedirectFacts {
            protocol: "http",
            host: black_box(b"www.example.com"),
            port: 80,
            path: b"/index.html",
            query: b"a=b",
        };
        assert!(location(action, &facts, &mut out).is_ok());
        black_box(&out);
    }
}

fn targets(count: usize, times: u64) {
    let fact = TargetFacts {
        state: HealthState::Healthy,
        resolved: true,
        outstanding: 1,
        weight: FULL,
        ramp: FULL,
        tried: false,
    };
    let facts = vec![fact; count];
    let mut cursor = 0;
    for draw in 0..times {
        let algorithm = model::Algorithm::RoundRobin;
        let chosen = choose(algorithm, 1, black_box(&facts[..]), None, &mut cursor, draw, &mut ());
        assert!(black_box(chosen).is_ok());
    }
}

fn parses(times: u64) {
    let mut fields = Fields::new();
    for _ in 0..times {
        let parsed = http1::parse_request(black_box(HEAD), &mut fields);
        assert!(matches!(black_box(parsed), Ok(http1::Parsed::Complete(_))));
    }
}
