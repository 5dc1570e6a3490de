//! Questions and answers as a person has them on the command line: `explain`, `who`, `reach`,
//! `compare`, expectations, and the changes that an explanation proposes.

mod support;

use std::path::Path;
use std::process::{Command, Output};

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

struct Row {
    name: &'static str,
    edits: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    code: i32,
    /// What the answer says, in this order.
    says: &'static [&'static str],
}

const NONE: &[(&str, &str)] = &[];
const TO_FRONT: &str = "    default {\n      forward = target_group.front\n    }\n";

const EGRESS: &str = "    from  = [network.office]\n  }\n\n  egress {\n    ports = [3000, 8080]\n    \
                      to    = [network.vpc]\n  }\n";

const ROWS: &[Row] = &[
    Row {
        name: "it reaches",
        edits: NONE,
        arguments: &["https://shop.example/products/1", "--from", "office"],
        code: 0,
        says: &["✓ office", "rule \"products\" (priority 1) takes it", "200 OK"],
    },
    Row {
        name: "a network that is not admitted",
        edits: NONE,
        arguments: &["https://shop.example/products/1", "--from", "lte"],
        code: 3,
        says: &[
            "stops at hop 3",
            "[admit/no-rule]",
            "admits tcp/443 only from office",
            "would pass: rule \"products\"",
            "ERR_CONNECTION_TIMED_OUT",
            "Fix 1 (security group) admit network.lte in security_group.web (or `anywhere`",
            "+ from = [network.office, network.lte]",
            "then: 200 OK",
        ],
    },
    Row {
        name: "by an address of IPv6",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "2001:db8:17e::5"],
        code: 3,
        says: &[
            "load_balancer.edge at 2001:db8:2::10",
            "[network.office, \"2001:db8:17e::5/128\"]",
        ],
    },
    Row {
        name: "a translated network, of a load balancer inside",
        edits: &[("    from  = [network.vpc]", "    from  = [\"10.0.1.0/24\"]")],
        arguments: &["http://10.0.0.20/", "--from", "guest-wifi"],
        code: 3,
        says: &[
            "[admit/no-rule]",
            "admit network.guest-wifi in security_group.inner",
            "then: 200 OK",
        ],
    },
    Row {
        name: "a translated network, of a public one, by one of its addresses",
        edits: NONE,
        arguments: &["https://shop.example/products/1", "--from", "192.168.50.7"],
        code: 3,
        says: &["[admit/no-rule]", "admit 198.51.100.20/32 in security_group.web", "then: 200 OK"],
    },
    Row {
        name: "what fails outweighs what is not known",
        edits: &[
            (
                "    from  = [security_group.web, security_group.inner]",
                "    from  = [network.office]",
            ),
            ("  application \"api\" {\n    port    = 8080\n    answers = 200\n  }\n", ""),
        ],
        arguments: &["http://10.0.1.5:8080/"],
        code: 3,
        says: &["[admit/no-rule]"],
    },
    Row {
        name: "denied with a page",
        edits: &[(
            "  security_groups = [security_group.web]\n\n  listener",
            "  security_groups = [security_group.web]\n  deny            = \"page\"\n\n  listener",
        )],
        arguments: &["http://shop.example/", "--from", "lte"],
        code: 3,
        says: &["403 Forbidden"],
    },
    Row {
        name: "the answer is a failure",
        edits: NONE,
        arguments: &["https://shop.example/gone", "--from", "office"],
        code: 4,
        says: &[
            "comes to hop 7 of 7 and fails: action",
            "the rule answers 410 Gone itself",
            "410 Gone, a page of the load balancer",
        ],
    },
    Row {
        name: "a near miss of a path",
        edits: NONE,
        arguments: &["https://shop.example/product/7", "--from", "office"],
        code: 0,
        says: &["rule \"products\" did not match: path `/product/7` is not `/products/*`"],
    },
    Row {
        name: "a method decides",
        edits: NONE,
        arguments: &["https://shop.example/orders", "--from", "office", "--method", "POST"],
        code: 0,
        says: &["rule \"posts\" (priority 2) takes it"],
    },
    Row {
        name: "a header decides",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "office", "-H", "Host: old.shop.example"],
        // As with curl, the header goes along to the same host.
        code: 4,
        says: &["[redirect/loop]", "rule \"old\" (priority 3) takes it"],
    },
    Row {
        name: "redirects are followed to the end",
        edits: NONE,
        arguments: &["http://old.shop.example/cart?x=1", "--from", "office"],
        code: 0,
        says: &[
            "(2) https://old.shop.example/cart?x=1",
            "(3) https://shop.example/cart?x=1",
            "200 OK",
        ],
    },
    Row {
        name: "a redirect in a circle",
        edits: &[(
            "        host = \"shop.example\"\n",
            "        host = \"old.shop.example\"\n        path = \"/#{path}\"\n        query = \"a=b\"\n",
        )],
        arguments: &["https://old.shop.example/?a=b", "--from", "office"],
        code: 4,
        says: &["[redirect/loop]", "ERR_TOO_MANY_REDIRECTS"],
    },
    Row {
        name: "a redirect to a closed port",
        edits: &[("        port     = \"443\"\n", "        port     = \"8443\"\n")],
        arguments: &["http://shop.example/", "--from", "office"],
        code: 3,
        says: &["[name/no-listener]", "ERR_CONNECTION_REFUSED", "port = \"443\"", "then: 200 OK"],
    },
    Row {
        name: "a certificate for another name",
        edits: NONE,
        arguments: &["https://other.example/", "--from", "office"],
        code: 3,
        says: &[
            "[tls/name-mismatch]",
            "NET::ERR_CERT_COMMON_NAME_INVALID",
            "+ certificates = [certificate.shop, certificate.other]",
        ],
    },
    Row {
        name: "no such name",
        edits: NONE,
        arguments: &["https://missing.example/", "--from", "office"],
        code: 3,
        says: &["name/no-record", "DNS_PROBE_FINISHED_NXDOMAIN"],
    },
    Row {
        name: "a name of another view",
        edits: NONE,
        arguments: &["http://api.internal/", "--from", "office"],
        code: 3,
        says: &["[name/not-visible]"],
    },
    Row {
        name: "an internal load balancer from outside",
        edits: NONE,
        arguments: &["http://10.0.0.20/", "--from", "internet"],
        code: 3,
        says: &["[name/unroutable]"],
    },
    Row {
        name: "every later failure is told",
        edits: &[
            ("  targets = [\"instance.web:8080\"]", "  targets = [\"instance.web:443\"]"),
            (
                "  names       = [\"shop.example\", \"*.shop.example\"]",
                "  names       = [\"*.shop.example\"]",
            ),
        ],
        arguments: &["https://shop.example/products/1", "--from", "lte"],
        code: 3,
        says: &[
            "✗ security_group.web admits tcp/443 only",
            "✗ would fail too: certificate.shop",
            "✗ would fail too: instance.web does not admit load_balancer.edge on tcp/443",
            "✗ would fail too: nothing is declared to listen on port 443 of instance.web",
            "Fix 1 (security group)",
            "Fix 2 (tls) have certificate.shop cover shop.example as well",
            "+ names = [\"*.shop.example\", \"shop.example\"]",
            "Fix 3",
            "then: 200 OK",
        ],
    },
    Row {
        name: "the machine does not admit the load balancer",
        edits: &[(
            "    from  = [security_group.web, security_group.inner]",
            "    from  = [security_group.inner]",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &[
            "[target/connect-timeout]",
            "instance.web does not admit load_balancer.edge on tcp/3000",
            "504 Gateway Timeout",
            "+ from = [security_group.inner, security_group.web]",
            "then: 200 OK",
        ],
    },
    Row {
        name: "nothing listens on the target's port",
        edits: &[
            (
                "  targets = [\"instance.web:3000\"]",
                "  targets = [\"instance.web:8080\", \"instance.web:443\"]",
            ),
            (
                "  targets = [\"instance.web:8080\", \"instance.web:443\"]",
                "  targets = [\"instance.web:443\"]",
            ),
            ("    ports = [3000, 8080]", "    ports = \"all\""),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["target/refused", "502 Bad Gateway", "instance.web:3000", "then: 200 OK"],
    },
    Row {
        name: "no target",
        edits: &[("  targets = [\"instance.web:3000\"]", "  targets = []")],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[target/none-registered]", "503 Service Unavailable", "register a target"],
    },
    Row {
        name: "no group has a weight",
        edits: &[(
            TO_FRONT,
            "    default {\n      forward {\n        group {\n          target = target_group.front\n          weight = 0\n        }\n      }\n    }\n",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[route/no-weight]", "+ weight = 1", "then: 200 OK"],
    },
    Row {
        name: "both redirect to https",
        edits: &[(
            "    port    = 3000\n    answers = 200\n",
            "    port      = 3000\n    redirects = \"https\"\n    answers   = 200\n",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[redirect/loop]", "take the redirect out of the application"],
    },
    Row {
        name: "round the load balancer, by the bare address",
        edits: &[(
            "    from  = [security_group.web, security_group.inner]",
            "    from  = [anywhere]",
        )],
        arguments: &["http://10.0.1.5:3000/", "--from", "vpc"],
        code: 0,
        says: &["this is instance.web, round every load balancer"],
    },
    Row {
        name: "a machine asks itself",
        edits: NONE,
        arguments: &["http://10.0.1.5:3000/", "--from", "instance.web"],
        code: 0,
        says: &["instance.web asks itself: no security group is asked", "200 OK"],
    },
    Row {
        name: "a page of which the browser's calls fail",
        edits: &[(
            "  calls        = [\"https://shop.example/products/2\"]",
            "  calls        = [\"https://products.example/2\"]",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &[
            "✓ office",
            "The page then asks for more",
            "✓ http://api.internal/products/1 (server, from instance.web)",
            "✗ https://products.example/2 (browser",
            "Failed to fetch",
        ],
    },
    Row {
        name: "a script that may not read what it gets",
        edits: &[
            (
                "  calls        = [\"https://shop.example/products/2\"]",
                "  calls        = [\"https://old.shop.example/products/2\"]",
            ),
            (
                "    port    = 8080\n    answers = 200\n",
                "    port    = 8080\n    answers = 200\n    cors    = [\"https://else.example\"]\n",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &[
            "✗ https://old.shop.example/products/2 (browser",
            "blocked by CORS policy",
            "the application does not allow scripts of https://shop.example",
            "`pointsman explain https://old.shop.example/products/2 --from office` says what mends",
        ],
    },
    Row {
        name: "a script that may read what it gets",
        edits: &[
            (
                "  calls        = [\"https://shop.example/products/2\"]",
                "  calls        = [\"https://old.shop.example/products/2\"]",
            ),
            (
                "    port    = 8080\n    answers = 200\n",
                "    port    = 8080\n    answers = 200\n    cors    = [\"https://shop.example\"]\n",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 0,
        says: &["✓ https://old.shop.example/products/2 (browser"],
    },
    Row {
        name: "calls of a page that is declared nowhere",
        edits: NONE,
        arguments: &[
            "https://shop.example/gone",
            "--from",
            "office",
            "--page",
            "http://api.internal/products/1",
        ],
        code: 4,
        says: &["✗ http://api.internal/products/1 (browser", "[name/not-visible]"],
    },
    Row {
        name: "a load balancer on every address of IPv4 has none of IPv6",
        edits: &[
            ("[\"203.0.113.10\", \"2001:db8:2::10\"]", "[\"0.0.0.0\"]"),
            // Both listen on every address now.
            (
                "group.inner]\n\n  listener \"http\" {\n    port = 80",
                "group.inner]\n\n  listener \"http\" {\n    port = 81",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "2001:db8:1::5"],
        code: 0,
        says: &["shop.example has no IPv6 address", "name/other-family"],
    },
    Row {
        name: "two addresses of a listener of which one is private",
        edits: &[
            ("[\"203.0.113.10\", \"2001:db8:2::10\"]", "[\"203.0.113.10\", \"10.0.0.30\"]"),
            (
                "record \"shop.example\" {\n  alias = load_balancer.edge\n",
                "record \"shop.example\" {\n  addresses = [\"203.0.113.10\", \"10.0.0.30\"]\n",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 3,
        says: &["203.0.113.10:443 is load_balancer.edge", "10.0.0.30 is a private address"],
    },
    Row {
        name: "something else on the machine of the load balancer",
        edits: &[
            ("  addresses       = [\"10.0.1.5\"]", "  addresses       = [\"203.0.113.10\"]"),
            ("    from  = [security_group.web, security_group.inner]", "    from  = [anywhere]"),
        ],
        arguments: &["http://203.0.113.10:3000/", "--from", "office"],
        code: 0,
        says: &["this is instance.web, round every load balancer", "200 OK"],
    },
    Row {
        name: "a name that leads elsewhere",
        edits: &[(
            "record \"other.example\" {\n  alias = load_balancer.edge\n",
            "record \"other.example\" {\n  cname = \"shop.cdn.test\"\n",
        )],
        arguments: &["https://other.example/", "--from", "office"],
        code: 0,
        says: &["other.example leads to shop.cdn.test, which is kept elsewhere"],
    },
    Row {
        name: "a target by a name, where not everywhere is allowed",
        edits: &[
            ("    from  = [network.office]\n  }\n", EGRESS),
            ("[\"instance.web:3000\"]", "[\"app.internal:3000\"]"),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 0,
        says: &["whether load_balancer.edge may connect to app.internal:3000 is not known"],
    },
    Row {
        name: "a target on the load balancer's machine, where that is not allowed",
        edits: &[
            ("    from  = [network.office]\n  }\n", EGRESS),
            ("[\"instance.web:3000\"]", "[\"localhost:3000\"]"),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[target/egress-denied]"],
    },
    Row {
        name: "a header that frames a body",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "office", "-H", "Content-Length: 5"],
        code: 0,
        says: &["whether it is taken depends on its body"],
    },
    Row {
        name: "empty elements are no addresses",
        edits: NONE,
        arguments: &[
            "https://shop.example/",
            "--from",
            "office",
            "-H",
            "X-Forwarded-For: ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,192.0.2.1",
        ],
        code: 0,
        says: &["200 OK"],
    },
    Row {
        name: "a network that nobody declared",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "guest-wfi"],
        code: 2,
        says: &["guest-wfi", "did you mean `guest-wifi`"],
    },
    Row {
        name: "not an address",
        edits: NONE,
        arguments: &["gopher://shop.example/", "--from", "office"],
        code: 2,
        says: &["gopher"],
    },
    Row {
        name: "a header without a colon",
        edits: NONE,
        arguments: &["https://shop.example/", "-H", "Host"],
        code: 2,
        says: &["is not a header"],
    },
    Row {
        name: "a code",
        edits: NONE,
        arguments: &["admit/no-rule"],
        code: 0,
        says: &["admit/no-rule", "timed out"],
    },
    Row {
        name: "a code that there is not",
        edits: NONE,
        arguments: &["admit/no-rul"],
        code: 2,
        says: &["did you mean `admit/no-rule`"],
    },
];

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
