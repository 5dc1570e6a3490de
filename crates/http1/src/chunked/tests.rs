use proptest::prelude::*;

use super::*;
use crate::test_bytes::unescape;

/// Body, and whether it is done; `verbatim` of `feed`.
fn decode(input: &[u8]) -> Result<(Fed, Vec<u8>), ChunkError> {
    let mut out = Vec::new();
    let fed = Chunks::new().decode(input, &mut out)?;
    Ok((fed, out))
}

#[test]
fn bodies() {
    // Input; data and the canonical form; whether the input has that form.
    let rows: &[(&str, &str, &str, bool)] = &[
        (r"0\r\n\r\n", "", r"0\r\n\r\n", true),
        (r"3\r\nabc\r\n0\r\n\r\n", "abc", r"3\r\nabc\r\n0\r\n\r\n", true),
        (r"3\r\n\r\n0\r\n0\r\n\r\n", r"\r\n0", r"3\r\n\r\n0\r\n0\r\n\r\n", true),
        (r"a\r\n0123456789\r\n0\r\n\r\n", "0123456789", r"a\r\n0123456789\r\n0\r\n\r\n", true),
        (r"0000000000000001\r\na\r\n00\r\n\r\n", "a", r"0000000000000001\r\na\r\n00\r\n\r\n", true),
        (r"1;x=y\r\na\r\n0;z\r\n\r\n", "a", r"1\r\na\r\n0\r\n\r\n", false),
        (r#"1 ; x="0"\r\na\r\n0\r\n\r\n"#, "a", r"1\r\na\r\n0\r\n\r\n", false),
        (r"0\r\nX: y\r\nZ:z\r\n\r\n", "", r"0\r\nX: y\r\nZ:z\r\n\r\n", false),
        (r"0\r\nContent-Length: 5\r\nX: y\r\n\r\n", "", r"0\r\nX: y\r\n\r\n", false),
        (r"0\r\ntransfer-encoding: chunked\r\n\r\n", "", r"0\r\n\r\n", false),
        (r"0\r\nHost: x\r\nAuthorization: y\r\nA_b: c\r\n\r\n", "", r"0\r\n\r\n", false),
    ];
    for (input, data, canonical, verbatim) in rows {
        let bytes = unescape(input);
        let end = Fed { consumed: bytes.len(), verbatim: false, done: true };
        assert_eq!(decode(&bytes), Ok((end, unescape(data))), "{input}");
        let fed = Chunks::new().feed(&bytes);
        assert_eq!(fed, Ok(Fed { verbatim: *verbatim, ..end }), "{input}");
        let mut out = Vec::new();
        assert_eq!(Chunks::new().reframe(&bytes, &mut out), Ok(end), "{input}");
        assert_eq!(out, unescape(canonical), "{input}");
    }
}

#[test]
fn what_follows_is_not_consumed() {
    let input = b"1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
    let mut chunks = Chunks::new();
    assert_eq!(chunks.feed(input), Ok(Fed { consumed: 11, verbatim: true, done: true }));
    assert_eq!(chunks.feed(b"x"), Ok(Fed { consumed: 0, verbatim: true, done: true }));
}

#[test]
fn malformed_bodies() {
    use ChunkError::*;
    let long = "a".repeat(EXTENSIONS_MAX as usize + 1);
    let trailers = format!(r"X: {}\r\n", "a".repeat(1000)).repeat(9);
    let rows: &[(&str, ChunkError)] = &[
        ("\n", Size),
        (r"\r\n", Size),
        ("-1", Size),
        ("+1", Size),
        (" 1", Size),
        ("0x1", Size),
        ("g", Size),
        (";x", Size),
        (r"1\n", Size),
        (r"1\rx", LineEnd),
        (r"1\r\nab\r\n", LineEnd),
        (r"1\r\na\n", LineEnd),
        (r"1\r\na\rx", LineEnd),
        (r"1 \r\n", Extension),
        (r"1 2\r\n", Extension),
        (r"1;a\n", Extension),
        (r"1;a\x00", Extension),
        (r"1;a\rx", LineEnd),
        ("00000000000000001", SizeTooLarge),
        ("8000000000000000", SizeTooLarge),
        ("ffffffffffffffff", SizeTooLarge),
        (r"0\r\nX\r\n\r\n", Trailer),
        (r"0\r\n X: y\r\n\r\n", Trailer),
        (r"0\r\n: y\r\n\r\n", Trailer),
        (r"0\r\nX : y\r\n\r\n", Trailer),
        (r"0\r\nX: y\n\r\n", Trailer),
        (r"0\r\nX: \x00\r\n\r\n", Trailer),
        (r"0\r\nX: y\rz", LineEnd),
        (r"0\r\n\n", Trailer),
        (r"0\r\n\rx", LineEnd),
    ];
    for (input, expected) in rows {
        let mut bytes = unescape(input);
        bytes.extend_from_slice(b"::\r\n\r\n");
        assert_eq!(decode(&bytes).err(), Some(*expected), "{input}");
    }
    assert_eq!(decode(format!("1;{long}").as_bytes()).err(), Some(ExtensionsTooLarge));
    let many = "1;x\r\na\r\n".repeat(EXTENSIONS_MAX as usize / 2 + 1);
    assert_eq!(decode(many.as_bytes()).err(), Some(ExtensionsTooLarge));
    let trailers = unescape(&format!(r"0\r\n{trailers}\r\n"));
    assert_eq!(decode(&trailers).err(), Some(TrailersTooLarge));
    let name = format!("0\r\n{}: x\r\n\r\n", "n".repeat(TRAILER_NAME_MAX + 1));
    assert_eq!(decode(name.as_bytes()).err(), Some(Trailer));
}

#[test]
fn large_sizes() {
    let mut chunks = Chunks::new();
    let fed = chunks.feed(b"7fffffffffffffff\r\nabc");
    assert_eq!(fed, Ok(Fed { consumed: 21, verbatim: true, done: false }));
}

/// What the pump does: as it is where that is right, else rewritten from the state of before.
fn forward(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), ChunkError> {
    let (mut chunks, mut out, mut consumed) = (Chunks::new(), Vec::new(), 0);
    for piece in pieces {
        let before = chunks;
        let mut fed = chunks.feed(piece)?;
        if fed.verbatim {
            out.extend_from_slice(&piece[..fed.consumed]);
        } else {
            chunks = before;
            fed = chunks.reframe(piece, &mut out)?;
        }
        consumed += fed.consumed;
        if fed.done {
            return Ok((out, consumed, true));
        }
    }
    Ok((out, consumed, false))
}

/// Chunked bodies, some of them broken, and their data if they are not.
fn coded() -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>)> {
    let extension = prop::sample::select(vec!["", "", "", ";a=b", " ; c", ";\"\t\""]);
    let chunk = (prop::collection::vec(any::<u8>(), 1..20), extension);
    let trailer = prop::sample::select(vec!["X: y\r\n", "Host: h\r\n", "grpc-status:0\r\n"]);
    let trailers = prop::collection::vec(trailer, 0..3);
    let damage = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(chunk, 0..5), trailers, damage).prop_map(|(chunks, trailers, damage)| {
        let (mut coded, mut data) = (Vec::new(), Vec::new());
        for (bytes, extension) in chunks {
            coded.extend_from_slice(format!("{:x}{extension}\r\n", bytes.len()).as_bytes());
            coded.extend_from_slice(&bytes);
            coded.extend_from_slice(b"\r\n");
            data.extend_from_slice(&bytes);
        }
        coded.extend_from_slice(b"0\r\n");
        coded.extend_from_slice(trailers.concat().as_bytes());
        coded.extend_from_slice(b"\r\n");
        match damage {
            None => (coded, Some(data)),
            Some((at, byte)) => {
                *at.get_mut(&mut coded) = byte;
                (coded, None)
            }
        }
    })
}

