//! The pool of each meeting as this process last saw it: a tree that only follows what changed since. It is compared
//! with SQL's revision and digest before each use, so it can be stale or wrong but never be believed then.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use anyhow::ensure;

use super::{
    PoolMember,
    digest::{Digest, Marks},
};
use crate::draw::PoolTree;

/// Pools kept by this process.
#[derive(Debug, Default)]
pub(super) struct Pools {
    kept: Mutex<HashMap<String, Kept>>,
}

impl Pools {
    /// Takes a pool out, to be brought up to date and put back by whoever holds the meeting's row.
    pub(super) fn take(&self, meeting: &str) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(meeting)
    }

    pub(super) fn put(&self, meeting: &str, kept: Kept) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(meeting.to_owned(), kept);
    }
}

/// A pool at one revision.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) rev: i64,
    pub(super) digest: Digest,
    /// Everybody; who is not present has weight 0.
    pub(super) tree: PoolTree,
    /// Weight and presence as bound, by index.
    bound: Vec<(i64, bool)>,
}

impl Kept {
    /// All members by index, without a gap. They are hashed as they come.
    pub(super) fn new(
        rev: i64,
        digest: Digest,
        members: impl IntoIterator<Item = anyhow::Result<PoolMember>>,
    ) -> anyhow::Result<Self> {
        let (mut bound, mut fault) = (Vec::new(), None);
        let leaves = (0_i64..).zip(members).map_while(|(place, member)| {
            let leaf = member.and_then(|member| {
                ensure!(member.idx == place, "the pool has a gap before index {}", member.idx);
                bound.push((member.weight, member.present));
                Ok((member.pid, tickets(&member)?))
            });
            leaf.map_err(|error| fault = Some(error)).ok()
        });
        let tree = PoolTree::from_leaves(leaves)?;
        match fault {
            Some(error) => Err(error),
            None => Ok(Self { rev, digest, tree, bound }),
        }
    }

    /// Brings members that changed since into the tree and the digest.
    pub(super) fn advance(
        &mut self,
        marks: &Marks<'_>,
        rev: i64,
        changed: &[PoolMember],
    ) -> anyhow::Result<()> {
        for member in changed {
            let place = usize::try_from(member.idx)?;
            ensure!(place <= self.bound.len(), "the pool has a gap before index {}", member.idx);
            if let Some(before) = self.member(place) {
                marks.toggle(&mut self.digest, &before);
                ensure!(before.pid == member.pid, "index {} has another pid", member.idx);
                self.tree.set_weight(u64::try_from(member.idx)?, tickets(member)?)?;
                self.bound[place] = (member.weight, member.present);
            } else {
                self.tree.append(member.pid, tickets(member)?)?;
                self.bound.push((member.weight, member.present));
            }
            marks.toggle(&mut self.digest, member);
        }
        self.rev = rev;
        Ok(())
    }

    fn member(&self, place: usize) -> Option<PoolMember> {
        let (weight, present) = *self.bound.get(place)?;
        let (pid, _) = self.tree.member(u64::try_from(place).ok()?)?;
        Some(PoolMember { idx: i64::try_from(place).ok()?, pid, weight, present })
    }

    /// Everybody as bound, for the store.
    pub(super) fn members(&self) -> Vec<PoolMember> {
        (0..self.bound.len()).filter_map(|place| self.member(place)).collect()
    }
}

fn tickets(member: &PoolMember) -> anyhow::Result<u64> {
    Ok(if member.present { u64::try_from(member.weight)? } else { 0 })
}
