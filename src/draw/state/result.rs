//! Results: what the server works out, and what a logged result is checked against (§8, §9).

use super::check::need;
use super::{Draw, LogState, Stage};
use crate::draw::code::Code;
use crate::draw::hash::Hash32;
use crate::draw::line::{Award, Body, Commit, DrawResult, DrawRule, Winner};
use crate::draw::pick;
use crate::draw::pool::PoolTree;
use crate::draw::seed;
use std::collections::HashSet;

/// What came out of a draw: the content of its result line.
pub type Outcome = DrawResult;

impl LogState {
    /// The commit of the next draw under these rules from this pool, checked but for its `ts`-dependent
    /// parts. Besides the log's own rules ([`LogState::check`]) it refuses what could never be drawn or
    /// proved: too few members with tickets ([`Code::Param`]), excluded ones with tickets
    /// ([`Code::PoolExcl`]).
    pub fn commit(&self, rule: DrawRule, pool: &PoolTree) -> Result<Body, Code> {
        let summary = pool.summary().ok_or(Code::Param)?;
        need(rule.k <= pool.eligible(), Code::Param)?;
        let excluded = self.excluded(&rule);
        need(!pool.members().any(|(pid, weight)| weight > 0 && excluded.contains(&pid)), Code::PoolExcl)?;
        Ok(Body::Commit(Commit { draw: self.next_draw(), rule, pool: summary }))
    }

    /// The result of the open draw, whose sources must all be closed ([`Code::Order`]). `secret` is the
    /// draw's link of the chain ([`Code::Chain`]), `pool` what was committed ([`Code::PoolRoot`]).
    pub fn outcome(&self, secret: Hash32, pool: &PoolTree) -> Result<Outcome, Code> {
        let draw = self.open_draw().filter(|draw| draw.stage() == Stage::Due).ok_or(Code::Order)?;
        need(self.opens_chain(draw.commit.draw, &secret), Code::Chain)?;
        need(pool.summary() == Some(draw.commit.pool), Code::PoolRoot)?;
        let seed = draw.seed(&secret);
        let rule = &draw.commit.rule;
        let order = pick::winners(pool, &seed, rule.k).ok_or(Code::Param)?;
        let amounts = self.amounts(draw, &seed).ok_or(Code::Award)?;
        let mut winners = Vec::with_capacity(order.len());
        for (j, (index, cents)) in order.into_iter().zip(amounts).enumerate() {
            let (pid, weight) = pool.member(index).ok_or(Code::Param)?;
            winners.push(Winner { rank: rule.rank(j), index, pid, weight, cents });
        }
        Ok(Outcome { draw: draw.commit.draw, secret, seed, winners })
    }

    pub(super) fn check_result(&self, result: &DrawResult) -> Result<(), Code> {
        let draw = self.open_as(result.draw)?;
        need(draw.stage() == Stage::Due, Code::Order)?;
        need(self.opens_chain(result.draw, &result.secret), Code::Chain)?;
        need(draw.seed(&result.secret) == result.seed, Code::Seed)?;
        let winners = &result.winners;
        need(u64::try_from(winners.len()) == Ok(draw.commit.rule.k), Code::Count)?;
        need(is_winner_list(&draw.commit, winners), Code::WinnerList)?;
        need(winners.iter().all(|winner| self.agrees(winner)), Code::Ident)?;
        need(!winners.iter().any(|winner| self.is_excluded(result.draw, &winner.pid)), Code::Excluded)?;
        let amounts = self.amounts(draw, &result.seed).ok_or(Code::Award)?;
        need(winners.iter().map(|winner| winner.cents).eq(amounts), Code::Award)
    }

    /// What each winner gets, in the order of choice.
    fn amounts(&self, draw: &Draw, seed: &Hash32) -> Option<Vec<u64>> {
        let rule = &draw.commit.rule;
        let k = usize::try_from(rule.k).ok()?;
        match rule.award {
            Award::None => Some(vec![0; k]),
            Award::Fixed { cents } => Some(vec![cents; k]),
            Award::Split { cents, min } => pick::split(seed, cents, rule.k, min),
            Award::Inherit => {
                let parent = self.draw(rule.parent)?;
                rule.ranks.iter().map(|rank| parent.winner(*rank).map(|winner| winner.cents)).collect()
            }
        }
    }
}

impl Draw {
    /// The seed, with the values closed so far.
    fn seed(&self, secret: &Hash32) -> Hash32 {
        let values = self.values.iter().map(|(_, value)| value);
        seed::seed(&self.head, secret, self.commit.rule.entropy.iter().zip(values))
    }
}

fn is_winner_list(commit: &Commit, winners: &[Winner]) -> bool {
    let (mut pids, mut indexes) = (HashSet::new(), HashSet::new());
    winners.iter().enumerate().all(|(j, winner)| {
        winner.rank == commit.rule.rank(j)
            && pids.insert(winner.pid)
            && indexes.insert(winner.index)
            && winner.index < commit.pool.n
            && (1..=commit.pool.max).contains(&winner.weight)
    })
}
