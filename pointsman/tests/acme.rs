//! Certificates from a real authority, Pebble, through the whole program: by name, over its own name
//! server, listeners and handshakes; and what is said where it fails.

#[path = "acme/between.rs"]
mod between;
#[path = "acme/killed.rs"]
mod killed;
#[path = "acme/on_demand.rs"]
mod on_demand;
#[path = "../../crates/acme/tests/support/pebble.rs"]
mod pebble;
mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use pebble::{Pebble, Quirks};
use serde_json::Value;
use support::{Instance, free_port, until};
use tls::Trusted;

/// A zone, its server, and a load balancer whose listeners come from `listeners`.
fn site(dns: u16, group: &str, listeners: &str) -> String {
    format!(
        r#"zone "shop.test" {{
  name_servers = ["ns1"]

  record "ns1" {{ addresses = ["127.0.0.1"] }}
  record "@"   {{ alias = load_balancer.shop }}
  record "*"   {{ alias = load_balancer.shop }}
}}

dns_server {{
  addresses = ["127.0.0.1"]
  port      = {dns}
}}

network "office" {{
  cidrs = ["192.0.2.0/24"]
}}

security_group "web" {{
  ingress {{
    ports = "all"
    from  = [{group}]
  }}
}}

load_balancer "shop" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.web]
{listeners}
}}
"#
    )
}

fn https(port: u16, certificate: &str) -> String {
    format!(
        "  listener \"https-{port}\" {{\n    port = {port}\n    protocol = \"HTTPS\"\n    certificates = \
         [certificate.{certificate}]\n    default {{\n      fixed_response {{\n        status = 200\n        body \
         = \"it works\"\n      }}\n    }}\n  }}\n"
    )
}

/// Whatever is asked for, it redirects: authorities are answered all the same.
fn redirecting(port: u16, to: u16) -> String {
    format!(
        "  listener \"http\" {{\n    port = {port}\n    default {{\n      redirect {{\n        protocol = \
         \"HTTPS\"\n        port = \"{to}\"\n      }}\n    }}\n  }}\n"
    )
}

fn certificate(name: &str, names: &str, more: &str) -> String {
    format!(
        "certificate \"{name}\" {{\n  names = {names}\n  authority = authority.pebble\n{more}}}\n"
    )
}

