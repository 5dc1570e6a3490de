//! The steps of an order, one at a time: each does what the machine asks, and stores what came of it
//! before it says so.

use std::rc::Rc;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeStatus, ChallengeType, Error,
    Identifier, NewOrder, Order,
};
use machine::order::{Done, Failure, OrderStatus, Step};
use model::{ChallengeKind, SecretSource};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, RsaKeySize};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroize;

use crate::account::{self, Directory, External};
use crate::challenges::Proof;
use crate::client::{Client, Told};
use crate::keeper::Shared;
use crate::kept::{Issued, Pending};
use crate::wanted::{Asked, Wanted};
use crate::words::{Trouble, trouble};

/// Nonces that are refused, each after the library's own three tries, before the machine is told.
const NONCE_TRIES: usize = 6;
/// By which clocks may differ: certificates are made out from an hour ago.
const CLOCK_APART_MAX: i64 = 3600;
/// Of one certificate, with its intermediate ones.
const CHAIN_BYTES_MAX: usize = 200 * 1024;

/// One certificate at one authority.
pub struct Errand<'e> {
    pub shared: &'e Rc<Shared>,
    pub wanted: &'e Wanted,
    pub asked: &'e Asked,
    pub client: &'e Client,
    /// The certificate that this one replaces, PEM.
    pub replaces: Option<&'e str>,
    pub pending: Pending,
}

