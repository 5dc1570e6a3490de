//! The other side's proof that it holds the key of the certificate it shows, which is never skipped,
//! whatever is thought of the certificate.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use rustls_pki_types::CertificateDer;

use crate::facts;

/// RFC 5246 §7.4.8 and §7.4.3.
pub fn verify_tls12(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify(provider, message, certificate, signed, Curve::Any)
}

/// RFC 8446 §4.4.3.
pub fn verify_tls13(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    match signed.scheme {
        // RFC 8446 §4.2.3: for certificates only, not for signed handshake messages.
        SignatureScheme::RSA_PKCS1_SHA256
        | SignatureScheme::RSA_PKCS1_SHA384
        | SignatureScheme::RSA_PKCS1_SHA512 => {
            Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
        }
        _ => verify(provider, message, certificate, signed, Curve::OfScheme),
    }
}

/// Whether an ECDSA scheme names its curve (TLS 1.3) or only its hash (TLS 1.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Curve {
    OfScheme,
    Any,
}

/// As rustls' own check, but for certificates that its path validation would not even parse, such as
/// the version 1 that `openssl x509 -req` makes: ALB takes those.
fn verify(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    curve: Curve,
) -> Result<HandshakeSignatureValid, Error> {
    let key = facts::public_key(certificate)
        .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let algorithms = provider.signature_verification_algorithms.mapping;
    let (_, algorithms) = algorithms
        .iter()
        .find(|(scheme, _)| *scheme == signed.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let count = match curve {
        Curve::OfScheme => 1,
        Curve::Any => algorithms.len(),
    };
    let fits = algorithms
        .iter()
        .take(count)
        .find(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm);
    match fits.map(|a| a.verify_signature(key.bits, message, signed.signature())) {
        Some(Ok(())) => Ok(HandshakeSignatureValid::assertion()),
        Some(Err(_)) | None => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
    }
}
