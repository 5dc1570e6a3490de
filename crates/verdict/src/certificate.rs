//! Which certificate a handshake gets (ALB.md §3c).
//!
//! There is always an answer: a listener has a default certificate, and a name that nobody covers
//! is served with it rather than with an alert (DECISIONS 3).

use std::cmp::Reverse;

use crate::Witness;

/// What the choice looks at in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Lower case; `*.example.com` covers one label.
    pub names: Vec<String>,
    pub key: KeyKind,
    pub key_bits: u32,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds; the certificate is still good in this second.
    pub not_after: i64,
    /// Of the hash in the issuer's signature: 0 for MD5, 1 for SHA-1, 2 and up for SHA-2.
    pub signature_hash_rank: u8,
}

/// The key algorithms that ALB serves (ALB.md §3c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    Rsa,
    Ecdsa,
}

/// Which keys a client can verify, from the schemes and cipher suites it offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCapability {
    pub rsa: bool,
    pub ecdsa_p256: bool,
    pub ecdsa_p384: bool,
    pub ecdsa_p521: bool,
}

impl ClientCapability {
    /// What OpenSSL offers, and what an explanation assumes.
    pub const EVERYTHING: ClientCapability =
        ClientCapability { rsa: true, ecdsa_p256: true, ecdsa_p384: true, ecdsa_p521: true };

    fn verifies(self, certificate: &CertificateFacts) -> bool {
        match (certificate.key, certificate.key_bits) {
            (KeyKind::Rsa, _) => self.rsa,
            (KeyKind::Ecdsa, ..=256) => self.ecdsa_p256,
            (KeyKind::Ecdsa, ..=384) => self.ecdsa_p384,
            (KeyKind::Ecdsa, _) => self.ecdsa_p521,
        }
    }
}

/// The certificate of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Into the listener's certificates.
    pub index: usize,
    /// Whether it covers the name that the client asked for; without one, `false`.
    pub covered: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    /// The client named no server.
    NoServerName,
    OtherName {
        index: usize,
        certificate: &'a CertificateFacts,
        name: &'a str,
    },
    /// It covers the name, but the client cannot verify its key.
    ClientCannot {
        index: usize,
        certificate: &'a CertificateFacts,
    },
    Covers {
        index: usize,
        certificate: &'a CertificateFacts,
    },
    /// Several cover the name, and `index` comes first in order of preference.
    Preferred {
        index: usize,
    },
    /// The default certificate is served: it covers the name only by chance.
    Default {
        name: Option<&'a str>,
    },
}

/// Chooses among a listener's certificates, the first of which is the default.
///
/// Every one takes part in the match, the default included, as on a listener made in AWS's console.
/// An empty slice answers the default as well: a listener cannot be declared without one.
pub fn choose<W: Witness>(
    certificates: &[CertificateFacts],
    server_name: Option<&str>,
    client: ClientCapability,
    now_unix: i64,
    witness: &mut W,
) -> Chosen {
    let mut tell = |note: Note<'_>| witness.note(crate::Note::Certificate(note));
    let Some(name) = server_name else {
        tell(Note::NoServerName);
        tell(Note::Default { name: None });
        return Chosen { index: 0, covered: false };
    };
    let mut best: Option<(usize, Preference)> = None;
    let mut candidates = 0u32;
    for (index, certificate) in certificates.iter().enumerate() {
        if !certificate.covers(name) {
            tell(Note::OtherName { index, certificate, name });
        } else if !client.verifies(certificate) {
            tell(Note::ClientCannot { index, certificate });
        } else {
            tell(Note::Covers { index, certificate });
            candidates += 1;
            let preference = Preference::of(certificate, now_unix);
            if best.is_none_or(|(_, other)| preference > other) {
                best = Some((index, preference));
            }
        }
    }
    match best {
        Some((index, _)) => {
            if candidates > 1 {
                tell(Note::Preferred { index });
            }
            Chosen { index, covered: true }
        }
        None => {
            tell(Note::Default { name: Some(name) });
            Chosen { index: 0, covered: certificates.first().is_some_and(|c| c.covers(name)) }
        }
    }
}

