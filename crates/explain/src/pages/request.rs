//! The request itself.

use model::Refusal;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "400 Bad Request, a page of the load balancer",
        causes: &[
            "A client written by hand: no `Host`, two of them, bare line feeds, a space in the path.",
            "Another protocol on the HTTP port: TLS, or a proxy's PROXY header.",
            "A scanner.",
        ],
        confirm: &[
            (
                "grep request/malformed access.log",
                "who, and what could be read of it; many addresses once each are scanners",
            ),
            ("curl -sv -o /dev/null URL", "no 400: the address is in order, and the client is not"),
        ],
        remedy: &[
            "Mend the client: one `Host`, CRLF at line ends, a path without spaces (`%20`).",
            "If a proxy in front sends PROXY headers, turn that off: they are not read here yet.",
        ],
        related: &["request/desync", "request/version", "tls/not-spoken"],
        ..Page::refusal(Refusal::RequestMalformed)
    },
    Page {
        sees: "400 Bad Request, and the connection is closed",
        causes: &[
            "A client or proxy in front sends a request that two readers could understand differently, such as Content-Length beside Transfer-Encoding.",
            "`desync_mitigation_mode = \"strictest\"`, and a client that is merely sloppy: a Content-Length of 0 on GET, a header name with odd characters.",
            "An attack: request smuggling.",
        ],
        confirm: &[
            (
                "grep request/desync access.log",
                "fields 28 and 29 have the class and the reason, such as `Severe` and `MultipleContentLength`",
            ),
            ("curl -sv -o /dev/null URL", "works: it is that one client"),
        ],
        remedy: &[
            "Mend the client, or the proxy in front.",
            "If the class is `Acceptable` or `Ambiguous`, the mode `defensive` (the default) serves it.",
            "`monitor` serves more, and is for finding out, not for staying.",
        ],
        related: &["request/framing", "request/malformed"],
        ..Page::refusal(Refusal::RequestDesync)
    },
    Page {
        sees: "400 Bad Request, and the connection is closed",
        causes: &[
            "Content-Length is no number, or there are two that differ.",
            "`chunked` is misspelt, named twice, or not the last coding.",
            "A broken chunk size: a client that counts characters and not bytes.",
        ],
        confirm: &[
            ("grep request/framing access.log", "who, and which user agent"),
            ("curl -sv -o /dev/null -d x=1 URL", "works: it is the other client's framing"),
        ],
        remedy: &[
            "Let the client's library write Content-Length or chunks; do not set them by hand.",
            "No mode lets this through: where the body ends cannot be known.",
        ],
        related: &["request/desync", "request/body-incomplete"],
        ..Page::refusal(Refusal::RequestFraming)
    },
    Page {
        sees: "414 URI Too Long, a page of the load balancer",
        causes: &[
            "A form that should be sent by POST is sent by GET.",
            "A page that keeps its state in the address, or a redirect that makes it longer each time.",
        ],
        confirm: &[(
            "grep request/line-too-long access.log",
            "the page that it comes from is the same each time",
        )],
        remedy: &["Send it by POST. The limit of 16 KB is ALB's, and is not a setting."],
        related: &["request/head-too-large", "redirect/too-many"],
        ..Page::refusal(Refusal::RequestLineTooLong)
    },
    Page {
        sees: "400 Bad Request, often for one person only and until the cookies are deleted",
        causes: &[
            "Cookies: each application of the domain adds its own, until they are too many.",
            "A token in a header that grew with the number of groups of its owner.",
        ],
        confirm: &[
            ("curl -sv -o /dev/null URL", "works without cookies: it is they"),
            ("grep request/head-too-large access.log", "whether it is always the same client"),
        ],
        remedy: &[
            "Delete the cookies of the domain in that browser: this helps at once.",
            "Keep sessions on the server; set cookies for the host and path that need them.",
        ],
        related: &["request/line-too-long", "target/head-too-large"],
        ..Page::refusal(Refusal::RequestHeadTooLarge)
    },
    Page {
        sees: "400 Bad Request, for addresses with `..`, `%2f`, `//`, `;` or `\\` in the path",
        causes: &[
            "A link is put together with one slash too many: `https://HOST//page`.",
            "An application that has `%2f` in names, such as a package registry or an object store.",
            "An attack: `/static/..;/admin` to get past a rule.",
        ],
        confirm: &[
            (
                "grep request/ambiguous-path access.log",
                "the paths; `//` everywhere is a link that is put together wrongly",
            ),
            (
                "curl --path-as-is -sv -o /dev/null URL",
                "the same answer; without `--path-as-is` curl cleans the path itself",
            ),
        ],
        remedy: &[
            "Mend the link.",
            "If the application needs such paths, set `allow_ambiguous_paths = true` on the listener, and do not protect anything by path there.",
        ],
        related: &["route/default", "request/malformed"],
        ..Page::refusal(Refusal::RequestAmbiguousPath)
    },
    Page {
        sees: "408 Request Timeout; people rarely see it",
        causes: &[
            "A network that loses large packets: a head with many cookies stops half-way (MTU, often a VPN).",
            "A client written by hand that does not send the empty line after the headers.",
            "An attack by slowness. Connections on which nothing was sent are not meant: they end in silence.",
        ],
        confirm: &[
            (
                "grep request/head-timeout access.log",
                "many from one address: an attack or one broken client; people of one network: its MTU",
            ),
            ("ss -tn state established '( sport = :443 )'", "who is connected now"),
        ],
        remedy: &[
            "Mend the client, or the MTU of the VPN or tunnel.",
            "For clients that are truly slow, raise `head_timeout` (10s).",
        ],
        related: &["request/body-timeout", "tls/handshake-timeout", "admit/connection-limit"],
        ..Page::refusal(Refusal::RequestHeadTimeout)
    },
    Page {
        sees: "408 Request Timeout in the middle of an upload",
        causes: &[
            "The client's network has gone: a phone in a tunnel, a laptop that sleeps.",
            "The client says Content-Length and sends less.",
            "A program that computes its body slowly, with pauses longer than `idle_timeout`.",
        ],
        confirm: &[(
            "grep request/body-timeout access.log",
            "the bytes received: always equally many is a wrong length, else the network",
        )],
        remedy: &[
            "Raise `idle_timeout` (60s) if pauses are meant.",
            "Mend the length, or send the body in chunks.",
        ],
        related: &["request/body-incomplete", "request/framing"],
        ..Page::refusal(Refusal::RequestBodyTimeout)
    },
    Page {
        sees: "nothing: the client has gone. A program that still listens gets 400",
        causes: &[
            "The person has cancelled an upload or left the page.",
            "The client has a time limit for the whole upload that is too short.",
            "The client says Content-Length and sends less.",
        ],
        confirm: &[(
            "grep request/body-incomplete access.log",
            "the times: always the same number of seconds is a time limit",
        )],
        remedy: &["Raise the client's time limit, or mend its length. Single cases are people."],
        related: &["request/client-closed", "request/body-timeout"],
        ..Page::refusal(Refusal::RequestBodyIncomplete)
    },
    Page {
        sees: "405 Method Not Allowed, a page of the load balancer",
        causes: &[
            "A security scanner that tries TRACE.",
            "A client that takes the load balancer for a forward proxy, and sends CONNECT.",
        ],
        confirm: &[
            ("curl -X TRACE -sv -o /dev/null URL", "405: always so"),
            (
                "env | grep -i proxy",
                "on the client: `https_proxy` names this load balancer by mistake",
            ),
        ],
        remedy: &[
            "Take the proxy setting away from the client. There is no setting to allow them.",
        ],
        related: &["request/malformed"],
        ..Page::refusal(Refusal::RequestMethod)
    },
    Page {
        sees: "501 Not Implemented, a page of the load balancer",
        causes: &["A client that sends its body with `Transfer-Encoding: gzip` or another coding."],
        confirm: &[("grep request/transfer-encoding access.log", "who, and which user agent")],
        remedy: &[
            "Compress with `Content-Encoding`, which is the application's matter and passes.",
        ],
        related: &["request/framing"],
        ..Page::refusal(Refusal::RequestTransferEncoding)
    },
    Page {
        sees: "505, a page of the load balancer",
        causes: &[
            "A client begins with HTTP/2 without asking whether it is spoken (`h2c`, a gRPC client).",
            "A proxy in front is set to HTTP/2 towards this load balancer.",
        ],
        confirm: &[
            (
                "curl --http2-prior-knowledge -sv -o /dev/null URL",
                "fails, and without that option it works",
            ),
            ("grep request/version access.log", "who"),
        ],
        remedy: &["Set the client or the proxy in front to HTTP/1.1."],
        related: &["request/malformed"],
        ..Page::refusal(Refusal::RequestVersion)
    },
    Page {
        sees: "463, a page of the load balancer",
        causes: &[
            "The request goes in a circle: each time round adds an address to X-Forwarded-For.",
            "Somebody sends a long X-Forwarded-For to confuse an allow list.",
        ],
        confirm: &[
            (
                "grep request/forwarded-for access.log",
                "the client's address is one of the targets: a circle",
            ),
            (
                "pointsman check FILE",
                "`lint/target-is-listener` names a target that is a listener of ours",
            ),
        ],
        remedy: &[
            "Break the circle: let the target be the application's own address.",
            "`forwarded_for = \"remove\"` does not help: the header is judged as it arrives.",
        ],
        related: &["lint/target-is-listener"],
        ..Page::refusal(Refusal::RequestForwardedFor)
    },
    Page {
        sees: "nothing: the person has closed the page, or a program has given up (460 in the log)",
        causes: &[
            "The application is slow, and people or programs do not wait: the client's limit is shorter than `idle_timeout`.",
            "A page that is left quickly; a search that asks at each key and cancels.",
        ],
        confirm: &[(
            "grep request/client-closed access.log",
            "the times: always the same number of seconds is a limit of the client; long ones a slow application",
        )],
        remedy: &[
            "Make the application quicker for the paths in these lines.",
            "Or raise the client's time limit.",
        ],
        related: &["target/response-timeout", "request/body-incomplete"],
        ..Page::refusal(Refusal::RequestClientClosed)
    },
    Page {
        sees: "a download that stops",
        causes: &[
            "The client's network has gone without a word: a phone, a laptop that sleeps.",
            "A program reads slowly, or pauses for longer than `idle_timeout`: a player, a backup.",
        ],
        confirm: &[
            (
                "grep request/client-stalled access.log",
                "the bytes sent, and who: one client again and again reads slowly",
            ),
            (
                "ss -tnoi state established '( sport = :443 )'",
                "a `Send-Q` that stays above 0: the client takes nothing",
            ),
        ],
        remedy: &["Raise `idle_timeout` for clients that pause on purpose; else nothing."],
        related: &["request/client-closed"],
        ..Page::refusal(Refusal::RequestClientStalled)
    },
];
