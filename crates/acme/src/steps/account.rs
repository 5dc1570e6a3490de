//! The steps that lead to an account.

use instant_acme::{Account, AccountCredentials};
use machine::order::{Done, Failure};
use model::SecretSource;
use zeroize::Zeroize;

use super::Errand;
use crate::account::{self, Directory, External};
use crate::words::Trouble;

/// By which clocks may differ: certificates are made out from an hour ago.
const CLOCK_APART_MAX: i64 = 3600;

impl Errand<'_> {
    pub(super) async fn make_account_key(&self) -> Result<Done, Trouble> {
        // Another certificate may be about to open the same account.
        let _one = self.shared.accounts.lock().await;
        if self.shared.records.account(&self.asked.account)?.is_none() {
            let account = crate::kept::Account {
                directory: self.asked.authority.directory.clone(),
                key: account::new_key().map_err(|error| self.trouble(&error))?,
                url: None,
            };
            self.shared.records.put_account(&self.asked.account, &account)?;
        }
        Ok(Done::AccountKeyMade)
    }

    pub(super) async fn open_account(&self) -> Result<Done, Trouble> {
        let _one = self.shared.accounts.lock().await;
        let Some(mut account) = self.shared.records.account(&self.asked.account)? else {
            return Err(Trouble::new(Failure::AccountLost, "the key of the account is gone"));
        };
        if account.url.is_some() {
            return Ok(Done::AccountOpened);
        }
        let authority = &self.asked.authority;
        let directory = self.directory().await?;
        let mut secret = match &authority.external_account {
            Some(external) => Some(external_key(&external.key)?),
            None if directory.meta.external_account_required => {
                let words = format!("`{}` issues to its customers only", authority.name);
                return Err(Trouble::new(Failure::Declined, words).hint(
                    "add `eab { key_id = \"…\"  key = file(\"…\") }` to its block, as it gave them to you",
                ));
            }
            None => None,
        };
        let external = authority
            .external_account
            .as_ref()
            .zip(secret.as_deref())
            .map(|(external, key)| External { key_id: &external.key_id, key });
        let opened =
            account::open(self.client, &directory, &account.key, &authority.contact, external)
                .await;
        secret.zeroize();
        account.url = Some(opened.map_err(|error| self.trouble(&error))?);
        self.shared.records.put_account(&self.asked.account, &account)?;
        Ok(Done::AccountOpened)
    }

    pub(super) async fn directory(&self) -> Result<Directory, Trouble> {
        let found = account::directory(self.client, &self.asked.authority.directory).await;
        let (directory, theirs) = found.map_err(|error| self.trouble(&error))?;
        match theirs.map(|theirs| theirs - net::clock::unix_seconds()) {
            Some(apart) if apart.abs() > CLOCK_APART_MAX => {
                let words = format!(
                    "not asked: the clock of this machine is {} minutes {} that of `{}`",
                    apart.abs() / 60,
                    if apart > 0 { "behind" } else { "before" },
                    self.asked.authority.name
                );
                Err(Trouble::new(Failure::NotReady, words)
                    .hint("set the clock, and have it kept by NTP: `timedatectl set-ntp true`"))
            }
            Some(_) | None => Ok(directory),
        }
    }

    /// The account, as the library has it. What it lost at the authority is opened again.
    pub async fn account(&self) -> Result<Account, Trouble> {
        let stored = self.shared.records.account(&self.asked.account)?;
        let lost = || Trouble::new(Failure::AccountLost, "the account is not known");
        let stored = stored.ok_or_else(lost)?;
        let url = stored.url.clone().ok_or_else(lost)?;
        let credentials: AccountCredentials = serde_json::from_value(serde_json::json!({
            "id": url,
            "key_pkcs8": crate::base64url::encode(&stored.key),
            "directory": self.asked.authority.directory,
        }))
        .map_err(Trouble::ours)?;
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        let account = builder.from_credentials(credentials).await;
        account.map_err(|error| self.trouble(&error))
    }

    /// That the authority does not know it any more, so that the next step opens it.
    pub fn forget_account(&self) -> Result<(), Trouble> {
        if let Some(mut account) = self.shared.records.account(&self.asked.account)? {
            account.url = None;
            self.shared.records.put_account(&self.asked.account, &account)?;
        }
        Ok(())
    }
}

/// The secret of a customer's account, as bytes (RFC 8555 §7.3.4).
fn external_key(source: &SecretSource) -> Result<Vec<u8>, Trouble> {
    let mut text = match source {
        SecretSource::File(path) => std::fs::read_to_string(path)
            .map_err(|error| Trouble::ours(format!("cannot read `{}`: {error}", path.display())))?,
        SecretSource::Variable(name) => std::env::var(name)
            .map_err(|_| Trouble::ours(format!("the environment has no `{name}`")))?,
    };
    let key = crate::base64url::decode(&text);
    text.zeroize();
    key.filter(|key| !key.is_empty()).ok_or_else(|| {
        Trouble::new(Failure::Declined, "the `key` of `eab` is not base64url")
            .hint("give it as the authority shows it")
    })
}
