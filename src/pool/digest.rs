//! The order-free digest of a pool's members, keyed, so that only a server can make one.

use anyhow::Context;

use super::PoolMember;
use crate::{
    error::ApiResult,
    keys::{Keys, Macs, Purpose},
};

/// The exclusive or of one keyed code per member.
pub(super) type Digest = [u8; 32];

/// Makes what members add to the digest of their meeting.
pub(super) struct Marks<'a> {
    macs: Macs,
    meeting: &'a str,
}

impl<'a> Marks<'a> {
    pub(super) fn new(keys: &Keys, meeting: &'a str) -> Self {
        Self { macs: keys.macs(Purpose::PoolDigest), meeting }
    }

    /// Puts a member into a digest, or takes it out again.
    pub(super) fn toggle(&self, digest: &mut Digest, member: &PoolMember) {
        let mut pid = [0; 64];
        // 32 bytes are 64 digits.
        let _ = hex::encode_to_slice(member.pid.bytes(), &mut pid);
        let code = self.macs.of(&[
            self.meeting.as_bytes(),
            &member.idx.to_be_bytes(),
            &pid,
            &member.weight.to_be_bytes(),
            &[u8::from(member.present)],
        ]);
        for (byte, more) in digest.iter_mut().zip(code) {
            *byte ^= more;
        }
    }

    /// The digest of these members alone.
    pub(super) fn all(&self, members: &[PoolMember]) -> Digest {
        let mut digest = [0; 32];
        for member in members {
            self.toggle(&mut digest, member);
        }
        digest
    }
}

/// As stored; an empty text is the digest of an empty pool.
pub(super) fn parse(text: &str) -> ApiResult<Digest> {
    let mut digest = [0; 32];
    if !text.is_empty() {
        hex::decode_to_slice(text, &mut digest).context("a stored pool digest is not 32 bytes of hex")?;
    }
    Ok(digest)
}
