//! Names, addresses, and what a page asks for.

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "\"This site can't be reached\", or the default action's 404, for a host that a rule names",
        causes: &[
            "The rule was written, and the record was forgotten.",
            "The record leads to another load balancer than the one with the rule.",
            "The host is misspelt in the rule or in the record.",
        ],
        confirm: &[
            (
                "dig HOST A +short; dig HOST AAAA +short",
                "compare with the addresses of the load balancer",
            ),
            (
                "curl -sv -o /dev/null https://HOST/ --resolve HOST:443:ADDRESS",
                "with its address: the rule itself works",
            ),
        ],
        remedy: &["Add `record \"HOST\" { alias = load_balancer.x }`, or take the rule away."],
        related: &["name/no-record", "name/unknown-address", "route/default"],
        ..Page::new(
            "lint/host-not-served",
            "a rule names a host that no record leads to this load balancer",
        )
    },
    Page {
        sees: "the old site, somebody else's, or \"refused to connect\"; sometimes for IPv6 clients only",
        causes: &[
            "The record still has the address of a load balancer or machine that is gone.",
            "The load balancer stands behind a NAT, and `public_addresses` is not declared.",
            "A typing error in the address.",
        ],
        confirm: &[
            ("dig NAME A +short; dig NAME AAAA +short", "what the world is told"),
            ("ip -brief address", "on the load balancer's machine: what it has"),
        ],
        remedy: &[
            "Write `alias = load_balancer.x` in the place of addresses: it cannot go stale.",
            "Behind a NAT, add the outer address to `public_addresses`.",
        ],
        related: &["name/unknown-address", "name/no-listener"],
        ..Page::new("lint/no-such-address", "a record has an address that nothing declared has")
    },
    Page {
        sees: "an endless spinner outside (ERR_CONNECTION_TIMED_OUT); inside all is well",
        causes: &[
            "The record of an internal load balancer is visible to everybody.",
            "The public twin of a private record is missing.",
        ],
        confirm: &[
            (
                "dig NAME @1.1.1.1 +short",
                "10.x, 172.16.x to 172.31.x, 192.168.x or fd…: the public is told a private address",
            ),
            ("pointsman who URL", "which clients are led nowhere"),
        ],
        remedy: &[
            "Limit the record with `visible_to`, and give the public one with a public address.",
            "If the name is for insiders only, `visible_to` alone will do.",
        ],
        related: &["name/unroutable", "name/not-visible"],
        ..Page::new("lint/private-address-in-public", "clients outside are told a private address")
    },
    Page {
        sees: "\"This site can't be reached\" (DNS_PROBE_FINISHED_NXDOMAIN) inside one network; everybody else gets in",
        causes: &[
            "A private zone was made for a few internal names, and takes all names of the domain from its clients.",
            "A name was added to the public zone, and forgotten in the private one.",
        ],
        confirm: &[
            ("pointsman dns query NAME A --from NETWORK", "NXDOMAIN, from the private zone"),
            ("pointsman dns query NAME A", "an address, from the public zone"),
        ],
        remedy: &[
            "Write the names into the private zone too: there is no way back to the public one.",
            "Or give the private zone a name of its own, such as `internal.shop.example`.",
        ],
        related: &["name/private-zone", "lint/private-address-in-public"],
        ..Page::new(
            "lint/hidden-by-private-zone",
            "a private zone hides public names from its clients",
        )
    },
    Page {
        sees: "it works for some and not for others: who has IPv6 gets an endless spinner, or the old site",
        causes: &[
            "A stale AAAA: the record was made for a machine that is gone, or for a target behind the load balancer.",
            "The load balancer moved, and the record followed with one family only.",
        ],
        confirm: &[
            (
                "dig NAME A +short; dig NAME AAAA +short",
                "compare with the addresses of the load balancer",
            ),
            (
                "curl -4 -sv -o /dev/null URL; curl -6 -sv -o /dev/null URL",
                "one works, the other does not",
            ),
        ],
        remedy: &[
            "Write `alias = load_balancer.x`: it has the addresses that the load balancer has, of both families.",
            "Or take the address out of the record; authorities that validate over IPv6 fail by it, too.",
        ],
        related: &["lint/no-such-address", "name/other-family"],
        ..Page::new(
            "lint/other-family-elsewhere",
            "a name leads to a load balancer over one IP family, and past it over the other",
        )
    },
    Page {
        sees: "the site works by bare address or by another name, past every rule and certificate of the load balancer",
        causes: &[
            "A record leads straight to the machine of a target.",
            "The target's security group admits everybody on the application's port, where only the load balancer has to come in.",
        ],
        confirm: &[
            (
                "curl -m 5 -sv -o /dev/null http://TARGET:PORT/",
                "from outside: an answer means that the way round is open",
            ),
            ("pointsman who http://TARGET:PORT/", "who may go round"),
        ],
        remedy: &[
            "Let `from` of the target's group be `security_group.lb` only.",
            "Lead the record to the load balancer.",
        ],
        related: &["lint/target-does-not-admit", "lint/open-to-everyone"],
        ..Page::new(
            "lint/goes-round-load-balancer",
            "clients can reach a target without its load balancer",
        )
    },
    Page {
        sees: "the first page is fine, and what it loads later fails: \"Network Error\", \"Failed to fetch\", \"blocked by CORS policy\"",
        causes: &[
            "The server that renders the page calls the API from inside; the browser calls it from outside, and is refused.",
            "The API is on an internal load balancer, or its security group admits fewer networks than the page's.",
            "The name of the API has only a private address.",
        ],
        confirm: &[
            (
                "pointsman compare URL --from NETWORK --from NETWORK",
                "with the call's address: the hop at which inside and outside part",
            ),
            (
                "curl -m 5 -sv -o /dev/null URL",
                "with the call's address, from the person's network: times out; on the server: 200",
            ),
        ],
        remedy: &[
            "Admit to the API whoever may see the page, or serve the API below the page's own host, such as `/api/*`.",
            "If the call is the server's business only, take it out of `calls` and out of the page.",
        ],
        related: &["admit/no-rule", "name/not-visible", "lint/cors-only-from-application"],
        ..Page::new(
            "lint/page-call-refused",
            "people who get a page do not get what the page calls",
        )
    },
    Page {
        sees: "a page without its pictures or data; in the console \"Mixed Content: … was loaded over HTTPS, but requested an insecure resource\"",
        causes: &[
            "A page of https calls an address with `http://`.",
            "A redirect leads from https back to http.",
            "The application does not know that the client came over https, and writes `http://` into its links.",
        ],
        confirm: &[
            (
                "curl -s https://HOST/ | grep -o 'http://[^\"]*' | sort | uniq -c",
                "the addresses that are blocked",
            ),
            (
                "curl -s -o /dev/null -D - URL | grep -i '^location'",
                "with the call's address: a redirect to `http://`",
            ),
        ],
        remedy: &[
            "Write `https://`, or only `//HOST/` or `/path`, in the page and in `calls`.",
            "Have the application trust `X-Forwarded-Proto`.",
        ],
        related: &["lint/forwarded-proto-not-trusted", "lint/page-call-refused"],
        ..Page::new("lint/mixed-content", "a page of https asks for something over http")
    },
    Page {
        sees: "\"blocked by CORS policy\" in the console, when the truth is a 502, a 503 or a 504",
        causes: &[
            "Only the application adds Access-Control-Allow-Origin: an answer of the load balancer has none, and the browser hides it from the page.",
        ],
        confirm: &[
            (
                "curl -s -o /dev/null -D - -H 'Origin: https://PAGE' URL",
                "with the application stopped: 502 without Access-Control-Allow-Origin",
            ),
            ("tail access.log", "the real status and cause, which the browser does not show"),
        ],
        remedy: &[
            "Set Access-Control-Allow-Origin in `response_headers` of the listener: it stands on every answer.",
            "Or serve the API below the page's own host: then there is no CORS.",
            "For now: read the access log, not the console.",
        ],
        related: &["lint/page-call-refused", "target/refused"],
        ..Page::new(
            "lint/cors-only-from-application",
            "the load balancer's own errors carry no Access-Control-Allow-Origin",
        )
    },
];
