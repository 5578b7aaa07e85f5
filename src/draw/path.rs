//! Paths from a member to the root of the pool's Merkle sum tree, and how to check them (§5).

use super::canon::MAX_INT;
use super::hash::{Hash32, Hex, Pid, h};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A node of the sum tree: its hash, and the tickets below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Node {
    /// The hash.
    pub hash: Hash32,
    /// Tickets of all members below.
    pub sum: u64,
}

/// A sibling on a member's path, as it is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The sibling's hash.
    pub h: Hash32,
    /// The sibling's tickets.
    pub s: u64,
}

/// What a commit says about its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSummary {
    /// Members, those without tickets included.
    pub n: u64,
    /// All tickets.
    pub tickets: u64,
    /// The largest weight.
    pub max: u64,
    /// The Merkle root.
    pub root: Hash32,
}

/// The leaf of a member.
pub fn leaf(pid: &Pid, weight: u64) -> Node {
    Node { hash: h("mlot1/leaf", &[pid.bytes(), &weight.to_be_bytes()]), sum: weight }
}

/// The parent of two nodes. The sum must fit 64 bits, which 2^24 members of weight 10^6 are far from.
pub fn node(left: &Node, right: &Node) -> Node {
    let mut hash = Sha256::new();
    hash.update(b"mlot1/node\0");
    hash.update(left.hash.bytes());
    hash.update(left.sum.to_be_bytes());
    hash.update(right.hash.bytes());
    hash.update(right.sum.to_be_bytes());
    Node { hash: Hex(hash.finalize().into()), sum: left.sum.saturating_add(right.sum) }
}

/// The root over the top node.
pub fn root(n: u64, top: &Node) -> Hash32 {
    h("mlot1/pool", &[&n.to_be_bytes(), &top.sum.to_be_bytes(), top.hash.bytes()])
}

/// Checks the path of the member `index` with this pid and weight against a committed pool.
/// Returns the member's first ticket, or `None` when the path does not lead to the root.
pub fn check(pool: &PoolSummary, index: u64, pid: &Pid, weight: u64, path: &[Step]) -> Option<u64> {
    if index >= pool.n || weight > MAX_INT {
        return None;
    }
    let (mut i, mut last) = (index, pool.n - 1);
    let mut at = leaf(pid, weight);
    let mut start = 0_u64;
    let mut steps = path.iter();
    while last > 0 {
        // An even last node has no sibling: it goes up unchanged.
        if i % 2 == 1 || i < last {
            let sibling = steps.next().filter(|step| step.s <= MAX_INT)?;
            let sibling = Node { hash: sibling.h, sum: sibling.s };
            at.sum.checked_add(sibling.sum).filter(|sum| *sum <= MAX_INT)?;
            if i % 2 == 1 {
                start += sibling.sum;
                at = node(&sibling, &at);
            } else {
                at = node(&at, &sibling);
            }
        }
        i /= 2;
        last /= 2;
    }
    let whole = steps.next().is_none() && at.sum == pool.tickets && root(pool.n, &at) == pool.root;
    whole.then_some(start)
}
