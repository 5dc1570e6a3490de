//! Who may connect at all.

use model::Refusal;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "an endless spinner, then \"took too long to respond\" (ERR_CONNECTION_TIMED_OUT); with `deny = \"reset\"` \"the connection was reset\"; with `deny = \"page\"` a 403 that names the code",
        causes: &[
            "The security group of a public load balancer admits the office and nobody else: it works at the desk, and not on a phone.",
            "The client comes from another address than you think: a VPN, a new provider, IPv6 instead of IPv4.",
            "The group admits another port than the one that is asked: 80 and not 443.",
            "A proxy or Docker's NAT hides the clients: all of them come from one private address.",
        ],
        confirm: &[
            (
                "pointsman who URL",
                "the whole address space, split into admitted and refused, with the line that decides",
            ),
            (
                "pointsman compare URL --from NETWORK --from NETWORK",
                "one that works and one that does not; the first hop at which they part",
            ),
            (
                "pointsman status",
                "how outsiders are turned away: by a kernel filter no log has a line, since the packets never reach the program; after accept they are counted as `admit/no-rule`",
            ),
            (
                "curl -m 5 -sv -o /dev/null URL",
                "\"Connection timed out\" while connecting, and a quick answer from an admitted network",
            ),
        ],
        remedy: &[
            "Add the client's network to `from` of the `ingress` for this port; `from = [anywhere]` if browsers are meant to come.",
            "Where a proxy stands before it, admit the proxy's address, and have the proxy refuse the rest.",
            "If the refusal is meant: say so with `expect \"…\" { url = \"…\" denied = [network.x] }`, and the question is settled.",
        ],
        related: &[
            "lint/public-but-not-open",
            "lint/nobody-admitted",
            "lint/source-hidden",
            "name/unroutable",
        ],
        ..Page::refusal(Refusal::AdmitNoRule)
    },
    Page {
        sees: "\"the connection was reset\" (ERR_CONNECTION_RESET), for some and not for others",
        causes: &[
            "The process may open too few files: the limit of connections follows from it.",
            "`max_connections` is lower than the load. It is divided among the cores, so one full core refuses while others have room.",
            "Clients that open connections and leave them idle, or a flood.",
        ],
        confirm: &[
            (
                "pointsman status",
                "the number of connections, and how often `admit/connection-limit` happened",
            ),
            (
                "ss -Htn state established '( sport = :443 )' | awk '{print $4}' | sed 's/:[0-9]*$//' | sort | uniq -c | sort -n | tail",
                "which clients hold the most connections",
            ),
            (
                "grep 'Max open files' /proc/PID/limits",
                "what the process may open; each request in flight needs two",
            ),
        ],
        remedy: &[
            "Raise `LimitNOFILE` of the unit and restart it; if `max_connections` is set, raise that and reload.",
            "Lower `client_keep_alive` and `idle_timeout`, so that idle clients leave earlier.",
            "Against one client that holds too many: leave its network out of the security group.",
        ],
        related: &["request/head-timeout", "tls/handshake-timeout"],
        ..Page::refusal(Refusal::AdmitConnectionLimit)
    },
];
