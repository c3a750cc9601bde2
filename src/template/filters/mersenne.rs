//! Python's random numbers, so that the same seed gives the same choice.

use sha2::{Digest, Sha512};

const N: usize = 624;
const M: usize = 397;

/// The Mersenne twister, seeded as Python seeds it with a text.
pub(crate) struct Random {
    state: [u32; N],
    at: usize,
    free: bool,
}

impl Random {
    /// From a seed; without one, unpredictable.
    pub(crate) fn new(seed: Option<&str>) -> Self {
        let mut out = Self { state: [0; N], at: N, free: seed.is_none() };
        let Some(seed) = seed else { return out };
        let mut bytes = seed.as_bytes().to_vec();
        bytes.extend(Sha512::digest(seed.as_bytes()));
        // The bytes are one big number; its words, lowest first, are the key.
        bytes.reverse();
        let mut key: Vec<u32> = bytes
            .chunks(4)
            .map(|chunk| chunk.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte)))
            .collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        out.seed_by_array(&key);
        out
    }

    /// From a whole number.
    pub(super) fn of_number(number: u64) -> Self {
        let mut out = Self { state: [0; N], at: N, free: false };
        let (low, high) = (number as u32, (number >> 32) as u32);
        if high == 0 {
            out.seed_by_array(&[low]);
        } else {
            out.seed_by_array(&[low, high]);
        }
        out
    }

    fn seed_by_array(&mut self, key: &[u32]) {
        self.state[0] = 19_650_218;
        for i in 1..N {
            let last = self.state[i - 1];
            self.state[i] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let last = self.state[i - 1];
            self.state[i] = (self.state[i] ^ (last ^ (last >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            j += 1;
            if i >= N {
                self.state[0] = self.state[N - 1];
                i = 1;
            }
            if j >= key.len() {
                j = 0;
            }
        }
        for _ in 0..N - 1 {
            let last = self.state[i - 1];
            self.state[i] =
                (self.state[i] ^ (last ^ (last >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= N {
                self.state[0] = self.state[N - 1];
                i = 1;
            }
        }
        self.state[0] = 0x8000_0000;
    }

    fn word(&mut self) -> u32 {
        if self.free {
            return rand::random();
        }
        if self.at >= N {
            for i in 0..N {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn bits(&mut self, count: u32) -> u64 {
        if count <= 32 {
            return u64::from(self.word()) >> (32 - count);
        }
        let low = u64::from(self.word());
        let high = u64::from(self.word()) >> (64 - count);
        (high << 32) | low
    }

    /// A number from 0 up to, but not including, `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        let count = 64 - limit.leading_zeros();
        loop {
            let number = self.bits(count);
            if number < limit {
                return number;
            }
        }
    }
}
