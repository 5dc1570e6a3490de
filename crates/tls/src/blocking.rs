//! A client and a server that wait: for demos, probes and tools, not for the data plane.

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Obstacle;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig,
    ServerConnection, StreamOwned,
};

use crate::{Identity, TargetTls};

/// A connection of [`blocking_client`].
pub type BlockingStream = StreamOwned<ClientConnection, TcpStream>;

/// Whom a client trusts.
#[derive(Clone, Debug)]
pub struct Trusted(Arc<RootCertStore>);

/// Why there is no connection, as a browser tells it.
#[derive(Debug)]
pub enum HandshakeFailure {
    NameMismatch,
    Expired,
    NotYetValid,
    Untrusted,
    /// The other side does not speak TLS, or nothing of it that we speak.
    Protocol,
    Io(io::Error),
}

impl HandshakeFailure {
    /// What is wrong with the other side's certificate, if it is that.
    pub fn obstacle(&self) -> Option<Obstacle> {
        match self {
            HandshakeFailure::NameMismatch => Some(Obstacle::TlsNameMismatch),
            HandshakeFailure::Expired => Some(Obstacle::TlsExpired),
            HandshakeFailure::NotYetValid => Some(Obstacle::TlsNotYetValid),
            HandshakeFailure::Untrusted => Some(Obstacle::TlsUntrusted),
            HandshakeFailure::Protocol | HandshakeFailure::Io(_) => None,
        }
    }
}

impl Trusted {
    /// The authorities in PEM files.
    pub fn from_files<'p>(files: impl IntoIterator<Item = &'p Path>) -> io::Result<Trusted> {
        let mut roots = RootCertStore::empty();
        for file in files {
            for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
                // A machine's bundle may hold what rustls does not take; the others count.
                let _ = roots.add(certificate.map_err(io::Error::other)?);
            }
        }
        Ok(Trusted(Arc::new(roots)))
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0)
    }

    /// As [`Trusted::from_files`], of those that are there.
    pub fn of_files_there<'p>(files: impl IntoIterator<Item = &'p Path>) -> io::Result<Trusted> {
        Trusted::from_files(files.into_iter().filter(|file| file.exists()))
    }

    /// The file with the authorities of this machine, if there is one.
    pub fn bundle_of_machine() -> Option<PathBuf> {
        let named = std::env::var_os(BUNDLE_VARIABLE).map(PathBuf::from);
        named.or_else(|| BUNDLES.iter().map(PathBuf::from).find(|file| file.exists()))
    }

    /// Whom this machine trusts, and the authorities in `files` as far as they are there.
    pub fn of_machine<'p>(files: impl IntoIterator<Item = &'p Path>) -> io::Result<Trusted> {
        let bundle = Trusted::bundle_of_machine();
        let own = files.into_iter().map(Path::to_owned);
        let all: Vec<PathBuf> = bundle.into_iter().chain(own).collect();
        Trusted::of_files_there(all.iter().map(PathBuf::as_path))
    }
}

/// As OpenSSL's (SSL_CTX_load_verify_locations(3)).
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";
/// Where Debian, Fedora, openSUSE and Alpine keep the authorities that programs trust.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// As a load balancer begins TLS with a target.
pub fn target_handshake(
    mut stream: TcpStream,
    name: Option<&str>,
    target_tls: &TargetTls,
) -> Result<BlockingStream, HandshakeFailure> {
    let address = stream.peer_addr().map_err(HandshakeFailure::Io)?;
    let name = target_tls.server_name(name, address);
    let client = ClientConnection::new(target_tls.config(), name);
    let mut client = client.map_err(|error| HandshakeFailure::Io(io::Error::other(error)))?;
    while client.is_handshaking() {
        client.complete_io(&mut stream).map_err(|error| target_tls.judged(failure(error)))?;
    }
    Ok(StreamOwned::new(client, stream))
}

/// Connects as a browser does: the certificate must cover `host`. The handshake happens with the first
/// read or write.
pub fn blocking_client(
    stream: TcpStream,
    host: &str,
    trusted: &Trusted,
) -> io::Result<BlockingStream> {
    Ok(StreamOwned::new(client(host, trusted)?, stream))
}

/// As [`blocking_client`], with the handshake done.
pub fn handshake(
    mut stream: TcpStream,
    host: &str,
    trusted: &Trusted,
) -> Result<BlockingStream, HandshakeFailure> {
    let mut client = client(host, trusted).map_err(HandshakeFailure::Io)?;
    while client.is_handshaking() {
        client.complete_io(&mut stream).map_err(failure)?;
    }
    Ok(StreamOwned::new(client, stream))
}

fn client(host: &str, trusted: &Trusted) -> io::Result<ClientConnection> {
    let provider = Arc::clone(crate::policy::provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(Arc::clone(&trusted.0))
        .with_no_client_auth();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
    ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)
}

pub(crate) fn failure(error: io::Error) -> HandshakeFailure {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return HandshakeFailure::Io(error);
    };
    match tls {
        Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                HandshakeFailure::NameMismatch
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                HandshakeFailure::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                HandshakeFailure::NotYetValid
            }
            _ => HandshakeFailure::Untrusted,
        },
        _ => HandshakeFailure::Protocol,
    }
}

/// What a small server needs to speak TLS with one certificate.
#[derive(Clone, Debug)]
pub struct BlockingServer(Arc<ServerConfig>);

impl BlockingServer {
    pub fn new(identity: Identity) -> io::Result<BlockingServer> {
        let provider = Arc::clone(crate::policy::provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key)));
        Ok(BlockingServer(Arc::new(config)))
    }

    /// The handshake happens with the first read or write.
    pub fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
        let server = ServerConnection::new(Arc::clone(&self.0)).map_err(io::Error::other)?;
        Ok(StreamOwned::new(server, stream))
    }
}
