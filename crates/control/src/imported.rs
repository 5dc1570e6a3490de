//! Certificates that a person brought: their chain as it is, their key sealed.

use std::fmt;

use serde::{Deserialize, Serialize};
use store::{Change, Key};
use tls::{Identity, KeptPem, LoadWarning, Loaded};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::keep::{Keep, KeepError};

const ROOM: &str = "imported";
const CHAIN: &str = "chain";
const KEY: &str = "key";

/// A certificate that is brought, as PEM. Its `Debug` shows its name
/// only, and it is overwritten when it is dropped.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Import {
    pub name: String,
    pub chain: String,
    pub key: String,
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Below which everything of this kind is, for a watch.
pub fn prefix() -> String {
    format!("{ROOM}/")
}

/// Keeps it, if it can be served at all; tells what is doubtful about it.
pub fn keep(keep: &Keep, import: &Import, now_unix: i64) -> Result<Vec<LoadWarning>, KeepError> {
    let (chain, key) = (import.chain.as_bytes(), import.key.as_bytes());
    let Loaded { warnings, .. } = Identity::from_pem(&import.name, chain, key, now_unix)
        .map_err(|error| KeepError::of(&error, error.hint()))?;
    let (chain_at, key_at) = (at(&import.name, CHAIN)?, at(&import.name, KEY)?);
    let sealed = keep.vault.seal(&key_at, key);
    let changes = [Change::put(chain_at, chain.to_vec()), Change::put(key_at, sealed)];
    keep.store.commit(&changes).map_err(|error| match error {
        store::CommitError::Failed(failure) => KeepError::of(&failure, failure.hint()),
        other => KeepError::of(&other, "give the chain alone, without a bundle of authorities"),
    })?;
    Ok(warnings)
}

/// `None`: nothing was imported by that name.
pub fn read(keep: &Keep, name: &str) -> Result<Option<KeptPem>, KeepError> {
    let listing = keep.store.list(&format!("{ROOM}/{}/", Key::segment(name)));
    let listing = listing.map_err(|e| KeepError::of(&e, e.hint()))?;
    // One look for both: between two, another import could come.
    let (chain_at, key_at) = (at(name, CHAIN)?, at(name, KEY)?);
    let find = |key: &Key| listing.entries.iter().find(|entry| entry.key == *key);
    let (Some(chain), Some(sealed)) = (find(&chain_at), find(&key_at)) else {
        return Ok(None);
    };
    let secret = keep.vault.unseal(sealed).map_err(|e| KeepError::of(&e, e.hint()))?;
    let key = Zeroizing::new(secret.expose().to_vec());
    Ok(Some(KeptPem { chain: chain.value.clone(), key }))
}

/// Names of all that was imported, as segments of keys.
pub fn names(keep: &Keep) -> Result<Vec<String>, KeepError> {
    let listing = keep.store.list(&prefix()).map_err(|e| KeepError::of(&e, e.hint()))?;
    let mut names: Vec<String> = listing.entries.iter().filter_map(|e| name_in(&e.key)).collect();
    names.dedup();
    Ok(names)
}

/// The name, as a segment, in a key of this kind.
pub fn name_in(key: &Key) -> Option<String> {
    let (name, _) = key.as_str().strip_prefix(ROOM)?.strip_prefix('/')?.split_once('/')?;
    Some(name.to_owned())
}

fn at(name: &str, what: &str) -> Result<Key, KeepError> {
    Key::new(format!("{ROOM}/{}/{what}", Key::segment(name))).map_err(|_| KeepError {
        message: format!("`{name}` is no name that a certificate can have"),
        hint: "give it the name that the configuration gives it".into(),
    })
}
