//! Members of a pool as bytes in Redis: fixed records in a few large strings, so that a million are read in one go.

use super::Member;
use crate::draw::hash::Hex;

/// Bytes of one member: the revision that wrote it (u64), its pid, then twice its weight plus its presence (u32), all
/// big-endian. A place that nobody has entered is zero.
pub(super) const RECORD: usize = 44;
/// Members of one string.
pub(super) const CHUNK: usize = 8_192;

/// The record of a member.
pub(super) fn record(member: &Member, rev: i64) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..8].copy_from_slice(&u64::try_from(rev).unwrap_or(0).max(1).to_be_bytes());
    bytes[8..40].copy_from_slice(member.pid.bytes());
    bytes[40..].copy_from_slice(&word(member).to_be_bytes());
    bytes
}

/// Weight and presence in one number; a weight is at most a million.
pub(super) fn word(member: &Member) -> u32 {
    u32::try_from(member.weight).unwrap_or(0) * 2 + u32::from(member.present)
}

/// Where a member's record is: number of the string, and offset in it. `None` for a negative index.
pub(super) fn place(idx: i64) -> Option<(usize, usize)> {
    let idx = usize::try_from(idx).ok()?;
    Some((idx / CHUNK, idx % CHUNK * RECORD))
}

/// The members of string number `chunk`; a damaged record is left out, which the digest shows.
pub(super) fn members(chunk: usize, bytes: &[u8]) -> impl Iterator<Item = Member> + '_ {
    let records = bytes.as_chunks::<RECORD>().0.iter().enumerate();
    records.filter(|(_, record)| record[..8] != [0; 8]).filter_map(move |(at, record)| {
        let (mut pid, mut word) = ([0; 32], [0; 4]);
        pid.copy_from_slice(&record[8..40]);
        word.copy_from_slice(&record[40..]);
        let word = u32::from_be_bytes(word);
        let idx = i64::try_from(chunk * CHUNK + at).ok()?;
        Some(Member { idx, pid: Hex(pid), weight: i64::from(word / 2), present: word % 2 == 1 })
    })
}

/// The strings of a whole pool.
pub(super) fn strings(members: &[Member], rev: i64) -> Vec<Vec<u8>> {
    let mut strings: Vec<Vec<u8>> = Vec::new();
    for member in members {
        let Some((chunk, at)) = place(member.idx) else { continue };
        if strings.len() <= chunk {
            strings.resize(chunk + 1, Vec::new());
        }
        let string = &mut strings[chunk];
        if string.len() < at + RECORD {
            string.resize(at + RECORD, 0);
        }
        string[at..at + RECORD].copy_from_slice(&record(member, rev));
    }
    strings
}
