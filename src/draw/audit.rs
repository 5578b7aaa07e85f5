//! The private audit (§12): a trusted person gets (index, identity, salt) of all or of some members, and recomputes
//! what the log only shows hashed. Which members are in a sample follows from the log's head and a word of the
//! auditor, so the operator can pick neither.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Pid,
    hash::{EventId, Hash32, h, pid},
    line::{Body, Line},
    log::next_head,
    pool::members_of,
    seed::Tickets,
    verify::{Report, verify},
};

/// Version of the list.
pub const LIST: &str = "kaijiang-audit-1";
/// Keystream that picks a sample.
const SAMPLE: u64 = 2;
/// One, for shares and certainties in thousandths.
const WHOLE: u64 = 1_000;

/// What the operator hands over, under confidentiality.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// [`LIST`].
    pub v: String,
    /// The meeting's log.
    pub event: EventId,
    /// Lines of the log when the list was made.
    pub size: u64,
    /// Head of the log then.
    pub head: Hash32,
    /// Members then; the sample is taken from all of them.
    pub members: u64,
    /// The auditor's word.
    pub word: String,
    /// Members in the sample; 0 for all of them.
    pub sample: u64,
    /// The people by index.
    pub people: Vec<Entry>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Place in the pool.
    pub index: u64,
    /// Scheme and value, for example `wx:…`.
    pub identity: String,
    /// What the person's phone made.
    pub salt: Hash32,
}

/// What the list proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// People in the list.
    pub people: u64,
    /// Of them those whose pid stands in a published pool or result and is right.
    pub right: u64,
    /// Of them those who came after the last published pool.
    pub later: u64,
    /// Winners in the list: compare each with who was paid and shown.
    pub winners: Vec<Audit>,
}

/// A winner in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Draw.
    pub draw: u64,
    /// Rank.
    pub rank: u64,
    /// Place in the pool.
    pub index: u64,
    /// Who that is.
    pub identity: String,
}

/// Why a list is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "error")]
pub enum Fault {
    /// Not a list.
    #[error("E_AUDIT_SCHEMA: the list cannot be read")]
    #[serde(rename = "E_AUDIT_SCHEMA")]
    Schema,
    /// The proof itself cannot be read.
    #[error("E_AUDIT_PROOF: the proof cannot be read")]
    #[serde(rename = "E_AUDIT_PROOF")]
    Unreadable,
    /// The proof itself is disproved.
    #[error("E_AUDIT_PROOF: the proof is disproved: {code}")]
    #[serde(rename = "E_AUDIT_DISPROVED")]
    Disproved {
        /// The verifier's code.
        code: String,
    },
    /// The list was made from another log than the proof.
    #[error("E_AUDIT_LOG: the list belongs to another log, or to a later state of it")]
    #[serde(rename = "E_AUDIT_LOG")]
    Log,
    /// Somebody picked the people, or left some out.
    #[error("E_AUDIT_SAMPLE: these are not the members that the log's head and the word choose")]
    #[serde(rename = "E_AUDIT_SAMPLE")]
    Sample,
    /// Two members are one identity.
    #[error("E_AUDIT_IDENTITY: the identity of index {index} is in the list twice")]
    #[serde(rename = "E_AUDIT_IDENTITY")]
    Identity {
        /// The later one.
        index: u64,
    },
    /// A pid in a pool is not made of this identity and salt.
    #[error("E_AUDIT_PID: index {index} was in the pool under another identity or salt")]
    #[serde(rename = "E_AUDIT_PID")]
    Pid {
        /// Whose.
        index: u64,
    },
}

/// How many randomly chosen members to look at in order to find, with this certainty, a pool of which this share are
/// ghosts; both in thousandths, from 1 to 999. ⌈ln(1 − certainty) / ln(1 − share)⌉ without logarithms: honest members
/// in a row grow less likely with each, until it is too unlikely that all were honest by chance.
pub fn sample_size(share: u64, certainty: u64) -> Option<u64> {
    const ONE: u128 = 1_000_000_000_000_000_000;
    if !(1..WHOLE).contains(&share) || !(1..WHOLE).contains(&certainty) {
        return None;
    }
    let (honest, doubt) = (u128::from(WHOLE - share), u128::from(WHOLE - certainty));
    let (mut chance, mut people) = (ONE, 0);
    while chance * u128::from(WHOLE) > doubt * ONE {
        chance = chance * honest / u128::from(WHOLE);
        people += 1;
    }
    Some(people)
}

/// The members of a sample, ascending; all of them for a sample of 0.
pub fn chosen(head: &Hash32, word: &str, members: u64, sample: u64) -> Vec<u64> {
    if sample == 0 || sample >= members {
        return (0..members).collect();
    }
    let seed = h("kaijiang/audit", &[head.bytes(), word.as_bytes()]);
    let wanted = usize::try_from(sample).unwrap_or(usize::MAX);
    let mut indexes: Vec<u64> = Tickets::new(&seed, members, SAMPLE).take(wanted).collect();
    indexes.sort_unstable();
    indexes
}

