//! Clients that come for names whose certificates are ordered on demand, and what they are answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use acme::Visited;
use model::{CertificateId, Refusal};
use proxy::Visit;
use tls::{Identity, OnDemandIdentity};
use tokio::sync::oneshot;

use super::Instance;

/// Handshakes that wait, by the name of the certificate. Cores bound how many there are.
pub type Waiting = BTreeMap<String, Vec<oneshot::Sender<Result<(), Refusal>>>>;

impl Instance {
    pub fn visit(&mut self, visit: Visit) {
        let answer = match self.keeper.visit(&visit.certificate, &visit.name) {
            Visited::Waits => {
                let name = format!("{}/{}", visit.certificate, visit.name);
                let waiting = self.waiting.entry(name).or_default();
                // Handshakes that gave up meanwhile.
                waiting.retain(|one| !one.is_closed());
                waiting.push(visit.answer);
                return;
            }
            Visited::There => Ok(()),
            Visited::Refused(refusal) => Err(refusal),
        };
        let _ = visit.answer.send(answer);
    }

    /// Everybody who waits for it.
    pub fn answer_waiting(&mut self, name: &str, answer: Result<(), Refusal>) {
        for waiting in self.waiting.remove(name).unwrap_or_default() {
            let _ = waiting.send(answer);
        }
    }

    /// A new one, to every core; who waits goes on when all have it.
    pub fn take_issued_on_demand(&mut self, certificate: &str, host: &str) {
        let name = format!("{certificate}/{host}");
        let journal = self.settings.journal.clone();
        if !self.keep_on_demand(certificate, host) {
            return self.answer_waiting(&name, Err(Refusal::TlsCertificatePending));
        }
        let certificates = self.certificates.store().clone();
        match self.refresh(&certificates) {
            Ok(mut left) => {
                let waiting = self.waiting.remove(&name).unwrap_or_default();
                tokio::task::spawn_local(async move {
                    let _ = left.recv().await;
                    for one in waiting {
                        let _ = one.send(Ok(()));
                    }
                });
                journal.info("reload/certificate", &[("certificate", &name)]);
            }
            Err(error) => {
                self.answer_waiting(&name, Err(Refusal::TlsCertificatePending));
                journal.warn("reload/certificate-refused", &[("reason", &error)]);
            }
        }
    }

    /// Serves those that are on the records.
    pub fn follow_on_demand(&mut self) {
        let names: Vec<(String, String)> = self
            .keeper
            .states()
            .iter()
            .filter_map(|state| state.name.split_once('/'))
            .map(|(certificate, host)| (certificate.to_owned(), host.to_owned()))
            .collect();
        let mut any = false;
        for (certificate, host) in names {
            let there =
                self.kept.on_demand.get(&certificate).is_some_and(|all| all.contains_key(&host));
            any |= !there && self.keep_on_demand(&certificate, &host);
        }
        let certificates = self.certificates.store().clone();
        if any && let Err(error) = self.refresh(&certificates) {
            self.settings.journal.warn("reload/certificate-refused", &[("reason", &error)]);
        }
    }

    /// For the snapshots that are made from now on; whether there is one.
    fn keep_on_demand(&mut self, certificate: &str, host: &str) -> bool {
        let issued = self.keeper.issued_on_demand(certificate, host);
        let name = format!("{certificate}/{host}");
        let Some((issued, used)) = issued.unwrap_or_else(|trouble| {
            let error = &trouble.words;
            let journal = &self.settings.journal;
            journal.error(
                "certificate/records-unreadable",
                &[("certificate", &name), ("error", error)],
            );
            None
        }) else {
            return false;
        };
        let now = net::clock::unix_seconds();
        let (chain, key) = (issued.chain.as_bytes(), issued.key.as_bytes());
        let Ok(loaded) = Identity::from_pem(&name, chain, key, now) else { return false };
        let one = OnDemandIdentity { identity: Arc::new(loaded.identity), used };
        let all = self.kept.on_demand.entry(certificate.to_owned()).or_default();
        Arc::make_mut(all).insert(host.to_owned(), one);
        true
    }

    /// For explanations: the names that have one, and until when.
    pub fn issued_on_demand(&self) -> BTreeMap<CertificateId, Arc<BTreeMap<String, i64>>> {
        let all = self.model().certificates.iter().enumerate();
        let issued = all.filter_map(|(at, certificate)| {
            let names = self.kept.on_demand.get(&certificate.name)?;
            let until = |one: &OnDemandIdentity| one.identity.facts.not_after;
            let names = names.iter().map(|(host, one)| (host.clone(), until(one)));
            Some((CertificateId(at as u32), Arc::new(names.collect())))
        });
        issued.collect()
    }

    pub fn lapsed(&mut self, name: &str) {
        self.answer_waiting(name, Err(Refusal::TlsCertificatePending));
        self.keeper.lapsed(name);
        if let Some((certificate, host)) = name.split_once('/')
            && let Some(all) = self.kept.on_demand.get_mut(certificate)
        {
            Arc::make_mut(all).remove(host);
        }
    }
}
