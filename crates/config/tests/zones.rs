//! What zones may not say: each mistake is named at its line, with its remedy.

use std::io;
use std::path::Path;

use config::{Environment, Sources};
use model::{Finding, RecordData, RecordType, Severity};

/// Without `# here`, the finding stands at the head of the zone.
struct Row {
    name: &'static str,
    records: &'static str,
    code: &'static str,
    says: &'static str,
    hint: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        name: "a CNAME at the zone's own name",
        records: "record \"@\" { cname = \"www.other.example\" } # here",
        code: "config/conflict",
        says: "`example.com` is the zone's own name",
        hint: "write `alias = load_balancer.name`",
    },
    Row {
        name: "a CNAME beside other data",
        records: "record \"www\" { cname = \"@\" } # here
record \"www\" { txt = [\"x\"] }",
        code: "config/conflict",
        says: "`www.example.com` is a CNAME, and has other records",
        hint: "write `alias` instead of `cname`",
    },
    Row {
        name: "two CNAMEs",
        records: "record \"www\" { cname = \"a.test\" }
record \"www\" { cname = \"b.test\" } # here",
        code: "config/conflict",
        says: "a CNAME of two names",
        hint: "a routing policy such as `weight`",
    },
    Row {
        name: "a top-level word in the label",
        records: "record \"www example\" { addresses = [\"192.0.2.1\"] } # here",
        code: "config/invalid-name",
        says: "in this zone it is `www example.example.com`",
        hint: "write a name such as",
    },
    Row {
        name: "a wildcard in the middle",
        records: "record \"a.*.b\" { addresses = [\"192.0.2.1\"] } # here",
        code: "config/invalid-name",
        says: "no host name",
        hint: "a `*` stands alone before the first dot",
    },
    Row {
        name: "a long label",
        records: "record \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" { ptr = \"@\" } # here",
        code: "config/invalid-name",
        says: "no host name",
        hint: "has 64 characters; between two dots 63 are allowed",
    },
    Row {
        name: "a delegation without glue",
        records: "record \"child\" { ns = [\"ns.child\"] }
record \"other\" { ns = [\"ns.other.example.com\"] } # here
record \"ns.child\" { addresses = [\"192.0.2.1\"] }
record \"child\" { ns = [\"ns.elsewhere.test\"] }",
        code: "config/no-glue",
        says: "`ns.other.example.com` of the delegation has no address",
        hint: "record \"ns.other\"",
    },
    Row {
        name: "two policies",
        records: "record \"www\" {
  addresses = [\"192.0.2.1\"]
  weight    = 1
}
record \"www\" { # here
  addresses  = [\"192.0.2.2\"]
  multivalue = true
}",
        code: "config/conflict",
        says: "two routing policies: weighted and multivalue",
        hint: "the same policy",
    },
    Row {
        name: "two primaries",
        records: "record \"www\" {
  addresses = [\"192.0.2.1\"]
  failover  = \"primary\"
}
record \"www\" { # here
  addresses = [\"192.0.2.2\"]
  failover  = \"primary\"
}",
        code: "config/conflict",
        says: "two primary records",
        hint: "one of each",
    },
    Row {
        name: "two policies in one record",
        records: "record \"www\" { # here
  addresses = [\"192.0.2.1\"]
  weight    = 1
  failover  = \"primary\"
}",
        code: "config/conflict",
        says: "several routing policies",
        hint: "`weighted` or `failover`",
    },
    Row {
        name: "a weight that is too large",
        records: "record \"www\" {
  addresses = [\"192.0.2.1\"]
  weight    = 256 # here
}",
        code: "config/invalid-value",
        says: "`weight` is out of range",
        hint: "from 0 to 255",
    },
    Row {
        name: "different times to live",
        records: "record \"www\" {
  addresses = [\"192.0.2.1\"]
}
record \"www\" { # here
  addresses = [\"192.0.2.2\"]
  ttl       = \"1h\"
}",
        code: "config/ttl-differs",
        says: "kept for different times: 300s and 3600s",
        hint: "one set with one `ttl`",
    },
    Row {
        name: "an alias of nothing",
        records: "record \"www\" { alias = \"missing\" } # here",
        code: "config/alias",
        says: "alias of `missing.example.com`, which has no records",
        hint: "a name of the same zone",
    },
    Row {
        name: "an alias of itself",
        records: "record \"a\" { alias = \"a\" } # here",
        code: "config/alias",
        says: "come to no end",
        hint: "at most 4",
    },
    Row {
        name: "a value that is none",
        records: "record \"www\" { mx = [\"mail\"] } # here",
        code: "config/invalid-value",
        says: "`mail` is no value of a MX",
        hint: "write `mx = [",
    },
    Row {
        name: "a type with an attribute of its own",
        records: "record \"www\" { # here
  values = [\"192.0.2.1\"]
  type   = \"A\" # there
}",
        code: "config/invalid-value",
        says: "`A` cannot be declared in this way",
        hint: "write `addresses`",
    },
    Row {
        name: "health of a simple record",
        records: "record \"www\" { # here
  addresses     = [\"192.0.2.1\"]
  healthy_while = target_group.app
}",
        code: "config/conflict",
        says: "whether it is healthy or not",
        hint: "add `failover`, `weight` or `multivalue = true`",
    },
    Row {
        name: "a zone twice",
        records: "}
zone \"example.com\" { # here
  name_servers = [\"ns.other.test\"]",
        code: "config/duplicate-name",
        says: "two public zones `example.com`",
        hint: "`visible_to`",
    },
    Row {
        name: "a zone without name servers",
        records: "}
zone \"example.org\" { # here",
        code: "config/missing-attribute",
        says: "zone \"example.org\" has no name servers",
        hint: "add `name_servers",
    },
    Row {
        name: "a line of a file",
        records: "file = \"bad.zone\"",
        code: "config/zone-file",
        says: "this is no record",
        hint: "",
    },
];

struct Files;

impl Environment for Files {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path, _: &str) -> io::Result<String> {
        Ok("$TTL 300\ngood A 192.0.2.1\nbad A 192.0.2\n".to_owned())
    }
}

