//! Keeps every certificate that comes from an authority: one task each, and what they share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use machine::order::Failure;
use signal::Journal;
use tls::{Trusted, Verified};
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use verdict::issuance::Doubt;
use world::World;
use world::issuance::{findings, prospect_for};

use crate::account;
use crate::challenges::{Proof, Published, Table};
use crate::client::Client;
use crate::demand::{Demand, Visited};
use crate::guard::Allowed;
use crate::kept::Records;
use crate::state::State;
use crate::wanted::{self, Asked, Wanted};
use crate::words::Trouble;

/// Orders that are carried out at once: authorities limit them, too.
const AT_WORK_MAX: usize = 4;
/// Events that control has not taken yet.
const EVENTS_MAX: usize = 64;
/// Until every core has what an authority will ask for.
const PUBLISH_LIMIT: Duration = Duration::from_secs(10);

/// What control has to do.
#[derive(Debug)]
pub enum Event {
    /// From now on these challenges are answered; `applied` when they are, everywhere.
    Challenges { published: Published, applied: oneshot::Sender<()> },
    /// A new certificate of this name is on the records.
    Issued { name: String },
    /// An attempt has failed; another one is made later.
    Failed { name: String },
    /// What was said of a name that a client came for.
    Guarded { certificate: String, host: String, allowed: Allowed },
    /// It has expired, and nobody came for it.
    Lapsed { name: String },
}

/// All certificates from authorities. Lives in control's runtime; dropping it ends all tasks.
pub struct Keeper {
    shared: Rc<Shared>,
    tasks: BTreeMap<String, Task>,
    pub(crate) demand: Demand,
}

struct Task {
    wanted: Wanted,
    handle: JoinHandle<()>,
    wake: Rc<Wake>,
    state: Rc<RefCell<State>>,
}

/// What a person asked of one certificate.
#[derive(Debug, Default)]
pub struct Wake {
    pub notify: Notify,
    /// It is worth another attempt now.
    pub asked: Cell<bool>,
    /// A new one, though the present one is good.
    pub renew: Cell<bool>,
    /// Whether a client came for it since it was issued.
    pub used: Arc<AtomicBool>,
    /// The guard has said yes, and no order was placed since.
    pub allowed: Cell<bool>,
}

/// What the tasks share.
pub struct Shared {
    pub records: Records,
    pub journal: Journal,
    /// Held while an account is opened, so that there is one.
    pub accounts: Mutex<()>,
    pub at_work: Semaphore,
    world: RefCell<Arc<World>>,
    table: RefCell<Table>,
    /// By what they trust: two authorities may be at one address.
    clients: RefCell<BTreeMap<Option<PathBuf>, Client>>,
    events: mpsc::Sender<Event>,
}

/// Why a certificate cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    Unknown,
    /// It is good for longer, and nobody insisted.
    NotDue,
}

// === impl Keeper ===

impl Keeper {
    pub fn new(
        records: Records,
        journal: Journal,
        world: &Arc<World>,
    ) -> (Keeper, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let shared = Rc::new(Shared {
            records,
            journal,
            accounts: Mutex::default(),
            at_work: Semaphore::new(AT_WORK_MAX),
            world: RefCell::new(Arc::clone(world)),
            table: RefCell::default(),
            clients: RefCell::default(),
            events,
        });
        (Keeper { shared, tasks: BTreeMap::new(), demand: Demand::default() }, receiver)
    }

    pub fn records(&self) -> &Records {
        &self.shared.records
    }

    /// Keeps what the configuration wants from now on. What is wanted as before goes on undisturbed; an
    /// order that waits after a failure of ours is tried at once, since the reason may be gone.
    pub fn follow(&mut self, world: &Arc<World>) {
        *self.shared.world.borrow_mut() = Arc::clone(world);
        self.shared.clients.borrow_mut().clear();
        let mut wanted = wanted::of(world);
        wanted.extend(self.wanted_on_demand());
        let gone = |name: &String| !wanted.iter().any(|one| one.name == *name);
        let names: Vec<String> = self.tasks.keys().filter(|name| gone(name)).cloned().collect();
        for name in names {
            self.end(&name);
        }
        for wanted in wanted {
            match self.tasks.get(&wanted.name) {
                Some(task) if task.wanted == wanted => task.wake.now(),
                Some(_) | None => {
                    self.end(&wanted.name);
                    self.begin(wanted);
                }
            }
        }
    }

