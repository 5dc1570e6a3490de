//! What answers an authority in place of an instance.

pub mod front;
pub mod pebble;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acme::{Event, Keeper, Published, Records};
use config::{RealEnvironment, Sources};
use signal::{Format, Journal, Level};
use store::vault::{KeyPlaces, Vault};
use store::{Sqlite, Store};
use tls::{Accepted, Identity, ServerSettings, Ticketer};
use world::World;

pub use pebble::{PATIENCE, Pebble, Quirks};

// === an instance ===

pub fn world(text: &str) -> Arc<World> {
    let (model, findings) = config::parse(&Sources::single("site.hcl", text), &RealEnvironment);
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == model::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    Arc::new(world::compile(model, 1))
}

/// A state directory.
pub struct State {
    pub folder: tempfile::TempDir,
}

impl State {
    pub fn new() -> State {
        State { folder: tempfile::tempdir().unwrap() }
    }

    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(&self.folder.path().join("state.db")).unwrap())
    }

    pub fn records(&self, store: Arc<dyn Store>) -> Records {
        let own = self.folder.path().join("store.key");
        let places = KeyPlaces { given: None, variable: &|_| None, own: &own };
        let opened = Vault::open(&*self.store(), &places).unwrap();
        Records::new(store, Arc::new(opened.vault))
    }
}

/// Keeps what the World wants, and answers the authority, until `done` says so.
pub async fn keep_until(
    pebble: &Pebble,
    records: Records,
    world: &Arc<World>,
    mut done: impl FnMut(&Keeper, &[String]) -> bool,
) -> Vec<acme::State> {
    let journal = Journal::new(Format::Text, Level::Error);
    let (mut keeper, mut events) = Keeper::new(records, journal, world);
    let published: Arc<Mutex<Published>> = Arc::default();
    let answering = answer_http(pebble.http, Arc::clone(&published));
    let alpn = tokio::task::spawn_local(answer_alpn(pebble.tls, Arc::clone(&published)));
    keeper.follow(world);
    let mut issued = Vec::new();
    let end = Instant::now() + PATIENCE;
    while !done(&keeper, &issued) {
        assert!(Instant::now() < end, "waited in vain: {:#?}", keeper.states());
        let event = tokio::time::timeout(Duration::from_millis(50), events.recv()).await;
        match event {
            Ok(Some(Event::Challenges { published: now, applied })) => {
                let mut texts = pebble.resolver.texts.lock().unwrap();
                texts.clear();
                let named = now.challenges.texts.iter();
                texts.extend(named.map(|(host, texts)| (host.0.clone(), texts.clone())));
                *published.lock().unwrap() = now;
                let _ = applied.send(());
            }
            Ok(Some(Event::Issued { name })) => issued.push(name),
            Ok(Some(Event::Failed { .. } | Event::Guarded { .. } | Event::Lapsed { .. })) => {}
            Ok(None) | Err(_) => {}
        }
    }
    alpn.abort();
    drop(answering);
    keeper.states()
}

/// Ends with its socket.
struct Answering(Arc<std::sync::atomic::AtomicBool>, u16);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.1));
    }
}

fn answer_http(port: u16, published: Arc<Mutex<Published>>) -> Answering {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let ended: Arc<std::sync::atomic::AtomicBool> = Arc::default();
    let end = Arc::clone(&ended);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if end.load(std::sync::atomic::Ordering::SeqCst) {
                return;
            }
            let Ok(mut stream) = stream else { continue };
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let text = String::from_utf8_lossy(&head[..length]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            let challenges = Arc::clone(&published.lock().unwrap().challenges);
            let found = verdict::issuance::token_answer(&challenges, b"GET", path.as_bytes());
            let (status, body) = found.map_or(("404 Not Found", ""), |body| ("200 OK", body));
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    Answering(ended, port)
}

async fn answer_alpn(port: u16, published: Arc<Mutex<Published>>) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let now = net::clock::unix_seconds();
    let own: Identity = tls::placeholder("own", &["own.test".to_owned()], now).unwrap();
    let ticketer = Ticketer::new().unwrap();
    let policy = model::TlsPolicy::default();
    let settings = ServerSettings::new(policy, &[Arc::new(own)], &ticketer, None).unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let alpn = Arc::clone(&published.lock().unwrap().alpn);
        match settings.accept(stream, &alpn).await {
            Ok(Accepted::Challenge | Accepted::Client(..) | Accepted::Wanted(_)) | Err(_) => {}
        }
    }
}
