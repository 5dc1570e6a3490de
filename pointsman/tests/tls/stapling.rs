//! What an authority says of a certificate, carried by the handshake.

use std::path::Path;
use std::process::{Command, Stdio};

use rcgen::{ExtendedKeyUsagePurpose, KeyPair, SanType};

use crate::authority::Authority;
use crate::openssl;
use crate::support::{Instance, PROGRAM, free_port, until};

/// Of every certificate that an authority here issues.
const SERIAL: &str = "03A5B1";

/// An authority, a certificate of a server and its key, as files in a folder.
struct Papers {
    folder: tempfile::TempDir,
}

impl Papers {
    fn new() -> Papers {
        let papers = Papers { folder: tempfile::tempdir().unwrap() };
        let authority = Authority::new("issuer");
        let key = KeyPair::generate().unwrap();
        let site = authority.issue(
            |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                params.subject_alt_names = vec![SanType::DnsName("a.test".try_into().unwrap())];
            },
            &key,
        );
        for (name, text) in [
            ("ca.pem", &authority.pem),
            ("ca.key", &authority.key_pem()),
            ("site.pem", &(site.pem + &authority.pem)),
            ("site.key", &key.serialize_pem()),
        ] {
            papers.write(name, text.as_bytes());
        }
        papers
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// What a responder that knows these certificates answers.
    fn response(&self, known: &str, minutes: &str) -> Vec<u8> {
        self.write("index.txt", known.as_bytes());
        let fixed = "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -issuer ca.pem \
            -cert site.pem -noverify -respout made.ocsp -nmin";
        let mut command = Command::new("openssl");
        command.args(fixed.split_whitespace()).arg(minutes).current_dir(self.folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(self.folder.path().join("made.ocsp")).unwrap()
    }

    fn good(&self) -> Vec<u8> {
        self.response(&line("V", ""), "60")
    }
}

/// A line of OpenSSL's index (openssl-ca(1)).
fn line(status: &str, revoked: &str) -> String {
    format!("{status}\t350101000000Z\t{revoked}\t{SERIAL}\tunknown\t/CN=site\n")
}

fn configuration(port: u16) -> String {
    format!(
        "load_balancer \"test\" {{\n  addresses = [\"127.0.0.1\"]\n  listener \"https\" {{\n    port = {port}\n    protocol = \"HTTPS\"\n    certificates = [certificate.site]\n    default {{\n      fixed_response {{\n        status = 200\n      }}\n    }}\n  }}\n}}\ncertificate \"site\" {{\n  chain = \"site.pem\"\n  key = \"site.key\"\n  ocsp_response = \"site.ocsp\"\n}}\n"
    )
}

fn check(folder: &Path) -> String {
    let mut check = Command::new(PROGRAM);
    let check = check.args(["check", "site.hcl"]).current_dir(folder).stdin(Stdio::null());
    let output = check.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "a response is no reason not to serve: {text}");
    text.into_owned()
}

#[test]
fn only_what_is_good_for_the_certificate_is_stapled() {
    let papers = Papers::new();
    let other = Papers::new();
    papers.write("site.hcl", configuration(8443).as_bytes());
    let pem = b"-----BEGIN OCSP RESPONSE-----\nAAAA\n-----END OCSP RESPONSE-----\n".to_vec();
    let longer = [papers.good(), b"more".to_vec()].concat();
    let mut cut = papers.good();
    cut.truncate(cut.len() - 1);
    let rows = [
        ("good", Some(papers.good()), ""),
        ("no file", None, "cannot read `"),
        ("text", Some(pem), "is no OCSP response"),
        ("cut", Some(cut), "is no OCSP response"),
        ("more than one", Some(longer), "is no OCSP response"),
        ("no answer", Some(vec![0x30, 3, 0x0a, 1, 3]), "the responder could not answer"),
        (
            "revoked",
            Some(papers.response(&line("R", "260101000000Z"), "60")),
            "the certificate has been revoked",
        ),
        ("unknown", Some(papers.response("", "60")), "the certificate is not known"),
        ("of another issuer", Some(other.good()), "is about another certificate"),
        ("nearly over", Some(papers.response(&line("V", ""), "1")), "is past its next update"),
    ];
    for (row, response, expected) in rows {
        match response {
            Some(response) => papers.write("site.ocsp", &response),
            None => std::fs::remove_file(papers.folder.path().join("site.ocsp")).unwrap(),
        }
        let text = check(papers.folder.path());
        assert_eq!(text.contains("certificate/not-stapled"), !expected.is_empty(), "{row}: {text}");
        assert!(text.contains(expected), "{row}: {text}");
        assert!(expected.is_empty() || text.contains("site.hcl:"), "{row}: {text}");
    }
}

#[test]
fn a_response_is_stapled_and_followed() {
    let papers = Papers::new();
    let other = Papers::new();
    let (good, foreign) = (papers.good(), other.good());
    papers.write("site.ocsp", &good);
    let port = free_port();
    let read = |name: &str| std::fs::read(papers.folder.path().join(name)).unwrap();
    let instance = Instance::start_beside(
        &configuration(port),
        &[("site.pem", &read("site.pem")), ("site.key", &read("site.key")), ("site.ocsp", &good)],
    );
    let address = format!("127.0.0.1:{port}");
    let ca = papers.folder.path().join("ca.pem");
    let stapled = |version: &str| {
        let text = openssl(
            &[
                "s_client",
                "-connect",
                &address,
                "-servername",
                "a.test",
                "-status",
                "-CAfile",
                ca.to_str().unwrap(),
                version,
            ],
            "",
        );
        assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
        match text.contains("OCSP Response Status: successful") {
            true => assert!(text.contains("Cert Status: good"), "{text}"),
            false => assert!(text.contains("OCSP response: no response sent"), "{text}"),
        }
        text.contains("OCSP Response Status: successful")
    };
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(stapled(version), "{version}");
    }
    let file = instance.folder.path().join("site.ocsp");
    std::fs::write(&file, &foreign).unwrap();
    until("nothing to be stapled", || (!stapled("-tls1_3")).then_some(()));
    until("the reason", || instance.output().contains("certificate/not-stapled").then_some(()));
    std::fs::write(&file, &good).unwrap();
    until("the response to be stapled", || stapled("-tls1_3").then_some(()));
}
