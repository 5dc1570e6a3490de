//! Every wrong combination of a listener that passes TLS through has words and a remedy of its own.

use config::{RealEnvironment, Sources};
use model::{Finding, Severity};

/// The listener's protocol, more of the listener, of its rule, of its default, and of the group.
struct Parts<'a> {
    protocol: &'a str,
    listener: &'a str,
    rule: &'a str,
    default: &'a str,
    group: &'a str,
}

const GOOD: Parts<'static> = Parts {
    protocol: "TLS_PASSTHROUGH",
    listener: "",
    rule: "server_name = \"a.example\"\nforward = target_group.one",
    default: "close = true",
    group: "protocol = \"TCP\"",
};

fn errors(parts: &Parts<'_>) -> Vec<Finding> {
    let Parts { protocol, listener, rule, default, group } = parts;
    let text = format!(
        r#"
load_balancer "edge" {{
  security_groups = [security_group.all]
  listener "tls" {{
    port = 443
    protocol = "{protocol}"
{listener}
    rule "one" {{
{rule}
    }}
    default {{
{default}
    }}
  }}
}}
security_group "all" {{
  ingress {{
    ports = 443
    from  = anywhere
  }}
}}
certificate "made" {{
  development = true
  names       = ["a.example"]
}}
target_group "one" {{
  targets = ["10.0.1.5:443"]
{group}
}}
"#
    );
    let (_, findings) = config::parse(&Sources::single("site.hcl", &text), &RealEnvironment);
    findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect()
}

#[test]
fn what_is_right_is_taken() {
    let rows = [
        ("names", GOOD),
        ("addresses", Parts { rule: "source_ip = \"10.0.0.0/8\"\nclose = true", ..GOOD }),
        ("a default that forwards", Parts { default: "forward = target_group.one", ..GOOD }),
        (
            "weights",
            Parts {
                default: "forward {\ngroup {\ntarget = target_group.one\nweight = 3\n}\n}",
                ..GOOD
            },
        ),
        (
            "a check by https",
            Parts { group: "protocol = \"TCP\"\nhealth_check {\nprotocol = \"HTTPS\"\n}", ..GOOD },
        ),
    ];
    for (row, parts) in rows {
        assert_eq!(errors(&parts), Vec::new(), "{row}");
    }
}

#[test]
fn what_is_wrong_is_told_once_with_its_remedy() {
    const FORWARD: &str = "\nforward = target_group.one";
    let rule = |condition: &str| format!("{condition}{FORWARD}");
    let (host, path) = (rule("host = \"a.example\""), rule("path = \"/a\""));
    let (method, header) = (rule("method = \"GET\""), rule("header {\nname = \"x\"\n}"));
    let (query, rewrite) = (rule("query {\nvalue = \"1\"\n}"), rule("rewrite {\npath = \"/\"\n}"));
    let (address, url) =
        (rule("server_name = \"10.0.1.5\""), rule("server_name = \"https://a.example/\""));
    let https = Parts {
        protocol: "HTTPS",
        listener: "certificates = [certificate.made]",
        rule: "path = \"/a\"\nforward = target_group.one",
        default: "fixed_response {\nstatus = 404\n}",
        group: "",
    };
    let rows = [
        ("host", Parts { rule: &host, ..GOOD }, "reads no `host`", "server_name"),
        ("path", Parts { rule: &path, ..GOOD }, "no `path`", "`protocol = \"HTTPS\"`"),
        ("method", Parts { rule: &method, ..GOOD }, "no `method`", "`protocol = \"HTTPS\"`"),
        ("header", Parts { rule: &header, ..GOOD }, "no `header`", "`protocol = \"HTTPS\"`"),
        ("query", Parts { rule: &query, ..GOOD }, "no `query`", "`protocol = \"HTTPS\"`"),
        ("rewrite", Parts { rule: &rewrite, ..GOOD }, "no `rewrite`", "`protocol = \"HTTPS\"`"),
        ("an address", Parts { rule: &address, ..GOOD }, "`10.0.1.5` is an address", "`default`"),
        ("a url", Parts { rule: &url, ..GOOD }, "is a URL", "`\"a.example\"`"),
        (
            "a redirect",
            Parts { default: "redirect {\nport = \"1\"\n}", ..GOOD },
            "cannot answer, and so not `redirect`",
            "`close = true`",
        ),
        (
            "a fixed response",
            Parts { default: "fixed_response {\nstatus = 404\n}", ..GOOD },
            "cannot answer, and so not `fixed_response`",
            "`close = true`",
        ),
        ("no action", Parts { default: "", ..GOOD }, "says not what to do", "`close = true`"),
        ("close = false", Parts { default: "close = false", ..GOOD }, "`close` is true", "forward"),
        (
            "two actions",
            Parts { default: "close = true\nforward = target_group.one", ..GOOD },
            "more than one action",
            "`close`",
        ),
        (
            "certificates",
            Parts { listener: "certificates = [certificate.made]", ..GOOD },
            "shows no certificate",
            "the target shows its own",
        ),
        (
            "a policy",
            Parts { listener: "tls_policy = \"ELBSecurityPolicy-TLS13-1-3-2021-06\"", ..GOOD },
            "no policy of its own",
            "remove `tls_policy`",
        ),
        (
            "certificates of clients",
            Parts { listener: "client_certificates {\nmode = \"passthrough\"\n}", ..GOOD },
            "only an HTTPS listener",
            "remove `client_certificates`",
        ),
        (
            "headers of answers",
            Parts { listener: "response_headers = { \"X-A\" = \"b\" }", ..GOOD },
            "`response_headers` is of answers",
            "remove it",
        ),
        (
            "a group for requests",
            Parts { group: "protocol = \"HTTPS\"", ..GOOD },
            "target_group.one is asked over https",
            "`protocol = \"TCP\"` in the group",
        ),
        (
            "a sticky action",
            Parts {
                default: "forward {\nstickiness = \"1h\"\ngroup {\ntarget = target_group.one\n}\n}",
                ..GOOD
            },
            "stickiness is a cookie",
            "remove `stickiness`",
        ),
        (
            "a sticky group",
            Parts { group: "protocol = \"TCP\"\nstickiness {}", ..GOOD },
            "a TCP group sees no requests, and has no `stickiness`",
            "remove `stickiness`",
        ),
        (
            "a TCP group for requests",
            Parts { group: "protocol = \"TCP\"", ..https },
            "`tls` forwards requests, and target_group.one is TCP",
            "`protocol = \"TLS_PASSTHROUGH\"` in the listener",
        ),
        (
            "a name for requests",
            Parts { rule: GOOD.rule, ..https },
            "`server_name` is a condition of listeners that pass TLS through",
            "write `host = […]`",
        ),
        (
            "close for requests",
            Parts { default: "close = true", ..https },
            "only a listener that passes TLS through can `close`",
            "fixed_response",
        ),
    ];
    for (row, parts, message, hint) in rows {
        let errors = errors(&parts);
        let [error] = &errors[..] else { panic!("{row}: {errors:#?}") };
        assert!(error.message.contains(message), "{row}: {}", error.message);
        let said = error.hint.as_deref().unwrap_or_default();
        assert!(said.contains(hint), "{row}: {said}");
        assert!(error.place.line > 1, "{row}: {}", error.place);
    }
}
