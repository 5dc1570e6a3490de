use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::*;

/// What rustls sends first.
fn client_hello(name: &str) -> Vec<u8> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A hello by hand: so many bytes of suites, and these extensions.
fn hello(suites: usize, extensions: Option<&[u8]>) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend((suites as u16).to_be_bytes());
    body.extend(std::iter::repeat_n(0x13, suites));
    body.extend([1, 0]);
    if let Some(extensions) = extensions {
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
    }
    let mut message = vec![1, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    message
}

fn name_extension(kind: u8, name: &[u8]) -> Vec<u8> {
    let mut list = vec![kind];
    list.extend((name.len() as u16).to_be_bytes());
    list.extend(name);
    let mut extension = vec![0, 0];
    extension.extend((list.len() as u16 + 2).to_be_bytes());
    extension.extend((list.len() as u16).to_be_bytes());
    extension.extend(list);
    extension
}

/// In records of so many bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| {
        let mut record = vec![22, 3, 1];
        record.extend((part.len() as u16).to_be_bytes());
        record.extend(part);
        record
    };
    message.chunks(size).flat_map(record).collect()
}

fn named(name: &str) -> Peeked {
    Peeked::Hello { server_name: Some(name.to_owned()) }
}

#[test]
fn what_comes_first() {
    let by_hand = |name: &[u8]| records(&hello(2, Some(&name_extension(0, name))), 1 << 14);
    let nameless = Peeked::Hello { server_name: None };
    let rows: Vec<(&str, Vec<u8>, Peeked)> = vec![
        ("rustls", client_hello("a.example"), named("a.example")),
        ("rustls, an address", client_hello("192.0.2.1"), nameless.clone()),
        ("by hand", by_hand(b"a.example"), named("a.example")),
        ("capitals", by_hand(b"A.Example"), named("a.example")),
        ("a final dot", by_hand(b"a.example."), named("a.example")),
        ("a byte a record", records(&hello(2, Some(&name_extension(0, b"b"))), 1), named("b")),
        ("no extensions at all", records(&hello(2, None), 99), nameless.clone()),
        ("no extension", records(&hello(2, Some(b"")), 99), nameless.clone()),
        ("another kind of name", records(&hello(2, Some(&name_extension(9, b"x"))), 99), nameless),
        ("an empty name", by_hand(b""), Peeked::NoHello),
        ("a space in the name", by_hand(b"a b"), Peeked::NoHello),
        ("a line in the name", by_hand(b"a\nb"), Peeked::NoHello),
        ("too long a name", by_hand(&[b'a'; 254]), Peeked::NoHello),
        ("an extension cut off", records(&hello(2, Some(&[0, 0, 0, 9, 1])), 99), Peeked::NoHello),
        ("plain http", b"GET / HTTP/1.1\r\n".to_vec(), Peeked::PlainHttp),
        ("capitals without end", vec![b'A'; 40], Peeked::NoHello),
        ("ssh", b"SSH-2.0-x".to_vec(), Peeked::NoHello),
        ("the version of no TLS", vec![22, 4, 0, 0, 1, 1], Peeked::NoHello),
        ("an empty record", vec![22, 3, 1, 0, 0], Peeked::NoHello),
        ("too long a record", vec![22, 3, 1, 0x40, 1], Peeked::NoHello),
        ("an alert", vec![21, 3, 1, 0, 2, 2, 40], Peeked::NoHello),
        ("another message", records(&[2, 0, 0, 1, 0], 99), Peeked::NoHello),
        ("too long a hello", records(&[1, 0, 0x40, 0], 99), Peeked::NoHello),
        (
            "the longest that fits, by far not here",
            records(&[1, 0, 0x3f, 0], 99),
            Peeked::Partial { needed: 9 + 5 + 0x3f00 },
        ),
        ("too many records", records(&hello(3000, None), 1), Peeked::NoHello),
    ];
    for (row, bytes, expected) in rows {
        assert_eq!(peek_hello(&bytes), expected, "{row}");
        // Cut anywhere, it is the same or not known yet; and no more is waited for than comes.
        let step = 1 + bytes.len() / 2000;
        for end in (0..bytes.len()).step_by(step) {
            match peek_hello(&bytes[..end]) {
                Peeked::Partial { needed } => {
                    assert!(needed > end && needed <= HELLO_BYTES_MAX, "{row}, {end}: {needed}");
                    let open = matches!(expected, Peeked::NoHello | Peeked::Partial { .. });
                    assert!(open || needed <= bytes.len(), "{row}, {end}: {needed}");
                }
                other => assert_eq!(other, expected, "{row}, {end}"),
            }
        }
    }
}

/// A whole hello followed by what else the client sends at once.
#[test]
fn what_follows_does_not_matter() {
    let mut bytes = client_hello("a.example");
    bytes.extend(b"anything");
    assert_eq!(peek_hello(&bytes), named("a.example"));
}
