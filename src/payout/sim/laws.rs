//! The laws that both simulations check (`P1`–`P12` of the plan), where they need no table.

use super::payer::Payer;
use crate::{
    clock::{DAY, Ms},
    payout::{
        codes,
        next::{Facts, Money, Outcome, Status, is_final},
    },
    wire::PacketState,
};

/// Two looks at a number that the payer does not know lie at least so far apart.
const APART: Ms = 10 * 60_000;

/// Before anything left.
pub(super) fn is_first(state: PacketState) -> bool {
    matches!(state, PacketState::Queued | PacketState::Held | PacketState::Reserved)
}

/// May be paid at any moment.
pub(super) fn is_open(state: PacketState) -> bool {
    use PacketState::{Blocked, Confirming, NeedsHuman, Sending, Unknown};
    matches!(state, Sending | Confirming | Unknown | Blocked | NeedsHuman)
}

/// Whether this answer stops the whole sender, so that "resume" sends such packets again.
pub(super) fn pauses(code: &str) -> bool {
    codes::SEND.iter().any(|row| row.code == code && !row.cause.is_empty())
}

/// Money is booked as the payer's books have it.
pub(super) fn booked(payer: &Payer, bill: &str, money: Money) -> Result<(), String> {
    match money {
        Money::Pay | Money::PayAndReturn | Money::Return if !payer.was_paid(bill) => {
            Err(format!("P12: {bill} is booked as paid and was not"))
        }
        Money::Release => ended(payer, bill),
        _ => Ok(()),
    }
}

/// Nothing was or will be paid on a number that is given up (P8).
pub(super) fn ended(payer: &Payer, bill: &str) -> Result<(), String> {
    if payer.may_cost(bill) { Err(format!("P8: {bill} was given up and is or may be paid")) } else { Ok(()) }
}

/// Whether an answer at this moment proves an old number dead. `since` remembers the first look.
pub(super) fn proves_dead(state: PacketState, told: &Outcome, (since, now): (&mut Option<Ms>, Ms)) -> bool {
    match (state, told) {
        (PacketState::Failed, Outcome::Found { status: Status::Failed, .. })
        | (PacketState::Refunded, Outcome::Found { status: Status::Refunded, .. }) => true,
        (PacketState::Refused, Outcome::QueryError { code }) if code == "NOT_FOUND" => {
            now - *since.get_or_insert(now) >= APART
        }
        _ => false,
    }
}

/// Seven days after its birth every packet is final or with a person (P9): the sender is `paused`, or one of this
/// receiver's needs a `human`. A final one is what the payer's books say.
pub(super) fn at_the_end(
    payer: &Payer,
    bill: &str,
    facts: &Facts,
    (age, paused, human): (Ms, bool, bool),
) -> Result<(), String> {
    let with_a_person = match facts.state {
        PacketState::NeedsHuman | PacketState::Refused => true,
        // The person's day is, or was for days, full of packets that somebody has to decide.
        PacketState::Held | PacketState::Confirming => human || paused,
        _ => paused,
    };
    if !is_final(facts.state) && !with_a_person && age >= 7 * DAY {
        return Err(format!("P9: {bill} is {:?} ({}) after seven days", facts.state, facts.reason));
    }
    match facts.state {
        PacketState::Received if !payer.received(bill) => {
            Err(format!("{bill} is received here and not there"))
        }
        PacketState::Failed | PacketState::Cancelled | PacketState::Refunded => ended(payer, bill),
        _ => Ok(()),
    }
}
