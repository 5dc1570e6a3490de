//! One generation: a World with the TLS settings, logs and keys that belong to it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use machine::stickiness::KeyRing;
use model::{CertificateSource, Challenges, ClientCertificateMode, ListenerProtocol, Model};
use proxy::{ListenerTls, Snapshot};
use signal::{AccessLog, ConnectionLog, Journal};
use tls::{
    AlpnChallenges, CertificateStore, ClientAuthentication, OnDemandCertificates, OnDemandIdentity,
    ServerSettings, TargetTls, Ticketer, TlsOfGroups, TrustStores,
};
use world::World;

/// ALB.md §6e.
const SERVER: &str = "awselb/2.0";
/// Descriptors that are not for clients: logs, sockets, probes, and one for each client's target.
const DESCRIPTORS_RESERVED: u64 = 128;

/// A disk that takes longer at the end is not waited for.
const SETTLE_LIMIT: Duration = Duration::from_secs(2);

/// What is carried from one generation to the next.
pub struct Kept {
    pub journal: Journal,
    access_logs: BTreeMap<PathBuf, AccessLog>,
    connection_logs: BTreeMap<PathBuf, ConnectionLog>,
    /// By load balancer name and port, so that sessions outlive a reload (DECISIONS 21).
    ticketers: BTreeMap<(String, u16), Arc<Ticketer>>,
    target_tls: TargetTls,
    /// For the snapshots that are made from now on.
    pub challenges: Arc<Challenges>,
    pub alpn_challenges: Arc<AlpnChallenges>,
    /// By declaration, and by the name that they are for.
    pub on_demand: BTreeMap<String, Arc<BTreeMap<String, OnDemandIdentity>>>,
    stickiness_keys: KeyRing,
    descriptors: u64,
}

impl Kept {
    /// `stickiness_key` seals the stickiness cookies.
    pub fn new(
        journal: Journal,
        descriptors: u64,
        stickiness_key: [u8; 32],
    ) -> Result<Self, String> {
        let target_tls = TargetTls::new().map_err(|error| error.to_string())?;
        Ok(Kept {
            journal,
            access_logs: BTreeMap::new(),
            connection_logs: BTreeMap::new(),
            ticketers: BTreeMap::new(),
            target_tls,
            challenges: Arc::default(),
            alpn_challenges: Arc::default(),
            on_demand: BTreeMap::new(),
            stickiness_keys: KeyRing::new(stickiness_key),
            descriptors,
        })
    }

    pub fn reopen_logs(&self) {
        self.access_logs.values().for_each(AccessLog::reopen);
        self.connection_logs.values().for_each(ConnectionLog::reopen);
    }

    /// Waits until what the cores have handed over is written.
    pub fn settle_logs(&self) {
        self.access_logs.values().for_each(|log| log.settle(SETTLE_LIMIT));
        self.connection_logs.values().for_each(|log| log.settle(SETTLE_LIMIT));
    }

    pub fn rotate_tickets(&self) {
        for ticketer in self.ticketers.values() {
            if let Err(error) = ticketer.rotate() {
                self.journal.warn("tls/tickets-not-rotated", &[("error", &error)]);
            }
        }
    }

    /// Path and lost lines of every log.
    pub fn log_losses(&self) -> Vec<(PathBuf, u64)> {
        let access = self.access_logs.iter().map(|(path, log)| (path.clone(), log.lost_lines()));
        let connection =
            self.connection_logs.iter().map(|(path, log)| (path.clone(), log.lost_lines()));
        access.chain(connection).collect()
    }

    /// The snapshot for a World and its certificates. Opens logs that are new; closes none, since it
    /// may yet fail.
    pub fn snapshot(
        &mut self,
        world: &Arc<World>,
        certificates: &CertificateStore,
        trust_stores: &TrustStores,
        target_tls: &TlsOfGroups,
        cores: usize,
    ) -> Result<Snapshot, String> {
        let model = &world.model;
        let mut access_logs = Vec::new();
        let mut connection_logs = Vec::new();
        for load_balancer in &model.load_balancers {
            let attributes = &load_balancer.attributes;
            access_logs.push(match &attributes.access_log {
                Some(path) => {
                    Some(self.access_log(Path::new(path)).map_err(|e| cannot_open(path, &e))?)
                }
                None => None,
            });
            connection_logs.push(match &attributes.connection_log {
                Some(path) => {
                    Some(self.connection_log(Path::new(path)).map_err(|e| cannot_open(path, &e))?)
                }
                None => None,
            });
        }
        let tls = (0..model.listeners.len())
            .map(|at| self.listener_tls(model, at, certificates, trust_stores))
            .collect::<Result<Vec<_>, String>>()?;
        Ok(Snapshot {
            world: Arc::clone(world),
            tls,
            access_logs,
            connection_logs,
            target_tls: target_tls.clone().keeping(&self.target_tls),
            challenges: Arc::clone(&self.challenges),
            alpn_challenges: Arc::clone(&self.alpn_challenges),
            stickiness_keys: self.stickiness_keys.clone(),
            server: SERVER.to_owned(),
            core_connections_max: connections_max(model, self.descriptors, cores),
        })
    }

