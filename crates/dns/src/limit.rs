//! Response rate limiting: how often a network of clients gets the same answer over UDP, so that
//! questions with forged senders bring nobody a flood.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// Answers that are counted at a time, of one core. A flood of other answers pushes out the ones
/// that were given least.
const BUCKETS: usize = 1 << 15;
/// Where a bucket may be.
const WAYS: usize = 4;
/// Of the answers that are not given, every so-many-th is given empty and truncated, so that a
/// client that is really there asks again over TCP.
const SLIP: u32 = 2;
/// So much of a second's answers may come at once.
const BURST_MICROSECONDS: u64 = 1_000_000;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Give,
    /// An empty one with the bit that says that there is more (RFC 1035 §4.1.1 TC).
    Slip,
    Withhold,
}

/// What counts as the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer<'n> {
    /// The records of a name.
    Name(&'n [u8]),
    /// Of whatever names it answers for.
    Wildcard(u64),
    /// Anything that is not at a name of the zone: whoever makes names up gets it each time.
    Absence(u32),
    Referral(u32),
    /// Errors and refusals.
    Other,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    tag: u64,
    /// When all that was given will have been earned, in microseconds.
    earned_at: u64,
}

/// The limits of one core.
pub struct Limiter {
    buckets: Vec<Bucket>,
    hasher: RandomState,
    withheld: u32,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter { buckets: Vec::new(), hasher: RandomState::new(), withheld: 0 }
    }
}

impl Limiter {
    /// May an answer be given to a client, `per_second` to its network, at a time in microseconds of
    /// a clock that only goes forward.
    pub fn ask(&mut self, client: IpAddr, answer: Answer<'_>, per_second: u32, now: u64) -> Pace {
        if self.buckets.is_empty() {
            self.buckets = vec![Bucket::default(); BUCKETS];
        }
        let tag = self.hasher.hash_one((network(client), answer)) | 1;
        let first = (tag >> 32) as usize % BUCKETS / WAYS * WAYS;
        let ways = &mut self.buckets[first..first + WAYS];
        let at = ways.iter().position(|bucket| bucket.tag == tag).unwrap_or_else(|| {
            let emptiest = ways.iter().enumerate().min_by_key(|(_, bucket)| bucket.earned_at);
            let at = emptiest.map_or(0, |(at, _)| at);
            ways[at] = Bucket { tag, earned_at: 0 };
            at
        });
        let bucket = &mut ways[at];
        let cost = 1_000_000 / u64::from(per_second.max(1));
        let earned_at = bucket.earned_at.max(now) + cost;
        if earned_at <= now + BURST_MICROSECONDS.max(cost) {
            bucket.earned_at = earned_at;
            return Pace::Give;
        }
        self.withheld = self.withheld.wrapping_add(1);
        if self.withheld.is_multiple_of(SLIP) { Pace::Slip } else { Pace::Withhold }
    }
}

/// Forgers spread over the addresses of a network: IPv4 /24, IPv6 /56.
pub(crate) fn network(address: IpAddr) -> [u8; 8] {
    match model::canonical(address) {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [4, a, b, c, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, ..] = v6.octets();
            [6, a, b, c, d, e, f, g]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_so_many_of_each_answer() {
        let mut limiter = Limiter::default();
        let mut given = |client: &str, answer, now: u64, times: u32| {
            let client = client.parse().unwrap();
            let paces = (0..times).map(|_| limiter.ask(client, answer, 10, now));
            paces.filter(|pace| *pace == Pace::Give).count()
        };
        let name = Answer::Name(b"a");
        let rows = [
            ("a second's worth at once", "192.0.2.1", name, 1, 20, 10),
            ("the same network", "192.0.2.200", name, 1, 5, 0),
            ("another network", "198.51.100.1", name, 1, 5, 5),
            ("another answer", "192.0.2.1", Answer::Absence(0), 1, 20, 10),
            ("made-up names are one answer", "192.0.2.1", Answer::Absence(0), 1, 5, 0),
            ("another zone", "192.0.2.1", Answer::Absence(1), 1, 5, 5),
            ("a tenth of a second later", "192.0.2.1", name, 100_001, 5, 1),
            ("a second later", "192.0.2.1", name, 1_200_000, 20, 10),
            ("IPv6", "2001:db8::1", name, 1, 20, 10),
            ("IPv6, the same network", "2001:db8:0:ff::1", name, 1, 5, 0),
            ("IPv6, another network", "2001:db8:0:100::1", name, 1, 5, 5),
            ("mapped is IPv4", "::ffff:198.51.100.7", name, 1, 20, 5),
        ];
        for (row, client, answer, now, times, expected) in rows {
            assert_eq!(given(client, answer, now, times), expected, "{row}");
        }
    }

    #[test]
    fn every_second_one_slips() {
        let mut limiter = Limiter::default();
        let client = "192.0.2.1".parse().unwrap();
        let mut ask = || limiter.ask(client, Answer::Other, 1, 5);
        assert_eq!(ask(), Pace::Give);
        assert_eq!([ask(), ask(), ask(), ask()], {
            use Pace::{Slip, Withhold};
            [Withhold, Slip, Withhold, Slip]
        });
    }

    #[test]
    fn a_flood_of_others_is_forgotten_first() {
        let mut limiter = Limiter::default();
        let victim: IpAddr = "192.0.2.1".parse().unwrap();
        let held =
            |limiter: &mut Limiter, now| limiter.ask(victim, Answer::Other, 5, now) != Pace::Give;
        while !held(&mut limiter, 1) {}
        for number in 0..200_000u32 {
            let other = IpAddr::from((number << 8).to_be_bytes());
            limiter.ask(other, Answer::Absence(9), 5, 2);
        }
        assert!(held(&mut limiter, 3));
    }
}
