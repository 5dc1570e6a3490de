//! The key of a signed zone: one that signs everything (RFC 6781 §3.1, a "combined signing key"),
//! ECDSA P-256 (RFC 6605), and what its parent publishes about it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use crate::name;

/// RFC 6605 §4.
pub const ALGORITHM: u8 = 13;
/// RFC 4034 §2.1.1 and RFC 4034 §2.1.1 with RFC 6781: a zone key that is a secure entry point.
const FLAGS: u16 = 257;
/// RFC 4034 §2.1.2.
const PROTOCOL: u8 = 3;
/// RFC 4509.
const DIGEST_SHA256: u8 = 2;

/// A signature as DNSSEC has it (RFC 6605 §4).
pub type Signature = [u8; 64];

pub struct ZoneKey {
    pair: EcdsaKeyPair,
    data: [u8; 68],
    pub tag: u16,
    random: SystemRandom,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot make a zone key")]
    Make,
    #[error("the kept zone key is damaged")]
    Damaged,
}

impl ZoneKey {
    /// PKCS #8 of a new key.
    pub fn make() -> Result<Vec<u8>, KeyError> {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        made.map(|document| document.as_ref().to_vec()).map_err(|_| KeyError::Make)
    }

    pub fn read(pkcs8: &[u8]) -> Result<ZoneKey, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|_| KeyError::Damaged)?;
        // RFC 6605 §4: the point without the octet that says that it is not compressed.
        let point: &[u8; 65] =
            pair.public_key().as_ref().try_into().map_err(|_| KeyError::Damaged)?;
        let mut data = [0; 68];
        data[..2].copy_from_slice(&FLAGS.to_be_bytes());
        data[2..4].copy_from_slice(&[PROTOCOL, ALGORITHM]);
        data[4..].copy_from_slice(&point[1..]);
        Ok(ZoneKey { tag: tag(&data), data, pair, random: SystemRandom::new() })
    }

    /// The data of the DNSKEY (RFC 4034 §2), and of the CDNSKEY (RFC 7344 §3.2).
    pub fn public(&self) -> &[u8] {
        &self.data
    }

    /// The data of the DS in the parent zone (RFC 4034 §5), and of the CDS (RFC 7344 §3.1).
    pub fn delegation(&self, zone: &str) -> Vec<u8> {
        let mut input = Vec::new();
        name::append_wire(zone, &mut input);
        name::lower(&mut input);
        input.extend_from_slice(&self.data);
        let mut out = self.tag.to_be_bytes().to_vec();
        out.extend_from_slice(&[ALGORITHM, DIGEST_SHA256]);
        out.extend_from_slice(digest(&SHA256, &input).as_ref());
        out
    }

    /// `None` where the library has no random number to give: the answer goes without.
    pub fn sign(&self, bytes: &[u8]) -> Option<Signature> {
        self.pair.sign(&self.random, bytes).ok()?.as_ref().try_into().ok()
    }
}

impl std::fmt::Debug for ZoneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ZoneKey({})", self.tag)
    }
}

/// RFC 4034, appendix B.
fn tag(data: &[u8]) -> u16 {
    let add = |sum: u32, (at, octet): (usize, &u8)| {
        sum + if at % 2 == 0 { u32::from(*octet) << 8 } else { u32::from(*octet) }
    };
    let sum = data.iter().enumerate().fold(0, add);
    ((sum + (sum >> 16)) & 0xffff) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_and_described() {
        let kept = ZoneKey::make().unwrap();
        let (key, again) = (ZoneKey::read(&kept).unwrap(), ZoneKey::read(&kept).unwrap());
        assert_eq!(key.public(), again.public());
        assert_eq!(key.public()[..4], [1, 1, 3, 13]);
        assert_eq!(key.delegation("Example.com"), again.delegation("example.com"));
        assert_eq!(key.delegation("example.com")[..4], {
            let [a, b] = key.tag.to_be_bytes();
            [a, b, 13, 2]
        });
        assert!(ZoneKey::read(&kept[1..]).is_err());
    }

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 6605 §6.1.
        use domain::utils::base64;
        let public: Vec<u8> = base64::decode(
            "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
        )
        .unwrap();
        let data = [&[1, 1, 3, 13][..], &public].concat();
        assert_eq!(tag(&data), 55648);
    }
}
