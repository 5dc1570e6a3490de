//! The signals that an instance obeys (DECISIONS 25).

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
pub enum Event {
    Reload,
    ReopenLogs,
    Stop,
}

pub struct Signals {
    hangup: Option<Signal>,
    user1: Option<Signal>,
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Signals {
    pub fn new() -> Self {
        Signals {
            hangup: signal(SignalKind::hangup()).ok(),
            user1: signal(SignalKind::user_defined1()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            interrupt: signal(SignalKind::interrupt()).ok(),
        }
    }

    /// The next event. May be dropped at any await.
    pub async fn next(&mut self) -> Event {
        tokio::select! {
            () = received(&mut self.hangup) => Event::Reload,
            () = received(&mut self.user1) => Event::ReopenLogs,
            () = received(&mut self.terminate) => Event::Stop,
            () = received(&mut self.interrupt) => Event::Stop,
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
