//! Bytes that no honest client sends, and floods.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use super::support::{Instance, PATIENCE};
use super::{dns_port, site};

const QUESTION: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03ns1\x07example\x03org\x00\x00\x01\x00\x01\
      \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

fn client(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("an answer");
    bytes[..length].to_vec()
}

#[test]
fn whatever_is_sent_the_next_question_is_answered() {
    let port = dns_port();
    let instance = Instance::start(&site(port, "", ""));
    let socket = client(port);
    let mut sent: Vec<Vec<u8>> = (0..QUESTION.len()).map(|cut| QUESTION[..cut].to_vec()).collect();
    for at in 0..QUESTION.len() {
        for value in [0x00, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
            let mut bytes = QUESTION.to_vec();
            bytes[at] = value;
            sent.push(bytes);
        }
    }
    // Names that point to themselves, to each other, and beyond the end.
    for name in [&b"\xc0\x0c"[..], b"\xc0\x0e\xc0\x0c", b"\xff\xff", b"\x01a\xc0\x0c"] {
        sent.push([&QUESTION[..12], name, b"\x00\x01\x00\x01"].concat());
    }
    for bytes in &sent {
        socket.send(bytes).unwrap();
        // Its own answer, if it has one, comes before the next one's.
        let marked = [b"\xab\xcd", &QUESTION[2..]].concat();
        socket.send(&marked).unwrap();
        loop {
            let answer = receive(&socket);
            assert!(answer[2] & 0x80 != 0 && answer.len() <= 1232, "{answer:?}");
            if answer[..2] == *b"\xab\xcd" && answer[3] & 0xf == 0 && answer.len() > 60 {
                break;
            }
        }
    }
    let answer = {
        socket.send(QUESTION).unwrap();
        receive(&socket)
    };
    // An answer is never answered: two servers would never stop.
    socket.send(&answer).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(socket.recv(&mut [0; 512]).is_err());
    assert!(instance.status()["dns"]["dropped"].as_u64() > Some(12));
}

#[test]
fn several_questions_on_a_connection_are_answered_in_order() {
    let port = dns_port();
    let _instance = Instance::start(&site(port, "", ""));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    for number in 0..200u16 {
        all.extend_from_slice(&(QUESTION.len() as u16).to_be_bytes());
        all.extend_from_slice(&number.to_be_bytes());
        all.extend_from_slice(&QUESTION[2..]);
    }
    // In pieces that end anywhere.
    for piece in all.chunks(7) {
        stream.write_all(piece).unwrap();
    }
    for number in 0..200u16 {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[..2], number.to_be_bytes());
    }
    // Longer than any question: the connection ends.
    stream.write_all(&[0xff; 64]).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

#[test]
fn one_network_does_not_take_all_connections() {
    let port = dns_port();
    let _instance = Instance::start(&site(port, "", ""));
    let question = [&(QUESTION.len() as u16).to_be_bytes(), QUESTION].concat();
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(&question);
        let mut length = [0; 2];
        stream.read_exact(&mut length).is_ok().then_some(stream)
    };
    let held: Vec<TcpStream> = (0..64).map_while(|_| ask()).collect();
    assert_eq!(held.len(), 64);
    assert!(ask().is_none(), "one more is closed");
    let other = super::run("dig", port, "-b 127.0.1.1 +tcp +tries=1 ns1.example.org A");
    assert!(other.contains("status: NOERROR"), "{other}");
    drop(held);
    super::support::until("their places to be free", ask);
}

#[test]
fn a_flood_is_limited_and_a_cookie_is_a_way_out() {
    let port = dns_port();
    let limit = "  rate_limit = 20\n  exempt = [\"127.0.9.0/24\"]\n";
    let instance = Instance::start(&site(port, "", limit));
    let socket = client(port);
    let flood = |socket: &UdpSocket, question: &[u8]| {
        (0..200).for_each(|_| assert_eq!(socket.send(question).unwrap(), question.len()));
        // After the flood: over TCP nobody is limited, and it has been heard by then.
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut answers = Vec::new();
        let mut bytes = [0; 4096];
        while let Ok(length) = socket.recv(&mut bytes) {
            answers.push(bytes[..length].to_vec());
        }
        answers
    };
    let plain = QUESTION;
    let answers = flood(&socket, plain);
    let whole = answers.iter().filter(|answer| answer[2] & 2 == 0).count();
    let cut = answers.len() - whole;
    // A second's worth, and what is earned meanwhile; of the others every second one, empty.
    assert!((20..60).contains(&whole) && (60..=95).contains(&cut), "{whole} whole, {cut} cut");
    assert!(answers.iter().filter(|a| a[2] & 2 != 0).all(|a| a.len() <= plain.len()));
    // With a cookie of ours nobody is limited; where it is limited, it gets one.
    let with_cookie = |cookie: &[u8]| {
        let length = cookie.len() as u8;
        let mut question = QUESTION[..QUESTION.len() - 2].to_vec();
        question.extend_from_slice(&[0, length + 4, 0, 10, 0, length]);
        question.extend_from_slice(cookie);
        question
    };
    let answers = flood(&socket, &with_cookie(b"12345678"));
    let bad = answers.iter().find(|answer| answer[3] & 0xf == 7).expect("BADCOOKIE");
    let at = bad.windows(8).position(|window| window == b"12345678").unwrap();
    let ours = bad[at..at + 24].to_vec();
    let answers = flood(&socket, &with_cookie(&ours));
    assert_eq!(answers.len(), 200);
    assert!(answers.iter().all(|answer| answer[2] & 2 == 0 && answer[3] & 0xf == 0));
    // Whoever is declared is not limited either.
    let friend = UdpSocket::bind("127.0.9.1:0").unwrap();
    friend.connect(("127.0.0.1", port)).unwrap();
    assert_eq!(flood(&friend, plain).len(), 200);
    assert!(instance.status()["dns"]["limited"].as_u64() > Some(100));
}
