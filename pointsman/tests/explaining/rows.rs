//! Questions about the site with its mistakes put in, and what is said to them.

pub struct Row {
    pub name: &'static str,
    pub edits: &'static [(&'static str, &'static str)],
    pub arguments: &'static [&'static str],
    pub code: i32,
    /// What the answer says, in this order.
    pub says: &'static [&'static str],
}

const NONE: &[(&str, &str)] = &[];
const TO_FRONT: &str = "    default {\n      forward = target_group.front\n    }\n";

const EGRESS: &str = "    from  = [network.office]\n  }\n\n  egress {\n    ports = [3000, 8080]\n    \
                      to    = [network.vpc]\n  }\n";

pub const ROWS: &[Row] = &[
    Row {
        name: "it reaches",
        edits: NONE,
        arguments: &["https://shop.example/products/1", "--from", "office"],
        code: 0,
        says: &["✓ office", "rule \"products\" (priority 1) takes it", "200 OK"],
    },
    Row {
        name: "a network that is not admitted",
        edits: NONE,
        arguments: &["https://shop.example/products/1", "--from", "lte"],
        code: 3,
        says: &[
            "stops at hop 3",
            "[admit/no-rule]",
            "admits tcp/443 only from office",
            "would pass: rule \"products\"",
            "ERR_CONNECTION_TIMED_OUT",
            "Fix 1 (security group) admit network.lte in security_group.web (or `anywhere`",
            "+ from = [network.office, network.lte]",
            "then: 200 OK",
        ],
    },
    Row {
        name: "by an address of IPv6",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "2001:db8:17e::5"],
        code: 3,
        says: &[
            "load_balancer.edge at 2001:db8:2::10",
            "[network.office, \"2001:db8:17e::5/128\"]",
        ],
    },
    Row {
        name: "a translated network, of a load balancer inside",
        edits: &[("    from  = [network.vpc]", "    from  = [\"10.0.1.0/24\"]")],
        arguments: &["http://10.0.0.20/", "--from", "guest-wifi"],
        code: 3,
        says: &[
            "[admit/no-rule]",
            "admit network.guest-wifi in security_group.inner",
            "then: 200 OK",
        ],
    },
    Row {
        name: "a translated network, of a public one, by one of its addresses",
        edits: NONE,
        arguments: &["https://shop.example/products/1", "--from", "192.168.50.7"],
        code: 3,
        says: &["[admit/no-rule]", "admit 198.51.100.20/32 in security_group.web", "then: 200 OK"],
    },
    Row {
        name: "what fails outweighs what is not known",
        edits: &[
            (
                "    from  = [security_group.web, security_group.inner]",
                "    from  = [network.office]",
            ),
            ("  application \"api\" {\n    port    = 8080\n    answers = 200\n  }\n", ""),
        ],
        arguments: &["http://10.0.1.5:8080/"],
        code: 3,
        says: &["[admit/no-rule]"],
    },
    Row {
        name: "denied with a page",
        edits: &[(
            "  security_groups = [security_group.web]\n\n  listener",
            "  security_groups = [security_group.web]\n  deny            = \"page\"\n\n  listener",
        )],
        arguments: &["http://shop.example/", "--from", "lte"],
        code: 3,
        says: &["403 Forbidden"],
    },
    Row {
        name: "the answer is a failure",
        edits: NONE,
        arguments: &["https://shop.example/gone", "--from", "office"],
        code: 4,
        says: &[
            "comes to hop 7 of 7 and fails: action",
            "the rule answers 410 Gone itself",
            "410 Gone, a page of the load balancer",
        ],
    },
    Row {
        name: "a near miss of a path",
        edits: NONE,
        arguments: &["https://shop.example/product/7", "--from", "office"],
        code: 0,
        says: &["rule \"products\" did not match: path `/product/7` is not `/products/*`"],
    },
    Row {
        name: "a method decides",
        edits: NONE,
        arguments: &["https://shop.example/orders", "--from", "office", "--method", "POST"],
        code: 0,
        says: &["rule \"posts\" (priority 2) takes it"],
    },
    Row {
        name: "a header decides",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "office", "-H", "Host: old.shop.example"],
        // As with curl, the header goes along to the same host.
        code: 4,
        says: &["[redirect/loop]", "rule \"old\" (priority 3) takes it"],
    },
    Row {
        name: "redirects are followed to the end",
        edits: NONE,
        arguments: &["http://old.shop.example/cart?x=1", "--from", "office"],
        code: 0,
        says: &[
            "(2) https://old.shop.example/cart?x=1",
            "(3) https://shop.example/cart?x=1",
            "200 OK",
        ],
    },
    Row {
        name: "a redirect in a circle",
        edits: &[(
            "        host = \"shop.example\"\n",
            "        host = \"old.shop.example\"\n        path = \"/#{path}\"\n        query = \"a=b\"\n",
        )],
        arguments: &["https://old.shop.example/?a=b", "--from", "office"],
        code: 4,
        says: &["[redirect/loop]", "ERR_TOO_MANY_REDIRECTS"],
    },
    Row {
        name: "a redirect to a closed port",
        edits: &[("        port     = \"443\"\n", "        port     = \"8443\"\n")],
        arguments: &["http://shop.example/", "--from", "office"],
        code: 3,
        says: &["[name/no-listener]", "ERR_CONNECTION_REFUSED", "port = \"443\"", "then: 200 OK"],
    },
    Row {
        name: "a certificate for another name",
        edits: NONE,
        arguments: &["https://other.example/", "--from", "office"],
        code: 3,
        says: &[
            "[tls/name-mismatch]",
            "NET::ERR_CERT_COMMON_NAME_INVALID",
            "+ certificates = [certificate.shop, certificate.other]",
        ],
    },
    Row {
        name: "no such name",
        edits: NONE,
        arguments: &["https://missing.example/", "--from", "office"],
        code: 3,
        says: &["name/no-record", "DNS_PROBE_FINISHED_NXDOMAIN"],
    },
    Row {
        name: "a name of another view",
        edits: NONE,
        arguments: &["http://api.internal/", "--from", "office"],
        code: 3,
        says: &["[name/not-visible]"],
    },
    Row {
        name: "an internal load balancer from outside",
        edits: NONE,
        arguments: &["http://10.0.0.20/", "--from", "internet"],
        code: 3,
        says: &["[name/unroutable]"],
    },
    Row {
        name: "every later failure is told",
        edits: &[
            ("  targets = [\"instance.web:8080\"]", "  targets = [\"instance.web:443\"]"),
            (
                "  names       = [\"shop.example\", \"*.shop.example\"]",
                "  names       = [\"*.shop.example\"]",
            ),
        ],
        arguments: &["https://shop.example/products/1", "--from", "lte"],
        code: 3,
        says: &[
            "✗ security_group.web admits tcp/443 only",
            "✗ would fail too: certificate.shop",
            "✗ would fail too: instance.web does not admit load_balancer.edge on tcp/443",
            "✗ would fail too: nothing is declared to listen on port 443 of instance.web",
            "Fix 1 (security group)",
            "Fix 2 (tls) have certificate.shop cover shop.example as well",
            "+ names = [\"*.shop.example\", \"shop.example\"]",
            "Fix 3",
            "then: 200 OK",
        ],
    },
    Row {
        name: "the machine does not admit the load balancer",
        edits: &[(
            "    from  = [security_group.web, security_group.inner]",
            "    from  = [security_group.inner]",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &[
            "[target/connect-timeout]",
            "instance.web does not admit load_balancer.edge on tcp/3000",
            "504 Gateway Timeout",
            "+ from = [security_group.inner, security_group.web]",
            "then: 200 OK",
        ],
    },
    Row {
        name: "nothing listens on the target's port",
        edits: &[
            (
                "  targets = [\"instance.web:3000\"]",
                "  targets = [\"instance.web:8080\", \"instance.web:443\"]",
            ),
            (
                "  targets = [\"instance.web:8080\", \"instance.web:443\"]",
                "  targets = [\"instance.web:443\"]",
            ),
            ("    ports = [3000, 8080]", "    ports = \"all\""),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["target/refused", "502 Bad Gateway", "instance.web:3000", "then: 200 OK"],
    },
    Row {
        name: "no target",
        edits: &[("  targets = [\"instance.web:3000\"]", "  targets = []")],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[target/none-registered]", "503 Service Unavailable", "register a target"],
    },
    Row {
        name: "no group has a weight",
        edits: &[(
            TO_FRONT,
            "    default {\n      forward {\n        group {\n          target = target_group.front\n          weight = 0\n        }\n      }\n    }\n",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[route/no-weight]", "+ weight = 1", "then: 200 OK"],
    },
    Row {
        name: "both redirect to https",
        edits: &[(
            "    port    = 3000\n    answers = 200\n",
            "    port      = 3000\n    redirects = \"https\"\n    answers   = 200\n",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[redirect/loop]", "take the redirect out of the application"],
    },
    Row {
        name: "round the load balancer, by the bare address",
        edits: &[(
            "    from  = [security_group.web, security_group.inner]",
            "    from  = [anywhere]",
        )],
        arguments: &["http://10.0.1.5:3000/", "--from", "vpc"],
        code: 0,
        says: &["this is instance.web, round every load balancer"],
    },
    Row {
        name: "a machine asks itself",
        edits: NONE,
        arguments: &["http://10.0.1.5:3000/", "--from", "instance.web"],
        code: 0,
        says: &["instance.web asks itself: no security group is asked", "200 OK"],
    },
    Row {
        name: "a page of which the browser's calls fail",
        edits: &[(
            "  calls        = [\"https://shop.example/products/2\"]",
            "  calls        = [\"https://products.example/2\"]",
        )],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &[
            "✓ office",
            "The page then asks for more",
            "✓ http://api.internal/products/1 (server, from instance.web)",
            "✗ https://products.example/2 (browser",
            "Failed to fetch",
        ],
    },
    Row {
        name: "a script that may not read what it gets",
        edits: &[
            (
                "  calls        = [\"https://shop.example/products/2\"]",
                "  calls        = [\"https://old.shop.example/products/2\"]",
            ),
            (
                "    port    = 8080\n    answers = 200\n",
                "    port    = 8080\n    answers = 200\n    cors    = [\"https://else.example\"]\n",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &[
            "✗ https://old.shop.example/products/2 (browser",
            "blocked by CORS policy",
            "the application does not allow scripts of https://shop.example",
            "`pointsman explain https://old.shop.example/products/2 --from office` says what mends",
        ],
    },
    Row {
        name: "a script that may read what it gets",
        edits: &[
            (
                "  calls        = [\"https://shop.example/products/2\"]",
                "  calls        = [\"https://old.shop.example/products/2\"]",
            ),
            (
                "    port    = 8080\n    answers = 200\n",
                "    port    = 8080\n    answers = 200\n    cors    = [\"https://shop.example\"]\n",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 0,
        says: &["✓ https://old.shop.example/products/2 (browser"],
    },
    Row {
        name: "calls of a page that is declared nowhere",
        edits: NONE,
        arguments: &[
            "https://shop.example/gone",
            "--from",
            "office",
            "--page",
            "http://api.internal/products/1",
        ],
        code: 4,
        says: &["✗ http://api.internal/products/1 (browser", "[name/not-visible]"],
    },
    Row {
        name: "a load balancer on every address of IPv4 has none of IPv6",
        edits: &[
            ("[\"203.0.113.10\", \"2001:db8:2::10\"]", "[\"0.0.0.0\"]"),
            // Both listen on every address now.
            (
                "group.inner]\n\n  listener \"http\" {\n    port = 80",
                "group.inner]\n\n  listener \"http\" {\n    port = 81",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "2001:db8:1::5"],
        code: 0,
        says: &["shop.example has no IPv6 address", "name/other-family"],
    },
    Row {
        name: "two addresses of a listener of which one is private",
        edits: &[
            ("[\"203.0.113.10\", \"2001:db8:2::10\"]", "[\"203.0.113.10\", \"10.0.0.30\"]"),
            (
                "record \"shop.example\" {\n  alias = load_balancer.edge\n",
                "record \"shop.example\" {\n  addresses = [\"203.0.113.10\", \"10.0.0.30\"]\n",
            ),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 3,
        says: &["203.0.113.10:443 is load_balancer.edge", "10.0.0.30 is a private address"],
    },
    Row {
        name: "something else on the machine of the load balancer",
        edits: &[
            ("  addresses       = [\"10.0.1.5\"]", "  addresses       = [\"203.0.113.10\"]"),
            ("    from  = [security_group.web, security_group.inner]", "    from  = [anywhere]"),
        ],
        arguments: &["http://203.0.113.10:3000/", "--from", "office"],
        code: 0,
        says: &["this is instance.web, round every load balancer", "200 OK"],
    },
    Row {
        name: "a name that leads elsewhere",
        edits: &[(
            "record \"other.example\" {\n  alias = load_balancer.edge\n",
            "record \"other.example\" {\n  cname = \"shop.cdn.test\"\n",
        )],
        arguments: &["https://other.example/", "--from", "office"],
        code: 0,
        says: &["other.example leads to shop.cdn.test, which is kept elsewhere"],
    },
    Row {
        name: "a target by a name, where not everywhere is allowed",
        edits: &[
            ("    from  = [network.office]\n  }\n", EGRESS),
            ("[\"instance.web:3000\"]", "[\"app.internal:3000\"]"),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 0,
        says: &["whether load_balancer.edge may connect to app.internal:3000 is not known"],
    },
    Row {
        name: "a target on the load balancer's machine, where that is not allowed",
        edits: &[
            ("    from  = [network.office]\n  }\n", EGRESS),
            ("[\"instance.web:3000\"]", "[\"localhost:3000\"]"),
        ],
        arguments: &["https://shop.example/", "--from", "office"],
        code: 4,
        says: &["[target/egress-denied]"],
    },
    Row {
        name: "a header that frames a body",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "office", "-H", "Content-Length: 5"],
        code: 0,
        says: &["whether it is taken depends on its body"],
    },
    Row {
        name: "empty elements are no addresses",
        edits: NONE,
        arguments: &[
            "https://shop.example/",
            "--from",
            "office",
            "-H",
            "X-Forwarded-For: ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,192.0.2.1",
        ],
        code: 0,
        says: &["200 OK"],
    },
    Row {
        name: "a network that nobody declared",
        edits: NONE,
        arguments: &["https://shop.example/", "--from", "guest-wfi"],
        code: 2,
        says: &["guest-wfi", "did you mean `guest-wifi`"],
    },
    Row {
        name: "not an address",
        edits: NONE,
        arguments: &["gopher://shop.example/", "--from", "office"],
        code: 2,
        says: &["gopher"],
    },
    Row {
        name: "a header without a colon",
        edits: NONE,
        arguments: &["https://shop.example/", "-H", "Host"],
        code: 2,
        says: &["is not a header"],
    },
    Row {
        name: "a code",
        edits: NONE,
        arguments: &["admit/no-rule"],
        code: 0,
        says: &["admit/no-rule", "timed out"],
    },
    Row {
        name: "a code that there is not",
        edits: NONE,
        arguments: &["admit/no-rul"],
        code: 2,
        says: &["did you mean `admit/no-rule`"],
    },
];
