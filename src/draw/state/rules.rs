//! Counting draws, families, holders, exclusion (§9).

use super::{Draw, LogState};
use crate::draw::hash::Pid;
use crate::draw::line::{DrawKind, DrawRule, Exclude, Winner};
use std::collections::BTreeSet;

impl Draw {
    /// The main draw whose family this draw belongs to.
    pub fn family(&self) -> u64 {
        match self.commit.rule.kind {
            DrawKind::Redraw => self.commit.rule.parent,
            DrawKind::Main | DrawKind::Test => self.commit.draw,
        }
    }

    /// The winners, in the order of choice; empty before the result.
    pub fn winners(&self) -> &[Winner] {
        self.result.as_ref().map_or(&[], |(_, result)| result.winners.as_slice())
    }

    /// The winner of a rank in this draw's own result.
    pub fn winner(&self, rank: u64) -> Option<&Winner> {
        self.winners().get(self.commit.rule.place(rank)?)
    }

    fn not_void_before(&self, seq: u64) -> bool {
        self.void.is_none_or(|void| void >= seq)
    }
}

impl LogState {
    /// Whether a draw counts: a result, not a test, not void, nor its parent.
    pub fn counts(&self, number: u64) -> bool {
        self.draw(number).is_some_and(|draw| self.counted_at(draw, u64::MAX))
    }

    /// Whether a draw counted when line `seq` was about to be appended.
    fn counted_at(&self, draw: &Draw, seq: u64) -> bool {
        let parent = self.draw(draw.commit.rule.parent);
        draw.commit.rule.kind != DrawKind::Test
            && draw.result.as_ref().is_some_and(|(result, _)| *result < seq)
            && draw.not_void_before(seq)
            && parent.is_none_or(|parent| parent.not_void_before(seq))
    }

    /// The draw that holds a rank of a main draw now: the latest of its counting family that has the rank.
    pub fn holder(&self, main: u64, rank: u64) -> Option<u64> {
        let draw = self.draw(main).filter(|draw| draw.commit.rule.kind == DrawKind::Main)?;
        if !self.counts(main) || draw.commit.rule.place(rank).is_none() {
            return None;
        }
        Some(draw.replaced.get(&rank).and_then(|redraws| redraws.last().copied()).unwrap_or(main))
    }

    /// Whether this draw counts and still holds this rank.
    pub fn holds(&self, number: u64, rank: u64) -> bool {
        self.draw(number).is_some_and(|draw| self.holder(draw.family(), rank) == Some(number))
    }

    /// Whether the rules say that winners of `earlier` cannot win.
    fn excludes(rule: &DrawRule, earlier: &Draw) -> bool {
        let by_rule = match rule.exclude {
            Exclude::None => false,
            Exclude::Group => earlier.commit.rule.group == rule.group,
            Exclude::Event => true,
        };
        by_rule || (rule.kind == DrawKind::Redraw && earlier.family() == rule.parent)
    }

    /// The pids that must have weight 0 in the pool of a draw committed now under these rules.
    pub fn excluded(&self, rule: &DrawRule) -> BTreeSet<Pid> {
        self.draws()
            .filter(|draw| self.counts(draw.commit.draw) && Self::excludes(rule, draw))
            .flat_map(|draw| draw.winners().iter().map(|winner| winner.pid))
            .collect()
    }

    /// Whether a pid was excluded from a committed draw, by the draws that counted at its commit.
    pub fn is_excluded(&self, number: u64, pid: &Pid) -> bool {
        let (Some(draw), Some(person)) = (self.draw(number), self.people.get(pid)) else { return false };
        let mut won = person.won.iter().filter_map(|won| self.draw(*won));
        won.any(|won| self.counted_at(won, draw.seq) && Self::excludes(&draw.commit.rule, won))
    }

    /// Whether pid and index agree with all earlier results.
    pub(super) fn agrees(&self, winner: &Winner) -> bool {
        self.people.get(&winner.pid).is_none_or(|person| person.index == winner.index)
            && self.by_index.get(&winner.index).is_none_or(|pid| *pid == winner.pid)
    }
}
