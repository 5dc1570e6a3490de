//! Certificates that change while they are served: taken over whole, without another generation; no
//! connection is cut, and tickets stay good.

use std::sync::Arc;

use model::{CertificateId, Severity};
use tls::{CertificateStore, Identity};

use super::Instance;
use crate::certificates::is_same;
use crate::client::ImportAnswer;
use crate::explaining::Certificates;
use crate::imported::{self, Import};

impl Instance {
    /// Keeps what a person brings, and serves it at once where the configuration takes it.
    pub fn import(&mut self, import: &Import) -> ImportAnswer {
        let kept = imported::keep(&self.keep, import, net::clock::unix_seconds());
        let (refused, warnings) = match kept {
            Ok(warnings) => (None, warnings),
            Err(error) => (Some(error.to_string()), Vec::new()),
        };
        if refused.is_none() {
            self.settings.journal.info("store/imported", &[("certificate", &import.name)]);
            self.follow_certificates();
        }
        let declared = self.model().certificates.iter().any(|certificate| {
            let imported = certificate.source == model::CertificateSource::Imported;
            imported && certificate.name == import.name
        });
        let warnings = warnings.iter().map(|w| format!("{w}\n  hint: {}", w.hint())).collect();
        ImportAnswer { refused, warnings, declared }
    }

    /// Takes over the certificates whose source has changed. One that cannot be used changes nothing:
    /// files that are being written are half there for a moment.
    pub fn follow_certificates(&mut self) {
        let now = net::clock::unix_seconds();
        let journal = self.settings.journal.clone();
        let due = match self.certificates.due(&self.snapshot.world.model, now) {
            Ok(due) => due,
            Err(failure) => {
                return journal.warn("store/unreadable", &[("reason", &failure)]);
            }
        };
        let read = due.into_iter().filter_map(|id| Some((id, self.read_again(id, now)?)));
        let read: Vec<(CertificateId, Identity)> = read.collect();
        if read.is_empty() {
            return;
        }
        let mut certificates = self.certificates.store().clone();
        for (id, identity) in &read {
            certificates = certificates.with(*id, Arc::new(identity.clone()));
        }
        if let Err(error) = self.serve_certificates(certificates) {
            return journal.warn("reload/certificate-refused", &[("reason", &error)]);
        }
        for (_, identity) in &read {
            let until = until(identity);
            journal
                .info("reload/certificate", &[("certificate", &identity.name), ("until", &until)]);
        }
    }

    /// `None`: it is as it was, or cannot be used, which is told.
    fn read_again(&self, id: CertificateId, now: i64) -> Option<Identity> {
        let declared = &self.model()[id];
        let (state, journal) = (self.settings.state.path(), &self.settings.journal);
        let (identity, findings) = CertificateStore::load_one(declared, state, &self.keep, now);
        let served = self.certificates.store().get(id);
        let identity = identity.filter(|it| served.is_none_or(|served| !is_same(it, served)));
        for finding in &findings {
            let hint = finding.hint.as_deref().unwrap_or_default();
            let (certificate, reason) = (&declared.name, &finding.message);
            match (finding.severity, &identity) {
                (Severity::Error, _) => journal.warn(
                    "reload/certificate-refused",
                    &[
                        ("certificate", certificate),
                        ("code", &finding.code),
                        ("reason", reason),
                        ("hint", &hint),
                    ],
                ),
                (Severity::Warning, Some(_)) => journal.warn(
                    finding.code,
                    &[("certificate", certificate), ("reason", reason), ("hint", &hint)],
                ),
                (Severity::Warning, None) => {}
            }
        }
        // Where the files cannot be used, what was served is served on, but nothing stale with it.
        let stale = served.filter(|it| it.stapled_until.is_some_and(|until| until <= now));
        identity.or_else(|| stale.map(|served| served.unstapled()))
    }

    /// The same World with other certificates, on every core.
    pub fn serve_certificates(&mut self, certificates: CertificateStore) -> Result<(), String> {
        drop(self.refresh(&certificates)?);
        let world = Arc::clone(&self.snapshot.world);
        let now = net::clock::unix_seconds();
        let views = Certificates::of(&world.model, &certificates, now);
        self.told = Arc::new(self.told.with_certificates(views));
        self.certificates.take_over(certificates);
        Ok(())
    }
}

/// When a certificate ends, in UTC as everything in a log (DECISIONS 25).
pub fn until(identity: &Identity) -> String {
    let ends = jiff::Timestamp::from_second(identity.facts.not_after);
    ends.map_or_else(|_| "unknown".to_owned(), |ends| ends.to_string())
}
