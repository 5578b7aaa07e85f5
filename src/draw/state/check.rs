//! The checks of each line, in the order of §10 step 5: the first that fails gives the code.

use super::{Draw, LogState};
use crate::draw::chain::{self, MAX_LINKS};
use crate::draw::code::Code;
use crate::draw::entropy::Source;
use crate::draw::hash::Hash32;
use crate::draw::line::{
    Award, Body, Commit, DrawKind, Entropy, Exclude, Line, Payout, PayoutStatus, SeatStatus, Status, Void,
};
use crate::draw::pool::{MAX_MEMBERS, MAX_WEIGHT};

/// Most winners of a draw.
pub const MAX_WINNERS: u64 = 100_000;
/// Most tickets that a draw may have to take: k · max.
const MAX_TICKETS_TAKEN: u128 = 20_000_000;

/// `Err(code)` unless the condition holds.
pub(super) fn need(holds: bool, code: Code) -> Result<(), Code> {
    if holds { Ok(()) } else { Err(code) }
}

impl LogState {
    pub(super) fn check_parsed(&self, line: &Line) -> Result<(), Code> {
        need(line.seq == self.size, Code::Seq)?;
        need(matches!(line.body, Body::Open(_)) == (self.size == 0), Code::Seq)?;
        need(!self.closed || matches!(line.body, Body::Payout(_)), Code::Order)?;
        match &line.body {
            Body::Open(open) => need((1..=u64::from(MAX_LINKS)).contains(&open.links), Code::Param),
            Body::Commit(commit) => self.check_commit(commit, line.ts),
            Body::Entropy(entropy) => self.check_entropy(entropy),
            Body::Result(result) => self.check_result(result),
            Body::Void(void) => self.check_void(void),
            Body::Status(status) => self.check_status(status),
            Body::Payout(payout) => self.check_payout(payout),
            Body::Close => need(self.open_draw().is_none(), Code::Order),
        }
    }

    fn check_commit(&self, commit: &Commit, ts: u64) -> Result<(), Code> {
        need(self.open_draw().is_none(), Code::Order)?;
        let links = self.open.as_ref().map_or(0, |open| open.links);
        need(commit.draw == self.next_draw() && commit.draw <= links, Code::DrawNo)?;
        let members_before = self.draws.last().map_or(0, |draw| draw.commit.pool.n);
        need(commit.pool.n >= members_before && in_range(commit, ts), Code::Param)?;
        need(self.redraw_fits(commit), Code::Redraw)
    }

    fn redraw_fits(&self, commit: &Commit) -> bool {
        let rule = &commit.rule;
        if rule.kind != DrawKind::Redraw {
            return rule.parent == 0 && rule.ranks.is_empty();
        }
        let Some(parent) = self.draw(rule.parent).map(|parent| &parent.commit.rule) else { return false };
        let replaceable = |rank: &u64| {
            let holder = self.holder(rule.parent, *rank);
            holder.and_then(|holder| self.seat(holder, *rank)).is_some_and(super::Seat::set_aside)
        };
        parent.kind == DrawKind::Main
            && self.counts(rule.parent)
            && parent.prize == rule.prize
            && parent.exclude == rule.exclude
            && parent.group == rule.group
            && u64::try_from(rule.ranks.len()) == Ok(rule.k)
            && rule.ranks.is_sorted_by(|a, b| a < b)
            && rule.ranks.iter().all(replaceable)
    }

    /// The open draw, if it has this number.
    pub(super) fn open_as(&self, number: u64) -> Result<&Draw, Code> {
        self.open_draw().filter(|draw| draw.commit.draw == number).ok_or(Code::Order)
    }

    fn check_entropy(&self, entropy: &Entropy) -> Result<(), Code> {
        let draw = self.open_as(entropy.draw)?;
        need(u64::try_from(draw.values.len()) == Ok(entropy.i), Code::Order)?;
        let source = draw.commit.rule.entropy.get(draw.values.len()).ok_or(Code::Order)?;
        need(source.accepts(&entropy.value, draw.commit.pool.n), Code::Entropy)?;
        need(source.is_signed(&entropy.value), Code::Drand)
    }

