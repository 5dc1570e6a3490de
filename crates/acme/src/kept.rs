//! What is stored of accounts, orders and certificates, sealed: each holds a key.

use std::sync::Arc;
use std::time::Duration;

use machine::order::{Failure, Kept, Line, Standing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{Change, Key, Store, Vault};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::state::LastError;
use crate::words::Trouble;

const ROOM: &str = "acme";

/// An account at an authority (RFC 8555 §7.1.2).
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Account {
    pub directory: String,
    /// PKCS #8.
    pub key: Vec<u8>,
    /// Its address; `None` before it was opened.
    pub url: Option<String>,
}

/// An order that is under way.
#[derive(Clone, Default, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Pending {
    pub names: Vec<String>,
    /// PEM, of the certificate that is to come.
    pub key: Option<String>,
    /// Its address.
    pub order: Option<String>,
    /// Of the last failure.
    pub words: String,
    pub hint: Option<String>,
    #[zeroize(skip)]
    pub failures: u32,
    /// Seconds since 1970.
    pub due: u64,
    #[zeroize(skip)]
    pub last: Option<StoredFailure>,
}

/// [`Failure`], as far as it matters after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredFailure {
    BadNonce,
    Unreachable,
    RateLimited,
    NotProved,
    OrderLost,
    AccountLost,
    Declined,
    Slow,
    NotReady,
    Ours,
}

/// A certificate that came.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Issued {
    /// PEM, the leaf first.
    pub chain: String,
    pub key: String,
    pub names: Vec<String>,
    /// Name of the authority's block.
    pub authority: String,
    pub key_kind: String,
    /// Seconds since 1970.
    pub at: u64,
}

/// The store, with what seals.
#[derive(Clone, Debug)]
pub struct Records {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
}

impl Records {
    pub fn new(store: Arc<dyn Store>, vault: Arc<Vault>) -> Records {
        Records { store, vault }
    }

    pub fn account(&self, id: &str) -> Result<Option<Account>, Trouble> {
        self.read(&account_key(id)?)
    }

    pub fn put_account(&self, id: &str, account: &Account) -> Result<(), Trouble> {
        self.commit(&[self.sealed(account_key(id)?, account)?])
    }

    pub fn pending(&self, certificate: &str, account: &str) -> Result<Option<Pending>, Trouble> {
        self.read(&order_key(certificate, account)?)
    }

    pub fn put_pending(
        &self,
        certificate: &str,
        account: &str,
        pending: &Pending,
    ) -> Result<(), Trouble> {
        self.commit(&[self.sealed(order_key(certificate, account)?, pending)?])
    }

    pub fn issued(&self, certificate: &str) -> Result<Option<Issued>, Trouble> {
        self.read(&certificate_key(certificate)?)
    }

    /// In place of the orders that led to it, in one commit.
    pub fn put_issued(
        &self,
        certificate: &str,
        issued: &Issued,
        orders: &[String],
    ) -> Result<(), Trouble> {
        let mut changes = vec![self.sealed(certificate_key(certificate)?, issued)?];
        for account in orders {
            changes.push(Change::delete(order_key(certificate, account)?));
        }
        self.commit(&changes)
    }

    /// Hosts that have a certificate below a declaration's name.
    pub fn hosts(&self, certificate: &str) -> Result<Vec<String>, Trouble> {
        let prefix = format!("{ROOM}/certificate/{certificate}/");
        let all = self.store.list(&prefix).map_err(Trouble::ours)?;
        let host =
            |entry: &store::Entry| entry.key.as_str().strip_prefix(&prefix).map(str::to_owned);
        Ok(all.entries.iter().filter_map(host).collect())
    }

    /// One that has expired, and that nobody came for.
    pub fn forget_issued(&self, certificate: &str) -> Result<(), Trouble> {
        self.commit(&[Change::delete(certificate_key(certificate)?)])
    }

    pub fn forget_pending(&self, certificate: &str, account: &str) -> Result<(), Trouble> {
        self.commit(&[Change::delete(order_key(certificate, account)?)])
    }

    fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Trouble> {
        let Some(entry) = self.store.get(key).map_err(Trouble::ours)? else { return Ok(None) };
        let secret = self.vault.unseal(&entry).map_err(Trouble::ours)?;
        serde_json::from_slice(secret.expose())
            .map(Some)
            .map_err(|_| Trouble::ours(format!("`{key}` in the store is of another version")))
    }

