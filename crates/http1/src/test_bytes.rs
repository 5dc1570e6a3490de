//! Bytes for tests.

use proptest::prelude::*;

/// So many cases, or more if `PROPTEST_CASES` asks for more.
pub fn cases(least: u32) -> ProptestConfig {
    ProptestConfig::with_cases(ProptestConfig::default().cases.max(least))
}

/// `\r`, `\n`, `\t`, `\\` and `\xNN`.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let taken = match tail {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("hex");
                (u8::from_str_radix(digits, 16).expect("hex"), 3)
            }
            _ => panic!("escape in {text}"),
        };
        out.push(taken.0);
        rest = &tail[taken.1..];
    }
    out
}

/// Request heads from the pieces that matter, mostly wrong.
pub fn heads() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&str] = &[
        "\r\n",
        "\n",
        "\r",
        ":",
        " ",
        "\t",
        ",",
        ";",
        "\0",
        "\x0b",
        "\u{17f}",
        "/",
        "?",
        "#",
        "GET ",
        "POST ",
        "/a",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "HTTP/2.0",
        "http://h",
        "*",
        "Host: h\r\n",
        "Content-Length",
        "Content-Length: 3\r\n",
        "Transfer-Encoding",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "chunked",
        "identity",
        "5",
        "X: y\r\n",
        "\r\n\r\n",
        "Transfer_Encoding: chunked\r\n",
        "X-Forwarded-For: a\r\n",
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "Expect: 100-continue\r\n",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    let starts = vec!["POST / HTTP/1.1\r\nHost: h\r\n", "GET /a?b HTTP/1.0\r\n", ""];
    (prop::sample::select(starts), prop::collection::vec(piece, 0..16)).prop_map(
        |(start, pieces)| {
            let mut raw = start.as_bytes().to_vec();
            raw.extend(pieces.concat());
            raw
        },
    )
}
