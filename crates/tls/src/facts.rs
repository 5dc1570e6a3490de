//! What X.509 certificates say (RFC 5280).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use verdict::certificate::{CertificateFacts, KeyKind};
use x509_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// Why a certificate cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    NotACertificate,
    /// Neither RSA nor ECDSA on P-256, P-384 or P-521 (ALB.md §3c).
    KeyKind,
}

pub fn read(der: &[u8]) -> Result<CertificateFacts, Unusable> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Unusable::NotACertificate)?;
    let (key, key_bits) = key(&certificate)?;
    let validity = certificate.validity();
    Ok(CertificateFacts {
        names: names(&certificate),
        key,
        key_bits,
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
        signature_hash_rank: signature_hash_rank(&certificate),
    })
}

/// The alternative names; the common name counts only where there are none (RFC 6125 §6.4.4).
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name).collect(),
        Ok(None) | Err(_) => {
            let common = certificate.subject().iter_common_name();
            common.filter_map(|cn| cn.as_str().ok()).map(str::to_ascii_lowercase).collect()
        }
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(octets) => address(octets).map(|ip| ip.to_string()),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|o| IpAddr::from(Ipv4Addr::from(o)));
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(|o| IpAddr::from(Ipv6Addr::from(o)))).ok()
}

fn key(certificate: &X509Certificate<'_>) -> Result<(KeyKind, u32), Unusable> {
    let info = certificate.public_key();
    match info.parsed() {
        Ok(ParsedKey::RSA(key)) => {
            Ok((KeyKind::Rsa, u32::try_from(key.key_size()).unwrap_or(u32::MAX)))
        }
        Ok(ParsedKey::EC(_)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            match curve.map(|oid| oid.to_id_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => Ok((KeyKind::Ecdsa, 256)),
                Some("1.3.132.0.34") => Ok((KeyKind::Ecdsa, 384)),
                Some("1.3.132.0.35") => Ok((KeyKind::Ecdsa, 521)),
                Some(_) | None => Err(Unusable::KeyKind),
            }
        }
        Ok(_) | Err(_) => Err(Unusable::KeyKind),
    }
}

/// See [`CertificateFacts::signature_hash_rank`].
fn signature_hash_rank(certificate: &X509Certificate<'_>) -> u8 {
    let algorithm = &certificate.signature_algorithm;
    let oid = match SignatureAlgorithm::try_from(algorithm) {
        Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) => {
            parameters.hash_algorithm_oid().to_id_string()
        }
        Ok(_) | Err(_) => algorithm.algorithm.to_id_string(),
    };
    match oid.as_str() {
        // RFC 3279 §2.2: sha1WithRSAEncryption, ecdsa-with-SHA1; RFC 4055 §2.1: id-sha1.
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.3.14.3.2.26" => 1,
        // RFC 4055 §5, RFC 5758 §3.2, RFC 4055 §2.1: SHA-224, SHA-256, SHA-384, SHA-512.
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" | "2.16.840.1.101.3.4.2.4" => 2,
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" | "2.16.840.1.101.3.4.2.1" => 3,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" | "2.16.840.1.101.3.4.2.2" => 4,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" | "2.16.840.1.101.3.4.2.3" => 5,
        // RFC 8410 §3: Ed25519 hashes with SHA-512.
        "1.3.101.112" => 5,
        _ => 0,
    }
}

/// What an authority calls itself.
pub fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

/// Whether it may issue certificates (RFC 5280 §4.2.1.9); of version 1 there is nothing that says.
pub fn is_authority(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.is_ca())
}

/// Whether it names itself as its issuer (RFC 5280 §3.2).
pub fn is_self_issued(der: &[u8]) -> bool {
    X509Certificate::from_der(der)
        .is_ok_and(|(_, certificate)| certificate.issuer() == certificate.subject())
}

/// The key of a certificate, unparsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The whole `SubjectPublicKeyInfo`.
    pub info: &'a [u8],
    /// The contents of its `AlgorithmIdentifier`.
    pub algorithm: &'a [u8],
    /// The contents of its `subjectPublicKey`.
    pub bits: &'a [u8],
}

/// Finds the key by skipping what comes before it (RFC 5280 §4.1), without judging any of it.
pub fn public_key(der: &[u8]) -> Option<PublicKey<'_>> {
    let (_, certificate) = Any::from_der(der).ok()?;
    let (_, to_be_signed) = Any::from_der(certificate.data).ok()?;
    let mut rest = to_be_signed.data;
    let (after, first) = Any::from_der(rest).ok()?;
    // The version, which version 1 leaves out.
    if first.tag() == Tag(0) && first.class() == x509_parser::asn1_rs::Class::ContextSpecific {
        rest = after;
    }
    // Serial number, signature, issuer, validity, subject.
    for _ in 0..5 {
        rest = Any::from_der(rest).ok()?.0;
    }
    let (after, info) = Any::from_der(rest).ok()?;
    let (key, algorithm) = Any::from_der(info.data).ok()?;
    let (_, key) = Any::from_der(key).ok()?;
    // The first octet of a bit string counts the unused bits of the last; a key has none.
    let bits = key.data.strip_prefix(&[0])?;
    let info = rest.get(..rest.len().checked_sub(after.len())?)?;
    (key.tag() == Tag::BitString).then_some(PublicKey { info, algorithm: algorithm.data, bits })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certificate() -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["a.test".to_owned(), "127.0.0.1".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap();
        certificate.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_bad_certificate_is_an_answer_not_a_panic() {
        let good = certificate();
        assert!(read(&good).is_ok() && public_key(&good).is_some());
        let cut_and_changed = (
            0..=good.len(),
            prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        );
        proptest!(|((length, changes) in cut_and_changed)| {
            let mut bad = good[..length].to_vec();
            for (at, byte) in changes {
                if !bad.is_empty() {
                    let at = at.index(bad.len());
                    bad[at] = byte;
                }
            }
            let _ = read(&bad);
            if let Some(key) = public_key(&bad) {
                assert!(key.info.len() > key.algorithm.len() + key.bits.len());
            }
        });
    }
}