    fn sealed(&self, key: Key, value: &impl Serialize) -> Result<Change, Trouble> {
        let mut text = serde_json::to_vec(value).map_err(Trouble::ours)?;
        let sealed = self.vault.seal(&key, &text);
        text.zeroize();
        Ok(Change::put(key, sealed))
    }

    fn commit(&self, changes: &[Change]) -> Result<(), Trouble> {
        self.store.commit(changes).map(drop).map_err(Trouble::ours)
    }
}

fn account_key(id: &str) -> Result<Key, Trouble> {
    key(format!("{ROOM}/account/{id}"))
}

fn order_key(certificate: &str, account: &str) -> Result<Key, Trouble> {
    key(format!("{ROOM}/order/{certificate}/{account}"))
}

fn certificate_key(certificate: &str) -> Result<Key, Trouble> {
    key(format!("{ROOM}/certificate/{certificate}"))
}

fn key(text: String) -> Result<Key, Trouble> {
    Key::new(text).map_err(Trouble::ours)
}

impl Pending {
    /// Where the machine goes on.
    pub fn line(&self, account: Option<&Account>) -> Line {
        let opened = account.is_some_and(|account| account.url.is_some());
        let kept = match (account.is_some(), opened, &self.key, &self.order) {
            (false, ..) => Kept::Nothing,
            (true, false, ..) => Kept::AccountKey,
            (true, true, None, _) => Kept::Account,
            (true, true, Some(_), None) => Kept::Key,
            (true, true, Some(_), Some(_)) => Kept::Order,
        };
        let standing = Standing {
            failures: self.failures,
            last: self.last.map(StoredFailure::failure),
            due: Duration::from_secs(self.due),
        };
        Line::resumed(kept, standing)
    }

    /// What failed before a restart.
    pub fn last_error(&self) -> Option<LastError> {
        self.last.map(|_| LastError {
            words: self.words.clone(),
            hint: self.hint.clone(),
            failures: self.failures,
        })
    }

    /// What the machine made of the last failure.
    pub fn stand(&mut self, line: &Line, trouble: &Trouble) {
        self.failures = line.standing.failures;
        self.due = line.standing.due.as_secs();
        self.last = line.standing.last.map(StoredFailure::of);
        self.words.clone_from(&trouble.words);
        self.hint.clone_from(&trouble.hint);
        // What could not be stored is not lost for that: it is stored with the next attempt.
        if trouble.failure != Failure::Ours && line.kept < Kept::Order {
            self.order = None;
        }
        if trouble.failure != Failure::Ours && line.kept < Kept::Key {
            self.key.zeroize();
            self.key = None;
        }
    }
}

impl StoredFailure {
    fn of(failure: Failure) -> StoredFailure {
        match failure {
            Failure::BadNonce => StoredFailure::BadNonce,
            Failure::Unreachable { .. } => StoredFailure::Unreachable,
            Failure::RateLimited { .. } => StoredFailure::RateLimited,
            Failure::NotProved => StoredFailure::NotProved,
            Failure::OrderLost => StoredFailure::OrderLost,
            Failure::AccountLost => StoredFailure::AccountLost,
            Failure::Declined => StoredFailure::Declined,
            Failure::Slow => StoredFailure::Slow,
            Failure::NotReady => StoredFailure::NotReady,
            Failure::Ours => StoredFailure::Ours,
        }
    }

    fn failure(self) -> Failure {
        match self {
            StoredFailure::BadNonce => Failure::BadNonce,
            StoredFailure::Unreachable => Failure::Unreachable { retry_after: None },
            StoredFailure::RateLimited => Failure::RateLimited { retry_after: None },
            StoredFailure::NotProved => Failure::NotProved,
            StoredFailure::OrderLost => Failure::OrderLost,
            StoredFailure::AccountLost => Failure::AccountLost,
            StoredFailure::Declined => Failure::Declined,
            StoredFailure::Slow => Failure::Slow,
            StoredFailure::NotReady => Failure::NotReady,
            StoredFailure::Ours => Failure::Ours,
        }
    }
}
