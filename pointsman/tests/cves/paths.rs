//! Rules decide on one path and targets serve another (CVE-2023-45539 and its kin): either they
//! are the same, or the request is refused.

use super::support::strict::Request;
use super::{Instance, Recorder, Wire, at, canary, free_port, site};

/// `/admin` is nobody's; everything else goes to the target.
const RULES: &str = r#"    rule "admin" {
      path = ["/admin", "/admin/*"]
      fixed_response {
        status = 403
      }
    }
    rule "pictures" {
      path    = "*.png"
      forward = target_group.app
    }
    default {
      forward = target_group.app
    }
"#;

/// What the most obliging target makes of a path: decoded, with backslashes as slashes, without
/// parameters, empty segments and dots.
fn obliging(target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let decoded = decode(path);
    let mut segments: Vec<&str> = Vec::new();
    let slashed = decoded.replace('\\', "/");
    for segment in slashed.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

fn decode(path: &str) -> String {
    let mut out = Vec::new();
    let bytes = path.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let pair = path.get(at + 1..at + 3);
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], byte) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn ways_to_admin() -> Vec<String> {
    let ups = [
        "..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "..;", "..;x=1", "%2e%2e;", ";x/..", ".;/..",
        "./..", "/..",
    ];
    let slashes = ["/", "//", "%2f", "%2F", "\\", "%5c", "/./", "/;/", "/%2e/"];
    let names = ["admin", "%61dmin", "admin/", "admin/x", "admin;x", "admin?x", "admin#x"];
    let mut all = Vec::new();
    for up in ups {
        for slash in slashes {
            all.push(format!("/public{slash}{up}{slash}admin"));
            all.push(format!("/public/{up}{slash}admin/x.png"));
        }
    }
    for slash in slashes {
        all.extend(names.iter().map(|name| format!("{slash}{name}")));
        all.extend(names.iter().map(|name| format!("/{slash}{name}")));
    }
    all.extend(names.iter().map(|name| format!("http://a/{name}")));
    all.extend(["http://a//admin", "http://a/x/../admin", "http://a\\admin"].map(str::to_owned));
    all
}

#[test]
fn cve_2023_45539_rules_and_targets_agree_on_the_path() {
    // Double encoding is one name to everybody who decodes once.
    assert_eq!(obliging("/public/%2e%2e/;x//ad%6din/?y"), "/admin");
    assert_eq!(obliging("/%2561dmin"), "/%61dmin");
    let (port, recorder) = (free_port(), Recorder::start());
    let instance = Instance::start(&site(port, "", RULES, &[recorder.origin.address]));
    let mut refused = 0;
    let ways = ways_to_admin();
    for way in &ways {
        let mut client = Wire::to(at(port));
        client.send(format!("GET {way} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let answer = client.response();
        assert!(matches!(answer.status, 200 | 400 | 403), "{way}: {}", answer.head);
        refused += usize::from(answer.status != 200);
    }
    let mut harmless = Wire::to(at(port));
    harmless.send(canary());
    assert_eq!(harmless.response().status, 200);
    drop(instance);
    let reached: Vec<Request> =
        recorder.last_verdicts().into_iter().flat_map(|verdict| verdict.requests).collect();
    for request in &reached {
        let path = obliging(&request.target);
        let admin = path == "/admin" || path.starts_with("/admin/");
        assert!(!admin, "the target serves {path} for {}", request.target);
    }
    assert_eq!(reached.len(), ways.len() - refused + 1);
    println!("{} ways to /admin: {refused} refused, the others lead elsewhere", ways.len());
}

/// What stands behind `#` is no part of the path, and HAProxy's rules thought it was.
#[test]
fn cve_2023_45539_number_sign() {
    let (port, recorder) = (free_port(), Recorder::start());
    let instance = Instance::start(&site(port, "", RULES, &[recorder.origin.address]));
    for path in ["/admin#.png", "/x#/../admin", "/x?a#b", "/#", "/admin%23.png"] {
        let mut client = Wire::to(at(port));
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let status = client.response().status;
        assert!(matches!(status, 200 | 400 | 403), "{path}: {status}");
    }
    drop(instance);
    for verdict in recorder.last_verdicts() {
        // The strict reader finds a number sign wrong.
        assert_eq!(verdict.wrong, None);
        for request in verdict.requests {
            assert_ne!(obliging(&request.target), "/admin", "{}", request.target);
        }
    }
}
