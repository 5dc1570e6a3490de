//! What an instance keeps: the store in its state directory, and the vault that seals its secrets.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use acme::Records;
use model::{Certificate, CertificateSource};
use signal::Journal;
use store::vault::{KeyOrigin, KeyPlaces, Opened};
use store::{Sqlite, Store, Vault};
use tls::{KeptPem, Shelf, ShelfError};
use zeroize::Zeroizing;

use crate::imported;
use crate::state::StateDirectory;

/// The one handle of a process; clones share it.
#[derive(Clone, Debug)]
pub struct Keep {
    pub store: Arc<dyn Store>,
    pub vault: Arc<Vault>,
}

/// Why the state could not be used.
#[derive(Clone, Debug)]
pub struct KeepError {
    pub message: String,
    pub hint: String,
}

impl fmt::Display for KeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  hint: {}", self.message, self.hint)
    }
}

impl std::error::Error for KeepError {}

impl Keep {
    /// Opens the store of a state directory that exists, or makes it. `key`: a file that holds the
    /// store's key, where the command line names one.
    pub fn open(
        state: &StateDirectory,
        key: Option<&Path>,
        journal: Option<&Journal>,
    ) -> Result<Keep, KeepError> {
        let store = Sqlite::open(&state.database()).map_err(|e| KeepError::of(&e, e.hint()))?;
        let variable = |name: &str| std::env::var(name).ok();
        let own = state.store_key();
        let places = KeyPlaces { given: key, variable: &variable, own: &own };
        let opened = Vault::open(&store, &places).map_err(|e| KeepError::of(&e, e.hint()))?;
        if let Some(journal) = journal {
            tell(journal, &opened);
        }
        Ok(Keep { store: Arc::new(store), vault: Arc::new(opened.vault) })
    }
}

/// Where the key is has to be known: a backup without it is worth nothing.
fn tell(journal: &Journal, opened: &Opened) {
    match &opened.origin {
        KeyOrigin::Made(path) => journal.info("store/key-made", &[("path", &path.display())]),
        KeyOrigin::File { path, readable_by_others: true } => {
            journal.warn("store/key-readable-by-others", &[("path", &path.display())]);
        }
        KeyOrigin::File { .. } | KeyOrigin::Credential(_) | KeyOrigin::Environment => {}
    }
    if opened.resealed > 0 {
        journal.info("store/resealed", &[("values", &opened.resealed)]);
    }
}

impl KeepError {
    pub fn of(error: &dyn std::error::Error, hint: impl Into<String>) -> KeepError {
        let mut message = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            message.push_str(": ");
            message.push_str(&source.to_string());
            next = source.source();
        }
        KeepError { message, hint: hint.into() }
    }
}

impl Keep {
    /// Accounts, orders and certificates of authorities.
    pub fn records(&self) -> Records {
        Records::new(Arc::clone(&self.store), Arc::clone(&self.vault))
    }
}

impl Shelf for Keep {
    fn kept(&self, certificate: &Certificate) -> Result<Option<KeptPem>, ShelfError> {
        if let CertificateSource::Authority(_) = certificate.source {
            let issued = self.records().issued(&certificate.name).map_err(|trouble| {
                let hint = trouble.hint.clone().unwrap_or_else(|| "see docs/state.md".into());
                ShelfError { message: trouble.words, hint }
            })?;
            return Ok(issued.map(|issued| KeptPem {
                chain: issued.chain.as_bytes().to_vec(),
                key: Zeroizing::new(issued.key.as_bytes().to_vec()),
            }));
        }
        imported::read(self, &certificate.name)
            .map_err(|KeepError { message, hint }| ShelfError { message, hint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_state_is_said_with_its_remedy() {
        type Spoil = fn(&StateDirectory);
        let rows: &[(&str, Spoil, &str, &str)] = &[
            (
                "the key is gone",
                |state| std::fs::remove_file(state.store_key()).unwrap(),
                "the store is sealed, and its key",
                "restore it from a backup",
            ),
            (
                "another key",
                |state| std::fs::write(state.store_key(), "ab".repeat(32)).unwrap(),
                "the store was sealed with another key",
                "give the key that belongs to this state directory",
            ),
            (
                "a damaged database",
                |state| std::fs::write(state.database(), [1; 8192]).unwrap(),
                "is damaged",
                "docs/state.md",
            ),
        ];
        for (name, spoil, message, hint) in rows {
            let folder = tempfile::tempdir().unwrap();
            let state = StateDirectory::at(folder.path());
            drop(Keep::open(&state, None, None).unwrap());
            spoil(&state);
            let error = Keep::open(&state, None, None).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains(hint), "{name}: {error}");
        }
    }
}
