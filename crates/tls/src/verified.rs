//! The handshake with a server that has to prove who it is, such as a certificate authority's.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{ClientStream, Trusted};

/// How such connections are secured: TLS 1.2 or 1.3, to servers that show a certificate for their name
/// of somebody who is trusted.
#[derive(Clone, Debug)]
pub struct Verified(Arc<ClientConfig>);

impl Verified {
    pub fn new(trusted: &Trusted) -> io::Result<Verified> {
        let provider = Arc::clone(crate::policy::provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(trusted.roots())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Verified(Arc::new(config)))
    }

    /// Completes the handshake; how long it may take is the caller's business.
    pub async fn connect(&self, stream: TcpStream, host: &str) -> io::Result<ClientStream> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}
