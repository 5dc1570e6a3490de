//! The steps of an order, one at a time: each does what the machine asks, and stores what came of it
//! before it says so.

mod account;

use std::rc::Rc;

use instant_acme::{
    AuthorizationStatus, ChallengeStatus, ChallengeType, Error, Identifier, NewOrder, Order,
};
use machine::order::{Done, Failure, OrderStatus, Step};
use model::ChallengeKind;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, RsaKeySize};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::challenges::Proof;
use crate::client::{Client, Told};
use crate::keeper::Shared;
use crate::kept::{Issued, Pending};
use crate::wanted::{Asked, Wanted};
use crate::words::{Trouble, trouble};

/// Nonces that are refused, each after the library's own three tries, before the machine is told.
const NONCE_TRIES: usize = 6;
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

    // === order ===

    fn make_key(&mut self) -> Result<Done, Trouble> {
        if self.pending.key.is_some() {
            self.store()?;
            return Ok(Done::KeyMade);
        }
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
        if self.pending.order.is_some() {
            self.store()?;
            return Ok(Done::OrderPlaced);
        }
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
                Err(Error::Other(why)) if why.to_string().contains("replaces") => {
                    account.new_order(&plain()).await
                }
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
