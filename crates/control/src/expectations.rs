//! Expectations of a configuration: proved at `check`, at start and at each reload (DECISIONS 5).

use std::collections::BTreeSet;

use config::{Sources, Style};
use explain::{
    Atlas, Enforcement, FactSource, Facts, Proof, Report, Request, Surveyed, TargetView, Violation,
};
use model::{Asker, Expectation, Finding, Severity};
use world::World;

use crate::explaining::{Certificates, show_changes};

/// Of one expectation, so many violations are told.
const TOLD_MAX: usize = 3;

/// Of an expectation that was not proved for everybody.
pub const NOT_PROVED: &str = "lint/expectation-not-proved";

/// An expectation that does not hold.
pub struct Broken {
    /// As a warning: whether it is worse is for whoever asked to say.
    pub finding: Finding,
    pub name: String,
    request: Request,
    violation: Violation,
}

/// What the ways of requests prove from configuration alone: the lints that need them, what is to be
/// said of expectations that could not be proved for everybody, and those that the World does not meet.
pub fn proved(
    atlas: &Atlas<'_>,
    certificates: &Certificates,
    now_unix: i64,
) -> (Vec<Finding>, Vec<Broken>) {
    proving(certificates, now_unix, FactSource::Proof, |facts| {
        let (mut all, mut not_proved) = (Vec::new(), Vec::new());
        for expectation in &atlas.world.model.expectations {
            let Proof { violations, left_out } = explain::prove(atlas, facts, expectation);
            not_proved.extend(not_proved_finding(atlas, expectation, &left_out));
            if let Some(first) = violations.first() {
                let finding = finding(atlas, expectation, &violations);
                let name = expectation.name.clone();
                let request = Request {
                    url: first.url.clone(),
                    method: expectation.method.clone(),
                    headers: expectation.headers.clone(),
                    to: None,
                };
                all.push(Broken { finding, name, request, violation: first.clone() });
            }
        }
        let mut findings = explain::lint(atlas, facts);
        findings.append(&mut not_proved);
        (findings, all)
    })
}

/// Those that are broken now and held before: an expectation is known by its name.
pub fn newly<'b>(broken: &'b [Broken], before: &World, was: &[Broken]) -> Vec<&'b Broken> {
    let known: BTreeSet<&str> =
        before.model.expectations.iter().map(|expectation| &*expectation.name).collect();
    let fell = |one: &&Broken| {
        known.contains(&*one.name) && !was.iter().any(|other| other.name == one.name)
    };
    broken.iter().filter(fell).collect()
}

/// Why a configuration that is right in itself is not taken (DECISIONS 5).
pub fn refusal(sources: &Sources, fallen: &[&Broken], style: Style) -> String {
    let findings: Vec<Finding> = fallen
        .iter()
        .map(|broken| Finding { severity: Severity::Error, ..broken.finding.clone() })
        .collect();
    let rendered = config::render(sources, &findings, style);
    format!(
        "{rendered}this holds now and would not any more: `pointsman reload --force` takes it all the same\n"
    )
}

impl Broken {
    /// What becomes of the request, for the first client for whom the expectation fails.
    pub fn explanation(
        &self,
        surveyed: &Surveyed,
        sources: &Sources,
        certificates: &Certificates,
        now_unix: i64,
    ) -> Report {
        proving(certificates, now_unix, FactSource::Configuration, |facts| {
            let (asker, atlas) = (self.violation.asker, surveyed.atlas());
            let mut report = explain::explain(&atlas, facts, &self.request, asker);
            show_changes(&mut report, sources, &atlas.world.model);
            report
        })
    }
}

fn proving<T>(
    certificates: &Certificates,
    now_unix: i64,
    source: FactSource,
    ask: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    ask(&Facts {
        now_unix,
        certificates: &|id| certificates.view(id),
        targets: &|_, _| TargetView::ASSUMED,
        enforcement: &|_, _| Enforcement::NotKnown,
        refused: &|_, _| None,
        source,
    })
}

fn finding(atlas: &Atlas<'_>, expectation: &Expectation, violations: &[Violation]) -> Finding {
    let told: Vec<String> =
        violations.iter().take(TOLD_MAX).map(|violation| violation.words(atlas)).collect();
    let more = match violations.len().saturating_sub(TOLD_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let message =
        format!("the expectation `{}` does not hold: {}{more}", expectation.name, told.join("; "));
    let first = &violations[0];
    let from = explain::asker_words(&atlas.world.model, first.asker);
    let from = from.split(' ').next().unwrap_or_default();
    Finding::warning("lint/expectation-broken", &expectation.place, message)
        .hint(format!("`pointsman explain {} --from {from}` says why", first.url))
}

/// Clients of whom nothing was said are not clients for whom it holds.
fn not_proved_finding(
    atlas: &Atlas<'_>,
    expectation: &Expectation,
    left_out: &[(Asker, String)],
) -> Option<Finding> {
    let (asker, why) = left_out.first()?;
    let from = explain::asker_words(&atlas.world.model, *asker);
    let from = from.split(' ').next().unwrap_or_default();
    let message =
        format!("the expectation `{}` is not proved for all of {from}: {why}", expectation.name);
    Some(
        Finding::warning(NOT_PROVED, &expectation.place, message)
            .hint("name the networks that matter in its place, or have fewer prefixes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_is_not_proved() {
        let text = "network \"a\" {\n  cidrs = [\"10.0.0.0/24\", \"10.0.2.0/24\"]\n}\n\
            security_group \"g\" {\n  ingress {\n    ports = [80]\n    from = [anywhere]\n  }\n}\n\
            load_balancer \"b\" {\n  addresses = [\"10.9.9.9\"]\n  security_groups = [security_group.g]\n\
            listener \"h\" {\n    port = 80\n    default {\n      fixed_response {\n        status = 200\n      }\n    }\n  }\n}\n\
            expect \"all\" {\n  url = \"http://10.9.9.9/\"\n  works = [network.a]\n}\n";
        let (model, findings) =
            config::parse(&Sources::single("site.hcl", text), &config::RealEnvironment);
        assert_eq!(findings, []);
        let (store, _) = tls::CertificateStore::check(&model.certificates, 0);
        let certificates = Certificates::of(&model, &store, 0);
        let world = world::compile(model, 1);
        let codes = |atlas: &Atlas<'_>| {
            let (findings, broken) = proved(atlas, &certificates, 0);
            assert!(broken.is_empty());
            findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(&Atlas::of(&world)), [""; 0]);
        assert_eq!(codes(&Atlas::of_pieces(&world, 1)), [NOT_PROVED]);
    }
}