fn site(records: &str) -> String {
    format!(
        "zone \"example.com\" {{
name_servers = [\"ns1\"]
record \"ns1\" {{ addresses = [\"192.0.2.53\"] }}
{records}
}}
network \"vpc\" {{ cidrs = [\"10.0.0.0/16\"] }}
target_group \"app\" {{ targets = [\"10.0.1.5:3000\"] }}
"
    )
}

#[test]
fn mistakes_are_named_at_their_line_with_their_remedy() {
    for Row { name, records, code, says, hint } in ROWS {
        let text = site(records);
        let marked = text.lines().position(|line| line.contains("# there"));
        let marked = marked.or_else(|| text.lines().position(|line| line.contains("# here")));
        let (_, findings) = config::parse(&Sources::single("site.hcl", &text), &Files);
        let is_it = |finding: &&Finding| {
            let place = match marked {
                Some(at) => {
                    &*finding.place.file == "site.hcl" && finding.place.line as usize == at + 1
                }
                None => finding.place.to_string() == "bad.zone:3",
            };
            place
                && finding.code == *code
                && finding.message.contains(says)
                && finding.hint.as_deref().unwrap_or("").contains(hint)
        };
        assert!(findings.iter().any(|one| is_it(&one)), "{name}: {findings:#?}\n{text}");
        assert_eq!(findings.len(), 1, "{name}: {findings:#?}\n{text}");
    }
}

#[test]
fn names_are_relative_to_the_zone_and_complete_with_a_dot() {
    let text = site(
        "record \"@\" { mx = [\"10 mail\", \"20 mail.other.test\"] }
record \"www\" { cname = \"@\" }
record \"api.example.com\" { cname = \"www.other.test\" }
record \"*.dev\" { alias = \"ns1\" }
record \"long\" { txt = [\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"] }",
    );
    let (model, findings) = config::parse(&Sources::single("site.hcl", &text), &Files);
    assert!(findings.iter().all(|one| one.severity != Severity::Error), "{findings:#?}");
    let shown: Vec<String> = model
        .records
        .iter()
        .map(|record| {
            let data = match &record.data {
                RecordData::Authority => "SOA".to_owned(),
                RecordData::NameServers(hosts) => format!("NS {}", hosts[0].0),
                RecordData::Canonical(host) => format!("CNAME {}", host.0),
                RecordData::AliasName(host) => format!("alias {}", host.0),
                RecordData::Addresses(all) => all[0].to_string(),
                RecordData::Alias(_) => "alias".to_owned(),
                RecordData::Data { kind: RecordType::TXT, values } => {
                    format!("TXT {} {}", values[0][0], values[0][256])
                }
                RecordData::Data { kind, values } => values
                    .iter()
                    .map(|wire| format!("{kind} {}", config::presentation(*kind, wire)))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            format!("{} {data}", record.name.0)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "example.com SOA",
            "example.com NS ns1.example.com",
            "ns1.example.com 192.0.2.53",
            "example.com MX 10 mail.example.com., MX 20 mail.other.test.",
            "www.example.com CNAME example.com",
            "api.example.com CNAME www.other.test",
            "*.dev.example.com alias ns1.example.com",
            "long.example.com TXT 255 23",
        ]
    );
}

#[test]
fn records_at_the_top_level_belong_to_the_zone_that_covers_them() {
    let rows = [
        (
            "in the public zone",
            "record \"x.example.com\" { addresses = [\"192.0.2.1\"] }",
            Some(""),
        ),
        (
            "in the view of its network",
            "record \"x.example.com\" {\n addresses = [\"10.0.0.1\"]\n visible_to = [network.vpc]\n}",
            Some("vpc"),
        ),
        ("in none", "record \"x.example.net\" { addresses = [\"192.0.2.1\"] }", None),
    ];
    for (name, record, expected) in rows {
        let text =
            site(&format!("}}\n{record}\nzone \"example.com\" {{\n visible_to = [network.vpc]"));
        let (model, findings) = config::parse(&Sources::single("site.hcl", &text), &Files);
        assert_eq!(findings, [], "{name}");
        let record = model.records.iter().find(|record| record.name.0.starts_with('x')).unwrap();
        let network = record.zone.map(|zone| {
            model[zone].visible_to.first().map_or("", |network| &*model[*network].name)
        });
        assert_eq!(network, expected, "{name}");
    }
}
