//! Answers to queries: the only ones that can end what is undecided.

use super::{
    FAILED_APART, Facts, HOUR, Money, NO_TICKET, NOT_FOUND_PAUSE, NOT_FOUND_SENDS, Next, RESUME, Status,
    confirm, is_askable, paid,
    schedule::{blocked, follow, is_user_limit, wait},
    stay,
};
use crate::{
    clock::DAY,
    mutant::planted,
    payout::{
        awards::NEVER,
        codes::{self, Effect, OTHER_ORDER},
    },
    wire::PacketState,
};

/// The payer's books have spoken.
pub(super) fn found(facts: &Facts, status: Status) -> Next {
    match status {
        Status::Sent => paid(facts, PacketState::Sent, ""),
        Status::Refunding => paid(facts, PacketState::Sent, "refunding"),
        Status::Received => paid(facts, PacketState::Received, ""),
        Status::Refunded => paid(facts, PacketState::Refunded, ""),
        Status::Failed => failed(facts),
        Status::Confirming => confirm::found(facts),
        Status::Sending | Status::Stuck | Status::Other if facts.sent_at.is_some() => {
            follow(facts, stay(facts))
        }
        Status::Sending | Status::Stuck | Status::Other if facts.state == PacketState::Confirming => {
            confirm::no_news(facts, None, Effect::None)
        }
        Status::Stuck if facts.state != PacketState::NeedsHuman => {
            let code = if waits_for_resume(facts) { &facts.reason } else { "stuck" };
            let next =
                Next { state: PacketState::Blocked, reason: code.into(), failed_at: None, ..stay(facts) };
            blocked(facts, next)
        }
        Status::Sending if waits_for_resume(facts) => blocked(facts, Next { failed_at: None, ..stay(facts) }),
        Status::Sending | Status::Stuck => {
            wait(facts, Next { state: open(facts), reason: "sending".into(), failed_at: None, ..stay(facts) })
        }
        Status::Other => {
            wait(facts, Next { state: open(facts), reason: "status".into(), failed_at: None, ..stay(facts) })
        }
    }
}

/// That the payer keeps the order changes nothing of what it waits for: the person's next day, or somebody who puts right
/// what was wrong and resumes the sender. It goes out again then, with the same number.
fn waits_for_resume(facts: &Facts) -> bool {
    is_user_limit(&facts.reason)
        || (facts.state == PacketState::Blocked
            && (facts.reason == RESUME || !codes::cause(&facts.reason).is_empty()))
}

/// A packet that was asked for stays what it is; one that was not even sent, as far as we knew, is unknown.
fn open(facts: &Facts) -> PacketState {
    match facts.state {
        PacketState::Blocked | PacketState::Confirming | PacketState::NeedsHuman => facts.state,
        _ => PacketState::Unknown,
    }
}

fn failed(facts: &Facts) -> Next {
    if facts.sent_at.is_some() {
        // Booked as paid, and now denied: no machine should decide that.
        let next = Next { reason: "failed_after_sent".into(), next_at: facts.at + DAY, ..stay(facts) };
        return Next { state: PacketState::NeedsHuman, ..next };
    }
    // The payer gave it up since its receiver did not confirm, or because somebody took it back.
    let reason = if facts.state == PacketState::Confirming { "lapsed" } else { "failed" };
    let dead =
        || Next { state: PacketState::Failed, reason: reason.into(), money: Money::Release, ..stay(facts) };
    let apart = if planted("failed_twice_in_a_breath") { 0 } else { FAILED_APART };
    match facts.failed_at {
        Some(first) if facts.at - first >= apart => dead(),
        None if planted("failed_once_is_dead") => dead(),
        seen => {
            let first = seen.unwrap_or(facts.at);
            // Without its ticket it must not look as if it had one.
            let state = if facts.reason == NO_TICKET { PacketState::Unknown } else { open(facts) };
            Next {
                state,
                reason: "failed_once".into(),
                failed_at: Some(first),
                next_at: first + apart,
                ..stay(facts)
            }
        }
    }
}

