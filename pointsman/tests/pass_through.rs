//! TLS that is passed through to its target by the name in the ClientHello: real clients, real sockets, and
//! targets that end TLS themselves.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use support::{Instance, Origin, PATIENCE, Wire, at, free_port, until};

/// A server that ends TLS itself, and answers every request with its own name.
struct Target {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Target {
    fn start(name: &'static str, hosts: &[&str]) -> Target {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(hosts).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from(key))
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                std::thread::spawn(move || answer(stream, config, name));
            }
        });
        Target { address, certificate, pem: made.cert.pem() }
    }
}

fn answer(mut stream: TcpStream, config: Arc<ServerConfig>, name: &str) {
    let mut server = ServerConnection::new(config).unwrap();
    let mut tls = rustls::Stream::new(&mut server, &mut stream);
    let mut read = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(length) = tls.read(&mut bytes) {
        if length == 0 {
            return;
        }
        read.extend_from_slice(&bytes[..length]);
        if read.ends_with(b"\r\n\r\n") {
            read.clear();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
            if tls.write_all(head.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// Two rules by name, and what the default does.
fn configuration(port: u16, default: &str, one: &[SocketAddr], two: &[SocketAddr]) -> String {
    with_attributes(port, "", default, one, two)
}

fn with_attributes(
    port: u16,
    attributes: &str,
    default: &str,
    one: &[SocketAddr],
    two: &[SocketAddr],
) -> String {
    let list = |all: &[SocketAddr]| {
        let all: Vec<String> = all.iter().map(|one| format!("\"{one}\"")).collect();
        all.join(", ")
    };
    format!(
        r#"
load_balancer "edge" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.all]
  connection_log  = "connections.log"
  {attributes}
  listener "tls" {{
    port     = {port}
    protocol = "TLS_PASSTHROUGH"
    rule "one" {{
      server_name = ["a.example", "plain.example"]
      forward     = target_group.one
    }}
    rule "not here" {{
      server_name = "gone.b.example"
      close       = true
    }}
    rule "two" {{
      server_name = ["b.example", "*.b.example"]
      forward     = target_group.two
    }}
    default {{ {default} }}
  }}
}}
security_group "all" {{
  ingress {{
    ports = {port}
    from  = anywhere
  }}
}}
target_group "one" {{
  protocol             = "TCP"
  targets              = [{}]
  deregistration_delay = "0s"
  health_check {{
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}
target_group "two" {{
  protocol             = "TCP"
  targets              = [{}]
  deregistration_delay = "0s"
}}
"#,
        list(one),
        list(two)
    )
}

fn connection_line(instance: &Instance, needle: &str) -> String {
    let path = instance.folder.path().join("connections.log");
    until(&format!("a line with `{needle}` in the connection log"), || {
        let text = std::fs::read_to_string(&path).ok()?;
        text.lines().rev().find(|line| line.contains(needle)).map(str::to_owned)
    })
}

/// What curl prints and how it ends; it verifies the certificate of the target.
fn curl(name: &str, port: u16, pem: &std::path::Path) -> (String, i32) {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "10", "--resolve", &format!("{name}:{port}:127.0.0.1")])
        .arg("--cacert")
        .arg(pem)
        .arg(format!("https://{name}:{port}/"))
        .output()
        .expect("curl is installed");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (text.into_owned(), output.status.code().unwrap_or(-1))
}

/// A client for `name` that trusts only the target.
fn client(name: &str, target: &Target) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(target.certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

fn ask(client: &mut ClientConnection, socket: &mut TcpStream) -> std::io::Result<String> {
    let mut tls = rustls::Stream::new(client, socket);
    tls.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let mut read = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let length = tls.read(&mut bytes)?;
        read.extend_from_slice(&bytes[..length]);
        let text = String::from_utf8_lossy(&read);
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && !body.is_empty()
        {
            return Ok(body.to_owned());
        }
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(at(port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// The records that a client begins with.
fn hello(name: &str, target: &Target) -> Vec<u8> {
    let mut bytes = Vec::new();
    client(name, target).write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_name_chooses_the_target_and_its_certificate() {
    let one = Target::start("one", &["a.example"]);
    let two = Target::start("two", &["b.example", "*.b.example"]);
    let port = free_port();
    let text = configuration(port, "close = true", &[one.address], &[two.address]);
    let instance = Instance::start(&text);
    let (one_pem, two_pem) =
        (instance.folder.path().join("one.pem"), instance.folder.path().join("two.pem"));
    std::fs::write(&one_pem, &one.pem).unwrap();
    std::fs::write(&two_pem, &two.pem).unwrap();
    let (to_one, to_two) =
        (format!(" - a.example \"one\" {} ", one.address), format!("\"two\" {} ", two.address));
    let rows: [(&str, &std::path::Path, &str, i32, &str); 6] = [
        ("a.example", &one_pem, "one", 0, &to_one),
        ("b.example", &two_pem, "two", 0, &format!(" - b.example {to_two}")),
        ("x.b.example", &two_pem, "two", 0, &format!(" - x.b.example {to_two}")),
        ("A.EXAMPLE", &one_pem, "one", 0, &to_one),
        ("other.example", &one_pem, "", 35, " tls/no-rule-for-name other.example \"-\" - 0 0"),
        (
            "gone.b.example",
            &two_pem,
            "",
            35,
            " tls/closed-by-rule gone.b.example \"not here\" - 0 0",
        ),
    ];
    for (name, pem, answer, code, line) in rows {
        let (text, ended) = curl(name, port, pem);
        assert_eq!(ended, code, "{name}: {text}");
        assert!(text.starts_with(answer), "{name}: {text}");
        let line = connection_line(&instance, line);
        if code == 0 {
            let counts: Vec<u64> =
                line.rsplit(' ').take(2).map(|count| count.parse().unwrap()).collect();
            assert!(counts.iter().all(|count| *count > 300), "{name}: {line}");
        }
    }
    let status = instance.status();
    assert_eq!(status["passed_connections"], 4, "{status}");
    assert_eq!(status["refusals"]["tls/no-rule-for-name"], 1, "{status}");
    assert_eq!(status["refusals"]["tls/closed-by-rule"], 1, "{status}");
}

#[test]
fn who_says_no_name_gets_the_default() {
    let one = Target::start("one", &["a.example"]);
    let two = Target::start("two", &["127.0.0.1"]);
    let port = free_port();
    let default = "forward = target_group.two";
    let instance = Instance::start(&configuration(port, default, &[one.address], &[two.address]));
    let pem = instance.folder.path().join("two.pem");
    std::fs::write(&pem, &two.pem).unwrap();
    let (text, code) = curl("127.0.0.1", port, &pem);
    assert_eq!((text.as_str(), code), ("two", 0));
    connection_line(&instance, &format!(" - - \"-\" {} ", two.address));
}

/// However the ClientHello is cut, by the network or into records, the target gets it as it was sent.
#[test]
fn a_hello_in_pieces_is_read_whole() {
    let one = Target::start("one", &["a.example"]);
    let port = free_port();
    let text = configuration(port, "close = true", &[one.address], &[]);
    let _instance = Instance::start(&text);
    type Send = fn(&mut TcpStream, &[u8]);
    let rows: [(&str, Send); 3] = [
        ("at once", |socket, bytes| socket.write_all(bytes).unwrap()),
        ("a byte at a time", |socket, bytes| {
            bytes.iter().for_each(|byte| socket.write_all(&[*byte]).unwrap());
        }),
        ("in records of 7 bytes", |socket, bytes| {
            for part in bytes[5..].chunks(7) {
                socket.write_all(&[22, 3, 1, 0, part.len() as u8]).unwrap();
                socket.write_all(part).unwrap();
            }
        }),
    ];
    for (row, send) in rows {
        let mut client = client("a.example", &one);
        let mut socket = connect(port);
        let mut first = Vec::new();
        client.write_tls(&mut first).unwrap();
        send(&mut socket, &first);
        assert_eq!(ask(&mut client, &mut socket).unwrap(), "one", "{row}");
    }
}

#[test]
fn what_is_no_client_hello_is_closed_with_a_code() {
    let one = Target::start("one", &["a.example"]);
    let port = free_port();
    let attributes = "handshake_timeout = \"1s\"";
    let text = with_attributes(port, attributes, "close = true", &[one.address], &[]);
    let instance = Instance::start(&text);
    let too_long = [&[22, 3, 1, 0x40, 0, 1, 0, 0x40, 0][..], &[0; 20_000]].concat();
    let cut = hello("a.example", &one);
    let rows: [(&str, &[u8], bool, &str, &str); 6] = [
        (
            "plain http",
            b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            false,
            "HTTP/1.1 400",
            "tls/plain-http",
        ),
        ("ssh", b"SSH-2.0-OpenSSH_10\r\n", false, "", "tls/no-client-hello"),
        ("too long", &too_long, false, "", "tls/no-client-hello"),
        ("closed at once", b"", true, "", "tls/no-client-hello"),
        ("closed half-way", &cut[..100], true, "", "tls/no-client-hello"),
        ("half, then silence", &cut[..100], false, "", "tls/handshake-timeout"),
    ];
    for (at, (row, bytes, closes, answer, code)) in rows.into_iter().enumerate() {
        let mut socket = connect(port);
        let _ = socket.write_all(bytes);
        if closes {
            socket.shutdown(Shutdown::Write).unwrap();
        }
        let mut read = Vec::new();
        let _ = socket.read_to_end(&mut read);
        let text = String::from_utf8_lossy(&read);
        assert!(text.starts_with(answer) && text.is_empty() == answer.is_empty(), "{row}: {text}");
        let port = socket.local_addr().unwrap().port();
        let line = connection_line(&instance, &format!(" 127.0.0.1 {port} "));
        assert!(line.contains(&format!(" {code} - \"-\" - 0 0")), "{at} {row}: {line}");
    }
}

#[test]
fn a_target_that_is_down_is_passed_over_and_none_is_told() {
    let one = Target::start("one", &["a.example"]);
    let dead = at(free_port());
    let port = free_port();
    let both = configuration(port, "close = true", &[dead, one.address], &[dead]);
    let instance = Instance::start(&both);
    // Before the health checks know, and after.
    for _ in 0..4 {
        assert_eq!(ask(&mut client("a.example", &one), &mut connect(port)).unwrap(), "one");
    }
    instance.await_target("one", "unhealthy");
    assert_eq!(ask(&mut client("a.example", &one), &mut connect(port)).unwrap(), "one");
    assert!(ask(&mut client("b.example", &one), &mut connect(port)).is_err());
    connection_line(&instance, &format!(" target/refused b.example \"two\" {dead} 0 0"));
    // A group without targets.
    instance.write(&configuration(port, "close = true", &[one.address], &[]));
    assert!(instance.reload().status.success());
    assert!(ask(&mut client("b.example", &one), &mut connect(port)).is_err());
    connection_line(&instance, " target/none-registered b.example \"two\" - 0 0");
}

/// The check may ask what the traffic does not.
#[test]
fn a_check_by_https_sees_what_connecting_does_not() {
    let (one, plain) = (Target::start("one", &["a.example"]), Origin::answering("plain"));
    for (target, state) in [(one.address, "healthy"), (plain.address, "unhealthy")] {
        let text = configuration(free_port(), "close = true", &[target], &[]);
        let text = text.replacen("interval ", "protocol = \"HTTPS\"\n    interval ", 1);
        Instance::start(&text).await_target("one", state);
    }
}

#[test]
fn a_reload_does_not_cut_it_and_a_removed_target_does() {
    let (one, other) =
        (Target::start("one", &["a.example"]), Target::start("other", &["a.example"]));
    let port = free_port();
    let instance = Instance::start(&configuration(port, "close = true", &[one.address], &[]));
    let (mut tls, mut socket) = (client("a.example", &one), connect(port));
    assert_eq!(ask(&mut tls, &mut socket).unwrap(), "one");
    // Another default, another target beside it.
    let beside = &[one.address, other.address];
    instance.write(&configuration(port, "forward = target_group.one", beside, &[]));
    assert!(instance.reload().status.success());
    assert_eq!(ask(&mut tls, &mut socket).unwrap(), "one");
    instance.write(&configuration(port, "close = true", &[other.address], &[]));
    assert!(instance.reload().status.success());
    let mut read = Vec::new();
    let _ = socket.read_to_end(&mut read);
    connection_line(&instance, &format!(" target/drain-expired a.example \"one\" {}", one.address));
    assert_eq!(ask(&mut client("a.example", &other), &mut connect(port)).unwrap(), "other");
}

/// What follows the ClientHello is anybody's: bytes are neither read nor waited for, and each side closes
/// for itself.
#[test]
fn bytes_pass_unchanged_and_each_side_closes_its_half() {
    let origin = Origin::start(|wire: &mut Wire| {
        let got = wire.rest();
        wire.send(&got);
    });
    let one = Target::start("one", &["a.example"]);
    let port = free_port();
    let text = configuration(port, "close = true", &[origin.address], &[]);
    let instance = Instance::start(&text);
    let mut sent = hello("a.example", &one);
    sent.extend((0..300_000_u32).flat_map(u32::to_be_bytes));
    let mut socket = connect(port);
    let mut reader = socket.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        read
    });
    socket.write_all(&sent).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    assert!(reading.join().unwrap() == sent, "the bytes differ");
    let count = sent.len();
    connection_line(&instance, &format!(" - a.example \"one\" {} {count} {count}", origin.address));
}

#[test]
fn who_is_idle_is_closed() {
    let one = Target::start("one", &["a.example"]);
    let port = free_port();
    let attributes = "idle_timeout = \"1s\"";
    let text = with_attributes(port, attributes, "close = true", &[one.address], &[]);
    let instance = Instance::start(&text);
    let (mut tls, mut socket) = (client("a.example", &one), connect(port));
    assert_eq!(ask(&mut tls, &mut socket).unwrap(), "one");
    let mut read = Vec::new();
    let _ = socket.read_to_end(&mut read);
    assert!(read.is_empty());
    connection_line(&instance, " - a.example \"one\" ");
}

#[test]
fn explain_walks_to_the_target_and_says_what_is_not_known() {
    let one = Target::start("one", &["a.example"]);
    let port = free_port();
    let text = configuration(port, "close = true", &[one.address], &[]);
    let instance = Instance::start(&text);
    instance.await_target("one", "healthy");
    let rows: [(&str, i32, &[&str]); 5] = [
        (
            "https://a.example:PORT/",
            0,
            &[
                "security_group.all admits everybody",
                "edge.tls passes TLS through",
                "the client says the server name a.example: rule \"one\" (priority 1) takes it",
                "passes TLS through, by the server name, to target_group.one",
                "the certificate and the answer are the target's",
                "the target's own certificate and answer",
            ],
        ),
        (
            "https://other.example:PORT/",
            4,
            &["tls/no-rule-for-name", "server name `other.example` is not `a.example`"],
        ),
        (
            "https://gone.b.example:PORT/",
            4,
            &["tls/closed-by-rule", "rule \"not here\" (priority 2) closes it"],
        ),
        ("https://b.example:PORT/", 4, &["target/none-registered"]),
        ("http://a.example:PORT/", 4, &["tls/plain-http", "400"]),
    ];
    for (url, code, wanted) in rows {
        let url = url.replace("PORT", &port.to_string());
        let output = instance.command(&["explain", &url, "--from", "127.0.0.1", "--to", "edge"]);
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        // Lines are broken where they are long.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in wanted {
            assert!(said.contains(wanted), "{url}: no `{wanted}` in {said}");
        }
        assert_eq!(output.status.code(), Some(code), "{url}: {said}");
    }
}
