//! Signatures made when they are asked for (RFC 4034 §3), and kept while they are asked for again.

use aws_lc_rs::digest::{SHA256, digest};
use domain::base::Rtype;

use crate::draft::{Draft, Section};
use crate::key::{ALGORITHM, Signature, ZoneKey};
use crate::name;

/// A signature is made once in this time, for all who ask in it: 24 hours.
pub const PERIOD_SECONDS: u64 = 86_400;
/// It is good from the start of the period before, for clocks that are behind, …
const EARLY_SECONDS: u64 = PERIOD_SECONDS;
/// … to so long after the start of its own: secondaries that lose us serve it on.
const LATE_SECONDS: u64 = 14 * PERIOD_SECONDS;
/// Signatures that one core keeps: 80 bytes each, taken when they are first needed.
const KEPT_MAX: usize = 1 << 17;
/// Where one may be kept.
const WAYS: usize = 4;
/// The fixed part of an RRSIG's data (RFC 4034 §3.1), and its longest.
const FIXED: usize = 18;
const PREFIX_MAX: usize = FIXED + name::NAME_MAX;

/// One zone's, for one answer.
pub struct Signer<'k> {
    pub key: &'k ZoneKey,
    /// In wire form.
    pub zone: &'k [u8],
}

#[derive(Clone, Copy)]
struct Kept {
    /// Of what is signed; all zeros where nothing is kept.
    hash: [u8; 16],
    signature: Signature,
}

/// Makes signatures, and remembers them. One for each core.
#[derive(Default)]
pub struct Signatures {
    kept: Vec<Kept>,
    scratch: Vec<u8>,
    turn: usize,
    pub made: u64,
}

impl Signatures {
    /// Signs a set of the draft, at a time in seconds since 1970. Its owner is signed as it is
    /// written: what a wildcard gives is signed as if it had been declared, which only a server that
    /// has the key can do, and which needs no proof that nothing closer exists.
    pub fn sign(&mut self, draft: &mut Draft, at: usize, signer: &Signer<'_>, now: u64) {
        draft.sort(at);
        let Some(set) = draft.sets().get(at).copied() else { return };
        let mut prefix = [0; PREFIX_MAX];
        let end = FIXED + signer.zone.len();
        let (Some(zone), owner) = (prefix.get_mut(FIXED..end), draft.owner(&set)) else { return };
        zone.copy_from_slice(signer.zone);
        name::lower(zone);
        let period = now / PERIOD_SECONDS * PERIOD_SECONDS;
        prefix[..2].copy_from_slice(&set.kind.to_int().to_be_bytes());
        prefix[2] = ALGORITHM;
        prefix[3] = name::label_count(owner);
        prefix[4..8].copy_from_slice(&set.ttl.to_be_bytes());
        // RFC 4034 §3.1.5: serial numbers of 32 bits.
        prefix[8..12].copy_from_slice(&((period + LATE_SECONDS) as u32).to_be_bytes());
        let inception = period.saturating_sub(EARLY_SECONDS) as u32;
        prefix[12..16].copy_from_slice(&inception.to_be_bytes());
        prefix[16..18].copy_from_slice(&signer.key.tag.to_be_bytes());
        // RFC 4034 §3.1.8.1.
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(&prefix[..end]);
        for value in draft.values(&set) {
            scratch.extend_from_slice(owner);
            scratch.extend_from_slice(&set.kind.to_int().to_be_bytes());
            scratch.extend_from_slice(&1u16.to_be_bytes());
            scratch.extend_from_slice(&set.ttl.to_be_bytes());
            scratch.extend_from_slice(&(value.len() as u16).to_be_bytes());
            scratch.extend_from_slice(value);
        }
        let signature = self.signature(&scratch, signer.key);
        self.scratch = scratch;
        if let Some(signature) = signature {
            draft.sign(at, &[&prefix[..end], &signature]);
        }
    }

    fn signature(&mut self, bytes: &[u8], key: &ZoneKey) -> Option<Signature> {
        let mut hash = [0; 16];
        // Of one key: two zones may say the same of the same name.
        hash.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..16]);
        for (octet, of_key) in hash.iter_mut().zip(&key.public()[4..]) {
            *octet ^= of_key;
        }
        if self.kept.is_empty() {
            self.kept = vec![Kept { hash: [0; 16], signature: [0; 64] }; KEPT_MAX];
        }
        let number = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
        let first = number as usize % (KEPT_MAX / WAYS) * WAYS;
        let ways = self.kept.get_mut(first..first + WAYS)?;
        if let Some(kept) = ways.iter().find(|kept| kept.hash == hash) {
            return Some(kept.signature);
        }
        let signature = key.sign(bytes)?;
        self.made += 1;
        let free = ways.iter().position(|kept| kept.hash == [0; 16]);
        self.turn = self.turn.wrapping_add(1);
        ways[free.unwrap_or(self.turn % WAYS)] = Kept { hash, signature };
        Some(signature)
    }
}

