//! Chance, as an argument: one draw for a packet, or every way in turn for an explanation.

/// Makes the choices that a policy leaves to chance.
pub trait Draw {
    /// One of several, by weight; weights are above 0, and there is at least one.
    fn choose(&mut self, weights: &[u32]) -> usize;

    /// Where a list begins of which everybody gets all: below `length`, which is above 0.
    fn turn(&mut self, length: usize) -> usize;
}

/// A number that was drawn at random decides everything.
#[derive(Clone, Copy, Debug)]
pub struct Drawn(pub u64);

impl Drawn {
    /// SplitMix64, so that one number is enough for several choices.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Draw for Drawn {
    fn choose(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.next() % total.max(1);
        for (at, weight) in weights.iter().enumerate() {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return at,
            }
        }
        0
    }

    fn turn(&mut self, length: usize) -> usize {
        if length < 2 { 0 } else { (self.next() % length as u64) as usize }
    }
}

/// Ways that are followed; what is left to chance more often is answered in part.
pub const WAYS_MAX: usize = 64;

/// What `decide` gives for every way that chance can go.
pub fn every<T>(mut decide: impl FnMut(&mut dyn Draw) -> T) -> Vec<T> {
    let mut script = Script::default();
    let mut all = Vec::new();
    loop {
        script.at = 0;
        all.push(decide(&mut script));
        if all.len() == WAYS_MAX || !script.advance() {
            return all;
        }
    }
}

/// Choices that were made, each of how many; the last is changed first.
#[derive(Default)]
struct Script {
    made: Vec<(usize, usize)>,
    at: usize,
}

impl Script {
    fn advance(&mut self) -> bool {
        while let Some((choice, of)) = self.made.pop() {
            if choice + 1 < of {
                self.made.push((choice + 1, of));
                return true;
            }
        }
        false
    }
}

impl Draw for Script {
    fn choose(&mut self, weights: &[u32]) -> usize {
        if self.at == self.made.len() {
            self.made.push((0, weights.len()));
        }
        let choice = self.made[self.at].0;
        self.at += 1;
        choice
    }

    fn turn(&mut self, _: usize) -> usize {
        0
    }
}
