//! The hash chain over the lines, signed checkpoints, receipts and the log code (§4, §6).

use super::hash::{EventId, Hash32, Hex, Pid, Sig, h};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

/// The head after appending a line; `before` is the head so far, `None` for line 0.
pub fn next_head(before: Option<&Hash32>, line: &str) -> Hash32 {
    h("mlot1/log", &[before.unwrap_or(&Hex::ZERO).bytes(), line.as_bytes()])
}

/// First 15 bytes of the head in Crockford base 32: six groups of four letters.
pub fn log_code(head: &Hash32) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (mut code, mut bits, mut acc, mut letters) = (String::new(), 0_u32, 0_u32, 0_u32);
    for byte in &head.bytes()[..15] {
        acc = (acc << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            if letters > 0 && letters.is_multiple_of(4) {
                code.push('-');
            }
            letters += 1;
            let letter = usize::try_from((acc >> bits) & 31).map_or(0, |i| LETTERS[i]);
            code.push(char::from(letter));
        }
        acc &= (1 << bits) - 1;
    }
    code
}

/// A signed statement of how the log looked at some size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The event.
    pub event: EventId,
    /// Number of lines.
    pub size: u64,
    /// Head after the last of them.
    pub head: Hash32,
    /// Ed25519 over [`checkpoint_text`].
    pub sig: Sig,
}

impl Checkpoint {
    /// Signs the state of a log.
    pub fn sign(key: &SigningKey, event: EventId, size: u64, head: Hash32) -> Self {
        Self { event, size, head, sig: sign(key, &checkpoint_text(&event, size, &head)) }
    }

    /// Whether the signature is valid, strictly.
    pub fn verify(&self, key: &Hash32) -> bool {
        verify(key, &checkpoint_text(&self.event, self.size, &self.head), &self.sig)
    }

    /// The log code of this checkpoint's head.
    pub fn code(&self) -> String {
        log_code(&self.head)
    }
}

/// The text that a checkpoint's signature covers.
pub fn checkpoint_text(event: &EventId, size: u64, head: &Hash32) -> String {
    format!("mlot1/checkpoint\n{event}\n{size}\n{head}\n")
}

/// What an attendee gets at binding: a later commit whose pool does not reach the index proves that the
/// person was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Number of log lines at that moment.
    pub size: u64,
    /// Ed25519 over [`receipt_text`].
    pub sig: Sig,
}

impl Receipt {
    /// Signs that `pid` has this index since the log had `size` lines.
    pub fn sign(key: &SigningKey, event: &EventId, index: u64, pid: &Pid, size: u64) -> Self {
        Self { size, sig: sign(key, &receipt_text(event, index, pid, size)) }
    }

    /// Whether the signature is valid, strictly.
    pub fn verify(&self, key: &Hash32, event: &EventId, index: u64, pid: &Pid) -> bool {
        verify(key, &receipt_text(event, index, pid, self.size), &self.sig)
    }
}

/// The text that a receipt's signature covers.
pub fn receipt_text(event: &EventId, index: u64, pid: &Pid, size: u64) -> String {
    format!("mlot1/receipt\n{event}\n{index}\n{pid}\n{size}\n")
}

/// The public half of an event's signing key, as in `event.open`.
pub fn public_key(key: &SigningKey) -> Hash32 {
    Hex(key.verifying_key().to_bytes())
}

fn sign(key: &SigningKey, text: &str) -> Sig {
    Hex(key.sign(text.as_bytes()).to_bytes())
}

/// Strict verification (§10 step 3). `verify_strict` refuses S out of range, a non-canonical R and points
/// of small order, but takes a key whose y is not reduced, so that is refused here.
fn verify(key: &Hash32, text: &str, sig: &Sig) -> bool {
    is_canonical_point(key)
        && VerifyingKey::from_bytes(key.bytes())
            .is_ok_and(|key| key.verify_strict(text.as_bytes(), &Signature::from_bytes(sig.bytes())).is_ok())
}

/// Whether y < 2^255 − 19, the sign bit aside.
fn is_canonical_point(key: &Hash32) -> bool {
    let bytes = key.bytes();
    !(bytes[0] >= 0xed && bytes[1..31].iter().all(|b| *b == 0xff) && bytes[31] & 0x7f == 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_every_field() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = public_key(&key);
        let good = Checkpoint::sign(&key, Hex([1; 16]), 5, Hex([2; 32]));
        assert!(good.verify(&public));
        assert!(!Checkpoint { size: 6, ..good.clone() }.verify(&public));
        assert!(!Checkpoint { event: Hex([2; 16]), ..good.clone() }.verify(&public));
        assert!(!Checkpoint { head: Hex([1; 32]), ..good.clone() }.verify(&public));
        assert!(!good.verify(&public_key(&SigningKey::from_bytes(&[8; 32]))));
        let receipt = Receipt::sign(&key, &Hex([1; 16]), 3, &Hex([4; 32]), 1);
        assert!(receipt.verify(&public, &Hex([1; 16]), 3, &Hex([4; 32])));
        assert!(!receipt.verify(&public, &Hex([1; 16]), 4, &Hex([4; 32])));
    }

    #[test]
    fn keys_that_are_not_reduced_are_refused() {
        let mut key = [0xff; 32];
        key[0] = 0xed;
        for top in [0x7f, 0xff] {
            key[31] = top;
            assert!(!is_canonical_point(&Hex(key)));
        }
        key[0] = 0xec;
        assert!(is_canonical_point(&Hex(key)));
    }
}
