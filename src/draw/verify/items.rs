//! The proofs of each draw (§10 step 6).

use super::bundle::Item;
use super::{hex, int, path};
use crate::draw::code::Code;
use crate::draw::entropy::{Taps, Value as Entropy};
use crate::draw::hash::{Hash32, Pid};
use crate::draw::line::{Commit, DrawResult};
use crate::draw::path as paths;
use crate::draw::pick;
use crate::draw::pool::{PoolTree, members_of};
use crate::draw::seed::{Tickets, WINNERS};
use crate::draw::state::{Draw, LogState};
use serde_json::Value;
use std::collections::BTreeMap;

/// Checks the items of a bundle in order.
pub(super) struct Items<'a> {
    state: &'a LogState,
    /// Draw number of the item before.
    last: u64,
    /// Pids of the last pool that was looked at.
    pids: Vec<Pid>,
    /// My index, as far as this device knows it.
    me: Option<u64>,
    /// How far each draw was checked.
    pub(super) checked: BTreeMap<u64, String>,
    /// For each draw with a pool: who stands at my index.
    pub(super) my_pools: BTreeMap<u64, Option<Pid>>,
}

impl<'a> Items<'a> {
    pub(super) fn new(state: &'a LogState, me: Option<u64>) -> Self {
        Self { state, last: 0, pids: Vec::new(), me, checked: BTreeMap::new(), my_pools: BTreeMap::new() }
    }

    /// `file` stands in place of the item's own pool.
    pub(super) fn check(&mut self, item: &Item, file: Option<&[u8]>) -> Result<(), Code> {
        if item.draw <= self.last {
            return Err(Code::Schema);
        }
        self.last = item.draw;
        let draw = self.state.draw(item.draw).ok_or(Code::Schema)?;
        let (_, result) = draw.result.as_ref().ok_or(Code::Schema)?;
        check_light(&draw.commit, result, &item.proofs)?;
        let members = match (file, &item.pool) {
            (Some(bytes), _) => Some(members_of(bytes).map_err(|_| Code::Schema)?.collect()),
            (None, Some(pool)) => Some(members(pool).ok_or(Code::Schema)?),
            (None, None) => None,
        };
        if let Some(members) = &members {
            self.check_pool(draw, result, members)?;
        }
        if let Some(taps) = &item.taps {
            check_taps(draw, taps).ok_or(Code::Taps)?;
        }
        let depth = if members.is_some() { "full" } else { "light" };
        let taps = if item.taps.is_some() { "+taps" } else { "" };
        self.checked.insert(item.draw, format!("{depth}{taps}"));
        members.map_or(Ok(()), |members| self.check_moved(item.draw, members))
    }

    fn check_pool(&self, draw: &Draw, result: &DrawResult, members: &[(Pid, u64)]) -> Result<(), Code> {
        let pool = &draw.commit.pool;
        let tickets: u128 = members.iter().map(|(_, weight)| u128::from(*weight)).sum();
        let max = members.iter().map(|(_, weight)| *weight).max();
        let sums = u64::try_from(members.len()) == Ok(pool.n) && tickets == u128::from(pool.tickets);
        if !sums || max != Some(pool.max) {
            return Err(Code::PoolSum);
        }
        let tree = PoolTree::from_leaves(members.iter().copied()).map_err(|_| Code::PoolSum)?;
        if tree.summary() != Some(*pool) {
            return Err(Code::PoolRoot);
        }
        let mut pids: Vec<Pid> = members.iter().map(|(pid, _)| *pid).collect();
        pids.sort_unstable();
        if !pids.is_sorted_by(|a, b| a < b) {
            return Err(Code::PoolDup);
        }
        let excluded = |pid: &Pid| self.state.is_excluded(draw.commit.draw, pid);
        if members.iter().any(|(pid, weight)| *weight > 0 && excluded(pid)) {
            return Err(Code::PoolExcl);
        }
        let order = pick::winners(&tree, &result.seed, draw.commit.rule.k).ok_or(Code::Winner)?;
        let same = result.winners.iter().map(|winner| winner.index).eq(order);
        if same { Ok(()) } else { Err(Code::Winner) }
    }

    fn check_moved(&mut self, draw: u64, members: Vec<(Pid, u64)>) -> Result<(), Code> {
        let pids: Vec<Pid> = members.into_iter().map(|(pid, _)| pid).collect();
        if !pids.starts_with(&self.pids) {
            return Err(Code::PoolMoved);
        }
        let mine = self.me.and_then(|me| usize::try_from(me).ok()).and_then(|me| pids.get(me).copied());
        self.my_pools.insert(draw, mine);
        self.pids = pids;
        Ok(())
    }
}

/// The paths of the winners, and the replay of the tickets against their ranges alone.
fn check_light(commit: &Commit, result: &DrawResult, proofs: &[Value]) -> Result<(), Code> {
    if proofs.len() != result.winners.len() {
        return Err(Code::Proof);
    }
    let mut ranges = Vec::with_capacity(proofs.len());
    for (winner, proof) in result.winners.iter().zip(proofs) {
        let proof = path(proof, true).ok_or(Code::Proof)?;
        let start = paths::check(&commit.pool, winner.index, &winner.pid, winner.weight, &proof);
        let start = start.ok_or(Code::Proof)?;
        ranges.push((start, start + winner.weight));
    }
    replay(commit.pool.tickets, &result.seed, &ranges).ok_or(Code::Winner)
}

/// Each ticket must belong to a chosen winner or to the next one. At most k · max tickets are taken,
/// which the commit bounds.
fn replay(tickets: u64, seed: &Hash32, ranges: &[(u64, u64)]) -> Option<()> {
    let mut tickets = Tickets::new(seed, tickets, WINNERS);
    let mut chosen: BTreeMap<u64, u64> = BTreeMap::new();
    for (start, end) in ranges {
        loop {
            let ticket = tickets.next()?;
            if (*start..*end).contains(&ticket) {
                break;
            }
            let (_, end) = chosen.range(..=ticket).next_back()?;
            if ticket >= *end {
                return None;
            }
        }
        chosen.insert(*start, *end);
    }
    Some(())
}

fn members(pool: &Value) -> Option<Vec<(Pid, u64)>> {
    let member = |member: &Value| match member.as_array()?.as_slice() {
        [pid, weight] => Some((hex(pid)?, int(weight)?)),
        _ => None,
    };
    pool.as_array()?.iter().map(member).collect()
}

fn check_taps(draw: &Draw, taps: &Value) -> Option<()> {
    let tap = |tap: &Value| match tap.as_array()?.as_slice() {
        [index, r] => Some((int(index)?, hex(r)?)),
        _ => None,
    };
    let taps: Vec<(u64, Hash32)> = taps.as_array()?.iter().map(tap).collect::<Option<_>>()?;
    if taps.iter().any(|(index, _)| *index >= draw.commit.pool.n) {
        return None;
    }
    let logged = draw.values.iter().map(|(_, value)| value);
    let logged = logged.into_iter().find(|value| matches!(value, Entropy::Audience { .. }))?;
    (Taps::new(&draw.head, &taps)?.value() == *logged).then_some(())
}
