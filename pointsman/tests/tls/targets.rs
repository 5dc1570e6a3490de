//! Targets that have to prove who they are, through the real program.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;

use model::{Obstacle, Refusal};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::authority::Authority;
use crate::support::{Instance, PROGRAM, Wire, at, free_port, until};

/// Answers every request on every connection with `yes`, and keeps the connection.
fn target(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let issued = authority.issue(
        |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.subject_alt_names = vec![SanType::DnsName("app.internal".try_into().unwrap())];
            change(params);
        },
        &key,
    );
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let server = ServerConnection::new(Arc::clone(&config)).unwrap();
            std::thread::spawn(move || serve(StreamOwned::new(server, stream)));
        }
    });
    address
}

fn serve(mut stream: impl Read + Write) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        request.extend_from_slice(&piece[..count]);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes").is_err() {
                return;
            }
        }
    }
}

/// A load balancer that sends `/name` to the group of that name, which verifies as is written.
fn configuration(port: u16, groups: &[(&str, SocketAddr, &str)]) -> String {
    let rule = |name: &str| {
        format!(
            "    rule \"{name}\" {{\n      path = \"/{name}\"\n      forward = target_group.{name}\n    }}\n"
        )
    };
    let group = |(name, address, verify): &(&str, SocketAddr, &str)| {
        format!(
            "target_group \"{name}\" {{\n  protocol = \"HTTPS\"\n  targets = [\"{address}\"]\n{verify}\n  health_check {{\n    interval = \"1s\"\n    timeout = \"1s\"\n    unhealthy_threshold = 2\n  }}\n}}\n"
        )
    };
    let rules: String = groups.iter().map(|(name, ..)| rule(name)).collect();
    let groups: String = groups.iter().map(group).collect();
    format!(
        "load_balancer \"test\" {{\n  addresses = [\"127.0.0.1\"]\n  access_log = \"access.log\"\n  listener \"http\" {{\n    port = {port}\n{rules}    default {{\n      fixed_response {{\n        status = 404\n      }}\n    }}\n  }}\n}}\n{groups}"
    )
}

const NAMED: &str = "  verify {\n    authorities = \"ca.pem\"\n    name = \"app.internal\"\n  }";
const UNNAMED: &str = "  verify { authorities = \"ca.pem\" }";
const SYSTEM: &str = "  verify {\n    authorities = \"system\"\n    name = \"app.internal\"\n  }";

