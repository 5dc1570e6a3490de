//! The handshake with a client.

use std::fmt;
use std::io;
use std::sync::Arc;

use model::policy::TlsVersion;
use model::{Refusal, TlsPolicy};
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CipherSuite, HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection, SignatureScheme,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};
use verdict::certificate::{CertificateFacts, Chosen, ClientCapability, choose};

use crate::client::{self, ClientAuthentication};
use crate::on_demand::{Found, OnDemandServed};
use crate::{
    AlpnChallenges, ClientCertificate, Identity, OnDemandCertificates, Ticketer, Wanted,
    cipher_name, key_exchange_name, policy, version_name,
};

/// A connection to a client after its handshake. An alias, so that what is behind it can change.
pub type ServerStream = tokio_rustls::server::TlsStream<TcpStream>;

/// RFC 8446 §4.6.1: one ticket is enough for a client that opens connections one after another.
const TICKETS_PER_HANDSHAKE: usize = 1;
/// Enough for any method and the space after it.
const PEEK_BYTES: usize = 16;

/// What a listener's handshakes use. Made once per generation and shared by all cores.
pub struct ServerSettings {
    policy: TlsPolicy,
    /// `None`: clients are not asked for a certificate.
    clients: Option<ClientAuthentication>,
    /// In the order of the listener's certificates, the default first.
    facts: Vec<CertificateFacts>,
    /// One a certificate, so that the choice is made before rustls is told, and its answer kept.
    served: Vec<Served>,
    on_demand: OnDemandServed,
}

pub(crate) struct Served {
    certificate: Arc<str>,
    pub(crate) config: Arc<ServerConfig>,
}

/// Why a listener cannot be given TLS.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("no certificate for the listener")]
    NoCertificate,
    #[error("the operating system gave no random numbers")]
    Random,
    #[error("the security policy cannot be served")]
    Policy(#[source] rustls::Error),
}

/// What the log, the headers and the counters are told of a completed handshake. ALB's log shows
/// the name only if it is covered, and `session-reused` for the certificate if the session was
/// resumed (ALB.md §7a, fields 19 and 20).
#[derive(Clone, Debug)]
pub struct HandshakeFacts {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// OpenSSL's name.
    pub cipher: &'static str,
    /// `x25519`; `None` where a session was resumed without one.
    pub key_exchange: Option<&'static str>,
    pub resumed: bool,
    /// As the client sent it, in lower case.
    pub server_name: Option<Box<str>>,
    /// The name of the certificate that was chosen (on resumption: that would be).
    pub certificate: Arc<str>,
    /// Whether that certificate covers `server_name`.
    pub covered: bool,
    /// What the client has shown, where it was asked and had one.
    pub client: Option<Box<ClientCertificate>>,
}

/// A handshake that was completed.
#[derive(Debug)]
pub enum Accepted {
    Client(Box<ServerStream>, HandshakeFacts),
    /// An authority has seen what it asked for (RFC 8737), and the connection is over.
    Challenge,
    /// There is no certificate for the name yet, and one may be ordered.
    Wanted(Box<Wanted>),
}

/// A handshake that came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// `TlsPlainHttp`, `TlsHandshakeFailed`, or what is wrong with the client's certificate.
    pub refusal: Refusal,
    /// The connection with the request still unread, where it was plain HTTP.
    pub plain: Option<TcpStream>,
    /// What rustls or the socket said.
    pub cause: Option<io::Error>,
}

// === impl ServerSettings ===

impl ServerSettings {
    /// `certificates` as the listener lists them, the default first. Give the same `ticketer` to
    /// every generation of a listener, so that sessions survive a reload.
    pub fn new(
        policy: TlsPolicy,
        certificates: &[Arc<Identity>],
        ticketer: &Arc<Ticketer>,
        clients: Option<ClientAuthentication>,
    ) -> Result<ServerSettings, SettingsError> {
        if certificates.is_empty() {
            return Err(SettingsError::NoCertificate);
        }
        let mut served = Vec::with_capacity(certificates.len());
        for identity in certificates {
            served.push(Served {
                certificate: Arc::clone(&identity.name),
                config: Arc::new(config(policy, identity, ticketer, clients.as_ref())?),
            });
        }
        let facts = certificates.iter().map(|identity| identity.facts.clone()).collect();
        let on_demand = OnDemandServed::default();
        Ok(ServerSettings { policy, clients, facts, served, on_demand })
    }

