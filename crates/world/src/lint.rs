//! What is declared without error and is probably not what was meant. Nothing is reported that
//! cannot be proved from the model.

mod admission;
mod routing;
mod shadow;
mod unused;

use model::{CertificateId, Finding, Model};

/// All lints. `certificate_names` answers the names a certificate covers, if they are known.
pub fn lint(
    model: &Model,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    shadow::lint(model, &mut findings);
    routing::lint(model, certificate_names, &mut findings);
    admission::lint(model, &mut findings);
    unused::lint(model, &mut findings);
    findings
}

#[cfg(test)]
pub mod tests;
