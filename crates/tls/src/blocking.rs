//! A client and a server that wait: for demos and tools, not for the data plane.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

use crate::Identity;

/// A connection of [`blocking_client`].
pub type BlockingStream = StreamOwned<ClientConnection, TcpStream>;

/// Connects as a browser does that trusts the authority in the PEM file `authority` and no other:
/// the certificate must cover `host`. The handshake happens with the first read or write.
pub fn blocking_client(
    stream: TcpStream,
    host: &str,
    authority: &Path,
) -> io::Result<BlockingStream> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let provider = Arc::clone(crate::policy::provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(client, stream))
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
