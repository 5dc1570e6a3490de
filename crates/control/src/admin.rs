//! The control socket: local, for the owner only; one question a connection.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::client::{QUESTION_BYTES_MAX, Question};

const QUESTION_LIMIT: Duration = Duration::from_secs(5);
/// Questions that wait for control.
const WAITING_MAX: usize = 16;

/// A question and where its answer (JSON) goes.
pub struct Asked {
    pub question: Question,
    pub answer: oneshot::Sender<Vec<u8>>,
}

/// Listens at `path` from a local task.
pub fn listen(path: &Path) -> std::io::Result<mpsc::Receiver<Asked>> {
    let listener = net::unix::listen(path)?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    tokio::task::spawn_local(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::task::spawn_local(serve(stream, sender.clone()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    Ok(receiver)
}

async fn serve(stream: UnixStream, control: mpsc::Sender<Asked>) {
    let mut stream = BufReader::new(stream);
    // It may hold a private key.
    let mut line = Zeroizing::new(String::new());
    let mut limited = (&mut stream).take(QUESTION_BYTES_MAX);
    let read = tokio::time::timeout(QUESTION_LIMIT, limited.read_line(&mut line)).await;
    if !matches!(read, Ok(Ok(_))) {
        return;
    }
    let Ok(question) = serde_json::from_str(&line) else {
        let _ = stream.write_all(b"{\"error\":\"not understood\"}").await;
        return;
    };
    let (answer, answered) = oneshot::channel();
    if control.send(Asked { question, answer }).await.is_ok()
        && let Ok(bytes) = answered.await
    {
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
    }
}
