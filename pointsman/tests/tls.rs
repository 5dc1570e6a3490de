//! What listeners and targets speak, with clients and servers that are not ours.

#[path = "tls/authority.rs"]
mod authority;
#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/hello.rs"]
mod hello;
#[path = "tls/stapling.rs"]
mod stapling;
mod support;
#[path = "tls/targets.rs"]
mod targets;

use std::io::Write;
use std::process::{Command, Stdio};

use support::{Instance, until};

/// What `openssl` printed, with `input` and then the end to read.
fn openssl(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("openssl is installed");
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)).into_owned()
}

/// The last line of the connection log that contains `needle`, once there is one.
fn connection_line(instance: &Instance, needle: &str) -> String {
    let path = instance.folder.path().join("connections.log");
    until(&format!("a line with `{needle}` in the connection log"), || {
        let text = std::fs::read_to_string(&path).ok()?;
        text.lines().rev().find(|line| line.contains(needle)).map(str::to_owned)
    })
}
