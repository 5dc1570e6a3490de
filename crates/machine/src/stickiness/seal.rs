//! Sealing and opening of cookie values.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use model::Seconds;

use super::base64;

pub const KEY_LEN: usize = 32;
pub const NONCE_LEN: usize = aws_lc_rs::aead::NONCE_LEN;

/// How long a key should be the current one: as long as the longest stickiness period (604800 s,
/// ALB.md §2c), so that two keys open every value that has not expired.
pub const KEY_LIFETIME: Seconds = Seconds(604_800);

/// First byte of a value; another layout gets another number.
const VERSION: u8 = 1;
const PLAIN_LEN: usize = 16;
const TAG_LEN: usize = 16;
const PLAIN_AT: usize = 1 + NONCE_LEN;
const TAG_AT: usize = PLAIN_AT + PLAIN_LEN;
/// A multiple of three, so that the text has no padding and no spare bits.
const RAW_LEN: usize = TAG_AT + TAG_LEN;
pub const VALUE_LEN: usize = RAW_LEN / 3 * 4;

/// What a value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub key: u64,
    /// Seconds since 1970.
    pub expires: i64,
}

/// The key that seals, and the one before it, which still opens.
#[derive(Clone)]
pub struct KeyRing {
    current: Arc<LessSafeKey>,
    previous: Option<Arc<LessSafeKey>>,
}

// === impl KeyRing ===

impl KeyRing {
    pub fn new(current: [u8; KEY_LEN]) -> Self {
        KeyRing { current: Arc::new(key(current)), previous: None }
    }

    /// `next` seals from now on; the key before the current one is forgotten.
    pub fn rotated(&self, next: [u8; KEY_LEN]) -> Self {
        KeyRing { current: Arc::new(key(next)), previous: Some(Arc::clone(&self.current)) }
    }

    /// `None` only if the crypto library fails of itself.
    pub(super) fn seal(
        &self,
        sealed: Sealed,
        kind: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Option<[u8; VALUE_LEN]> {
        let mut raw = [0; RAW_LEN];
        raw[0] = VERSION;
        raw[1..PLAIN_AT].copy_from_slice(&nonce);
        raw[PLAIN_AT..PLAIN_AT + 8].copy_from_slice(&sealed.key.to_be_bytes());
        raw[PLAIN_AT + 8..TAG_AT].copy_from_slice(&sealed.expires.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = &mut raw[PLAIN_AT..TAG_AT];
        let tag = self.current.seal_in_place_separate_tag(nonce, Aad::from(kind), plain).ok()?;
        raw[TAG_AT..].copy_from_slice(tag.as_ref());
        let mut value = [0; VALUE_LEN];
        base64::encode(&raw, &mut value);
        Some(value)
    }

    pub(super) fn open(&self, value: &[u8], kind: &[u8]) -> Option<Sealed> {
        let mut raw = [0; RAW_LEN];
        base64::decode(value, &mut raw)?;
        if raw[0] != VERSION {
            return None;
        }
        let keys = [Some(&self.current), self.previous.as_ref()];
        keys.into_iter().flatten().find_map(|key| open_with(key, raw, kind))
    }
}

/// Never the keys.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

fn key(bytes: [u8; KEY_LEN]) -> LessSafeKey {
    // Only a wrong length fails, and the type has the right one.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).expect("32 bytes"))
}

/// `raw` is a copy: opening writes over it, and a second key may have to try.
fn open_with(key: &LessSafeKey, mut raw: [u8; RAW_LEN], kind: &[u8]) -> Option<Sealed> {
    let nonce = Nonce::try_assume_unique_for_key(&raw[1..PLAIN_AT]).ok()?;
    let plain = key.open_in_place(nonce, Aad::from(kind), &mut raw[PLAIN_AT..]).ok()?;
    let (key, expires) = plain.split_at_checked(8)?;
    Some(Sealed {
        key: u64::from_be_bytes(key.try_into().ok()?),
        expires: i64::from_be_bytes(expires.try_into().ok()?),
    })
}
