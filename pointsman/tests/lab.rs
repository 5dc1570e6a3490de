//! `pointsman lab`: networks of namespaces, asked with real packets.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use support::{PROGRAM, until};

const SHOP: &str = include_str!("lab/shop.hcl");

/// Does not hold.
const BROKEN: &str = r#"
expect "the guests see it too" {
  url   = "https://shop.test/"
  works = [network.guest-wifi]
}
"#;

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    /// `None`, said aloud, where this machine allows no namespaces; in CI that is a failure.
    fn up(configuration: &str, arguments: &[&str]) -> Option<Lab> {
        let lab = Lab { folder: tempfile::tempdir().unwrap() };
        fs::write(lab.folder.path().join("site.hcl"), configuration).unwrap();
        let front = include_str!("lab/front.conf");
        fs::write(lab.folder.path().join("front.conf"), front).unwrap();
        let up = lab.lab(&[&["up", "site.hcl"], arguments].concat());
        let errors = stderr(&up);
        if errors.contains("may not make networks") && std::env::var_os("CI").is_none() {
            eprintln!("SKIPPED: {errors}");
            return None;
        }
        assert!(up.status.success(), "lab up: {errors}{}", lab.logs());
        Some(lab)
    }

    /// `--state` goes before the command of `exec`.
    fn lab(&self, arguments: &[&str]) -> Output {
        let (verb, rest) = arguments.split_first().unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["lab", verb, "--state", "state"]).args(rest);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    fn exec(&self, place: &str, command: &[&str]) -> Output {
        self.lab(&[&["exec", place, "--"], command].concat())
    }

    /// Another configuration in a lab of its own.
    fn again(&self, configuration: &str) {
        assert!(self.lab(&["down"]).status.success());
        fs::write(self.folder.path().join("site.hcl"), configuration).unwrap();
        let up = self.lab(&["up", "site.hcl"]);
        assert!(up.status.success(), "{}{}", stderr(&up), self.logs());
    }

    fn probe(&self) -> (Option<i32>, String) {
        let probe = self.lab(&["probe"]);
        (probe.status.code(), format!("{}{}", stderr(&probe), stdout(&probe)))
    }

    /// Of the program at the edge.
    fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.edge(&["status", "--json"]).stdout).unwrap()
    }

    fn edge(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).args(["--state", "state/lab/edge"]);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    fn holder(&self) -> u64 {
        let text = fs::read(self.folder.path().join("state/lab/lab.json")).unwrap();
        let state: serde_json::Value = serde_json::from_slice(&text).unwrap();
        state["holder"].as_u64().unwrap()
    }

    fn logs(&self) -> String {
        let logs = fs::read_dir(self.folder.path().join("state/lab/logs"));
        let texts = logs.into_iter().flatten().flatten().map(|log| {
            format!("--- {}\n{}", log.path().display(), fs::read_to_string(log.path()).unwrap())
        });
        texts.collect()
    }

    /// Processes that were told this lab's folder or program, without those that only await burial.
    fn processes(&self) -> Vec<String> {
        let folder = self.folder.path().to_str().unwrap();
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let text = |process: &Path| -> Option<String> {
            let line = String::from_utf8(fs::read(process.join("cmdline")).ok()?).ok()?;
            let at = fs::read_link(process.join("cwd")).ok()?;
            (line.contains(folder) || at.starts_with(folder)).then_some(line)
        };
        all.filter_map(|process| text(&process)).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        self.lab(&["down"]);
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Namespaces of networks that some process of this user is in or holds.
fn holds_namespaces(pid: u64) -> bool {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut targets = links.filter_map(|link| fs::read_link(link.path()).ok());
    targets.any(|target| target.as_os_str().to_str().is_some_and(|text| text.starts_with("net:")))
}

#[test]
fn expectations_are_asked_with_real_packets() {
    let Some(lab) = Lab::up(SHOP, &[]) else { return };
    let probe = lab.lab(&["probe"]);
    assert_eq!(probe.status.code(), Some(0), "{}{}", stdout(&probe), stderr(&probe));
    let text = stdout(&probe);
    let rows = [
        // Both families of the office, twice, and once each of the others.
        ("https://shop.test/products", "from 10.1.0.1", "200"),
        ("https://shop.test/products", "from 2001:db8:1::1", "200"),
        ("http://shop.test/products", "from 10.1.0.1", "301 → https://shop.test:443/products"),
        ("https://shop.test/products", "from 192.168.50.1", "connection timed out"),
        ("http://10.0.1.5:8080/", "from 10.1.0.1", "connection timed out"),
    ];
    for (url, from, seen) in rows {
        let is_it = |line: &&str| line.contains(url) && line.contains(from) && line.contains(seen);
        assert!(text.lines().any(|line| is_it(&line)), "{url} {from} {seen} in\n{text}");
    }
    assert!(text.ends_with("6 ok, 0 broken\n"), "{text}");

    fs::write(lab.folder.path().join("site.hcl"), format!("{SHOP}{BROKEN}")).unwrap();
    let probe = lab.lab(&["probe"]);
    assert_eq!(probe.status.code(), Some(3), "{}{}", stdout(&probe), stderr(&probe));
    let broken: Vec<String> =
        stdout(&probe).lines().filter(|line| line.contains("broken")).map(str::to_owned).collect();
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken[0].contains("timed out; expected is an answer below 400"), "{broken:?}");

    let probe = lab.lab(&["probe", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&probe.stdout).unwrap();
    let requests = json["requests"].as_array().unwrap();
    let broken = requests.iter().filter(|request| request["holds"] == false).count();
    assert_eq!((requests.len(), broken), (7, 1), "{json}");
}

#[test]
fn commands_run_where_they_are_told() {
    let Some(lab) = Lab::up(SHOP, &[]) else { return };
    let hosts = |place| stdout(&lab.exec(place, &["cat", "/etc/hosts"]));
    assert!(hosts("office").contains("10.0.0.10 shop.test"), "{}", hosts("office"));
    assert!(hosts("internet").contains("203.0.113.10 shop.test"), "{}", hosts("internet"));
    assert!(!hosts("internet").contains("10.0.0.10"), "{}", hosts("internet"));
    let code = lab.exec("office", &["sh", "-c", "exit 7"]).status.code();
    assert_eq!(code, Some(7));
    let at = lab.exec("instance.web", &["pwd"]);
    assert_eq!(Path::new(stdout(&at).trim()), lab.folder.path().canonicalize().unwrap());
    let unknown = lab.exec("offce", &["true"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        stderr(&unknown).contains("`office`, `guest-wifi`, `internet`"),
        "{}",
        stderr(&unknown)
    );

    let again = lab.lab(&["up", "site.hcl"]);
    assert_eq!(again.status.code(), Some(2));
    let holder = format!("held by process {}", lab.holder());
    assert!(stderr(&again).contains(&holder), "{}", stderr(&again));

    if !has("curl") {
        eprintln!("SKIPPED in part: curl is not installed");
        return;
    }
    let curl = |place: &str, options: &[&str], url: &str| {
        let authority = ["--cacert", "state/lab/edge/development/authority.pem"];
        lab.exec(place, &[&["curl", "-sS", "-m", "1"], &authority[..], options, &[url]].concat())
    };
    let url = "https://shop.test/";
    let rows: [(&str, &[&str], &str, i32); 8] = [
        ("office", &[], url, 0),
        ("office", &["-6"], url, 0),
        ("office", &["--interface", "10.1.77.88"], url, 0),
        ("guest-wifi", &[], url, TIMED_OUT),
        ("internet", &[], url, TIMED_OUT),
        // A private address is not reached from outside, whoever listens there.
        ("internet", &[], "http://10.0.0.10/", TIMED_OUT),
        // The load balancer is admitted by the instance, and nobody else.
        ("edge", &["--interface", "10.0.0.10"], "http://10.0.1.5:8080/", 0),
        ("office", &[], "http://shop.invalid/", NO_SUCH_NAME),
    ];
    for (place, options, url, expected) in rows {
        let output = curl(place, options, url);
        let code = output.status.code();
        assert_eq!(code, Some(expected), "{place} {options:?} {url}: {}", stderr(&output));
    }
}

/// curl(1), exit codes.
const NO_SUCH_NAME: i32 = 6;
const TIMED_OUT: i32 = 28;

fn has(program: impl AsRef<OsStr>) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn without_applications_nothing_answers() {
    let Some(lab) = Lab::up(SHOP, &["--no-applications"]) else { return };
    let probe = lab.lab(&["probe"]);
    assert_eq!(probe.status.code(), Some(3), "{}", stdout(&probe));
    assert!(stdout(&probe).contains("502; expected is an answer below 400"), "{}", stdout(&probe));
}

/// An application that redirects what already is https, one that is asked by TLS, and one behind
/// another that does not run.
const APPLICATIONS: &str = include_str!("lab/applications.hcl");

#[test]
fn applications_answer_as_they_are_declared() {
    let Some(lab) = Lab::up(APPLICATIONS, &[]) else { return };
    let probe = lab.lab(&["probe"]);
    let text = stdout(&probe);
    let rows = [
        // The chain ends where nobody listens, which is what the first one is about.
        ("http://10.0.0.10/a?b", "301 → https://10.0.0.10/a?b, then connection refused"),
        ("http://10.0.0.10:81/", "418"),
        ("http://10.0.0.10:82/", "502"),
        ("http://10.0.0.10:83/", "200"),
    ];
    for (url, seen) in rows {
        let line = text.lines().find(|line| line.contains(&format!("{url} ")));
        assert!(line.is_some_and(|line| line.contains(seen)), "{url} {seen} in\n{text}");
    }
    assert_eq!(probe.status.code(), Some(3), "{text}");
    assert!(text.ends_with("3 ok, 1 broken\n"), "{text}");
}

/// As the demos are: everything on loopback.
const LOOPBACK: &str = include_str!("lab/loopback.hcl");

#[test]
fn networks_on_loopback_share_the_program_s_place() {
    let Some(lab) = Lab::up(LOOPBACK, &[]) else { return };
    let probe = lab.lab(&["probe"]);
    let text = stdout(&probe);
    assert_eq!(probe.status.code(), Some(0), "{text}{}", stderr(&probe));
    assert!(text.ends_with("2 ok, 0 broken\n"), "{text}");
}

/// "It works on my machine": the page comes from the server, the rest from the browser.
const PHONES: &str = include_str!("lab/phones.hcl");

#[test]
fn the_first_story_in_namespaces() {
    let Some(lab) = Lab::up(PHONES, &[]) else { return };
    let rows = [
        ("https://shop.test/", "office", "200"),
        ("https://shop.test/", "guest-wifi", "200"),
        ("https://shop.test/", "lte", "200"),
        ("http://api.internal.test/products?page=1", "instance.web", "200"),
        ("https://api.shop.test/products?page=2", "office", "200"),
        ("https://api.shop.test/products?page=2", "guest-wifi", "connection timed out"),
        ("https://api.shop.test/products?page=2", "lte", "connection timed out"),
    ];
    let (code, text) = lab.probe();
    for (url, who, seen) in rows {
        let is_it = |line: &&str| line.contains(url) && line.contains(&format!("  {who}"));
        let lines: Vec<&str> = text.lines().filter(is_it).collect();
        assert!(lines.iter().all(|line| line.contains(seen)), "{url} {who}: {seen} in\n{text}");
        assert_eq!(lines.len(), 1, "{url} {who} in\n{text}");
    }
    assert_eq!(code, Some(3), "{text}");
    phones_are_seen(&lab);
    lab.again(&PHONES.replace("from  = [network.office]", "from  = [anywhere]"));
    let (code, text) = lab.probe();
    assert!(text.ends_with("7 ok, 0 broken\n") && code == Some(0), "{text}");
}

/// The same, turned away by the packet filter: it admits and drops the same clients, and its counters say
/// whom.
#[test]
fn nftables_turns_the_phones_away() {
    let groups = "security_groups = [security_group.api]";
    let filtered = PHONES.replace(groups, &format!("{groups}\n  enforce = \"nftables\""));
    let Some(lab) = Lab::up(&filtered, &[]) else { return };
    let status = lab.status();
    if let Some(problem) = status["firewall"]["problem"].as_str() {
        assert!(std::env::var_os("CI").is_none(), "{problem}");
        eprintln!("SKIPPED: {problem}");
        return;
    }
    let admission = status["listeners"].as_array().unwrap().iter();
    let admission = admission.filter(|one| one["load_balancer"] == "api");
    for listener in admission {
        let admission = listener["admission"].as_str().unwrap();
        assert!(admission.starts_with("nftables"), "{admission}");
    }
    let (code, text) = lab.probe();
    assert!(text.ends_with("5 ok, 2 broken\n") && code == Some(3), "{text}");
    phones_are_seen(&lab);
    let shown = stdout(&lab.edge(&["firewall", "show"]));
    let rows = ["api.https (203.0.113.20:443)", "admitted 1 ", "security_group.api  "];
    for part in rows.into_iter().chain(["site.hcl:", "guest-wifi", "lte"]) {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    let clear = lab.edge(&["firewall", "clear"]);
    assert!(stderr(&clear).contains("the instance is running"), "{}", stderr(&clear));
}

/// Those whose SYNs were dropped in the kernel are in `status` of the program at the edge, by name: the
/// ones on the wifi under the address of their gateway, the others by IPv6.
fn phones_are_seen(lab: &Lab) {
    let status = lab.status();
    let refused = &status["refused"];
    assert!(refused["unavailable"].is_null(), "{refused}");
    let rows = [
        ("guest-wifi", "203.0.113.20:443", "198.51.100.20"),
        ("lte", "[2001:db8:2::20]:443", "2001:db8:17e::1"),
    ];
    let networks = refused["networks"].as_array().unwrap();
    for (network, address, example) in rows {
        let row = networks.iter().find(|row| row["network"] == network);
        let row = row.unwrap_or_else(|| panic!("{network} in {refused}"));
        assert_eq!((&row["listener"], &row["address"]), (&"api.https".into(), &address.into()));
        assert_eq!((&row["example"], &row["count"]), (&example.into(), &1.into()), "{network}");
    }
    assert_eq!(networks.len(), rows.len(), "{refused}");
}

/// "502 Bad Gateway": the application behind the front server is gone after a reboot.
const GATEWAY: &str = include_str!("lab/gateway.hcl");

#[test]
fn the_second_story_in_namespaces() {
    let Some(lab) = Lab::up(GATEWAY, &[]) else { return };
    let (code, text) = lab.probe();
    assert!(text.contains("502; expected is an answer below 400"), "{text}");
    assert_eq!(code, Some(3), "{text}");

    // As its owner did: the load balancer is taken away.
    let bare = GATEWAY
        .replace("alias = load_balancer.shop", "addresses = [\"203.0.113.30\"]")
        .replace("from  = [security_group.shop]", "from  = [anywhere]");
    lab.again(&bare);
    let (code, text) = lab.probe();
    let redirected = "301 → https://shop.test/, then connection refused";
    assert!(text.contains(redirected), "{text}");
    assert_eq!(code, Some(3), "{text}");

    lab.again(&GATEWAY.replace("serves           = [80]", "serves           = [80, 3000]"));
    let (code, text) = lab.probe();
    assert!(text.ends_with("1 ok, 0 broken\n") && code == Some(0), "{text}");
}

#[test]
fn nothing_of_it_outlives_its_holder() {
    let Some(lab) = Lab::up(SHOP, &[]) else { return };
    let holder = lab.holder();
    assert!(holds_namespaces(holder), "the holder has the namespaces");
    // A command in it is a part of it.
    let mut inside = Command::new(PROGRAM)
        .args(["lab", "exec", "--state", "state", "internet", "--", "sleep", "1000"])
        .current_dir(lab.folder.path())
        .spawn()
        .unwrap();
    until("the command to run", || {
        lab.processes().iter().any(|line| line.starts_with("sleep")).then_some(())
    });
    let killed = Command::new("kill").arg("-9").arg(holder.to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(inside.wait().unwrap().code(), Some(128 + 9));
    until("every process to be gone", || lab.processes().is_empty().then_some(()));
    assert!(!holds_namespaces(holder));

    // What it left behind does not stand in the way.
    let exec = lab.exec("office", &["true"]);
    assert_eq!(exec.status.code(), Some(2));
    assert!(stderr(&exec).contains("no lab is up"), "{}", stderr(&exec));
    let up = lab.lab(&["up", "site.hcl"]);
    assert!(up.status.success(), "{}", stderr(&up));
    let down = lab.lab(&["down"]);
    assert!(down.status.success(), "{}", stderr(&down));
    assert!(lab.processes().is_empty(), "{:?}", lab.processes());
    assert_eq!(lab.lab(&["down"]).status.code(), Some(2));
}

#[test]
fn where_networks_are_refused_the_setting_is_named() {
    let lab = Lab { folder: tempfile::tempdir().unwrap() };
    fs::write(lab.folder.path().join("site.hcl"), LOOPBACK).unwrap();
    let script = "echo 0 > /proc/sys/user/max_net_namespaces &&
        echo 0 > /proc/sys/user/max_user_namespaces && echo limited &&
        exec \"$0\" lab up site.hcl --state state";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", script, PROGRAM])
        .current_dir(lab.folder.path())
        .output();
    let output = match output {
        Ok(output) if stdout(&output).contains("limited") => output,
        other => {
            // The lab itself may be allowed all the same: to root.
            eprintln!("SKIPPED: no user namespace to refuse anything in: {other:?}");
            return;
        }
    };
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    for part in ["may not make networks", "user.max_net_namespaces=15000", "run it as root"] {
        assert!(stderr(&output).contains(part), "{part} in {}", stderr(&output));
    }
}

#[test]
fn a_broken_configuration_builds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.hcl"), "load_balancer \"a\" { nonsense = 1 }\n").unwrap();
    let lab = Lab { folder };
    let up = lab.lab(&["up", "site.hcl"]);
    assert_eq!(up.status.code(), Some(2));
    assert!(stderr(&up).contains("nonsense"), "{}", stderr(&up));
    assert!(!lab.folder.path().join("state/lab").exists());
}
