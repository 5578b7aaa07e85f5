//! The walker over a log (§9, §10 step 5). It checks each line against all lines before it, so the server
//! asks it before appending and the verifier afterwards: both apply the same rules.

mod check;
mod result;
mod rules;

use super::code::Code;
use super::entropy::{Level, Value};
use super::hash::{Hash32, Pid};
use super::line::{Body, Commit, DrawKind, DrawResult, Line, Open, Payout, PayoutStatus, SeatStatus};
use super::log::next_head;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use check::MAX_WINNERS;
pub use result::Outcome;

/// Everything that the lines so far say. A copy shares the draws, so it is cheap.
#[derive(Debug, Clone, Default)]
pub struct LogState {
    size: u64,
    head: Option<Hash32>,
    open: Option<Open>,
    closed: bool,
    draws: Vec<Arc<Draw>>,
    /// The last secret revealed, or the anchor.
    revealed: Option<Hash32>,
    /// Everybody who was ever in a result, by pid: index, and the draws won.
    people: BTreeMap<Pid, Person>,
    by_index: BTreeMap<u64, Pid>,
    refs: BTreeSet<Hash32>,
}

#[derive(Debug, Clone)]
struct Person {
    index: u64,
    won: Vec<u64>,
}

/// A draw as far as the log has got.
#[derive(Debug, Clone)]
pub struct Draw {
    /// The commit.
    pub commit: Commit,
    /// Line of the commit.
    pub seq: u64,
    /// Log head after the commit, which enters the seed and the tap leaves.
    pub head: Hash32,
    /// Values of the sources closed so far, each with its line.
    pub values: Vec<(u64, Value)>,
    /// The result with its line.
    pub result: Option<(u64, DrawResult)>,
    /// Line of the void.
    pub void: Option<u64>,
    /// Voided after its result while a payment of it, or of a redraw of it, was sent and not refunded.
    pub void_paid: bool,
    /// One per winner, in the same order.
    pub seats: Vec<Seat>,
    /// Draws whose parent this is.
    pub redraws: Vec<u64>,
    /// Of a main draw: for each rank the redraws that have replaced its winner, voided ones left out.
    replaced: BTreeMap<u64, Vec<u64>>,
}

/// What has happened to a winner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seat {
    /// The last status, if any.
    pub status: Option<SeatStatus>,
    /// Whether the winner was ever set aside.
    pub was_set_aside: bool,
    /// The last payment line, if any.
    pub last_payout: Option<Payout>,
}

impl Seat {
    /// Whether the winner is set aside now.
    pub fn set_aside(&self) -> bool {
        self.status.is_some_and(SeatStatus::set_aside)
    }

    /// Whether the last attempt was sent and has not come back.
    pub fn paid(&self) -> bool {
        self.last_payout.as_ref().is_some_and(|payout| payout.status == PayoutStatus::Sent)
    }

    /// Attempts so far; the next one has this number plus 1.
    pub fn attempts(&self) -> u64 {
        self.last_payout.as_ref().map_or(0, |payout| payout.attempt)
    }
}

/// Where a draw stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the value of this source (from 0).
    Entropy(usize),
    /// All sources closed: only the result may come.
    Due,
    /// The result is logged.
    Done,
    /// Void, before or after its result.
    Void,
}

impl Draw {
    fn new(commit: Commit, seq: u64, head: Hash32) -> Self {
        Self {
            commit,
            seq,
            head,
            values: Vec::new(),
            result: None,
            void: None,
            void_paid: false,
            seats: Vec::new(),
            redraws: Vec::new(),
            replaced: BTreeMap::new(),
        }
    }

    /// Where the draw stands.
    pub fn stage(&self) -> Stage {
        if self.void.is_some() {
            Stage::Void
        } else if self.result.is_some() {
            Stage::Done
        } else if self.values.len() < self.commit.rule.entropy.len() {
            Stage::Entropy(self.values.len())
        } else {
            Stage::Due
        }
    }

    /// Whether neither a result nor a void has ended it.
    pub fn is_open(&self) -> bool {
        self.result.is_none() && self.void.is_none()
    }

    /// The level that its public randomness gives (§2), from the sources closed so far.
    pub fn level(&self) -> Level {
        let sources = self.commit.rule.entropy.iter().zip(&self.values);
        sources.map(|(source, (_, value))| source.level(value)).max().unwrap_or(Level::A0)
    }
}

impl LogState {
    /// Replays a log from its stored lines.
    pub fn replay<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, Code> {
        let mut state = Self::default();
        for text in lines {
            let line = Line::parse(text)?;
            state.apply_parsed(line, text)?;
        }
        Ok(state)
    }

    /// Whether this line may be appended now. What passes here also passes at the verifier, form included.
    pub fn check(&self, line: &Line) -> Result<(), Code> {
        let text = line.to_text();
        self.check_parsed(&Line::parse(&text)?)
    }

    /// Checks a line and takes it in; returns its text, which is to be stored as it is. After an error
    /// nothing has changed.
    pub fn apply(&mut self, line: &Line) -> Result<String, Code> {
        let text = line.to_text();
        self.apply_parsed(Line::parse(&text)?, &text)?;
        Ok(text)
    }

    /// As [`LogState::apply`], for a line that [`Line::parse`] made from `text`.
    pub(super) fn apply_parsed(&mut self, line: Line, text: &str) -> Result<(), Code> {
        self.check_parsed(&line)?;
        let head = next_head(self.head.as_ref(), text);
        self.record(line, head);
        Ok(())
    }

