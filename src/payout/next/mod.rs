//! What a packet becomes after an answer: pure, total, and the only place where that is decided.
//!
//! The rule under it: a bill number pays at most once, so repeating a number is safe and every unclear answer is
//! `unknown`. Once an attempt of a number was undecided (`Facts::undecided`), no error proves any more that nothing was
//! paid; only a success or the payer's own query does.

mod confirm;
mod query;
mod schedule;

pub use schedule::hold_pause;

use super::{
    awards::NEVER,
    codes::{self, Effect, Fate},
};
use crate::{
    clock::{DAY, Ms},
    mutant::planted,
    wire::PacketState,
};
use schedule::{blocked, follow, pause, wait};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
/// Pauses after the first undecided answers.
const FIRST_PAUSES: [Ms; 5] = [2 * SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 20 * MINUTE];
/// A number is sent at most so often before it is only asked for (plus once per `NOT_FOUND`, see there).
const FIRST_SENDS: i64 = 4;
/// `PROCESSING` is asked for after this pause.
const PROCESSING_PAUSE: Ms = 20 * MINUTE;
/// After `NOT_FOUND` the same number is sent again after this pause, at most [`NOT_FOUND_SENDS`] times.
pub(super) const NOT_FOUND_PAUSE: Ms = MINUTE;
pub(super) const NOT_FOUND_SENDS: i64 = 5;
/// Two queries so far apart must both say FAILED.
const FAILED_APART: Ms = 10 * MINUTE;
/// Undecided for so long: a person has to look.
const HUMAN_AFTER: Ms = 3 * DAY;
/// Whatever it waited for before: a person has to look by then, so that everything is at its end or with a person within
/// seven days of its birth.
const HUMAN_BY: Ms = 6 * DAY + DAY / 2;
/// Sent and neither opened nor returned for so long: a person has to look.
const NO_END_AFTER: Ms = 3 * DAY;
/// The payer answers queries for 30 days; two are kept in hand.
const ASK_UNTIL: Ms = 28 * DAY;
/// An order that was refused for lack of balance can be sent again for so long.
const RESUME_WITHIN: Ms = DAY;

/// Reason of a blocked packet that is to be sent again, and of that call while it runs.
pub const RESUME: &str = "resume";
/// Reason of a packet that its receiver cannot confirm: nobody saw the ticket. The same number is sent again for it.
pub const NO_TICKET: &str = "NO_TICKET";
/// So often a number is sent within seconds for the sake of its ticket; then slower.
const TICKET_SENDS: i64 = 6;

/// What is known of a packet when an answer arrives (or a moment comes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Where it stands.
    pub state: PacketState,
    /// Why, as stored.
    pub reason: String,
    /// An attempt of this number had no decided answer. Never goes back.
    pub undecided: bool,
    /// Calls that sent, this one included.
    pub sends: i64,
    /// Calls that asked, this one included.
    pub queries: i64,
    /// Answers `NOT_FOUND` before this one.
    pub not_founds: i64,
    /// When the packet was made, ms.
    pub born: Ms,
    /// First call ever, ms.
    pub first_call_at: Option<Ms>,
    /// First query that said FAILED, ms.
    pub failed_at: Option<Ms>,
    /// Known to be paid since, ms.
    pub sent_at: Option<Ms>,
    /// Now, ms.
    pub at: Ms,
}

/// What the payer's books say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted, not delivered.
    Sending,
    /// Accepted, and a reason says why it is stuck.
    Stuck,
    /// Accepted, not paid: the receiver has to confirm first.
    Confirming,
    /// Delivered.
    Sent,
    /// Opened.
    Received,
    /// Not sent.
    Failed,
    /// Unopened, going back.
    Refunding,
    /// Back at the merchant.
    Refunded,
    /// A word that we do not know.
    Other,
}

/// An answer, or what took its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call succeeded and echoed our values.
    Sent {
        /// The payer's number.
        list_id: String,
    },
    /// The payer holds the order and pays when the receiver confirms: nothing is paid yet.
    Accepted {
        /// The payer's number.
        list_id: String,
        /// What the receiver confirms with; empty when the answer had none.
        ticket: String,
        /// Until when, ms; 0 when the answer did not say.
        until: Ms,
    },
    /// The call did not succeed; codes of [`codes::SEND`] or others.
    SendError {
        /// Code.
        code: String,
    },
    /// The query was answered.
    Found {
        /// What it said.
        status: Status,
        /// The payer's number.
        list_id: String,
    },
    /// The query was not answered; codes of [`codes::QUERY`] or others.
    QueryError {
        /// Code.
        code: String,
    },
    /// Whoever made the call is gone: nobody saw an answer.
    Lost,
}

