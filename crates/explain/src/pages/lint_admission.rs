//! Who is admitted, and what was expected.

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "it works at the office; on a phone or in the guest network an endless spinner, and no line in any log",
        causes: &[
            "The security group of an internet-facing load balancer admits a few networks only: it was closed for a test, and stayed so.",
            "It is meant to be closed, and nobody has said so.",
        ],
        confirm: &[
            ("pointsman who URL", "who is admitted, and which line keeps the others out"),
            (
                "curl -m 5 -sv -o /dev/null URL",
                "from a phone's network: \"timed out\" while connecting",
            ),
        ],
        remedy: &[
            "For the public: `from = [anywhere]` in the `ingress` for 80 and 443.",
            "For a few: `expect \"only the office\" { url = \"…\" works = [network.office] denied = [internet] }` says that it is meant, and is proved from then on.",
            "Or `scheme = \"internal\"`, if it is not for the internet at all.",
        ],
        related: &["admit/no-rule", "lint/open-to-everyone", "lint/nobody-admitted"],
        ..Page::new(
            "lint/public-but-not-open",
            "a public load balancer admits some networks only, and nothing says that this is meant",
        )
    },
    Page {
        sees: "nothing: it works, for more people than you may want",
        causes: &["`security_groups` was left out. A load balancer without any admits everybody."],
        confirm: &[("pointsman who URL", "the whole internet is admitted")],
        remedy: &[
            "Add `security_groups = [security_group.web]`.",
            "If everybody is meant, say so: one with `from = [anywhere]`.",
        ],
        related: &["lint/public-but-not-open", "lint/unused-security-group"],
        ..Page::new(
            "lint/open-to-everyone",
            "a load balancer has no security group, so it admits everybody",
        )
    },
    Page {
        sees: "an endless spinner, for everybody",
        causes: &[
            "A listener was added, and its port was not added to the security group.",
            "`from` names a group that nothing with an address carries.",
        ],
        confirm: &[
            ("pointsman who URL", "no part is admitted"),
            ("curl -m 5 -sv -o /dev/null URL", "\"timed out\" while connecting, from everywhere"),
        ],
        remedy: &["Add the listener's port to `ports` of an `ingress`, or remove the listener."],
        related: &["admit/no-rule", "lint/unused-security-group"],
        ..Page::new("lint/nobody-admitted", "nobody is admitted to the port of a listener")
    },
    Page {
        sees: "either everybody is refused, or everybody gets in, whatever `from` says",
        causes: &[
            "A gateway, a proxy or Docker's bridge translates the clients' addresses: all of them come from one, such as 172.18.0.1, and the rule names those behind it.",
        ],
        confirm: &[
            (
                "ss -tn state established '( sport = :443 )'",
                "on the load balancer: all peers have the same address",
            ),
            (
                "awk '{print $4}' access.log | sed 's/:[0-9]*$//' | sort | uniq -c | sort -n | tail",
                "the clients as the load balancer sees them",
            ),
        ],
        remedy: &[
            "Name the outer address of the gateway in the rule.",
            "Or take the translation away: host networking for the container, routing in the place of NAT.",
            "X-Forwarded-For does not help here: who may connect is decided by the peer's address.",
        ],
        related: &["admit/no-rule", "lint/public-but-not-open"],
        ..Page::new(
            "lint/source-hidden",
            "a gateway translates the clients' addresses, and the rule names the inner ones",
        )
    },
    Page {
        sees: "504 Gateway Timeout for every request to this target, at once",
        causes: &[
            "A security group of the load balancer has an `egress` that names other ports or addresses.",
            "The health check's port was forgotten.",
        ],
        confirm: &[(
            "pointsman explain URL",
            "hop `target's group` names the groups that were asked",
        )],
        remedy: &[
            "Add an `egress` for the target's port, and for the health check's. Without any `egress`, all is allowed.",
        ],
        related: &["target/egress-denied", "lint/target-does-not-admit"],
        ..Page::new(
            "lint/egress-denied",
            "the load balancer's own security groups keep it from a target",
        )
    },
    Page {
        sees: "504 Gateway Timeout after 10 seconds; `status` shows the target as unhealthy (timeout)",
        causes: &[
            "The target's security group has no `ingress` for the load balancer.",
            "It has one for the traffic's port, and none for the health check's.",
            "It names the old address of the load balancer.",
        ],
        confirm: &[
            (
                "curl -m 5 -sv http://ADDRESS:PORT/",
                "on the load balancer's machine: \"timed out\" while connecting",
            ),
            ("pointsman status", "`Target.Timeout` at this target"),
        ],
        remedy: &[
            "Add an `ingress` with `from = [security_group.lb]` to the target's group, for both ports.",
        ],
        related: &["target/not-admitted", "target/connect-timeout", "lint/egress-denied"],
        ..Page::new(
            "lint/target-does-not-admit",
            "a target's security groups do not admit the load balancer",
        )
    },
    Page {
        sees: "nothing: the group has no effect",
        causes: &[
            "It was written, and not named in any `security_groups`.",
            "What carried it was removed.",
        ],
        confirm: &[("grep -n security_groups *.hcl", "its name is in no list")],
        remedy: &["Name it in `security_groups` of what it is to protect, or remove it."],
        related: &["lint/open-to-everyone", "lint/nobody-admitted"],
        ..Page::new("lint/unused-security-group", "nothing carries a security group")
    },
    Page {
        sees: "`check` exits with 3; a reload that newly breaks it is refused, and what was served is served on",
        causes: &[
            "A change elsewhere has an effect here: a group, a rule, a record.",
            "The expectation is old: the change is meant.",
        ],
        confirm: &[
            (
                "pointsman check FILE",
                "the explanation: where the request stops, and what would mend it",
            ),
            ("pointsman explain URL --from NETWORK", "the same question by hand"),
        ],
        remedy: &[
            "Take the change back, or apply the fix that the explanation prints.",
            "If the change is meant, change the expectation in the same commit.",
        ],
        related: &["admit/no-rule", "lint/public-but-not-open"],
        ..Page::new("lint/expectation-broken", "what an `expect` says does not hold")
    },
    Page {
        sees: "a warning of `check`: the expectation is not counted among those that hold",
        causes: &[
            "The networks, security groups and `source_ip` conditions cut its clients into more than 1,048,576 pieces.",
        ],
        confirm: &[("pointsman who URL", "its last line names clients that were not asked")],
        remedy: &[
            "Name in `works` or `denied` the networks that matter, in the place of `anywhere` or `internet`.",
            "Write neighbouring prefixes as one.",
        ],
        related: &["lint/expectation-broken"],
        ..Page::new(
            "lint/expectation-not-proved",
            "some clients of an `expect` were not asked, so that it is not proved for them",
        )
    },
    Page {
        sees: "nothing: no warning is held back",
        causes: &[
            "What it was for has been mended.",
            "The code is misspelt, or the warning is about another block.",
        ],
        confirm: &[("pointsman check FILE", "without the silence: no such warning appears")],
        remedy: &["Remove the silence, so that it cannot hide the next mistake of the kind."],
        related: &["lint/expectation-broken"],
        ..Page::new("lint/unused-silence", "a warning is silenced that nothing gives")
    },
];
