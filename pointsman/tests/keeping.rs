//! What an instance keeps: imported certificates, files that change, and keys that nobody reads.

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rcgen::{CertificateParams, KeyPair};
use support::{Instance, Origin, PROGRAM, at, free_port, until};

/// A self-signed certificate and its key.
struct Pair {
    chain: String,
    key: String,
}

impl Pair {
    fn new(name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Pair { chain: certificate.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Into `chain.pem` and `key.pem`.
    fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
        fs::write(&chain, &self.chain).unwrap();
        fs::write(&key, &self.key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        (chain, key)
    }

    /// Bytes of the key itself, after what all keys of its kind begin with.
    fn needle(&self) -> &str {
        let line = self.key.lines().nth(2).unwrap();
        &line[..40]
    }
}

fn configuration(port: u16, origin: &Origin, source: &str) -> String {
    format!(
        "certificate \"site\" {{\n  {source}\n}}\n\
         target_group \"app\" {{\n  targets = [\"{}\"]\n}}\n\
         load_balancer \"edge\" {{\n  access_log = \"access.log\"\n  addresses = [\"127.0.0.1\"]\n  \
         listener \"https\" {{\n    port = {port}\n    protocol = \"HTTPS\"\n    certificates = \
         [certificate.site]\n    default {{\n      forward = target_group.app\n    }}\n  }}\n}}\n",
        origin.address
    )
}

/// The certificate that a handshake shows, as PEM.
fn shown(port: u16) -> Option<String> {
    let output = openssl(port, &["-showcerts"], b"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let start = text.find("-----BEGIN CERTIFICATE-----")?;
    let end = text[start..].find("-----END CERTIFICATE-----")? + "-----END CERTIFICATE-----".len();
    Some(text[start..start + end].lines().collect())
}

fn openssl(port: u16, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &at(port).to_string(), "-servername", "site.example"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn one_line(pem: &str) -> String {
    pem.trim().lines().collect()
}

fn shows(port: u16, pair: &Pair) {
    let expected = one_line(&pair.chain);
    until("the certificate to be shown", || (shown(port)? == expected).then_some(()));
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The program with a state directory, whether or not something runs there.
fn pointsman(state: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--state").arg(state).env_remove("POINTSMAN_STORE_KEY");
    command.output().unwrap()
}

fn import(state: &Path, (chain, key): &(PathBuf, PathBuf)) -> Output {
    let (chain, key) = (chain.to_str().unwrap(), key.to_str().unwrap());
    pointsman(state, &["cert", "import", "site", "--chain", chain, "--key", key])
}

#[test]
fn an_imported_certificate_is_served_replaced_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Pair::new("site.example"), Pair::new("site.example"));
    let origin = Origin::answering("hello");
    let port = free_port();
    let text_of = configuration(port, &origin, "imported = true");
    let site = folder.path().join("site.hcl");
    fs::write(&site, &text_of).unwrap();

    // Nothing was imported yet.
    let state = folder.path().join("state");
    let refused = pointsman(&state, &["run", site.to_str().unwrap()]);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("certificate/not-imported"), "{said}");
    assert!(said.contains("pointsman cert import site --chain FILE --key FILE"), "{said}");

    // Without an instance, into its state directory.
    let imported = import(&state, &first.write(folder.path()));
    assert!(imported.status.success(), "{}", text(&imported));
    assert!(text(&imported).contains("imported `site` for site.example"), "{}", text(&imported));

    let instance = Instance::start_in(folder, &["--cores", "1"]);
    shows(port, &first);

    // Into a running one: at once, and a connection that is open stays open.
    let mut open = Open::to(port);
    open.asks();
    let imported = import(&state, &second.write(instance.folder.path()));
    assert!(imported.status.success(), "{}", text(&imported));
    shows(port, &second);
    open.asks();

    // What cannot be served is not kept.
    let mixed = Pair { chain: first.chain.clone(), key: second.key.clone() };
    let refused = import(&state, &mixed.write(instance.folder.path()));
    assert!(text(&refused).contains("does not belong to the certificate"), "{}", text(&refused));
    shows(port, &second);

    let exported = pointsman(&state, &["cert", "export", "site"]);
    assert_eq!(String::from_utf8(exported.stdout).unwrap(), second.chain);
    let out = instance.folder.path().join("out.pem");
    let arguments = ["cert", "export", "site", "--with-key", "--out", out.to_str().unwrap()];
    assert!(pointsman(&state, &arguments).status.success());
    assert_eq!(fs::read_to_string(&out).unwrap(), second.chain.clone() + &second.key);
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!pointsman(&state, &arguments).status.success(), "a file is not written over");
    let absent = pointsman(&state, &["cert", "export", "other"]);
    assert!(text(&absent).contains("imported are site"), "{}", text(&absent));
}

/// A client that keeps its connection.
struct Open {
    child: std::process::Child,
    out: std::io::BufReader<std::process::ChildStdout>,
}

impl Open {
    fn to(port: u16) -> Open {
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-ign_eof", "-connect", &at(port).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = std::io::BufReader::new(child.stdout.take().unwrap());
        Open { child, out }
    }