/// What happens to the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Money {
    /// Nothing.
    Stay,
    /// Reserved becomes spent.
    Pay,
    /// Spent came back.
    Return,
    /// It was paid and came back before we knew either.
    PayAndReturn,
    /// The reservation is free again: nothing was paid.
    Release,
}

/// What the packet becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// State.
    pub state: PacketState,
    /// Stable code of the reason; empty when all is well.
    pub reason: String,
    /// When it is looked at again, ms.
    pub next_at: Ms,
    /// See [`Facts::undecided`].
    pub undecided: bool,
    /// See [`Facts::not_founds`].
    pub not_founds: i64,
    /// See [`Facts::failed_at`].
    pub failed_at: Option<Ms>,
    /// The money.
    pub money: Money,
    /// The whole sender.
    pub sender: Effect,
}

/// What to do with a packet whose moment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Send it, or send it again with the same number and bytes.
    Send,
    /// Ask for it.
    Query,
    /// Its caller is gone: [`Outcome::Lost`].
    Recover,
    /// Nothing.
    Rest,
}

/// Whether a state is the end.
pub fn is_final(state: PacketState) -> bool {
    use PacketState::{Cancelled, Failed, Received, Refunded};
    matches!(state, Received | Refunded | Failed | Cancelled)
}

/// What to do now. A paused sender asks, but sends nothing.
pub fn plan(facts: &Facts, paused: bool) -> Act {
    use PacketState::{
        Blocked, Cancelled, Confirming, Failed, Held, NeedsHuman, Queued, Received, Refunded, Refused,
        Reserved, Sending, Sent, Unknown,
    };
    let send_or = |wanted: bool, otherwise: Act| if wanted && !paused { Act::Send } else { otherwise };
    match facts.state {
        Queued | Held | Reserved => send_or(true, Act::Rest),
        Sending => Act::Recover,
        // The payer has just said that it is not there: asking again and again would use up the tries that a resumed
        // sender has left.
        Unknown if paused && facts.reason == "NOT_FOUND" && may_repeat(facts) => Act::Rest,
        Unknown => send_or(may_repeat(facts), Act::Query),
        // It is sent when the sender goes on; until then there is nothing new to hear.
        Blocked if paused && facts.reason == RESUME && age(facts) < RESUME_WITHIN => Act::Rest,
        Blocked => send_or(facts.reason == RESUME && age(facts) < RESUME_WITHIN, Act::Query),
        Confirming => send_or(facts.reason == NO_TICKET && age(facts) < RESUME_WITHIN, Act::Query),
        Sent | NeedsHuman => Act::Query,
        Refused | Received | Refunded | Failed | Cancelled => Act::Rest,
    }
}

/// Answers after which the same number is simply sent again; after all others the payer is asked first.
const REPEAT: [&str; 12] = [
    "timeout",
    "broken",
    "http_5xx",
    "unreadable",
    "bad_signature",
    "fail",
    "not_sent",
    "SYSTEMERROR",
    "SYSTEM_ERROR",
    "FREQ_LIMIT",
    "FREQUENCY_LIMITED",
    "SECOND_OVER_LIMITED",
];

fn may_repeat(facts: &Facts) -> bool {
    let early = facts.queries == 0 && facts.sends < FIRST_SENDS && REPEAT.contains(&facts.reason.as_str());
    let not_found = facts.reason == "NOT_FOUND" && facts.not_founds <= NOT_FOUND_SENDS;
    (early || not_found) && is_askable(facts)
}

/// Whether the payer still answers questions about its number: beyond that nothing is sent under it.
pub(super) fn is_askable(facts: &Facts) -> bool {
    age(facts) < ASK_UNTIL
}

/// It is older than [`HUMAN_BY`].
fn overdue(facts: &Facts) -> bool {
    facts.at - facts.born >= HUMAN_BY
}

fn age(facts: &Facts) -> Ms {
    facts.first_call_at.map_or(0, |first| facts.at - first)
}

/// What a packet becomes after an answer.
pub fn next(facts: &Facts, outcome: &Outcome) -> Next {
    if is_final(facts.state) {
        return late(facts, outcome);
    }
    match outcome {
        Outcome::Sent { .. } => paid(facts, PacketState::Sent, ""),
        Outcome::Accepted { ticket, .. } => confirm::accepted(facts, !ticket.is_empty()),
        Outcome::SendError { code } => send_error(facts, code),
        Outcome::Found { status, .. } => query::found(facts, *status),
        Outcome::QueryError { code } => query::error(facts, code),
        Outcome::Lost => lost(facts),
    }
}

