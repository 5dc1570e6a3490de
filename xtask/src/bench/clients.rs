//! Clients that ask once and stay, in a process of their own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::failed::Failed;

pub const READY: &str = "ready";
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 bench\r\nAccept: */*\r\n\r\n";

/// `SCHEME PORT COUNT`: opens the connections, says [`READY`], and holds them until its standard
/// input ends.
pub fn hold(arguments: &[String]) -> Result<(), Failed> {
    let usage = || Failed::Usage("clients want a scheme, a port and a count".to_owned());
    let [scheme, port, count] = arguments else { return Err(usage()) };
    let port = port.parse().map_err(|_| usage())?;
    let count: usize = count.parse().map_err(|_| usage())?;
    super::raise_descriptors();
    let client = |number| {
        connect_and_ask(scheme, port)
            .map_err(|error| Failed::Unexpected(format!("client {number}: {error}")))
    };
    let clients = (0..count).map(client).collect::<Result<Vec<_>, _>>()?;
    println!("{READY}");
    // Whatever ends it, it is the end.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(clients);
    Ok(())
}

/// `SCHEME PORT`: makes one new connection after another until its standard input ends, then says how
/// many it made and how many of them failed.
pub fn visit(arguments: &[String]) -> Result<(), Failed> {
    let usage = || Failed::Usage("a visitor wants a scheme and a port".to_owned());
    let [scheme, port] = arguments else { return Err(usage()) };
    let port = port.parse().map_err(|_| usage())?;
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        end.store(true, Ordering::Relaxed);
    });
    let (mut made, mut failed) = (0, 0);
    while !ended.load(Ordering::Relaxed) {
        made += 1;
        if let Err(error) = connect_and_ask(scheme, port) {
            eprintln!("a new {scheme} connection failed: {error}");
            failed += 1;
        }
    }
    println!("{made} connections made, {failed} failed");
    Ok(())
}

/// One request on a connection of its own, which stays open for as long as the answer lives.
fn connect_and_ask(scheme: &str, port: u16) -> std::io::Result<Box<dyn Connection>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream: Box<dyn Connection> = match scheme {
        "https" => secure(stream)?,
        _ => Box::new(stream),
    };
    stream.write_all(REQUEST)?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&answer) {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    match answer.starts_with(b"HTTP/1.1 200 ") {
        true => Ok(stream),
        false => Err(std::io::Error::other("the answer is no 200")),
    }
}

/// Something that is read and written, with or without TLS.
trait Connection: Read + Write {}

impl<S: Read + Write> Connection for S {}

/// Whether head and body, whose length the head says, are there.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

#[cfg(not(feature = "tls-clients"))]
fn secure(_: TcpStream) -> std::io::Result<Box<dyn Connection>> {
    Err(std::io::Error::other("built without the feature `tls-clients`"))
}

#[cfg(feature = "tls-clients")]
fn secure(stream: TcpStream) -> std::io::Result<Box<dyn Connection>> {
    Ok(Box::new(trusting::client(stream)?))
}

/// A client that believes every certificate: what is measured is the server.
#[cfg(feature = "tls-clients")]
mod trusting {
    use std::net::TcpStream;
    use std::sync::{Arc, LazyLock};

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, aws_lc_rs};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{
        ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    };

    static CONFIG: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(|| {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
            .with_no_client_auth();
        Ok(Arc::new(config))
    });

    pub fn client(
        mut stream: TcpStream,
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let config = CONFIG.as_ref().map_err(|error| std::io::Error::other(error.clone()))?;
        let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
        connection.complete_io(&mut stream)?;
        Ok(StreamOwned::new(connection, stream))
    }

    #[derive(Debug)]
    struct Trusting(Arc<CryptoProvider>);

    impl ServerCertVerifier for Trusting {
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
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        for (answer, whole) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", false),
        ] {
            assert_eq!(is_whole(answer.as_bytes()), whole, "{answer}");
        }
    }
}
