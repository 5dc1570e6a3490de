//! The name server of a running instance, asked by other people's clients.

#[path = "dns/hostile.rs"]
mod hostile;
#[path = "dns/secondary.rs"]
mod secondary;
mod support;

use std::process::Command;

use support::{Instance, free_port, until};

/// A zone with something of everything, signed; `more` stands in its block, `server` in the server's.
fn site(port: u16, more: &str, server: &str) -> String {
    format!(
        r#"{}
zone "example.org" {{
  name_servers = ["ns1", "ns2"]
  ttl          = "5m"
  signed       = true
  transfer_to  = ["127.0.0.0/8"]
{more}
  record "ns1" {{ addresses = ["192.0.2.1", "2001:db8::1"] }}
  record "ns2" {{ addresses = ["192.0.2.2"] }}
  record "@" {{ alias = load_balancer.test }}
  record "www" {{ cname = "@" }}
  record "many" {{ addresses = [{}] }}
  record "*.wild" {{ addresses = ["192.0.2.9"] }}
  record "a.b.deep" {{ txt = ["hello"] }}
  record "mail" {{ mx = ["10 ns1", "20 mx.example.net."] }}
  record "out" {{ cname = "www.example.net." }}
  record "loop" {{ cname = "pool" }}
  record "pool" {{ cname = "loop" }}
  record "sub" {{ ns = ["ns.sub.example.org"] }}
  record "ns.sub" {{ addresses = ["192.0.2.77"] }}
  record "safe" {{ ns = ["ns1"] }}
  record "safe" {{
    type   = "DS"
    values = ["7 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"]
  }}
}}
zone "plain.example" {{
  name_servers = ["ns1.example.org."]
  record "www" {{ addresses = ["192.0.2.5"] }}
  record "inside" {{
    addresses  = ["10.0.0.5"]
    visible_to = [network.office]
  }}
}}
network "office" {{ cidrs = ["127.0.1.0/24"] }}
dns_server {{
  addresses = ["127.0.0.1"]
  port      = {port}
{server}
}}
"#,
        support::simple(free_port(), ([127, 0, 0, 1], 9).into()),
        (1..=60).map(|n| format!("\"192.0.2.{n}\"")).collect::<Vec<_>>().join(", "),
    )
}

