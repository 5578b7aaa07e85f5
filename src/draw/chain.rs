//! The chain of secrets, one per draw, whose end is published when the event opens (§4).

use super::hash::{EventId, Hash32, Hex, h};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Most links that a chain may have.
pub const MAX_LINKS: u32 = 65_535;

/// The last secret `s_L`, from which all others follow. Erased when dropped, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LastSecret([u8; 32]);

impl LastSecret {
    /// From 32 bytes of the operating system's randomness.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored encrypted.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for LastSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastSecret(…)")
    }
}

/// One step towards the anchor: `s_{j−1}` from `s_j`.
pub fn step(event: &EventId, j: u32, secret: &Hash32) -> Hash32 {
    h("mlot1/chain", &[event.bytes(), &j.to_be_bytes(), secret.bytes()])
}

/// The secret `s_d` of draw number `draw` in a chain of `links`; `None` when `draw > links`.
/// Costs `links − draw` hashes.
pub fn secret(event: &EventId, last: &LastSecret, links: u32, draw: u32) -> Option<Hash32> {
    if draw > links {
        return None;
    }
    let mut value = Hex(last.0);
    for j in (draw + 1..=links).rev() {
        value = step(event, j, &value);
    }
    Some(value)
}

/// The published end of the chain, `s_0`.
pub fn anchor(event: &EventId, last: &LastSecret, links: u32) -> Hash32 {
    (1..=links).rev().fold(Hex(last.0), |value, j| step(event, j, &value))
}
