//! Both sides of a handshake over loopback.

mod support;

use std::sync::Arc;

use model::{Refusal, TlsPolicy};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use support::{Server, ecdsa, identity, rsa, settings};
use tls::{HandshakeFacts, Identity, LocalAuthority, ServerSettings, TargetTls, Ticketer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request with our own client.
async fn visit(
    client: &TargetTls,
    settings: &ServerSettings,
    name: Option<&str>,
) -> HandshakeFacts {
    let server = Server::new().await;
    let visitor = async {
        let tcp = TcpStream::connect(server.address).await.unwrap();
        let mut stream = client.connect(tcp, name, server.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("yes"), "{answer}");
    };
    let (facts, ()) = tokio::join!(server.answer(settings), visitor);
    facts.unwrap()
}

#[tokio::test]
async fn each_policy_negotiates_its_best() {
    let (ec, rsa) = (identity("ec", &ecdsa(), &["a.test"]), identity("rsa", &rsa(), &["a.test"]));
    let rows = [
        (TlsPolicy::Tls12And13, &ec, "TLSv1.3", "TLS_AES_128_GCM_SHA256"),
        (TlsPolicy::Tls13, &rsa, "TLSv1.3", "TLS_AES_128_GCM_SHA256"),
        (TlsPolicy::Tls12, &ec, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (TlsPolicy::Tls12, &rsa, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"),
    ];
    for (policy, identity, version, cipher) in rows {
        let client = TargetTls::new().unwrap();
        let settings = settings(policy, &[Arc::clone(identity)]);
        let facts = visit(&client, &settings, Some("A.test.")).await;
        assert_eq!((facts.version, facts.cipher), (version, cipher), "{policy:?}");
        assert_eq!(facts.key_exchange, Some("x25519"), "{policy:?}");
        assert_eq!(facts.server_name.as_deref(), Some("a.test"), "{policy:?}");
        assert_eq!(facts.certificate, identity.name, "{policy:?}");
        assert!(facts.covered && !facts.resumed, "{policy:?}");
    }
}

#[tokio::test]
async fn post_quantum_policies_agree_on_hybrid_groups() {
    use rustls::crypto::aws_lc_rs::kx_group;
    let ec = identity("ec", &ecdsa(), &["a.test"]);
    let x25519 = [kx_group::X25519MLKEM768, kx_group::X25519];
    let p256 = [kx_group::SECP256R1MLKEM768, kx_group::SECP256R1];
    let rows = [
        (TlsPolicy::Tls12And13PostQuantum, &x25519[..], "X25519MLKEM768"),
        (TlsPolicy::Tls13PostQuantum, &p256, "SecP256r1MLKEM768"),
        (TlsPolicy::Tls13PostQuantum, &p256[1..], "secp256r1"),
        (TlsPolicy::Tls12And13, &x25519, "x25519"),
        (TlsPolicy::Tls13, &p256, "secp256r1"),
    ];
    for (policy, groups, expected) in rows {
        let client = TargetTls::with_groups(groups).unwrap();
        let facts = visit(&client, &settings(policy, &[Arc::clone(&ec)]), Some("a.test")).await;
        assert_eq!(facts.key_exchange, Some(expected), "{policy:?} {groups:?}");
    }
}

#[tokio::test]
async fn the_name_chooses_the_certificate() {
    let key = ecdsa();
    let identities = [
        identity("default", &key, &["default.test"]),
        identity("wild", &key, &["*.shop.test"]),
        identity("rsa", &rsa(), &["both.test"]),
        identity("ec", &key, &["both.test"]),
    ];
    let settings = settings(TlsPolicy::Tls12And13, &identities);
    let client = TargetTls::new().unwrap();
    let rows = [
        (None, "default", false),
        (Some("127.0.0.1"), "default", false),
        (Some("unknown.test"), "default", false),
        (Some("default.test"), "default", true),
        (Some("a.shop.test"), "wild", true),
        (Some("shop.test"), "default", false),
        (Some("both.test"), "ec", true),
    ];
    for (name, certificate, covered) in rows {
        let facts = visit(&client, &settings, name).await;
        assert_eq!((&*facts.certificate, facts.covered), (certificate, covered), "{name:?}");
        let sent = name.filter(|name| *name != "127.0.0.1");
        assert_eq!(facts.server_name.as_deref(), sent, "{name:?}");
    }
}

#[tokio::test]
async fn a_session_is_resumed_by_whoever_has_the_ticket_keys() {
    let identities = [identity("ec", &ecdsa(), &["a.test"])];
    for policy in [TlsPolicy::Tls12And13, TlsPolicy::Tls12] {
        let ticketer = Ticketer::new().unwrap();
        let settings = || ServerSettings::new(policy, &identities, &ticketer, None).unwrap();
        let (first, second) = (settings(), settings());
        let client = TargetTls::new().unwrap();
        let resumed = async |settings| visit(&client, settings, Some("a.test")).await.resumed;
        assert!(!resumed(&first).await, "{policy:?}: nothing to resume");
        assert!(resumed(&second).await, "{policy:?}: by another core or generation");
        ticketer.rotate().unwrap();
        assert!(resumed(&first).await, "{policy:?}: under the key before");
        ticketer.rotate().unwrap();
        ticketer.rotate().unwrap();
        assert!(!resumed(&first).await, "{policy:?}: the key is gone");
        let stranger = support::settings(policy, &identities);
        assert!(!resumed(&stranger).await, "{policy:?}: other keys");
    }
}

#[tokio::test]
async fn a_plain_request_comes_back_unread() {
    let settings = settings(TlsPolicy::default(), &[identity("ec", &ecdsa(), &["a.test"])]);
    let server = Server::new().await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let failure = server.accept(&settings).await.unwrap_err();
    assert_eq!(failure.refusal, Refusal::TlsPlainHttp);
    let mut request = [0; 16];
    failure.plain.unwrap().read_exact(&mut request).await.unwrap();
    assert_eq!(&request, b"GET / HTTP/1.1\r\n");
}

#[tokio::test]
async fn what_is_no_handshake_fails() {
    let settings = settings(TlsPolicy::Tls13, &[identity("ec", &ecdsa(), &["a.test"])]);
    let rows: [(&str, &[u8]); 5] = [
        ("nothing at all", b""),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("a record cut short", b"\x16\x03\x01\x02\x00\x01\x00"),
        ("an alert", b"\x15\x03\x01\x00\x02\x02\x28"),
        ("a record of rubbish", b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"),
    ];
    for (row, bytes) in rows {
        let server = Server::new().await;
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let failure = server.accept(&settings).await.expect_err(row);
        assert_eq!(failure.refusal, Refusal::TlsHandshakeFailed, "{row}");
        assert!(failure.plain.is_none() && failure.cause.is_some(), "{row}");
    }
}

#[tokio::test]
async fn the_blocking_client_trusts_its_authority_and_checks_the_name() {
    use std::io::{Read, Write};
    let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |state: &tempfile::TempDir| {
        LocalAuthority::open_or_create(state.path(), support::now()).unwrap()
    };
    let (mine, stranger) = (open(&state), open(&other));
    let identity = mine.issue("dev", &["a.test".to_owned()], support::now()).unwrap();
    let settings = settings(TlsPolicy::default(), &[identity.into()]);
    let rows = [(&mine, "a.test", true), (&mine, "b.test", false), (&stranger, "a.test", false)];
    for (authority, host, expected) in rows {
        let (server, path) = (Server::new().await, authority.certificate_path());
        let address = server.address;
        let visitor = tokio::task::spawn_blocking(move || {
            let tcp = std::net::TcpStream::connect(address)?;
            let mut stream = tls::blocking_client(tcp, host, &tls::Trusted::from_files([&*path])?)?;
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        });
        let (facts, answer) = tokio::join!(server.answer(&settings), visitor);
        let answer = answer.unwrap();
        let row = format!("{} {host}", authority.certificate_path().display());
        assert_eq!((facts.is_ok(), answer.is_ok()), (expected, expected), "{row}: {answer:?}");
    }
}

#[tokio::test]
async fn a_listener_needs_a_certificate() {
    let ticketer = Ticketer::new().unwrap();
    assert!(ServerSettings::new(TlsPolicy::default(), &[], &ticketer, None).is_err());
}

/// A target that shows `shown` and signs with the key of `held`.
fn target(
    version: &'static rustls::SupportedProtocolVersion,
    shown: &Identity,
    held: &Identity,
) -> tokio_rustls::TlsAcceptor {
    let key = CertifiedKey::new(shown.key.cert.clone(), Arc::clone(&held.key.key));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    Arc::new(config).into()
}

#[tokio::test]
async fn a_target_may_show_any_certificate_but_must_hold_its_key() {
    let ec = [identity("a", &ecdsa(), &["a.test"]), identity("b", &ecdsa(), &["b.test"])];
    let rsa = [identity("c", &rsa(), &["c.test"]), identity("d", &rsa(), &["d.test"])];
    for [mine, stolen] in [ec, rsa] {
        for version in [&TLS12, &TLS13] {
            for (shown, expected) in [(&mine, true), (&stolen, false)] {
                let server = Server::new().await;
                let acceptor = target(version, shown, &mine);
                let client = TargetTls::new().unwrap();
                let (accepted, connected) =
                    tokio::join!(async { acceptor.accept(server.tcp().await).await }, async {
                        let tcp = TcpStream::connect(server.address).await.unwrap();
                        client.connect(tcp, Some("wrong.name"), server.address).await
                    });
                let row = format!("{:?} {:?} {}", version.version, mine.facts.key, shown.name);
                assert_eq!(connected.is_ok(), expected, "{row}: {connected:?}");
                assert_eq!(accepted.is_ok(), expected, "{row}");
            }
        }
    }
}
