//! Certificates from authorities: what speaks against asking, and what became of it.

use super::Page;

pub const LINTS: &[Page] = &[
    Page {
        sees: "a warning of `check`; the certificate stays pending, and `cert list` says that the authority was not asked",
        causes: &[
            "A security group admits some networks only, and the authority asks from anywhere on the internet.",
            "No listener has the port that the challenge uses: 80 for `http-01`, 443 for `tls-alpn-01`.",
            "A router maps the port to another one, which is not declared.",
        ],
        confirm: &[
            ("pointsman who http://NAME/", "whether the internet is among those for whom it works"),
            ("pointsman cert show NAME", "how the names are proved, and why so"),
        ],
        remedy: &[
            "Serve the zone here and use `challenge = \"dns-01\"`: it needs no open port, and the security group stays as it is.",
            "Or admit `anywhere` to port 80: the challenge is answered there before any rule, and the rules still redirect everything else.",
        ],
        related: &["admit/no-rule", "lint/public-but-not-open", "certificate/not-issued"],
        ..Page::new(
            "lint/authority-not-admitted",
            "a certificate authority is to connect to a port to which it is not admitted",
        )
    },
    Page {
        sees: "a warning of `check`; an order would fail with \"no valid A records found\", or with somebody else's answer",
        causes: &[
            "The record was forgotten, or is visible to private networks only.",
            "An AAAA record is left from before: authorities prefer IPv6, and the browser of a person does not show it.",
            "The name leads to a load balancer or machine that is gone.",
        ],
        confirm: &[
            ("dig NAME A +short; dig NAME AAAA +short", "every address must be one of ours"),
            (
                "pointsman explain http://NAME/ --from internet",
                "where the name leads, and who answers",
            ),
        ],
        remedy: &[
            "Lead the name here with an alias, which follows the load balancer over both families.",
            "Take the stale address away; or use `challenge = \"dns-01\"`, for which the name need not lead anywhere.",
        ],
        related: &["lint/no-such-address", "name/no-record", "certificate/not-issued"],
        ..Page::new(
            "lint/authority-sent-elsewhere",
            "a name for which a certificate is ordered does not lead here",
        )
    },
    Page {
        sees: "a warning of `check`; an authority would answer with `caa`",
        causes: &[
            "A CAA record was made for another authority, often years ago.",
            "It stands at a name above: the nearest one that has CAA records counts.",
            "For a wildcard `issuewild` counts, where there is one.",
        ],
        confirm: &[("dig NAME CAA +short", "at the name, then at each name above it")],
        remedy: &[
            "Add a CAA record with `issue` and the authority's own name, such as `letsencrypt.org`.",
            "Or ask an authority that is allowed.",
        ],
        related: &["certificate/not-issued"],
        ..Page::new(
            "lint/authority-not-allowed",
            "a CAA record does not let the authority issue for the name",
        )
    },
    Page {
        sees: "a warning of `check`; the certificate stays pending",
        causes: &[
            "The zone is served by another provider, and this instance cannot put a TXT record there.",
            "The zone is declared, and no `dns_server` serves it.",
            "The zone is a private one: authorities see public ones only.",
        ],
        confirm: &[("dig NAME NS +short", "who serves the zone")],
        remedy: &[
            "Declare the zone and a `dns_server`, and have the zone delegated to this instance.",
            "Or use `challenge = \"http-01\"`, for names that are no wildcards.",
        ],
        related: &["lint/authority-not-admitted", "certificate/not-issued"],
        ..Page::new(
            "lint/challenge-not-served",
            "a name is to be proved by DNS, and its zone is not served here",
        )
    },
];

