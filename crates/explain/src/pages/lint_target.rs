//! Target groups, health checks, and what runs behind.

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "503 Service Unavailable for everything that comes to the group",
        causes: &["`targets` was left out, or emptied during a deployment."],
        confirm: &[("pointsman status", "\"no registered target\" under the group")],
        remedy: &["Add `targets = [\"10.0.1.5:3000\"]`."],
        related: &["target/none-registered", "lint/unused-target-group"],
        ..Page::new("lint/no-targets", "a target group that is used has no targets")
    },
    Page {
        sees: "nothing: its targets get no requests and no health checks",
        causes: &["The rule that forwarded to it was removed, or names another group."],
        confirm: &[(
            "pointsman status",
            "\"no listener uses it\" beside the group; its targets are `unused`",
        )],
        remedy: &["Forward to it, or remove it."],
        related: &["lint/no-targets", "lint/shadowed-rule"],
        ..Page::new("lint/unused-target-group", "nothing forwards to a target group")
    },
    Page {
        sees: "463 after 30 rounds, or 504; every request costs many",
        causes: &[
            "The target is the load balancer's own address and port: copied from the listener, or `127.0.0.1` with the listener's port.",
        ],
        confirm: &[
            ("ss -ltnp", "the port of the target belongs to pointsman"),
            ("grep request/forwarded-for access.log", "the client is the load balancer itself"),
        ],
        remedy: &["Name the application's own address and port."],
        related: &["request/forwarded-for"],
        ..Page::new("lint/target-is-listener", "a target is a listener of this configuration")
    },
    Page {
        sees: "502 Bad Gateway, and a target that is never healthy",
        causes: &[
            "TLS ends at the load balancer, and somebody registered the targets on 443 too.",
            "The target does speak TLS on 443, and the group lacks `protocol = \"HTTPS\"`.",
        ],
        confirm: &[
            ("ss -ltn", "on the target: nothing on 443"),
            (
                "openssl s_client -connect ADDRESS:443 </dev/null",
                "a certificate: it speaks TLS; \"refused\": nothing is there",
            ),
        ],
        remedy: &[
            "Use the application's port for plain HTTP, or set `protocol = \"HTTPS\"` on the group.",
        ],
        related: &["lint/target-not-served", "lint/target-protocol", "target/refused"],
        ..Page::new("lint/plain-to-443", "a target is asked over plain HTTP on port 443")
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer",
        causes: &[
            "The target's port is not in `serves` of its instance: a typing error, or the application has moved.",
            "The target is asked on 443, and TLS ends at the load balancer.",
        ],
        confirm: &[
            ("ss -ltn", "on the instance: the ports that are really listened on"),
            ("pointsman status", "`Target.FailedHealthChecks` at this target"),
        ],
        remedy: &["Use a port of `serves`, or start what should listen and add it to `serves`."],
        related: &["target/not-served", "target/refused", "lint/plain-to-443"],
        ..Page::new("lint/target-not-served", "nothing is declared to listen on a target's port")
    },
    Page {
        sees: "502 Bad Gateway; or 400 from nginx, \"The plain HTTP request was sent to HTTPS port\"",
        causes: &[
            "`protocol` of the group and `protocol` of the application differ.",
            "nginx listens with `ssl` on that port, and the group asks over http.",
        ],
        confirm: &[(
            "openssl s_client -connect ADDRESS:PORT </dev/null",
            "a certificate: it speaks TLS; \"wrong version number\": plain HTTP",
        )],
        remedy: &[
            "Set `protocol` of the group to what is spoken, or mend the `application` block if that is wrong.",
        ],
        related: &["target/protocol", "target/tls-failed", "lint/plain-to-443"],
        ..Page::new(
            "lint/target-protocol",
            "a target speaks another protocol than its group asks in",
        )
    },
    Page {
        sees: "404, 421, an empty answer or somebody else's site, for this host only",
        causes: &[
            "nginx chooses a server by `Host`; the name that the load balancer passes on is in no `server_name`, and the default server is not meant for it.",
            "The name was added to the rule, and not to nginx.",
            "A health check asks with the target's address as `Host`, unless its `host` says otherwise.",
            "A target with TLS chooses by the server name: a target that is an address is sent none.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null -H 'Host: NAME' http://TARGET/",
                "on the load balancer's machine: the error; with a name that nginx has: the site",
            ),
            ("nginx -T | grep -n server_name", "on the target: the names that it has"),
        ],
        remedy: &[
            "Add the name to `server_name` of the server that is meant.",
            "Or `rewrite` the host in the rule to one that it has; for a health check, set its `host`.",
        ],
        related: &["route/default", "lint/health-check-redirects"],
        ..Page::new(
            "lint/host-unknown-to-target",
            "a target is sent a host that none of its servers is called",
        )
    },
    Page {
        sees: "nothing today; 502 Bad Gateway after the next reboot",
        causes: &[
            "The service was started by hand, and never enabled.",
            "It is started from a shell, tmux or a process manager that itself is not started at boot.",
        ],
        confirm: &[
            ("systemctl is-enabled UNIT", "on the target: `disabled`"),
            (
                "systemctl list-dependencies --reverse UNIT",
                "nothing that is started at boot asks for it",
            ),
        ],
        remedy: &[
            "`systemctl enable UNIT`, with `[Install] WantedBy=multi-user.target`, and `Restart=on-failure`.",
            "Then say `starts_at_boot = true`, and reboot once on purpose.",
        ],
        related: &["target/refused", "target/answered-502"],
        ..Page::new(
            "lint/not-started-at-boot",
            "an application behind a target is not started at boot",
        )
    },
    Page {
        sees: "502 Bad Gateway now and then, under light load; most often for POST",
        causes: &[
            "The application closes idle connections sooner than the load balancer: Node 5 s, gunicorn 2 s, Puma 20 s, against `idle_timeout` of 60 s.",
        ],
        confirm: &[
            ("grep target/closed access.log", "single lines, after quiet seconds, on any path"),
            (
                "exec 3<>/dev/tcp/ADDRESS/PORT; printf 'GET / HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n' >&3; time cat <&3 >/dev/null",
                "in bash, on the load balancer's machine: after how many seconds the application hangs up",
            ),
        ],
        remedy: &[
            "Raise the application's time above `idle_timeout`: Node `server.keepAliveTimeout = 65000`, gunicorn `--keep-alive 65`, Puma `persistent_timeout 65`.",
            "Or set `idle_timeout` below it, if no request takes that long.",
        ],
        related: &["target/closed"],
        ..Page::new(
            "lint/keep-alive-too-short",
            "an application keeps idle connections for a shorter time than the load balancer",
        )
    },
    Page {
        sees: "`status`: unhealthy, \"Health checks failed with these codes: [301]\", while the application is well",
        causes: &[
            "The check asks over http, and the application redirects everything to https.",
            "The path needs a login and redirects there, or lacks its slash: `/up` to `/up/`.",
            "The application redirects to its own name, since the check's `Host` is an address.",
        ],
        confirm: &[
            ("pointsman status", "`Target.ResponseCodeMismatch` with the code"),
            (
                "curl -sv -o /dev/null http://ADDRESS:PORT/PATH",
                "on the load balancer's machine: 301 and its `Location`",
            ),
        ],
        remedy: &[
            "Exempt the health path from the redirect in the application, or set `host` of the `health_check` if the name is what it wants.",
            "Or ask a path that answers 200. `expect = \"200-399\"` works too, and sees less.",
        ],
        related: &["lint/doubled-redirect", "lint/forwarded-proto-not-trusted"],
        ..Page::new(
            "lint/health-check-redirects",
            "the path of a health check redirects, and the check expects something else",
        )
    },
    Page {
        sees: "probes that overlap, and a sick target that is found later than `interval` suggests",
        causes: &["`interval` was made shorter, and `timeout` was not."],
        confirm: &[("pointsman expand FILE", "`timeout` above `interval` in a `health_check`")],
        remedy: &["Make `timeout` shorter than `interval`."],
        related: &["lint/health-check-redirects"],
        ..Page::new(
            "lint/health-check-timeout",
            "the timeout of a health check is longer than its interval",
        )
    },
];
