//! Our TLS as testssl.sh and sslyze see it, beside nginx with Debian's settings and the same certificate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::bench::peers::{await_port, free_ports};
use crate::failed::{Failed, judge};
use crate::{expect_none, shell, tools, tree};

/// Where the default settings of Debian's nginx stand.
const NGINX_SETTINGS: &str = "/etc/nginx/nginx.conf";
/// What is wrong with any certificate of an authority that only this machine knows: it names no place of
/// revocation, which a public one has to (CA/Browser Forum, Baseline Requirements §7.1.2.7.7).
const OF_A_PRIVATE_AUTHORITY: &[&str] = &["cert_revocation"];
/// What testssl.sh says of itself.
const OF_THE_SCANNER: &[&str] = &["engine_problem", "scanTime"];
/// Above "low", as testssl.sh grades.
const GRAVE: &[&str] = &["MEDIUM", "HIGH", "CRITICAL", "WARN"];
/// So that nothing is found of what an application answers.
const HEADERS: &[(&str, &str)] = &[
    ("Strict-Transport-Security", "max-age=63072000"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'"),
];

/// Somebody who serves, and where.
struct Server {
    name: &'static str,
    port: u16,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is wrong with a server.
struct Found {
    scanner: &'static str,
    id: String,
    text: String,
}

/// Audits the release program if it has been built, else the debug one.
pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    expect_none(arguments)?;
    tools::provide(tools::FOR_TLS_AUDIT)?;
    let folder = tree::target().join("tls-audit");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
    let ports = free_ports(2).map_err(Failed::file(&folder))?;
    let [ours, theirs] = ports[..] else { return Err(Failed::Unexpected("no port".into())) };
    // Ours first: it makes the certificate.
    let ours = start_ours(&folder, ours)?;
    let theirs = start_nginx(&folder, theirs)?;
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| audit(&folder, &theirs));
        (audit(&folder, &ours), theirs.join())
    });
    let theirs = theirs.map_err(|_| Failed::Unexpected("the audit of nginx ended".into()))??;
    tell("nginx", &theirs);
    let ours = ours?;
    tell("pointsman", &ours);
    let faults = ours.iter().filter(|found| !is_excused(found));
    judge("tls-audit", faults.map(|f| format!("{} {}: {}", f.scanner, f.id, f.text)).collect())
}

fn is_excused(found: &Found) -> bool {
    OF_A_PRIVATE_AUTHORITY.contains(&&*found.id)
}

fn tell(name: &str, found: &[Found]) {
    let faults = found.iter().filter(|found| !is_excused(found)).count();
    println!("{name}: {faults} findings above low, and {} excused", found.len() - faults);
    for found in found {
        let excused = if is_excused(found) { " (excused: of a private authority)" } else { "" };
        println!("  {:<8} {}: {}{excused}", found.scanner, found.id, found.text);
    }
}

fn start_ours(folder: &Path, port: u16) -> Result<Server, Failed> {
    let release = tree::program("pointsman");
    let debug = tree::target().join("debug/pointsman");
    let program = [release, debug].into_iter().find(|program| program.exists());
    let program = program.ok_or_else(|| Failed::Missing {
        what: "pointsman".into(),
        remedy: "cargo build --release --locked -p pointsman".into(),
    })?;
    let headers: String =
        HEADERS.iter().map(|(name, value)| format!("      \"{name}\" = \"{value}\"\n")).collect();
    let configuration = format!(
        "load_balancer \"audit\" {{\n  addresses = [\"127.0.0.1\"]\n  listener \"https\" {{\n    port = {port}\n    protocol = \"HTTPS\"\n    certificates = [certificate.made]\n    response_headers = {{\n{headers}    }}\n    default {{\n      fixed_response {{\n        status = 200\n      }}\n    }}\n  }}\n}}\ncertificate \"made\" {{\n  development = true\n  names = [\"localhost\"]\n}}\n"
    );
    let file = folder.join("site.hcl");
    fs::write(&file, configuration).map_err(Failed::file(&file))?;
    let mut command = Command::new(program);
    command.arg("run").arg(&file).arg("--state").arg(folder.join("state"));
    start("pointsman", &mut command, folder, port)
}

/// With the lines of Debian's own configuration that are about TLS.
fn start_nginx(folder: &Path, port: u16) -> Result<Server, Failed> {
    let settings = fs::read_to_string(NGINX_SETTINGS).map_err(Failed::file(NGINX_SETTINGS))?;
    let is_tls = |line: &&str| line.trim_start().starts_with("ssl_");
    let settings: Vec<&str> = settings.lines().filter(is_tls).collect();
    let headers: String =
        HEADERS.iter().map(|(name, value)| format!("add_header {name} \"{value}\";\n")).collect();
    let certificate = leaf(&folder.join("state/development"))?;
    let configuration = format!(
        "daemon off;\npid nginx.pid;\nerror_log nginx.err;\nevents {{}}\nhttp {{\naccess_log off;\n{}\n{headers}server {{\nlisten 127.0.0.1:{port} ssl;\nssl_certificate {certificate};\nssl_certificate_key {certificate};\nreturn 200;\n}}\n}}\n",
        settings.join("\n"),
        certificate = certificate.display()
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration).map_err(Failed::file(&file))?;
    let mut command = Command::new("nginx");
    command.env("PATH", shell::path_with_sbin()).arg("-p").arg(folder).arg("-c").arg(&file);
    start("nginx", &mut command, folder, port)
}