pub const CERTIFICATE: &[Page] = &[
    Page {
        sees: "a browser's warning of an untrusted certificate while it is pending; nothing at all while an older one is good",
        causes: &[
            "We asked ourselves first, and the authority would have refused: the words begin with \"not asked\".",
            "The authority connected and was not convinced: a closed port, a stale AAAA record, another server.",
            "A limit of the authority is reached: nothing is asked again before its window is over.",
            "The authority cannot be reached, or has a fault.",
        ],
        confirm: &[
            ("pointsman cert show NAME", "what the authority said, and when it is asked again"),
            ("pointsman explain https://NAME/", "what clients get meanwhile"),
        ],
        remedy: &[
            "Do what the hint says, then `pointsman cert issue NAME`: it need not wait for the next attempt.",
            "A second authority in the list of the certificate is asked while the first one refuses.",
        ],
        related: &["lint/authority-not-admitted", "lint/authority-sent-elsewhere", "tls/untrusted"],
        ..Page::new("certificate/not-issued", "an attempt to have a certificate issued has failed")
    },
    Page {
        sees: "who comes by this name cannot begin TLS (`tls/certificate-pending`, `tls/certificate-denied`); all other names are served",
        causes: &[
            "The guard that `ask` names said no: the name is nobody's, or no longer a customer's.",
            "The guard did not answer: it is down, or slow.",
            "`orders_per_hour` or `max_names` is reached: many names come at once, or somebody makes names up.",
        ],
        confirm: &[
            (
                "journalctl -u pointsman.service -g certificate/not-ordered",
                "`why`, and for which names",
            ),
            (
                "curl -i 'http://127.0.0.1:9000/allowed?domain=NAME'",
                "the guard, asked as we ask it: 200 allows it",
            ),
        ],
        remedy: &[
            "Add the customer where the guard looks; a refusal is forgotten after a minute.",
            "Raise the limit, if the names are real (docs/certificates.md).",
        ],
        related: &["tls/certificate-pending", "tls/certificate-denied", "certificate/not-issued"],
        ..Page::new("certificate/not-ordered", "a name that a client asked for is not ordered")
    },
    Page {
        sees: "nothing yet: the authority is asked all the same",
        causes: &[
            "What is before this instance, such as a router that maps ports, is not declared: from here the way looks closed.",
        ],
        confirm: &[("pointsman check FILE", "the same doubt, with its place")],
        remedy: &["If the order fails, do what the warning of `check` says; if not, silence it."],
        related: &["lint/authority-not-admitted", "certificate/not-issued"],
        ..Page::new(
            "certificate/order-doubtful",
            "a certificate is ordered although the authority may not get through",
        )
    },
    Page {
        sees: "the certificate that is served stays; a new one is not ordered",
        causes: &[
            "The disk of the state directory is full, or read-only.",
            "The store was sealed with another key.",
        ],
        confirm: &[("df STATE_DIRECTORY", "whether there is room")],
        remedy: &[
            "Mend the disk, or give the key that belongs to the state: it goes on by itself.",
        ],
        related: &["certificate/not-issued"],
        ..Page::new(
            "certificate/records-unreadable",
            "what is stored of a certificate and its order cannot be read",
        )
    },
    Page {
        sees: "an order that goes on waiting; clients notice nothing",
        causes: &[
            "The certificates of a listener cannot be served together with the challenge: the log says why.",
        ],
        confirm: &[("pointsman cert show NAME", "what the order waits for")],
        remedy: &["Mend what the log says; the order goes on by itself."],
        related: &["certificate/not-issued"],
        ..Page::new(
            "certificate/challenge-not-answered",
            "the answer to a challenge could not be given to the listeners",
        )
    },
    Page {
        sees: "the configuration is refused",
        causes: &["A name is longer than a certificate can hold, or is no name."],
        confirm: &[("pointsman check FILE", "the certificate")],
        remedy: &["Mend `names`."],
        related: &["certificate/not-issued"],
        ..Page::new(
            "certificate/placeholder",
            "the self-signed certificate that stands in for one that is pending cannot be made",
        )
    },
];

pub const CONFIG: &[Page] = &[Page {
    sees: "the configuration is refused",
    causes: &["An `authority` is declared without `agree_to_terms = true`."],
    confirm: &[("curl -s DIRECTORY", "`termsOfService` in `meta`: where the terms are")],
    remedy: &["Read the terms of the authority, and add `agree_to_terms = true` to its block."],
    related: &["certificate/not-issued"],
    ..Page::new("config/terms", "the terms of an authority are not agreed to")
}];
