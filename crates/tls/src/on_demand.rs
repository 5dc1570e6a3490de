//! Names whose certificates are ordered when a client comes: those that came, and handshakes that wait.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::OnDemand;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;
use verdict::on_demand::fits;

use crate::Identity;
use crate::server::{Accepted, Failure, Served, ServerSettings, SettingsError};

/// RFC 8446 §6: a fatal `unrecognized_name` (RFC 6066 §3), in a record before there are keys.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Those of one declaration. Made by control.
#[derive(Clone)]
pub struct OnDemandCertificates {
    /// Of the declaration.
    pub certificate: Arc<str>,
    pub declared: Arc<OnDemand>,
    /// By the name that they are for.
    pub issued: Arc<BTreeMap<String, OnDemandIdentity>>,
}

#[derive(Clone)]
pub struct OnDemandIdentity {
    pub identity: Arc<Identity>,
    /// Whether a client came for it since it was issued: else it is not renewed.
    pub used: Arc<AtomicBool>,
}

/// As a listener serves them.
#[derive(Default)]
pub(crate) struct OnDemandServed(Vec<Of>);

struct Of {
    certificate: Arc<str>,
    declared: Arc<OnDemand>,
    issued: HashMap<String, (Served, i64, Arc<AtomicBool>)>,
}

pub(crate) enum Found<'s> {
    Served(&'s Served),
    Wanted(Arc<str>),
    NotDeclared,
}

/// A handshake after the client's hello: nothing was answered yet.
pub struct Wanted {
    /// Of the declaration that the name fits.
    pub certificate: Arc<str>,
    pub name: Box<str>,
    pub(crate) start: StartHandshake<TcpStream>,
}

impl OnDemandServed {
    pub fn new(
        all: &[OnDemandCertificates],
        serve: impl Fn(&Identity) -> Result<Served, SettingsError>,
    ) -> Result<OnDemandServed, SettingsError> {
        let of = |one: &OnDemandCertificates| {
            let mut issued = HashMap::with_capacity(one.issued.len());
            for (name, own) in &*one.issued {
                let until = own.identity.facts.not_after;
                issued.insert(name.clone(), (serve(&own.identity)?, until, Arc::clone(&own.used)));
            }
            let (certificate, declared) = (Arc::clone(&one.certificate), Arc::clone(&one.declared));
            Ok(Of { certificate, declared, issued })
        };
        all.iter().map(of).collect::<Result<_, _>>().map(OnDemandServed)
    }

    /// The first declaration that the name fits counts.
    pub fn find(&self, name: &str, now_unix: i64) -> Found<'_> {
        let Some(of) = self.0.iter().find(|of| fits(&of.declared, name).is_ok()) else {
            return Found::NotDeclared;
        };
        match of.issued.get(name) {
            Some((served, until, used)) if *until >= now_unix => {
                // Written once: cores would else take the line from each other.
                if !used.load(Ordering::Relaxed) {
                    used.store(true, Ordering::Relaxed);
                }
                Found::Served(served)
            }
            Some(_) | None => Found::Wanted(Arc::clone(&of.certificate)),
        }
    }
}

impl Wanted {
    /// With settings in which the certificate may be by now.
    pub async fn go_on(self, settings: &ServerSettings) -> Result<Accepted, Failure> {
        settings.go_on(self.start).await
    }

    /// Tells the client that there is no certificate for the name.
    pub async fn turn_away(mut self) {
        let _ = self.start.io.write_all(&UNRECOGNIZED_NAME).await;
        let _ = self.start.io.shutdown().await;
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("name", &self.name).finish_non_exhaustive()
    }
}
