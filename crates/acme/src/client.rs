//! The HTTP client that instant-acme is given: HTTP/1.1 over sockets of `net`, within limits.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, ReadBufCursor, Write};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tls::{ClientStream, Verified};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Of one answer. A chain is some 10 KB, a directory 2.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
const HEADERS_MAX: usize = 64;
/// Of one request, with its connection.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 8 * 1024;

/// RFC 8555 §6.1 asks clients to name themselves.
const OURS: &str = concat!("pointsman/", env!("CARGO_PKG_VERSION"));

type Sender = SendRequest<BodyWrapper<Bytes>>;

/// One authority's. A connection is kept from one request to the next.
#[derive(Clone)]
pub struct Client {
    verified: Verified,
    kept: Arc<tokio::sync::Mutex<Option<(String, Sender)>>>,
    told: Told,
}

/// `Retry-After` of the last answer that was none (RFC 9110 §10.2.3), which instant-acme does not hand
/// on.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Option<Duration>>>);

impl Told {
    pub fn take(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, after: Option<Duration>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = after;
    }
}

impl Client {
    pub fn new(verified: Verified) -> Client {
        Client { verified, kept: Arc::default(), told: Told::default() }
    }

    pub fn told(&self) -> Told {
        self.told.clone()
    }

    /// A request of our own.
    pub async fn ask(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<Response<Bytes>, Error> {
        match tokio::time::timeout(REQUEST_LIMIT, self.exchange(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Error::Other(error)),
            Err(_) => Err(Error::Other(Box::new(io::Error::from(io::ErrorKind::TimedOut)))),
        }
    }

    async fn exchange(
        &self,
        mut request: Request<BodyWrapper<Bytes>>,
    ) -> Result<Response<Bytes>, Box<dyn StdError + Send + Sync>> {
        let uri = request.uri().clone();
        let authority = uri.authority().ok_or("the address has no host")?.clone();
        prepare(&mut request, &uri, authority.as_str())?;
        let mut kept = self.kept.lock().await;
        // What was not sent at all is sent again: the other side had closed an idle connection.
        if let Some((at, mut sender)) = kept.take().filter(|(at, _)| at == authority.as_str()) {
            if sender.ready().await.is_ok() {
                match sender.try_send_request(request).await {
                    Ok(response) => {
                        let response = self.whole(response).await?;
                        *kept = Some((at, sender));
                        return Ok(response);
                    }
                    Err(mut failed) => match failed.take_message() {
                        Some(unsent) => request = unsent,
                        None => return Err(failed.into_error().into()),
                    },
                }
            } else {
                drop(sender);
            }
        }
        let mut sender = self.connect(&uri).await?;
        let response = sender.send_request(request).await?;
        let response = self.whole(response).await?;
        *kept = Some((authority.as_str().to_owned(), sender));
        Ok(response)
    }

    async fn connect(&self, uri: &Uri) -> Result<Sender, Box<dyn StdError + Send + Sync>> {
        let host = uri.host().ok_or("the address has no host")?;
        if uri.scheme_str() != Some("https") {
            return Err("the address is not https".into());
        }
        let port = uri.port_u16().unwrap_or(443);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = net::resolve::lookup(bare, port).await?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            let connecting = tokio::time::timeout(CONNECT_LIMIT, net::stream::connect(address));
            match connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => {
                    let stream = self.verified.connect(stream, host).await?;
                    let (sender, connection) = handshake(Io(stream)).await?;
                    // Ends with the sender.
                    tokio::spawn(connection);
                    return Ok(sender);
                }
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    async fn whole(
        &self,
        response: Response<hyper::body::Incoming>,
    ) -> Result<Response<Bytes>, Box<dyn StdError + Send + Sync>> {
        let (parts, body) = response.into_parts();
        if parts.headers.len() > HEADERS_MAX {
            return Err("the answer has too many headers".into());
        }
        if !parts.status.is_success() {
            let after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            self.told.set(after.and_then(retry_after));
        }
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// RFC 9112 §3.2: the path on the line, the host in a header.
fn prepare(
    request: &mut Request<BodyWrapper<Bytes>>,
    uri: &Uri,
    authority: &str,
) -> Result<(), Box<dyn StdError + Send + Sync>> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    let host = HeaderValue::from_str(authority)?;
    request.headers_mut().insert(HOST, host);
    let library = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = library.map_or(OURS.to_owned(), |library| format!("{OURS} {library}"));
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_str(&agent)?);
    Ok(())
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
    let left = date.saturating_sub(net::clock::unix_seconds());
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let response = client.ask(request).await?;
            Ok(BytesResponse::from(response.map(Full::new)))
        })
    }
}

/// A stream of tokio as hyper wants it.
struct Io(ClientStream);

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ_BYTES];
        let most = bytes.len().min(into.remaining());
        let mut read = ReadBuf::new(&mut bytes[..most]);
        ready!(Pin::new(&mut self.0).poll_read(context, &mut read))?;
        into.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait() {
        let rows = [
            ("seconds", "120", Some(120)),
            ("with spaces", " 5 ", Some(5)),
            ("a date that is over", "Fri, 31 Dec 1999 23:59:59 GMT", Some(0)),
            ("nonsense", "soon", None),
            ("nothing", "", None),
        ];
        for (name, text, expected) in rows {
            assert_eq!(retry_after(text), expected.map(Duration::from_secs), "{name}");
        }
    }
}
