//! What the keeper of orders asks of an instance: challenges that are answered, certificates that came.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use acme::{Event, NotAsked, Published, Visited};
use model::{CertificateId, CertificateSource};
use proxy::Command;
use tls::CertificateStore;
use tokio::sync::{mpsc, oneshot};

use super::Instance;
use super::certificates::until;
use crate::client::OrderAnswer;
use crate::issued::{self, CertificateStatus};

impl Instance {
    pub fn carry_out(&mut self, event: Event) {
        match event {
            Event::Challenges { published, applied } => self.publish_challenges(published, applied),
            Event::Issued { name } => match name.split_once('/') {
                Some((certificate, host)) => self.take_issued_on_demand(certificate, host),
                None => self.take_issued(&name),
            },
            Event::Failed { name } => {
                self.answer_waiting(&name, Err(model::Refusal::TlsCertificatePending));
            }
            Event::Guarded { certificate, host, allowed } => {
                let visited = self.keeper.guarded(&certificate, &host, allowed);
                if let Visited::Refused(refusal) = visited {
                    self.answer_waiting(&format!("{certificate}/{host}"), Err(refusal));
                }
            }
            Event::Lapsed { name } => self.lapsed(&name),
        }
    }

    /// `applied` when every core answers them; a core that has ended is not waited for.
    fn publish_challenges(&mut self, published: Published, applied: oneshot::Sender<()>) {
        self.kept.challenges = Arc::clone(&published.challenges);
        self.kept.alpn_challenges = published.alpn;
        self.name_server.publish_challenges(published.challenges);
        let certificates = self.certificates.store().clone();
        match self.refresh(&certificates) {
            Ok(mut left) => {
                tokio::task::spawn_local(async move {
                    let _ = left.recv().await;
                    let _ = applied.send(());
                });
            }
            // The keeper is told by the end of `applied`.
            Err(error) => {
                self.settings
                    .journal
                    .error("certificate/challenge-not-answered", &[("error", &error)]);
            }
        }
    }

    /// In place of the placeholder, or of the one before; no connection is cut.
    fn take_issued(&mut self, name: &str) {
        let of_authority = |certificate: &model::Certificate| {
            certificate.name == name
                && matches!(certificate.source, CertificateSource::Authority(_))
        };
        let at = self.model().certificates.iter().position(of_authority);
        let Some(id) = at.map(|at| CertificateId(at as u32)) else { return };
        let (declared, now) = (&self.model()[id], net::clock::unix_seconds());
        let (state, keep) = (self.settings.state.path(), &self.keep);
        let (identity, _) = CertificateStore::load_one(declared, state, keep, now);
        let Some(identity) = identity else { return };
        let until = until(&identity);
        let certificates = self.certificates.store().clone().with(id, Arc::new(identity));
        let journal = self.settings.journal.clone();
        match self.serve_certificates(certificates) {
            Ok(()) => {
                journal.info("reload/certificate", &[("certificate", &name), ("until", &until)])
            }
            Err(error) => journal.warn("reload/certificate-refused", &[("reason", &error)]),
        }
    }

    /// The same World with other certificates or challenges. What is returned ends when every core
    /// serves from it.
    pub fn refresh(
        &mut self,
        certificates: &CertificateStore,
    ) -> Result<mpsc::Receiver<Infallible>, String> {
        let world = Arc::clone(&self.snapshot.world);
        let snapshot = Arc::new(self.kept.snapshot(
            &world,
            certificates,
            &self.trust_stores,
            &self.snapshot.target_tls,
            self.cores.len(),
        )?);
        let (applied, left) = mpsc::channel(1);
        for core in &self.cores {
            let (snapshot, applied) = (Arc::clone(&snapshot), applied.clone());
            let _ = core.commands.send(Command::Refresh { snapshot, applied });
        }
        self.old.push(std::mem::replace(&mut self.snapshot, snapshot));
        Ok(left)
    }

    /// `force`: in place of one that is good, too.
    pub fn order(&self, name: &str, force: bool) -> OrderAnswer {
        let result = match force {
            true => self.keeper.renew(name),
            false => self.keeper.issue(name),
        };
        let refused = result.err().map(|error| match error {
            NotAsked::Unknown => issued::unknown(self.model(), name),
            NotAsked::NotDue => format!(
                "`{name}` is good, and not due yet\n  hint: `pointsman cert renew {name} --force` orders a \
                 new one all the same"
            ),
        });
        OrderAnswer { refused }
    }

    /// Of those whose order has failed so far.
    pub fn pending_certificates(&self) -> BTreeMap<CertificateId, Arc<str>> {
        let states = self.keeper.states();
        let why = |name: &str| {
            let state = states.iter().find(|state| state.name == name)?;
            let error = state.error.as_ref().filter(|_| state.state == "pending")?;
            Some(Arc::from(error.words.as_str()))
        };
        let all = self.model().certificates.iter().enumerate();
        all.filter_map(|(at, one)| Some((CertificateId(at as u32), why(&one.name)?))).collect()
    }

    pub fn certificate_statuses(&self) -> Vec<CertificateStatus> {
        let now = net::clock::unix_seconds();
        issued::statuses(self.model(), self.certificates.store(), &self.keeper.states(), now)
    }
}
