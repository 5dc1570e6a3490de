//! Values that nobody reads from the disk: sealed with AES-256-GCM before a store sees them.
//!
//! A sealed value is `MAGIC ‖ key id ‖ nonce ‖ ciphertext ‖ tag`. The magic, the id and the store's
//! key are authenticated with it, so that a value does not open under another name. Nonces are 96
//! random bits: one key may seal 2³² values (NIST SP 800-38D §8.3), which a store of certificates
//! does not reach.

mod keys;
mod secret;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

pub use self::keys::{KEYS_MAX, KeyError, KeyId, KeyOrigin, KeyPlaces, KeyRing};
pub use self::secret::Secret;
use crate::store::{CommitError, Entry, Failure, Store};
use crate::{CHANGES_MAX, Change, Expected, Key};

const MAGIC: &[u8; 8] = b"\0sealed1";
const ID: usize = 8;
const HEAD: usize = MAGIC.len() + ID + NONCE_LEN;
/// Sealed with the key of the store, so that a wrong one is found out at once.
const CHECK: &str = "vault/check";
const CHECK_TEXT: &[u8] = b"the key of this store";
/// How often a value that others change at the same time is sealed anew.
const RESEAL_TRIES: usize = 8;

/// Seals and opens; what it holds is overwritten when it is dropped.
pub struct Vault {
    /// The first seals; each opens what it has sealed.
    keys: Vec<(KeyId, LessSafeKey)>,
}

/// A vault, and what happened when it was opened.
#[derive(Debug)]
pub struct Opened {
    pub vault: Vault,
    pub origin: KeyOrigin,
    /// Values that an old key had sealed, and the present one has now.
    pub resealed: usize,
}

/// Why the vault of a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the store was sealed with another key than {origin} holds")]
    WrongKey { origin: KeyOrigin },
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    #[error(transparent)]
    Store(#[from] Failure),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Why a value could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    #[error("`{0}` is not sealed")]
    NotSealed(Key),
    #[error("`{key}` was sealed with the key {id}, which is not given")]
    UnknownKey { key: Key, id: KeyId },
    #[error("`{0}` is not as it was sealed: it was damaged, or moved from another name")]
    Altered(Key),
}

impl VaultError {
    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            VaultError::Key(error) => error.hint(),
            VaultError::WrongKey { .. } => {
                "give the key that belongs to this state directory; one that was replaced stands on a \
                 line below the new one (docs/state.md)"
                    .into()
            }
            VaultError::Unseal(error) => error.hint().into(),
            VaultError::Store(failure) | VaultError::Commit(CommitError::Failed(failure)) => {
                failure.hint().into()
            }
            VaultError::Commit(_) => "try again".into(),
        }
    }
}

impl UnsealError {
    /// The remedy.
    pub fn hint(&self) -> &'static str {
        match self {
            UnsealError::NotSealed(_) => "it was written by another program: restore a backup",
            UnsealError::UnknownKey { .. } => {
                "give that key as well, on a line below the present one (docs/state.md)"
            }
            UnsealError::Altered(_) => "restore a backup of the state (docs/state.md)",
        }
    }
}

// === impl Vault ===

impl Vault {
    /// Finds the key and looks whether it is the store's. A store without one gets the key that is
    /// found, or a new one; what an old key sealed is sealed again with the present one.
    pub fn open(store: &dyn Store, places: &KeyPlaces<'_>) -> Result<Opened, VaultError> {
        let check = check_key();
        let known = store.get(&check)?;
        let (ring, origin) = match &known {
            Some(_) => KeyRing::find(places)?,
            None => KeyRing::find_or_make(places)?,
        };
        let vault = Vault::new(&ring);
        let known = match known {
            Some(entry) => entry,
            None => vault.adopt(store, &check)?,
        };
        match vault.unseal(&known) {
            Ok(text) if text.expose() == CHECK_TEXT => {}
            Ok(_) => return Err(UnsealError::Altered(check).into()),
            Err(UnsealError::UnknownKey { .. }) => return Err(VaultError::WrongKey { origin }),
            Err(error) => return Err(error.into()),
        }
        // The check is sealed anew last: until then the next start goes on where this one stopped.
        let resealed = match vault.is_current(&known.value) {
            true => 0,
            false => vault.reseal(store, &check)?,
        };
        Ok(Opened { vault, origin, resealed })
    }

    pub fn new(ring: &KeyRing) -> Vault {
        let made = |key: &[u8; keys::KEY_BYTES]| {
            let unbound = UnboundKey::new(&AES_256_GCM, key)
                .unwrap_or_else(|_| unreachable!("a key of AES-256 has 32 bytes"));
            (KeyId::of(key), LessSafeKey::new(unbound))
        };
        Vault { keys: ring.keys().map(made).collect() }
    }