/// Checks a list against a proof. `pools` are pool files by draw, in place of the proof's own.
pub fn check(list: &[u8], proof: &[u8], pools: &BTreeMap<u64, Vec<u8>>) -> Result<Audited, Fault> {
    match verify(proof, None, pools) {
        Report::Proved(_) => {}
        Report::Disproved(fault) => return Err(Fault::Disproved { code: fault.code.to_string() }),
        Report::Unreadable(_) => return Err(Fault::Unreadable),
    }
    let list: List = serde_json::from_slice(list).map_err(|_| Fault::Schema)?;
    let proof: Value = serde_json::from_slice(proof).map_err(|_| Fault::Unreadable)?;
    if list.v != LIST {
        return Err(Fault::Schema);
    }
    let lines = lines(&proof).ok_or(Fault::Unreadable)?;
    let known = known(&proof, pools, &lines).ok_or(Fault::Unreadable)?;
    if !belongs(&list, &proof, &lines) {
        return Err(Fault::Log);
    }
    if !list.people.iter().map(|entry| entry.index).eq(chosen(
        &list.head,
        &list.word,
        list.members,
        list.sample,
    )) {
        return Err(Fault::Sample);
    }
    let mut identities = HashSet::new();
    let (mut right, mut later) = (0, 0);
    for entry in &list.people {
        if !identities.insert(entry.identity.as_str()) {
            return Err(Fault::Identity { index: entry.index });
        }
        match known.get(&entry.index) {
            None => later += 1,
            Some(found) if *found == pid(&list.event, entry.salt.bytes(), &entry.identity) => right += 1,
            Some(_) => return Err(Fault::Pid { index: entry.index }),
        }
    }
    Ok(Audited { people: right + later, right, later, winners: winners(&lines, &list.people) })
}

fn lines(proof: &Value) -> Option<Vec<Line>> {
    proof.get("log")?.as_array()?.iter().map(|line| Line::parse(line.as_str()?).ok()).collect()
}

/// Everybody's pid, as far as pools and results show it.
fn known(proof: &Value, files: &BTreeMap<u64, Vec<u8>>, lines: &[Line]) -> Option<HashMap<u64, Pid>> {
    let mut known = HashMap::new();
    for line in lines {
        if let Body::Result(result) = &line.body {
            known.extend(result.winners.iter().map(|winner| (winner.index, winner.pid)));
        }
    }
    for item in proof.get("draws")?.as_array()? {
        for (index, member) in (0..).zip(item.get("pool").and_then(Value::as_array).into_iter().flatten()) {
            known.insert(index, member.get(0)?.as_str()?.parse().ok()?);
        }
    }
    for file in files.values() {
        known.extend((0..).zip(members_of(file).ok()?.map(|(pid, _)| pid)));
    }
    Some(known)
}

/// The list's head is that of this log at that size.
fn belongs(list: &List, proof: &Value, lines: &[Line]) -> bool {
    let Some(Body::Open(open)) = lines.first().map(|line| &line.body) else { return false };
    let texts = proof["log"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut heads = texts.scan(None, |head: &mut Option<Hash32>, line| {
        *head = Some(next_head(head.as_ref(), line));
        *head
    });
    let at = list.size.checked_sub(1).and_then(|last| usize::try_from(last).ok());
    open.event == list.event && at.is_some_and(|at| heads.nth(at) == Some(list.head))
}

fn winners(lines: &[Line], people: &[Entry]) -> Vec<Audit> {
    let by_index: HashMap<u64, &str> =
        people.iter().map(|entry| (entry.index, entry.identity.as_str())).collect();
    let mut found = Vec::new();
    for line in lines {
        let Body::Result(result) = &line.body else { continue };
        for winner in &result.winners {
            if let Some(identity) = by_index.get(&winner.index) {
                let (draw, rank, index) = (result.draw, winner.rank, winner.index);
                found.push(Audit { draw, rank, index, identity: (*identity).to_owned() });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::hash::sha256;

    #[test]
    fn sizes_are_those_of_the_protocol() {
        assert_eq!(sample_size(50, 950), Some(59));
        assert_eq!(sample_size(10, 950), Some(299));
        assert_eq!(sample_size(500, 500), Some(1));
        assert_eq!(sample_size(1, 999), Some(6905));
        for (share, certainty) in [(0, 950), (1000, 950), (50, 0), (50, 1000)] {
            assert_eq!(sample_size(share, certainty), None);
        }
    }

    #[test]
    fn a_sample_depends_on_head_and_word_and_repeats_nobody() {
        let (one, other) = (sha256(b"1"), sha256(b"2"));
        let sample = chosen(&one, "三句话", 1_000, 59);
        assert_eq!(sample.len(), 59);
        assert!(sample.is_sorted_by(|a, b| a < b) && sample.iter().all(|index| *index < 1_000));
        assert_eq!(chosen(&one, "三句话", 1_000, 59), sample);
        assert_ne!(chosen(&other, "三句话", 1_000, 59), sample);
        assert_ne!(chosen(&one, "别的话", 1_000, 59), sample);
        assert_eq!(chosen(&one, "", 5, 0), [0, 1, 2, 3, 4]);
        assert_eq!(chosen(&one, "", 5, 9), [0, 1, 2, 3, 4]);
    }
}
