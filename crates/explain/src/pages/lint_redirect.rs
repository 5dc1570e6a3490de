//! Redirects that lead back, or nowhere.

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "\"redirected you too many times\" (ERR_TOO_MANY_REDIRECTS)",
        causes: &[
            "The redirect to https stands on the listener of https itself.",
            "A redirect changes neither protocol nor host nor port nor path.",
        ],
        confirm: &[(
            "curl -s -o /dev/null -D - URL | grep -i '^location'",
            "the address that was asked for",
        )],
        remedy: &["Put the redirect on the listener of plain http; on https forward."],
        related: &["redirect/loop", "lint/doubled-redirect"],
        ..Page::new("lint/redirect-loop", "a redirect leads to where the request already is")
    },
    Page {
        sees: "ERR_SSL_PROTOCOL_ERROR, or 400 \"The plain HTTP request was sent to HTTPS port\"",
        causes: &[
            "`protocol = \"HTTPS\"` without a `port`: the port stays 80.",
            "The listener on that port was meant to be HTTPS, and is HTTP, which is the default.",
        ],
        confirm: &[
            (
                "curl -s -o /dev/null -D - URL | grep -i '^location'",
                "`https://HOST:80/`: the port was kept",
            ),
            ("pointsman status", "what each port speaks"),
        ],
        remedy: &["Write `protocol = \"HTTPS\"` and `port = \"443\"` together."],
        related: &["tls/not-spoken", "tls/plain-http"],
        ..Page::new(
            "lint/redirect-protocol",
            "a redirect leads to a port that speaks the other protocol",
        )
    },
    Page {
        sees: "http works for a moment, then \"refused to connect\" (ERR_CONNECTION_REFUSED)",
        causes: &[
            "The redirect to https was written, and the listener on 443 was not.",
            "The listener has another port, such as 8443.",
        ],
        confirm: &[
            ("curl -sv -o /dev/null -L URL", "the redirect, then \"Connection refused\""),
            ("ss -ltn", "on the load balancer: the port is not in the list"),
        ],
        remedy: &["Add a listener on the port, or redirect to one there is. `site` makes both."],
        related: &["name/no-listener", "lint/redirect-protocol"],
        ..Page::new(
            "lint/redirect-to-nowhere",
            "a redirect leads to a port where the load balancer does not listen",
        )
    },
    Page {
        sees: "\"redirected you too many times\" (ERR_TOO_MANY_REDIRECTS), for every address of the site",
        causes: &[
            "Load balancer and application both redirect http to https. TLS ends at the load balancer, so the application sees http for ever.",
            "nginx behind it still has `return 301 https://$host$request_uri` from the time before the load balancer.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null -H 'Host: NAME' http://TARGET/",
                "on the load balancer's machine: 301 to `https://NAME/`",
            ),
            (
                "curl -sv -o /dev/null -H 'Host: NAME' -H 'X-Forwarded-Proto: https' http://TARGET/",
                "still 301: it does not look at the header; 200: it does, and a proxy in between overwrites it",
            ),
        ],
        remedy: &[
            "Remove the redirect behind the load balancer; one place is enough.",
            "In nginx: `if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }`.",
        ],
        related: &[
            "redirect/loop",
            "lint/forwarded-proto-not-trusted",
            "lint/health-check-redirects",
        ],
        ..Page::new(
            "lint/doubled-redirect",
            "the load balancer and what is behind it both redirect to https",
        )
    },
    Page {
        sees: "\"redirected you too many times\" (ERR_TOO_MANY_REDIRECTS), or links and cookies for http",
        causes: &[
            "The framework redirects to https, and does not take `X-Forwarded-Proto` from the load balancer.",
            "A proxy between them overwrites the header with `$scheme`, which is http there.",
        ],
        confirm: &[(
            "curl -sv -o /dev/null -H 'Host: NAME' -H 'X-Forwarded-Proto: https' http://TARGET/",
            "on the load balancer's machine: 301 to https although the header is there",
        )],
        remedy: &[
            "Django: `SECURE_PROXY_SSL_HEADER = (\"HTTP_X_FORWARDED_PROTO\", \"https\")`. Rails: `config.assume_ssl = true`. Laravel: `TrustProxies`. Express: `app.set('trust proxy', …)`.",
            "nginx in between: pass `$http_x_forwarded_proto` on, not `$scheme`.",
            "Then say `trusts_forwarded_proto = true` in the `application` block.",
        ],
        related: &["redirect/loop", "lint/doubled-redirect", "lint/mixed-content"],
        ..Page::new(
            "lint/forwarded-proto-not-trusted",
            "what is behind redirects to https and does not trust X-Forwarded-Proto",
        )
    },
];
