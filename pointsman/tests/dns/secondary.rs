//! A secondary of another make: it copies the zone, is told of changes, and what it serves validates.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::support::{Instance, until};
use super::{dns_port, run, site};

struct Nsd(Child);

impl Nsd {
    fn start(folder: &Path, port: u16, primary: u16) -> Nsd {
        let at = |name: &str| folder.join(name).display().to_string();
        let text = format!(
            "server:\n ip-address: 127.0.0.1@{port}\n port: {port}\n username: \"\"\n chroot: \"\"\n \
             zonesdir: \"{}\"\n pidfile: \"{}\"\n xfrdfile: \"{}\"\n zonelistfile: \"{}\"\n \
             xfrdir: \"{}\"\n hide-version: yes\n server-count: 1\n\
             remote-control:\n control-enable: no\n\
             zone:\n name: example.org\n allow-notify: 127.0.0.1 NOKEY\n \
             request-xfr: AXFR 127.0.0.1@{primary} NOKEY\n",
            folder.display(),
            at("nsd.pid"),
            at("xfrd.state"),
            at("zone.list"),
            folder.display(),
        );
        let file = folder.join("nsd.conf");
        std::fs::write(&file, text).unwrap();
        let log = std::fs::File::create(folder.join("nsd.log")).unwrap();
        let child = Command::new("nsd")
            .args(["-d", "-c"])
            .arg(&file)
            .stdout(log.try_clone().unwrap())
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Nsd(child)
    }
}

impl Drop for Nsd {
    fn drop(&mut self) {
        // Its children end with it only if it is asked.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn serial(port: u16) -> Option<String> {
    let text = run("dig", port, "+short +tries=1 +time=1 example.org SOA");
    text.split(' ').nth(2).map(str::to_owned)
}

#[test]
fn nsd_copies_the_zone_and_follows_it() {
    let (port, second) = (dns_port(), dns_port());
    let notify = format!("  notify = [\"127.0.0.1:{second}\"]\n");
    let instance = Instance::start(&site(port, &notify, ""));
    let folder = tempfile::tempdir().unwrap();
    let _nsd = Nsd::start(folder.path(), second, port);
    until("the copy", || serial(second).filter(|copy| Some(copy) == serial(port).as_ref()));
    let rows = [
        ("an address", "+dnssec ns1.example.org AAAA", "2001:db8::1"),
        ("an alias", "example.org A", "127.0.0.1"),
        ("a wildcard", "x.wild.example.org A", "192.0.2.9"),
        ("glue", "+norec foo.sub.example.org A", "ns.sub.example.org. 300 IN A 192.0.2.77"),
        ("a chain", "www.example.org A", "CNAME example.org."),
        ("many", "+tcp many.example.org A", "192.0.2.60"),
        ("no such name", "nope.example.org A", "NXDOMAIN"),
        ("the cut's DS", "safe.example.org DS", "DS 7 13 2"),
    ];
    for (row, question, expected) in rows {
        let text = run("dig", second, question);
        assert!(text.contains(expected), "{row}: {text}");
    }
    // With the chain of names that it got, others can check what it denies.
    let key = run("dig", port, "+short example.org DNSKEY");
    let (numbers, data) = key.trim().split_at(key.match_indices(' ').nth(2).unwrap().0);
    let anchor = folder.path().join("anchor");
    let data = data.replace(' ', "");
    let text = format!("trust-anchors {{ example.org. static-key {numbers} \"{data}\"; }};\n");
    std::fs::write(&anchor, text).unwrap();
    for (question, expected) in [
        ("example.org A", "; fully validated"),
        ("x.wild.example.org A", "; fully validated"),
        ("nope.example.org A", "; negative response, fully validated"),
        ("b.deep.example.org A", "; negative response, fully validated"),
        ("sub.example.org DS", "; negative response, fully validated"),
    ] {
        let arguments = format!("-a {} +root=example.org {question}", anchor.display());
        let text = run("delv", second, &arguments);
        assert!(text.contains(expected), "{question}: {text}");
    }
    // A change is told, and fetched.
    let more = format!("{notify}  record \"new\" {{ txt = [\"fresh\"] }}\n");
    instance.write(&site(port, &more, ""));
    assert!(instance.reload().status.success());
    until("the secondary to follow", || {
        run("dig", second, "+short new.example.org TXT").contains("fresh").then_some(())
    });
    until("that it was told", || instance.output().contains("dns/notified").then_some(()));
}

#[test]
fn who_may_copy_what() {
    let port = dns_port();
    let _instance = Instance::start(&site(port, "", ""));
    let rows = [
        ("one who may", "example.org AXFR", "XFR size: "),
        ("no such zone", "example.net AXFR", "Transfer failed"),
        ("nobody may", "plain.example AXFR", "Transfer failed"),
    ];
    for (row, question, expected) in rows {
        let text = run("dig", port, question);
        assert!(text.contains(expected), "{row}: {text}");
    }
    let text = run("dig", port, "+tcp plain.example IXFR=1");
    assert!(text.contains("REFUSED") || text.contains("Transfer failed"), "{text}");
}

#[test]
fn a_large_zone_comes_in_many_messages() {
    let port = dns_port();
    let records: String = (0..2000)
        .map(|n| {
            format!("  record \"host{n}\" {{ addresses = [\"10.{}.{}.1\"] }}\n", n / 256, n % 256)
        })
        .collect();
    for (name, signed) in [("signed", "signed       = true"), ("plain", "")] {
        let site = site(port, &records, "").replace("signed       = true", signed);
        let _instance = Instance::start(&site);
        let text = run("dig", port, "example.org AXFR");
        assert_eq!(text.matches("IN A 10.").count(), 2000, "{name}");
        let signatures = if signed.is_empty() { 0 } else { 2000 };
        assert!(text.matches("RRSIG A 13").count() >= signatures, "{name}");
        let size = text.lines().find(|line| line.contains("XFR size")).unwrap();
        assert!(!size.contains("messages 1,"), "{name}: {size}");
    }
}