    fn asks(&mut self) {
        use std::io::{BufRead, Read};
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n").unwrap();
        input.flush().unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "the connection was cut");
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.out.read_exact(&mut body).unwrap();
        assert_eq!(body, b"hello");
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn files_that_change_are_taken_over_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Pair::new("site.example"), Pair::new("site.example"));
    let origin = Origin::answering("hello");
    let port = free_port();
    first.write(folder.path());
    let source = "chain = \"chain.pem\"\n  key = \"key.pem\"";
    fs::write(folder.path().join("site.hcl"), configuration(port, &origin, source)).unwrap();
    let instance = Instance::start_in(folder, &["--cores", "1"]);
    let folder = instance.folder.path();
    shows(port, &first);
    let generation = instance.status()["generation"].clone();

    let session = folder.join("session");
    let keep = ["-tls1_2", "-sess_out", session.to_str().unwrap()];
    openssl(port, &keep, b"");
    let mut open = Open::to(port);
    open.asks();

    // The chain alone: half a pair is not served.
    fs::write(folder.join("chain.pem"), &second.chain).unwrap();
    until("the refusal in the journal", || {
        instance.output().contains("reload/certificate-refused").then_some(())
    });
    let said = instance.output();
    let line = said.lines().find(|line| line.contains("certificate-refused")).unwrap();
    assert!(line.contains("code=certificate/key-mismatch"), "{line}");
    assert_eq!(shown(port).unwrap(), one_line(&first.chain));

    // The key beside it, as most renewals do it: renamed into place.
    let aside = folder.join("key.new");
    fs::write(&aside, &second.key).unwrap();
    fs::set_permissions(&aside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&aside, folder.join("key.pem")).unwrap();
    shows(port, &second);
    assert!(instance.output().contains("reload/certificate "), "{}", instance.output());
    assert_eq!(instance.output().matches("certificate-refused").count(), 1, "said once");
    assert_eq!(instance.status()["generation"], generation, "nothing else was replaced");

    open.asks();
    let again = openssl(port, &["-tls1_2", "-sess_in", session.to_str().unwrap()], b"");
    assert!(text(&again).contains("Reused, "), "tickets stay good: {}", text(&again));
}

#[test]
fn no_key_is_shown_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Pair::new("site.example"), Pair::new("site.example"));
    let origin = Origin::answering("hello");
    let port = free_port();
    let text_of = configuration(port, &origin, "imported = true");
    fs::write(folder.path().join("site.hcl"), &text_of).unwrap();
    let state = folder.path().join("state");
    let mut said = text(&import(&state, &first.write(folder.path())));
    let arguments = ["--cores", "1", "--log-level", "debug"];
    let instance = Instance::start_in(folder, &arguments);
    let folder = instance.folder.path();
    shows(port, &first);
    said += &text(&import(&state, &second.write(folder)));
    shows(port, &second);
    let mixed = Pair { chain: first.chain.clone(), key: second.key.clone() };
    said += &text(&import(&state, &mixed.write(folder)));
    let cut = Pair { chain: second.chain.clone(), key: second.key[..120].to_owned() };
    said += &text(&import(&state, &cut.write(folder)));
    let site = folder.join("site.hcl");
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["reload"],
        &["cert", "export", "site"],
        &["check", site.to_str().unwrap()],
        &["explain", "https://site.example/"],
    ] {
        said += &text(&instance.command(arguments));
    }
    // A store with another key, whose refusal names both.
    fs::write(folder.join("other.key"), "ab".repeat(32)).unwrap();
    let key = folder.join("other.key");
    let arguments = ["cert", "export", "site", "--store-key-file", key.to_str().unwrap()];
    let refused = text(&pointsman(&state, &arguments));
    assert!(refused.contains("sealed with another key"), "{refused}");
    said += &refused;
    said += &instance.output();
    let store_key = fs::read_to_string(state.join("store.key")).unwrap();
    let secrets = [first.needle(), second.needle(), &store_key[..24], &"ab".repeat(12)];
    for secret in secrets {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(instance.output().contains("store/imported"), "{}", instance.output());
    // Nor on the disk, but in the key's own file.
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = fs::read(&path) else { continue };
        let holds = |needle: &str| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
        assert!(!holds(first.needle()) && !holds(second.needle()), "{}", path.display());
        assert_eq!(holds(&store_key[..24]), path.ends_with("store.key"), "{}", path.display());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077 & !0o1000, 0, "{}: {mode:o}", path.display());
    }
}

#[test]
fn an_instance_with_a_wrong_key_does_not_start_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new("site.example");
    let origin = Origin::answering("hello");
    let text_of = configuration(free_port(), &origin, "imported = true");
    let site = folder.path().join("site.hcl");
    fs::write(&site, text_of).unwrap();
    let state = folder.path().join("state");
    assert!(import(&state, &pair.write(folder.path())).status.success());
    fs::remove_file(state.join("store.key")).unwrap();
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let rows: [Row<'_>; 2] = [
        ("no key", &[], "the store is sealed, and its key"),
        ("another", &[("POINTSMAN_STORE_KEY", &"cd".repeat(32))], "sealed with another key"),
    ];
    for (name, environment, expected) in rows {
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg(&site).arg("--state").arg(&state);
        command.env_remove("POINTSMAN_STORE_KEY").envs(environment.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output));
        assert!(text(&output).contains(expected), "{name}: {}", text(&output));
        assert!(text(&output).contains("hint: "), "{name}: {}", text(&output));
    }
}