    /// After a generation has been published: what it does not name is closed.
    pub fn settle(&mut self, model: &Model) {
        let named = |path: &PathBuf, of: fn(&model::LoadBalancerAttributes) -> &Option<String>| {
            model.load_balancers.iter().any(|lb| of(&lb.attributes).as_deref() == path.to_str())
        };
        self.access_logs.retain(|path, _| named(path, |a| &a.access_log));
        self.connection_logs.retain(|path, _| named(path, |a| &a.connection_log));
        self.ticketers.retain(|(load_balancer, port), _| {
            model.listeners.iter().any(|listener| {
                listener.port == *port && model[listener.load_balancer].name == *load_balancer
            })
        });
    }

    fn access_log(&mut self, path: &Path) -> io::Result<AccessLog> {
        if let Some(log) = self.access_logs.get(path) {
            return Ok(log.clone());
        }
        let log = AccessLog::open(path, self.journal.clone())?;
        self.access_logs.insert(path.to_owned(), log.clone());
        Ok(log)
    }

    fn connection_log(&mut self, path: &Path) -> io::Result<ConnectionLog> {
        if let Some(log) = self.connection_logs.get(path) {
            return Ok(log.clone());
        }
        let log = ConnectionLog::open(path, self.journal.clone())?;
        self.connection_logs.insert(path.to_owned(), log.clone());
        Ok(log)
    }

    fn listener_tls(
        &mut self,
        model: &Model,
        at: usize,
        certificates: &CertificateStore,
        trust_stores: &TrustStores,
    ) -> Result<Option<ListenerTls>, String> {
        let listener = &model.listeners[at];
        if listener.protocol != ListenerProtocol::Https {
            return Ok(None);
        }
        let failed = |error: tls::SettingsError| format!("{}: {error}", listener.place);
        let key = (model[listener.load_balancer].name.clone(), listener.port);
        let ticketer = match self.ticketers.entry(key) {
            Entry::Occupied(entry) => Arc::clone(entry.get()),
            Entry::Vacant(entry) => Arc::clone(entry.insert(Ticketer::new().map_err(failed)?)),
        };
        let identities = certificates.of_listener(listener).unwrap_or_default();
        let clients = listener.client_certificates.as_ref().map(|clients| {
            let store = match clients.mode {
                ClientCertificateMode::Passthrough => None,
                ClientCertificateMode::Verify { trust_store, .. } => {
                    trust_stores.get(trust_store).cloned()
                }
            };
            ClientAuthentication::new(clients.mode, store)
        });
        let settings = ServerSettings::new(listener.tls_policy, &identities, &ticketer, clients)
            .and_then(|settings| settings.with_on_demand(&self.on_demand(model, at), &ticketer))
            .map_err(failed)?;
        Ok(Some(ListenerTls { settings: Arc::new(settings) }))
    }

    /// Of the listener's certificates those that are ordered when a client comes.
    fn on_demand(&self, model: &Model, at: usize) -> Vec<OnDemandCertificates> {
        let all = model.listeners[at].certificates.iter().map(|id| &model[*id]);
        let demanded = all.filter_map(|certificate| {
            let CertificateSource::Authority(ordered) = &certificate.source else { return None };
            Some(OnDemandCertificates {
                certificate: certificate.name.as_str().into(),
                declared: Arc::new(ordered.on_demand.clone()?),
                issued: self.on_demand.get(&certificate.name).cloned().unwrap_or_default(),
            })
        });
        demanded.collect()
    }
}

fn cannot_open(path: &str, error: &io::Error) -> String {
    format!("cannot open the log `{path}`: {error}")
}

/// DECISIONS 14, 18: a client may need a target's descriptor as well.
fn connections_max(model: &Model, descriptors: u64, cores: usize) -> u32 {
    let declared = model.load_balancers.iter().filter_map(|lb| lb.attributes.max_connections).min();
    let all = declared.map_or(descriptors.saturating_sub(DESCRIPTORS_RESERVED) / 2, u64::from);
    u32::try_from(all / cores.max(1) as u64).unwrap_or(u32::MAX).max(1)
}
