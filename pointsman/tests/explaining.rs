//! Questions and answers as a person has them on the command line: `explain`, `who`, `reach`,
//! `compare`, expectations, and the changes that an explanation proposes.

mod explaining {
    pub mod rows;
}
mod support;

use std::path::Path;
use std::process::{Command, Output};

use explaining::rows::{ROWS, Row};
use support::{Instance, Origin, PROGRAM, at, free_port};

const SITE: &str = include_str!("explaining/site.hcl");

/// The site with its mistakes put in, each a text and what stands in its place.
fn with(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(SITE.to_owned(), |text, (before, after)| {
        assert!(text.contains(before), "the site has no `{before}`");
        text.replacen(before, after, 1)
    })
}

/// Runs a verb on a configuration.
fn ask(folder: &Path, configuration: &str, arguments: &[&str], columns: &str) -> Output {
    std::fs::write(folder.join("site.hcl"), configuration).unwrap();
    Command::new(PROGRAM)
        .args(arguments)
        .args(["--config", "site.hcl"])
        .current_dir(folder)
        .env("COLUMNS", columns)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Words of a paragraph, however it is wrapped.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for Row { name, edits, arguments, code, says } in ROWS {
        let configuration = with(edits);
        let output =
            ask(folder.path(), &configuration, &[&["explain"], *arguments].concat(), "100");
        let text = said(&output);
        if output.status.code() != Some(*code) {
            wrong
                .push(format!("{name}: exit code {:?}, not {code}:\n{text}", output.status.code()));
        }
        let flat = flat(&text);
        let mut rest = &flat[..];
        for needle in *says {
            match rest.find(needle) {
                Some(at) => rest = &rest[at..],
                None => wrong.push(format!("{name}: no `{needle}` (in this order) in\n{text}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `proxy_pass` with a path of its own: what is behind is asked for another than the client asked for.
#[test]
fn a_path_that_nginx_replaces_is_not_judged_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let behind =
        "server { listen 8080; location /api/ { return 404; } location / { return 200; } }\n";
    std::fs::write(folder.path().join("behind.conf"), behind).unwrap();
    let configuration = with(&[
        (
            "    port    = 3000\n    answers = 200\n",
            "    port  = 3000\n    nginx = \"front.conf\"\n",
        ),
        (
            "    port    = 8080\n    answers = 200\n",
            "    port  = 8080\n    nginx = \"behind.conf\"\n",
        ),
    ]);
    for (name, to, code, says) in [
        ("the path as it came", "http://127.0.0.1:8080", 4, "404 Not Found"),
        ("a path of its own", "http://127.0.0.1:8080/", 0, "the application answers"),
    ] {
        let front = format!("server {{ listen 3000; location /api/ {{ proxy_pass {to}; }} }}\n");
        std::fs::write(folder.path().join("front.conf"), front).unwrap();
        let arguments = ["explain", "https://shop.example/api/x", "--from", "office"];
        let output = ask(folder.path(), &configuration, &arguments, "100");
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{name}: {text}");
        assert!(flat(&text).contains(says), "{name}: {text}");
    }
}

/// A diff as it is printed, applied to the text by hand.
fn applied(text: &str, diff: &serde_json::Value) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let diff: Vec<&str> = diff.as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    let (place, rest) = diff.split_first().expect("a diff begins with its place");
    let at: usize = place.rsplit(':').next().unwrap().parse().unwrap();
    let of = |mark: char| rest.iter().filter_map(move |line| line.strip_prefix(mark));
    for (offset, line) in of('-').enumerate() {
        assert_eq!(&lines[at - 1 + offset], &line[1..], "the diff shows what stands there");
    }
    let added: Vec<String> = of('+').map(|line| line.get(1..).unwrap_or("").to_owned()).collect();
    lines.splice(at - 1..at - 1 + of('-').count(), added);
    lines.join("\n") + "\n"
}

/// Each fix of an explanation, applied exactly as it is printed, leads to what it promises.
#[test]
fn fixes_mend_when_they_are_applied_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mut mended = 0;
    for row in ROWS.iter().filter(|row| matches!(row.code, 3 | 4)) {
        let mut text = with(row.edits);
        let arguments = [&["explain", "--json"], row.arguments].concat();
        let before = ask(folder.path(), &text, &arguments, "100");
        let report: serde_json::Value = serde_json::from_slice(&before.stdout).unwrap();
        let fixes = report["fixes"].as_array().unwrap().clone();
        // From the end of the file, so that lines above stay where they are.
        let line = |fix: &serde_json::Value| -> usize {
            fix["diff"][0].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
        };
        let mut ordered: Vec<&serde_json::Value> = fixes.iter().collect();
        ordered.sort_by_key(|fix| std::cmp::Reverse(line(fix)));
        for fix in ordered {
            text = applied(&text, &fix["diff"]);
        }
        let Some(last) = fixes.last() else { continue };
        mended += 1;
        let after = ask(folder.path(), &text, &arguments, "100");
        let report: serde_json::Value = serde_json::from_slice(&after.stdout)
            .unwrap_or_else(|_| panic!("{}: {}", row.name, said(&after)));
        let sees: Vec<&str> = report["parts"].as_array().unwrap()[0]["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|outcome| outcome["sees"].as_str().unwrap())
            .collect();
        assert_eq!(sees.join(", or "), last["then"].as_str().unwrap(), "{}", row.name);
    }
    assert!(mended >= 10, "only {mended} rows have a fix");
}

/// How answers look; `UPDATE_SNAPSHOTS=1` writes them anew.
#[test]
fn they_are_a_pleasure_to_read() {
    let url = "https://shop.example/products/1";
    let shots: [(&str, &[&str]); 5] = [
        ("explain", &["explain", url, "--from", "lte"]),
        ("redirects", &["explain", "http://old.shop.example/", "--from", "office"]),
        ("who", &["who", url]),
        ("reach", &["reach"]),
        ("compare", &["compare", url, "--from", "office", "--from", "guest-wifi"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explaining");
    for (name, arguments) in shots {
        for columns in ["80", "160"] {
            let output = ask(folder.path(), SITE, arguments, columns);
            let text = said(&output);
            assert!(!text.contains('\u{1b}'), "{name}: colour without a terminal");
            let width: usize = columns.parse().unwrap();
            let long = text.lines().find(|line| line.chars().count() > width);
            assert_eq!(long, None, "{name}: a line does not fit in {columns} columns");
            let file = kept.join(format!("{name}-{columns}.txt"));
            if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
                std::fs::write(&file, &text).unwrap();
            }
            let before = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                text == before,
                "{name} at {columns} columns is not as {} has it \
                 (UPDATE_SNAPSHOTS=1 writes it anew):\n{text}",
                file.display()
            );
        }
    }
}

/// Every address is in exactly one part.
#[test]
fn who_is_a_partition_of_all_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["who", "https://shop.example/products/1", "--json"];
    let output = ask(folder.path(), SITE, &arguments, "100");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let parts = report["parts"].as_array().unwrap();
    let v4: u64 = parts.iter().map(|part| part["ipv4_addresses"].as_u64().unwrap()).sum();
    assert_eq!(v4, 1 << 32, "{report:#}");
    let v6 = parts.iter().map(|part| {
        let text = part["ipv6_addresses"].as_str().unwrap();
        text.parse::<u128>().unwrap()
    });
    assert_eq!(v6.fold(0u128, u128::wrapping_add), 0, "2^128 of them: {report:#}");
    assert_eq!(report["left_out"], serde_json::json!([]));
    for part in parts {
        assert!(!part["because"].as_str().unwrap().is_empty(), "{part:#}");
    }
}

// === the running instance ===

fn served(port: u16, target: u16, from: &str) -> String {
    format!(
        r#"
network "own" {{ cidrs = ["127.0.0.0/8"] }}
network "visitors" {{ cidrs = ["127.9.0.0/16"] }}
security_group "web" {{
  ingress {{
    ports = [{port}]
    from  = [{from}]
  }}
}}
load_balancer "edge" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.web]
  listener "http" {{
    port = {port}
    default {{ forward = target_group.app }}
  }}
}}
target_group "app" {{
  targets = ["127.0.0.1:{target}"]
  health_check {{
    protocol = "TCP"
    interval = "1s"
    timeout = "1s"
  }}
}}
expect "visitors get in" {{
  url   = "http://127.0.0.1:{port}/"
  works = [network.visitors]
}}
"#
    )
}

#[test]
fn a_running_instance_knows_what_its_probes_saw() {
    let target = free_port();
    let port = free_port();
    let instance = Instance::start(&served(port, target, "anywhere"));
    instance.await_target("app", "unhealthy");
    let url = format!("http://127.0.0.1:{port}/");
    let output = instance.command(&["explain", &url, "--from", "own"]);
    let text = flat(&said(&output));
    assert_eq!(output.status.code(), Some(4), "{text}");
    for needle in [
        "[target/refused]",
        "0 of 1 target healthy",
        "nothing listens on its port since 20",
        "observed: target group, target",
    ] {
        assert!(text.contains(needle), "no `{needle}` in {text}");
    }

    let _app = Origin::start_at(at(target), |wire| {
        while wire.request().is_some() {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    instance.await_target("app", "healthy");
    let output = instance.command(&["explain", &url, "--from", "own"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_health_check_is_answered_for_its_own_path() {
    // As a gateway whose one application is down; its first answer to `/slow` takes for ever.
    let origin = Origin::start(|wire| {
        while let Some(head) = wire.request() {
            let status = if head.starts_with("GET /shop") { "200 OK" } else { "502 Bad Gateway" };
            if !head.starts_with("GET /slow") {
                wire.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
            }
        }
    });
    let port = free_port();
    let configuration = served(port, origin.address.port(), "anywhere");
    let instance = Instance::start(
        &configuration.replace("protocol = \"TCP\"", "path = \"/\"\n    unhealthy_threshold = 2"),
    );
    instance.await_target("app", "unhealthy");
    let explained = |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let output = instance.command(&["explain", &url, "--from", "own"]);
        (output.status.code(), flat(&said(&output)))
    };
    let rows = [("its path", "/", 4), ("with a query", "/?a=b", 4), ("another path", "/shop", 0)];
    for (name, path, code) in rows {
        let (seen, text) = explained(path);
        assert_eq!(seen, Some(code), "{name}: {text}");
        assert_eq!(text.contains("[target/answered-502]"), code == 4, "{name}: {text}");
    }
    instance.write(
        &configuration
            .replace("protocol = \"TCP\"", "path = \"/slow\"\n    unhealthy_threshold = 2"),
    );
    assert!(instance.reload().status.success());
    assert!(!explained("/").1.contains("answered-502"), "of the check before");
    support::until("the check to have waited", || {
        let status = instance.status().to_string();
        status.contains("Target.Timeout").then_some(())
    });
    let (code, text) = explained("/slow");
    assert_eq!(code, Some(0), "a load balancer waits longer than a check: {text}");
}

#[test]
fn a_reload_that_breaks_an_expectation_is_refused_unless_forced() {
    let (port, target) = (free_port(), free_port());
    let instance = Instance::start(&served(port, target, "anywhere"));
    instance.write(&served(port, target, "\"127.0.0.0/16\""));
    let refused = instance.reload();
    let text = said(&refused);
    assert_eq!(refused.status.code(), Some(3), "{text}");
    for needle in ["lint/expectation-broken", "visitors get in", "--force", "nothing was changed"] {
        assert!(text.contains(needle), "no `{needle}` in {text}");
    }
    let url = format!("http://127.0.0.1:{port}/");
    let before = instance.command(&["explain", &url, "--from", "visitors"]);
    assert!(!said(&before).contains("admit/no-rule"), "{}", said(&before));

    let forced = instance.command(&["reload", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    let after = instance.command(&["explain", &url, "--from", "visitors"]);
    assert_eq!(after.status.code(), Some(3), "{}", said(&after));

    // What does not hold already keeps nobody from another change.
    instance.write(&served(port, target, "\"127.0.0.0/24\""));
    let again = instance.reload();
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

#[test]
fn check_exits_with_3_for_a_broken_expectation_and_explains_it() {
    let folder = tempfile::tempdir().unwrap();
    let broken = with(&[
        ("  works  = [network.office]", "  works  = [network.lte]"),
        ("  denied = [network.lte, internet]", "  denied = [network.office]"),
    ]);
    std::fs::write(folder.path().join("site.hcl"), broken).unwrap();
    let output = Command::new(PROGRAM)
        .args(["check", "site.hcl"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = flat(&said(&output));
    assert_eq!(output.status.code(), Some(3), "{text}");
    for needle in ["the office gets in", "admit/no-rule", "site.hcl:19", "Fix 1"] {
        assert!(text.contains(needle), "no `{needle}` in {text}");
    }
}

/// The example of docs/dns.md, asked as its readers would.
#[test]
fn names_are_answered_as_documented() {
    let document = include_str!("../../docs/dns.md");
    let example = document.split("```hcl\n").nth(1).and_then(|rest| rest.split("```").next());
    let folder = tempfile::tempdir().unwrap();
    let rows: [(&[&str], i32, &[&str]); 10] = [
        (
            &["www.example.com", "AAAA"],
            0,
            &[
                "www.example.com. 300 IN CNAME example.com.",
                "example.com. 60 IN AAAA 2001:db8::10",
                "record example.com., alias of load_balancer.public [site.hcl:12]",
            ],
        ),
        (&["EXAMPLE.com.", "mx"], 0, &["example.com. 300 IN MX 10 mail.example.com."]),
        (&["beta.example.com"], 0, &["one of 2: 2", "by weight: 90", "by weight: 10"]),
        (
            &["near.example.com", "--from", "office"],
            0,
            &["203.0.113.31", "geolocation: network.office"],
        ),
        (&["near.example.com", "--from", "198.51.100.7"], 0, &["203.0.113.31"]),
        (&["near.example.com"], 0, &["203.0.113.32", "geolocation: the default"]),
        (
            &["www.example.com", "--from", "vpc"],
            3,
            &["status: NXDOMAIN", "example.com. 300 IN SOA", "private, for network.vpc"],
        ),
        (&["example.org"], 3, &["status: REFUSED"]),
        (&["example.com", "BOGUS"], 2, &["there is no type `BOGUS`", "hint: such as `A`"]),
        (&["www.example.com", "--from", "ofice"], 2, &["did you mean `office`?"]),
    ];
    for (arguments, code, says) in rows {
        let arguments = [&["dns", "query"], arguments].concat();
        let output = ask(folder.path(), example.unwrap(), &arguments, "100");
        let text = flat(&said(&output));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        for words in says {
            assert!(text.contains(words), "{arguments:?} does not say {words:?}: {text}");
        }
    }
    let ways: [(&[&str], &[&str]); 4] = [
        (
            &["http://www.example.com/", "--from", "vpc"],
            &[
                "[name/private-zone]",
                "gets the private zone example.com",
                "write the record into the private zone",
            ],
        ),
        (
            &["http://nope.example.com/"],
            &["[name/no-record]", "the zone example.com has no such name"],
        ),
        (
            &["http://www.example.com/"],
            &["(the zone example.com)", "load_balancer.public at 203.0.113.10"],
        ),
        (
            &["http://near.example.com/", "--from", "office"],
            &["geolocation: office", "another is the default"],
        ),
    ];
    for (arguments, says) in ways {
        let arguments = [&["explain"], arguments].concat();
        let text = flat(&said(&ask(folder.path(), example.unwrap(), &arguments, "100")));
        for words in says {
            assert!(text.contains(words), "{arguments:?} does not say {words:?}: {text}");
        }
    }
    let shown = document.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    let (command, expected) = shown.unwrap().split_once('\n').unwrap();
    assert!(command.contains("dns query beta.example.com"), "{command}");
    let output = ask(folder.path(), example.unwrap(), &["dns", "query", "beta.example.com"], "100");
    assert_eq!(said(&output).trim_end(), expected.trim_end());
}