fn stay(facts: &Facts) -> Next {
    Next {
        state: facts.state,
        reason: facts.reason.clone(),
        next_at: NEVER,
        undecided: facts.undecided,
        not_founds: facts.not_founds,
        failed_at: facts.failed_at,
        money: Money::Stay,
        sender: Effect::None,
    }
}

/// Something comes in after the end. Only one thing changes it: money went out on a number that we took for dead.
fn late(facts: &Facts, outcome: &Outcome) -> Next {
    let paid = match outcome {
        // What waits for its receiver may be paid at any moment.
        Outcome::Sent { .. } | Outcome::Accepted { .. } => true,
        Outcome::Found { status, .. } => {
            matches!(status, Status::Sent | Status::Received | Status::Refunding | Status::Confirming)
        }
        Outcome::SendError { .. } | Outcome::QueryError { .. } | Outcome::Lost => false,
    };
    let dead = matches!(facts.state, PacketState::Failed | PacketState::Cancelled);
    if paid && dead {
        return Next { state: PacketState::NeedsHuman, reason: "late_success".into(), ..stay(facts) };
    }
    stay(facts)
}

fn paid(facts: &Facts, state: PacketState, reason: &str) -> Next {
    let known = facts.sent_at.is_some();
    let money = match (state, known) {
        (PacketState::Refunded, true) if planted("return_not_booked") => Money::Stay,
        (PacketState::Refunded, true) => Money::Return,
        (PacketState::Refunded, false) => Money::PayAndReturn,
        (_, true) if planted("booked_at_every_look") => Money::Pay,
        (_, true) => Money::Stay,
        (_, false) => Money::Pay,
    };
    let next = Next { state, reason: reason.into(), failed_at: None, money, ..stay(facts) };
    if is_final(state) { next } else { follow(facts, next) }
}

fn send_error(facts: &Facts, code: &str) -> Next {
    let row = codes::of_send(code);
    if facts.sent_at.is_some() {
        // Known to be paid: what a repeat answers changes nothing.
        return follow(facts, Next { sender: row.sender, ..stay(facts) });
    }
    let base = Next { reason: code.into(), sender: row.sender, ..stay(facts) };
    match row.fate(facts.undecided) {
        // WeChat holds an order of this number since it refused it for now: a later clean refusal does not end that.
        Fate::Queue | Fate::Refused if facts.reason == RESUME => {
            let again = matches!(row.sender, Effect::None | Effect::Slow) && row.decided == Fate::Queue;
            let reason = if again { RESUME } else { code }.to_owned();
            let next = Next { state: PacketState::Blocked, reason, ..base };
            if again { Next { next_at: facts.at + pause(facts), ..next } } else { blocked(facts, next) }
        }
        Fate::Unknown => {
            let unknown = Next { state: PacketState::Unknown, undecided: true, ..base };
            if code == "PROCESSING" {
                return Next { next_at: facts.at + PROCESSING_PAUSE, ..unknown };
            }
            wait(facts, unknown)
        }
        Fate::Blocked => blocked(facts, Next { state: PacketState::Blocked, ..base }),
        // Nothing was paid, but after so long somebody should know why.
        Fate::Queue if age(facts) >= HUMAN_AFTER => {
            Next { state: PacketState::NeedsHuman, next_at: facts.at + DAY, ..base }
        }
        Fate::Queue => Next { state: PacketState::Queued, next_at: facts.at + pause(facts), ..base },
        Fate::Refused => Next { state: PacketState::Refused, ..base },
        Fate::Human => {
            Next { state: PacketState::NeedsHuman, undecided: true, next_at: facts.at + HOUR, ..base }
        }
    }
}

fn lost(facts: &Facts) -> Next {
    if facts.state == PacketState::Sending && planted("lost_was_not_sent") {
        return Next { state: PacketState::Queued, next_at: facts.at, ..stay(facts) };
    }
    if facts.state == PacketState::Sending {
        return Next {
            state: PacketState::Unknown,
            reason: "lost".into(),
            undecided: true,
            next_at: facts.at,
            ..stay(facts)
        };
    }
    // A query that nobody saw the answer of: ask again.
    Next { next_at: facts.at, ..stay(facts) }
}

#[cfg(test)]
mod tests;
