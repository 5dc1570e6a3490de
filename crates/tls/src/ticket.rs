//! Session tickets without a session store (RFC 5077 §4, RFC 8446 §4.6.1).

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::server::ProducesTickets;

use crate::server::SettingsError;

const KEY_NAME_LEN: usize = 16;
const KEY_LEN: usize = 32;
/// What rustls puts into a ticket is a few hundred bytes; more is not ours.
const TICKET_BYTES_MAX: usize = 8192;

/// The ticket keys of one listener, shared by every core and kept across reloads, so that a client
/// may resume on any of them.
///
/// Whoever owns it calls [`rotate`](Ticketer::rotate) every [`ROTATE_EVERY`](Ticketer::ROTATE_EVERY):
/// keys are never written down, and a ticket is good under the current key and the one before.
pub struct Ticketer {
    keys: RwLock<Keys>,
}

#[derive(Clone)]
struct Keys {
    current: Arc<Key>,
    previous: Option<Arc<Key>>,
}

/// AES-256-GCM under random nonces: good for 2^32 tickets, which six hours of handshakes on one
/// listener do not reach.
struct Key {
    name: [u8; KEY_NAME_LEN],
    cipher: RandomizedNonceKey,
}

impl Ticketer {
    pub const ROTATE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

    pub fn new() -> Result<Arc<Ticketer>, SettingsError> {
        let keys = Keys { current: Arc::new(Key::generate()?), previous: None };
        Ok(Arc::new(Ticketer { keys: RwLock::new(keys) }))
    }

    /// Begins to issue under a new key. Tickets of the last key are still accepted, older ones mean
    /// a full handshake. On failure nothing changes.
    pub fn rotate(&self) -> Result<(), SettingsError> {
        let fresh = Arc::new(Key::generate()?);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let last = std::mem::replace(&mut keys.current, fresh);
        keys.previous = Some(last);
        Ok(())
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    /// The longest that a ticket can be good for, in seconds.
    fn lifetime(&self) -> u32 {
        u32::try_from(2 * Ticketer::ROTATE_EVERY.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys().current.seal(plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES_MAX {
            return None;
        }
        let (name, rest) = ticket.split_first_chunk::<KEY_NAME_LEN>()?;
        let Keys { current, previous } = self.keys();
        let key = [Some(current), previous].into_iter().flatten().find(|k| k.name == *name)?;
        key.open(rest)
    }
}

impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticketer").finish_non_exhaustive()
    }
}

// === impl Key ===

impl Key {
    fn generate() -> Result<Key, SettingsError> {
        let (mut name, mut secret) = ([0; KEY_NAME_LEN], [0; KEY_LEN]);
        let random = |_| SettingsError::Random;
        aws_lc_rs::rand::fill(&mut name).map_err(random)?;
        aws_lc_rs::rand::fill(&mut secret).map_err(random)?;
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, &secret).map_err(random);
        secret.fill(0);
        Ok(Key { name, cipher: cipher? })
    }

    /// Key name, nonce, then the state and its tag.
    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = plain.to_vec();
        let nonce =
            self.cipher.seal_in_place_append_tag(Aad::from(&self.name), &mut sealed).ok()?;
        let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
        Some([&self.name[..], &nonce[..], &sealed[..]].concat())
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut state = sealed.to_vec();
        let nonce = Nonce::from(nonce);
        let length =
            self.cipher.open_in_place(nonce, Aad::from(&self.name), &mut state).ok()?.len();
        state.truncate(length);
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_outlives_one_rotation_and_not_two() {
        let ticketer = Ticketer::new().unwrap();
        let ticket = ticketer.encrypt(b"state").unwrap();
        assert_eq!(ticketer.decrypt(&ticket).as_deref(), Some(&b"state"[..]));
        ticketer.rotate().unwrap();
        assert_eq!(ticketer.decrypt(&ticket).as_deref(), Some(&b"state"[..]));
        assert_ne!(ticketer.encrypt(b"state").unwrap(), ticket);
        ticketer.rotate().unwrap();
        assert_eq!(ticketer.decrypt(&ticket), None);
    }

    #[test]
    fn what_was_changed_or_made_elsewhere_is_not_accepted() {
        let ticketer = Ticketer::new().unwrap();
        let ticket = ticketer.encrypt(b"state").unwrap();
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(ticketer.decrypt(&changed), None, "byte {at}");
            assert_eq!(ticketer.decrypt(&ticket[..at]), None, "cut at {at}");
        }
        assert_eq!(Ticketer::new().unwrap().decrypt(&ticket), None);
        assert_eq!(ticketer.decrypt(&vec![0; TICKET_BYTES_MAX + 1]), None);
    }
}
