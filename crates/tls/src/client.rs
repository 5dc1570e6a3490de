//! Certificates of clients (ALB.md §3d): who is asked, what is taken, and what is said of it.

use std::fmt;
use std::sync::Arc;

use model::{ClientCertificateMode, Refusal};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, InvalidMessage, OtherError,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::trust_store::TrustStore;
use crate::{policy, signature};

/// ALB.md §3d: chain depth, the client's own certificate counted.
pub const CHAIN_MAX: usize = 4;

/// What a listener asks of its clients.
#[derive(Clone)]
pub struct ClientAuthentication {
    pub mode: ClientCertificateMode,
    verifier: Arc<Verifier>,
}

impl ClientAuthentication {
    /// `store` is that which `mode` names; in passthrough there is none.
    pub fn new(mode: ClientCertificateMode, store: Option<Arc<TrustStore>>) -> Self {
        let advertised = match (mode, &store) {
            (ClientCertificateMode::Verify { advertise_names: true, .. }, Some(store)) => {
                store.roots.subjects()
            }
            (ClientCertificateMode::Verify { .. } | ClientCertificateMode::Passthrough, _) => {
                Vec::new()
            }
        };
        ClientAuthentication { mode, verifier: Arc::new(Verifier { mode, store, advertised }) }
    }

    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::<Verifier>::clone(&self.verifier)
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientAuthentication").field(&self.mode).finish()
    }
}

#[derive(Debug)]
struct Verifier {
    mode: ClientCertificateMode,
    store: Option<Arc<TrustStore>>,
    advertised: Vec<DistinguishedName>,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mode.judge_missing().is_err()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.advertised
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let judged = match (self.mode, &self.store) {
            _ if intermediates.len() >= CHAIN_MAX => Err(Refusal::TlsClientCertificateChainTooLong),
            (ClientCertificateMode::Passthrough, _) => Ok(()),
            (ClientCertificateMode::Verify { ignore_expiry, .. }, Some(store)) => {
                store.judge(leaf, intermediates, now, ignore_expiry)
            }
            // Whoever built it forgot the store: nobody gets in.
            (ClientCertificateMode::Verify { .. }, None) => {
                Err(Refusal::TlsClientCertificateUntrusted)
            }
        };
        judged.map(|()| ClientCertVerified::assertion()).map_err(error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls12(policy::provider(), message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls13(policy::provider(), message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        policy::provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A refusal on its way through rustls, which chooses the alert by its own kinds of error (RFC 8446
/// §6.2).
fn error(refusal: Refusal) -> Error {
    let told = ALERTED.iter().find(|(known, _)| *known == refusal);
    Error::InvalidCertificate(match told {
        Some((_, error)) => error.clone(),
        None => CertificateError::Other(OtherError(Arc::new(Rejected(refusal)))),
    })
}

const ALERTED: [(Refusal, CertificateError); 6] = [
    (Refusal::TlsClientCertificateUntrusted, CertificateError::UnknownIssuer),
    (Refusal::TlsClientCertificateExpired, CertificateError::Expired),
    (Refusal::TlsClientCertificateNotYetValid, CertificateError::NotValidYet),
    (Refusal::TlsClientCertificateRevoked, CertificateError::Revoked),
    (Refusal::TlsClientCertificateInvalid, CertificateError::BadEncoding),
    (Refusal::TlsClientCertificateRevocationUnknown, CertificateError::UnknownRevocationStatus),
];

#[derive(Debug, thiserror::Error)]
#[error("{}", .0.text())]
struct Rejected(Refusal);

/// What a failed handshake says of the client's certificate, if that was the reason. Only for
/// listeners that ask for one, and after the hello.
pub(crate) fn refusal(failed: &Error) -> Option<Refusal> {
    let certificate = match failed {
        Error::NoCertificatesPresented => return Some(Refusal::TlsClientCertificateMissing),
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge
            | InvalidMessage::MessageTooLarge,
        ) => return Some(Refusal::TlsClientCertificateTooLarge),
        Error::InvalidCertificate(certificate) => certificate,
        _ => return None,
    };
    if let CertificateError::Other(OtherError(other)) = certificate
        && let Some(Rejected(refusal)) = other.downcast_ref()
    {
        return Some(*refusal);
    }
    let told = ALERTED.iter().find(|(_, error)| error == certificate);
    // What is left are signatures of the handshake by another key.
    Some(told.map_or(Refusal::TlsClientCertificateInvalid, |(refusal, _)| *refusal))
}