    /// What may be put into a store under `key`, and opened under that name only.
    pub fn seal(&self, key: &Key, secret: &[u8]) -> Vec<u8> {
        let (id, sealing) = &self.keys[0];
        let nonce: [u8; NONCE_LEN] = net::random::os_bytes();
        // All of it at once: a buffer that grew would leave the text where it was.
        let mut sealed = Vec::with_capacity(HEAD + secret.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(MAGIC);
        sealed.extend_from_slice(&id.0);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(secret);
        let tag = sealing
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated(*id, key)),
                &mut sealed[HEAD..],
            )
            .unwrap_or_else(|_| unreachable!("only a text of 64 GiB cannot be sealed"));
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    pub fn unseal(&self, entry: &Entry) -> Result<Secret, UnsealError> {
        let key = &entry.key;
        let Some((id, nonce, text)) = parts(&entry.value) else {
            return Err(UnsealError::NotSealed(key.clone()));
        };
        let Some((_, opening)) = self.keys.iter().find(|(known, _)| *known == id) else {
            return Err(UnsealError::UnknownKey { key: key.clone(), id });
        };
        let mut secret = Secret::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = opening
            .open_in_place(nonce, Aad::from(associated(id, key)), secret.bytes())
            .map_err(|_| UnsealError::Altered(key.clone()))?
            .len();
        secret.truncate(length);
        Ok(secret)
    }

    /// Gives a store its check. If another process was faster, its check counts.
    fn adopt(&self, store: &dyn Store, check: &Key) -> Result<Entry, VaultError> {
        let sealed = self.seal(check, CHECK_TEXT);
        let put = Change::put(check.clone(), sealed).expecting(Expected::Absent);
        match store.commit(&[put]) {
            Ok(_) | Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        store.get(check)?.ok_or_else(|| UnsealError::Altered(check.clone()).into())
    }

    fn is_current(&self, value: &[u8]) -> bool {
        parts(value).is_some_and(|(id, _, _)| id == self.keys[0].0)
    }

    /// Seals with the present key what an older one has sealed, and tells how much that was.
    fn reseal(&self, store: &dyn Store, check: &Key) -> Result<usize, VaultError> {
        let mut count = 0;
        for _ in 0..RESEAL_TRIES {
            let (changes, conflict) = self.reseal_once(store, check)?;
            count += changes;
            if !conflict {
                let sealed = self.seal(check, CHECK_TEXT);
                store.commit(&[Change::put(check.clone(), sealed)])?;
                break;
            }
        }
        Ok(count)
    }

    fn reseal_once(&self, store: &dyn Store, check: &Key) -> Result<(usize, bool), VaultError> {
        let listing = store.list("")?;
        let mut changes = Vec::new();
        for entry in &listing.entries {
            let sealed = parts(&entry.value).is_some() && !self.is_current(&entry.value);
            if sealed && entry.key != *check {
                let again = self.seal(&entry.key, self.unseal(entry)?.expose());
                let mut put = Change::put(entry.key.clone(), again);
                if let (crate::Action::Put { lease, .. }, was) = (&mut put.action, entry.lease) {
                    *lease = was;
                }
                changes.push(put.expecting(Expected::Revision(entry.revision)));
            }
        }
        let (mut count, mut conflict) = (0, false);
        for some in changes.chunks(CHANGES_MAX) {
            match store.commit(some) {
                Ok(_) => count += some.len(),
                Err(CommitError::Conflict { .. } | CommitError::LeaseEnded(_)) => conflict = true,
                Err(error) => return Err(error.into()),
            }
        }
        Ok((count, conflict))
    }
}

/// Whether a value looks like one that a vault has made.
pub fn is_sealed(value: &[u8]) -> bool {
    parts(value).is_some()
}

/// The id of its key, the nonce, and the text with its tag.
fn parts(value: &[u8]) -> Option<(KeyId, [u8; NONCE_LEN], &[u8])> {
    let rest = value.strip_prefix(MAGIC)?;
    let (id, rest) = rest.split_first_chunk::<ID>()?;
    let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
    Some((KeyId(*id), *nonce, text))
}

fn associated(id: KeyId, key: &Key) -> Vec<u8> {
    [&MAGIC[..], &id.0, key.as_str().as_bytes()].concat()
}

fn check_key() -> Key {
    Key::new(CHECK).unwrap_or_else(|_| unreachable!("`{CHECK}` is a key"))
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

#[cfg(test)]
mod tests;
