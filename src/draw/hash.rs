//! The one hash function of the protocol, and fixed-size values written as lower-case hex.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// `N` bytes that are written as `2 * N` lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// A SHA-256 value, a pid, a revealed secret, a public key: 32 bytes.
pub type Hash32 = Hex<32>;
/// The 16 random bytes that name an event (a meeting's log).
pub type EventId = Hex<16>;
/// An Ed25519 signature.
pub type Sig = Hex<64>;
/// A compressed BLS signature of drand's quicknet.
pub type DrandSig = Hex<48>;
/// The salted hash under which a person is in the pool (§4).
pub type Pid = Hash32;

/// The text was not exactly the right number of lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the right number of lower-case hex digits")]
pub struct BadHex;

impl<const N: usize> Hex<N> {
    /// All bytes zero.
    pub const ZERO: Self = Self([0; N]);

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Default for Hex<N> {
    fn default() -> Self {
        Self::ZERO
    }
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = BadHex;

    fn from_str(text: &str) -> Result<Self, BadHex> {
        let mut out = [0; N];
        // `hex` also takes upper case, which the protocol does not.
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(BadHex);
        }
        hex::decode_to_slice(text, &mut out).map_err(|_| BadHex)?;
        Ok(Self(out))
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// `H(tag, parts…) = SHA-256(tag || 0x00 || parts…)` (§3).
pub fn h(tag: &str, parts: &[&[u8]]) -> Hash32 {
    let mut hash = Sha256::new();
    hash.update(tag.as_bytes());
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    Hex(hash.finalize().into())
}

/// Plain SHA-256, as drand uses it for its randomness.
pub fn sha256(bytes: &[u8]) -> Hash32 {
    Hex(Sha256::digest(bytes).into())
}

/// The pid of a person (§4). `identity` is `scheme:value`, for example `wx:<openid>`.
pub fn pid(event: &EventId, salt: &[u8; 32], identity: &str) -> Pid {
    h("mlot1/pid", &[event.bytes(), salt, identity.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_lower_case_and_exact() {
        assert_eq!("00ff".parse::<Hex<2>>(), Ok(Hex([0, 255])));
        for bad in ["00FF", "00f", "00fff", "00ff00", "zz00", "", "0 ff"] {
            assert_eq!(bad.parse::<Hex<2>>(), Err(BadHex), "{bad}");
        }
        assert_eq!(Hex([0, 255]).to_string(), "00ff");
    }
}
