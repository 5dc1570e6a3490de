//! What one core of the name server counts.

use crate::counters::Counter;

/// Answers are told apart by the four bits of their code that every header has (RFC 1035 §4.1.1).
const CODES: usize = 16;

/// Aligned, so that no two cores share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct DnsCounters {
    udp_queries: Counter,
    tcp_queries: Counter,
    answers: [Counter; CODES],
    truncated: Counter,
    withheld: Counter,
    slipped: Counter,
    silences: Counter,
    transfers: Counter,
    refused_connections: Counter,
}

/// The sum of some cores'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsCounts {
    pub udp_queries: u64,
    pub tcp_queries: u64,
    /// By code.
    pub answers: [u64; CODES],
    /// Over UDP, so that the client asks again over TCP.
    pub truncated: u64,
    /// Not given, because their network had enough of them.
    pub withheld: u64,
    /// Given empty for the same reason.
    pub slipped: u64,
    /// What is no question.
    pub silences: u64,
    pub transfers: u64,
    /// Connections beyond the limit.
    pub refused_connections: u64,
}

impl DnsCounters {
    pub fn udp_query(&self) {
        self.udp_queries.add(1);
    }

    pub fn tcp_query(&self) {
        self.tcp_queries.add(1);
    }

    pub fn answered(&self, code: u8) {
        if let Some(counter) = self.answers.get(usize::from(code)) {
            counter.add(1);
        }
    }

    pub fn truncated(&self) {
        self.truncated.add(1);
    }

    pub fn withheld(&self) {
        self.withheld.add(1);
    }

    pub fn slipped(&self) {
        self.slipped.add(1);
    }

    pub fn silence(&self) {
        self.silences.add(1);
    }

    pub fn transfer(&self) {
        self.transfers.add(1);
    }

    pub fn refused_connection(&self) {
        self.refused_connections.add(1);
    }
}

impl DnsCounts {
    pub fn add(&mut self, core: &DnsCounters) {
        self.udp_queries += core.udp_queries.get();
        self.tcp_queries += core.tcp_queries.get();
        for (sum, counter) in self.answers.iter_mut().zip(&core.answers) {
            *sum += counter.get();
        }
        self.truncated += core.truncated.get();
        self.withheld += core.withheld.get();
        self.slipped += core.slipped.get();
        self.silences += core.silences.get();
        self.transfers += core.transfers.get();
        self.refused_connections += core.refused_connections.get();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_summed() {
        let cores = [DnsCounters::default(), DnsCounters::default()];
        for core in &cores {
            core.udp_query();
            core.answered(3);
            core.answered(200);
        }
        let mut sum = DnsCounts::default();
        cores.iter().for_each(|core| sum.add(core));
        assert_eq!((sum.udp_queries, sum.answers[3], sum.answers[0]), (2, 2, 0));
    }
}
