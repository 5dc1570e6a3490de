//! A core's own state of one target: its idle connections and its outstanding requests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use machine::board::GroupBoard;
use signal::TargetCounters;
use verdict::target::{TargetFacts, Targets};

use crate::live::GroupLive;
use crate::stream::Stream;

/// Idle connections kept to one target by one core.
const IDLE_MAX: usize = 4096;

/// How a connection to a target was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    Plain,
    /// What it had to prove ([`tls::TargetTls::terms`]).
    Tls(u64),
}

pub struct TargetState {
    pub outstanding: Cell<u32>,
    /// Neither registered nor draining any more: requests still outstanding are over.
    expired: Cell<bool>,
    idle: RefCell<Vec<(Stream, Terms, Instant)>>,
    pub counters: Arc<TargetCounters>,
}

impl TargetState {
    pub fn new(counters: Arc<TargetCounters>) -> Self {
        TargetState {
            outstanding: Cell::new(0),
            expired: Cell::new(false),
            idle: RefCell::new(Vec::new()),
            counters,
        }
    }

    /// The connection used last that is still usable: it is the least likely to have been closed. One of
    /// other terms is of an older generation, and closed.
    pub fn take_idle(&self, terms: Terms) -> Option<Stream> {
        let mut idle = self.idle.borrow_mut();
        while let Some((stream, made, _)) = idle.pop() {
            if made == terms && !net::stream::is_stale(stream.tcp()) {
                return Some(stream);
            }
        }
        None
    }

    pub fn keep_idle(&self, stream: Stream, terms: Terms, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MAX && !self.expired.get() {
            idle.push((stream, terms, now));
        }
    }

    /// Closes connections that were idle for `limit`, and those that the target has closed.
    pub fn sweep(&self, now: Instant, limit: Duration) {
        self.idle.borrow_mut().retain(|(stream, _, since)| {
            now.saturating_duration_since(*since) < limit && !net::stream::is_stale(stream.tcp())
        });
    }

    pub fn expire(&self) {
        self.expired.set(true);
        self.idle.borrow_mut().clear();
    }

    pub fn expired(&self) -> bool {
        self.expired.get()
    }
}

/// Counts a request as outstanding for as long as it lives.
pub struct Outstanding(Rc<TargetState>);

impl Outstanding {
    pub fn new(target: &Rc<TargetState>) -> Self {
        target.outstanding.set(target.outstanding.get() + 1);
        Outstanding(Rc::clone(target))
    }

    pub fn target(&self) -> &TargetState {
        &self.0
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.0.outstanding.set(self.0.outstanding.get().saturating_sub(1));
    }
}

/// Targets that this request has tried in vain.
#[derive(Clone, Copy, Default)]
pub struct Tried([u64; 4]);

impl Tried {
    pub fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub fn remove(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word &= !(1 << (index % 64));
        }
    }

    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }
}

/// The facts a choice looks at: published health, and this core's own counts.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub board: &'a GroupBoard,
    pub group: &'a GroupLive,
    pub tried: &'a Tried,
}

impl Targets for View<'_> {
    fn len(&self) -> usize {
        self.board.targets.len()
    }

    fn facts(&self, index: usize) -> TargetFacts {
        let target = &self.board.targets[index];
        TargetFacts {
            state: target.state,
            resolved: !target.addresses.is_empty(),
            outstanding: self.group.targets[index].outstanding.get(),
            weight: target.weight,
            ramp: target.ramp,
            tried: self.tried.contains(index),
        }
    }
}