proptest! {
    #![proptest_config(crate::test_bytes::cases(2_000))]

    #[test]
    fn never_panics(input in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = decode(&input);
    }

    /// The data comes out, from the body as it came and from what was made of it.
    #[test]
    fn decodes((coded, data) in coded()) {
        let Some(data) = data else { return Ok(()) };
        let (fed, out) = decode(&coded).unwrap();
        prop_assert!(fed.done);
        prop_assert_eq!(&out, &data);
        let mut reframed = Vec::new();
        Chunks::new().reframe(&coded, &mut reframed).unwrap();
        let (fed, out) = decode(&reframed).unwrap();
        prop_assert!(fed.done && fed.consumed == reframed.len());
        prop_assert_eq!(&out, &data);
    }

    /// Wherever the body is cut, what is forwarded is the same.
    #[test]
    fn pieces_do_not_matter((mut coded, _) in coded()) {
        coded.extend_from_slice(b"rest");
        let mut canonical = Vec::new();
        let whole = Chunks::new().reframe(&coded, &mut canonical);
        for cut in 0..=coded.len() {
            let (left, right) = coded.split_at(cut);
            match (&whole, forward(&[left, right])) {
                (Ok(fed), Ok((out, consumed, done))) => {
                    prop_assert_eq!(&out, &canonical, "cut at {}", cut);
                    prop_assert_eq!((fed.consumed, fed.done), (consumed, done), "cut at {}", cut);
                }
                (Err(expected), Err(error)) => prop_assert_eq!(*expected, error),
                (expected, got) => prop_assert!(false, "{:?} {:?} at {}", expected, got, cut),
            }
        }
        let bytes: Vec<&[u8]> = coded.chunks(1).collect();
        match (&whole, forward(&bytes)) {
            (Ok(_), Ok((out, _, _))) => prop_assert_eq!(&out, &canonical),
            (Err(expected), Err(error)) => prop_assert_eq!(*expected, error),
            (expected, got) => prop_assert!(false, "{:?} {:?}", expected, got),
        }
    }
}
