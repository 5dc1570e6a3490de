//! What holds of every configuration: expanding and laying out change nothing.

use std::io;
use std::path::Path;

use config::{Environment, Sources, expand, format};

/// Every block and attribute.
const EVERYTHING: &str = include_str!("everything.hcl");

/// What `everything.hcl` imports.
const NGINX: &str = r#"
server {
    listen 8080;
    keepalive_timeout 65;
    if ($http_x_forwarded_proto != "https") { return 301 https://$host$request_uri; }
    location / { proxy_pass http://127.0.0.1:3000; auth_basic closed; }
}
"#;

/// What it has as a zone.
const ZONE: &str = "\
$TTL 600
@    IN SOA ns1 hostmaster 7 3600 600 86400 60
old     A   203.0.113.80
        A   203.0.113.81
*.old   AAAA 2001:db8::80
list    TXT ( \"one\" ; a comment
              \"two\" )
";

struct Fixed;

impl Environment for Fixed {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path, name: &str) -> io::Result<String> {
        if name.ends_with(".conf") {
            return Ok(NGINX.to_owned());
        }
        if name.ends_with(".zone") {
            return Ok(ZONE.to_owned());
        }
        Ok(std::format!("{name} says \"${{this}}\" and %{{that}}\n\r\n\tand \\ and é\n"))
    }
}

/// Two sites, which share listeners.
const SITES: &str = r#"
load_balancer "public" {
  security_groups = [security_group.web]

  site "a.example" {
    aliases = ["www.a.example"]

    rule "x" { path = "/x*"  forward = target_group.app }
    default { forward = target_group.app }
  }

  site "b.example" {
    default {
      fixed_response {
        status = 200
        body   = "a \"quoted\" $${text}\n#{host}"
      }
    }
  }
}

security_group "web" { ingress { ports = [80, 443]  from = [anywhere] } }
target_group "app" { targets = ["10.0.0.1:80", "[::1]:80", "a.internal:80"] }
"#;

fn examples() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let mut examples = vec![
        ("sites".to_owned(), SITES.to_owned()),
        ("everything".to_owned(), EVERYTHING.to_owned()),
    ];
    for file in ["README.md", "docs/configuration.md"] {
        let text = std::fs::read_to_string(format!("{root}{file}")).unwrap();
        for (at, piece) in text.split("```hcl\n").skip(1).enumerate() {
            let example = piece.split("```").next().unwrap().to_owned();
            examples.push((format!("{file} {at}"), example));
        }
    }
    assert!(examples.len() >= 4, "{}", examples.len());
    examples
}

fn parsed(name: &str, text: &str) -> model::Model {
    let (model, findings) = config::parse(&Sources::single(name, text), &Fixed);
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == model::Severity::Error).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{text}");
    model
}

fn expanded(name: &str, text: &str) -> String {
    expand(&parsed(name, text))
}

/// What was declared, and not where: expanding what was expanded cannot show what is lost at first.
fn declared(name: &str, text: &str) -> String {
    let places = regex::Regex::new(r"(?s)Place \{.*?\}").unwrap();
    places.replace_all(&format!("{:#?}", parsed(name, text)), "_").into_owned()
}

/// Like `assert_eq`, but says only where the first difference is.
fn similar(name: &str, one: &str, other: &str) {
    for (number, (a, b)) in one.lines().zip(other.lines()).enumerate() {
        assert_eq!(a, b, "{name}, line {number} of the model");
    }
    assert_eq!(one.lines().count(), other.lines().count(), "{name}");
}

#[test]
fn expanding_what_was_expanded_changes_nothing() {
    for (name, text) in examples() {
        let once = expanded(&name, &text);
        similar(&name, &declared(&name, &text), &declared(&name, &once));
        assert_eq!(expanded(&name, &once), once, "{name}");
        assert_eq!(format(&once).unwrap(), once, "{name} is expanded in its canonical layout");
    }
}

#[test]
fn laying_out_changes_no_meaning_and_is_done_once() {
    for (name, text) in examples() {
        let laid_out = format(&text).unwrap();
        assert_eq!(format(&laid_out).unwrap(), laid_out, "{name}");
        assert_eq!(expanded(&name, &laid_out), expanded(&name, &text), "{name}");
    }
}

/// One broken block does not hide the others (DECISIONS 28).
#[test]
fn every_problem_is_reported_in_one_run() {
    let text = "network \"a\" {\n  cidrs = [\"10.0.0.0/33\"]\n}\nnetwork \"b\" {\n  cidrs == 1\n}\nnetwork \"c\" {\n  cidr = []\n\nnetwork \"d\" {\n  cidrs = [1]\n}\n";
    let (_, findings) = config::parse(&Sources::single("test.hcl", text), &Fixed);
    let lines: Vec<u32> = findings.iter().map(|finding| finding.place.line).collect();
    assert_eq!(lines, [2, 5, 7, 11], "{findings:#?}");
}

/// What refers to a block that could not be parsed is not wrong as well.
#[test]
fn a_broken_block_is_reported_once() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken");
    for name in ["05-missing-brace", "08-unclosed-string", "31-colon-for-equals"] {
        let sources = Sources::load(Path::new(&format!("{folder}/{name}.hcl"))).unwrap();
        let (_, findings) = config::parse(&sources, &Fixed);
        assert_eq!(findings.len(), 1, "{name}: {findings:#?}");
    }
}
