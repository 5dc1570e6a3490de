//! The groups whose targets have to prove who they are.

use std::sync::Arc;

use model::{Finding, GroupId, TargetAuthorities, TargetGroup, TargetVerification};

use super::TargetTls;
use crate::server::SettingsError;
use crate::{Trusted, trust_store};

/// How the targets of each group are spoken with over TLS.
#[derive(Clone, Debug)]
pub struct TlsOfGroups {
    anybody: TargetTls,
    /// By [`GroupId`]; `None` where any certificate will do.
    verifying: Vec<Option<TargetTls>>,
}

impl TlsOfGroups {
    /// What cannot be had is an error, and then none of this may be served: a group without its
    /// authorities would take anybody for its target.
    pub fn load(groups: &[TargetGroup]) -> Result<(TlsOfGroups, Vec<Finding>), SettingsError> {
        let mut findings = Vec::new();
        let verifying = groups.iter().map(|group| {
            let verification = group.verification.as_ref()?;
            match verifying(verification) {
                Ok(tls) => Some(tls),
                Err(finding) => {
                    findings.push(*finding);
                    None
                }
            }
        });
        let verifying = verifying.collect();
        Ok((TlsOfGroups { anybody: TargetTls::new()?, verifying }, findings))
    }

    /// The same, with the sessions of before where nothing is verified.
    #[must_use]
    pub fn keeping(mut self, anybody: &TargetTls) -> TlsOfGroups {
        self.anybody = anybody.clone();
        self
    }

    pub fn of(&self, group: GroupId) -> &TargetTls {
        self.verifying.get(group.0 as usize).and_then(Option::as_ref).unwrap_or(&self.anybody)
    }
}

fn verifying(verification: &TargetVerification) -> Result<TargetTls, Box<Finding>> {
    let place = &verification.place;
    let roots = match &verification.authorities {
        TargetAuthorities::File(path) => trust_store::roots(path).map(Arc::new).map_err(|error| {
            Finding::error(error.code(), place, error.to_string()).hint(error.hint())
        }),
        TargetAuthorities::System => match Trusted::of_machine([]) {
            Ok(trusted) if !trusted.roots().is_empty() => Ok(trusted.roots()),
            Ok(_) => Err(no_system(place, "there are none")),
            Err(error) => Err(no_system(place, &error.to_string())),
        },
    };
    let tls = TargetTls::verifying(roots.map_err(Box::new)?, verification.name.clone());
    tls.map_err(|error| {
        Box::new(Finding::error("certificate/not-an-authority", place, error.to_string()))
    })
}

fn no_system(place: &model::Place, why: &str) -> Finding {
    let message = format!("the authorities of this machine cannot be read: {why}");
    Finding::error("certificate/authorities-unreadable", place, message)
        .hint("install the package `ca-certificates`, or name a file")
}
