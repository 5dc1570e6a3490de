//! What an instance keeps: the store in its state directory, and the vault that seals its secrets.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use signal::Journal;
use store::vault::KeyPlaces;
use store::{Sqlite, Store, Vault};

use crate::state::StateDirectory;

/// The one handle of a process; clones share it.
#[derive(Clone)]
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

impl Keep {
    /// Opens the store of a state directory that exists, or makes it.
    pub fn open(
        state: &StateDirectory,
        key: Option<&Path>,
        _: Option<&Journal>,
    ) -> Result<Keep, KeepError> {
        let store = Sqlite::open(&state.database())
            .map_err(|e| KeepError { message: e.to_string(), hint: e.hint() })?;
        let variable = |name: &str| std::env::var(name).ok();
        let own = state.store_key();
        let places = KeyPlaces { given: key, variable: &variable, own: &own };
        let opened = Vault::open(&store, &places)
            .map_err(|e| KeepError { message: e.to_string(), hint: e.hint() })?;
        Ok(Keep { store: Arc::new(store), vault: Arc::new(opened.vault) })
    }
}
