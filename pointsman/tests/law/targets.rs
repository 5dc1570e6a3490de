//! The targets of a world: real sockets that do what they are told.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::world::{Does, Target};

/// The header by which an answer is known to be a target's.
pub const MARK: &str = "x-law-target";

/// Listening targets; they end with it.
pub struct Targets {
    stop: Arc<AtomicBool>,
    threads: Vec<(std::net::SocketAddr, JoinHandle<()>)>,
    /// Listen, and drop who knocks.
    _silent: Vec<TcpListener>,
}

impl Targets {
    pub fn start(groups: &[Vec<Target>], tls: &Arc<ServerConfig>) -> Targets {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut threads, mut silent) = (Vec::new(), Vec::new());
        for target in groups.iter().flatten() {
            if target.does == Does::Refuses {
                continue;
            }
            let listener = TcpListener::bind(target.address)
                .unwrap_or_else(|error| panic!("{}: {error}", target.address));
            if target.does == Does::Silent {
                let nobody = net::filter::Program::compile_v4(&[]).unwrap();
                net::filter::attach(&listener, &nobody).unwrap();
                silent.push(listener);
                continue;
            }
            let (stop, target, tls) = (Arc::clone(&stop), target.clone(), Arc::clone(tls));
            let address = target.address;
            let serve = move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(stream) = stream else { return };
                    let (stop, target, tls) = (Arc::clone(&stop), target.clone(), Arc::clone(&tls));
                    std::thread::spawn(move || serve(stream, &target, &tls, &stop));
                }
            };
            threads.push((address, std::thread::spawn(serve)));
        }
        Targets { stop, threads, _silent: silent }
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for (address, thread) in self.threads.drain(..) {
            // Wakes it.
            drop(TcpStream::connect(address));
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, target: &Target, tls: &Arc<ServerConfig>, stop: &AtomicBool) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    if target.tls && target.does != Does::TlsFails {
        let Ok(server) = ServerConnection::new(Arc::clone(tls)) else { return };
        converse(&mut StreamOwned::new(server, stream), target, stop);
    } else {
        converse(&mut stream, target, stop);
    }
}

/// Answers until the other side closes.
fn converse(stream: &mut (impl Read + Write), target: &Target, stop: &AtomicBool) {
    let mut held = Vec::new();
    let mut chunk = [0u8; 4096];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => held.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(_) => return,
        }
        if target.does == Does::TlsFails {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        while let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = held.drain(..end + 4).collect();
            let checked = head.windows(9).any(|nine| nine == b"GET /heal");
            let answer = match target.does {
                _ if checked => status(target.health, &head),
                Does::Answers(code) => status(code, &head),
                Does::Closes => return,
                Does::Hangs => continue,
                Does::Nonsense => b"hello, this is no HTTP\r\n\r\n".to_vec(),
                Does::Refuses | Does::Silent | Does::TlsFails => return,
            };
            if stream.write_all(&answer).and_then(|()| stream.flush()).is_err() {
                return;
            }
        }
    }
}

fn status(code: u16, head: &[u8]) -> Vec<u8> {
    let body = if head.starts_with(b"HEAD") || code == 204 { "" } else { "ok" };
    let length = if code == 204 { String::new() } else { "Content-Length: 2\r\n".to_owned() };
    format!("HTTP/1.1 {code} Said\r\n{MARK}: yes\r\n{length}\r\n{body}").into_bytes()
}