    /// Takes in a line that was checked.
    fn record(&mut self, line: Line, head: Hash32) {
        match line.body {
            Body::Open(open) => {
                self.revealed = Some(open.anchor);
                self.open = Some(open);
            }
            Body::Commit(commit) => {
                let number = commit.draw;
                if let Some(parent) = self.draw_mut(commit.rule.parent) {
                    parent.redraws.push(number);
                }
                self.draws.push(Arc::new(Draw::new(commit, line.seq, head)));
            }
            Body::Entropy(entropy) => {
                if let Some(draw) = self.draw_mut(entropy.draw) {
                    draw.values.push((line.seq, entropy.value));
                }
            }
            Body::Result(result) => self.record_result(line.seq, result),
            Body::Void(void) => {
                self.revealed = self.revealed_by(&void);
                self.record_void(line.seq, void.draw);
            }
            Body::Status(status) => {
                if let Some(seat) = self.seat_mut(status.draw, status.rank) {
                    seat.status = Some(status.status);
                    seat.was_set_aside |= status.status.set_aside();
                }
            }
            Body::Payout(payout) => {
                self.refs.insert(payout.reference);
                if let Some(seat) = self.seat_mut(payout.draw, payout.rank) {
                    seat.last_payout = Some(payout);
                }
            }
            Body::Close => self.closed = true,
        }
        self.size += 1;
        self.head = Some(head);
    }

    fn record_result(&mut self, seq: u64, result: DrawResult) {
        let number = result.draw;
        self.revealed = Some(result.secret);
        for winner in &result.winners {
            self.by_index.insert(winner.index, winner.pid);
            let person = self
                .people
                .entry(winner.pid)
                .or_insert_with(|| Person { index: winner.index, won: Vec::new() });
            person.won.push(number);
        }
        let parent = self.draw(number).map_or(0, |draw| draw.commit.rule.parent);
        if let Some(parent) = self.draw_mut(parent) {
            for winner in &result.winners {
                parent.replaced.entry(winner.rank).or_default().push(number);
            }
        }
        if let Some(draw) = self.draw_mut(number) {
            draw.seats = vec![Seat::default(); result.winners.len()];
            draw.result = Some((seq, result));
        }
    }

    fn record_void(&mut self, seq: u64, number: u64) {
        let Some(draw) = self.draw(number) else { return };
        let paid = |draw: &Draw| draw.seats.iter().any(Seat::paid);
        let void_paid = draw.result.is_some()
            && (paid(draw) || draw.redraws.iter().any(|redraw| self.draw(*redraw).is_some_and(paid)));
        let (parent, ranks) = (draw.commit.rule.parent, draw.commit.rule.ranks.clone());
        if let Some(parent) = self.draw_mut(parent) {
            for rank in ranks {
                parent.replaced.entry(rank).or_default().retain(|redraw| *redraw != number);
            }
        }
        if let Some(draw) = self.draw_mut(number) {
            draw.void = Some(seq);
            draw.void_paid = void_paid;
        }
    }

    fn draw_mut(&mut self, number: u64) -> Option<&mut Draw> {
        let i = usize::try_from(number.checked_sub(1)?).ok()?;
        self.draws.get_mut(i).map(Arc::make_mut)
    }

    fn seat_mut(&mut self, number: u64, rank: u64) -> Option<&mut Seat> {
        let draw = self.draw_mut(number)?;
        let place = draw.commit.rule.place(rank)?;
        draw.seats.get_mut(place)
    }

    /// Number of lines.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Head after the last line; `None` for an empty log.
    pub fn head(&self) -> Option<Hash32> {
        self.head
    }

    /// What `event.open` says.
    pub fn event(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// Whether `event.close` was logged.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// A draw by its number.
    pub fn draw(&self, number: u64) -> Option<&Draw> {
        let i = usize::try_from(number.checked_sub(1)?).ok()?;
        self.draws.get(i).map(Arc::as_ref)
    }

    /// All draws in order of number.
    pub fn draws(&self) -> impl DoubleEndedIterator<Item = &Draw> {
        self.draws.iter().map(Arc::as_ref)
    }

    /// The draw that has neither result nor void.
    pub fn open_draw(&self) -> Option<&Draw> {
        self.draws.last().map(Arc::as_ref).filter(|draw| draw.is_open())
    }

    /// The number of the next commit.
    pub fn next_draw(&self) -> u64 {
        self.draws.last().map_or(1, |draw| draw.commit.draw + 1)
    }

    /// The last secret revealed (or the anchor), which the next one must open.
    pub fn last_revealed(&self) -> Option<Hash32> {
        self.revealed
    }

    /// What has happened to a winner.
    pub fn seat(&self, number: u64, rank: u64) -> Option<&Seat> {
        let draw = self.draw(number)?;
        draw.seats.get(draw.commit.rule.place(rank)?)
    }

    /// The next line to append, with this content. `ts` in ms UTC.
    pub fn next_line(&self, ts: u64, memo: Option<String>, body: Body) -> Line {
        Line { seq: self.size, ts, memo, body }
    }

    /// Whether the draw is a redraw that is open now and is about to replace this rank of the family.
    fn about_to_replace(&self, family: u64, rank: u64) -> bool {
        self.open_draw().is_some_and(|draw| {
            let rule = &draw.commit.rule;
            rule.kind == DrawKind::Redraw && rule.parent == family && rule.place(rank).is_some()
        })
    }
}
