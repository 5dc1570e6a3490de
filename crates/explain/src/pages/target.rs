//! The answer of the target, as far as it goes wrong on the wire.

use model::Refusal;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "502 Bad Gateway, a page of the load balancer; now and then, under light load, mostly for POST",
        causes: &[
            "The application keeps idle connections for a shorter time than the load balancer: Node 5 s, gunicorn 2 s, Puma 20 s, against 60 s. A request meets the end of such a connection.",
            "A worker was killed while it answered: out of memory, a timeout of its own, a deployment.",
            "The application crashes on this very request.",
        ],
        confirm: &[
            (
                "grep target/closed access.log",
                "always the same path: a crash; any path, after quiet seconds: keep-alive",
            ),
            (
                "journalctl -u UNIT --since -10min; journalctl -k -g 'out of memory'",
                "on the target: a worker killed or restarted at these times",
            ),
            (
                "exec 3<>/dev/tcp/ADDRESS/PORT; printf 'GET / HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n' >&3; time cat <&3 >/dev/null",
                "in bash, on the load balancer's machine: how many seconds the application keeps an idle connection",
            ),
        ],
        remedy: &[
            "Have the application keep idle connections for longer than `idle_timeout`: Node `server.keepAliveTimeout = 65000`, gunicorn `--keep-alive 65`, Puma `persistent_timeout 65`.",
            "Or set `idle_timeout` below the application's time.",
            "GET and HEAD are tried again on a new connection; POST is not, since the application may have taken it.",
        ],
        related: &["lint/keep-alive-too-short", "target/body-incomplete", "target/drain-expired"],
        ..Page::refusal(Refusal::TargetClosed)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer",
        causes: &[
            "The port speaks something else: TLS, a database, gRPC.",
            "The application writes a header with a line break or a bad name, often from user input.",
            "The application writes to the connection what belongs into its log.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null http://ADDRESS:PORT/",
                "on the load balancer's machine: \"HTTP/0.9\", \"wrong version number\", or a header that looks odd",
            ),
            (
                "grep target/malformed access.log",
                "all paths: the wrong port; some: the application's headers",
            ),
        ],
        remedy: &[
            "Point the target to the application's HTTP port, or set `protocol = \"HTTPS\"` if it speaks TLS.",
            "Mend the header in the application.",
        ],
        related: &["target/protocol", "target/head-too-large"],
        ..Page::refusal(Refusal::TargetMalformed)
    },
    Page {
        sees: "502 Bad Gateway, a page of the load balancer; typically right after login",
        causes: &[
            "The application sets a session of many kilobytes as cookies.",
            "A debug tool writes its data into headers.",
            "A long Content-Security-Policy, or one Link header for each asset.",
        ],
        confirm: &[(
            "curl -s -o /dev/null -D - http://ADDRESS:PORT/PATH | wc -c",
            "on the load balancer's machine: above 32768",
        )],
        remedy: &[
            "Keep sessions on the server, turn the tool off. The limit of 32 KB is ALB's, and is not a setting.",
        ],
        related: &["request/head-too-large", "target/malformed"],
        ..Page::refusal(Refusal::TargetHeadTooLarge)
    },
    Page {
        sees: "504 Gateway Timeout, a page of the load balancer, after exactly `idle_timeout` (60 seconds)",
        causes: &[
            "The application is slower than `idle_timeout` for this path: a report, an import, a query without an index.",
            "It waits for something that is down: a database, another service.",
            "All its workers are busy, and requests queue up before them.",
        ],
        confirm: &[
            (
                "grep target/response-timeout access.log",
                "one path: that is slow; all paths: the application hangs",
            ),
            (
                "curl -m 120 -s -o /dev/null -w '%{time_starttransfer}\\n' http://ADDRESS:PORT/PATH",
                "on the load balancer's machine: how long it takes",
            ),
            (
                "ss -tnp",
                "on the target: connections to the database that stay in SYN-SENT, or hundreds to the application",
            ),
        ],
        remedy: &[
            "Make the slow path quicker, or answer at once and work later.",
            "If it is meant to take long, raise `idle_timeout` above it: up to 4000s.",
        ],
        related: &["target/connect-timeout", "request/client-closed", "target/answered-504"],
        ..Page::refusal(Refusal::TargetResponseTimeout)
    },
    Page {
        sees: "a page that breaks off; \"ERR_CONTENT_LENGTH_MISMATCH\" or \"ERR_INCOMPLETE_CHUNKED_ENCODING\"; curl: \"transfer closed\" (18)",
        causes: &[
            "A worker was killed in the middle of its answer, or ran into its own time limit.",
            "Content-Length is larger than the body: a middleware changed the body afterwards.",
            "An error in the middle of a stream.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null http://ADDRESS:PORT/PATH",
                "on the load balancer's machine: the same break, without us",
            ),
            ("journalctl -u UNIT --since -10min", "on the target: what ended at that time"),
        ],
        remedy: &[
            "Mend what kills the worker, or raise its time limit.",
            "Let the application's library compute the length.",
        ],
        related: &["target/closed"],
        ..Page::refusal(Refusal::TargetBodyIncomplete)
    },
    Page {
        sees: "502 Bad Gateway, or a download that stops, some minutes after a deployment",
        causes: &[
            "A request took longer than `deregistration_delay` (300s) after its target was removed: a large download, an event stream, a WebSocket.",
            "`deregistration_delay` was set to 0 to deploy quicker.",
        ],
        confirm: &[
            (
                "grep target/drain-expired access.log",
                "which paths, and how long they had been going",
            ),
            ("pointsman status", "targets that are `draining`, and since when"),
        ],
        remedy: &[
            "Raise `deregistration_delay` above the longest request; have clients of streams connect again by themselves.",
        ],
        related: &["target/none-in-service", "target/closed"],
        ..Page::refusal(Refusal::TargetDrainExpired)
    },
];
