//! Security policies by ALB's names (ALB.md §3a).

/// The policies that are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// `ELBSecurityPolicy-TLS13-1-2-Res-2021-06`: TLS 1.2 with ECDHE and AEAD, and TLS 1.3.
    #[default]
    Tls12And13,
    /// `ELBSecurityPolicy-TLS13-1-3-2021-06`.
    Tls13,
    /// `ELBSecurityPolicy-FS-1-2-Res-2020-10`.
    Tls12,
    /// `ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`: with hybrid key exchange in TLS 1.3.
    Tls12And13PostQuantum,
    /// `ELBSecurityPolicy-TLS13-1-3-PQ-2025-09`.
    Tls13PostQuantum,
}

/// Before the name of every policy.
pub const PREFIX: &str = "ELBSecurityPolicy-";

impl TlsPolicy {
    pub const ALL: [TlsPolicy; 5] = [
        TlsPolicy::Tls12And13,
        TlsPolicy::Tls13,
        TlsPolicy::Tls12,
        TlsPolicy::Tls12And13PostQuantum,
        TlsPolicy::Tls13PostQuantum,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            TlsPolicy::Tls12And13 => "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
            TlsPolicy::Tls13 => "ELBSecurityPolicy-TLS13-1-3-2021-06",
            TlsPolicy::Tls12 => "ELBSecurityPolicy-FS-1-2-Res-2020-10",
            TlsPolicy::Tls12And13PostQuantum => "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
            TlsPolicy::Tls13PostQuantum => "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
        }
    }

    pub const fn versions(self) -> (TlsVersion, TlsVersion) {
        match self {
            TlsPolicy::Tls12And13 | TlsPolicy::Tls12And13PostQuantum => (V12, V13),
            TlsPolicy::Tls13 | TlsPolicy::Tls13PostQuantum => (V13, V13),
            TlsPolicy::Tls12 => (V12, V12),
        }
    }

    /// Whether hybrid groups are offered. Of ALB's three, SecP384r1MLKEM1024 is missing (DECISIONS
    /// 21).
    pub const fn is_post_quantum(self) -> bool {
        match self {
            TlsPolicy::Tls12And13 | TlsPolicy::Tls13 | TlsPolicy::Tls12 => false,
            TlsPolicy::Tls12And13PostQuantum | TlsPolicy::Tls13PostQuantum => true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    V10,
    V11,
    V12,
    V13,
}

use TlsVersion::{V10, V11, V12, V13};

/// Cipher suites that come together (ALB.md §3a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suites {
    /// TLS 1.3.
    Tls13,
    /// G: ECDHE with AES-GCM.
    Gcm,
    /// C: ECDHE with AES-CBC and SHA-2.
    Cbc,
    /// S: ECDHE with AES-CBC and SHA-1.
    CbcSha1,
    /// R: RSA key exchange with AES-GCM, and AES-CBC and SHA-2.
    Rsa,
    /// RS: RSA key exchange with AES-CBC and SHA-1.
    RsaSha1,
}

/// One of ALB's policies, whether it is served or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlbPolicy {
    /// Without [`PREFIX`].
    pub name: &'static str,
    pub versions: (TlsVersion, TlsVersion),
    pub suites: &'static [Suites],
    pub post_quantum: bool,
    /// It promises a validated module.
    pub fips: bool,
}

/// Why a policy is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotServed {
    /// What it would need, in words: `` `TLS 1.0 and 1.1` ``.
    pub needs: Vec<&'static str>,
    /// The policy that serves the most of the same clients.
    pub nearest: TlsPolicy,
}

