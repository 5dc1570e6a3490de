//! What is known of a configuration while changes of it are tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{CertificateId, Change, GroupId};

use crate::facts::{CertificateView, Facts, TargetView, Trust};
use crate::outcome::{Outcome, Stage};

/// A day in either direction: in date, whatever the clock.
const DAY: i64 = 86_400;

/// How facts that were seen differ once the changes are made.
#[derive(Clone, Debug, Default)]
pub struct Mended {
    /// What was seen of their targets does not hold for them as they are changed.
    groups: BTreeSet<GroupId>,
    names: BTreeMap<CertificateId, Vec<String>>,
    /// A host for which a good certificate is supposed to be served.
    supposed: Option<String>,
}

impl Mended {
    pub fn change(&mut self, change: &Change, outcome: &Outcome) {
        self.groups.extend(outcome.group.filter(|_| outcome.stage >= Stage::TargetSecurityGroup));
        if let Change::CertificateName { certificate, name } = change {
            self.names.entry(*certificate).or_default().push(name.clone());
        }
    }

    pub fn suppose_certificate(&mut self, host: &str) {
        self.supposed = Some(host.to_owned());
    }

    pub fn takes_certificate(&self) -> bool {
        self.supposed.is_some()
    }

    pub fn target(&self, seen: &Facts<'_>, id: GroupId, at: usize) -> TargetView {
        match self.groups.contains(&id) {
            true => TargetView::ASSUMED,
            false => (seen.targets)(id, at),
        }
    }

    pub fn certificate(&self, seen: &Facts<'_>, id: CertificateId) -> CertificateView {
        let mut view = (seen.certificates)(id);
        let added = self.names.get(&id).into_iter().flatten().chain(&self.supposed);
        let added: Vec<String> = added.cloned().collect();
        if added.is_empty() {
            return view;
        }
        if let Some(facts) = view.facts.as_mut().map(Arc::make_mut) {
            facts.names.extend(added);
            if self.supposed.is_some() {
                facts.not_before = facts.not_before.min(seen.now_unix - DAY);
                facts.not_after = facts.not_after.max(seen.now_unix + DAY);
            }
        }
        if self.supposed.is_some() && matches!(view.trust, Trust::SelfSigned | Trust::Pending) {
            view.trust = Trust::Authority;
        }
        view
    }
}