/// RFC 9824 §3: instead of telling where a name would have been, the name is said to have nothing of
/// the type, by a record that covers nothing but itself.
pub struct Denial<'d> {
    /// In wire form.
    pub name: &'d [u8],
    /// What is there, without NSEC and RRSIG; `None` where the name does not exist.
    pub kinds: Option<&'d [Rtype]>,
    pub ttl: u32,
    pub signer: u32,
}

/// RFC 9824 §3.2: the type of what does not exist.
pub const NXNAME: Rtype = Rtype::from_int(128);

impl Denial<'_> {
    pub fn draft(&self, draft: &mut Draft, section: Section) {
        let kinds = self.kinds.unwrap_or(&[NXNAME]);
        let all = kinds.iter().copied().chain([Rtype::RRSIG, Rtype::NSEC]);
        let owner = self.name;
        draft.set_of_wire(section, owner, Rtype::NSEC, self.ttl, Some(self.signer));
        draft.value(|bytes| {
            append_successor(owner, bytes);
            append_bitmap(all, bytes);
            true
        });
    }
}

/// The name right after this one in canonical order (RFC 4471 §3.1.1): a
/// label of a zero octet before it, or, where that is too long, a later label in its place.
fn append_successor(owner: &[u8], bytes: &mut Vec<u8>) {
    let from = bytes.len();
    if owner.len() + 2 <= name::NAME_MAX {
        bytes.extend_from_slice(b"\x01\x00");
    }
    bytes.extend_from_slice(owner);
    name::lower(&mut bytes[from..]);
    if owner.len() + 2 > name::NAME_MAX {
        let last = from + usize::from(owner.first().copied().unwrap_or(0));
        if let Some(octet) = bytes.get_mut(last) {
            *octet = octet.saturating_add(1);
        }
    }
}

/// RFC 4034 §4.1.2.
pub fn append_bitmap(kinds: impl Iterator<Item = Rtype>, bytes: &mut Vec<u8>) {
    // Ours are of windows 0 and 1; others are of others' files.
    let mut windows: Vec<(u8, [u8; 32])> = Vec::with_capacity(2);
    for kind in kinds {
        let [window, low] = kind.to_int().to_be_bytes();
        let at = windows.binary_search_by_key(&window, |(window, _)| *window);
        let at = at.unwrap_or_else(|at| {
            windows.insert(at, (window, [0; 32]));
            at
        });
        windows[at].1[usize::from(low / 8)] |= 0x80 >> (low % 8);
    }
    for (window, bits) in windows {
        let length = bits.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        bytes.extend_from_slice(&[window, length as u8]);
        bytes.extend_from_slice(&bits[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_and_what_follows() {
        let rows: [(&str, &[Rtype], &[u8]); 3] = [
            // RFC 4034 §4.3.
            (
                "of the RFC",
                &[Rtype::A, Rtype::MX, Rtype::RRSIG, Rtype::NSEC, Rtype::from_int(1234)],
                b"\x00\x06\x40\x01\x00\x00\x00\x03\x04\x1b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20",
            ),
            ("out of order", &[Rtype::CAA, Rtype::A], b"\x00\x01\x40\x01\x01\x40"),
            ("nothing that is there", &[NXNAME], b"\x00\x11\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80"),
        ];
        for (row, kinds, expected) in rows {
            let mut bytes = Vec::new();
            append_bitmap(kinds.iter().copied(), &mut bytes);
            assert_eq!(bytes, expected, "{row}");
        }
        let mut bytes = Vec::new();
        append_successor(b"\x01A\0", &mut bytes);
        assert_eq!(bytes, b"\x01\x00\x01a\0");
        let label = |length: u8| [vec![length], vec![b'a'; usize::from(length)]].concat();
        let long = [label(63), label(63), label(63), label(61), vec![0]].concat();
        bytes.clear();
        append_successor(&long, &mut bytes);
        assert_eq!((bytes.len(), bytes[63], bytes[62]), (255, b'b', b'a'));
    }

    #[test]
    fn a_signature_is_made_once_a_day_for_each_content() {
        let key = ZoneKey::read(&ZoneKey::make().unwrap()).unwrap();
        let signer = Signer { key: &key, zone: b"\x07example\0" };
        let mut signatures = Signatures::default();
        let mut sign = |value: &[u8], owner: &str, now: u64| {
            let mut draft = Draft::default();
            draft.set(Section::Answer, owner, Rtype::TXT, 60, Some(0));
            draft.value(|bytes| {
                bytes.extend_from_slice(value);
                true
            });
            signatures.sign(&mut draft, 0, &signer, now);
            let set = draft.sets()[0];
            (signatures.made, draft.signature(&set).unwrap().to_vec())
        };
        let first = sign(b"\x01a", "a.example", 0).1;
        let rows = [
            ("again", b"\x01a", "a.example", 5, 1),
            ("at another name", b"\x01a", "b.example", 5, 2),
            ("another value", b"\x01b", "a.example", 5, 3),
            ("the next day", b"\x01a", "a.example", PERIOD_SECONDS, 4),
            ("not again", b"\x01b", "a.example", 9, 4),
        ];
        for (row, value, owner, now, made) in rows {
            assert_eq!(sign(value, owner, now).0, made, "{row}");
        }
        assert_eq!(sign(b"\x01a", "a.example", 5).1, first);
    }
}
