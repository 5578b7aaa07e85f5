//! The pool: a Merkle sum tree of all members, kept as level arrays (§5).

use super::blocks::Blocks;
use super::hash::{Hex, Pid};
use super::path::{Node, PoolSummary, Step, leaf, node, root};
use std::collections::BTreeMap;

/// Most members of a pool, 2^24.
pub const MAX_MEMBERS: u64 = 1 << 24;
/// Largest weight (tickets) of one member.
pub const MAX_WEIGHT: u64 = 1_000_000;
/// Levels from one level of sums to the next, and the nodes of the lower one below a node of the upper one.
const STRIDE: usize = 6;
const FAN: usize = 1 << STRIDE;
/// Bytes of one member in a pool file: pid, then the weight as a big-endian u64.
pub const MEMBER_BYTES: usize = 40;

/// Why a pool could not be made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// More than [`MAX_MEMBERS`].
    #[error("a pool holds at most 16,777,216 members")]
    TooManyMembers,
    /// More than [`MAX_WEIGHT`].
    #[error("a member has at most 1,000,000 tickets")]
    TooHeavy,
    /// No member has this index.
    #[error("no member has this index")]
    NoSuchMember,
    /// The bytes of a pool file are not a multiple of 40.
    #[error("a pool file is a whole number of members of 40 bytes")]
    BadLength,
}

/// Members in index order with their Merkle sum tree. Changing or appending one costs O(log n) hashes,
/// building from scratch 2n. Copies share what did not change: one is made in no time and kept as it was.
#[derive(Debug, Clone, Default)]
pub struct PoolTree {
    pids: Blocks<Pid>,
    /// `levels[0]` are the leaves. A last node without a sibling goes up unchanged, which gives the
    /// shape of RFC 6962. The top level has one node; an empty pool has no level.
    levels: Vec<Blocks<Node>>,
    /// The sums of every sixth level again, close together: finding the owner of a ticket looks at 64 at a time.
    sums: Vec<Blocks<u64>>,
    /// How many members have each weight: the largest key is the pool's `max`.
    weights: BTreeMap<u64, u64>,
}

impl PoolTree {
    /// A pool without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds the tree of all members in index order, O(n).
    pub fn from_leaves(members: impl IntoIterator<Item = (Pid, u64)>) -> Result<Self, PoolError> {
        let mut tree = Self::new();
        let mut leaves = Vec::new();
        for (pid, weight) in members {
            check_new(tree.pids.len(), weight)?;
            tree.pids.push(pid);
            leaves.push(leaf(&pid, weight));
            *tree.weights.entry(weight).or_default() += 1;
        }
        if leaves.is_empty() {
            return Ok(tree);
        }
        let mut level = leaves;
        while level.len() > 1 {
            let above = level.chunks(2).map(parent).collect();
            tree.push_level(std::mem::replace(&mut level, above));
        }
        tree.push_level(level);
        Ok(tree)
    }

    fn push_level(&mut self, level: Vec<Node>) {
        if self.levels.len().is_multiple_of(STRIDE) {
            self.sums.push(level.iter().map(|node| node.sum).collect());
        }
        self.levels.push(level.into_iter().collect());
    }

