//! Explanations and expectations beside real packets: `explain --probe`, `check --live`.

mod support;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::{Instance, Origin, PROGRAM, at, free_port};

/// The name `localhost` leads to 127.0.0.1, and so do all networks here.
fn site(port: u16, targets: &[SocketAddr]) -> String {
    let targets: Vec<String> = targets.iter().map(|t| format!("\"{t}\"")).collect();
    format!(
        r#"network "office" {{ cidrs = ["127.0.1.0/24"] }}
network "guest" {{ cidrs = ["127.0.2.0/24"] }}
network "far" {{ cidrs = ["198.51.100.0/24"] }}

record "localhost" {{ addresses = ["127.0.0.1"] }}
record "nowhere.invalid" {{ addresses = ["127.0.0.1"] }}

load_balancer "test" {{
  addresses        = ["127.0.0.1"]
  public_addresses = ["203.0.113.10"]
  scheme           = "internet-facing"
  security_groups  = [security_group.office]
  deny             = "page"

  listener "http" {{
    port = {port}
    default {{
      forward = target_group.app
    }}
  }}
}}

security_group "office" {{
  ingress {{
    ports = "all"
    from  = [network.office]
  }}
}}

target_group "app" {{
  targets = [{}]
  health_check {{
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}
"#,
        targets.join(", ")
    )
}

/// An address at which nothing listens.
fn nobody() -> SocketAddr {
    at(free_port())
}

fn program(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--state").arg(folder.join("state")).current_dir(folder);
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn ask(instance: &Instance, url: &str, more: &[&str]) -> (Value, Option<i32>) {
    let mut arguments = vec!["explain", url, "--probe", "--json"];
    arguments.extend(more);
    let output = instance.command(&arguments);
    (json(&output), output.status.code())
}

#[test]
fn what_is_foretold_is_seen() {
    let origin = Origin::answering("hello");
    let port = free_port();
    let instance = Instance::start(&site(port, &[origin.address]));
    instance.await_target("app", "healthy");
    let by_name = format!("http://localhost:{port}/cart");
    let by_address = format!("http://127.0.0.1:{port}/cart");
    let rows: [(&str, &str, &[&str], &str, i32); 5] = [
        ("of the network that is admitted", &by_name, &["--from", "office"], "200", 0),
        ("one address of it", &by_name, &["--from", "127.0.1.9"], "200", 0),
        ("without a name", &by_address, &["--from", "office"], "200", 0),
        ("of the network that is not", &by_name, &["--from", "guest"], "403", 3),
        ("the kernel's choice", &by_name, &[], "403", 3),
    ];
    for (name, url, more, seen, code) in rows {
        let (answer, exit) = ask(&instance, url, more);
        let probe = &answer["probe"];
        assert_eq!(probe["seen"], seen, "{name}: {probe:#}");
        assert_eq!(probe["agreement"], "agrees", "{name}: {probe:#}");
        assert_eq!(probe["findings"], Value::Array(Vec::new()), "{name}");
        assert_eq!(exit, Some(code), "{name}");
        assert_eq!(probe["targets"][0]["seen"], "200", "{name}: {probe:#}");
    }
    let (answer, _) = ask(&instance, &by_name, &[]);
    assert_eq!(answer["from"], "127.0.0.1", "without `--from` it is about this machine");
    // Targets get the request as the load balancer would send it.
    let asked = origin.requests();
    let probe = asked.iter().find(|request| request.contains("pointsman-probe")).unwrap();
    assert!(probe.starts_with("GET /cart HTTP/1.1\r\n"), "{probe}");
    assert!(probe.contains(&format!("\r\nHost: localhost:{port}\r\n")), "{probe}");
    assert!(probe.contains("\r\nX-Forwarded-Proto: http\r\n"), "{probe}");
}

/// The development authority of the instance is trusted, and a certificate of another name is refused.
#[test]
fn tls_is_spoken_as_by_a_browser() {
    let origin = Origin::answering("hello");
    let (port, https) = (free_port(), free_port());
    let listener = format!(
        r#"
  listener "https" {{
    port         = {https}
    protocol     = "HTTPS"
    certificates = [certificate.here]
    default {{
      forward = target_group.app
    }}
  }}

  listener "http" {{"#
    );
    let certificate = r#"
certificate "here" {
  development = true
  names       = ["localhost"]
}
"#;
    let plain = site(port, &[origin.address]);
    let configuration = plain.replacen("\n  listener \"http\" {", &listener, 1) + certificate;
    let instance = Instance::start(&configuration);
    instance.await_target("app", "healthy");
    let rows = [
        ("the name of the certificate", format!("https://localhost:{https}/"), "200"),
        (
            "another name",
            format!("https://nowhere.invalid:{https}/"),
            "the certificate was refused: the certificate does not cover the name",
        ),
    ];
    for (name, url, seen) in rows {
        let (answer, _) = ask(&instance, &url, &["--from", "office"]);
        let probe = &answer["probe"];
        assert_eq!(probe["seen"], seen, "{name}: {probe:#}");
        assert_eq!(probe["agreement"], "agrees", "{name}: {probe:#}");
    }
}

#[test]
fn targets_are_seen_as_they_are_now() {
    let (first, second) = (nobody(), nobody());
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    std::fs::write(folder.path().join("site.hcl"), site(port, &[first, second])).unwrap();
    let url = format!("http://localhost:{port}/");
    let asked = ["explain", &url, "--from", "office", "--config", "site.hcl", "--probe"];
    let told = program(folder.path(), &asked);
    let words = text(&told);
    assert!(words.contains("2 of 2 targets fail"), "{words}");
    assert!(words.contains("(observed now)"), "{words}");
    // Nobody serves: what is foretold of the load balancer is not what is seen.
    assert!(words.contains("Otherwise"), "{words}");
    assert!(words.contains("seen: the connection was refused"), "{words}");
    assert_eq!(told.status.code(), Some(5), "{words}");
}

#[test]
fn what_is_not_asked_is_said() {
    let origin = Origin::answering("hello");
    let port = free_port();
    let instance = Instance::start(&site(port, &[origin.address]));
    instance.await_target("app", "healthy");
    let url = format!("http://localhost:{port}/");
    let unknown = format!("http://nowhere.invalid:{port}/");
    let rows: &[(&str, &str, &[&str], &str)] = &[
        ("nobody here", &url, &["--from", "far"], "packets can be sent from here only"),
        ("may change something", &url, &["--method", "POST"], "only GET, HEAD and OPTIONS"),
    ];
    for (name, url, more, why) in rows {
        let (answer, _) = ask(&instance, url, more);
        let probe = &answer["probe"];
        assert!(probe["not_asked"].as_str().unwrap().contains(why), "{name}: {probe:#}");
        assert_eq!(probe["seen"], Value::Null, "{name}");
        assert_eq!(probe["agreement"], "not-known", "{name}");
    }
    let sent = origin.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(sent, 0, "a POST was sent");
    // A name that is not known here is a finding, and the request goes where it is to lead.
    let (answer, exit) = ask(&instance, &unknown, &["--from", "office"]);
    let probe = &answer["probe"];
    assert_eq!(probe["name"]["agreement"], "differs", "{probe:#}");
    assert_eq!(probe["seen"], "200", "{probe:#}");
    assert_eq!(exit, Some(5), "{probe:#}");
    let page = program(instance.folder.path(), &["explain", "admit/no-rule", "--probe"]);
    assert_eq!(page.status.code(), Some(2), "a code is not probed");
}

#[test]
fn expectations_are_asked_here_and_now() {
    let origin = Origin::answering("hello");
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/");
    let expect = format!(
        r#"
expect "the shop is for the office" {{
  url    = "{url}"
  works  = [network.office]
  denied = [network.guest]
}}
expect "nobody comes from far" {{
  url    = "http://203.0.113.10:{port}/"
  denied = [network.far]
}}
expect "orders can be made" {{
  url    = "{url}"
  method = "POST"
  works  = [network.office]
}}
"#
    );
    let configuration = site(port, &[origin.address]) + &expect;
    let instance = Instance::start(&configuration);
    instance.await_target("app", "healthy");
    let file = instance.folder.path().join("site.hcl");
    let folder = instance.folder.path().to_owned();
    let check = |more: &[&str]| {
        let mut arguments = vec!["check", file.to_str().unwrap(), "--live"];
        arguments.extend(more);
        program(&folder, &arguments)
    };
    let told = check(&[]);
    let words = text(&told);
    assert!(words.contains("3 expectations hold"), "{words}");
    assert!(words.contains("2 ok, 0 broken, 2 not asked"), "{words}");
    assert!(words.contains("no address of far on this machine"), "{words}");
    assert!(words.contains("POST may change something"), "{words}");
    assert_eq!(told.status.code(), Some(0), "{words}");
    // Proved all the same, and nobody serves.
    drop(instance);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(&file, &configuration).unwrap();
    let told = check(&["--json"]);
    let value = json(&told);
    assert_eq!(told.status.code(), Some(3), "{value:#}");
    let row = |from: &str| {
        let rows = value["requests"].as_array().unwrap();
        rows.iter().find(|row| row["from"].as_str().unwrap().starts_with(from)).unwrap().clone()
    };
    let office: IpAddr = row("office")["client"].as_str().unwrap().parse().unwrap();
    assert!(office.to_string().starts_with("127.0.1."), "{office}");
    assert_eq!(row("office")["holds"], false);
    assert_eq!(row("far")["holds"], Value::Null);
    let page =
        include_str!("../../docs/explain.md").split("### `check --live` and").nth(1).unwrap();
    for field in ["version", "requests"]
        .into_iter()
        .chain(row("far").as_object().unwrap().keys().map(String::as_str))
    {
        assert!(page.contains(&format!("| `{field}` |")), "`{field}` is not documented");
    }
    let _ = std::fs::remove_dir_all(&folder);
}