#[test]
fn a_target_has_to_prove_who_it_is_where_that_is_asked() {
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let good = target(&own, |_| {});
    let by_address = target(&own, |c| {
        c.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
    });
    let expired = target(&own, |c| c.not_after = date_time_ymd(2024, 1, 1));
    let early = target(&own, |c| c.not_before = date_time_ymd(2090, 1, 1));
    let client = target(&own, |c| {
        c.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let rows: [(&str, SocketAddr, &str, Option<Obstacle>); 10] = [
        ("good", good, NAMED, None),
        ("by-address", by_address, UNNAMED, None),
        ("anybody", target(&other, |_| {}), "", None),
        ("anybody-expired", expired, "", None),
        ("stranger", target(&other, |_| {}), NAMED, Some(Obstacle::TlsUntrusted)),
        ("public", good, SYSTEM, Some(Obstacle::TlsUntrusted)),
        ("client", client, NAMED, Some(Obstacle::TlsUntrusted)),
        ("expired", expired, NAMED, Some(Obstacle::TlsExpired)),
        ("early", early, NAMED, Some(Obstacle::TlsNotYetValid)),
        ("misnamed", good, UNNAMED, Some(Obstacle::TlsNameMismatch)),
    ];
    let port = free_port();
    let groups = rows.map(|(name, address, verify, _)| (name, address, verify));
    let instance =
        Instance::start_beside(&configuration(port, &groups), &[("ca.pem", own.pem.as_bytes())]);
    for (name, _, _, refused) in &rows {
        // The second time, a session could be resumed.
        for _ in 0..2 {
            let answer = Wire::to(at(port)).get(&format!("/{name}"));
            let expected = if refused.is_some() { 502 } else { 200 };
            assert_eq!(answer.status, expected, "{name}");
        }
    }
    let refused = rows.iter().filter_map(|(name, _, _, why)| Some((*name, (*why)?)));
    for (name, why) in refused {
        let line = instance.log_line(&format!("/{name} "));
        assert!(line.contains(Refusal::TargetTlsUntrusted.code()), "{name}: {line}");
        instance.await_target(name, "unhealthy");
        let url = format!("http://127.0.0.1:{port}/{name}");
        for probe in [&[][..], &["--probe"]] {
            let row = format!("{name} {probe:?}");
            let output =
                instance.command(&[&["explain", &url, "--from", "127.0.0.1"], probe].concat());
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains(Refusal::TargetTlsUntrusted.code()), "{row}: {text}");
            assert!(text.contains(why.text()), "{row}: {text}");
            assert_ne!(output.status.code(), Some(5), "{row}: seen otherwise: {text}");
        }
        let told = format!(": {}", why.text());
        until(name, || instance.output().contains(&told).then_some(()));
    }
    instance.await_target("good", "healthy");
}

/// A connection that was made when nothing had to be proved is not used once something has to be.
#[test]
fn a_kept_connection_does_not_outlive_what_it_proved() {
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let stranger = target(&other, |_| {});
    let port = free_port();
    let with = |verify| configuration(port, &[("app", stranger, verify)]);
    let instance = Instance::start_beside(&with(""), &[("ca.pem", own.pem.as_bytes())]);
    assert_eq!(Wire::to(at(port)).get("/app").status, 200);
    instance.write(&with(NAMED));
    assert!(instance.reload().status.success());
    assert_eq!(Wire::to(at(port)).get("/app").status, 502);
    let both = own.pem.clone() + &other.pem;
    std::fs::write(instance.folder.path().join("ca.pem"), both).unwrap();
    assert!(instance.reload().status.success());
    assert_eq!(Wire::to(at(port)).get("/app").status, 200);
}

#[test]
fn what_cannot_verify_is_named_with_its_line() {
    let own = Authority::new("own");
    let leaf = own.issue(|_| {}, &KeyPair::generate().unwrap());
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let rows: [(&str, &str, Option<&str>, &str); 6] = [
        ("no file", UNNAMED, None, "certificate/authorities-unreadable"),
        ("no authority", UNNAMED, Some(&leaf.pem), "certificate/not-an-authority"),
        ("nobody", "  verify { name = \"a.test\" }", None, "config/missing-attribute"),
        (
            "an address for a name",
            "  verify {\n    authorities = \"ca.pem\"\n    name = \"10.0.0.1\"\n  }",
            Some(&own.pem),
            "config/invalid-value",
        ),
        ("plain", "  verify { authorities = \"ca.pem\" }", Some(&own.pem), "config/conflict"),
        ("good", NAMED, Some(&own.pem), ""),
    ];
    for (row, verify, authorities, code) in rows {
        let folder = tempfile::tempdir().unwrap();
        let mut text = configuration(8080, &[("app", address, verify)]);
        if row == "plain" {
            text = text.replace("\"HTTPS\"", "\"HTTP\"");
        }
        std::fs::write(folder.path().join("site.hcl"), text).unwrap();
        if let Some(pem) = authorities {
            std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        }
        let mut check = Command::new(PROGRAM);
        let check = check.arg("check").arg("site.hcl").current_dir(folder.path());
        let output = check.stdin(Stdio::null()).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), code.is_empty(), "{row}: {text}");
        assert!(
            text.contains(code) && (code.is_empty() || text.contains("site.hcl:")),
            "{row}: {text}"
        );
    }
}
