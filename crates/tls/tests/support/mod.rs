//! Certificates and a server on loopback for the handshake tests.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use model::TlsPolicy;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use tls::{
    Accepted, AlpnChallenges, Failure, HandshakeFacts, Identity, ServerSettings, ServerStream,
    Ticketer,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// For what should take milliseconds: a test that waits this long has failed.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

pub fn ecdsa() -> KeyPair {
    KeyPair::generate().unwrap()
}

pub fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

/// Writes `name.pem` with chain and key.
pub fn write_pem(directory: &Path, name: &str, key: &KeyPair, names: &[&str]) -> PathBuf {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(key).unwrap();
    let path = directory.join(format!("{name}.pem"));
    std::fs::write(&path, certificate.pem() + &key.serialize_pem()).unwrap();
    path
}

pub fn identity(name: &str, key: &KeyPair, names: &[&str]) -> Arc<Identity> {
    let directory = tempfile::tempdir().unwrap();
    let path = write_pem(directory.path(), name, key, names);
    Arc::new(Identity::from_files(name, &path, &path, now()).unwrap().identity)
}

pub fn settings(policy: TlsPolicy, identities: &[Arc<Identity>]) -> Arc<ServerSettings> {
    let ticketer = Ticketer::new().unwrap();
    Arc::new(ServerSettings::new(policy, identities, &ticketer, None).unwrap())
}

/// A port of the kernel's choice, and what the next connections to it come to.
pub struct Server {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Server {
    pub async fn new() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Server { listener, address }
    }

    pub async fn tcp(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    pub async fn accept(
        &self,
        settings: &ServerSettings,
    ) -> Result<(ServerStream, HandshakeFacts), Failure> {
        match self.accept_any(settings, &AlpnChallenges::default()).await? {
            Accepted::Client(stream, facts) => Ok((*stream, facts)),
            Accepted::Challenge | Accepted::Wanted(_) => panic!("nobody has asked for one"),
        }
    }

    pub async fn accept_any(
        &self,
        settings: &ServerSettings,
        challenges: &AlpnChallenges,
    ) -> Result<Accepted, Failure> {
        let accepting = settings.accept(self.tcp().await, challenges);
        tokio::time::timeout(PATIENCE, accepting).await.expect("in time")
    }

    /// Completes a handshake, answers a line with an HTTP response, and closes.
    pub async fn answer(&self, settings: &ServerSettings) -> Result<HandshakeFacts, Failure> {
        let (mut stream, facts) = self.accept(settings).await?;
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes";
        let _ = stream.write_all(answer).await;
        let _ = stream.shutdown().await;
        Ok(facts)
    }
}