    pub(crate) fn begin(&mut self, wanted: Wanted) {
        let wake = Rc::new(Wake::default());
        let state = Rc::new(RefCell::new(State {
            name: wanted.name.clone(),
            names: wanted.names.clone(),
            state: "pending".into(),
            place: wanted.place.clone(),
            ..State::default()
        }));
        let keeping = crate::task::keep(
            Rc::clone(&self.shared),
            wanted.clone(),
            Rc::clone(&wake),
            Rc::clone(&state),
        );
        let handle = tokio::task::spawn_local(keeping);
        self.tasks.insert(wanted.name.clone(), Task { wanted, handle, wake, state });
    }

    /// How it stands with a name that a client came for; `None` if nobody did before.
    pub(crate) fn standing(&self, name: &str) -> Option<Visited> {
        let task = self.tasks.get(name)?;
        task.wake.used.store(true, Ordering::Relaxed);
        let state = task.state.borrow();
        Some(match (state.state.as_str(), &state.error) {
            ("valid" | "renewing" | "late", _) => Visited::There,
            (_, Some(_)) => Visited::Refused(model::Refusal::TlsCertificatePending),
            (_, None) => {
                task.wake.notify.notify_one();
                Visited::Waits
            }
        })
    }

    pub(crate) fn hosts_below(&self, certificate: &str) -> impl Iterator<Item = String> {
        let names = self.tasks.keys().filter_map(move |name| name.split_once('/'));
        names.filter(move |(of, _)| *of == certificate).map(|(_, host)| host.to_owned())
    }

    pub(crate) fn names_below(&self, certificate: &str) -> u32 {
        u32::try_from(self.hosts_below(certificate).count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn used(&self, name: &str) -> Option<Arc<AtomicBool>> {
        self.tasks.get(name).map(|task| Arc::clone(&task.wake.used))
    }

    pub(crate) fn allow(&self, name: &str) {
        if let Some(task) = self.tasks.get(name) {
            task.wake.allowed.set(true);
        }
    }

    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.shared.world.borrow())
    }

    pub(crate) fn events(&self) -> mpsc::Sender<Event> {
        self.shared.events.clone()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// That it is gone.
    pub fn lapsed(&mut self, name: &str) {
        self.end(name);
    }

    fn end(&mut self, name: &str) {
        if let Some(task) = self.tasks.remove(name) {
            task.handle.abort();
            let shared = Rc::clone(&self.shared);
            let name = name.to_owned();
            tokio::task::spawn_local(async move { shared.withdraw(&name).await });
        }
    }

    pub fn states(&self) -> Vec<State> {
        self.tasks.values().map(|task| task.state.borrow().clone()).collect()
    }

    /// Goes on with an order at once, instead of waiting for its next attempt.
    pub fn issue(&self, name: &str) -> Result<(), NotAsked> {
        let task = self.tasks.get(name).ok_or(NotAsked::Unknown)?;
        if task.state.borrow().state == "valid" {
            return Err(NotAsked::NotDue);
        }
        task.wake.now();
        Ok(())
    }

    /// As [`Keeper::issue`], and a new one in place of one that is good.
    pub fn renew(&self, name: &str) -> Result<(), NotAsked> {
        let task = self.tasks.get(name).ok_or(NotAsked::Unknown)?;
        task.wake.renew.set(true);
        task.wake.now();
        Ok(())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tasks.values().for_each(|task| task.handle.abort());
    }
}

// === impl Wake ===

impl Wake {
    fn now(&self) {
        self.asked.set(true);
        self.notify.notify_one();
    }
}

// === impl Shared ===

impl Shared {
    pub fn client(&self, asked: &Asked) -> Result<Client, Trouble> {
        if let Some(client) = self.clients.borrow().get(&asked.authority.roots) {
            return Ok(client.clone());
        }
        let trusted = match &asked.authority.roots {
            Some(roots) => Trusted::from_files([roots.as_path()]).map_err(|error| {
                Trouble::ours(format!("cannot read `{}`: {error}", roots.display()))
            })?,
            None => Trusted::of_machine([]).map_err(Trouble::ours)?,
        };
        let client = Client::new(Verified::new(&trusted).map_err(Trouble::ours)?);
        self.clients.borrow_mut().insert(asked.authority.roots.clone(), client.clone());
        Ok(client)
    }

