//! Rows about certificates that an authority is asked for.

use super::rows::{NAMES, Row};

/// Ordered instead of made here.
const DEVELOPMENT: &str = "  development = true\n";
const AUTHORITY: &str = "authority \"letsencrypt\" {\n  agree_to_terms = true\n}";
const RECORD: &str = "record \"shop.example\" {\n  alias = load_balancer.shop\n}\n";
const ZONE: &str = r#"network "name-servers" { cidrs = ["203.0.113.53/32"] }

zone "shop.example" {
  name_servers = ["ns1"]

  record "ns1" { addresses = ["203.0.113.53"] }

  record "@" {
    alias = load_balancer.shop
    # more
  }
}
"#;
/// The listener that redirects.
const PLAIN: &str = r#"  listener "http" {
    port = 80

    default { # redirects
      redirect {
        protocol = "HTTPS"
        port     = "443"
      }
    }
  }

"#;

pub const ROWS: &[Row] = &[
    Row {
        code: "lint/authority-not-admitted",
        name: "a challenge over a port on which nothing listens",
        bad: &[
            (DEVELOPMENT, "  authority = authority.letsencrypt\n  challenge = \"http-01\"\n"),
            ("", AUTHORITY),
            (PLAIN, ""),
            ("[80, 443]", "[443]"),
        ],
        at: "certificate \"shop\" {",
        good: &[("\"http-01\"", "\"tls-alpn-01\"")],
    },
    Row {
        code: "lint/authority-not-allowed",
        name: "a CAA record for another authority",
        bad: &[
            (DEVELOPMENT, "  authority = authority.letsencrypt\n"),
            ("", AUTHORITY),
            (RECORD, ZONE),
            ("# more", "caa = [\"0 issue other.example\"]"),
        ],
        at: "certificate \"shop\" {",
        good: &[("issue other.example", "issue letsencrypt.org")],
    },
    Row {
        code: "lint/authority-sent-elsewhere",
        name: "a name of a certificate that our own zone does not know",
        bad: &[
            (DEVELOPMENT, "  authority = authority.letsencrypt\n  challenge = \"http-01\"\n"),
            ("", AUTHORITY),
            (RECORD, ZONE),
            (NAMES, "[\"shop.example\", \"new.shop.example\"]"),
        ],
        at: "certificate \"shop\" {",
        good: &[(
            "record \"@\" {",
            "record \"new\" { alias = load_balancer.shop }\n\n  record \"@\" {",
        )],
    },
    Row {
        code: "lint/challenge-not-served",
        name: "a wildcard whose zone is another's",
        bad: &[
            (DEVELOPMENT, "  authority = authority.letsencrypt\n"),
            ("", AUTHORITY),
            (NAMES, "[\"shop.example\", \"*.shop.example\"]"),
        ],
        at: "certificate \"shop\" {",
        good: &[(", \"*.shop.example\"", "")],
    },
];
