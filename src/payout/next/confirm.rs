//! Packets that the payer pays only when their receiver confirms. Until the payer's books say so they are not paid, and
//! until these say FAILED they are not dead: our clock decides neither.

use super::{
    Facts, Money, NO_TICKET, Next, RESUME_WITHIN, SECOND, TICKET_SENDS, age, paid,
    schedule::{follow, look_after, pause},
    stay,
};
use crate::{clock::Ms, mutant::planted, payout::codes::Effect, wire::PacketState};

/// The payer took the order. From here on no error of a call proves that nothing was or will be paid.
pub(super) fn accepted(facts: &Facts, ticket: bool) -> Next {
    if facts.sent_at.is_some() {
        return follow(facts, stay(facts));
    }
    if planted("confirming_is_paid") {
        return paid(facts, PacketState::Sent, "");
    }
    let reason = if ticket { "" } else { NO_TICKET };
    waits(facts, Next { reason: reason.into(), undecided: true, failed_at: None, ..stay(facts) })
}

/// The payer's books say that it waits.
pub(super) fn found(facts: &Facts) -> Next {
    if facts.sent_at.is_some() {
        return follow(facts, stay(facts));
    }
    // Its ticket was seen only if it waited before.
    let seen = facts.state == PacketState::Confirming && facts.reason != NO_TICKET;
    let reason = if seen { "" } else { NO_TICKET };
    waits(facts, Next { reason: reason.into(), undecided: true, failed_at: None, ..stay(facts) })
}

/// No news of a packet that waits: it goes on waiting, as it is.
pub(super) fn no_news(facts: &Facts, failed_at: Option<Ms>, sender: Effect) -> Next {
    waits(facts, Next { failed_at, sender, ..stay(facts) })
}

fn waits(facts: &Facts, next: Next) -> Next {
    let waited = age(facts);
    if planted("lapsed_by_our_clock") && waited >= RESUME_WITHIN {
        return Next { state: PacketState::Failed, reason: "lapsed".into(), money: Money::Release, ..next };
    }
    let state = match facts.state {
        PacketState::NeedsHuman => PacketState::NeedsHuman,
        _ => PacketState::Confirming,
    };
    let next = look_after(facts, Next { state, ..next }, waited);
    if next.state == PacketState::Confirming && next.reason == NO_TICKET && waited < RESUME_WITHIN {
        // Somebody stands there and cannot confirm.
        let soon = if facts.sends <= TICKET_SENDS { 2 * SECOND } else { pause(facts) };
        return Next { next_at: facts.at + soon, ..next };
    }
    next
}