impl AlbPolicy {
    /// By its name, with or without [`PREFIX`].
    pub fn named(name: &str) -> Option<&'static AlbPolicy> {
        let bare = name.strip_prefix(PREFIX).unwrap_or(name);
        POLICIES.iter().find(|policy| policy.name == bare)
    }

    /// The policy of ours that is this one.
    pub fn served(&self) -> Result<TlsPolicy, NotServed> {
        let needs = self.needs();
        let of_name = |policy: &TlsPolicy| policy.name().strip_prefix(PREFIX) == Some(self.name);
        match TlsPolicy::ALL.into_iter().find(of_name) {
            Some(policy) if needs.is_empty() => Ok(policy),
            Some(_) | None => Err(NotServed { needs, nearest: self.nearest() }),
        }
    }

    fn needs(&self) -> Vec<&'static str> {
        let has = |suites| self.suites.contains(&suites);
        let mut needs = Vec::new();
        if self.fips {
            needs.push("a validated FIPS module");
        }
        match self.versions.0 {
            V10 => needs.push("TLS 1.0 and 1.1"),
            V11 => needs.push("TLS 1.1"),
            V12 | V13 => {}
        }
        if has(Suites::Cbc) || has(Suites::CbcSha1) {
            needs.push("CBC cipher suites");
        }
        if has(Suites::Rsa) || has(Suites::RsaSha1) {
            needs.push("RSA key exchange without forward secrecy");
        }
        needs
    }

    /// Clients that speak TLS 1.3 or the good part of 1.2 are kept. A policy that stops at 1.2 was
    /// written before 1.3: with it more is safe, and nobody is lost.
    fn nearest(&self) -> TlsPolicy {
        match (self.versions.0, self.post_quantum) {
            (V13, false) => TlsPolicy::Tls13,
            (V13, true) => TlsPolicy::Tls13PostQuantum,
            (V10 | V11 | V12, false) => TlsPolicy::Tls12And13,
            (V10 | V11 | V12, true) => TlsPolicy::Tls12And13PostQuantum,
        }
    }
}

const T: Suites = Suites::Tls13;
const G: Suites = Suites::Gcm;
const C: Suites = Suites::Cbc;
const S: Suites = Suites::CbcSha1;
const R: Suites = Suites::Rsa;
const RS: Suites = Suites::RsaSha1;

const PLAIN: (bool, bool) = (false, false);
const PQ: (bool, bool) = (true, false);
const FIPS: (bool, bool) = (false, true);
const FIPS_PQ: (bool, bool) = (true, true);

const fn row(
    name: &'static str,
    versions: (TlsVersion, TlsVersion),
    suites: &'static [Suites],
    (post_quantum, fips): (bool, bool),
) -> AlbPolicy {
    AlbPolicy { name, versions, suites, post_quantum, fips }
}