impl CertificateFacts {
    /// Whether any of its names covers `name`.
    pub fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| covers(pattern, name))
    }

    pub fn expired(&self, now_unix: i64) -> bool {
        self.not_after < now_unix
    }
}

/// Whether a certificate name covers a host name: equal but for case, or a wildcard in place of
/// exactly the left-most label. `*.example.com` covers `a.example.com`, not `a.b.example.com` and
/// not `example.com`. A final dot of the host name is not significant.
pub fn covers(pattern: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match pattern.strip_prefix("*.") {
        Some(parent) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
        None => !name.is_empty() && pattern.eq_ignore_ascii_case(name),
    }
}

/// ALB.md §3c, (1) to (5); the greater is served, and ties go to the first in the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    key: KeyKind,
    expired: Reverse<bool>,
    signature_hash_rank: u8,
    key_bits: u32,
    validity_seconds: i64,
}

impl Preference {
    fn of(certificate: &CertificateFacts, now_unix: i64) -> Preference {
        Preference {
            key: certificate.key,
            expired: Reverse(certificate.expired(now_unix)),
            signature_hash_rank: certificate.signature_hash_rank,
            key_bits: certificate.key_bits,
            validity_seconds: certificate.not_after.saturating_sub(certificate.not_before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;
    const NOTHING: ClientCapability =
        ClientCapability { rsa: false, ecdsa_p256: false, ecdsa_p384: false, ecdsa_p521: false };
    const RSA_ONLY: ClientCapability = ClientCapability { rsa: true, ..NOTHING };
    const P256_ONLY: ClientCapability = ClientCapability { ecdsa_p256: true, ..NOTHING };
    const P384_ONLY: ClientCapability = ClientCapability { ecdsa_p384: true, ..NOTHING };

    /// `names; key; bits; hash rank; lifetime left`, such as `a.example,*.b.example ec 256 2 90`.
    fn facts(text: &str) -> CertificateFacts {
        let fields: Vec<&str> = text.split(' ').collect();
        let [names, key, bits, rank, left] = fields[..] else { panic!("{text}") };
        CertificateFacts {
            names: names.split(',').map(str::to_owned).collect(),
            key: if key == "ec" { KeyKind::Ecdsa } else { KeyKind::Rsa },
            key_bits: bits.parse().unwrap(),
            not_before: NOW - 1000,
            not_after: NOW + left.parse::<i64>().unwrap(),
            signature_hash_rank: rank.parse().unwrap(),
        }
    }

    #[test]
    fn a_wildcard_covers_one_label_and_not_the_apex() {
        let rows = [
            ("a.example", "a.example", true),
            ("a.example", "A.Example", true),
            ("a.example", "a.example.", true),
            ("a.example", "b.example", false),
            ("*.example", "a.example", true),
            ("*.example", "A.EXAMPLE", true),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("*.example", "a.b.example", false),
            ("*.b.example", "a.b.example", true),
            ("a*.example", "ab.example", false),
            ("*", "example", false),
            ("*.", "a.", false),
            ("", "", false),
            ("127.0.0.1", "127.0.0.1", true),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(covers(pattern, name), expected, "`{pattern}` for `{name}`");
        }
    }

    #[test]
    fn the_order_of_preference_is_albs() {
        const MODERN: ClientCapability = ClientCapability::EVERYTHING;
        type Row = (
            &'static str,
            &'static [&'static str],
            Option<&'static str>,
            ClientCapability,
            (usize, bool),
        );
        #[rustfmt::skip]
        let rows: &[Row] = &[
            ("no name", &["a rsa 2048 2 1", "b rsa 2048 2 1"], None, MODERN, (0, false)),
            ("no match", &["a rsa 2048 2 1", "b rsa 2048 2 1"], Some("c"), MODERN, (0, false)),
            ("a match", &["a rsa 2048 2 1", "b rsa 2048 2 1"], Some("b"), MODERN, (1, true)),
            ("the default matches", &["a rsa 2048 2 1", "b rsa 2048 2 1"], Some("a"), MODERN, (0, true)),
            ("ties go to the first", &["z rsa 2048 2 1", "a rsa 2048 2 1", "a rsa 2048 2 1"], Some("a"), MODERN, (1, true)),
            ("1 ECDSA over RSA", &["a rsa 4096 4 9", "a ec 256 2 1"], Some("a"), MODERN, (1, true)),
            ("1 before 2", &["a rsa 4096 4 9", "a ec 256 2 -1"], Some("a"), MODERN, (1, true)),
            ("2 not expired", &["a ec 521 4 -1", "a ec 256 2 1"], Some("a"), MODERN, (1, true)),
            ("2 the last second counts", &["a ec 521 2 0", "a ec 256 2 1"], Some("a"), MODERN, (0, true)),
            ("3 hash", &["a rsa 4096 1 9", "a rsa 2048 2 1"], Some("a"), MODERN, (1, true)),
            ("3 MD5 last", &["a rsa 4096 0 9", "a rsa 2048 1 1"], Some("a"), MODERN, (1, true)),
            ("4 key length", &["a rsa 2048 2 9", "a rsa 4096 2 1"], Some("a"), MODERN, (1, true)),
            ("5 validity", &["a rsa 2048 2 1", "a rsa 2048 2 9"], Some("a"), MODERN, (1, true)),
            ("exact is not preferred", &["a.x rsa 2048 2 1", "*.x ec 256 2 1"], Some("a.x"), MODERN, (1, true)),
            ("capability first", &["z rsa 2048 2 1", "a rsa 2048 2 1", "a ec 256 2 1"], Some("a"), RSA_ONLY, (1, true)),
            ("curve too large", &["z ec 256 2 1", "a ec 384 2 1", "a ec 256 2 1"], Some("a"), P256_ONLY, (2, true)),
            ("curve too small", &["z ec 256 2 1", "a ec 256 2 1", "a ec 384 2 1"], Some("a"), P384_ONLY, (2, true)),
            ("nothing the client can verify", &["z ec 256 2 1", "a rsa 2048 2 1"], Some("a"), P256_ONLY, (0, false)),
            ("the default, unverifiable", &["a rsa 2048 2 1"], Some("a"), P256_ONLY, (0, true)),
            ("a later name", &["z ec 256 2 1", "b,*.a ec 256 2 1"], Some("x.a"), MODERN, (1, true)),
        ];
        for (row, certificates, name, client, (index, covered)) in rows {
            let certificates: Vec<_> = certificates.iter().map(|c| facts(c)).collect();
            let chosen = choose(&certificates, *name, *client, NOW, &mut ());
            assert_eq!(chosen, Chosen { index: *index, covered: *covered }, "{row}");
        }
    }

    #[test]
    fn every_near_miss_is_told() {
        #[derive(Default)]
        struct Told(Vec<String>);
        impl Witness for Told {
            fn note(&mut self, note: crate::Note<'_>) {
                let crate::Note::Certificate(note) = note else { return };
                self.0.push(match note {
                    Note::NoServerName => "no name".into(),
                    Note::OtherName { index, .. } => format!("{index} other"),
                    Note::ClientCannot { index, .. } => format!("{index} cannot"),
                    Note::Covers { index, .. } => format!("{index} covers"),
                    Note::Preferred { index } => format!("{index} preferred"),
                    Note::Default { name } => format!("default for {name:?}"),
                });
            }
        }
        let list =
            ["z rsa 2048 2 1", "a rsa 2048 2 1", "a ec 256 2 1", "a rsa 4096 2 1"].map(facts);
        let rows = [
            (Some("a"), "0 other, 1 covers, 2 cannot, 3 covers, 3 preferred"),
            (Some("q"), "0 other, 1 other, 2 other, 3 other, default for Some(\"q\")"),
            (None, "no name, default for None"),
        ];
        for (name, expected) in rows {
            let mut told = Told::default();
            choose(&list, name, RSA_ONLY, NOW, &mut told);
            assert_eq!(told.0.join(", "), expected, "{name:?}");
        }
    }
}
