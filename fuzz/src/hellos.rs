//! Whatever a client begins with: reading its ClientHello never panics and wants no more than its limit; what is
//! said of a beginning is what is said of the whole; and a name that comes out of it can go into a rule or a log.

use tls::{HELLO_BYTES_MAX, Peeked, peek_hello};

pub fn check(bytes: &[u8]) {
    let whole = peek_hello(bytes);
    named(&whole);
    for end in 0..bytes.len() {
        match peek_hello(&bytes[..end]) {
            Peeked::Partial { needed } => {
                assert!(end < needed && needed <= HELLO_BYTES_MAX, "{needed} of {end}");
                // Who waits for as many misses no hello.
                if matches!(whole, Peeked::Hello { .. }) {
                    assert!(needed <= bytes.len(), "{needed} of {}", bytes.len());
                }
            }
            early => assert_eq!(early, whole, "cut at {end}"),
        }
    }
    in_other_records(bytes);
}

fn named(peeked: &Peeked) {
    if let Peeked::Hello { server_name: Some(name) } = peeked {
        assert!(name.len() <= 253, "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    }
}

/// A hello in one record, cut into records of three bytes.
fn in_other_records(bytes: &[u8]) {
    let Some((&[22, 3, minor, high, low], rest)) = bytes.split_first_chunk() else { return };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some(payload) = rest.get(..length) else { return };
    let whole = peek_hello(&bytes[..5 + length]);
    if !matches!(whole, Peeked::Hello { .. }) {
        return;
    }
    let record = |part: &[u8]| [&[22, 3, minor, 0, part.len() as u8], part].concat();
    let records: Vec<u8> = payload.chunks(3).flat_map(record).collect();
    assert_eq!(peek_hello(&records), whole);
}
