//! Up to the connection with the target.

use model::Refusal;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "503 Service Unavailable, a page of the load balancer",
        causes: &[
            "The target group was made, and no target was ever added.",
            "A deployment has removed all of them before it added new ones.",
            "The rule forwards to another group than was meant.",
        ],
        confirm: &[
            ("pointsman status", "\"no registered target\" under the group"),
            (
                "pointsman explain URL",
                "hop `rule` says which rule took it, hop `target group` which group",
            ),
        ],
        remedy: &["Add `targets = [\"10.0.1.5:3000\"]` to the group, and reload."],
        related: &["lint/no-targets", "target/none-in-service", "route/no-weight"],
        ..Page::refusal(Refusal::TargetNoneRegistered)
    },
    Page {
        sees: "503 Service Unavailable, a page of the load balancer",
        causes: &[
            "A reload removed the last targets: they finish what they have, and get nothing new.",
            "The new targets were meant to be added first, and that step failed.",
        ],
        confirm: &[(
            "pointsman status",
            "each target's state: `draining` or `unused`, and since when",
        )],
        remedy: &[
            "Add a target that is not leaving. Unhealthy ones would still get traffic (fail-open), so this is not about health.",
            "Deploy by adding first, and removing when the new ones are healthy.",
        ],
        related: &["target/none-registered", "target/drain-expired"],
        ..Page::refusal(Refusal::TargetNoneInService)
    },
    Page {
        sees: "504 Gateway Timeout, a page of the load balancer, and at once: nothing was sent",
        causes: &[
            "A security group of the load balancer has `egress` blocks, and none of them names this target and port.",
            "The application moved to another port or machine, and only `targets` was changed.",
        ],
        confirm: &[
            ("pointsman check FILE", "`lint/egress-denied` names the target and the group"),
            ("pointsman explain URL", "hop `target's group`, with the line that decides"),
        ],
        remedy: &[
            "Add an `egress` for the target's port and address. Without any `egress`, all is allowed.",
        ],
        related: &["lint/egress-denied", "target/not-admitted"],
        ..Page::refusal(Refusal::TargetEgressDenied)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer",
        causes: &[
            "The name of the target is misspelt, or its container or service is gone.",
            "The resolver of the load balancer's machine does not know the private zone.",
            "The resolver itself is down.",
        ],
        confirm: &[
            ("dig NAME +short", "on the load balancer's machine: no line"),
            ("cat /etc/resolv.conf", "which resolver is asked"),
            ("pointsman status", "the addresses of each target"),
        ],
        remedy: &[
            "Mend the name, or write the address in its place.",
            "Have the machine use a resolver that knows the zone.",
        ],
        related: &["target/unreachable", "name/no-record"],
        ..Page::refusal(Refusal::TargetUnresolved)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer",
        causes: &[
            "The application is not running: after a reboot its service was not enabled, or it crashed.",
            "It listens on 127.0.0.1 only, and the load balancer comes from outside.",
            "It listens on another port than the target says.",
            "`localhost` is ::1 first, and the application listens on 127.0.0.1.",
        ],
        confirm: &[
            (
                "pointsman status",
                "which targets are unhealthy, and since when: the time of the reboot?",
            ),
            ("ss -ltnp", "on the target's machine: the port is missing, or stands at 127.0.0.1"),
            (
                "systemctl status UNIT; systemctl is-enabled UNIT",
                "`inactive` and `disabled`: it was never started at boot",
            ),
            ("journalctl -u UNIT -b -n 50", "why it ended"),
        ],
        remedy: &[
            "`systemctl enable --now UNIT`, and `Restart=on-failure` in the unit.",
            "Have it listen on 0.0.0.0 or the target's address, on the port that the target group names.",
        ],
        related: &["lint/not-started-at-boot", "target/not-served", "target/connect-timeout"],
        ..Page::refusal(Refusal::TargetRefused)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer",
        causes: &[
            "The target's machine is off, or its address has changed.",
            "There is no route from here to there: another network of Docker, a VPN that is down.",
            "A firewall answers \"prohibited\" instead of dropping.",
        ],
        confirm: &[
            (
                "ip route get ADDRESS",
                "on the load balancer's machine: \"unreachable\", or the wrong way out",
            ),
            ("curl -m 5 -sv http://ADDRESS:PORT/", "\"No route to host\""),
            ("ip neigh show ADDRESS", "FAILED: the machine does not answer on its network"),
        ],
        remedy: &[
            "Start the machine, or write its present address into `targets`.",
            "Add the route, or put load balancer and target into one network.",
        ],
        related: &["target/connect-timeout", "target/unresolved"],
        ..Page::refusal(Refusal::TargetUnreachable)
    },
    Page {
        sees: "504 Gateway Timeout after 10 seconds, a page of the load balancer",
        causes: &[
            "The target's security group or firewall drops the load balancer's packets.",
            "The address is no longer anybody's, and the network says nothing.",
            "The target is on another container network.",
            "The application's queue of connections is full: it is up, and hangs.",
        ],
        confirm: &[
            (
                "curl -m 5 -sv http://ADDRESS:PORT/",
                "on the load balancer's machine: \"timed out\" while connecting",
            ),
            (
                "ss -ltn",
                "on the target: `Recv-Q` as large as `Send-Q` at the port: the queue is full",
            ),
            (
                "tcpdump -ni any port PORT",
                "on the target: SYN comes in and nothing goes out: a firewall on the way in; nothing comes: before it",
            ),
        ],
        remedy: &[
            "Admit the load balancer in the target's group: `from = [security_group.lb]`, for the port and for the health check's port.",
            "Restart the application that hangs, and look for what it waits for.",
        ],
        related: &["target/not-admitted", "lint/target-does-not-admit", "target/unreachable"],
        ..Page::refusal(Refusal::TargetConnectTimeout)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer",
        causes: &[
            "The group says `protocol = \"HTTPS\"`, and the port of the target speaks plain HTTP.",
            "The target speaks only TLS versions or ciphers that the load balancer does not.",
            "The target wants a client's certificate, or refuses the name that is sent.",
        ],
        confirm: &[
            (
                "openssl s_client -connect ADDRESS:PORT </dev/null",
                "\"wrong version number\": the port speaks plain HTTP",
            ),
            ("curl -sv -o /dev/null http://ADDRESS:PORT/", "an answer: plain HTTP it is"),
        ],
        remedy: &[
            "Set `protocol = \"HTTP\"` on the group, or the port on which the target speaks TLS.",
            "The target's certificate is not the cause: without `verify` it is not validated, and with it the code is `target/tls-untrusted`.",
        ],
        related: &[
            "target/protocol",
            "target/tls-untrusted",
            "target/tls-timeout",
            "lint/target-protocol",
        ],
        ..Page::refusal(Refusal::TargetTlsFailed)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer; `health` and `explain` say what is wrong with the certificate",
        causes: &[
            "Another authority than those of `verify` has issued it: a new one was made, or the target serves a self-signed one.",
            "The target does not send the intermediate certificates.",
            "It has expired, or is not valid yet: nobody has renewed it, or a clock is wrong.",
            "It is for another name: without `name`, it must be for the target as it is written, which may be an address.",
            "Somebody else answers at the target's address.",
        ],
        confirm: &[
            (
                "openssl s_client -connect ADDRESS:PORT -servername NAME -verify_hostname NAME -CAfile ca.pem </dev/null",
                "\"Verify return code\", with the reason",
            ),
            (
                "openssl s_client -connect ADDRESS:PORT </dev/null | openssl x509 -noout -issuer -dates -ext subjectAltName",
                "who has issued it, for how long and for whom",
            ),
        ],
        remedy: &[
            "Have the certificate issued by an authority of `verify`, with its intermediate ones after it, or add the authority to the file and reload.",
            "Set `name` to what the certificate is for.",
            "Renew it at the target.",
        ],
        related: &["target/tls-failed", "certificate/authorities-unreadable"],
        ..Page::refusal(Refusal::TargetTlsUntrusted)
    },
    Page {
        sees: "504 Gateway Timeout, a page of the load balancer",
        causes: &[
            "The port accepts connections and does not speak TLS: it waits for a request while we wait for its handshake.",
            "The application is up and hangs, or the machine is out of CPU.",
        ],
        confirm: &[
            ("openssl s_client -connect ADDRESS:PORT </dev/null", "hangs after CONNECTED"),
            (
                "curl -m 5 -sv -o /dev/null http://ADDRESS:PORT/",
                "an answer: the port speaks plain HTTP",
            ),
            ("uptime", "on the target: the load"),
        ],
        remedy: &[
            "Set `protocol` and `port` of the group to what the target speaks.",
            "Restart what hangs.",
        ],
        related: &["target/tls-failed", "target/connect-timeout", "target/protocol"],
        ..Page::refusal(Refusal::TargetTlsTimeout)
    },
];