    /// Asks ourselves what the authority will find (DECISIONS 33): refuses on proof alone.
    pub fn look_ahead(
        &self,
        wanted: &Wanted,
        asked: &Asked,
        directory: &account::Directory,
    ) -> Result<(), Trouble> {
        let world = Arc::clone(&self.world.borrow());
        let identities = &directory.meta.caa_identities;
        let Some(found) =
            prospect_for(&world, wanted.id, &wanted.names, &asked.authority, identities)
        else {
            return Ok(());
        };
        let (proofs, rest): (Vec<Doubt>, Vec<Doubt>) =
            found.doubts.into_iter().partition(Doubt::is_proof);
        for finding in findings(&world.model, wanted.id, &rest) {
            let certificate = &wanted.name;
            self.journal.warn(
                "certificate/order-doubtful",
                &[("certificate", &certificate), ("doubt", &finding.message)],
            );
        }
        let proved = findings(&world.model, wanted.id, &proofs);
        let Some(first) = proved.first() else { return Ok(()) };
        let told: Vec<String> = proved
            .iter()
            .map(|finding| match finding.related.first() {
                Some((place, what)) => format!("{} ({place}: {what})", finding.message),
                None => finding.message.clone(),
            })
            .collect();
        let words = format!("not asked: {}", told.join("; "));
        let trouble = Trouble::new(Failure::NotReady, words);
        Err(first.hint.iter().fold(trouble, |trouble, hint| trouble.hint(hint.clone())))
    }

    /// Whether our own listener answers as the authority will ask; what cannot be seen from here is left
    /// to the authority.
    pub async fn ask_ourselves(&self, asked: &Asked, proofs: &[Proof]) -> Result<(), Trouble> {
        let world = Arc::clone(&self.world.borrow());
        crate::ask::tokens(&world, asked.authority.ports.http, proofs).await
    }

    /// Returns when everything that answers authorities has them.
    pub async fn publish(&self, certificate: &str, proofs: Vec<Proof>) -> Result<(), Trouble> {
        let published = {
            let mut table = self.table.borrow_mut();
            table.put(certificate, proofs)?;
            table.published()?
        };
        let (applied, done) = oneshot::channel();
        let sent = self.events.send(Event::Challenges { published, applied }).await;
        let late = || Trouble::ours("the challenges were not published in time");
        sent.map_err(|_| late())?;
        match tokio::time::timeout(PUBLISH_LIMIT, done).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }

    pub async fn withdraw(&self, certificate: &str) {
        let published = {
            let mut table = self.table.borrow_mut();
            if !table.take(certificate) {
                return;
            }
            table.published()
        };
        if let Ok(published) = published {
            let (applied, _) = oneshot::channel();
            let _ = self.events.send(Event::Challenges { published, applied }).await;
        }
    }

    /// Whoever waits for it need not any longer.
    pub async fn failed(&self, name: &str) {
        let _ = self.events.send(Event::Failed { name: name.to_owned() }).await;
    }

    pub async fn lapsed(&self, name: &str) {
        let _ = self.events.send(Event::Lapsed { name: name.to_owned() }).await;
    }

    pub async fn issued(&self, name: &str) {
        let _ = self.events.send(Event::Issued { name: name.to_owned() }).await;
    }
}