/// A query without an answer says nothing of the packet; `NOT_FOUND` lets the same number be sent again later.
pub(super) fn error(facts: &Facts, code: &str) -> Next {
    let base = Next { sender: codes::of_query(code), ..stay(facts) };
    if code == OTHER_ORDER {
        // The number is taken by another order: whatever becomes of that one, it says nothing of ours, and no repeat will.
        let next_at = if is_askable(facts) { facts.at + HOUR } else { NEVER };
        let (state, reason) = (PacketState::NeedsHuman, code.into());
        return Next { state, reason, undecided: true, failed_at: None, next_at, ..base };
    }
    if facts.sent_at.is_some() {
        return follow(facts, base);
    }
    if facts.state == PacketState::Confirming {
        // The payer has said that it holds the order: that it does not find it now proves nothing.
        let failed_at = if code == "NOT_FOUND" { None } else { facts.failed_at };
        return confirm::no_news(facts, failed_at, base.sender);
    }
    if code != "NOT_FOUND" {
        return wait(facts, Next { state: open(facts), ..base });
    }
    if planted("not_found_is_failed") {
        return Next { state: PacketState::Failed, reason: "failed".into(), money: Money::Release, ..base };
    }
    let not_founds = facts.not_founds + 1;
    let base = Next { not_founds, failed_at: None, ..base };
    match facts.state {
        PacketState::Blocked if is_user_limit(&facts.reason) => {
            // A new day, and the order was not kept: the same number once more.
            Next { reason: RESUME.into(), next_at: facts.at + NOT_FOUND_PAUSE, ..base }
        }
        PacketState::Blocked | PacketState::NeedsHuman => wait(facts, base),
        _ if not_founds <= NOT_FOUND_SENDS => {
            let next = Next { state: PacketState::Unknown, reason: "NOT_FOUND".into(), ..base };
            let waited = wait(facts, next);
            if waited.state == PacketState::Unknown {
                return Next { next_at: facts.at + NOT_FOUND_PAUSE, ..waited };
            }
            waited
        }
        _ => wait(facts, Next { state: PacketState::Unknown, reason: "NOT_FOUND".into(), ..base }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payout::next::{Act, Outcome, next, plan};

    #[test]
    fn another_order_under_our_number_is_never_booked_and_needs_a_person() {
        for state in [PacketState::Unknown, PacketState::Blocked, PacketState::Confirming, PacketState::Sent]
        {
            let sent_at = (state == PacketState::Sent).then_some(1);
            let facts = Facts {
                state,
                reason: "timeout".into(),
                undecided: false,
                sends: 1,
                queries: 1,
                not_founds: 0,
                born: 0,
                first_call_at: Some(0),
                failed_at: Some(1),
                sent_at,
                at: DAY,
            };
            let after = next(&facts, &Outcome::QueryError { code: OTHER_ORDER.into() });
            assert_eq!((after.state, after.reason.as_str()), (PacketState::NeedsHuman, "other_order"));
            assert_eq!((after.money, after.undecided, after.failed_at), (Money::Stay, true, None));
            assert_eq!(after.next_at, DAY + HOUR);
        }
    }

    #[test]
    fn what_waits_for_a_resume_is_sent_again_however_often_it_was_asked_for() {
        let waits = |reason: &str| Facts {
            state: PacketState::Blocked,
            reason: reason.into(),
            undecided: false,
            sends: 1,
            queries: 3,
            not_founds: 0,
            born: 0,
            first_call_at: Some(0),
            failed_at: None,
            sent_at: None,
            at: DAY / 2,
        };
        for reason in ["NOTENOUGH", "SENDAMOUNT_LIMIT", "NO_AUTH", RESUME] {
            for status in [Status::Stuck, Status::Sending] {
                let after = next(&waits(reason), &Outcome::Found { status, list_id: String::new() });
                assert_eq!((after.state, after.reason.as_str()), (PacketState::Blocked, reason));
            }
        }
        assert_eq!([true, false].map(|paused| plan(&waits(RESUME), paused)), [Act::Rest, Act::Send]);
    }
}
