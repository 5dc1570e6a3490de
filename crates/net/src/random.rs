//! Random numbers: fast ones for balancing, the operating system's for keys.

use rustix::rand::{GetRandomFlags, getrandom};

/// xoshiro256** (Blackman and Vigna): fast and even; who sees its output can predict it.
#[derive(Debug)]
pub struct Random([u64; 4]);

impl Random {
    pub fn seeded_from_os() -> Self {
        let seed: [u8; 32] = os_bytes();
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        // All zeros would stay so.
        state[0] |= 1;
        Random(state)
    }

    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for piece in out.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            piece.copy_from_slice(&word[..piece.len()]);
        }
        out
    }
}

/// From the kernel; for keys.
///
/// # Panics
/// If the kernel has none to give: nothing could be secured.
pub fn os_bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut out[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the operating system gave no random numbers: {error}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_over_everything() {
        let mut random = Random::seeded_from_os();
        let mut buckets = [0u32; 16];
        for _ in 0..16_000 {
            buckets[(random.next_u64() >> 60) as usize] += 1;
        }
        assert!(buckets.iter().all(|count| (700..1300).contains(count)), "{buckets:?}");
        let (a, b): ([u8; 12], [u8; 12]) = (random.bytes(), random.bytes());
        assert_ne!(a, b);
    }
}
