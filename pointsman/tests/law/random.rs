//! Numbers that a seed gives again.

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
pub struct Random(u64);

impl Random {
    pub fn of(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Between `least` and `most` of them, in their order.
    pub fn some<T: Clone>(&mut self, all: &[T], least: usize, most: usize) -> Vec<T> {
        let mut left: Vec<usize> = (0..all.len()).collect();
        let count = (least + self.below(most - least + 1)).min(all.len());
        let mut chosen: Vec<usize> =
            (0..count).map(|_| left.swap_remove(self.below(left.len()))).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|at| all[at].clone()).collect()
    }
}
