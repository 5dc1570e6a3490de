//! Handshakes with OpenSSL and curl. Where one is not installed its tests say so and pass.

mod support;

use std::path::Path;
use std::process::Stdio;

use model::{Refusal, TlsPolicy};
use support::{PATIENCE, Server, ecdsa, identity, now, rsa, settings, write_pem};
use tls::{
    Accepted, AlpnChallenges, Failure, HandshakeFacts, LocalAuthority, ServerSettings, TargetTls,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

fn installed(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg(if program == "curl" { "--version" } else { "version" })
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

async fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Something for `s_client` to send, then the end.
    let _ = child.stdin.take().unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").await;
    let done = child.wait_with_output();
    let done = tokio::time::timeout(PATIENCE, done).await.expect("in time").unwrap();
    let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    (done.status.success(), text.into_owned())
}

/// One connection of `openssl s_client` with these arguments after `-connect`.
async fn s_client(
    settings: &ServerSettings,
    arguments: &[&str],
) -> (Result<HandshakeFacts, Failure>, String) {
    let server = Server::new().await;
    let address = server.address.to_string();
    let arguments = [&["s_client", "-connect", &address], arguments].concat();
    let (facts, (_, text)) = tokio::join!(server.answer(settings), run("openssl", &arguments));
    (facts, text)
}

#[tokio::test]
async fn openssl_agrees_on_version_cipher_and_certificate() {
    if !installed("openssl") {
        return;
    }
    let identities = [
        identity("default", &ecdsa(), &["default.test"]),
        identity("rsa", &rsa(), &["a.test"]),
        identity("ec", &ecdsa(), &["a.test"]),
    ];
    let settings = settings(TlsPolicy::Tls12And13, &identities);
    let to = |rest: &[&'static str]| [&["-servername", "a.test"], rest].concat();
    let rows = [
        (vec!["-noservername"], "TLSv1.3", "TLS_AES_128_GCM_SHA256", "default"),
        (to(&[]), "TLSv1.3", "TLS_AES_128_GCM_SHA256", "ec"),
        (
            to(&["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"]),
            "TLSv1.3",
            "TLS_AES_256_GCM_SHA384",
            "ec",
        ),
        (to(&["-sigalgs", "rsa_pss_rsae_sha256"]), "TLSv1.3", "TLS_AES_128_GCM_SHA256", "rsa"),
        (to(&["-tls1_2"]), "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "ec"),
        (
            to(&["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"]),
            "TLSv1.2",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "rsa",
        ),
        (
            to(&["-tls1_2", "-sigalgs", "RSA+SHA256"]),
            "TLSv1.2",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "rsa",
        ),
    ];
    for (arguments, version, cipher, certificate) in rows {
        let (facts, text) = s_client(&settings, &arguments).await;
        let facts = facts.unwrap_or_else(|error| panic!("{arguments:?}: {error:?}\n{text}"));
        assert_eq!((facts.version, facts.cipher), (version, cipher), "{arguments:?}");
        assert_eq!(&*facts.certificate, certificate, "{arguments:?}");
        let line = format!("{version}, Cipher is {cipher}");
        assert!(text.contains(&line), "{arguments:?}\n{text}");
    }
    // With a client that speaks no elliptic-curve signature, the default cannot be helped.
    let (facts, _) = s_client(&settings, &["-noservername", "-sigalgs", "RSA+SHA256"]).await;
    assert_eq!(facts.unwrap_err().refusal, Refusal::TlsHandshakeFailed);
}

#[tokio::test]
async fn policies_refuse_what_they_do_not_name() {
    if !installed("openssl") {
        return;
    }
    let identities = [identity("rsa", &rsa(), &["a.test"])];
    // OpenSSL's security level 0 lets it try what is long forbidden.
    let rows: [(TlsPolicy, &[&str]); 6] = [
        (TlsPolicy::Tls13, &["-tls1_2"]),
        (TlsPolicy::Tls12, &["-tls1_3"]),
        (TlsPolicy::Tls12And13, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
        (TlsPolicy::Tls12And13, &["-tls1_2", "-cipher", "AES128-GCM-SHA256"]),
        (TlsPolicy::Tls12And13, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"]),
        (TlsPolicy::Tls12And13, &["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"]),
    ];
    for (policy, arguments) in rows {
        let (facts, text) = s_client(&settings(policy, &identities), arguments).await;
        let refusal = facts.err().map(|failure| failure.refusal);
        assert_eq!(refusal, Some(Refusal::TlsHandshakeFailed), "{policy:?} {arguments:?}\n{text}");
    }
}

#[tokio::test]
async fn openssl_resumes_with_one_ticket() {
    if !installed("openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let session = directory.path().join("session");
    let session = session.to_str().unwrap();
    let settings = settings(TlsPolicy::Tls12And13, &[identity("ec", &ecdsa(), &["a.test"])]);
    for version in ["-tls1_2", "-tls1_3"] {
        let name = ["-servername", "a.test", version];
        // The ticket of TLS 1.3 comes after the handshake: s_client must stay for it.
        let keep = [&name[..], &["-sess_out", session, "-ign_eof"]].concat();
        let (facts, text) = s_client(&settings, &keep).await;
        assert!(!facts.unwrap().resumed, "{version}\n{text}");
        let again = [&name[..], &["-sess_in", session]].concat();
        let (facts, text) = s_client(&settings, &again).await;
        assert!(facts.unwrap().resumed, "{version}\n{text}");
        assert!(text.contains("Reused, "), "{version}\n{text}");
    }
}

#[tokio::test]
async fn curl_trusts_the_development_authority() {
    if !installed("curl") {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open_or_create(state.path(), now()).unwrap();
    let identity = authority.issue("dev", &[], now()).unwrap();
    let settings = settings(TlsPolicy::default(), &[identity.into()]);
    let path = authority.certificate_path();
    for (host, covered) in [("localhost", true), ("127.0.0.1", false)] {
        let server = Server::new().await;
        let url = format!("https://{host}:{}/", server.address.port());
        let arguments = ["-4sS", "--noproxy", "*", "--cacert", path.to_str().unwrap(), &url];
        let (facts, (good, text)) = tokio::join!(server.answer(&settings), run("curl", &arguments));
        assert!(good && text == "yes", "{host}: {text}");
        // An address is no server name, so nothing covers it, and the default is right.
        assert_eq!(facts.unwrap().covered, covered, "{host}");
    }
}

#[tokio::test]
async fn an_authority_sees_its_challenge_and_nobody_else_does() {
    if !installed("openssl") {
        return;
    }
    // Only TLS 1.3, and yet an authority may come with TLS 1.2 (RFC 8737 §4).
    let settings = settings(TlsPolicy::Tls13, &[identity("ec", &ecdsa(), &["a.test"])]);
    let challenges = AlpnChallenges::default().with("new.test", "token.thumbprint").unwrap();
    let rows: [(&str, &[&str], bool); 4] = [
        ("tls 1.3", &["-servername", "new.test", "-alpn", "acme-tls/1"], true),
        ("tls 1.2", &["-servername", "new.test", "-alpn", "acme-tls/1", "-tls1_2"], true),
        ("a browser", &["-servername", "new.test", "-alpn", "http/1.1"], false),
        ("another name", &["-servername", "a.test", "-alpn", "acme-tls/1"], false),
    ];
    for (row, arguments, shown) in rows {
        let server = Server::new().await;
        let address = server.address.to_string();
        let arguments = [&["s_client", "-connect", &address][..], arguments].concat();
        let (accepted, (_, text)) =
            tokio::join!(server.accept_any(&settings, &challenges), run("openssl", &arguments));
        let challenge = matches!(accepted, Ok(Accepted::Challenge));
        assert_eq!(challenge, shown, "{row}: {accepted:?}");
        assert_eq!(text.contains("ALPN protocol: acme-tls/1"), shown, "{row}\n{text}");
        let pem = text.find("-----BEGIN").zip(text.find("-----END"));
        let Some(pem) = pem.and_then(|(from, to)| text.get(from..to)) else { continue };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{pem}-----END CERTIFICATE-----\n")).unwrap();
        let path = file.path().to_str().unwrap();
        let (_, text) = run("openssl", &["x509", "-text", "-noout", "-in", path]).await;
        assert_eq!(text.contains("1.3.6.1.5.5.7.1.31: critical"), shown, "{row}\n{text}");
    }
}

/// `openssl s_server` on a port of its own choice, until it is dropped.
async fn s_server(pem: &Path, more: &[&str]) -> (tokio::process::Child, u16) {
    let pem = pem.to_str().unwrap();
    let arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-key", pem, "-www"];
    let mut command = Command::new("openssl");
    command.args(arguments).args(more).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            let port = address.rsplit(':').next().unwrap().parse().unwrap();
            return (child, port);
        }
    }
    panic!("openssl s_server did not start");
}

#[tokio::test]
async fn targets_with_openssl_are_taken_as_they_are() {
    if !installed("openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let ec = write_pem(directory.path(), "ec", &ecdsa(), &["other.test"]);
    // Version 1, expired long ago: path validation would not even parse the first.
    let first = directory.path().join("v1.pem");
    let first_text = first.to_str().unwrap();
    let request = directory.path().join("v1.csr");
    let request = request.to_str().unwrap();
    let key = directory.path().join("v1.key");
    let key = key.to_str().unwrap();
    let steps: [&[&str]; 2] = [
        &[
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=x", "-out",
            request,
        ],
        &["x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-out", first_text],
    ];
    for step in steps {
        let (good, text) = run("openssl", step).await;
        assert!(good, "{step:?}: {text}");
    }
    let both = std::fs::read_to_string(&first).unwrap() + &std::fs::read_to_string(key).unwrap();
    std::fs::write(&first, both).unwrap();

    for pem in [&ec, &first] {
        for more in [&["-tls1_2"][..], &["-tls1_3"], &["-tls1_2", "-cipher", "ECDHE+CHACHA20"]] {
            let (_child, port) = s_server(pem, more).await;
            let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let address = tcp.peer_addr().unwrap();
            let client = TargetTls::new().unwrap();
            let connected = client.connect(tcp, None, address).await;
            assert!(connected.is_ok(), "{} {more:?}: {connected:?}", pem.display());
        }
    }
}
