//! A client that waits: for demos and tools, not for the data plane.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

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
