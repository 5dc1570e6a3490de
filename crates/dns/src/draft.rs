//! What an answer consists of before it is a message: sets of records whose values are in wire form,
//! to be signed and then written. Its buffers are reused from answer to answer.

use domain::base::Rtype;
use domain::base::name::Name;

use crate::name;

/// RFC 1035 §4.1, after the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Answer,
    Authority,
    Additional,
}

/// Records of one name and type (RFC 2181 §5).
#[derive(Clone, Copy, Debug)]
pub struct Set {
    pub section: Section,
    pub kind: Rtype,
    pub ttl: u32,
    /// Which zone's key signs it; by [`model::ZoneId`].
    pub signer: Option<u32>,
    owner: Piece,
    values: Piece,
    /// Written before this set: its signature.
    signature: Option<Piece>,
}

/// A part of one of the buffers.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    from: u32,
    to: u32,
}

/// Type, class, TTL and length (RFC 1035 §3.2.1).
const RECORD_HEAD: usize = 10;

#[derive(Debug, Default)]
pub struct Draft {
    bytes: Vec<u8>,
    values: Vec<Piece>,
    sets: Vec<Set>,
}

impl Piece {
    fn range(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }
}

impl Draft {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.values.clear();
        self.sets.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// How many bytes it holds, for those who draft a whole zone in parts.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// At most so many bytes are written for the sets from one on, each name in full; `signature` is
    /// how long the value of an RRSIG is (RFC 4034 §3.1).
    pub fn written_at_most(&self, from: usize, signature: usize) -> usize {
        let sets = self.sets.get(from..).unwrap_or_default().iter();
        sets.map(|set| {
            let head = set.owner.range().len() + RECORD_HEAD;
            let values = self.values(set).map(|value| head + value.len());
            values.sum::<usize>() + set.signer.map_or(0, |_| head + signature)
        })
        .sum()
    }

    /// Begins a set of a name as decisions write it. Says whether it is a name that can be sent.
    pub fn set(
        &mut self,
        section: Section,
        owner: &str,
        kind: Rtype,
        ttl: u32,
        signer: Option<u32>,
    ) -> bool {
        let from = self.bytes.len() as u32;
        if !name::append_wire(owner, &mut self.bytes) {
            return false;
        }
        self.begin(section, from, kind, ttl, signer);
        true
    }

    /// As [`Draft::set`], of a name in wire form, which is made lower case.
    pub fn set_of_wire(
        &mut self,
        section: Section,
        owner: &[u8],
        kind: Rtype,
        ttl: u32,
        signer: Option<u32>,
    ) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(owner);
        name::lower(&mut self.bytes[from..]);
        self.begin(section, from as u32, kind, ttl, signer);
    }

    fn begin(&mut self, section: Section, from: u32, kind: Rtype, ttl: u32, signer: Option<u32>) {
        let owner = Piece { from, to: self.bytes.len() as u32 };
        let at = self.values.len() as u32;
        let values = Piece { from: at, to: at };
        self.sets.push(Set { section, kind, ttl, signer, owner, values, signature: None });
    }

    /// Adds a value to the set that was begun last. `write` says whether there is one.
    pub fn value(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let Some(set) = self.sets.last_mut() else { return };
        let from = self.bytes.len();
        if !write(&mut self.bytes) || self.bytes.len() - from > usize::from(u16::MAX) {
            return self.bytes.truncate(from);
        }
        self.values.push(Piece { from: from as u32, to: self.bytes.len() as u32 });
        set.values.to = self.values.len() as u32;
    }

    /// Takes back the set that was begun last if it has no values.
    pub fn settle(&mut self) {
        if self.sets.last().is_some_and(|set| set.values.from == set.values.to) {
            self.sets.pop();
        }
    }

    pub fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// Lower case.
    pub fn owner(&self, set: &Set) -> &[u8] {
        self.bytes.get(set.owner.range()).unwrap_or(&[0])
    }

    pub fn owner_name(&self, set: &Set) -> Option<Name<&[u8]>> {
        Name::from_octets(self.owner(set)).ok()
    }

    pub fn values<'d>(&'d self, set: &Set) -> impl ExactSizeIterator<Item = &'d [u8]> + use<'d> {
        let pieces = self.values.get(set.values.range()).unwrap_or_default();
        pieces.iter().map(|piece| self.bytes.get(piece.range()).unwrap_or_default())
    }

    /// Puts the values into canonical order, each once (RFC 4034 §6.3).
    pub fn sort(&mut self, at: usize) {
        let Some(set) = self.sets.get_mut(at) else { return };
        let Some(pieces) = self.values.get_mut(set.values.range()) else { return };
        let bytes = &self.bytes;
        let value = |piece: &Piece| bytes.get(piece.range()).unwrap_or_default();
        if pieces.is_sorted_by(|a, b| value(a) < value(b)) {
            return;
        }
        pieces.sort_unstable_by(|a, b| value(a).cmp(value(b)));
        let mut kept = 1;
        for next in 1..pieces.len() {
            if value(&pieces[next]) != value(&pieces[kept - 1]) {
                pieces[kept] = pieces[next];
                kept += 1;
            }
        }
        set.values.to = set.values.from + kept as u32;
    }

    /// Keeps the RRSIG's data of a set.
    pub fn sign(&mut self, at: usize, data: &[&[u8]]) {
        let from = self.bytes.len() as u32;
        data.iter().for_each(|part| self.bytes.extend_from_slice(part));
        if let Some(set) = self.sets.get_mut(at) {
            set.signature = Some(Piece { from, to: self.bytes.len() as u32 });
        }
    }

    pub fn signature(&self, set: &Set) -> Option<&[u8]> {
        self.bytes.get(set.signature?.range())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_in_canonical_order() {
        let mut draft = Draft::default();
        assert!(draft.set(Section::Answer, "Www.a", Rtype::TXT, 60, None));
        for value in [&b"\x01b"[..], b"\x01a", b"\x02aa", b"\x01b", b"\x01a"] {
            draft.value(|bytes| {
                bytes.extend_from_slice(value);
                true
            });
        }
        draft.value(|bytes| {
            bytes.push(1);
            false
        });
        draft.settle();
        assert!(!draft.set(Section::Answer, "a..b", Rtype::A, 60, None));
        draft.set_of_wire(Section::Answer, b"\x01B\0", Rtype::A, 60, None);
        draft.settle();
        assert_eq!(draft.sets().len(), 1);
        let set = draft.sets()[0];
        assert_eq!(draft.values(&set).len(), 5);
        draft.sort(0);
        let set = draft.sets()[0];
        let values: Vec<&[u8]> = draft.values(&set).collect();
        assert_eq!(values, [&b"\x01a"[..], b"\x01b", b"\x02aa"]);
        draft.sign(0, &[b"pre", b"sig"]);
        let set = draft.sets()[0];
        assert_eq!(draft.signature(&set), Some(&b"presig"[..]));
    }
}
