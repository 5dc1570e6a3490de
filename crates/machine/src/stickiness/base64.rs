//! Base 64 with the URL and filename safe alphabet (RFC 4648 §5), for whole groups of three bytes:
//! no padding, and one text for one value.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NOT_IN_ALPHABET: u8 = 0xff;
const DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut digits = [NOT_IN_ALPHABET; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        digits[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
}

/// `text` holds four bytes for each three of `raw`.
pub fn encode(raw: &[u8], text: &mut [u8]) {
    debug_assert_eq!(raw.len() / 3 * 4, text.len());
    for (three, four) in raw.chunks_exact(3).zip(text.chunks_exact_mut(4)) {
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for (at, digit) in four.iter_mut().enumerate() {
            *digit = ALPHABET[(bits >> (18 - 6 * at)) as usize & 0x3f];
        }
    }
}

/// `None` unless `text` is exactly what [`encode`] writes for as many bytes as `raw` has.
pub fn decode(text: &[u8], raw: &mut [u8]) -> Option<()> {
    if text.len() != raw.len() / 3 * 4 {
        return None;
    }
    for (four, three) in text.chunks_exact(4).zip(raw.chunks_exact_mut(3)) {
        let mut bits = 0;
        for byte in four {
            let digit = DIGITS[usize::from(*byte)];
            if digit == NOT_IN_ALPHABET {
                return None;
            }
            bits = bits << 6 | u32::from(digit);
        }
        three.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_and_back() {
        let rows = [("foo", "Zm9v"), ("foobar", "Zm9vYmFy"), ("\u{fb}\u{ff}\u{be}", "w7vDv8K-")];
        for (raw, text) in rows {
            let mut encoded = vec![0; text.len()];
            encode(raw.as_bytes(), &mut encoded);
            assert_eq!(encoded, text.as_bytes(), "{raw:?}");
            let mut decoded = vec![0; raw.len()];
            decode(text.as_bytes(), &mut decoded).unwrap();
            assert_eq!(decoded, raw.as_bytes(), "{raw:?}");
        }
        for bad in ["", "Zm9", "Zm9=", "Zm9vZ", "Zm+v", "Zm v"] {
            assert_eq!(decode(bad.as_bytes(), &mut [0; 3]), None, "{bad}");
        }
    }
}
