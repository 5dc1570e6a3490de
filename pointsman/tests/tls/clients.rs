//! Certificates of clients, through the real program (ALB.md §3d).

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use model::Refusal;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, PKCS_ED25519, SerialNumber, date_time_ymd};
use rustls::version::{TLS12, TLS13};

use crate::authority::{Authority, Shown, ask};
use crate::support::{Instance, Origin, at, free_port, until};
use crate::{connection_line, openssl};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\
    X-Amzn-Mtls-Clientcert: forged\r\nx_amzn_mtls_clientcert_subject: forged\r\n\
    X-AMZN-MTLS-CLIENTCERT-LEAF: forged\r\n\r\n";

/// Listeners that ask for nothing, for anything, for a certificate of the store, and for one that
/// may have expired.
struct Listeners {
    plain: u16,
    any: u16,
    verified: u16,
    lenient: u16,
}

impl Listeners {
    fn new() -> Listeners {
        let [plain, any, verified, lenient] = [(); 4].map(|()| free_port());
        Listeners { plain, any, verified, lenient }
    }

    fn configuration(&self, origin: &Origin) -> String {
        let listener = |name: &str, port: u16, clients: &str| {
            format!(
                r#"
  listener "{name}" {{
    port         = {port}
    protocol     = "HTTPS"
    certificates = [certificate.made]
{clients}
    default {{ forward = target_group.app }}
  }}
"#
            )
        };
        let block = |text: &str| format!("    client_certificates {{ {text} }}\n");
        let listeners = [
            listener("plain", self.plain, ""),
            listener("any", self.any, &block("mode = \"passthrough\"")),
            listener(
                "verified",
                self.verified,
                &block("mode = \"verify\"  trust_store = trust_store.staff"),
            ),
            listener(
                "lenient",
                self.lenient,
                &block(
                    "mode = \"verify\"  trust_store = trust_store.staff  ignore_expiry = true  \
                     advertise_names = true",
                ),
            ),
        ]
        .concat();
        format!(
            r#"load_balancer "test" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.all]
  connection_log  = "connections.log"
{listeners}
}}

certificate "made" {{
  development = true
  names       = ["a.test"]
}}

trust_store "staff" {{
  authorities      = "staff.pem"
  revocation_lists = ["revoked.pem"]
}}

security_group "all" {{
  ingress {{ ports = "all"  from = [anywhere] }}
}}

target_group "app" {{
  targets = ["{}"]
  health_check {{ enabled = false }}
}}
"#,
            origin.address
        )
    }
}

/// Starts with the files of a trust store beside the configuration.
fn start(listeners: &Listeners, origin: &Origin, authorities: &str, lists: &str) -> Instance {
    let configuration = listeners.configuration(origin);
    Instance::start_beside(
        &configuration,
        &[("staff.pem", authorities.as_bytes()), ("revoked.pem", lists.as_bytes())],
    )
}