fn show(instance: &Instance, name: &str) -> Value {
    let output = instance.command(&["cert", "show", name, "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn await_state(instance: &Instance, name: &str, state: &str) -> Value {
    until(&format!("{name} to be {state}"), || {
        let now = show(instance, name);
        (now["state"] == state).then_some(now)
    })
}

fn root(pebble: &Pebble, instance: &Instance) -> String {
    let url = format!("https://127.0.0.1:{}/roots/0", pebble.management);
    let root = Command::new("curl").args(["-sSk", &url]).output().unwrap();
    assert!(root.status.success());
    let path = instance.folder.path().join("root.pem");
    std::fs::write(&path, root.stdout).unwrap();
    path.display().to_string()
}

fn curl(host: &str, port: u16, root: &str) -> Output {
    Command::new("curl")
        .args(["-sS", "--max-time", "10", "--cacert", root])
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
        .arg(format!("https://{host}:{port}/"))
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn names_certificates_and_a_wildcard_from_nothing() {
    let (dns, port) = (free_port(), free_port());
    let quirks = Quirks { resolver: Some(dns), nonces_refused: 20, ..Quirks::default() };
    let Some(pebble) = Pebble::start(quirks) else { return };
    // Nobody but the office is admitted, and the certificate comes all the same: over our own zone.
    let text_ = site(dns, "network.office", &https(port, "shop"))
        + &pebble.block("")
        + &certificate("shop", "[\"shop.test\", \"*.shop.test\"]", "");
    let instance = Instance::start(&text_);
    let state = await_state(&instance, "shop", "valid");
    assert_eq!(state["challenge"], "dns-01", "{state}");
    assert_eq!(state["error"], Value::Null, "{state}");
    let list = text(&instance.command(&["cert", "list"]));
    assert!(list.contains("shop") && list.contains("next: renew"), "{list}");
    let exported = text(&instance.command(&["cert", "export", "shop", "--with-key"]));
    assert!(exported.starts_with("-----BEGIN CERTIFICATE-----"), "{exported}");
    assert!(exported.contains("PRIVATE KEY-----"), "its key is there, too");
    // Now the world may see it.
    instance.write(&text_.replace("from  = [network.office]", "from  = [anywhere]"));
    assert!(instance.reload().status.success());
    let root = root(&pebble, &instance);
    for host in ["shop.test", "www.shop.test"] {
        let seen = curl(host, port, &root);
        assert_eq!(text(&seen), "it works", "{host}");
    }
    let orders = pebble.count("orders");
    assert_eq!((pebble.count("accounts"), orders), (1, 1));
    let mut instance = instance;
    instance.crash();
    assert_eq!(text(&curl("shop.test", port, &root)), "it works", "after kill -9");
    assert_eq!(show(&instance, "shop")["state"], "valid");
    assert_eq!(pebble.count("orders"), orders, "nothing is ordered again");
}

#[test]
fn over_http_and_in_the_handshake_and_one_that_fails() {
    let dns = free_port();
    let blocked = Some("bad.shop.test");
    let Some(pebble) = Pebble::start(Quirks { resolver: Some(dns), blocked, ..Quirks::default() })
    else {
        return;
    };
    let listeners = redirecting(pebble.http, pebble.tls)
        + &https(pebble.tls, "by-http").replace(
            "[certificate.by-http]",
            "[certificate.by-http, certificate.by-alpn, certificate.bad]",
        );
    let configuration = site(dns, "anywhere", &listeners)
        + &pebble.block("")
        + &certificate("by-http", "[\"a.shop.test\"]", "  challenge = \"http-01\"\n")
        + &certificate("by-alpn", "[\"b.shop.test\"]", "  challenge = \"tls-alpn-01\"\n")
        + &certificate("bad", "[\"bad.shop.test\"]", "  challenge = \"http-01\"\n");
    let instance = Instance::start(&configuration);
    for name in ["by-http", "by-alpn"] {
        await_state(&instance, name, "valid");
    }
    let root = root(&pebble, &instance);
    for host in ["a.shop.test", "b.shop.test"] {
        assert_eq!(text(&curl(host, pebble.tls, &root)), "it works", "{host}");
    }
    let bad = until("the refusal", || {
        let bad = show(&instance, "bad");
        (bad["error"] != Value::Null).then_some(bad)
    });
    assert_eq!(bad["state"], "pending", "{bad}");
    assert!(bad["error"]["words"].as_str().unwrap().contains("`pebble` says:"), "{bad}");
    assert!(text(&instance.command(&["status"])).contains("bad.shop.test"));
    // The others are not touched by it, and a request for another token goes to the rules.
    let other = Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg(format!("http://127.0.0.1:{}/.well-known/acme-challenge/x", pebble.http))
        .output()
        .unwrap();
    assert_eq!(text(&other), "301", "the redirect of every other request");
}

#[test]
fn renewed_under_load_without_a_failed_handshake() {
    let (dns, port) = (free_port(), free_port());
    let Some(pebble) = Pebble::start(Quirks { resolver: Some(dns), ..Quirks::default() }) else {
        return;
    };
    let configuration = site(dns, "anywhere", &https(port, "shop"))
        + &pebble.block("")
        + &certificate("shop", "[\"shop.test\"]", "");
    let instance = Instance::start_with(&configuration, &["--cores", "2"]);
    await_state(&instance, "shop", "valid");
    let root = root(&pebble, &instance);
    let trusted = Trusted::from_files([Path::new(&root)]).unwrap();
    let leaves: Mutex<BTreeSet<Vec<u8>>> = Mutex::default();
    let seen = || leaves.lock().unwrap().len();
    let ended = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut made = 0;
                    while !ended.load(Ordering::SeqCst) {
                        let leaf = fresh_handshake("shop.test", port, &trusted);
                        let leaf = leaf.unwrap_or_else(|error| panic!("after {made}: {error}"));
                        leaves.lock().unwrap().insert(leaf);
                        made += 1;
                    }
                    made
                })
            })
            .collect();
        // However it ends, the clients end.
        let ends = Ends(&ended);
        until("the first certificate", || (seen() == 1).then_some(()));
        for renewal in 1..=3 {
            let asked = instance.command(&["cert", "renew", "shop", "--force"]);
            assert!(asked.status.success(), "{}", text(&asked));
            until("one more certificate", || (seen() == 1 + renewal).then_some(()));
        }
        drop(ends);
        clients.into_iter().map(|client| client.join().unwrap()).sum::<u32>()
    });
    // The last one is served, and by every core: none of those before comes again.
    let last = fresh_handshake("shop.test", port, &trusted).unwrap();
    for _ in 0..20 {
        assert_eq!(fresh_handshake("shop.test", port, &trusted).unwrap(), last);
    }
    assert_eq!((seen(), pebble.count("orders")), (4, 4));
    assert!(made > 100, "only {made} handshakes");
    println!("{made} handshakes during three renewals, none failed");
}

/// A connection, a whole handshake and a request; the certificate that was shown.
fn fresh_handshake(host: &str, port: u16, trusted: &Trusted) -> Result<Vec<u8>, String> {
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string())?;
    tcp.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let mut stream = tls::handshake(tcp, host, trusted).map_err(|e| format!("{e:?}"))?;
    let leaf = stream.conn.peer_certificates().ok_or("no certificate")?[0].to_vec();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|e| e.to_string())?;
    if answer.ends_with("it works") { Ok(leaf) } else { Err(answer) }
}