    /// With certificates that are ordered when a client comes; `all` as the listener lists them.
    pub fn with_on_demand(
        mut self,
        all: &[OnDemandCertificates],
        ticketer: &Arc<Ticketer>,
    ) -> Result<ServerSettings, SettingsError> {
        let (policy, clients) = (self.policy, self.clients.as_ref());
        self.on_demand = OnDemandServed::new(all, |identity| {
            let config = Arc::new(config(policy, identity, ticketer, clients)?);
            Ok(Served { certificate: Arc::clone(&identity.name), config })
        })?;
        Ok(self)
    }

    /// Completes the handshake; how long it may take is the caller's business. The future may be
    /// dropped at any point, which closes the connection.
    pub async fn accept(
        &self,
        stream: TcpStream,
        challenges: &AlpnChallenges,
    ) -> Result<Accepted, Failure> {
        if speaks_plain_http(&stream).await.map_err(Failure::handshake)? {
            let refusal = Refusal::TlsPlainHttp;
            return Err(Failure { refusal, plain: Some(stream), cause: None });
        }
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let start = hello.await.map_err(Failure::handshake)?;
        let hello = start.client_hello();
        if let Some(config) = challenges.answer(hello.server_name(), hello.alpn()) {
            let config = Arc::clone(config);
            let mut stream = start.into_stream(config).await.map_err(Failure::handshake)?;
            // RFC 8737 §3: nothing is exchanged after the handshake.
            let _ = stream.shutdown().await;
            return Ok(Accepted::Challenge);
        }
        self.go_on(start).await
    }

    /// From the client's hello on.
    pub(crate) async fn go_on(
        &self,
        start: StartHandshake<TcpStream>,
    ) -> Result<Accepted, Failure> {
        let hello = start.client_hello();
        let (mut served, mut covered) = self.choose(&hello).map_err(Failure::handshake)?;
        if let (false, Some(name)) = (covered, hello.server_name()) {
            match self.on_demand.find(name, self.now()) {
                Found::Served(found) => (served, covered) = (found, true),
                Found::Wanted(certificate) => {
                    let name = name.into();
                    return Ok(Accepted::Wanted(Box::new(Wanted { certificate, name, start })));
                }
                Found::NotDeclared => {}
            }
        }
        let accepted = start.into_stream(Arc::clone(&served.config)).await;
        let stream = accepted.map_err(|cause| self.failure(cause))?;
        let mut facts = HandshakeFacts::of(stream.get_ref().1, &served.certificate, covered);
        if let (Some(clients), Some(chain)) =
            (&self.clients, stream.get_ref().1.peer_certificates())
        {
            facts.client = ClientCertificate::of(chain, clients.mode).map(Box::new);
        }
        Ok(Accepted::Client(Box::new(stream), facts))
    }

    /// After the hello: whether it was the client's certificate.
    fn failure(&self, cause: io::Error) -> Failure {
        let told = || cause.get_ref()?.downcast_ref().and_then(client::refusal);
        match self.clients.as_ref().and_then(|_| told()) {
            Some(refusal) => Failure { refusal, plain: None, cause: Some(cause) },
            None => Failure::handshake(cause),
        }
    }

    fn now(&self) -> i64 {
        let now = self.served.first().and_then(|served| served.config.time_provider.current_time());
        now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
    }

    fn choose(&self, hello: &ClientHello<'_>) -> io::Result<(&Served, bool)> {
        let now = self.now();
        let client = capability(self.policy, hello.cipher_suites(), hello.signature_schemes());
        let Chosen { index, covered } =
            choose(&self.facts, hello.server_name(), client, now, &mut ());
        let served = self.served.get(index).ok_or(io::ErrorKind::NotFound)?;
        Ok((served, covered))
    }
}

fn config(
    policy: TlsPolicy,
    identity: &Identity,
    ticketer: &Arc<Ticketer>,
    clients: Option<&ClientAuthentication>,
) -> Result<ServerConfig, SettingsError> {
    let resolver = SingleCertAndKey::from(Arc::clone(&identity.key));
    let verifier =
        clients.map_or_else(WebPkiClientVerifier::no_client_auth, ClientAuthentication::verifier);
    let mut config = ServerConfig::builder_with_provider(Arc::clone(policy::provider_of(policy)))
        .with_protocol_versions(policy::versions(policy))
        .map_err(SettingsError::Policy)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // DECISIONS 21: who asks for certificates resumes nothing, and takes no ticket of anybody's.
    if clients.is_none() {
        config.ticketer = Arc::<Ticketer>::clone(ticketer);
        config.send_tls13_tickets = TICKETS_PER_HANDSHAKE;
    } else {
        config.send_tls13_tickets = 0;
    }
    // ALB.md §3: no 0-RTT.
    config.max_early_data_size = 0;
    Ok(config)
}

