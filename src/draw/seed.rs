//! From the seed to tickets: keystream, uniform integers, sparse Fisher–Yates (§8).
//!
//! Nothing here may use the sampling helpers of the `rand` family: their values change between versions.

use super::entropy::{Source, Value};
use super::hash::{Hash32, h};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::HashMap;

/// Keystream that picks the winners.
pub const WINNERS: u64 = 0;
/// Keystream that splits an amount.
pub const SPLIT: u64 = 1;

/// The seed of a draw. `head` is the log head after the commit line, `secret` the draw's link of the
/// chain, `sources` every source with its value in order.
pub fn seed<'a>(
    head: &Hash32,
    secret: &Hash32,
    sources: impl IntoIterator<Item = (&'a Source, &'a Value)>,
) -> Hash32 {
    let mut count = 0_u8;
    let mut tail = Vec::new();
    for (source, value) in sources {
        let bytes = value.seed_bytes();
        count += 1;
        tail.push(source.kind());
        // A value has at most 20 words of 32 characters.
        tail.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        tail.extend(bytes);
    }
    h("mlot1/seed", &[head.bytes(), secret.bytes(), &[count], &tail])
}

/// The ChaCha20 keystream of a seed, read as little-endian 64-bit words.
#[derive(Debug, Clone)]
pub struct Keystream {
    rng: ChaCha20Rng,
    words: u64,
}

impl Keystream {
    /// Keystream number `id` of a seed: [`WINNERS`] or [`SPLIT`].
    pub fn new(seed: &Hash32, id: u64) -> Self {
        let mut rng = ChaCha20Rng::from_seed(*seed.bytes());
        rng.set_stream(id);
        Self { rng, words: 0 }
    }

    /// The next 8 bytes as a little-endian integer.
    pub fn word(&mut self) -> u64 {
        self.words += 1;
        self.rng.next_u64()
    }

    /// Words taken so far.
    pub fn words_used(&self) -> u64 {
        self.words
    }

    /// A uniform integer below `bound` (1 … 2^53): mask, and reject what is too large.
    /// One word is taken even for bound 1.
    pub fn uniform(&mut self, bound: u64) -> u64 {
        let mask = match bound.saturating_sub(1) {
            0 => 0,
            top => u64::MAX >> top.leading_zeros(),
        };
        loop {
            let x = self.word() & mask;
            // The second test ends the loop for bound 0, which no caller passes.
            if x < bound || mask == 0 {
                return x;
            }
        }
    }
}

/// Tickets 0 … total − 1 in random order, without repeats; memory grows only with those taken.
#[derive(Debug, Clone)]
pub struct Tickets {
    stream: Keystream,
    total: u64,
    taken: u64,
    moved: HashMap<u64, u64>,
}

impl Tickets {
    /// Shuffles `total` tickets with keystream `id` of a seed.
    pub fn new(seed: &Hash32, total: u64, id: u64) -> Self {
        Self { stream: Keystream::new(seed, id), total, taken: 0, moved: HashMap::new() }
    }
}

impl Iterator for Tickets {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let t = self.taken;
        let left = self.total.checked_sub(t).filter(|left| *left > 0)?;
        let j = t + self.stream.uniform(left);
        // Place t is never looked at again, so what lay there may leave the map.
        let here = self.moved.remove(&t).unwrap_or(t);
        self.taken += 1;
        if j == t { Some(here) } else { Some(self.moved.insert(j, here).unwrap_or(j)) }
    }
}
