//! Connections that are passed through, or would be if their ClientHello said so.

use model::Refusal;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "ERR_CONNECTION_CLOSED; curl: \"unexpected eof while reading\" (35), or nothing at all for what does not speak TLS",
        causes: &[
            "A checker that connects and hangs up without saying anything: harmless.",
            "Something that is not TLS on a port that passes TLS through: SSH, SMTP, a database's own protocol.",
            "A client that begins in plain and asks for TLS later (STARTTLS, PostgreSQL before 17): its name is not known when the target has to be chosen.",
        ],
        confirm: &[
            (
                "grep tls/no-client-hello connection.log",
                "who it was: one address at even times is a checker",
            ),
            (
                "openssl s_client -connect HOST:443 -servername HOST",
                "shows the target's certificate: TLS itself passes",
            ),
        ],
        remedy: &[
            "Let the checker shake hands: `openssl s_client` or `curl -k https://HOST/`.",
            "Give what speaks first in plain a port of its own that leads to it directly.",
            "PostgreSQL 17 and later: connect with `sslnegotiation=direct`.",
        ],
        related: &["tls/handshake-timeout", "tls/plain-http", "tls/no-rule-for-name"],
        ..Page::refusal(Refusal::TlsNoClientHello)
    },
    Page {
        sees: "ERR_CONNECTION_CLOSED, \"unexpectedly closed the connection\"; curl: \"unexpected eof while reading\" (35)",
        causes: &[
            "The name leads to this load balancer, and no rule of the listener has it in `server_name`.",
            "The client asks by an address: then it says no server name, and only the default is left.",
            "The name in the ClientHello is encrypted (ECH): the outer one, which is the public name of the configuration, is all that is seen.",
            "A wildcard `*.example.com` does not stand for `example.com` itself.",
        ],
        confirm: &[
            (
                "grep tls/no-rule-for-name connection.log",
                "the field after the code is the name that was asked for; `-` is none",
            ),
            ("pointsman explain https://HOST/", "names the rules that came nearest"),
            (
                "openssl s_client -connect HOST:443 -servername NAME",
                "a certificate for a name that has a rule, and none for one that has not",
            ),
        ],
        remedy: &[
            "Add the name to `server_name` of the rule that it belongs to.",
            "Or `default { forward = target_group.… }`: the target then decides about names that no rule has.",
        ],
        related: &["tls/closed-by-rule", "lint/host-not-served", "tls/no-client-hello"],
        ..Page::refusal(Refusal::TlsNoRuleForName)
    },
    Page {
        sees: "ERR_CONNECTION_CLOSED, \"unexpectedly closed the connection\"; curl: \"unexpected eof while reading\" (35)",
        causes: &[
            "A rule with `close = true` takes this name, or this client's address: somebody wanted it so.",
            "Its pattern is wider than was meant, or its priority is before that of the rule that should have taken it.",
        ],
        confirm: &[
            (
                "grep tls/closed-by-rule connection.log",
                "the fields after the code: the name that was asked for",
            ),
            (
                "pointsman explain https://HOST/ --from NETWORK",
                "the rules, as this client meets them",
            ),
        ],
        remedy: &[
            "Narrow `server_name` or `source_ip` of the rule that closes, or give it a greater priority number.",
        ],
        related: &["tls/no-rule-for-name", "lint/shadowed-rule"],
        ..Page::refusal(Refusal::TlsClosedByRule)
    },
];
