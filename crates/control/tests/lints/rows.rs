//! The table: a change that makes a good configuration bad, the line that is pointed at, the remedy.

pub struct Row {
    pub code: &'static str,
    pub name: &'static str,
    /// Changes of [`SHOP`]: what is replaced by what; nothing replaced: added at the end.
    pub bad: &'static [(&'static str, &'static str)],
    /// Stands on the line of the finding, and on no other.
    pub at: &'static str,
    /// Changes of the bad one.
    pub good: &'static [(&'static str, &'static str)],
}

/// A good one.
pub const SHOP: &str = r#"network "office" {
  cidrs = ["192.0.2.0/24"]
}

security_group "shop" {
  ingress { # of the shop
    ports = [80, 443]
    from  = [anywhere]
  }
}

security_group "web" {
  ingress { # of the web
    ports = [8080]
    from  = [security_group.shop]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.example"]
}

instance "web" {
  addresses        = ["10.0.1.5"]
  public_addresses = ["203.0.113.30"]
  security_groups  = [security_group.web]
  serves           = [8080, 3000]

  application "front" {
    port    = 8080
    forward = "127.0.0.1:3000"
  }

  application "app" {
    port           = 3000
    answers        = 200
    unit           = "app.service"
    starts_at_boot = true
  }
}

target_group "web" {
  targets = ["instance.web:8080"]
}

load_balancer "shop" {
  addresses       = ["203.0.113.10"]
  security_groups = [security_group.shop]

  listener "http" {
    port = 80

    default { # redirects
      redirect {
        protocol = "HTTPS"
        port     = "443"
      }
    }
  }

  listener "https" {
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.shop]

    default { # forwards
      forward = target_group.web
    }
  }
}

record "shop.example" {
  alias = load_balancer.shop
}
"#;

/// What configurations of nginx are called here.
pub const NGINX: &[(&str, &str)] = &[
    (
        "names.conf",
        "server { listen 8080 default_server; return 404; }
         server { listen 8080; server_name shop.internal; return 200; }",
    ),
    (
        "all-names.conf",
        "server { listen 8080 default_server; return 404; }
         server { listen 8080; server_name shop.example; return 200; }",
    ),
    (
        "checked-by-name.conf",
        "server { listen 8080 default_server; return 444; }
         server { listen 8080; server_name shop.example up.internal; return 200; }",
    ),
    (
        "overwrites.conf",
        "server { listen 8080; location / {
           proxy_set_header Host $host;
           proxy_set_header X-Forwarded-Proto $scheme; proxy_pass http://127.0.0.1:3000; } }",
    ),
    (
        "passes-on.conf",
        "server { listen 8080; location / {
           proxy_set_header Host $host;
           proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;
           proxy_pass http://127.0.0.1:3000; } }",
    ),
    (
        "everybody.conf",
        "server { listen 8080 default_server; return 200; }
         server { listen 8080; server_name other.internal; return 404; }",
    ),
    ("odd.conf", "server { listen 8080; location / { access_by_lua_file x.lua; return 200; } }"),
    ("plain.conf", "server { listen 8080; location / { return 200; } }"),
    ("tls.conf", "server { listen 8080 ssl; ssl_certificate a.pem; return 200; }"),
];