#[test]
fn every_reason_to_refuse_a_client_certificate() {
    let (staff, other, damaged) =
        (Authority::new("staff"), Authority::new("other"), Authority::new("damaged"));
    // By the name of that authority, and the key of another one.
    let forged = Authority::new("damaged").list(&[9]);
    let origin = Origin::answering("yes");
    let listeners = Listeners::new();
    let authorities = staff.pem.clone() + &damaged.pem;
    // Two lists of one authority: what either revokes is revoked.
    let lists = staff.list(&[200]) + &staff.list(&[7]) + &forged;
    let instance = start(&listeners, &origin, &authorities, &lists);

    let key = KeyPair::generate().unwrap();
    let good = staff.client(|_| {});
    let stolen =
        Shown::new(vec![staff.issue(|_| {}, &key).certificate], &KeyPair::generate().unwrap());
    let edwards = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let unsupported = Shown::new(vec![staff.issue(|_| {}, &edwards).certificate], &edwards);
    let expired = staff.client(|c| c.not_after = date_time_ymd(2024, 1, 1));
    let large = staff.client(|c| {
        let name = |number| {
            let name = format!("{number}.{}.test", "a".repeat(60));
            rcgen::SanType::DnsName(name.try_into().unwrap())
        };
        c.subject_alt_names = (0..1200).map(name).collect();
    });
    let rows: Vec<(Refusal, &str, Option<Shown>)> = vec![
        (Refusal::TlsClientCertificateMissing, "UnmappedConnectionError", None),
        (Refusal::TlsClientCertificateUntrusted, "ClientCertUntrusted", Some(other.client(|_| {}))),
        (Refusal::TlsClientCertificateExpired, "ClientCertExpired", Some(expired.clone())),
        (
            Refusal::TlsClientCertificateNotYetValid,
            "ClientCertNotYetValid",
            Some(staff.client(|c| c.not_before = date_time_ymd(2090, 1, 1))),
        ),
        (
            Refusal::TlsClientCertificateRevoked,
            "ClientCertCrlHit",
            Some(staff.client(|c| c.serial_number = Some(SerialNumber::from_slice(&[7])))),
        ),
        (
            Refusal::TlsClientCertificateRevocationUnknown,
            "ClientCertCrlProcessingError",
            Some(damaged.client(|_| {})),
        ),
        (
            Refusal::TlsClientCertificatePurpose,
            "ClientCertPurposeInvalid",
            Some(staff.client(|c| {
                c.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            })),
        ),
        (Refusal::TlsClientCertificateUnsupported, "ClientCertTypeUnsupported", Some(unsupported)),
        (
            Refusal::TlsClientCertificateChainTooLong,
            "ClientCertMaxChainDepthExceeded",
            Some(good.followed_by(&[(); 4].map(|()| staff.certificate.clone()))),
        ),
        (Refusal::TlsClientCertificateTooLarge, "ClientCertMaxSizeExceeded", Some(large)),
        (Refusal::TlsClientCertificateInvalid, "ClientCertInvalid", Some(stolen)),
    ];
    let mut produced = BTreeSet::new();
    for (refusal, _, shown) in &rows {
        for version in [&TLS12, &TLS13] {
            let row = format!("{refusal} {:?}", version.version);
            let answer = ask(at(listeners.verified), version, shown.as_ref(), GET);
            assert_eq!(answer, "", "{row}");
        }
        produced.insert(*refusal);
    }
    for (refusal, reason, _) in &rows {
        let line = connection_line(&instance, refusal.code());
        assert!(line.contains(&format!(" Failed:{reason} ")), "{refusal}: {line}");
    }
    let all = Refusal::ALL.iter().copied().filter(|r| r.client_certificate_reason().is_some());
    assert_eq!(produced, all.collect());
    assert!(origin.requests().is_empty(), "a refused client has reached the target");

    for version in [&TLS12, &TLS13] {
        let answer = ask(at(listeners.verified), version, Some(&good), GET);
        assert!(answer.ends_with("yes"), "{:?}: {answer}", version.version);
        let answer = ask(at(listeners.lenient), version, Some(&expired), GET);
        assert!(answer.ends_with("yes"), "{:?}, expired: {answer}", version.version);
        let answer = ask(at(listeners.lenient), version, Some(&stolen_of(&rows)), GET);
        assert_eq!(answer, "", "{:?}: the key is asked for all the same", version.version);
    }
    let line = connection_line(&instance, " Success ");
    let subject = r#""CN=client\x5C, one,C=US" NotBefore=2020-01-01T00:00:00Z;NotAfter=20"#;
    assert!(line.contains(subject) && line.contains("Z 03A5B1 Success TID_"), "{line}");
}

fn stolen_of(rows: &[(Refusal, &str, Option<Shown>)]) -> Shown {
    let row = rows.iter().find(|(refusal, ..)| *refusal == Refusal::TlsClientCertificateInvalid);
    row.and_then(|(.., shown)| shown.clone()).unwrap()
}

#[test]
fn targets_are_told_what_alb_tells_them() {
    let staff = Authority::new("staff");
    let origin = Origin::answering("yes");
    let listeners = Listeners::new();
    let _instance = start(&listeners, &origin, &staff.pem, &staff.list(&[7]));
    let good = staff.client(|_| {}).followed_by(std::slice::from_ref(&staff.certificate));
    let told = |port: u16, shown: Option<&Shown>| {
        let answer = ask(at(port), &TLS13, shown, GET);
        assert!(answer.ends_with("yes"), "{port}: {answer}");
        let request = origin.last_request();
        let name =
            |line: &&str| line.to_ascii_lowercase().replace('_', "-").starts_with("x-amzn-mtls");
        request.lines().filter(name).map(str::to_owned).collect::<Vec<_>>()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(told(listeners.plain, None), none, "forged headers are dropped everywhere");
    assert_eq!(told(listeners.any, None), none, "without one the header is absent");

    let lines = told(listeners.any, Some(&good));
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let chain = line.strip_prefix("X-Amzn-Mtls-Clientcert: ").unwrap();
    assert_eq!(chain.matches("-----BEGIN%20CERTIFICATE-----%0A").count(), 2, "{chain}");
    let stranger = Authority::new("stranger").client(|_| {});
    assert_eq!(told(listeners.any, Some(&stranger)).len(), 1, "nobody judges it");

    let lines = told(listeners.verified, Some(&good));
    let values: Vec<(&str, &str)> =
        lines.iter().map(|line| line.split_once(": ").unwrap()).collect();
    let expected = [
        ("X-Amzn-Mtls-Clientcert-Serial-Number", "03A5B1"),
        ("X-Amzn-Mtls-Clientcert-Issuer", "CN=staff"),
        ("X-Amzn-Mtls-Clientcert-Subject", "CN=client\\, one,C=US"),
        (
            "X-Amzn-Mtls-Clientcert-Validity",
            "NotBefore=2020-01-01T00:00:00Z;NotAfter=2099-01-01T00:00:00Z",
        ),
    ];
    assert_eq!(values[..4], expected);
    assert_eq!(values[4].0, "X-Amzn-Mtls-Clientcert-Leaf");
    assert_eq!(values[4].1.matches("BEGIN%20CERTIFICATE").count(), 1, "{}", values[4].1);
    assert_eq!(values.len(), 5);
}

/// nginx's CVE-2025-23419: a session of a listener that asks for nothing must not open one that
/// does (DECISIONS 21).
#[test]
fn a_ticket_of_another_listener_is_no_way_in() {
    let staff = Authority::new("staff");
    let origin = Origin::answering("yes");
    let listeners = Listeners::new();
    let instance = start(&listeners, &origin, &staff.pem, &staff.list(&[7]));
    let session = instance.folder.path().join("session");
    let session = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let visit = |port: u16, more: &[&str]| {
            let address = format!("127.0.0.1:{port}");
            let fixed = ["s_client", "-ign_eof", "-connect", &address, "-servername", "a.test"];
            openssl(&[&fixed[..], &[version], more].concat(), GET)
        };
        let first = visit(listeners.plain, &["-sess_out", session]);
        assert!(first.contains("yes"), "{version}: {first}");
        let again = visit(listeners.plain, &["-sess_in", session]);
        assert!(again.contains("Reused, ") && again.contains("yes"), "{version}: {again}");
        let over = visit(listeners.verified, &["-sess_in", session]);
        assert!(!over.contains("Reused, ") && !over.contains("HTTP/1.1 200"), "{version}: {over}");
        connection_line(&instance, "tls/client-certificate-missing");
    }
}

