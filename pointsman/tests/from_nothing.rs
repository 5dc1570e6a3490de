//! One configuration brought up from nothing: the zone is resolved, a real authority issues, and real
//! clients come by name. Nothing outside the program answers a name.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use support::{PROGRAM, until};

const SITE: &str = include_str!("from_nothing/site.hcl");
const URL: &str = "https://shop.test/";
const WILDCARD: &str = "https://any.shop.test/";

struct World {
    folder: tempfile::TempDir,
    authority: Option<Child>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(authority) = &mut self.authority {
            let _ = authority.kill();
            let _ = authority.wait();
        }
        let _ = self.lab(&["down"]);
    }
}

impl World {
    /// `None`, said aloud, where this machine allows no namespaces; in CI that is a failure.
    fn up() -> Option<World> {
        let mut world = World { folder: tempfile::tempdir().unwrap(), authority: None };
        world.write("site.hcl", SITE);
        world.make_https();
        let up = world.lab(&["up", "site.hcl"]);
        let errors = String::from_utf8_lossy(&up.stderr).into_owned();
        if errors.contains("may not make networks") && std::env::var_os("CI").is_none() {
            eprintln!("SKIPPED: {errors}");
            return None;
        }
        assert!(up.status.success(), "lab up: {errors}");
        world.start_authority();
        Some(world)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What the authority's own https is served with.
    fn make_https(&self) {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
        let own = tls::LocalAuthority::open_or_create(&self.path().join("https"), now).unwrap();
        let pem = own.issue_pem(&["198.51.100.30".to_owned()], now).unwrap();
        self.write("pebble.pem", &pem);
        fs::copy(own.certificate_path(), self.path().join("authority.pem")).unwrap();
    }

    fn start_authority(&mut self) {
        self.write(
            "pebble.json",
            r#"{ "pebble": {
                "listenAddress": "198.51.100.30:14000",
                "managementListenAddress": "198.51.100.30:15000",
                "certificate": "pebble.pem", "privateKey": "pebble.pem",
                "httpPort": 80, "tlsPort": 443 } }"#,
        );
        let mut pebble = self.command(&["exec", "instance.authority", "--", "pebble"]);
        pebble.args(["-config", "pebble.json", "-dnsserver", "203.0.113.10:53"]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "20");
        let log = fs::File::create(self.path().join("pebble.log")).unwrap();
        let pebble = pebble.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        self.authority = Some(pebble.spawn().unwrap());
        let root = until("the authority's root", || {
            let root = self.exec(
                "internet",
                &[
                    "curl",
                    "-sS",
                    "--cacert",
                    "authority.pem",
                    "https://198.51.100.30:15000/roots/0",
                ],
            );
            root.status.success().then_some(root.stdout)
        });
        fs::write(self.path().join("root.pem"), root).unwrap();
    }

    /// `--state` goes before the command of `exec`.
    fn command(&self, arguments: &[&str]) -> Command {
        let (verb, rest) = arguments.split_first().unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["lab", verb, "--state", "state"]).args(rest).current_dir(self.path());
        command
    }

    fn lab(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn exec(&self, place: &str, command: &[&str]) -> Output {
        self.lab(&[&["exec", place, "--"], command].concat())
    }

    /// What a command in a place says; it has to succeed.
    fn said(&self, place: &str, command: &[&str]) -> String {
        let output = self.exec(place, command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{place}: {command:?}: {errors}{text}");
        text
    }

    /// A verb, to the program at the edge.
    fn edge(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).args(["--state", "state/lab/edge"]);
        command.current_dir(self.path()).output().unwrap()
    }
}

#[test]
fn a_zone_a_certificate_and_a_browser() {
    let Some(world) = World::up() else { return };
    let issue = world.edge(&["cert", "issue", "shop"]);
    let words = String::from_utf8_lossy(&issue.stderr).into_owned();
    let log = || fs::read_to_string(world.path().join("pebble.log")).unwrap_or_default();
    assert!(issue.status.success(), "{words}\n{}", log());
    until(&format!("the certificate: {}", log()), || {
        let list = world.edge(&["cert", "list", "--json"]);
        let list: serde_json::Value = serde_json::from_slice(&list.stdout).ok()?;
        (list["certificates"][0]["state"] == "valid").then_some(())
    });

    // By name, through our own server: nothing else answers.
    let resolv = world.said("internet", &["cat", "/etc/resolv.conf"]);
    assert!(resolv.contains("nameserver 203.0.113.10"), "{resolv}");
    let hosts = world.said("internet", &["cat", "/etc/hosts"]);
    assert!(!hosts.contains("shop.test"), "{hosts}");
    let address = world.said("internet", &["dig", "+short", "shop.test", "A"]);
    assert_eq!(address.trim(), "203.0.113.10");

    // Both targets, and a name of the wildcard.
    let mut bodies = std::collections::BTreeSet::new();
    for url in [URL, URL, URL, URL, WILDCARD] {
        let body = world.said("internet", &["curl", "-sS", "--fail", "--cacert", "root.pem", url]);
        bodies.insert(body);
    }
    assert!(bodies.len() >= 2, "both targets answer: {bodies:?}");

    let page = browse(&world);
    assert!(page.contains("<html") && !page.contains("ERR_"), "{page}");
}

/// What a browser makes of the page, with the authority's root among those that it trusts.
fn browse(world: &World) -> String {
    let home = world.path().join("home");
    let database = home.join(".pki/nssdb");
    fs::create_dir_all(&database).unwrap();
    let database = format!("sql:{}", database.display());
    let done = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    done("certutil", &["-d", &database, "-N", "--empty-password"]);
    let root = world.path().join("root.pem").display().to_string();
    done("certutil", &["-d", &database, "-A", "-t", "C,,", "-n", "root", "-i", &root]);
    let home = format!("HOME={}", home.display());
    world.said(
        "internet",
        &[
            "env",
            &home,
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--timeout=20000",
            "--dump-dom",
            URL,
        ],
    )
}