struct Ends<'e>(&'e AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A cause, and the words that are shown for it.
#[test]
fn cause_and_words() {
    let dns = free_port();
    let quirks = Quirks { resolver: Some(dns), customers_only: true, ..Quirks::default() };
    let Some(pebble) = Pebble::start(quirks) else { return };
    let port = free_port();
    let http = "  challenge = \"http-01\"\n";
    let block = pebble.block(&pebble.eab());
    let nowhere = block.replace("https://localhost:", "https://localhost:1");
    let nowhere = match nowhere.split_once("/dir") {
        Some((_, rest)) => {
            format!("authority \"pebble\" {{\n  directory = \"https://127.0.0.1:1/dir{rest}")
        }
        None => nowhere.clone(),
    };
    let untrusted: String = block
        .lines()
        .filter(|line| !line.contains("roots"))
        .map(|line| format!("{line}\n"))
        .collect();
    let rows: [(&str, String, &str, &str, &str, &str, &str); 7] = [
        (
            "the office only",
            block.clone(),
            "network.office",
            "[\"shop.test\"]",
            http,
            "not asked: the authority connects to port",
            "dns-01",
        ),
        (
            "a name that our zone does not have",
            block.clone(),
            "anywhere",
            "[\"x.y.elsewhere.shop.test\"]",
            http,
            "not asked: `x.y.elsewhere.shop.test` leads nowhere",
            "record \"x.y.elsewhere.shop.test\"",
        ),
        (
            "a stale AAAA",
            block.clone(),
            "anywhere",
            "[\"old.shop.test\"]",
            http,
            "leads to 2001:db8::99 as well",
            "stale address",
        ),
        (
            "CAA",
            block.clone(),
            "anywhere",
            "[\"caa.shop.test\"]",
            "",
            "not asked: the CAA records of `caa.shop.test` let nobody issue",
            "issue",
        ),
        (
            "no account of a customer",
            pebble.block(""),
            "anywhere",
            "[\"shop.test\"]",
            "",
            "`pebble` issues to its customers only",
            "eab {",
        ),
        (
            "nobody there",
            nowhere,
            "anywhere",
            "[\"shop.test\"]",
            "",
            "`pebble` cannot be asked: ",
            "connect",
        ),
        (
            "an authority that nobody vouches for",
            untrusted,
            "anywhere",
            "[\"shop.test\"]",
            "",
            "`pebble` cannot be asked: ",
            "roots = ",
        ),
    ];
    for (name, authority, group, names, more, words, hint) in rows {
        let extra = "  record \"old\" { addresses = [\"127.0.0.1\", \"2001:db8::99\"] }\n  record \"caa\" {\n    \
                     alias = load_balancer.shop\n    caa = [\"0 issue \\\";\\\"\"]\n  }\n  record \"elsewhere\" { \
                     txt = [\"here\"] }\n}\n\ndns_server {";
        let listeners = redirecting(pebble.http, port) + &https(port, "shop");
        let configuration = site(dns, group, &listeners).replacen("}\n\ndns_server {", extra, 1)
            + &authority
            + &certificate("shop", names, more);
        let instance = Instance::start(&configuration);
        let state = until(name, || {
            let state = show(&instance, "shop");
            (state["error"] != Value::Null).then_some(state)
        });
        let error = &state["error"];
        assert!(error["words"].as_str().unwrap().contains(words), "{name}: {state:#}");
        assert!(error["hint"].as_str().unwrap_or_default().contains(hint), "{name}: {state:#}");
        assert_eq!(state["state"], "pending", "{name}");
        let shown = text(&instance.command(&["cert", "show", "shop"]));
        assert!(shown.contains("last error"), "{name}: {shown}");
        let host = names.trim_matches(['[', ']', '"']);
        let url = format!("https://{host}:{port}/");
        let explained = text(&instance.command(&["explain", &url, "--from", "192.0.2.7"]));
        let explained = explained.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = ["a placeholder that no client trusts", "has no such name"];
        assert!(why.iter().any(|why| explained.contains(why)), "{name}: {explained}");
    }
    assert_eq!(pebble.count("orders"), 0, "no limit was burnt");
}

#[test]
fn what_cannot_be_ordered_says_why() {
    let port = free_port();
    let configuration = site(free_port(), "anywhere", &https(port, "own"))
        + "certificate \"own\" {\n  development = true\n  names = [\"shop.test\"]\n}\n";
    let instance = Instance::start(&configuration);
    let rows = [
        ("another name", &["cert", "issue", "shop"][..], "there is no certificate called `shop`"),
        (
            "not of an authority",
            &["cert", "renew", "own", "--force"][..],
            "comes from no authority",
        ),
        ("shown", &["cert", "show", "shop"][..], "there are `own`"),
    ];
    for (name, arguments, words) in rows {
        let output = instance.command(arguments);
        assert!(!output.status.success(), "{name}");
        assert!(text(&output).contains(words), "{name}: {}", text(&output));
    }
    assert_eq!(show(&instance, "own")["source"], "development");
}
