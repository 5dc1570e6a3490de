//! Before any load balancer.

use model::Obstacle;

use super::Page;

pub const PAGES: &[Page] = &[
    Page {
        sees: "\"This site can't be reached\" (DNS_PROBE_FINISHED_NXDOMAIN); curl: \"Could not resolve host\" (6)",
        causes: &[
            "The record was never made, or was made in another zone.",
            "The name is misspelt in the link or in the record.",
            "The record exists in DNS, and the configuration that is explained does not declare it.",
        ],
        confirm: &[
            (
                "dig NAME A +short; dig NAME AAAA +short",
                "no line: the name has no address for this resolver",
            ),
            (
                "dig NAME NS +trace",
                "the last server that answers is the one that has to know the name",
            ),
            (
                "pointsman explain URL",
                "hop `name` says which records are declared, and the nearest one",
            ),
        ],
        remedy: &[
            "Declare `record \"NAME\" { alias = load_balancer.x }`, and have the real zone say the same.",
            "After a record is made, wait for the negative answer to leave the caches: the last number of the zone's SOA.",
        ],
        related: &["name/not-visible", "name/unknown-address", "lint/host-not-served"],
        ..Page::obstacle(Obstacle::NameNoRecord)
    },
    Page {
        sees: "\"This site can't be reached\" (DNS_PROBE_FINISHED_NXDOMAIN) outside; inside it works",
        causes: &[
            "The name stands in a private view only, and this client asks the public one.",
            "The client uses another resolver than you think: DNS over HTTPS in the browser, or a VPN that is down.",
            "The public twin of a private record was forgotten.",
        ],
        confirm: &[
            ("dig NAME @1.1.1.1 +short", "no line: the public does not know the name"),
            ("dig NAME +short", "an address here and none there: two views"),
            ("pointsman who URL", "shows which clients get an address, and which do not"),
        ],
        remedy: &[
            "Name the client's network in `visible_to` of the record, or leave `visible_to` out: then everybody sees it.",
            "If the name is meant to be private, the page that calls it from browsers outside has to call a public one.",
        ],
        related: &["name/no-record", "name/unroutable", "lint/page-call-refused"],
        ..Page::obstacle(Obstacle::NameNotVisible)
    },
    Page {
        sees: "\"This site can't be reached\" (DNS_PROBE_FINISHED_NXDOMAIN or ERR_NAME_NOT_RESOLVED); curl: \"Could not resolve host\" (6)",
        causes: &[
            "The name has records of other types only, such as MX or TXT.",
            "There are names below it, and none of its own: `api.shop.example` makes `shop.example` exist.",
            "A geolocation record has no default, and the client is in no network of the others.",
        ],
        confirm: &[
            ("dig NAME A; dig NAME AAAA", "NOERROR, and an empty answer with the zone's SOA"),
            ("pointsman dns query NAME ANY", "what the name has"),
        ],
        remedy: &[
            "Add `alias` or `addresses` to the record.",
            "Of geolocation records, give one `geolocation = \"default\"`.",
        ],
        related: &["name/no-record", "name/private-zone"],
        ..Page::obstacle(Obstacle::NameNoData)
    },
    Page {
        sees: "\"This site can't be reached\" (DNS_PROBE_FINISHED_NXDOMAIN) inside; outside it works",
        causes: &[
            "The client's network has a private zone of this name, and the record stands in the public one only.",
            "The private zone was made for a few internal names, and takes all names of the domain from its clients.",
        ],
        confirm: &[
            ("dig NAME @1.1.1.1 +short", "an address: the public zone has it"),
            (
                "pointsman dns query NAME A --from NETWORK",
                "which zone answers, and that it has no such name",
            ),
        ],
        remedy: &[
            "Write the record into the private zone, too: there is no way back to the public one.",
            "Give the private zone a narrower name, such as `internal.shop.example`.",
        ],
        related: &["name/no-record", "name/no-data", "name/not-visible"],
        ..Page::obstacle(Obstacle::NamePrivateZone)
    },
    Page {
        sees: "nothing, as a rule: the browser comes by the other family; with one family alone \"this site can't be reached\" (ERR_ADDRESS_UNREACHABLE)",
        causes: &[
            "The load balancer has IPv4 addresses only, and the client was taken to have IPv6 (or the other way round).",
            "The AAAA record is missing, though the load balancer has an IPv6 address.",
        ],
        confirm: &[
            ("dig NAME A +short; dig NAME AAAA +short", "which families the name has addresses of"),
            ("curl -6 -sv -o /dev/null URL", "what a client with IPv6 alone gets"),
        ],
        remedy: &[
            "Nothing, if every client has the family that there is; mobile networks translate (NAT64).",
            "Else give the load balancer an address of the other family, and a security group that admits it.",
        ],
        related: &["name/no-record", "name/unroutable"],
        ..Page::obstacle(Obstacle::NameOtherFamily)
    },
    Page {
        sees: "\"This site can't be reached\"; dig says SERVFAIL",
        causes: &[
            "Two names are a `cname` of each other.",
            "A wildcard answers for the very name that it points to.",
        ],
        confirm: &[
            ("dig NAME", "SERVFAIL, or the same names again and again in the answer"),
            ("dig NAME CNAME +short", "follow it by hand, until a name comes a second time"),
        ],
        remedy: &["Let the last name of the chain have an address or an `alias`, not a `cname`."],
        related: &["name/no-record"],
        ..Page::obstacle(Obstacle::NameLoop)
    },
    Page {
        sees: "an endless spinner, then \"took too long to respond\" (ERR_CONNECTION_TIMED_OUT); in a few networks somebody else's page",
        causes: &[
            "The public answer for the name is a private address (10/8, 172.16/12, 192.168/16, fd00::/8).",
            "The name leads to an internal load balancer, and the client is outside.",
            "The VPN that would make the address reachable is down.",
        ],
        confirm: &[
            ("dig NAME @1.1.1.1 +short", "a private address: nobody outside can come to it"),
            ("pointsman who URL", "splits the clients into those inside and those outside"),
        ],
        remedy: &[
            "Give outside clients a record with the public address, or put a public load balancer before it.",
            "If the name is meant to be private, keep it out of the public view.",
        ],
        related: &["name/not-visible", "lint/private-address-in-public"],
        ..Page::obstacle(Obstacle::NameUnroutable)
    },
    Page {
        sees: "the old site, somebody else's site, \"refused to connect\", or an endless spinner",
        causes: &[
            "The record still points to a load balancer that was replaced or deleted.",
            "The address is behind a NAT or a proxy that the configuration does not declare.",
            "A stale AAAA: IPv6 clients go somewhere else than IPv4 clients.",
        ],
        confirm: &[
            (
                "dig NAME A +short; dig NAME AAAA +short",
                "compare with `addresses` and `public_addresses` of the load balancer",
            ),
            (
                "curl -sv -o /dev/null URL --resolve NAME:443:ADDRESS",
                "with the load balancer's own address: works, then the record is wrong",
            ),
        ],
        remedy: &[
            "Point the record to the load balancer: `alias = load_balancer.x` cannot go stale.",
            "Behind a NAT, declare the outer address in `public_addresses` of the load balancer.",
        ],
        related: &["name/no-record", "lint/no-such-address"],
        ..Page::obstacle(Obstacle::NameUnknownAddress)
    },
    Page {
        sees: "\"refused to connect\" (ERR_CONNECTION_REFUSED); curl: \"Connection refused\" (7)",
        causes: &[
            "The load balancer has a listener on 80 and none on 443, or the other way round.",
            "A redirect leads to https, and nobody added the https listener.",
            "The link names a port that only the application listens on.",
        ],
        confirm: &[
            ("pointsman status", "the listeners that are open, with their addresses"),
            ("ss -ltn", "on the load balancer: the port is not in the list"),
            (
                "curl -sv -o /dev/null URL",
                "\"Connection refused\" at once: nothing listens; after a long while: a firewall",
            ),
        ],
        remedy: &[
            "Add a `listener` for the port, or use `site`, which makes both.",
            "Or change the link or the redirect to a port that is listened on.",
        ],
        related: &["tls/not-spoken", "lint/redirect-to-nowhere", "admit/no-rule"],
        ..Page::obstacle(Obstacle::NameNoListener)
    },
];
