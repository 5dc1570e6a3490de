//! What an authority says of a certificate, for the handshake to carry (RFC 6960, RFC 6066 §8).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use model::{Finding, Place};
use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use crate::facts;

/// A response with the certificate of its signer is some 2 KB, and every handshake carries it.
const RESPONSE_BYTES_MAX: u64 = 64 * 1024;
/// One that is good for less is not shown any more: it has to outlive the handshake, and a clock that is
/// a little ahead.
const LEFT_SECONDS_MIN: i64 = 60;
/// `id-pkix-ocsp-basic`, 1.3.6.1.5.5.7.48.1.1.
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
/// 1.3.14.3.2.26, which names nothing but a certificate here.
const SHA1: &[u8] = &[0x2b, 14, 3, 2, 26];
/// 2.16.840.1.101.3.4.2.1.
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// A response that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staple {
    pub der: Vec<u8>,
    /// Unix seconds: not from then on.
    pub until: i64,
}

/// Why a response is not shown.
#[derive(Debug, thiserror::Error)]
pub enum StapleError {
    #[error("cannot read `{path}`: {source}", path = .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{path}` is no OCSP response", path = .path.display())]
    Malformed { path: PathBuf },
    #[error("`{path}` says that the responder could not answer", path = .path.display())]
    NoAnswer { path: PathBuf },
    #[error("`{path}` is about another certificate", path = .path.display())]
    OtherCertificate { path: PathBuf },
    #[error("`{path}` says that the certificate has been revoked", path = .path.display())]
    Revoked { path: PathBuf },
    #[error("`{path}` says that the certificate is not known", path = .path.display())]
    Unknown { path: PathBuf },
    #[error("`{path}` does not say until when it is good", path = .path.display())]
    Endless { path: PathBuf },
    #[error("`{path}` is of the future", path = .path.display())]
    Early { path: PathBuf },
    #[error("`{path}` is past its next update", path = .path.display())]
    Stale { path: PathBuf },
}

