//! `trust` and `untrust`: a real browser before, between and after.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::{Instance, PROGRAM, free_port};

/// With a home and a root of the test's own: nothing of this machine is changed.
fn pointsman(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--state").arg(folder.join("state"));
    command.arg("--root").arg(folder.join("root")).env("HOME", folder.join("home"));
    command.output().unwrap()
}

/// What Chromium shows of an address, or why it shows nothing.
fn browse(folder: &Path, visit: usize, port: u16) -> String {
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join(format!("visit-{visit}")).display()))
        .arg("--host-resolver-rules=MAP shop.example 127.0.0.1")
        .arg(format!("https://shop.example:{port}/"))
        .env("HOME", folder.join("home"))
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    match shown.contains("it works") {
        true => "it works".into(),
        false => String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_browser_trusts_what_it_is_told_to() {
    let port = free_port();
    let instance = Instance::start(&format!(
        "certificate \"dev\" {{\n  development = true\n  names = [\"shop.example\"]\n}}\n\
         load_balancer \"edge\" {{\n  addresses = [\"127.0.0.1\"]\n  listener \"https\" {{\n    \
         port = {port}\n    protocol = \"HTTPS\"\n    certificates = [certificate.dev]\n    \
         default {{\n      fixed_response {{\n        status = 200\n        body = \"it works\"\n      \
         }}\n    }}\n  }}\n}}\n"
    ));
    let folder = instance.folder.path();
    std::fs::create_dir(folder.join("home")).unwrap();
    std::fs::create_dir(folder.join("root")).unwrap();
    let distrusts = |visit: usize| {
        let seen = browse(folder, visit, port);
        assert!(seen.contains("ERR_CERT_AUTHORITY_INVALID"), "{visit}: {seen}");
    };
    distrusts(1);
    let rehearsed = pointsman(folder, &["trust", "--dry-run"]);
    let said = String::from_utf8_lossy(&rehearsed.stdout).into_owned();
    assert!(said.contains("would have added \"Pointsman development authority"), "{said}");
    distrusts(2);

    let trusted = pointsman(folder, &["trust"]);
    let said = String::from_utf8_lossy(&trusted.stdout).into_owned();
    assert!(said.contains("added \"Pointsman development authority"), "{said}");
    assert!(said.contains("undone by hand: certutil -d sql:"), "{said}");
    // An empty root has no store of a system.
    assert_eq!(trusted.status.code(), Some(1), "{said}");
    assert_eq!(browse(folder, 3, port), "it works");

    let untrusted = pointsman(folder, &["untrust"]);
    assert!(untrusted.status.success(), "{untrusted:?}");
    distrusts(4);
}
