//! A handshake for a name whose certificate is ordered when the first client comes: it waits as long as a
//! handshake may take, and costs the core nothing meanwhile. A first visitor who has to come back would
//! see an error that no later one does.

use std::time::Duration;

use model::{ListenerId, Refusal};
use tls::{Accepted, Failure, Wanted};
use tokio::sync::oneshot;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::core::{Core, Visit};
use crate::live::Live;

/// Of one core: strangers must not take all connections.
const WAITING_MAX: u32 = 256;
/// For an alert that nobody reads.
const ALERT_LIMIT: Duration = Duration::from_secs(1);

pub async fn wait(
    core: &Core,
    live: &Live,
    listener: ListenerId,
    wanted: Wanted,
    left: Duration,
) -> Result<Result<Accepted, Failure>, Elapsed> {
    if let Err(refusal) = come(core, &wanted, left).await {
        let _ = timeout(ALERT_LIMIT, wanted.turn_away()).await;
        return Ok(Err(Failure { refusal, plain: None, cause: None }));
    }
    let now = std::rc::Rc::clone(&core.live.borrow());
    // Of another configuration the listener may be another one.
    let same = now.world().generation == live.world().generation;
    let settings = now.snapshot.tls.get(listener.0 as usize).and_then(Option::as_ref);
    match settings.filter(|_| same) {
        Some(tls) => timeout(left.max(ALERT_LIMIT), wanted.go_on(&tls.settings)).await,
        None => Ok(Ok(Accepted::Wanted(Box::new(wanted)))),
    }
}

async fn come(core: &Core, wanted: &Wanted, left: Duration) -> Result<(), Refusal> {
    let pending = Refusal::TlsCertificatePending;
    if core.waiting.get() >= WAITING_MAX {
        return Err(pending);
    }
    let (answer, answered) = oneshot::channel();
    let (certificate, name) = (wanted.certificate.clone(), wanted.name.clone());
    core.visits.try_send(Visit { certificate, name, answer }).map_err(|_| pending)?;
    core.waiting.set(core.waiting.get() + 1);
    let answered = timeout(left, answered).await;
    core.waiting.set(core.waiting.get() - 1);
    match answered {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Err(pending),
    }
}
