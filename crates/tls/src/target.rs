//! The handshake with a target (ALB.md §3b).

mod of_groups;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use model::{Host, Obstacle};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::blocking::{HandshakeFailure, failure};
use crate::server::SettingsError;
use crate::{policy, signature};

pub use of_groups::TlsOfGroups;

/// A connection to a target after its handshake. An alias, so that what is behind it can change.
pub type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Targets of which a session is remembered.
const SESSIONS_MAX: usize = 1024;

/// How connections to targets are secured: TLS 1.2 or 1.3, with whatever certificate they show, or with
/// one that proves who they are.
#[derive(Clone, Debug)]
pub struct TargetTls {
    config: Arc<ClientConfig>,
    proof: Option<Proof>,
}

/// What a target has to show.
#[derive(Clone, Debug)]
struct Proof {
    /// In the place of the target's own name.
    name: Option<Host>,
    terms: u64,
}

/// Why there is no connection to a target.
#[derive(Debug)]
pub enum TargetFailure {
    /// It has not proved who it is.
    Untrusted(Obstacle),
    Failed,
}

impl TargetTls {
    pub fn new() -> Result<TargetTls, SettingsError> {
        // Hybrid groups would only make the hello larger: ALB offers them to targets under the
        // post-quantum policies alone (ALB.md §3b).
        TargetTls::with_groups(&policy::provider().kx_groups)
    }

    pub fn with_groups(
        groups: &[&'static dyn SupportedKxGroup],
    ) -> Result<TargetTls, SettingsError> {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = groups.to_vec();
        let provider = Arc::new(provider);
        let verifier = AnyCertificate { provider: Arc::clone(&provider) };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&policy::VERSIONS)
            .map_err(SettingsError::Policy)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        Ok(TargetTls { config: Arc::new(config), proof: None })
    }

    /// Targets prove by a certificate of these authorities that they are `name`, or else what they are
    /// called in the configuration. Sessions are not shared with any other, since a resumed one is
    /// not judged again.
    pub fn verifying(
        roots: Arc<RootCertStore>,
        name: Option<Host>,
    ) -> Result<TargetTls, SettingsError> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        for root in &roots.roots {
            (&*root.subject, &*root.subject_public_key_info).hash(&mut hasher);
        }
        let proof = Proof { name, terms: hasher.finish() | 1 };
        let provider = Arc::clone(policy::provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| SettingsError::Policy(Error::General(error.to_string())))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&policy::VERSIONS)
            .map_err(SettingsError::Policy)?
            .with_webpki_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        Ok(TargetTls { config: Arc::new(config), proof: Some(proof) })
    }

    /// Alike where a connection is as good as one that is made now: what a target had to prove is the
    /// same. Never 0 where it had to prove anything.
    pub fn terms(&self) -> u64 {
        self.proof.as_ref().map_or(0, |proof| proof.terms)
    }

    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Completes the handshake; how long it may take is the caller's business. `name` becomes the
    /// server name (RFC 6066 §3), unless it is an address or no name that can be sent: then there is
    /// none.
    pub async fn connect(
        &self,
        stream: TcpStream,
        name: Option<&str>,
        address: SocketAddr,
    ) -> Result<ClientStream, TargetFailure> {
        let name = self.server_name(name, address);
        let connecting = TlsConnector::from(self.config()).connect(name, stream);
        connecting.await.map_err(|error| self.failure(error))
    }

    pub(crate) fn server_name(
        &self,
        name: Option<&str>,
        address: SocketAddr,
    ) -> ServerName<'static> {
        let wanted = self.proof.as_ref().and_then(|proof| proof.name.as_ref());
        server_name(wanted.map(|host| &*host.0).or(name), address)
    }

    fn failure(&self, error: io::Error) -> TargetFailure {
        match self.judged(failure(error)).obstacle() {
            Some(obstacle) => TargetFailure::Untrusted(obstacle),
            None => TargetFailure::Failed,
        }
    }

    /// Where nothing is to be proved, a certificate can only be one that fails the handshake.
    pub(crate) fn judged(&self, failure: HandshakeFailure) -> HandshakeFailure {
        match (&self.proof, failure.obstacle()) {
            (None, Some(_)) => HandshakeFailure::Protocol,
            (None, None) | (Some(_), _) => failure,
        }
    }
}

/// rustls sends no server name for an address.
fn server_name(name: Option<&str>, address: SocketAddr) -> ServerName<'static> {
    let name = name.map(|name| name.strip_suffix('.').unwrap_or(name));
    match name.map(DnsName::try_from) {
        // RFC 6066 §3: no literal addresses, and `DnsName` takes `127.0.0.1` for a name.
        Some(Ok(host)) if host.as_ref().parse::<std::net::IpAddr>().is_err() => {
            ServerName::DnsName(host.to_owned())
        }
        Some(Ok(_)) | Some(Err(_)) | None => ServerName::from(address.ip()),
    }
}

/// ALB.md §3b: target certificates are never validated. The handshake's signature still is, by the
/// key in the certificate: whoever answers must hold it.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls12(&self.provider, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify_tls13(&self.provider, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_sent() {
        let address: SocketAddr = "[::1]:443".parse().unwrap();
        let rows = [
            (Some("a.example"), "DnsName(\"a.example\")"),
            (Some("a.example."), "DnsName(\"a.example\")"),
            (Some("127.0.0.1"), "IpAddress(::1)"),
            (Some("not a name"), "IpAddress(::1)"),
            (Some(""), "IpAddress(::1)"),
            (None, "IpAddress(::1)"),
        ];
        for (name, expected) in rows {
            let sent = match server_name(name, address) {
                ServerName::DnsName(name) => format!("DnsName({:?})", name.as_ref()),
                ServerName::IpAddress(ip) => format!("IpAddress({})", std::net::IpAddr::from(ip)),
                other => format!("{other:?}"),
            };
            assert_eq!(sent, expected, "{name:?}");
        }
    }
}
