//! Counters of one core. Only the core writes them, so that adding is a load and a store; anybody
//! may read.

use std::sync::atomic::{AtomicU64, Ordering};

use model::Refusal;

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        // One writer: nothing can come between the load and the store.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $bump:ident, $field:ident;)+) => {
        /// What one core counts. Aligned, so that no two cores share a cache line.
        #[derive(Debug)]
        #[repr(align(128))]
        pub struct CoreCounters {
            $($field: Counter,)+
            requests: Counter,
            passed: Counter,
            closed: Counter,
            opened: Counter,
            received: Counter,
            sent: Counter,
            /// By the hundreds of the status; 0 for none.
            statuses: [Counter; 6],
            refusals: [Counter; Refusal::ALL.len()],
        }

        impl Default for CoreCounters {
            fn default() -> Self {
                CoreCounters {
                    $($field: Counter::default(),)+
                    requests: Counter::default(),
                    passed: Counter::default(),
                    closed: Counter::default(),
                    opened: Counter::default(),
                    received: Counter::default(),
                    sent: Counter::default(),
                    statuses: Default::default(),
                    refusals: std::array::from_fn(|_| Counter::default()),
                }
            }
        }

        impl CoreCounters {
            $(
                $(#[doc = $doc])+
                pub fn $bump(&self) {
                    self.$field.add(1);
                }

                pub fn $field(&self) -> u64 {
                    self.$field.get()
                }
            )+
        }
    };
}

counters! {
    /// A connection was accepted, admitted or not.
    accepted, accepted_connections;
    /// A connection to a target was made.
    target_connection, target_connections;
    /// A request was tried again.
    retry, retries;
    /// A request was not plainly compliant (ALB.md §6c).
    non_compliant, non_compliant_requests;
    /// A request had header names that were dropped.
    invalid_headers_dropped, requests_with_dropped_headers;
    /// A request had invalid header names that were forwarded.
    invalid_headers_forwarded, requests_with_invalid_headers;
    /// A TLS handshake was completed.
    handshake_completed, handshakes;
    /// A TLS handshake came to nothing.
    handshake_failed, failed_handshakes;
}

impl CoreCounters {
    pub fn request(&self) {
        self.requests.add(1);
    }

    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// A connection was passed through to a target, and is over.
    pub fn passed(&self, received: u64, sent: u64) {
        self.passed.add(1);
        self.received.add(received);
        self.sent.add(sent);
    }

    pub fn passed_connections(&self) -> u64 {
        self.passed.get()
    }

    /// An admitted connection begins.
    pub fn opened(&self) {
        self.opened.add(1);
    }

    /// It ends.
    pub fn closed(&self) {
        self.closed.add(1);
    }

    pub fn active_connections(&self) -> u64 {
        self.opened.get().saturating_sub(self.closed.get())
    }

    pub fn refused(&self, refusal: Refusal) {
        if let Some(counter) = self.refusals.get(refusal as usize) {
            counter.add(1);
        }
    }

    pub fn refusals(&self, refusal: Refusal) -> u64 {
        self.refusals.get(refusal as usize).map_or(0, Counter::get)
    }

    /// A request is over. 0 is no status.
    pub fn answered(&self, status: u16, received: u64, sent: u64) {
        let class = usize::from(status / 100).min(self.statuses.len() - 1);
        self.statuses[class].add(1);
        self.received.add(received);
        self.sent.add(sent);
    }

    /// Requests answered with a status of so many hundreds; 0 for none.
    pub fn statuses(&self, hundreds: usize) -> u64 {
        self.statuses.get(hundreds).map_or(0, Counter::get)
    }

    pub fn bytes_received(&self) -> u64 {
        self.received.get()
    }

    pub fn bytes_sent(&self) -> u64 {
        self.sent.get()
    }
}

/// What one core counts of one target.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct TargetCounters {
    requests: Counter,
    errors_5xx: Counter,
    errors_connection: Counter,
}

impl TargetCounters {
    pub fn requested(&self) {
        self.requests.add(1);
    }

    pub fn answered_5xx(&self) {
        self.errors_5xx.add(1);
    }

    /// A connection failed, was reset, or stayed silent.
    pub fn failed(&self) {
        self.errors_connection.add(1);
    }

    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    pub fn errors_5xx(&self) -> u64 {
        self.errors_5xx.get()
    }

    pub fn errors_connection(&self) -> u64 {
        self.errors_connection.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_counter_of_its_own() {
        let counters = CoreCounters::default();
        for (at, refusal) in Refusal::ALL.iter().enumerate() {
            for _ in 0..=at {
                counters.refused(*refusal);
            }
        }
        for (at, refusal) in Refusal::ALL.iter().enumerate() {
            assert_eq!(counters.refusals(*refusal), at as u64 + 1, "{refusal}");
        }
        counters.answered(503, 1, 2);
        counters.answered(0, 1, 2);
        assert_eq!((counters.statuses(5), counters.statuses(0), counters.bytes_sent()), (1, 1, 4));
    }
}
