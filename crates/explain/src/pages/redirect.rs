//! Where an answer sends the browser next.

use model::Obstacle;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "\"redirected you too many times\" (ERR_TOO_MANY_REDIRECTS); curl -L: \"Maximum redirects followed\" (47)",
        causes: &[
            "The load balancer ends TLS and asks the application over http; the application sees http and redirects to https, for ever.",
            "The application does not trust `X-Forwarded-Proto`: Django's SECURE_PROXY_SSL_HEADER, Rails' assume_ssl, Laravel's TrustProxies.",
            "nginx behind it has `return 301 https://` on the port that the load balancer asks.",
            "One side adds `www.` and the other takes it away.",
        ],
        confirm: &[
            (
                "curl -sv -o /dev/null URL 2>&1 | grep -i '^< \\(HTTP\\|location\\|server\\)'",
                "`Location` is the address that was asked for; `Server` says who redirects",
            ),
            (
                "curl -sv -o /dev/null -H 'Host: NAME' -H 'X-Forwarded-Proto: https' http://TARGET/",
                "from the load balancer: still 301 to https: the application does not look at the header",
            ),
            (
                "pointsman explain URL",
                "follows the redirects and names the two that send to each other",
            ),
        ],
        remedy: &[
            "Redirect in one place only: take it out of the application or nginx, or let it redirect only if `X-Forwarded-Proto` is `http`.",
            "Have the application trust `X-Forwarded-Proto` of the load balancer's addresses, and of nobody else.",
        ],
        related: &[
            "lint/doubled-redirect",
            "lint/forwarded-proto-not-trusted",
            "lint/redirect-loop",
            "redirect/too-many",
        ],
        ..Page::obstacle(Obstacle::RedirectLoop)
    },
    Page {
        sees: "\"redirected you too many times\" (ERR_TOO_MANY_REDIRECTS), although every address is another",
        causes: &[
            "A redirect adds something each time: a slash, a parameter, a part of the path.",
            "A login sends back to itself, since its cookie is not kept (another domain, `Secure` over http).",
        ],
        confirm: &[
            (
                "curl -sL -o /dev/null -D - URL | grep -i '^location'",
                "the addresses one after the other: what grows is the fault",
            ),
            (
                "curl -sL -o /dev/null -D - -c /tmp/jar -b /tmp/jar URL",
                "ends with cookies kept: the loop is about the cookie",
            ),
        ],
        remedy: &[
            "Mend the redirect that adds: its condition has to be false for its own result.",
            "Set the cookie for the domain that the browser ends up on.",
        ],
        related: &["redirect/loop", "route/redirect-too-long"],
        ..Page::obstacle(Obstacle::RedirectTooMany)
    },
    Page {
        sees: "\"This site can't be reached\" (ERR_INVALID_REDIRECT, ERR_UNSAFE_REDIRECT), or a blank page",
        causes: &[
            "`Location` has a host that is empty or misspelt, often from a template whose variable is not set.",
            "`Location` leads to another scheme than http or https.",
            "The port of the redirect is no number from 1 to 65535.",
        ],
        confirm: &[(
            "curl -s -o /dev/null -D - URL | grep -i '^location'",
            "the address that the browser cannot follow",
        )],
        remedy: &[
            "Write the redirect in full: `protocol`, `host`, `port`, `path`; the application's is mended there.",
        ],
        related: &["redirect/loop", "lint/redirect-to-nowhere"],
        ..Page::obstacle(Obstacle::RedirectInvalid)
    },
];