    /// Reads a pool file of n × 40 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PoolError> {
        Self::from_leaves(members_of(bytes)?)
    }

    /// The pool file, n × 40 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.pids.len() * MEMBER_BYTES);
        for (pid, weight) in self.members() {
            out.extend_from_slice(pid.bytes());
            out.extend_from_slice(&weight.to_be_bytes());
        }
        out
    }

    /// All members (pid, weight) in index order.
    pub fn members(&self) -> impl Iterator<Item = (Pid, u64)> + '_ {
        let leaves = self.levels.first().into_iter().flat_map(Blocks::iter);
        self.pids.iter().copied().zip(leaves.map(|node| node.sum))
    }

    /// The member with this index.
    pub fn member(&self, index: u64) -> Option<(Pid, u64)> {
        let i = usize::try_from(index).ok()?;
        Some((*self.pids.get(i)?, self.levels.first()?.get(i)?.sum))
    }

    /// Appends a member and returns its index.
    pub fn append(&mut self, pid: Pid, weight: u64) -> Result<u64, PoolError> {
        check_new(self.pids.len(), weight)?;
        let index = self.n();
        self.pids.push(pid);
        *self.weights.entry(weight).or_default() += 1;
        self.put(self.pids.len() - 1, leaf(&pid, weight));
        Ok(index)
    }

    /// Gives a member another weight; 0 keeps it out of the draw.
    pub fn set_weight(&mut self, index: u64, weight: u64) -> Result<(), PoolError> {
        if weight > MAX_WEIGHT {
            return Err(PoolError::TooHeavy);
        }
        let (pid, old) = self.member(index).ok_or(PoolError::NoSuchMember)?;
        if old == weight {
            return Ok(());
        }
        if let Some(count) = self.weights.get_mut(&old) {
            *count -= 1;
            if *count == 0 {
                self.weights.remove(&old);
            }
        }
        *self.weights.entry(weight).or_default() += 1;
        let i = usize::try_from(index).map_err(|_| PoolError::NoSuchMember)?;
        self.put(i, leaf(&pid, weight));
        Ok(())
    }

    /// Stores a leaf and works out the nodes above it. A level grows at its right edge, one node at a time.
    fn put(&mut self, index: usize, leaf: Node) {
        let (mut i, mut at) = (index, leaf);
        let mut depth = 0;
        loop {
            if depth == self.levels.len() {
                self.push_level(Vec::new());
            }
            if depth.is_multiple_of(STRIDE) {
                self.sums[depth / STRIDE].put(i, at.sum);
            }
            let level = &mut self.levels[depth];
            level.put(i, at);
            if level.len() == 1 {
                return;
            }
            at = match (level.get(i & !1), level.get(i | 1)) {
                (Some(left), Some(right)) => node(left, right),
                // A lone node goes up unchanged.
                _ => at,
            };
            i /= 2;
            depth += 1;
        }
    }

    /// Members.
    pub fn n(&self) -> u64 {
        // A usize is never wider than 64 bits here, and a pool has at most 2^24 members.
        u64::try_from(self.pids.len()).unwrap_or(u64::MAX)
    }

    /// All tickets.
    pub fn tickets(&self) -> u64 {
        self.top().map_or(0, |top| top.sum)
    }

    /// The largest weight; 0 for an empty pool.
    pub fn max(&self) -> u64 {
        self.weights.last_key_value().map_or(0, |(weight, _)| *weight)
    }

    /// Members who can be drawn (weight above 0).
    pub fn eligible(&self) -> u64 {
        self.n() - self.weights.get(&0).copied().unwrap_or(0)
    }

    fn top(&self) -> Option<&Node> {
        self.levels.last().and_then(|level| level.get(0))
    }

    /// What a commit line says about this pool; `None` for an empty pool, which nobody can draw from.
    pub fn summary(&self) -> Option<PoolSummary> {
        let top = self.top()?;
        Some(PoolSummary { n: self.n(), tickets: top.sum, max: self.max(), root: root(self.n(), top) })
    }

    /// The siblings from a member up to the root.
    pub fn path(&self, index: u64) -> Option<Vec<Step>> {
        let mut i = usize::try_from(index).ok().filter(|i| *i < self.pids.len())?;
        let mut path = Vec::new();
        for level in &self.levels {
            if let Some(sibling) = level.get(i ^ 1) {
                path.push(Step { h: sibling.hash, s: sibling.sum });
            }
            i /= 2;
        }
        Some(path)
    }

    /// The first ticket of a member.
    pub fn start(&self, index: u64) -> Option<u64> {
        let mut i = usize::try_from(index).ok().filter(|i| *i < self.pids.len())?;
        let mut start = 0;
        for level in &self.levels {
            if i % 2 == 1 {
                start += level.get(i - 1)?.sum;
            }
            i /= 2;
        }
        Some(start)
    }

    /// Who owns a ticket (index), and that member's first ticket, by descending the sums.
    pub fn owner(&self, ticket: u64) -> Option<(u64, u64)> {
        if ticket >= self.tickets() {
            return None;
        }
        let (mut i, mut start) = (0_usize, 0_u64);
        // From the highest level of sums down; its nodes all lie below the top.
        for level in self.sums.iter().rev() {
            i *= FAN;
            for sum in level.run(i, FAN) {
                if ticket - start < *sum {
                    break;
                }
                start += sum;
                i += 1;
            }
        }
        Some((u64::try_from(i).ok()?, start))
    }
}