    /// Whether a secret is the link of draw `number` after the last revealed one.
    pub(super) fn opens_chain(&self, number: u64, secret: &Hash32) -> bool {
        let (Some(open), Ok(j)) = (&self.open, u32::try_from(number)) else { return false };
        self.revealed == Some(chain::step(&open.event, j, secret))
    }

    fn check_void(&self, void: &Void) -> Result<(), Code> {
        let draw = self.draw(void.draw).filter(|draw| draw.void.is_none()).ok_or(Code::Order)?;
        if let Some((_, result)) = &draw.result {
            return need(result.secret == void.secret, Code::Chain);
        }
        need(draw.values.len() < draw.commit.rule.entropy.len(), Code::Void)?;
        need(self.opens_chain(void.draw, &void.secret), Code::Chain)
    }

    /// The last revealed secret after this void: only that of an open draw is news.
    pub(super) fn revealed_by(&self, void: &Void) -> Option<Hash32> {
        if self.open_as(void.draw).is_ok() { Some(void.secret) } else { self.revealed }
    }

    fn check_status(&self, status: &Status) -> Result<(), Code> {
        let (number, rank) = (status.draw, status.rank);
        let family = self.draw(number).map(Draw::family).ok_or(Code::Status)?;
        need(self.holds(number, rank) && !self.about_to_replace(family, rank), Code::Status)?;
        let seat = self.seat(number, rank).ok_or(Code::Status)?;
        need(!seat.paid() || status.status == SeatStatus::Present, Code::Status)
    }

    fn check_payout(&self, payout: &Payout) -> Result<(), Code> {
        let draw = self.draw(payout.draw).ok_or(Code::Pay)?;
        let refund = payout.status == PayoutStatus::Refunded;
        need(refund || self.holds(payout.draw, payout.rank), Code::Pay)?;
        let winner = draw.winner(payout.rank).ok_or(Code::Pay)?;
        let seat = self.seat(payout.draw, payout.rank).ok_or(Code::Pay)?;
        need(payout.cents >= 1 && payout.pid == winner.pid && payout.cents == winner.cents, Code::Pay)?;
        if refund {
            let last = seat.last_payout.as_ref().filter(|last| last.status == PayoutStatus::Sent);
            let same = |last: &Payout| last.attempt == payout.attempt && last.reference == payout.reference;
            return need(last.is_some_and(same), Code::Pay);
        }
        need(!seat.paid(), Code::PayDup)?;
        need(payout.attempt == seat.attempts() + 1 && !self.refs.contains(&payout.reference), Code::Pay)?;
        need(!seat.set_aside(), Code::PayState)
    }
}

/// The `E_PARAM` rules that need no other line. Products are exact in 128 bits.
fn in_range(commit: &Commit, ts: u64) -> bool {
    let (rule, pool) = (&commit.rule, &commit.pool);
    let times = |a: u64, b: u64| u128::from(a) * u128::from(b);
    let award = match rule.award {
        Award::Fixed { cents } => cents >= 1,
        Award::Split { cents, min } => min >= 1 && u128::from(cents) >= times(rule.k, min),
        Award::None | Award::Inherit => true,
    };
    (1..=MAX_WINNERS).contains(&rule.k)
        && rule.k <= pool.n
        && rule.k <= pool.tickets
        && u128::from(pool.tickets) <= times(pool.n, pool.max)
        && (1..=MAX_MEMBERS).contains(&pool.n)
        && (1..=MAX_WEIGHT).contains(&pool.max)
        && times(rule.k, pool.max) <= MAX_TICKETS_TAKEN
        // Each kind at most once, in the fixed order.
        && rule.entropy.is_sorted_by(|a, b| a.kind() < b.kind())
        && rule.entropy.iter().all(|source: &Source| source.in_range(ts))
        && award
        && (rule.award == Award::Inherit) == (rule.kind == DrawKind::Redraw)
        && !(rule.exclude == Exclude::Group && rule.group.is_empty())
}
