//! A directory before Pebble's, for what Pebble does not have: renewal information, and limits.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tls::{BlockingServer, Identity};

use super::Pebble;

pub struct Front {
    pub directory: String,
    /// How often something else than the directory was asked for.
    pub asked: Arc<AtomicUsize>,
}

/// What is answered to the question of that number: status, further header lines, and body.
pub type Answer = dyn Fn(usize) -> (&'static str, String, String) + Send;

impl Front {
    /// Pebble's directory with `name` leading here.
    pub fn start(pebble: &Pebble, name: &'static str, answer: Box<Answer>) -> Front {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let own = Command::new("curl").args(["-sSk", &pebble.directory()]).output().unwrap();
        let mut directory: Value = serde_json::from_slice(&own.stdout).unwrap();
        directory[name] = format!("{base}/here").into();
        let (chain, key) = (pebble.file("cert.pem"), pebble.file("key.pem"));
        let loaded = Identity::from_files("front", &chain, &key, net::clock::unix_seconds());
        let server = BlockingServer::new(loaded.unwrap().identity).unwrap();
        let asked: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = server.accept(stream.unwrap()) else { continue };
                let mut head = [0; 16 * 1024];
                let length = stream.read(&mut head).unwrap_or(0);
                let path = String::from_utf8_lossy(&head[..length]).into_owned();
                let (status, more, body) = match path.split(' ').nth(1) {
                    Some("/dir") => ("200 OK", String::new(), directory.to_string()),
                    _ => answer(count.fetch_add(1, Ordering::SeqCst)),
                };
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
                );
                let _ = stream.flush();
            }
        });
        Front { directory: format!("{base}/dir"), asked }
    }
}
