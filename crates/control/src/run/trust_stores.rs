//! Trust stores that change while they are used: a certificate that is revoked gets no further connection,
//! without another generation.

use model::Severity;

use super::Instance;

impl Instance {
    /// Takes over the trust stores of which a file has changed. One that cannot be used changes nothing.
    pub fn follow_trust_stores(&mut self) {
        let now = net::clock::unix_seconds();
        let journal = self.settings.journal.clone();
        let due = self.certificates.due_trust_stores(&self.snapshot.world.model);
        let mut stores = self.trust_stores.clone();
        let mut read = Vec::new();
        for id in due {
            let declared = &self.model()[id];
            let (store, finding) = tls::TrustStores::load_one(declared, now);
            if let Some(finding) = finding {
                let hint = finding.hint.as_deref().unwrap_or_default();
                let fields: [(&str, &dyn std::fmt::Display); 4] = [
                    ("trust_store", &declared.name),
                    ("code", &finding.code),
                    ("reason", &finding.message),
                    ("hint", &hint),
                ];
                match finding.severity {
                    Severity::Error => journal.warn("reload/trust-store-refused", &fields),
                    Severity::Warning => journal.warn(finding.code, &fields),
                }
            }
            if let Some(store) = store {
                stores = stores.with(id, store);
                read.push(declared.name.clone());
            }
        }
        if read.is_empty() {
            return;
        }
        let before = std::mem::replace(&mut self.trust_stores, stores);
        let certificates = self.certificates.store().clone();
        if let Err(error) = self.refresh(&certificates).map(drop) {
            self.trust_stores = before;
            return journal.warn("reload/trust-store-refused", &[("reason", &error)]);
        }
        for name in &read {
            journal.info("reload/trust-store", &[("trust_store", name)]);
        }
    }
}