/// A port that is free for UDP and TCP.
fn dns_port() -> u16 {
    loop {
        let port = free_port();
        if std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn run(program: &str, port: u16, arguments: &str) -> String {
    let output = Command::new(program)
        .args(["@127.0.0.1", "-p", &port.to_string()])
        .args(arguments.split_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // One space between columns.
    let text = format!("{out}{err}");
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// What must be in an answer; with `!`, what must not.
type Row = (&'static str, &'static str, &'static [&'static str]);

fn hold(program: &str, port: u16, rows: &[Row]) {
    for (row, arguments, expected) in rows {
        let text = run(program, port, arguments);
        for part in *expected {
            let (wanted, part) = part.strip_prefix('!').map_or((true, *part), |part| (false, part));
            assert_eq!(text.contains(part), wanted, "{program} {row}: `{part}` in\n{text}");
        }
    }
}

#[test]
fn dig_is_answered() {
    let port = dns_port();
    let _instance = Instance::start(&site(port, "", ""));
    hold(
        "dig",
        port,
        &[
            (
                "an alias at the apex",
                "example.org A",
                &[
                    "status: NOERROR",
                    "flags: qr aa rd;",
                    "!ra;",
                    "example.org. 60 IN A 127.0.0.1",
                    "AUTHORITY: 0, ADDITIONAL: 1",
                    "udp: 1232",
                    "(good)",
                ],
            ),
            (
                "the case of the question",
                "wWw.eXample.org A",
                &["wWw.eXample.org. 300 IN CNAME eXample.org.", "eXample.org. 60 IN A 127.0.0.1"],
            ),
            ("the SOA", "example.org SOA", &["SOA ns1.example.org. hostmaster.example.org."]),
            (
                "name servers, and nothing besides",
                "example.org NS",
                &[
                    "NS ns1.example.org.",
                    "NS ns2.example.org.",
                    "ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1",
                ],
            ),
            ("a wildcard", "x.y.wild.example.org A", &["x.y.wild.example.org. 300 IN A 192.0.2.9"]),
            (
                "a wildcard without the type",
                "x.wild.example.org AAAA",
                &["status: NOERROR", "ANSWER: 0", "example.org. 300 IN SOA"],
            ),
            ("a name above others only", "b.deep.example.org A", &["status: NOERROR", "ANSWER: 0"]),
            (
                "no such name",
                "nope.example.org A",
                &["status: NXDOMAIN", "flags: qr aa rd;", "example.org. 300 IN SOA"],
            ),
            (
                "a canonical name elsewhere",
                "out.example.org A",
                &["status: NOERROR", "ANSWER: 1", "CNAME www.example.net."],
            ),
            ("canonical names in a circle", "loop.example.org A", &["CNAME pool.example.org."]),
            (
                "a delegation with glue",
                "+norec foo.sub.example.org A",
                &[
                    "flags: qr;",
                    "ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2",
                    "sub.example.org. 300 IN NS ns.sub.example.org.",
                    "ns.sub.example.org. 300 IN A 192.0.2.77",
                ],
            ),
            (
                "the DS at the cut",
                "safe.example.org DS",
                &["flags: qr aa rd;", "DS 7 13 2 01234567"],
            ),
            (
                "a delegation that is signed",
                "+norec +dnssec x.safe.example.org A",
                &["safe.example.org. 300 IN DS 7 13 2", "RRSIG DS 13 3", "!RRSIG NS"],
            ),
            ("mail", "mail.example.org MX", &["MX 10 ns1.example.org.", "MX 20 mx.example.net."]),
            ("not ours", "example.com A", &["status: REFUSED", "EDE: 20", "flags: qr rd;"]),
            ("what software it is", "version.bind CH TXT", &["status: REFUSED"]),
            ("everything, a little", "+notcp example.org ANY", &["status: NOERROR", "ANSWER: 1"]),
            ("a type without records", "example.org TYPE65280", &["status: NOERROR", "ANSWER: 0"]),
            ("a type that is none", "example.org TYPE128", &["status: FORMERR"]),
            ("a whole zone over UDP", "+ignore +notcp example.org IXFR=1", &["SOA ns1", "(UDP)"]),
            (
                "another version of EDNS",
                "+edns=1 +noednsnegotiation example.org A",
                &["status: BADVERS", "ANSWER: 0"],
            ),
            (
                "an option that nobody knows",
                "+ednsopt=65001:00 example.org A",
                &["status: NOERROR"],
            ),
            ("an update", "+opcode=update example.org SOA", &["status: NOTIMP"]),
            ("no EDNS", "+noedns example.org A", &["status: NOERROR", "!OPT PSEUDOSECTION"]),
            (
                "no EDNS, and too much",
                "+noedns +ignore many.example.org A",
                &["flags: qr aa tc rd;", "ANSWER: 0"],
            ),
            ("too much for anybody", "+nocookie +ignore many.example.org A", &["tc", "ANSWER: 0"]),
            ("asked again over TCP", "many.example.org A", &["ANSWER: 60", "(TCP)", "192.0.2.60"]),
            (
                "several over one connection",
                "+tcp +keepopen ns1.example.org A ns2.example.org A",
                &["192.0.2.1", "192.0.2.2"],
            ),
            ("another network's view", "-b 127.0.1.9 inside.plain.example A", &["10.0.0.5"]),
            ("not from here", "inside.plain.example A", &["!10.0.0.5", "ANSWER: 0"]),
            ("keys", "example.org DNSKEY", &["DNSKEY 257 3 13 "]),
            ("no keys", "plain.example DNSKEY", &["status: NOERROR", "ANSWER: 0"]),
            ("unsigned", "+dnssec www.plain.example A", &["192.0.2.5", "!RRSIG"]),
        ],
    );
    hold(
        "kdig",
        port,
        &[
            ("signed", "+dnssec www.example.org A", &["RRSIG CNAME 13 3 300", "RRSIG A 13 2 60"]),
            (
                "denied compactly",
                "+dnssec nope.example.org A",
                &[
                    "status: NOERROR",
                    "nope.example.org. 300 IN NSEC \\000.nope.example.org. RRSIG NSEC",
                ],
            ),
            ("over TCP", "+tcp +dnssec ns1.example.org AAAA", &["2001:db8::1", "(TCP)"]),
        ],
    );
}

#[test]
fn delv_validates() {
    let port = dns_port();
    let instance = Instance::start(&site(port, "", ""));
    let key = run("dig", port, "+short example.org DNSKEY");
    let (numbers, data) = key.trim().split_at(key.match_indices(' ').nth(2).unwrap().0);
    let anchor = instance.folder.path().join("anchor");
    let data = data.replace(' ', "");
    let text = format!("trust-anchors {{ example.org. static-key {numbers} \"{data}\"; }};\n");
    std::fs::write(&anchor, text).unwrap();
    let positive = "; fully validated";
    let negative = "; negative response, fully validated";
    let rows = [
        ("positive", "example.org A", positive),
        ("the keys", "example.org DNSKEY", positive),
        ("for the parent", "example.org CDS", positive),
        ("a wildcard", "x.wild.example.org A", positive),
        ("a canonical name", "www.example.org A", positive),
        ("a canonical name elsewhere", "out.example.org CNAME", positive),
        ("no such type", "ns2.example.org AAAA", negative),
        ("no such type at a wildcard", "x.wild.example.org AAAA", negative),
        ("a name above others only", "b.deep.example.org TXT", negative),
        ("no such name", "nope.example.org A", negative),
        ("deep below nothing", "a.b.c.nope.example.org A", negative),
        ("a cut that is signed", "safe.example.org DS", positive),
        ("a cut that is not", "sub.example.org DS", negative),
        ("over 512 bytes", "mail.example.org MX", positive),
    ];
    for (row, question, expected) in rows {
        let arguments = format!("-a {} +root=example.org {question}", anchor.display());
        let text = run("delv", port, &arguments);
        assert!(text.contains(expected), "{row}: {text}");
    }
    let output = instance.command(&["dns", "ds", "example.org"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let cds = run("dig", port, "+short example.org CDS").replace(' ', "");
    let shown = text.lines().next().unwrap().replace(' ', "");
    assert!(shown.ends_with(&format!("INDS{}", cds.trim())), "{shown} {cds}");
    let output = instance.command(&["dns", "ds", "plain.example"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("is not signed"));
}

#[test]
fn keys_and_serials_outlive_a_crash_and_serials_move_with_the_zone() {
    let port = dns_port();
    let mut instance = Instance::start(&site(port, "", ""));
    let key = run("dig", port, "+short example.org DNSKEY");
    let serial = || {
        let text = run("dig", port, "+short example.org SOA");
        text.split(' ').nth(2).and_then(|serial| serial.parse::<u32>().ok())
    };
    let first = serial().unwrap();
    instance.crash();
    assert_eq!(run("dig", port, "+short example.org DNSKEY"), key);
    assert_eq!(serial(), Some(first));
    // What stands elsewhere, or in another zone, is no change of this one.
    instance.write(&format!("# a comment\n{}", site(port, "", "")));
    assert!(instance.reload().status.success());
    assert_eq!(serial(), Some(first));
    instance.write(&site(port, "  record \"new\" { txt = [\"x\"] }\n", ""));
    assert!(instance.reload().status.success());
    until("the new record", || {
        run("dig", port, "+short new.example.org TXT").contains('x').then_some(())
    });
    assert!(serial() > Some(first), "{:?} after {first}", serial());
    let status = instance.status();
    let zone = &status["dns"]["zones"][0];
    assert_eq!(
        (zone["name"].as_str(), zone["serial"].as_u64()),
        (Some("example.org"), serial().map(u64::from))
    );
    assert!(status["dns"]["answers"]["NOERROR"].as_u64() >= Some(5), "{status}");
    let text = String::from_utf8(instance.command(&["status"]).stdout).unwrap();
    assert!(text.contains("example.org") && text.contains("signed with key"), "{text}");
}

#[test]
fn what_cannot_be_had_changes_nothing() {
    let port = dns_port();
    let instance = Instance::start(&site(port, "", ""));
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = taken.local_addr().unwrap().port();
    instance.write(&site(other, "", ""));
    let output = instance.reload();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("another program already does"), "{text}");
    assert!(run("dig", port, "+short ns1.example.org A").contains("192.0.2.1"));
    // A name server that is taken away is no longer there, and comes back.
    let (without, _) =
        site(port, "", "").rsplit_once("dns_server").map(|(a, b)| (a.to_owned(), b.len())).unwrap();
    instance.write(&without);
    assert!(instance.reload().status.success());
    until("nobody to answer", || {
        let text = run("dig", port, "+tries=1 +time=1 ns1.example.org A");
        (text.contains("connection refused") || text.contains("timed out")).then_some(())
    });
    assert!(instance.status()["dns"].is_null());
    instance.write(&site(port, "", ""));
    assert!(instance.reload().status.success());
    until("an answer", || {
        run("dig", port, "+short ns1.example.org A").contains("192.0.2.1").then_some(())
    });
}