/// The certificate that the development authority has made, with its key.
fn leaf(folder: &Path) -> Result<PathBuf, Failed> {
    let files = fs::read_dir(folder).map_err(Failed::file(folder))?;
    let is_leaf = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("leaf-"))
    };
    let mut paths = files.filter_map(|file| Some(file.ok()?.path()));
    paths.find(is_leaf).ok_or_else(|| Failed::Unexpected("no certificate was made".into()))
}

fn start(
    name: &'static str,
    command: &mut Command,
    folder: &Path,
    port: u16,
) -> Result<Server, Failed> {
    let output = folder.join(format!("{name}.out"));
    let to = fs::File::create(&output).map_err(Failed::file(&output))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(to);
    let process = command.spawn().map_err(Failed::file(name))?;
    let mut server = Server { name, port, process };
    await_port(port, &mut server.process).map_err(|error| {
        let said = fs::read_to_string(&output).unwrap_or_default();
        Failed::Unexpected(format!("{name} does not listen on {port}: {error}\n{said}"))
    })?;
    Ok(server)
}

fn audit(folder: &Path, server: &Server) -> Result<Vec<Found>, Failed> {
    let authority = folder.join("state/development/authority.pem");
    let mut found = testssl(folder, server, &authority)?;
    if shell::is_there("sslyze") {
        found.extend(sslyze(server, &authority)?);
    } else {
        println!("{}: sslyze is not installed, so testssl.sh alone was asked", server.name);
    }
    Ok(found)
}

fn testssl(folder: &Path, server: &Server, authority: &Path) -> Result<Vec<Found>, Failed> {
    let report = folder.join(format!("{}.json", server.name));
    let mut command = Command::new("testssl");
    command.args(["--quiet", "--color", "0", "--warnings", "off", "--severity", "MEDIUM"]);
    command.arg("--add-ca").arg(authority).arg("--jsonfile").arg(&report);
    command.args(["--ip", "127.0.0.1"]).arg(format!("localhost:{}", server.port));
    // It ends with the number of its findings.
    command.stdin(Stdio::null()).output().map_err(Failed::file("testssl"))?;
    let text = fs::read_to_string(&report).map_err(Failed::file(&report))?;
    let report: Value = serde_json::from_str(&text)
        .map_err(|error| Failed::Unexpected(format!("testssl.sh reports no JSON: {error}")))?;
    Ok(grave(&report))
}

/// Those of a report of testssl.sh that are graver than "low".
fn grave(report: &Value) -> Vec<Found> {
    let of = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let entries = report.as_array().into_iter().flatten();
    let grave = entries.filter(|entry| {
        let severity = of(entry, "severity");
        let id = of(entry, "id");
        GRAVE.contains(&&*severity) && !OF_THE_SCANNER.contains(&&*id)
    });
    let found = grave.map(|entry| Found {
        scanner: "testssl",
        id: of(entry, "id"),
        text: format!("{}: {}", of(entry, "severity"), of(entry, "finding")),
    });
    found.collect()
}

fn sslyze(server: &Server, authority: &Path) -> Result<Vec<Found>, Failed> {
    let mut command = Command::new("sslyze");
    command.arg("--mozilla_config=intermediate").arg("--certinfo_ca_file").arg(authority);
    command.arg(format!("localhost:{}", server.port)).stdin(Stdio::null());
    // It ends with 1 where a server does not comply.
    let output = command.output().map_err(Failed::file("sslyze"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    compliance(&text).ok_or_else(|| Failed::Unexpected(format!("sslyze did not judge:\n{text}")))
}

/// What stands in the way of Mozilla's "intermediate"; `None` if it was not looked at.
fn compliance(text: &str) -> Option<Vec<Found>> {
    let (_, judged) = text.split_once("COMPLIANCE AGAINST TLS CONFIGURATION")?;
    if !judged.contains("FAILED") && !judged.contains("OK - Compliant") {
        return None;
    }
    let faults = judged.lines().filter_map(|line| line.trim().strip_prefix("* ")?.split_once(": "));
    let found = faults.map(|(id, text)| Found {
        scanner: "sslyze",
        id: id.to_owned(),
        text: text.to_owned(),
    });
    Some(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_graver_than_low_is_found() {
        let report = serde_json::json!([
            { "id": "TLS1", "severity": "LOW", "finding": "offered" },
            { "id": "engine_problem", "severity": "WARN", "finding": "no engine" },
            { "id": "cert_revocation", "severity": "HIGH", "finding": "no URI" },
            { "id": "BEAST", "severity": "MEDIUM", "finding": "vulnerable" },
        ]);
        let found = grave(&report);
        let ids: Vec<(&str, bool)> = found.iter().map(|f| (&*f.id, is_excused(f))).collect();
        assert_eq!(ids, [("cert_revocation", true), ("BEAST", false)]);
    }

    #[test]
    fn a_judgement_is_read_and_its_absence_is_none() {
        let head = " COMPLIANCE AGAINST TLS CONFIGURATION\n ----\n\n";
        let failed =
            format!("{head}    a:1: FAILED - Not compliant.\n        * ciphers: too weak.\n");
        let found = compliance(&failed).unwrap();
        assert_eq!((&*found[0].id, &*found[0].text), ("ciphers", "too weak."));
        assert!(compliance(&format!("{head}    a:1: OK - Compliant.\n")).unwrap().is_empty());
        assert!(compliance("nobody answers").is_none());
        assert!(compliance(head).is_none());
    }
}