impl Staple {
    /// The response in a DER file, if it says of the first certificate of the chain, now, that it is good.
    /// Who has signed it is for the client to judge.
    pub fn from_file(
        path: &Path,
        chain: &[CertificateDer<'_>],
        now_unix: i64,
    ) -> Result<Staple, StapleError> {
        let der = read(path)
            .map_err(|source| StapleError::Unreadable { path: path.to_owned(), source })?;
        let path = || path.to_owned();
        let answers = answers(&der).ok_or_else(|| StapleError::Malformed { path: path() })?;
        let answers = answers.ok_or_else(|| StapleError::NoAnswer { path: path() })?;
        let answer = answers.into_iter().find(|answer| answer.is_about(chain));
        let answer = answer.ok_or_else(|| StapleError::OtherCertificate { path: path() })?;
        match answer.status {
            Status::Good => {}
            Status::Revoked => return Err(StapleError::Revoked { path: path() }),
            Status::Unknown => return Err(StapleError::Unknown { path: path() }),
        }
        if answer.this_update > now_unix {
            return Err(StapleError::Early { path: path() });
        }
        // RFC 6960 §4.2.2.1: without it, newer information is always available.
        let next_update =
            answer.next_update.ok_or_else(|| StapleError::Endless { path: path() })?;
        let until = next_update.saturating_sub(LEFT_SECONDS_MIN);
        match until <= now_unix {
            true => Err(StapleError::Stale { path: path() }),
            false => Ok(Staple { der, until }),
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(RESPONSE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > RESPONSE_BYTES_MAX {
        true => Err(io::Error::other(format!("it is larger than {RESPONSE_BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}

/// `SingleResponse`.
struct SingleAnswer<'a> {
    hash: &'a [u8],
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    serial: &'a [u8],
    status: Status,
    this_update: i64,
    next_update: Option<i64>,
}

#[derive(Clone, Copy)]
enum Status {
    Good,
    Revoked,
    Unknown,
}

impl SingleAnswer<'_> {
    /// The issuer's key is compared where the chain has the issuer.
    fn is_about(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some(Ok((_, leaf))) = chain.first().map(|leaf| X509Certificate::from_der(leaf)) else {
            return false;
        };
        let algorithm = match self.hash {
            SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            SHA256 => &digest::SHA256,
            _ => return false,
        };
        let is_hash = |hash: &[u8], of: &[u8]| digest::digest(algorithm, of).as_ref() == hash;
        let issuer = chain.get(1).and_then(|issuer| facts::public_key(issuer));
        self.serial == leaf.raw_serial()
            && is_hash(self.issuer_name, leaf.issuer().as_raw())
            && issuer.is_none_or(|key| is_hash(self.issuer_key, key.bits))
    }
}

/// Takes the elements of a sequence one after the other.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<Any<'a>> {
        let (rest, element) = Any::from_der(self.0).ok()?;
        self.0 = rest;
        Some(element)
    }

    fn next_of(&mut self, tag: Tag) -> Option<&'a [u8]> {
        self.next().filter(|element| is(element, Class::Universal, tag.0)).map(|e| e.data)
    }

    /// An element that may be missing, by its number.
    fn tagged(&mut self, number: u32) -> Option<&'a [u8]> {
        let (rest, element) = Any::from_der(self.0).ok()?;
        is(&element, Class::ContextSpecific, number).then(|| {
            self.0 = rest;
            element.data
        })
    }
}

fn is(element: &Any<'_>, class: Class, tag: u32) -> bool {
    element.class() == class && element.tag() == Tag(tag)
}

/// RFC 6960 §4.2.1. `None`: it cannot be read; `Some(None)`: it is no answer.
fn answers(der: &[u8]) -> Option<Option<Vec<SingleAnswer<'_>>>> {
    let mut file = Elements(der);
    let mut response = Elements(file.next_of(Tag::Sequence)?);
    if !file.0.is_empty() {
        return None;
    }
    if response.next_of(Tag::Enumerated)? != [0] {
        return Some(None);
    }
    let mut bytes = Elements(Elements(response.tagged(0)?).next_of(Tag::Sequence)?);
    if bytes.next_of(Tag::Oid)? != BASIC {
        return None;
    }
    let mut basic = Elements(Elements(bytes.next_of(Tag::OctetString)?).next_of(Tag::Sequence)?);
    let mut data = Elements(basic.next_of(Tag::Sequence)?);
    let _version = data.tagged(0);
    let _responder = data.next()?;
    let _produced_at = data.next()?;
    let mut singles = Elements(data.next_of(Tag::Sequence)?);
    let mut answers = Vec::new();
    while !singles.0.is_empty() {
        answers.push(single(singles.next_of(Tag::Sequence)?)?);
    }
    Some(Some(answers))
}

fn single(der: &[u8]) -> Option<SingleAnswer<'_>> {
    let mut single = Elements(der);
    let mut id = Elements(single.next_of(Tag::Sequence)?);
    let hash = Elements(id.next_of(Tag::Sequence)?).next_of(Tag::Oid)?;
    let issuer_name = id.next_of(Tag::OctetString)?;
    let issuer_key = id.next_of(Tag::OctetString)?;
    let serial = id.next_of(Tag::Integer)?;
    let status = single.next().filter(|s| s.class() == Class::ContextSpecific)?;
    let status = match status.tag().0 {
        0 => Status::Good,
        1 => Status::Revoked,
        2 => Status::Unknown,
        _ => return None,
    };
    let (rest, this_update) = ASN1Time::from_der(single.0).ok()?;
    single.0 = rest;
    let next_update = match single.tagged(0) {
        Some(next) => Some(ASN1Time::from_der(next).ok()?.1.timestamp()),
        None => None,
    };
    let this_update = this_update.timestamp();
    Some(SingleAnswer { hash, issuer_name, issuer_key, serial, status, this_update, next_update })
}

// === impl StapleError ===

impl StapleError {
    pub fn finding(&self, certificate: &str, place: &Place) -> Finding {
        let message = format!("nothing is stapled to the certificate `{certificate}`: {self}");
        Finding::warning("certificate/not-stapled", place, message).hint(self.hint())
    }

    /// The remedy.
    fn hint(&self) -> String {
        match self {
            StapleError::Unreadable { .. } => {
                "is the path right, and may the user that Pointsman runs as read it?".into()
            }
            StapleError::Malformed { .. } | StapleError::NoAnswer { .. } => {
                "it is DER, as `openssl ocsp -respout` writes it; fetch it again".into()
            }
            StapleError::OtherCertificate { .. } => {
                "fetch one for the first certificate of `chain`, after every renewal".into()
            }
            StapleError::Revoked { .. } => "clients refuse it: have another one issued".into(),
            StapleError::Unknown { .. } => "ask the responder of who has issued it".into(),
            StapleError::Endless { .. } => "have the responder say a next update".into(),
            StapleError::Early { .. } => "is the clock of this machine right?".into(),
            StapleError::Stale { .. } => {
                "fetch it again: what is written over the file is taken within a second".into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_an_answer_or_none_and_never_a_panic() {
        proptest!(|(bytes in prop::collection::vec(any::<u8>(), 0..200))| {
            let _ = answers(&bytes);
        });
    }
}
