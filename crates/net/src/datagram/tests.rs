use std::time::Duration;

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn answers_come_from_the_address_that_was_asked() {
    let rows: [(&str, &str, &str); 4] = [
        ("one address", "127.0.0.1", "127.0.0.1"),
        ("every address of IPv4", "0.0.0.0", "127.0.0.7"),
        ("one address of IPv6", "::1", "::1"),
        ("every address of IPv6", "::", "::1"),
    ];
    for (name, bound, asked) in rows {
        let server = match bind(SocketAddr::new(bound.parse().unwrap(), 0)) {
            Ok(server) => server,
            Err(error) if crate::listen::family_unavailable(&error) => continue,
            Err(error) => panic!("{name}: {error}"),
        };
        let asked = SocketAddr::new(asked.parse().unwrap(), server.local_addr().unwrap().port());
        let any =
            SocketAddr::new(if asked.is_ipv4() { "0.0.0.0" } else { "::" }.parse().unwrap(), 0);
        let client = UdpSocket::bind(any).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // Connected: an answer from any other address would not arrive.
        client.connect(asked).unwrap();
        for text in ["one", "nothing", "two"] {
            client.send(text.as_bytes()).unwrap();
        }
        client.send(&[b'x'; RECEIVED_MAX + 1]).unwrap();
        runtime().block_on(async {
            let server = tokio::net::UdpSocket::from_std(server).unwrap();
            let mut batch = Batch::default();
            let mut seen = 0;
            while seen < 4 {
                batch.receive(&server).await.unwrap();
                batch.answer(|received, answer| {
                    seen += 1;
                    assert_eq!(received.to, Some(asked.ip()), "{name}");
                    assert_eq!(received.from.port(), client.local_addr().unwrap().port(), "{name}");
                    match received.bytes {
                        b"nothing" => {}
                        b"" => assert_eq!(seen, 4, "{name}: too long to be read"),
                        bytes => answer.extend_from_slice(bytes),
                    }
                });
                batch.send(&server);
            }
        });
        let mut buffer = [0; 16];
        for expected in ["one", "two"] {
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expected.as_bytes(), "{name}");
        }
    }
}

#[test]
fn cores_share_an_address_and_strangers_do_not() {
    let first = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = first.local_addr().unwrap();
    let second = bind(address).unwrap();
    assert_eq!(second.local_addr().unwrap(), address);
    let stranger = std::thread::spawn(move || bind(address).map(drop)).join().unwrap();
    assert_eq!(stranger.unwrap_err().kind(), io::ErrorKind::AddrInUse);
}
