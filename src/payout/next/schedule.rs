//! When a packet is looked at again.

use super::{
    ASK_UNTIL, FIRST_PAUSES, Facts, HOUR, HUMAN_AFTER, HUMAN_BY, MINUTE, NO_END_AFTER, NOT_FOUND_SENDS, Next,
    SECOND, age, overdue,
};
use crate::{
    clock::{DAY, Ms, next_beijing_midnight},
    mutant::planted,
    payout::awards::NEVER,
    wire::PacketState,
};

/// A paid packet is followed until it was opened or came back.
pub(super) fn follow(facts: &Facts, next: Next) -> Next {
    look_after(facts, next, facts.sent_at.map_or(0, |sent| facts.at - sent))
}

/// The schedule of what waits for its receiver since some time: soon at first, after three days with a person, and at
/// once when it was sent only at the end of its week.
pub(super) fn look_after(facts: &Facts, next: Next, since: Ms) -> Next {
    let pause = match since {
        age if age < MINUTE => 10 * SECOND,
        age if age < HOUR => 2 * MINUTE,
        age if age < DAY + 2 * HOUR => HOUR,
        age if age < HUMAN_AFTER => 6 * HOUR,
        _ => DAY,
    };
    let next_at = if since >= ASK_UNTIL { NEVER } else { facts.at + pause };
    if since >= NO_END_AFTER || overdue(facts) {
        return Next { state: PacketState::NeedsHuman, reason: "no_end".into(), next_at, ..next };
    }
    Next { next_at, ..next }
}

pub(super) fn pause(facts: &Facts) -> Ms {
    let calls = usize::try_from(facts.sends + facts.queries).unwrap_or(usize::MAX).max(1);
    match FIRST_PAUSES.get(calls - 1) {
        Some(pause) => *pause,
        // Sent again after a NOT_FOUND: the person waits, so ask soon.
        None if (1..=NOT_FOUND_SENDS).contains(&facts.not_founds) => 5 * MINUTE,
        None => HOUR,
    }
}

/// The schedule of an undecided packet: seconds, minutes, hourly to a day, six-hourly to three, then with a person.
pub(super) fn wait(facts: &Facts, next: Next) -> Next {
    let pause = match age(facts) {
        age if age < DAY && !overdue(facts) => pause(facts),
        age if age < HUMAN_AFTER && !overdue(facts) || planted("nobody_is_told") => 6 * HOUR,
        age if age < ASK_UNTIL => {
            return Next { state: PacketState::NeedsHuman, next_at: facts.at + DAY, ..next };
        }
        _ => return Next { state: PacketState::NeedsHuman, next_at: NEVER, ..next },
    };
    Next { next_at: facts.at + pause, ..next }
}

pub(super) fn blocked(facts: &Facts, next: Next) -> Next {
    if is_user_limit(&next.reason) && age(facts) < HUMAN_AFTER && !overdue(facts) {
        // The person's day is full: asked for after the day has changed, but not later than somebody has to look.
        let tomorrow = next_beijing_midnight(facts.at) + 5 * MINUTE;
        return Next { next_at: tomorrow.min(facts.born + HUMAN_BY), ..next };
    }
    let next = wait(facts, next);
    // Nothing changes within seconds here.
    Next { next_at: next.next_at.max(facts.at + HOUR), ..next }
}

/// When a packet that has waited so long for the same thing is looked at again; `None`: it is with a person now. Somebody
/// may follow, bind or open a limit within minutes; whoever has not after six days will not by himself.
pub fn hold_pause(waited: Ms) -> Option<Ms> {
    Some(match waited {
        waited if waited < 10 * MINUTE => MINUTE,
        waited if waited < 2 * HOUR => 10 * MINUTE,
        waited if waited < DAY => HOUR,
        waited if waited < 6 * DAY => 6 * HOUR,
        _ => return None,
    })
}

pub(super) fn is_user_limit(code: &str) -> bool {
    matches!(code, "SENDNUM_LIMIT" | "RCVDAMOUNT_LIMIT")
}