#[test]
fn the_names_of_the_authorities_are_told_where_that_is_wanted() {
    let staff = Authority::new("staff");
    let origin = Origin::answering("yes");
    let listeners = Listeners::new();
    let _instance = start(&listeners, &origin, &staff.pem, &staff.list(&[7]));
    for (port, told) in [(listeners.lenient, true), (listeners.verified, false)] {
        let address = format!("127.0.0.1:{port}");
        let text = openssl(&["s_client", "-connect", &address, "-servername", "a.test"], "");
        assert_eq!(text.contains("Acceptable client certificate CA names"), told, "{text}");
        assert_eq!(text.contains("CN = staff"), told, "{text}");
    }
}

#[test]
fn a_list_that_changes_is_taken_over_without_a_reload() {
    let staff = Authority::new("staff");
    let (origin, listeners) = (Origin::answering("yes"), Listeners::new());
    let instance = start(&listeners, &origin, &staff.pem, &staff.list(&[7]));
    let good = staff.client(|_| {});
    let served = || !ask(at(listeners.verified), &TLS13, Some(&good), GET).is_empty();
    let write =
        |text: &str| std::fs::write(instance.folder.path().join("revoked.pem"), text).unwrap();
    assert!(served());
    write(&staff.list(&[0x03, 0xa5, 0xb1]));
    until("it to be revoked", || (!served()).then_some(()));
    connection_line(&instance, Refusal::TlsClientCertificateRevoked.code());
    write("an error page");
    let refused = || instance.output().contains("reload/trust-store-refused").then_some(());
    until("it to be refused", refused);
    assert!(!served(), "what was revoked stays so");
    write(&staff.list(&[7]));
    until("the other list", || served().then_some(()));
}

#[test]
fn what_is_no_trust_store_is_named() {
    let staff = Authority::new("staff");
    let client = staff.issue(|_| {}, &KeyPair::generate().unwrap());
    let list = staff.list(&[7]);
    let rows: [(&str, &str, &str, &str); 6] = [
        ("a client's certificate", &client.pem, &list, "certificate/not-an-authority"),
        ("no certificate", "nothing", &list, "certificate/not-an-authority"),
        ("too many", &staff.pem.repeat(26), &list, "certificate/authorities-too-many"),
        ("no list", &staff.pem, "nothing", "certificate/bad-list"),
        ("a certificate for a list", &staff.pem, &staff.pem, "certificate/bad-list"),
        ("good", &staff.pem, &list, ""),
    ];
    let (origin, listeners) = (Origin::answering("yes"), Listeners::new());
    for (row, authorities, list, code) in rows {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("site.hcl", &listeners.configuration(&origin));
        write("staff.pem", authorities);
        write("revoked.pem", list);
        let mut check = Command::new(crate::support::PROGRAM);
        let check = check.arg("check").arg("site.hcl").current_dir(folder.path());
        let output = check.stdin(Stdio::null()).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), code.is_empty(), "{row}: {text}");
        assert!(text.contains(code), "{row}: {text}");
    }
}
