//! What the target says itself, and what is only known of it.

use model::{Obstacle, Refusal};

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "500, the application's own page",
        causes: &[
            "An error in the application, for this path or this input.",
            "A deployment whose migration or setting is missing.",
        ],
        confirm: &[
            ("journalctl -u UNIT --since -10min", "on the target: the stack trace of that time"),
            (
                "grep target/answered-500 access.log",
                "one target only: that deployment; all of them: the code",
            ),
        ],
        remedy: &[
            "Mend it in the application, or go back to the version before. The load balancer only passed it on.",
        ],
        related: &["target/answered-5xx", "route/transform-failed"],
        ..Page::refusal(Refusal::TargetAnswered500)
    },
    Page {
        sees: "502, a page that is not ours: often \"nginx\" at its foot",
        causes: &[
            "The target is itself a proxy, and the application behind it does not run: it was not started after a reboot.",
            "The proxy has another port or socket in `proxy_pass` than the application listens on.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null URL 2>&1 | grep -i '^< server'",
                "`nginx`: the proxy behind us answers",
            ),
            (
                "tail /var/log/nginx/error.log",
                "on the target: \"connect() failed (111: Connection refused) while connecting to upstream\"",
            ),
            ("ss -ltnp", "on the target: the application's port is missing"),
            ("systemctl is-enabled UNIT", "`disabled`: it does not come back after a reboot"),
        ],
        remedy: &[
            "`systemctl enable --now UNIT` for the application behind the proxy.",
            "Let the health check ask a path that reaches the application, so that the target is taken out in time.",
        ],
        related: &["lint/not-started-at-boot", "target/refused", "target/closed"],
        ..Page::refusal(Refusal::TargetAnswered502)
    },
    Page {
        sees: "503, the application's own page",
        causes: &[
            "The application is in maintenance mode, or still starting.",
            "It limits its load, and says so.",
            "A proxy behind us has no application left.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null http://ADDRESS:PORT/PATH",
                "on the load balancer's machine: 503, and perhaps `Retry-After`",
            ),
            ("journalctl -u UNIT --since -10min", "on the target: the reason"),
        ],
        remedy: &[
            "Turn maintenance off, or add targets. Let the health check ask a path that is 503 too at such times.",
        ],
        related: &["target/none-registered", "target/answered-502"],
        ..Page::refusal(Refusal::TargetAnswered503)
    },
    Page {
        sees: "504, a page that is not ours",
        causes: &[
            "The target is itself a proxy, and the application behind it does not answer in time.",
            "The application passes on the 504 of a service that it calls.",
        ],
        confirm: &[
            ("tail /var/log/nginx/error.log", "on the target: \"upstream timed out\""),
            (
                "grep target/answered-504 access.log",
                "the target's time: always the same number of seconds is the proxy's limit",
            ),
        ],
        remedy: &[
            "Make the application quicker, or raise the limit of the proxy behind us (`proxy_read_timeout`), and `idle_timeout` above it.",
        ],
        related: &["target/response-timeout", "target/answered-502"],
        ..Page::refusal(Refusal::TargetAnswered504)
    },
    Page {
        sees: "501, or 505 to 599, the application's own page",
        causes: &[
            "The application or a proxy behind us says so: 507 a full disk, 501 a method it does not know, 520 to 530 a cloud in between.",
        ],
        confirm: &[
            ("grep target/answered-5xx access.log", "the target's status stands beside ours"),
            ("journalctl -u UNIT --since -10min", "on the target: the reason"),
        ],
        remedy: &[
            "Look the status up in the application's manual; the load balancer only passed it on.",
        ],
        related: &["target/answered-500"],
        ..Page::refusal(Refusal::TargetAnswered5xx)
    },
];

/// An explanation proves them from what is declared; a live request has another code.
pub const OBSTACLES: &[Page] = &[
    Page {
        sees: "504 Gateway Timeout after 10 seconds, a page of the load balancer",
        causes: &[
            "The target's security group admits the office or the bastion, and not the load balancer.",
            "It admits the load balancer on another port than the target's.",
            "The load balancer has a new address, and the group names the old one.",
        ],
        confirm: &[
            (
                "pointsman explain URL",
                "hop `target's group`: the groups that were asked, and what came nearest",
            ),
            (
                "curl -m 5 -sv http://ADDRESS:PORT/",
                "on the load balancer's machine: \"timed out\" while connecting",
            ),
            ("pointsman check FILE", "`lint/target-does-not-admit` names target and port"),
        ],
        remedy: &[
            "Add an `ingress` to the target's group, `from = [security_group.lb]`: it stays true when addresses change.",
        ],
        related: &["lint/target-does-not-admit", "target/connect-timeout", "target/egress-denied"],
        ..Page::obstacle(Obstacle::TargetNotAdmitted)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer",
        causes: &[
            "`serves` of the instance does not list the port: the application is elsewhere, or the list is old.",
            "TLS ends at the load balancer, and the target is still asked on 443, where nothing listens.",
        ],
        confirm: &[
            ("ss -ltn", "on the instance: the ports that are really listened on"),
            ("pointsman check FILE", "`lint/target-not-served` names the target"),
        ],
        remedy: &[
            "Change the target's port to one of `serves`, or start what should listen and add the port to `serves`.",
        ],
        related: &["lint/target-not-served", "lint/plain-to-443", "target/refused"],
        ..Page::obstacle(Obstacle::TargetNotServed)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer; or 400 from nginx, \"The plain HTTP request was sent to HTTPS port\"",
        causes: &[
            "The group asks over http a port that speaks TLS.",
            "The group asks over https a port that speaks plain HTTP.",
        ],
        confirm: &[
            (
                "openssl s_client -connect ADDRESS:PORT </dev/null",
                "a certificate: the port speaks TLS; \"wrong version number\": it does not",
            ),
            ("pointsman check FILE", "`lint/target-protocol` names the target"),
        ],
        remedy: &[
            "Set `protocol` of the target group to what the application speaks on that port.",
        ],
        related: &["lint/target-protocol", "target/tls-failed", "target/malformed"],
        ..Page::obstacle(Obstacle::TargetProtocol)
    },
];