impl Errand<'_> {
    /// Does it, again where a nonce was refused: that says nothing of the request.
    pub async fn carry_out(&mut self, step: Step) -> Result<Done, Trouble> {
        let mut last = None;
        for _ in 0..NONCE_TRIES {
            match self.attempt(step).await {
                Err(trouble) if trouble.failure == Failure::BadNonce => last = Some(trouble),
                result => return result,
            }
        }
        Err(last.unwrap_or_else(|| Trouble::new(Failure::BadNonce, "no nonce was taken")))
    }

    async fn attempt(&mut self, step: Step) -> Result<Done, Trouble> {
        match step {
            Step::MakeAccountKey => self.make_account_key().await,
            Step::OpenAccount => self.open_account().await,
            Step::MakeKey => self.make_key(),
            Step::PlaceOrder => self.place_order().await,
            Step::Look => self.look().await,
            Step::Prove => self.prove().await,
            Step::Finalize => self.finalize().await,
            Step::Download => self.download().await,
        }
    }

    fn told(&self) -> Told {
        self.client.told()
    }

    fn trouble(&self, error: &Error) -> Trouble {
        trouble(&self.asked.authority.name, error, self.told().take())
    }

    // === account ===

    async fn make_account_key(&self) -> Result<Done, Trouble> {
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

    async fn open_account(&self) -> Result<Done, Trouble> {
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

    async fn directory(&self) -> Result<Directory, Trouble> {
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

    // === order ===

    fn make_key(&mut self) -> Result<Done, Trouble> {
        let made = match self.wanted.key {
            model::KeyKind::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            model::KeyKind::EcdsaP384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            model::KeyKind::Rsa2048 => {
                KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)
            }
        };
        self.pending.key = Some(made.map_err(Trouble::ours)?.serialize_pem());
        self.pending.names.clone_from(&self.wanted.names);
        self.store()?;
        Ok(Done::KeyMade)
    }

    async fn place_order(&mut self) -> Result<Done, Trouble> {
        let directory = self.directory().await?;
        self.shared.look_ahead(self.wanted, self.asked, &directory)?;
        let account = self.account().await?;
        let identifiers: Vec<Identifier> =
            self.wanted.names.iter().map(|name| Identifier::Dns(name.clone())).collect();
        let plain = || match &self.asked.authority.profile {
            Some(profile) => NewOrder::new(&identifiers).profile(profile),
            None => NewOrder::new(&identifiers),
        };
        // RFC 9773 §5: only the authority that issued it knows the one before.
        let leaf =
            self.replaces.and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
        let replaced = leaf.as_ref().and_then(|leaf| leaf.try_into().ok());
        let placed = match replaced {
            Some(replaced) => match account.new_order(&plain().replaces(replaced)).await {
                // The other end has no such thing, or has replaced it already: it is no condition.
                Err(Error::Unsupported(_)) => account.new_order(&plain()).await,
                Err(Error::Api(problem)) if is_about_replacement(&problem) => {
                    account.new_order(&plain()).await
                }
                result => result,
            },
            None => account.new_order(&plain()).await,
        };
        let order = placed.map_err(|error| self.trouble(&error))?;
        self.pending.order = Some(order.url().to_owned());
        self.store()?;
        Ok(Done::OrderPlaced)
    }

    async fn order(&self) -> Result<Order, Trouble> {
        let lost = || Trouble::new(Failure::OrderLost, "the order is not known");
        let url = self.pending.order.clone().ok_or_else(lost)?;
        let account = self.account().await?;
        account.order(url).await.map_err(|error| self.trouble(&error))
    }

    async fn look(&mut self) -> Result<Done, Trouble> {
        let mut order = self.order().await?;
        let status = match order.state().status {
            instant_acme::OrderStatus::Pending => OrderStatus::Pending,
            instant_acme::OrderStatus::Ready => OrderStatus::Ready,
            instant_acme::OrderStatus::Processing => OrderStatus::Processing,
            instant_acme::OrderStatus::Valid => OrderStatus::Valid,
            instant_acme::OrderStatus::Invalid => return Err(self.why_invalid(&mut order).await),
        };
        if status != OrderStatus::Pending {
            self.shared.withdraw(&self.wanted.name).await;
        }
        Ok(Done::Seen(status))
    }

    /// What the authority says of each name that it was not convinced of.
    async fn why_invalid(&self, order: &mut Order) -> Trouble {
        self.shared.withdraw(&self.wanted.name).await;
        let name = &self.asked.authority.name;
        let mut found: Vec<(String, Trouble)> = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let Ok(authorization) = authorization else { break };
            let identifier = authorization.identifier().to_string();
            let problems = authorization.challenges.iter().filter_map(|one| one.error.as_ref());
            for problem in problems {
                let trouble = crate::words::of_problem(name, problem, None);
                found.push((identifier.clone(), trouble));
            }
        }
        let own = order.state().error.as_ref();
        let Some((_, first)) = found.first() else {
            return match own {
                Some(problem) => crate::words::of_problem(name, problem, None),
                None => {
                    Trouble::new(Failure::OrderLost, format!("`{name}` has given the order up"))
                }
            };
        };
        let words: Vec<String> = found
            .iter()
            .map(|(identifier, trouble)| format!("`{identifier}`: {}", trouble.words))
            .collect();
        Trouble {
            failure: Failure::NotProved,
            words: crate::words::plain(&words.join("; ")),
            hint: first.hint.clone(),
        }
    }

    async fn prove(&mut self) -> Result<Done, Trouble> {
        let mut order = self.order().await?;
        let mut proofs = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.trouble(&error))?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let name = match authorization.identifier().identifier {
                Identifier::Dns(name) => name.clone(),
                _ => continue,
            };
            let Some(challenge) = authorization.challenge(wire(self.asked.challenge)) else {
                let words = format!(
                    "`{}` does not offer `{}` for `{name}`",
                    self.asked.authority.name,
                    self.asked.challenge.name()
                );
                return Err(Trouble::new(Failure::Declined, words)
                    .hint("choose another `challenge`, or leave it out"));
            };
            let key_authorization = challenge.key_authorization();
            proofs.push(Proof {
                kind: self.asked.challenge,
                name,
                token: challenge.token.clone(),
                text: key_authorization.dns_value(),
                key_authorization: key_authorization.as_str().to_owned(),
            });
        }
        self.shared.publish(&self.wanted.name, proofs.clone()).await?;
        self.shared.ask_ourselves(self.asked, &proofs).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.trouble(&error))?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let Some(mut challenge) = authorization.challenge(wire(self.asked.challenge)) else {
                continue;
            };
            if challenge.status == ChallengeStatus::Pending {
                challenge.set_ready().await.map_err(|error| self.trouble(&error))?;
            }
        }
        Ok(Done::Proved)
    }

    async fn finalize(&mut self) -> Result<Done, Trouble> {
        let mut order = self.order().await?;
        if order.state().status != instant_acme::OrderStatus::Ready {
            // It was killed between the authority's answer and ours.
            return Ok(Done::Finalized);
        }
        let key = self.pending.key.as_deref().unwrap_or_default();
        let request = (|| {
            let key = KeyPair::from_pem(key)?;
            let mut wanted = CertificateParams::new(self.wanted.names.clone())?;
            wanted.distinguished_name = DistinguishedName::new();
            wanted.serialize_request(&key)
        })()
        .map_err(Trouble::ours)?;
        let done = order.finalize_csr(request.der()).await;
        done.map_err(|error| self.trouble(&error))?;
        Ok(Done::Finalized)
    }

    async fn download(&mut self) -> Result<Done, Trouble> {
        let mut order = self.order().await?;
        let chain = order.certificate().await.map_err(|error| self.trouble(&error))?;
        let Some(chain) = chain else {
            return Err(Trouble::new(Failure::Slow, "the certificate is not ready yet"));
        };
        let key = self.pending.key.clone().unwrap_or_default();
        let now = net::clock::unix_seconds();
        let bad = |words: String| {
            Trouble::new(
                Failure::OrderLost,
                format!("`{}` sent {words}", self.asked.authority.name),
            )
        };
        if chain.len() > CHAIN_BYTES_MAX {
            return Err(bad(format!("a chain of {} bytes", chain.len())));
        }
        let loaded =
            tls::Identity::from_pem(&self.wanted.name, chain.as_bytes(), key.as_bytes(), now)
                .map_err(|error| {
                    bad(format!("what cannot be used: {}", crate::words::chain(&error)))
                })?;
        let facts = &loaded.identity.facts;
        if let Some(name) = self.wanted.names.iter().find(|name| !facts.names.contains(name)) {
            return Err(bad(format!("a certificate that does not cover `{name}`")));
        }
        let issued = Issued {
            chain,
            key,
            names: self.wanted.names.clone(),
            authority: self.asked.authority.name.clone(),
            key_kind: self.wanted.key.name().to_owned(),
            at: u64::try_from(now).unwrap_or(0),
        };
        let orders: Vec<String> =
            self.wanted.asked.iter().map(|asked| asked.account.clone()).collect();
        self.shared.records.put_issued(&self.wanted.name, &issued, &orders)?;
        self.pending = Pending::default();
        Ok(Done::Stored)
    }

    fn store(&self) -> Result<(), Trouble> {
        self.shared.records.put_pending(&self.wanted.name, &self.asked.account, &self.pending)
    }
}

fn wire(kind: ChallengeKind) -> ChallengeType {
    match kind {
        ChallengeKind::Http01 => ChallengeType::Http01,
        ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
        ChallengeKind::Dns01 => ChallengeType::Dns01,
    }
}

fn is_about_replacement(problem: &instant_acme::Problem) -> bool {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.ends_with(":alreadyReplaced") || problem.status == Some(409)
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