/// What the client can verify under `policy`. In TLS 1.2 the cipher suite has a say as well (RFC
/// 8422 §2); a client that offers a suite of TLS 1.3 is taken to speak it.
fn capability(
    policy: TlsPolicy,
    suites: &[CipherSuite],
    schemes: &[SignatureScheme],
) -> ClientCapability {
    let has = |scheme| schemes.contains(&scheme);
    let pss = has(SignatureScheme::RSA_PSS_SHA256)
        || has(SignatureScheme::RSA_PSS_SHA384)
        || has(SignatureScheme::RSA_PSS_SHA512);
    let pkcs1 = has(SignatureScheme::RSA_PKCS1_SHA256)
        || has(SignatureScheme::RSA_PKCS1_SHA384)
        || has(SignatureScheme::RSA_PKCS1_SHA512);
    let (least, most) = policy.versions();
    let (rsa, ecdsa) =
        if least == TlsVersion::V13 || (most == TlsVersion::V13 && offers(suites, "TLS_")) {
            (pss, true)
        } else {
            ((pss || pkcs1) && offers(suites, "ECDHE-RSA-"), offers(suites, "ECDHE-ECDSA-"))
        };
    ClientCapability {
        rsa,
        ecdsa_p256: ecdsa && has(SignatureScheme::ECDSA_NISTP256_SHA256),
        ecdsa_p384: ecdsa && has(SignatureScheme::ECDSA_NISTP384_SHA384),
        ecdsa_p521: ecdsa && has(SignatureScheme::ECDSA_NISTP521_SHA512),
    }
}

/// By OpenSSL's names, in which only the suites of TLS 1.3 begin with `TLS_`.
fn offers(suites: &[CipherSuite], prefix: &str) -> bool {
    suites.iter().any(|suite| cipher_name(*suite).starts_with(prefix))
}

/// Whether the first bytes, which stay unread, are a method. A handshake begins with 0x16 (RFC 8446
/// §5.1), which no method does.
async fn speaks_plain_http(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PEEK_BYTES];
    let length = stream.peek(&mut first).await?;
    Ok(is_method(first.get(..length).unwrap_or_default()))
}

/// The start of a request line as far as it has arrived: capitals and hyphens, then a space.
fn is_method(bytes: &[u8]) -> bool {
    let method = bytes.split(|b| *b == b' ').next().unwrap_or_default();
    !method.is_empty() && method.iter().all(|b| b.is_ascii_uppercase() || *b == b'-')
}

impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificates = self.served.iter().map(|served| &served.certificate);
        f.debug_struct("ServerSettings")
            .field("policy", &self.policy)
            .field("certificates", &certificates.collect::<Vec<_>>())
            .finish()
    }
}

// === impl HandshakeFacts ===

impl HandshakeFacts {
    fn of(connection: &ServerConnection, certificate: &Arc<str>, covered: bool) -> HandshakeFacts {
        let version = connection.protocol_version().unwrap_or(ProtocolVersion::TLSv1_3);
        let cipher = connection.negotiated_cipher_suite();
        let group = connection.negotiated_key_exchange_group();
        HandshakeFacts {
            version: version_name(version),
            cipher: cipher.map_or("-", |suite| cipher_name(suite.suite())),
            key_exchange: group.and_then(|group| key_exchange_name(group.name())),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            server_name: connection.server_name().map(Box::from),
            certificate: Arc::clone(certificate),
            covered,
            client: None,
        }
    }
}

// === impl Failure ===

impl Failure {
    fn handshake(cause: impl Into<io::Error>) -> Failure {
        Failure { refusal: Refusal::TlsHandshakeFailed, plain: None, cause: Some(cause.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        let rows: [(&[u8], bool); 9] = [
            (b"GET / HTTP/1.1\r\n", true),
            (b"OPTIONS * HTTP/1", true),
            (b"M-SEARCH * HTTP", true),
            (b"G", true),
            (b"", false),
            (b" GET / HTTP/1.1", false),
            (b"\x16\x03\x01\x02\x00", false),
            (b"SSH-2.0-OpenSSH_", false),
            (b"get / HTTP/1.1", false),
        ];
        for (bytes, expected) in rows {
            assert_eq!(is_method(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
