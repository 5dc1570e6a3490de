//! Findings that an operator knows about and does not want to hear of.

use crate::{Finding, Place, Severity};

/// `silence "lint/…" { reason = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// One of [`LINTS`].
    pub code: &'static str,
    pub reason: String,
    /// The block it stands in; `None`: it stands at the top level, and covers everything.
    pub within: Option<Extent>,
    /// The head of the block that shows it, once sugar is spelt out: what a `site` says is spread over
    /// listeners and their rules, so its silences are shown at its load balancer.
    pub holder: Option<Place>,
    pub place: Place,
}

/// From the first character of a block's head to its closing brace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    pub first: Place,
    pub last: Place,
}

/// Everything that may be doubted about a configuration; each has a page, and can be silenced unless
/// [`never_silenced`] says why not.
pub const LINTS: [&str; 45] = [
    "lint/authority-not-admitted",
    "lint/authority-not-allowed",
    "lint/authority-sent-elsewhere",
    "lint/certificate-does-not-cover",
    "lint/challenge-not-served",
    "lint/cors-only-from-application",
    "lint/default-certificate",
    "lint/doubled-redirect",
    "lint/egress-denied",
    "lint/expectation-broken",
    "lint/expectation-not-proved",
    "lint/forwarded-proto-not-trusted",
    "lint/goes-round-load-balancer",
    "lint/health-check-redirects",
    "lint/health-check-timeout",
    "lint/hidden-by-private-zone",
    "lint/host-not-served",
    "lint/host-unknown-to-target",
    "lint/keep-alive-too-short",
    "lint/mixed-content",
    "lint/nginx-not-understood",
    "lint/no-such-address",
    "lint/no-targets",
    "lint/no-weight",
    "lint/nobody-admitted",
    "lint/not-started-at-boot",
    "lint/open-to-everyone",
    "lint/other-family-elsewhere",
    "lint/page-call-refused",
    "lint/plain-to-443",
    "lint/post-quantum-partial",
    "lint/private-address-in-public",
    "lint/public-but-not-open",
    "lint/redirect-loop",
    "lint/redirect-protocol",
    "lint/redirect-to-nowhere",
    "lint/shadowed-rule",
    "lint/source-hidden",
    "lint/target-does-not-admit",
    "lint/target-is-listener",
    "lint/target-not-served",
    "lint/target-protocol",
    "lint/unused-security-group",
    "lint/unused-silence",
    "lint/unused-target-group",
];

/// Why a code cannot be silenced.
pub fn never_silenced(code: &str) -> Option<&'static str> {
    match code {
        "lint/expectation-broken" => {
            Some("an expectation that need not hold is none: change it, or remove it")
        }
        "lint/expectation-not-proved" => {
            Some("nothing is doubted: it says of whom nothing was proved")
        }
        "lint/unused-silence" => Some("a silence that silences nothing is removed, not silenced"),
        _ => None,
    }
}

impl Silence {
    /// Whether it is for this finding. What makes a configuration unusable is never silenced.
    pub fn covers(&self, finding: &Finding) -> bool {
        let within = self.within.as_ref();
        finding.severity == Severity::Warning
            && finding.code == self.code
            && within.is_none_or(|extent| extent.contains(&finding.place))
    }
}

impl Extent {
    pub fn contains(&self, place: &Place) -> bool {
        // A place in another file comes before the first or after the last.
        self.first <= *place && *place <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_covers_its_code_within_its_block() {
        let place = |file: &str, line, column| Place::new(file, line, column);
        let extent = Extent { first: place("b.hcl", 3, 1), last: place("b.hcl", 9, 1) };
        let rows = [
            ("in the block", "lint/no-weight", place("b.hcl", 5, 7), true),
            ("at its head", "lint/no-weight", place("b.hcl", 3, 1), true),
            ("before it", "lint/no-weight", place("b.hcl", 2, 8), false),
            ("after it, on its last line", "lint/no-weight", place("b.hcl", 9, 2), false),
            ("in the file before", "lint/no-weight", place("a.hcl", 5, 7), false),
            ("in the file after", "lint/no-weight", place("c.hcl", 5, 7), false),
            ("of another code", "lint/no-targets", place("b.hcl", 5, 7), false),
        ];
        for (name, code, at, expected) in rows {
            let silence = Silence {
                code: "lint/no-weight",
                reason: "known".into(),
                within: Some(extent.clone()),
                holder: None,
                place: place("b.hcl", 4, 3),
            };
            let finding = Finding::warning(code, &at, "x");
            assert_eq!(silence.covers(&finding), expected, "{name}");
            let everywhere = Silence { within: None, ..silence };
            assert_eq!(everywhere.covers(&finding), code == "lint/no-weight", "{name}");
            let error = Finding { severity: Severity::Error, ..finding };
            assert!(!everywhere.covers(&error), "{name}");
        }
    }

    #[test]
    fn lints_are_in_order_and_once() {
        assert!(LINTS.is_sorted_by(|a, b| a < b));
    }
}
