//! Who was turned away is told by the name of the network, whoever turned them away.

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{Instance, Origin, PROGRAM, Wire, at, free_port, simple, until};

const OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 10, 0, 1));
const GUEST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 20, 0, 1));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 30, 0, 1));
/// A SYN that is not answered is repeated after a second.
const REPEATED: Duration = Duration::from_millis(1300);

const NETWORKS: &str = r#"
network "company" {
  cidrs = ["127.0.0.0/12", "127.16.0.0/13"]
}

network "guest-wifi" {
  cidrs = ["127.20.0.0/16"]
}
"#;

fn guarded(port: u16, origin: &Origin, deny: &str) -> String {
    simple(port, origin.address)
        .replace("[anywhere]", "[\"127.10.0.0/16\"]")
        .replace("  access_log", &format!("  deny = \"{deny}\"\n  access_log"))
        + NETWORKS
}

/// Name and count of each network, in order.
fn counts(status: &Value) -> Vec<(String, u64)> {
    let networks = status["refused"]["networks"].as_array().unwrap();
    let pair =
        |row: &Value| (row["network"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap());
    networks.iter().map(pair).collect()
}

#[test]
fn by_the_name_of_the_network() {
    let origin = Origin::answering("ok");
    for deny in ["drop", "reset", "page"] {
        let port = free_port();
        let instance = Instance::start(&guarded(port, &origin, deny));
        let knock = |from| drop(net::stream::connect_from(from, at(port), REPEATED));
        knock(GUEST);
        knock(STRANGER);
        assert_eq!(Wire::from_source(OFFICE, at(port)).get("/").status, 200, "{deny}");
        let expected = [("guest-wifi".to_owned(), 1), ("internet".to_owned(), 1)];
        // A core hands its counts over once a second.
        let status = until("both to be counted", || {
            let status = instance.status();
            (!status["refused"]["unavailable"].is_null() || counts(&status) == expected)
                .then_some(status)
        });
        if let Some(why) = status["refused"]["unavailable"].as_str() {
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("SKIPPED in part: {why}");
            continue;
        }
        let guest = &status["refused"]["networks"][0];
        assert_eq!(guest["listener"], "test.http", "{deny}: {guest}");
        assert_eq!(guest["example"], GUEST.to_string(), "{deny}: {guest}");
        assert!(guest["last"].as_i64() >= guest["first"].as_i64(), "{deny}: {guest}");

        let url = format!("http://127.0.0.1:{port}/");
        let explained = instance.command(&["explain", &url, "--from", "127.20.7.7"]);
        let explained = String::from_utf8(explained.stdout).unwrap();
        let words: Vec<&str> = explained.split_whitespace().collect();
        let wanted = "counted: 1 refused from guest-wifi since";
        assert!(words.join(" ").contains(wanted), "{deny}: {explained}");

        // Names outlive a reload; and under the new World it is another one's turn.
        let other = guarded(port, &origin, deny).replace("127.10.0.0/16", "127.30.0.0/16");
        instance.write(&other);
        assert!(instance.reload().status.success(), "{deny}");
        knock(OFFICE);
        assert_eq!(Wire::from_source(STRANGER, at(port)).get("/").status, 200, "{deny}");
        let expected = [("company", 1), ("guest-wifi", 1), ("internet", 1)];
        let expected = expected.map(|(name, count)| (name.to_owned(), count));
        until("the office to be counted", || {
            (counts(&instance.status()) == expected).then_some(())
        });

        let text = String::from_utf8(instance.command(&["status"]).stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("  guest-wifi")).unwrap();
        assert!(line.contains(" 1 ") && line.contains("from 127.20.0.1"), "{deny}: {line}");
        let wanted =
            format!("admit/no-rule network=guest-wifi refused=1 listener=test.http port={port}");
        until("a line of the log", || instance.output().contains(&wanted).then_some(()));
        let lines = instance.output().matches("network=guest-wifi").count();
        assert_eq!(lines, 1, "{deny}: {}", instance.output());
    }
}

/// The instance, run by root without one of its privileges; `None`, said aloud, where that cannot be.
fn without(privilege: &str, configuration: &str) -> Option<Instance> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.hcl"), configuration).unwrap();
    let output = std::fs::File::create(folder.path().join("output")).unwrap();
    let child = Command::new("setpriv")
        .arg(format!("--bounding-set=-{privilege}"))
        .args(["--", PROGRAM, "run", "site.hcl", "--state", "state"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn();
    let Ok(child) = child else {
        eprintln!("SKIPPED: setpriv is not installed");
        return None;
    };
    let mut instance = Instance { folder, child };
    let serves = until("the instance to serve, or not", || {
        match instance.command(&["status", "--json"]).status.success() {
            true => Some(true),
            false => instance.child.try_wait().unwrap().map(|_| false),
        }
    });
    if !serves {
        eprintln!("SKIPPED: only root can give up a part of its privileges");
    }
    serves.then_some(instance)
}

#[test]
fn without_the_privilege_it_says_so() {
    let origin = Origin::answering("ok");
    let port = free_port();
    let Some(instance) = without("net_raw", &guarded(port, &origin, "drop")) else { return };
    if instance.status()["listeners"][0]["dropped"].is_null() {
        eprintln!("SKIPPED: there is no privilege to give up");
        return;
    }
    let limit = Duration::from_millis(200);
    assert!(net::stream::connect_from(GUEST, at(port), limit).is_err());
    let status = instance.status();
    assert_eq!(status["refused"]["unavailable"], "needs CAP_NET_RAW", "{status}");
    assert_eq!(status["listeners"][0]["dropped"], 1, "{status}");
    let text = String::from_utf8(instance.command(&["status"]).stdout).unwrap();
    let line = "not available (needs CAP_NET_RAW); 1 packets dropped";
    assert!(text.contains(line), "{text}");
}

#[test]
fn without_nftables_somebody_else_turns_outsiders_away() {
    let origin = Origin::answering("ok");
    let port = free_port();
    let configuration =
        guarded(port, &origin, "drop").replace("  deny ", "  enforce = \"nftables\"\n  deny ");
    let Some(instance) = without("net_admin", &configuration) else { return };
    let status = instance.status();
    let problem = status["firewall"]["problem"].as_str().unwrap();
    let named = ["CAP_NET_ADMIN as an ambient capability", "install the package `nftables`"];
    assert!(named.iter().any(|remedy| problem.contains(remedy)), "{problem}");
    let admission = status["listeners"][0]["admission"].as_str().unwrap();
    assert!(admission.contains("after accept"), "{admission}");
    assert!(instance.output().contains("WARN  firewall/not-applied"), "{}", instance.output());
    drop(net::stream::connect_from(GUEST, at(port), Duration::from_millis(200)).unwrap());
    until("the guest to be counted", || {
        (counts(&instance.status()) == [("guest-wifi".to_owned(), 1)]).then_some(())
    });
}
