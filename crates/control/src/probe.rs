//! One health check: connect, ask, compare nothing. What the result means is `machine`'s.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use http1::{Fields, Method, Parsed};
use machine::health::ProbeResult;
use model::{HealthCheck, HealthCheckPort, HealthCheckProtocol};
use tls::{TargetFailure, TargetTls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// ALB.md §5e.
const USER_AGENT: &str = "ELB-HealthChecker/2.0";

/// What a probe needs, detached from the World, so that it can run on.
#[derive(Clone, Debug)]
pub struct Probe {
    pub check: HealthCheck,
    /// With the traffic port; the check's own port is put in its place.
    pub addresses: Vec<SocketAddr>,
    pub server_name: Option<String>,
}

impl Probe {
    /// The first address that connects is asked. Ends within the check's timeout.
    pub async fn run(self, target_tls: TargetTls) -> ProbeResult {
        let limit: Duration = self.check.timeout.duration();
        let connected = Cell::new(false);
        match tokio::time::timeout(limit, self.ask(target_tls, &connected)).await {
            Ok(result) => result,
            Err(_) if connected.get() => ProbeResult::Timeout,
            Err(_) => ProbeResult::ConnectTimeout,
        }
    }

    async fn ask(self, target_tls: TargetTls, connected: &Cell<bool>) -> ProbeResult {
        if self.addresses.is_empty() {
            return ProbeResult::Unresolved;
        }
        let mut last = ProbeResult::Refused;
        for address in &self.addresses {
            let address = match self.check.port {
                HealthCheckPort::Traffic => *address,
                HealthCheckPort::Port(port) => SocketAddr::new(address.ip(), port),
            };
            let stream = match net::stream::connect(address).await {
                Ok(stream) => stream,
                Err(error) => {
                    last = connect_result(&error);
                    continue;
                }
            };
            connected.set(true);
            return match self.check.protocol {
                HealthCheckProtocol::Tcp => ProbeResult::TcpConnected,
                HealthCheckProtocol::Http => self.request(stream, address).await,
                HealthCheckProtocol::Https => {
                    match target_tls.connect(stream, self.server_name.as_deref(), address).await {
                        Ok(stream) => self.request(stream, address).await,
                        Err(TargetFailure::Untrusted(why)) => ProbeResult::TlsUntrusted(why),
                        Err(TargetFailure::Failed) => ProbeResult::TlsFailed,
                    }
                }
            };
        }
        last
    }

    async fn request(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        address: SocketAddr,
    ) -> ProbeResult {
        let mut out = Vec::new();
        http1::write_probe(&mut out, &self.host(address), &self.check.path, USER_AGENT);
        if let Err(error) = stream.write_all(&out).await {
            return io_result(&error);
        }
        if let Err(error) = stream.flush().await {
            return io_result(&error);
        }
        let mut answer = Vec::new();
        let mut fields = Fields::default();
        loop {
            match stream.read_buf(&mut answer).await {
                Ok(0) => return ProbeResult::Reset,
                Ok(_) => {}
                Err(error) => return io_result(&error),
            }
            match http1::parse_response(&answer, &mut fields, Method::Get) {
                Ok(Parsed::Complete(head)) if head.status >= 200 => {
                    return ProbeResult::Status(head.status);
                }
                Ok(Parsed::Complete(head)) => drop(answer.drain(..head.len)),
                Ok(Parsed::Partial) => {}
                Err(_) => return ProbeResult::Malformed,
            }
        }
    }

    /// The target's address, with the port if it is not the protocol's own (ALB.md §5e).
    fn host(&self, address: SocketAddr) -> String {
        if let Some(host) = &self.check.host {
            return host.clone();
        }
        let own = if self.check.protocol == HealthCheckProtocol::Https { 443 } else { 80 };
        match address {
            _ if address.port() != own => address.to_string(),
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        }
    }
}

fn connect_result(error: &std::io::Error) -> ProbeResult {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => ProbeResult::Refused,
        std::io::ErrorKind::TimedOut => ProbeResult::ConnectTimeout,
        std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
            ProbeResult::Unreachable
        }
        _ => io_result(error),
    }
}

fn io_result(error: &std::io::Error) -> ProbeResult {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => ProbeResult::Reset,
        _ => ProbeResult::Internal,
    }
}
