//! Another generation in place of the one that is served.

use std::sync::Arc;

use config::Style;
use proxy::Command;

use super::Instance;
use super::answers::Told;
use crate::client::ReloadAnswer;
use crate::expectations;
use crate::load::{Loaded, load};
use crate::packet_filter::Pace;

impl Instance {
    /// Whole or not at all: until every socket, certificate and log of the new generation is there,
    /// nothing of the old one is touched.
    pub fn reload(&mut self, force: bool) -> ReloadAnswer {
        net::systemd::notify_reloading();
        let result = self.try_reload(force);
        net::systemd::notify("READY=1");
        let generation = self.snapshot.world.generation;
        let journal = &self.settings.journal;
        match result {
            Ok(warnings) => {
                self.refused_reload = None;
                journal.info("reload/accepted", &[("generation", &generation)]);
                let broken_expectation = false;
                ReloadAnswer { generation, findings: warnings, accepted: true, broken_expectation }
            }
            Err(Refused { findings, broken_expectation }) => {
                let first = findings.lines().next().unwrap_or_default().to_owned();
                journal.error("reload/refused", &[("generation", &generation), ("first", &first)]);
                self.refused_reload = Some(findings.clone());
                ReloadAnswer { generation, findings, accepted: false, broken_expectation }
            }
        }
    }

    fn try_reload(&mut self, force: bool) -> Result<String, Refused> {
        let generation = self.snapshot.world.generation + 1;
        let plain = Style { color: false, ..self.settings.style };
        let (source, state) = (&self.settings.source, self.settings.state.path());
        let (kept, keep, cores) = (&mut self.kept, &self.keep, self.cores.len());
        let (before, was) = (&self.snapshot.world, &self.told.broken);
        let (mut loaded, snapshot): (Loaded, _) = net::core::yielding(|| {
            let loaded = load(source, state, keep, generation, plain)
                .map_err(|rejected| rejected.rendered)?;
            let fallen = expectations::newly(&loaded.examined.broken, before, was);
            if !force && !fallen.is_empty() {
                let findings = expectations::refusal(&loaded.sources, &fallen, plain);
                return Err(Refused { findings, broken_expectation: true });
            }
            let snapshot = kept
                .snapshot(
                    &loaded.world,
                    &loaded.certificates,
                    &loaded.trust_stores,
                    &loaded.target_tls,
                    cores,
                )
                .map_err(|error| format!("error: {error}\n"))?;
            Ok::<_, Refused>((loaded, snapshot))
        })?;
        let mut plan = self.sockets.plan(&loaded.world, self.cores.len()).map_err(|failures| {
            failures.iter().map(|failure| format!("error: {failure}\n")).collect::<String>()
        })?;
        let names = self.prepare_names(&loaded.world)?;
        self.health.replace(&loaded.world, &snapshot.target_tls);
        let board = self.health.board();
        let closed = plan.closed.clone();
        let opened = std::mem::take(&mut plan.opened);
        self.sockets.commit(&mut plan);
        // By the World under which they came.
        self.look_at_refused(Pace::Now);
        self.guard(&loaded.world);
        let snapshot = Arc::new(snapshot);
        for (core, opened) in self.cores.iter().zip(opened) {
            let _ = core.commands.send(Command::Publish {
                snapshot: Arc::clone(&snapshot),
                board: Arc::clone(&board),
                opened,
                closed: closed.clone(),
            });
        }
        self.publish_names(names, &loaded.world, &board);
        self.old.push(std::mem::replace(&mut self.snapshot, snapshot));
        let model = Arc::clone(&self.snapshot.world);
        self.kept.settle(&model.model);
        self.configured = net::clock::unix_seconds();
        let warnings = std::mem::take(&mut loaded.warnings);
        self.trust_stores = std::mem::take(&mut loaded.trust_stores);
        self.certificates.replace(loaded.certificates.clone(), std::mem::take(&mut loaded.stamps));
        self.told = Arc::new(Told::of(loaded));
        self.keeper.follow(&self.snapshot.world);
        self.follow_on_demand();
        Ok(warnings)
    }
}

/// Why a reload changed nothing, in words.
struct Refused {
    findings: String,
    broken_expectation: bool,
}

impl From<String> for Refused {
    fn from(findings: String) -> Self {
        Refused { findings, broken_expectation: false }
    }
}