/// Changes of [`SHOP`] after which it is still good.
pub const WELL: &[(&str, &[(&str, &str)])] = &[
    (
        "another machine stands before the load balancer",
        &[
            (ALIAS, "  addresses = [\"198.51.100.7\"]\n"),
            (DEFAULT, RULE_SHOP),
            ("", "network \"front\" {\n  cidrs = [\"198.51.100.0/24\"]\n}"),
        ],
    ),
    (
        "a listener for the office, on a port and with a name of its own",
        &[
            (DEFAULT, ADMIN),
            (
                "",
                "certificate \"admin\" {\n  development = true\n  names       = [\"admin.example\"]\n}",
            ),
            ("", "record \"admin.example\" {\n  alias = load_balancer.shop\n}"),
            (
                "  ingress { # of the shop\n",
                "  ingress {\n    ports = [8443]\n    from  = [network.office]\n  }\n\n  ingress {\n",
            ),
        ],
    ),
    (
        "a network that is seen otherwise outside, and comes by a private address",
        &[
            (
                "  cidrs = [\"192.0.2.0/24\"]\n",
                "  cidrs   = [\"10.1.0.0/16\"]\n  seen_as = [\"192.0.2.1/32\"]\n",
            ),
            (
                "  addresses       = [\"203.0.113.10\"]\n",
                "  addresses        = [\"10.0.0.10\"]\n  public_addresses = [\"203.0.113.10\"]\n",
            ),
            (OPEN, "    ports = [80, 443]\n    from  = [network.office]\n"),
            (
                "",
                "record \"shop.example\" {\n  addresses  = [\"10.0.0.10\"]\n  visible_to = [network.office]\n}",
            ),
            (
                "",
                "expect \"the office\" {\n  url    = \"https://shop.example/\"\n  works  = [network.office]\n  denied = [internet]\n}",
            ),
        ],
    ),
    (
        "one load balancer behind the other",
        &[
            (TARGETS, "  targets = [\"10.0.0.20:8080\"]\n"),
            (
                "",
                "load_balancer \"inner\" {\n  scheme          = \"internal\"\n  addresses       = [\"10.0.0.20\"]\n  security_groups = [security_group.web]\n  listener \"http\" {\n    port = 8080\n    rule \"shop\" {\n      host    = [\"shop.example\"]\n      forward = target_group.inner\n    }\n    default {\n      fixed_response {\n        status = 404\n      }\n    }\n  }\n}",
            ),
            ("", "target_group \"inner\" {\n  port    = 8080\n  targets = [instance.web]\n}"),
            (WEB_PEER, "    from  = [security_group.shop, security_group.web]\n"),
        ],
    ),
    (
        "a host whose name is kept elsewhere, beside one that is kept here",
        &[
            (NAMES, "[\"shop.co.example\", \"other.co.example\"]"),
            ("record \"shop.example\" {", "record \"shop.co.example\" {"),
            (DEFAULT, RULE_OTHER),
        ],
    ),
    (
        "nginx answers everybody by its default server",
        &[(FRONT, "    port    = 8080\n    nginx   = \"everybody.conf\"\n")],
    ),
    (
        "a world in which every address is private",
        &[
            ("  cidrs = [\"192.0.2.0/24\"]\n", "  cidrs = [\"10.1.0.0/16\"]\n"),
            ("  public_addresses = [\"203.0.113.30\"]\n", ""),
            ("  addresses       = [\"203.0.113.10\"]\n", "  addresses       = [\"10.0.0.10\"]\n"),
            (OPEN, "    ports = [80, 443]\n    from  = [network.office]\n"),
        ],
    ),
    (
        "a server that calls the API of the inside",
        &[
            ("", "network \"inside\" {\n  cidrs = [\"10.0.0.0/16\"]\n}"),
            (
                "",
                "page \"shop\" {\n  url   = \"https://shop.example/\"\n  calls = [\"https://shop.example/api\", \"https://elsewhere.example/\"]\n}",
            ),
            (OPEN, "    ports = [80, 443]\n    from  = [\"0.0.0.0/0\"]\n"),
        ],
    ),
];

const RULE_SHOP: &str = "    rule \"shop\" {\n      host    = [\"shop.example\"]\n      forward = target_group.web\n    }\n\n    default {\n      forward = target_group.web\n    }\n";
const RULE_OTHER: &str = "    rule \"other\" {\n      host    = [\"other.co.example\"]\n      forward = target_group.web\n    }\n\n    default {\n      forward = target_group.web\n    }\n";
const ADMIN: &str = "    default {\n      forward = target_group.web\n    }\n  }\n\n  listener \"admin\" {\n    port         = 8443\n    protocol     = \"HTTPS\"\n    certificates = [certificate.admin]\n\n    default {\n      forward = target_group.web\n    }\n";

