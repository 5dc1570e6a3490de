//! Challenges of certificate authorities that are answered in the handshake (RFC 8737).

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::policy;

/// RFC 8737 §6.2.
pub const ALPN_PROTOCOL: &[u8] = b"acme-tls/1";

/// Open at once. An order has at most a hundred names, and authorities allow few orders at a time.
pub const CHALLENGES_MAX: usize = 1000;

/// What is shown to an authority that asks by server name, and to nobody else. Immutable: a new set
/// is made from the old one and published as a whole.
#[derive(Clone, Default)]
pub struct AlpnChallenges {
    /// By server name, in lower case.
    configs: BTreeMap<String, Arc<ServerConfig>>,
}

/// Why a challenge cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeError {
    #[error("a certificate for the challenge of `{identifier}` cannot be made")]
    Make { identifier: String, source: rcgen::Error },
    #[error("the certificate for the challenge of `{identifier}` cannot be served")]
    Serve { identifier: String, source: rustls::Error },
    #[error("more than {CHALLENGES_MAX} challenges are open")]
    TooMany,
}

impl AlpnChallenges {
    /// These and one more. `identifier` is a host name or an address (RFC 8738 §6), as the order has
    /// it; a challenge of the same name is replaced.
    pub fn with(
        &self,
        identifier: &str,
        key_authorization: &str,
    ) -> Result<AlpnChallenges, ChallengeError> {
        let mut configs = self.configs.clone();
        configs.insert(server_name(identifier), Arc::new(config(identifier, key_authorization)?));
        match configs.len() {
            ..=CHALLENGES_MAX => Ok(AlpnChallenges { configs }),
            _ => Err(ChallengeError::TooMany),
        }
    }

    /// These but for one.
    pub fn without(&self, identifier: &str) -> AlpnChallenges {
        let mut configs = self.configs.clone();
        configs.remove(&server_name(identifier));
        AlpnChallenges { configs }
    }

    pub fn is_empty(&self) -> bool {
        self.configs.is_empty()
    }

    /// RFC 8737 §3: only for a hello that offers this protocol and no other.
    pub(crate) fn answer<'a>(
        &self,
        server_name: Option<&str>,
        offered: Option<impl Iterator<Item = &'a [u8]>>,
    ) -> Option<&Arc<ServerConfig>> {
        if self.configs.is_empty() || !offered?.eq([ALPN_PROTOCOL]) {
            return None;
        }
        self.configs.get(server_name?)
    }
}

/// The server name under which the authority asks (RFC 8737 §3, RFC 8738 §6).
fn server_name(identifier: &str) -> String {
    match identifier.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(address)) => {
            let octets = address.octets();
            let nibbles = octets.iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
        Err(_) => identifier.trim_end_matches('.').to_ascii_lowercase(),
    }
}

fn config(identifier: &str, key_authorization: &str) -> Result<ServerConfig, ChallengeError> {
    let key = certificate(identifier, key_authorization)?;
    let serve = |source| ChallengeError::Serve { identifier: identifier.to_owned(), source };
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.1.serialize_der()));
    let signing = any_supported_type(&private).map_err(serve)?;
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![key.0], signing));
    // RFC 8737 §4: TLS 1.2 or higher, whatever the policy of the listener.
    let mut config = ServerConfig::builder_with_provider(Arc::clone(policy::provider()))
        .with_protocol_versions(&policy::VERSIONS)
        .map_err(serve)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![ALPN_PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// RFC 8737 §3: self-signed, for this one name, with the digest of the key authorization.
fn certificate(
    identifier: &str,
    key_authorization: &str,
) -> Result<(rustls_pki_types::CertificateDer<'static>, KeyPair), ChallengeError> {
    let digest = digest::digest(&digest::SHA256, key_authorization.as_bytes());
    let made = || {
        let key = KeyPair::generate()?;
        let mut shown = CertificateParams::new(vec![identifier.to_owned()])?;
        shown.distinguished_name = DistinguishedName::new();
        shown.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
        let certificate = shown.self_signed(&key)?;
        Ok((certificate.der().clone(), key))
    };
    made().map_err(|source| ChallengeError::Make { identifier: identifier.to_owned(), source })
}

impl fmt::Debug for AlpnChallenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.configs.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which challenges are open, the server name, and the protocols that are offered.
    type Hello<'a> = (&'a AlpnChallenges, Option<&'a str>, Option<&'a [&'a [u8]]>);

    #[test]
    fn an_answer_needs_the_name_and_this_protocol_alone() {
        let none = AlpnChallenges::default();
        let some = none.with("A.Test", "token.thumbprint").unwrap();
        let rows: [(&str, Hello<'_>, bool); 7] = [
            ("as an authority asks", (&some, Some("a.test"), Some(&[b"acme-tls/1"])), true),
            ("another name", (&some, Some("b.test"), Some(&[b"acme-tls/1"])), false),
            ("no name", (&some, None, Some(&[b"acme-tls/1"])), false),
            ("no protocol", (&some, Some("a.test"), None), false),
            ("a browser", (&some, Some("a.test"), Some(&[b"h2", b"http/1.1"])), false),
            ("both", (&some, Some("a.test"), Some(&[b"http/1.1", b"acme-tls/1"])), false),
            ("nothing open", (&none, Some("a.test"), Some(&[b"acme-tls/1"])), false),
        ];
        for (row, (challenges, name, offered), expected) in rows {
            let offered = offered.map(|list| list.iter().copied());
            assert_eq!(challenges.answer(name, offered).is_some(), expected, "{row}");
        }
        assert!(some.without("a.test").is_empty());
        assert!(!some.without("b.test").is_empty());
    }

    #[test]
    fn the_certificate_holds_the_digest_of_the_key_authorization() {
        let (shown, _) = certificate("a.test", "token.thumbprint").unwrap();
        let digest = digest::digest(&digest::SHA256, b"token.thumbprint");
        // RFC 8737 §3: an octet string of 32 octets, within that of the extension.
        let value = [&[0x04, 0x22, 0x04, 0x20], digest.as_ref()].concat();
        assert!(shown.windows(value.len()).any(|window| window == value));
    }

    #[test]
    fn addresses_are_asked_for_by_their_reverse_names() {
        let rows = [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            (
                "2001:db8::1",
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
            ("Shop.Example.", "shop.example"),
        ];
        for (identifier, name) in rows {
            assert_eq!(server_name(identifier), name, "{identifier}");
        }
    }
}