/// ALB.md §3a, in its order.
#[rustfmt::skip]
pub const POLICIES: &[AlbPolicy] = &[
    row("TLS13-1-3-2021-06", (V13, V13), &[T], PLAIN),
    row("TLS13-1-3-PQ-2025-09", (V13, V13), &[T], PQ),
    row("TLS13-1-2-Res-2021-06", (V12, V13), &[T, G], PLAIN),
    row("TLS13-1-2-Res-PQ-2025-09", (V12, V13), &[T, G], PQ),
    row("TLS13-1-2-2021-06", (V12, V13), &[T, G, C], PLAIN),
    row("TLS13-1-2-PQ-2025-09", (V12, V13), &[T, G, C], PQ),
    row("TLS13-1-2-Ext1-2021-06", (V12, V13), &[T, G, C, R], PLAIN),
    row("TLS13-1-2-Ext1-PQ-2025-09", (V12, V13), &[T, G, C, R], PQ),
    row("TLS13-1-2-Ext2-2021-06", (V12, V13), &[T, G, C, S, R, RS], PLAIN),
    row("TLS13-1-2-Ext2-PQ-2025-09", (V12, V13), &[T, G, C, S, R, RS], PQ),
    row("TLS13-1-1-2021-06", (V11, V13), &[T, G, C, S, R, RS], PLAIN),
    row("TLS13-1-0-2021-06", (V10, V13), &[T, G, C, S, R, RS], PLAIN),
    row("TLS13-1-0-PQ-2025-09", (V10, V13), &[T, G, C, S, R, RS], PQ),
    row("TLS-1-2-Ext-2018-06", (V12, V12), &[G, C, S, R, RS], PLAIN),
    row("TLS-1-2-2017-01", (V12, V12), &[G, C, R], PLAIN),
    row("TLS-1-1-2017-01", (V11, V12), &[G, C, S, R, RS], PLAIN),
    row("2016-08", (V10, V12), &[G, C, S, R, RS], PLAIN),
    row("FS-1-2-Res-2020-10", (V12, V12), &[G], PLAIN),
    row("FS-1-2-Res-2019-08", (V12, V12), &[G, C], PLAIN),
    row("FS-1-2-2019-08", (V12, V12), &[G, C, S], PLAIN),
    row("FS-1-1-2019-08", (V11, V12), &[G, C, S], PLAIN),
    row("FS-2018-06", (V10, V12), &[G, C, S], PLAIN),
    row("TLS13-1-3-FIPS-2023-04", (V13, V13), &[T], FIPS),
    row("TLS13-1-3-FIPS-PQ-2025-09", (V13, V13), &[T], FIPS_PQ),
    row("TLS13-1-2-Res-FIPS-2023-04", (V12, V13), &[T, G], FIPS),
    row("TLS13-1-2-Res-FIPS-PQ-2025-09", (V12, V13), &[T, G], FIPS_PQ),
    row("TLS13-1-2-FIPS-2023-04", (V12, V13), &[T, G, C], FIPS),
    row("TLS13-1-2-FIPS-PQ-2025-09", (V12, V13), &[T, G, C], FIPS_PQ),
    row("TLS13-1-2-Ext0-FIPS-2023-04", (V12, V13), &[T, G, C, S], FIPS),
    row("TLS13-1-2-Ext0-FIPS-PQ-2025-09", (V12, V13), &[T, G, C, S], FIPS_PQ),
    row("TLS13-1-2-Ext1-FIPS-2023-04", (V12, V13), &[T, G, C, S, R], FIPS),
    row("TLS13-1-2-Ext1-FIPS-PQ-2025-09", (V12, V13), &[T, G, C, S, R], FIPS_PQ),
    row("TLS13-1-2-Ext2-FIPS-2023-04", (V12, V13), &[T, G, C, S, R, RS], FIPS),
    row("TLS13-1-2-Ext2-FIPS-PQ-2025-09", (V12, V13), &[T, G, C, S, R, RS], FIPS_PQ),
    row("TLS13-1-1-FIPS-2023-04", (V11, V13), &[T, G, C, S, R, RS], FIPS),
    row("TLS13-1-0-FIPS-2023-04", (V10, V13), &[T, G, C, S, R, RS], FIPS),
    row("TLS13-1-0-FIPS-PQ-2025-09", (V10, V13), &[T, G, C, S, R, RS], FIPS_PQ),
    row("TLS13-1-3-RFC9151-FIPS-2023-07", (V13, V13), &[T], FIPS),
    row("TLS13-1-2-RFC9151-FIPS-2023-07", (V12, V13), &[T, G], FIPS),
    row("TLS13-1-2-Ext0-RFC9151-FIPS-2023-07", (V12, V13), &[T, G, R], FIPS),
    row("TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07", (V12, V13), &[T, G], FIPS),
    row("TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07", (V12, V13), &[T, G, C], FIPS),
    row("TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07", (V12, V13), &[T, G, C, S], FIPS),
    row("TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07", (V12, V13), &[T, G, C, S, R, RS], FIPS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_served_wholly_and_the_rest_has_a_reason() {
        let mut served = Vec::new();
        for policy in POLICIES {
            let name = policy.name;
            match policy.served() {
                Ok(ours) => {
                    assert_eq!(ours.versions(), policy.versions, "{name}");
                    assert_eq!(ours.is_post_quantum(), policy.post_quantum, "{name}");
                    served.push(ours);
                }
                Err(NotServed { needs, nearest }) => {
                    assert!(!needs.is_empty(), "{name} is served by nobody");
                    assert_eq!(nearest.is_post_quantum(), policy.post_quantum, "{name}");
                    assert!(nearest.versions().0 >= policy.versions.0, "{name}");
                }
            }
        }
        assert_eq!(served.len(), TlsPolicy::ALL.len());
        for policy in TlsPolicy::ALL {
            let row = AlbPolicy::named(policy.name()).map(AlbPolicy::served);
            assert_eq!(row, Some(Ok(policy)));
        }
    }

    #[test]
    fn names_are_once() {
        let names: std::collections::BTreeSet<_> = POLICIES.iter().map(|p| p.name).collect();
        assert_eq!(names.len(), POLICIES.len());
        assert!(AlbPolicy::named("2016-08").is_some());
        assert!(AlbPolicy::named("ELBSecurityPolicy-2016-08").is_some());
        assert!(AlbPolicy::named("ELBSecurityPolicy-2016-09").is_none());
    }
}
