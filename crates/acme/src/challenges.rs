//! What authorities look for, gathered from all orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use machine::order::Failure;
use model::{ChallengeKind, Challenges, Host};
use tls::AlpnChallenges;

use crate::words::Trouble;

/// Open at once, over all orders.
const OPEN_MAX: usize = 1000;

/// The answer to one challenge (RFC 8555 §8).
#[derive(Clone, Debug)]
pub struct Proof {
    pub kind: ChallengeKind,
    /// Without a `*.`.
    pub name: String,
    pub token: String,
    pub key_authorization: String,
    /// Of the TXT record (RFC 8555 §8.4).
    pub text: String,
}

/// By certificate.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<String, Vec<Proof>>);

/// All that is open now, in the forms in which it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Published {
    pub challenges: Arc<Challenges>,
    pub alpn: Arc<AlpnChallenges>,
}

impl Table {
    pub fn put(&mut self, certificate: &str, proofs: Vec<Proof>) -> Result<(), Trouble> {
        self.0.insert(certificate.to_owned(), proofs);
        let open: usize = self.0.values().map(Vec::len).sum();
        if open > OPEN_MAX {
            self.0.remove(certificate);
            let words = format!("more than {OPEN_MAX} challenges are open");
            return Err(Trouble::new(Failure::Ours, words));
        }
        Ok(())
    }

    /// Whether there was anything.
    pub fn take(&mut self, certificate: &str) -> bool {
        self.0.remove(certificate).is_some()
    }

    pub fn published(&self) -> Result<Published, Trouble> {
        let mut challenges = Challenges::default();
        let mut alpn = AlpnChallenges::default();
        for proof in self.0.values().flatten() {
            match proof.kind {
                ChallengeKind::Http01 => {
                    challenges.tokens.insert(proof.token.clone(), proof.key_authorization.clone());
                }
                ChallengeKind::Dns01 => {
                    // A name and its wildcard are two texts of one name.
                    let host = Host(format!("_acme-challenge.{}", proof.name));
                    challenges.texts.entry(host).or_default().push(proof.text.clone());
                }
                ChallengeKind::TlsAlpn01 => {
                    let with = alpn.with(&proof.name, &proof.key_authorization);
                    alpn = with.map_err(|error| Trouble::ours(crate::words::chain(&error)))?;
                }
            }
        }
        Ok(Published { challenges: Arc::new(challenges), alpn: Arc::new(alpn) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(kind: ChallengeKind, name: &str, token: &str) -> Proof {
        Proof {
            kind,
            name: name.into(),
            token: token.into(),
            key_authorization: format!("{token}.thumb"),
            text: format!("digest of {token}"),
        }
    }

    #[test]
    fn each_in_its_form_and_gone_with_its_certificate() {
        let mut table = Table::default();
        let dns = ["t1", "t2"].map(|token| proof(ChallengeKind::Dns01, "a.test", token));
        table.put("site", dns.to_vec()).unwrap();
        table.put("shop", vec![proof(ChallengeKind::Http01, "b.test", "t3")]).unwrap();
        table.put("api", vec![proof(ChallengeKind::TlsAlpn01, "c.test", "t4")]).unwrap();
        let all = table.published().unwrap();
        let texts = &all.challenges.texts[&Host("_acme-challenge.a.test".into())];
        assert_eq!(texts, &["digest of t1", "digest of t2"], "a name and its wildcard");
        assert_eq!(all.challenges.tokens["t3"], "t3.thumb");
        assert!(!all.alpn.is_empty());
        for certificate in ["site", "shop", "api"] {
            assert!(table.take(certificate), "{certificate}");
            assert!(!table.take(certificate), "{certificate}");
        }
        let none = table.published().unwrap();
        assert!(none.alpn.is_empty() && *none.challenges == Challenges::default());
    }
}
