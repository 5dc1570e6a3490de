//! What a listener serves while an authority is still asked: nobody trusts it, and it says so.

use std::time::Duration;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};

use crate::{AuthorityError, Identity};

/// It is made anew with each start and reload.
const DAYS: u64 = 30;
const DAY: Duration = Duration::from_secs(86_400);
/// Whoever looks at it in a browser learns why.
const COMMON_NAME: &str = "Pointsman: the certificate is pending";

/// Self-signed, for `names`.
pub fn placeholder(
    name: &str,
    names: &[String],
    now_unix: i64,
) -> Result<Identity, AuthorityError> {
    let made = || {
        let key = KeyPair::generate()?;
        // Of names that are ordered when a client comes none is known. RFC 6761 §6.4.
        let none = ["pending.invalid".to_owned()];
        let names = if names.is_empty() { &none[..] } else { names };
        let mut shown = CertificateParams::new(names)?;
        shown.distinguished_name.push(DnType::CommonName, COMMON_NAME);
        let now = Duration::from_secs(u64::try_from(now_unix).unwrap_or(0));
        let epoch = date_time_ymd(1970, 1, 1);
        shown.not_before = epoch + now.saturating_sub(DAY);
        shown.not_after = epoch + now + DAY * u32::try_from(DAYS).unwrap_or(1);
        shown.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = shown.self_signed(&key)?;
        Ok((certificate.pem(), key.serialize_pem()))
    };
    let (chain, key) = made().map_err(AuthorityError::Make)?;
    let loaded = Identity::from_pem(name, chain.as_bytes(), key.as_bytes(), now_unix);
    loaded.map(|loaded| loaded.identity).map_err(AuthorityError::Load)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_the_names_and_signed_by_itself() {
        let names = ["a.test".to_owned(), "*.a.test".to_owned()];
        let identity = placeholder("site", &names, 1_000_000_000).unwrap();
        assert!(identity.is_self_signed());
        assert!(identity.facts.covers("b.a.test") && identity.facts.covers("a.test"));
        assert!(!identity.facts.expired(1_000_000_000));
    }
}
