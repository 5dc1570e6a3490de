//! Answers over the control socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use explain::Surveyed;
use machine::board::Board;
use model::CertificateId;
use signal::{CoreCounters, Tally};

use super::Instance;
use crate::admin::Asked;
use crate::client::{HealthAnswer, Question};
use crate::expectations::Broken;
use crate::explaining::{Certificates, Running};
use crate::filters::Enforcement;
use crate::load::Loaded;
use crate::packet_filter::Pace;
use crate::status;

/// What an explanation needs beyond the World.
pub struct Told {
    pub sources: Arc<config::Sources>,
    pub certificates: Certificates,
    pub broken: Arc<Vec<Broken>>,
    pub surveyed: Arc<Surveyed>,
}

impl Told {
    pub fn of(loaded: Loaded) -> Told {
        let examined = loaded.examined;
        Told {
            sources: Arc::new(loaded.sources),
            certificates: examined.certificates,
            broken: Arc::new(examined.broken),
            surveyed: Arc::new(examined.surveyed),
        }
    }

    /// The same of a World whose certificates were replaced.
    pub fn with_certificates(&self, certificates: Certificates) -> Told {
        Told {
            sources: Arc::clone(&self.sources),
            certificates,
            broken: Arc::clone(&self.broken),
            surveyed: Arc::clone(&self.surveyed),
        }
    }
}

/// What an explanation is made from, whatever happens to the instance meanwhile.
struct Known {
    told: Arc<Told>,
    board: Arc<Board>,
    enforcement: BTreeMap<SocketAddr, Enforcement>,
    refused: Tally,
    pending: BTreeMap<CertificateId, Arc<str>>,
    on_demand: BTreeMap<CertificateId, Arc<BTreeMap<String, i64>>>,
    now_unix: i64,
}

impl Known {
    fn running(&self) -> Running<'_> {
        Running {
            sources: &self.told.sources,
            certificates: &self.told.certificates,
            board: &self.board,
            enforcement: &self.enforcement,
            refused: &self.refused,
            pending: &self.pending,
            on_demand: &self.on_demand,
            now_unix: self.now_unix,
        }
    }
}

impl Instance {
    pub fn answer(&mut self, asked: Asked) {
        let answer = match asked.question {
            Question::Status => {
                self.look_at_refused(Pace::Now);
                serde_json::to_vec(&self.status())
            }
            Question::Certificates => serde_json::to_vec(&self.certificate_statuses()),
            Question::Order { name, force } => serde_json::to_vec(&self.order(&name, force)),
            Question::Import(import) => serde_json::to_vec(&self.import(&import)),
            Question::Reload { force } => serde_json::to_vec(&self.reload(force)),
            Question::Health => {
                let text = if self.draining { "draining" } else { "serving" };
                serde_json::to_vec(&HealthAnswer { serving: !self.draining, text: text.into() })
            }
            Question::Explain(query) => {
                self.look_at_refused(Pace::Leisurely);
                let known = self.known();
                return self.explainers.explain(asked.answer, move || {
                    let atlas = known.told.surveyed.atlas();
                    serde_json::to_vec(&known.running().answer(&atlas, &query)).unwrap_or_default()
                });
            }
            Question::Plan(query) => {
                let known = self.known();
                return self.explainers.explain(asked.answer, move || {
                    let atlas = known.told.surveyed.atlas();
                    serde_json::to_vec(&known.running().plan(&atlas, &query)).unwrap_or_default()
                });
            }
        };
        let _ = asked.answer.send(answer.unwrap_or_default());
    }

    /// What is known now.
    fn known(&self) -> Known {
        Known {
            told: Arc::clone(&self.told),
            board: self.health.board(),
            enforcement: self.enforcement.clone(),
            refused: self.refused.tally().clone(),
            pending: self.pending_certificates(),
            on_demand: self.issued_on_demand(),
            now_unix: net::clock::unix_seconds(),
        }
    }

    pub fn status(&self) -> status::Status {
        let counters: Vec<&CoreCounters> = self.cores.iter().map(|core| &*core.counters).collect();
        status::Status {
            version: status::STATUS_VERSION,
            pid: std::process::id(),
            generation: self.snapshot.world.generation,
            started: self.started,
            configured: self.configured,
            refused_reload: self.refused_reload.clone(),
            cores: self.cores.len(),
            draining: self.draining,
            listeners: status::listeners(&self.snapshot.world, &self.enforcement, &self.sockets),
            target_groups: status::target_groups(&self.snapshot.world, &self.health),
            logs: status::logs(self.kept.log_losses()),
            connections: counters.iter().map(|c| c.active_connections()).sum(),
            requests: counters.iter().map(|c| c.requests()).sum(),
            passed_connections: counters.iter().map(|c| c.passed_connections()).sum(),
            refusals: status::refusals(&counters),
            refused: status::refused(&self.snapshot.world, &self.refused),
            certificates: self.certificate_statuses(),
            firewall: self.packet_filter.status(&self.snapshot.world),
            dns: self.dns_status(),
        }
    }
}