/// The members of a pool file, unchecked but for the length.
pub fn members_of(bytes: &[u8]) -> Result<impl ExactSizeIterator<Item = (Pid, u64)> + '_, PoolError> {
    let (members, rest) = bytes.as_chunks::<MEMBER_BYTES>();
    if !rest.is_empty() {
        return Err(PoolError::BadLength);
    }
    Ok(members.iter().map(|member| {
        let (mut pid, mut weight) = ([0; 32], [0; 8]);
        pid.copy_from_slice(&member[..32]);
        weight.copy_from_slice(&member[32..]);
        (Hex(pid), u64::from_be_bytes(weight))
    }))
}

fn parent(pair: &[Node]) -> Node {
    match pair {
        [left, right] => node(left, right),
        // A lone node goes up unchanged; `chunks` never passes an empty slice.
        [lone, ..] => *lone,
        [] => Node { hash: Hex::ZERO, sum: 0 },
    }
}

fn check_new(members: usize, weight: u64) -> Result<(), PoolError> {
    if u64::try_from(members).unwrap_or(u64::MAX) >= MAX_MEMBERS {
        return Err(PoolError::TooManyMembers);
    }
    if weight > MAX_WEIGHT { Err(PoolError::TooHeavy) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::{hash::sha256, path};
    use super::*;
    use proptest::prelude::*;

    fn pid(i: u64) -> Pid {
        sha256(&i.to_be_bytes())
    }

    #[test]
    fn an_empty_pool_has_no_root_and_no_owner() {
        let tree = PoolTree::new();
        assert_eq!((tree.n(), tree.tickets(), tree.max(), tree.eligible()), (0, 0, 0, 0));
        assert_eq!((tree.summary(), tree.path(0), tree.owner(0)), (None, None, None));
        assert_eq!(PoolTree::from_bytes(&[0; 41]).err(), Some(PoolError::BadLength));
        assert_eq!(PoolTree::new().append(pid(0), MAX_WEIGHT + 1), Err(PoolError::TooHeavy));
        assert_eq!(PoolTree::new().set_weight(0, 1), Err(PoolError::NoSuchMember));
    }

    proptest! {
        #[test]
        fn growing_and_changing_gives_the_tree_from_scratch(
            weights in proptest::collection::vec(0..5_u64, 1..70),
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0..9_u64), 0..40),
        ) {
            let mut tree = PoolTree::new();
            let mut model: Vec<(Pid, u64)> = Vec::new();
            for (i, w) in (0..).zip(&weights) {
                prop_assert_eq!(tree.append(pid(i), *w), Ok(i));
                model.push((pid(i), *w));
                let fresh = PoolTree::from_leaves(model.iter().copied()).unwrap();
                prop_assert_eq!(tree.summary(), fresh.summary());
            }
            for (which, w) in changes {
                let i = which.index(model.len());
                model[i].1 = w;
                tree.set_weight(u64::try_from(i).unwrap(), w).unwrap();
            }
            let fresh = PoolTree::from_leaves(model.iter().copied()).unwrap();
            prop_assert_eq!(&tree.levels, &fresh.levels);
            prop_assert_eq!(&tree.weights, &fresh.weights);
            prop_assert_eq!(tree.members().collect::<Vec<_>>(), model.clone());
            prop_assert_eq!(PoolTree::from_bytes(&tree.to_bytes()).unwrap().summary(), tree.summary());
            prop_assert_eq!(tree.max(), model.iter().map(|m| m.1).max().unwrap());

            let summary = tree.summary().unwrap();
            let mut start = 0;
            for (i, (pid, w)) in (0..).zip(&model) {
                let path = tree.path(i).unwrap();
                prop_assert_eq!(path::check(&summary, i, pid, *w, &path), Some(start));
                prop_assert_eq!(path::check(&summary, i, pid, *w + 1, &path), None);
                prop_assert_eq!(path::check(&summary, i + 1, pid, *w, &path), None);
                prop_assert_eq!(tree.start(i), Some(start));
                for ticket in start..start + w {
                    prop_assert_eq!(tree.owner(ticket), Some((i, start)));
                }
                start += w;
            }
            prop_assert_eq!(tree.owner(start), None);
        }
    }
}