pub const NAMES: &str = "[\"shop.example\"]";
const DEFAULT: &str = "    default { # forwards\n      forward = target_group.web\n    }\n";
const REDIRECT: &str =
    "      redirect {\n        protocol = \"HTTPS\"\n        port     = \"443\"\n      }\n";
const FRONT: &str = "    port    = 8080\n    forward = \"127.0.0.1:3000\"\n";
const TARGETS: &str = "  targets = [\"instance.web:8080\"]\n";
const ALIAS: &str = "  alias = load_balancer.shop\n";
/// So that only requests matter.
const TCP: (&str, &str) =
    (TARGETS, "  targets = [\"instance.web:8080\"]\n  health_check { protocol = \"TCP\" }\n");
const OPEN: &str = "    ports = [80, 443]\n    from  = [anywhere]\n";
const WEB_PEER: &str = "    from  = [security_group.shop]\n";
const ANSWERS: &str = "    answers        = 200\n";

pub const ROWS: &[Row] = &[
    Row {
        code: "lint/certificate-does-not-cover",
        name: "a rule's host in no certificate",
        bad: &[
            (
                DEFAULT,
                "    rule \"api\" {\n      host    = [\"api.shop.example\"]\n      forward = target_group.web\n    }\n\n    default {\n      forward = target_group.web\n    }\n",
            ),
            ("", "record \"api.shop.example\" {\n  alias = load_balancer.shop\n}"),
        ],
        at: "rule \"api\"",
        good: &[(NAMES, "[\"shop.example\", \"api.shop.example\"]")],
    },
    Row {
        code: "lint/cors-only-from-application",
        name: "a page calls another origin, and only the application says that it may",
        bad: &[
            (NAMES, "[\"shop.example\", \"www.shop.example\"]"),
            (
                FRONT,
                "    port    = 8080\n    forward = \"127.0.0.1:3000\"\n    cors    = [\"https://www.shop.example\"]\n",
            ),
            ("", "record \"www.shop.example\" {\n  alias = load_balancer.shop\n}"),
            (
                "",
                "page \"shop\" {\n  url   = \"https://www.shop.example/\"\n  calls = [\"https://shop.example/api\"]\n}",
            ),
        ],
        at: "listener \"https\"",
        good: &[(
            "    certificates = [certificate.shop]\n",
            "    certificates = [certificate.shop]\n    response_headers = { \"Access-Control-Allow-Origin\" = \"https://www.shop.example\" }\n",
        )],
    },
    Row {
        code: "lint/default-certificate",
        name: "a name that leads here and has no certificate",
        bad: &[("", "record \"www.shop.example\" {\n  alias = load_balancer.shop\n}")],
        at: "record \"www.shop.example\"",
        good: &[(NAMES, "[\"shop.example\", \"www.shop.example\"]")],
    },
    Row {
        code: "lint/doubled-redirect",
        name: "load balancer and application redirect to https",
        bad: &[(ANSWERS, "    answers        = 200\n    redirects      = \"https\"\n")],
        at: "application \"app\"",
        good: &[("    redirects      = \"https\"\n", "")],
    },
    Row {
        code: "lint/egress-denied",
        name: "the load balancer may connect elsewhere only",
        bad: &[(
            OPEN,
            "    ports = [80, 443]\n    from  = [anywhere]\n  }\n\n  egress {\n    ports = [8080]\n    to    = [\"10.9.0.0/16\"]\n",
        )],
        at: "targets = ",
        good: &[("10.9.0.0/16", "10.0.0.0/16")],
    },
    Row {
        code: "lint/expectation-broken",
        name: "somebody who should not gets in",
        bad: &[(
            "",
            "expect \"the office only\" {\n  url    = \"https://shop.example/\"\n  denied = [internet]\n}",
        )],
        at: "expect \"the office only\"",
        good: &[("  denied = [internet]", "  works = [internet]")],
    },
    Row {
        code: "lint/forwarded-proto-not-trusted",
        name: "the application says that it does not trust the header",
        bad: &[
            TCP,
            (
                ANSWERS,
                "    answers        = 200\n    redirects      = \"https\"\n    trusts_forwarded_proto = false\n",
            ),
        ],
        at: "application \"app\"",
        good: &[("trusts_forwarded_proto = false", "trusts_forwarded_proto = true")],
    },
    Row {
        code: "lint/forwarded-proto-not-trusted",
        name: "a proxy between them overwrites the header",
        bad: &[
            TCP,
            (FRONT, "    port    = 8080\n    nginx   = \"overwrites.conf\"\n"),
            (
                ANSWERS,
                "    answers        = 200\n    redirects      = \"https\"\n    trusts_forwarded_proto = true\n",
            ),
        ],
        at: "application \"app\"",
        good: &[("overwrites.conf", "passes-on.conf")],
    },
    Row {
        code: "lint/goes-round-load-balancer",
        name: "everybody may connect to the target",
        bad: &[(WEB_PEER, "    from  = [security_group.shop, anywhere]\n")],
        at: "# of the web",
        good: &[("[security_group.shop, anywhere]", "[security_group.shop]")],
    },
    Row {
        code: "lint/health-check-redirects",
        name: "the path of the health check redirects",
        bad: &[
            (
                TARGETS,
                "  targets = [\"instance.web:8080\"]\n\n  health_check {\n    path = \"/\"\n  }\n",
            ),
            (
                ANSWERS,
                "    answers        = 200\n\n    redirect {\n      from = \"/\"\n      to   = \"/shop\"\n    }\n",
            ),
        ],
        at: "health_check {",
        good: &[("path = \"/\"", "path = \"/shop\"")],
    },
    Row {
        code: "lint/health-check-timeout",
        name: "a timeout longer than the interval",
        bad: &[(
            TARGETS,
            "  targets = [\"instance.web:8080\"]\n\n  health_check {\n    interval = \"5s\"\n    timeout  = \"6s\"\n  }\n",
        )],
        at: "health_check {",
        good: &[("\"6s\"", "\"5s\"")],
    },
    Row {
        code: "lint/hidden-by-private-zone",
        name: "a private zone without the public names",
        bad: &[
            (NAMES, "[\"shop.example\", \"www.corp.example\"]"),
            (
                "",
                "zone \"corp.example\" {\n  name_servers = [\"ns.other.example\"]\n  record \"www\" { alias = load_balancer.shop }\n}\n\nzone \"www.corp.example\" {\n  visible_to = [network.office]\n  record \"db\" { addresses = [\"10.0.1.5\"] }\n}",
            ),
        ],
        at: "zone \"www.corp.example\"",
        good: &[("record \"db\"", "record \"@\" { alias = load_balancer.shop }\n  record \"db\"")],
    },
    Row {
        code: "lint/host-not-served",
        name: "a rule's host without a record",
        bad: &[
            (NAMES, "[\"shop.example\", \"*.shop.example\"]"),
            (
                DEFAULT,
                "    rule \"api\" {\n      host    = [\"api.shop.example\"]\n      forward = target_group.web\n    }\n\n    default {\n      forward = target_group.web\n    }\n",
            ),
        ],
        at: "rule \"api\"",
        good: &[("", "record \"api.shop.example\" {\n  alias = load_balancer.shop\n}")],
    },
    Row {
        code: "lint/host-not-served",
        name: "a rule's host that leads to another load balancer",
        bad: &[
            (NAMES, "[\"shop.example\", \"other.example\"]"),
            (
                DEFAULT,
                "    rule \"other\" {\n      host    = [\"other.example\"]\n      forward = target_group.web\n    }\n\n    default {\n      forward = target_group.web\n    }\n",
            ),
            (
                "",
                "load_balancer \"other\" {\n  addresses       = [\"203.0.113.11\"]\n  security_groups = [security_group.shop]\n  listener \"http\" {\n    port = 80\n    default {\n      fixed_response {\n        status = 200\n      }\n    }\n  }\n}\n\nrecord \"other.example\" {\n  alias = load_balancer.other\n}",
            ),
        ],
        at: "rule \"other\"",
        good: &[("alias = load_balancer.other", "alias = load_balancer.shop")],
    },
    Row {
        code: "lint/host-unknown-to-target",
        name: "nginx has no server of that name",
        bad: &[TCP, (FRONT, "    port    = 8080\n    nginx   = \"names.conf\"\n")],
        at: "# forwards",
        good: &[("names.conf", "all-names.conf")],
    },
    Row {
        code: "lint/host-unknown-to-target",
        name: "nginx has no server for the health check",
        bad: &[
            (
                TARGETS,
                "  targets = [\"instance.web:8080\"]\n\n  health_check {\n    path = \"/\"\n  }\n",
            ),
            (FRONT, "    port    = 8080\n    nginx   = \"checked-by-name.conf\"\n"),
        ],
        at: "health_check {",
        good: &[("    path = \"/\"\n", "    host = \"up.internal\"\n")],
    },
    Row {
        code: "lint/keep-alive-too-short",
        name: "the application hangs up first",
        bad: &[(
            FRONT,
            "    port    = 8080\n    forward = \"127.0.0.1:3000\"\n    keep_alive = \"5s\"\n",
        )],
        at: "application \"front\"",
        good: &[("keep_alive = \"5s\"", "keep_alive = \"65s\"")],
    },
    Row {
        code: "lint/mixed-content",
        name: "a page of https calls http",
        bad: &[(
            "",
            "page \"shop\" {\n  url   = \"https://shop.example/\"\n  calls = [\"http://shop.example/api\"]\n}",
        )],
        at: "calls = ",
        good: &[("\"http://shop.example/api\"", "\"https://shop.example/api\"")],
    },
    Row {
        code: "lint/mixed-content",
        name: "what a page calls redirects to http",
        bad: &[
            (
                ANSWERS,
                "    answers        = 200\n\n    redirect {\n      from = \"/old\"\n      to   = \"http://shop.example/new\"\n    }\n",
            ),
            (
                "",
                "page \"shop\" {\n  url   = \"https://shop.example/\"\n  calls = [\"https://shop.example/old\"]\n}",
            ),
        ],
        at: "calls = ",
        good: &[("http://shop.example/new", "https://shop.example/new")],
    },
    Row {
        code: "lint/nginx-not-understood",
        name: "a directive of a module",
        bad: &[(FRONT, "    port    = 8080\n    nginx   = \"odd.conf\"\n")],
        at: "odd.conf",
        good: &[("odd.conf", "plain.conf")],
    },
    Row {
        code: "lint/no-such-address",
        name: "one address of a record is nobody's",
        bad: &[(ALIAS, "  addresses = [\"203.0.113.10\", \"2001:db8::10\"]\n")],
        at: "record \"shop.example\"",
        good: &[(", \"2001:db8::10\"", "")],
    },
    Row {
        code: "lint/no-such-address",
        name: "the name of a rule leads to nobody",
        bad: &[
            (ALIAS, "  addresses = [\"203.0.113.99\"]\n"),
            (
                DEFAULT,
                "    rule \"shop\" {\n      host    = [\"shop.example\"]\n      forward = target_group.web\n    }\n\n    default {\n      forward = target_group.web\n    }\n",
            ),
        ],
        at: "record \"shop.example\"",
        good: &[("  addresses = [\"203.0.113.99\"]\n", "  alias = load_balancer.shop\n")],
    },
    Row {
        code: "lint/no-targets",
        name: "a group without targets",
        bad: &[(TARGETS, "  targets = []\n")],
        at: "target_group \"web\"",
        good: &[("  targets = []\n", "  targets = [\"instance.web:8080\"]\n")],
    },
    Row {
        code: "lint/no-weight",
        name: "every group has the weight 0",
        bad: &[(
            DEFAULT,
            "    default { # here\n      forward {\n        group {\n          target = target_group.web\n          weight = 0\n        }\n      }\n    }\n",
        )],
        at: "# here",
        good: &[("weight = 0", "weight = 1")],
    },
    Row {
        code: "lint/nobody-admitted",
        name: "a port in no rule",
        bad: &[(OPEN, "    ports = [443]\n    from  = [anywhere]\n")],
        at: "listener \"http\"",
        good: &[("ports = [443]", "ports = [443, 80]")],
    },
    Row {
        code: "lint/not-started-at-boot",
        name: "what is behind the front server",
        bad: &[("starts_at_boot = true", "starts_at_boot = false")],
        at: "app.service",
        good: &[("starts_at_boot = false", "starts_at_boot = true")],
    },
    Row {
        code: "lint/open-to-everyone",
        name: "no security group at all",
        bad: &[
            ("  security_groups = [security_group.shop]\n", ""),
            (WEB_PEER, "    from  = [security_group.shop, \"203.0.113.10/32\"]\n"),
        ],
        at: "load_balancer \"shop\"",
        good: &[(
            "  addresses       = [\"203.0.113.10\"]\n",
            "  addresses       = [\"203.0.113.10\"]\n  security_groups = [security_group.shop]\n",
        )],
    },
    Row {
        code: "lint/other-family-elsewhere",
        name: "an AAAA that leads round the load balancer",
        bad: &[
            (NAMES, "[\"shop.example\", \"old.shop.example\"]"),
            (
                "  public_addresses = [\"203.0.113.30\"]\n",
                "  public_addresses = [\"203.0.113.30\", \"2001:db8::30\"]\n",
            ),
            (
                "",
                "record \"old.shop.example\" {\n  addresses = [\"203.0.113.10\", \"2001:db8::30\"]\n}",
            ),
        ],
        at: "record \"old.shop.example\"",
        good: &[(
            "addresses = [\"203.0.113.10\", \"2001:db8::30\"]",
            "addresses = [\"203.0.113.10\"]",
        )],
    },
    Row {
        code: "lint/page-call-refused",
        name: "the office gets in, and the page is everybody's",
        bad: &[
            (
                "",
                "security_group \"api\" {\n  ingress {\n    ports = [443]\n    from  = [network.office] # api\n  }\n}",
            ),
            (
                "",
                "load_balancer \"api\" {\n  addresses       = [\"203.0.113.20\"]\n  security_groups = [security_group.api]\n  listener \"https\" {\n    port         = 443\n    protocol     = \"HTTPS\"\n    certificates = [certificate.api]\n    default {\n      fixed_response {\n        status = 200\n      }\n    }\n  }\n}",
            ),
            (
                "",
                "certificate \"api\" {\n  development = true\n  names       = [\"api.example\"]\n}",
            ),
            ("", "record \"api.example\" {\n  alias = load_balancer.api\n}"),
            (
                "",
                "page \"shop\" {\n  url   = \"https://shop.example/\"\n  calls = [\"https://api.example/\"]\n}",
            ),
        ],
        at: "calls = ",
        good: &[("[network.office] # api", "[network.office, anywhere]")],
    },
    Row {
        code: "lint/page-call-refused",
        name: "the server that renders a page is refused",
        bad: &[
            (
                "",
                "security_group \"api\" {\n  ingress {\n    ports = [80]\n    from  = [\"10.9.0.0/16\"]\n  }\n}",
            ),
            (
                "",
                "load_balancer \"api\" {\n  scheme          = \"internal\"\n  addresses       = [\"10.0.9.10\"]\n  security_groups = [security_group.api]\n  listener \"http\" {\n    port = 80 # api\n    default {\n      fixed_response {\n        status = 200\n      }\n    }\n  }\n}",
            ),
            ("", "network \"vpc\" {\n  cidrs = [\"10.0.0.0/16\"]\n}"),
            (
                "",
                "record \"api.internal\" {\n  alias      = load_balancer.api\n  visible_to = [network.vpc]\n}",
            ),
            (
                "",
                "page \"shop\" {\n  url          = \"https://shop.example/\"\n  rendered_by  = instance.web\n  server_calls = [\"http://api.internal/\"]\n}",
            ),
        ],
        at: "server_calls = ",
        good: &[("10.9.0.0/16", "10.0.0.0/16")],
    },
    Row {
        code: "lint/plain-to-443",
        name: "port 443 over plain http",
        bad: &[(TARGETS, "  targets = [\"10.0.1.6:443\"]\n")],
        at: "targets = ",
        good: &[(
            "  targets = [\"10.0.1.6:443\"]\n",
            "  targets  = [\"10.0.1.6:443\"]\n  protocol = \"HTTPS\"\n",
        )],
    },
    Row {
        code: "lint/private-address-in-public",
        name: "an internal address for everybody",
        bad: &[("", "record \"db.example\" {\n  addresses = [\"10.0.1.5\"]\n}")],
        at: "record \"db.example\"",
        good: &[(
            "  addresses = [\"10.0.1.5\"]\n}",
            "  addresses  = [\"10.0.1.5\"]\n  visible_to = [network.office]\n}",
        )],
    },
    Row {
        code: "lint/public-but-not-open",
        name: "public, and for the office only",
        bad: &[(OPEN, "    ports = [80, 443]\n    from  = [network.office]\n")],
        at: "load_balancer \"shop\"",
        good: &[(
            "",
            "expect \"the office only\" {\n  url    = \"https://shop.example/\"\n  works  = [network.office]\n  denied = [internet]\n}",
        )],
    },
    Row {
        code: "lint/redirect-loop",
        name: "a redirect to itself",
        bad: &[
            (
                DEFAULT,
                "    default { # here\n      redirect {\n        protocol = \"HTTPS\"\n        port     = \"443\"\n      }\n    }\n",
            ),
            (
                "target_group \"web\" {\n",
                "target_group \"web\" {\n  silence \"lint/unused-target-group\" { reason = \"of this example\" }\n",
            ),
        ],
        at: "# here",
        good: &[(
            "    default { # here\n      redirect {\n        protocol = \"HTTPS\"\n        port     = \"443\"\n      }\n    }\n",
            "    default {\n      redirect {\n        host = \"www.#{host}\"\n      }\n    }\n",
        )],
    },
    Row {
        code: "lint/redirect-protocol",
        name: "https on a port of http",
        bad: &[(
            REDIRECT,
            "      redirect {\n        protocol = \"HTTPS\"\n        port     = \"80\"\n      }\n",
        )],
        at: "# redirects",
        good: &[("port     = \"80\"", "port     = \"443\"")],
    },
    Row {
        code: "lint/redirect-to-nowhere",
        name: "a port without a listener",
        bad: &[(
            REDIRECT,
            "      redirect {\n        protocol = \"HTTPS\"\n        port     = \"8443\"\n      }\n",
        )],
        at: "# redirects",
        good: &[("8443", "443")],
    },
    Row {
        code: "lint/shadowed-rule",
        name: "the wide rule comes first",
        bad: &[(
            DEFAULT,
            "    rule \"wide\" {\n      path    = \"/a*\"\n      forward = target_group.web\n    }\n\n    rule \"narrow\" {\n      path    = \"/ab*\"\n      forward = target_group.web\n    }\n\n    default {\n      forward = target_group.web\n    }\n",
        )],
        at: "rule \"narrow\"",
        good: &[("\"/ab*\"", "\"/b*\"")],
    },
    Row {
        code: "lint/source-hidden",
        name: "a network by its inner addresses",
        bad: &[
            (
                "",
                "network \"guests\" {\n  cidrs   = [\"192.168.50.0/24\"]\n  seen_as = [\"198.51.100.20/32\"]\n}",
            ),
            (
                "",
                "expect \"the office\" {\n  url   = \"https://shop.example/\"\n  works = [network.office]\n}",
            ),
            (OPEN, "    ports = [80, 443]\n    from  = [network.office, network.guests]\n"),
        ],
        at: "# of the shop",
        good: &[("network.guests]", "network.guests, \"198.51.100.20/32\"]")],
    },
    Row {
        code: "lint/target-does-not-admit",
        name: "the target's group names somebody else",
        bad: &[
            (WEB_PEER, "    from  = [\"10.9.0.0/16\"]\n"),
            (
                "",
                "expect \"the shop\" {\n  url    = \"https://shop.example/\"\n  works  = [internet]\n  status = \"504\"\n}",
            ),
        ],
        at: "targets = ",
        good: &[("[\"10.9.0.0/16\"]", "[security_group.shop]"), ("\"504\"", "\"200\"")],
    },
    Row {
        code: "lint/target-is-listener",
        name: "round and round",
        bad: &[(TARGETS, "  targets = [\"203.0.113.10:80\"]\n")],
        at: "targets = ",
        good: &[("203.0.113.10:80", "10.0.1.6:80")],
    },
    Row {
        code: "lint/target-not-served",
        name: "nothing listens on the target's port",
        bad: &[(TARGETS, "  targets = [\"instance.web:443\"]\n")],
        at: "targets = ",
        good: &[("instance.web:443", "instance.web:8080")],
    },
    Row {
        code: "lint/target-not-served",
        name: "nothing listens on the health check's port",
        bad: &[(
            TARGETS,
            "  targets = [\"instance.web:8080\"]\n\n  health_check {\n    port = 9000\n  }\n",
        )],
        at: "health_check {",
        good: &[("port = 9000", "port = 8080")],
    },
    Row {
        code: "lint/target-protocol",
        name: "TLS is begun with plain http",
        bad: &[(TARGETS, "  targets  = [\"instance.web:8080\"]\n  protocol = \"HTTPS\"\n")],
        at: "instance.web:8080",
        good: &[(
            "  targets  = [\"instance.web:8080\"]\n  protocol = \"HTTPS\"\n",
            "  targets = [\"instance.web:8080\"]\n",
        )],
    },
    Row {
        code: "lint/target-protocol",
        name: "plain http is sent to what speaks TLS",
        bad: &[TCP, (FRONT, "    port    = 8080\n    nginx   = \"tls.conf\"\n")],
        at: "instance.web:8080",
        good: &[(
            "  targets = [\"instance.web:8080\"]\n",
            "  targets = [\"instance.web:8080\"]\n  protocol = \"HTTPS\"\n",
        )],
    },
    Row {
        code: "lint/unused-security-group",
        name: "a group that nothing carries",
        bad: &[(
            "",
            "security_group \"old\" {\n  ingress {\n    ports = [22]\n    from  = [anywhere]\n  }\n}",
        )],
        at: "security_group \"old\"",
        good: &[(
            "  security_groups = [security_group.shop]\n",
            "  security_groups = [security_group.shop, security_group.old]\n",
        )],
    },
    Row {
        code: "lint/unused-silence",
        name: "what it was for has been mended",
        bad: &[("", "silence \"lint/no-weight\" {\n  reason = \"both are off until May\"\n}")],
        at: "silence ",
        good: &[("silence \"lint/no-weight\" {\n  reason = \"both are off until May\"\n}", "")],
    },
    Row {
        code: "lint/unused-target-group",
        name: "a group that nothing forwards to",
        bad: &[("", "target_group \"old\" {\n  targets = [\"10.0.1.9:80\"] # old\n}")],
        at: "target_group \"old\"",
        good: &[(
            DEFAULT,
            "    default {\n      forward {\n        group {\n          target = target_group.web\n        }\n        group {\n          target = target_group.old\n        }\n      }\n    }\n",
        )],
    },
];
