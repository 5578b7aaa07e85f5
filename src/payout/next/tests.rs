use proptest::prelude::*;

use super::*;
use crate::clock::next_beijing_midnight;
use PacketState::{
    Blocked, Cancelled, Confirming, Failed, Held, NeedsHuman, Queued, Received, Refunded, Refused, Reserved,
    Sending, Sent, Unknown,
};

const NOW: Ms = 1_795_420_800_000;
const STATES: [PacketState; 14] = [
    Queued, Reserved, Sending, Confirming, Sent, Received, Held, Unknown, Blocked, Refused, Refunded, Failed,
    Cancelled, NeedsHuman,
];
const STATUSES: [Status; 9] = [
    Status::Sending,
    Status::Stuck,
    Status::Confirming,
    Status::Sent,
    Status::Received,
    Status::Failed,
    Status::Refunding,
    Status::Refunded,
    Status::Other,
];

fn facts(state: PacketState) -> Facts {
    Facts {
        state,
        reason: String::new(),
        undecided: false,
        sends: 1,
        queries: 0,
        not_founds: 0,
        born: NOW,
        first_call_at: Some(NOW),
        failed_at: None,
        sent_at: None,
        at: NOW,
    }
}

fn code(code: &str) -> Outcome {
    Outcome::SendError { code: code.into() }
}

fn accepted(ticket: &str) -> Outcome {
    Outcome::Accepted { list_id: "1".into(), ticket: ticket.into(), until: 0 }
}

fn says(status: Status) -> Outcome {
    Outcome::Found { status, list_id: String::new() }
}

/// The table of the plan, written out once more by hand: code, state on a first and only attempt, sender.
const TABLE: &[(&str, PacketState, Effect)] = &[
    ("not_sent", Queued, Effect::None),
    ("timeout", Unknown, Effect::None),
    ("broken", Unknown, Effect::None),
    ("http_5xx", Unknown, Effect::None),
    ("http_4xx", Queued, Effect::Pause),
    ("unreadable", Unknown, Effect::None),
    ("mismatch", Unknown, Effect::None),
    ("bad_signature", Unknown, Effect::None),
    ("accepted", Unknown, Effect::None),
    ("fail", Unknown, Effect::None),
    ("SYSTEMERROR", Unknown, Effect::None),
    ("SYSTEM_ERROR", Unknown, Effect::None),
    ("INVALID_REQUEST", Unknown, Effect::None),
    ("PROCESSING", Unknown, Effect::None),
    ("268458547", Unknown, Effect::None),
    ("BRAND_NEW", Unknown, Effect::None),
    ("FREQ_LIMIT", Queued, Effect::Slow),
    ("SECOND_OVER_LIMITED", Queued, Effect::Slow),
    ("FREQUENCY_LIMITED", Queued, Effect::Slow),
    ("NOTENOUGH", Blocked, Effect::Pause),
    ("NOT_ENOUGH", Blocked, Effect::Pause),
    ("SENDAMOUNT_LIMIT", Blocked, Effect::Pause),
    ("DAY_OVER_LIMITED", Blocked, Effect::Pause),
    ("DAY_ OVER_LIMITED", Blocked, Effect::Pause),
    ("SENDNUM_LIMIT", Blocked, Effect::None),
    ("RCVDAMOUNT_LIMIT", Blocked, Effect::None),
    ("NO_AUTH", Blocked, Effect::PauseAtThree),
    ("V2_ACCOUNT_SIMPLE_BAN", Blocked, Effect::None),
    ("OPENID_ERROR", Refused, Effect::PauseAtThree),
    ("PARAM_ERROR", Refused, Effect::PauseAtThree),
    ("MONEY_LIMIT", Refused, Effect::None),
    ("SEND_FAILED", Unknown, Effect::None),
    ("FATAL_ERROR", NeedsHuman, Effect::None),
    ("ILLEGAL_APPID", Queued, Effect::Pause),
    ("MSGAPPID_ERROR", Queued, Effect::Pause),
    ("ACCEPTMODE_ERROR", Queued, Effect::Pause),
    ("NO_COMPETENCE", Queued, Effect::Pause),
    ("SIGN_ERROR", Queued, Effect::Pause),
    ("XML_ERROR", Queued, Effect::Pause),
    ("CA_ERROR", Queued, Effect::Pause),
    ("API_METHOD_CLOSED", Queued, Effect::Pause),
    ("PAYER_ACCOUNT_ABNORMAL", Queued, Effect::Pause),
];

#[test]
fn each_answer_has_its_state_in_both_columns() {
    for row in codes::SEND {
        assert!(TABLE.iter().any(|(name, ..)| *name == row.code), "{} is not in the test's table", row.code);
    }
    for (name, state, effect) in TABLE {
        let first = next(&facts(Sending), &code(name));
        assert_eq!((first.state, first.sender, first.money), (*state, *effect, Money::Stay), "{name}");
        assert_eq!(first.reason, *name);
        let later = next(&Facts { undecided: true, ..facts(Sending) }, &code(name));
        assert_eq!((later.state, later.sender, later.money), (Unknown, *effect, Money::Stay), "{name}");
        assert!(later.undecided);
    }
}

#[test]
fn queries_decide() {
    for state in [Unknown, Blocked, NeedsHuman, Sending] {
        let from = Facts { undecided: true, queries: 1, ..facts(state) };
        let to = |status| next(&from, &says(status));
        assert_eq!((to(Status::Sent).state, to(Status::Sent).money), (Sent, Money::Pay));
        assert_eq!((to(Status::Received).state, to(Status::Received).money), (Received, Money::Pay));
        assert_eq!((to(Status::Refunding).state, to(Status::Refunding).money), (Sent, Money::Pay));
        assert_eq!((to(Status::Refunded).state, to(Status::Refunded).money), (Refunded, Money::PayAndReturn));
    }
    for status in STATUSES {
        // What every word means while the receiver has to confirm.
        let after = next(&Facts { undecided: true, ..facts(Confirming) }, &says(status));
        let expected = match status {
            Status::Sent | Status::Refunding => (Sent, Money::Pay),
            Status::Received => (Received, Money::Pay),
            Status::Refunded => (Refunded, Money::PayAndReturn),
            Status::Sending | Status::Stuck | Status::Confirming | Status::Failed | Status::Other => {
                (Confirming, Money::Stay)
            }
        };
        assert_eq!((after.state, after.money), expected, "{status:?}");
    }
    assert_eq!(next(&facts(Unknown), &says(Status::Stuck)).state, Blocked);
    assert_eq!(next(&facts(Unknown), &says(Status::Sending)).state, Unknown);
    let known = Facts { sent_at: Some(NOW), ..facts(Sent) };
    assert_eq!(next(&known, &says(Status::Sending)).state, Sent);
    assert_eq!(next(&known, &says(Status::Refunded)).money, Money::Return);
    assert_eq!(next(&known, &says(Status::Failed)).state, NeedsHuman);
}

#[test]
fn failed_needs_two_queries_ten_minutes_apart() {
    let first = next(&facts(Unknown), &says(Status::Failed));
    assert_eq!((first.state, first.money, first.next_at), (Unknown, Money::Stay, NOW + FAILED_APART));
    let again = Facts { failed_at: first.failed_at, at: NOW + FAILED_APART - 1, ..facts(Unknown) };
    assert_eq!(next(&again, &says(Status::Failed)).state, Unknown);
    let later = Facts { at: NOW + FAILED_APART, ..again };
    let dead = next(&later, &says(Status::Failed));
    assert_eq!((dead.state, dead.money), (Failed, Money::Release));
    // Another word in between starts the count anew.
    assert_eq!(next(&later, &says(Status::Sending)).failed_at, None);
}

#[test]
fn not_found_repeats_the_number_at_most_five_times() {
    let mut now = Facts { queries: 1, ..facts(Unknown) };
    for _ in 0..NOT_FOUND_SENDS {
        let after = next(&now, &Outcome::QueryError { code: "NOT_FOUND".into() });
        assert_eq!(
            (after.state, after.money, after.next_at),
            (Unknown, Money::Stay, now.at + NOT_FOUND_PAUSE)
        );
        now = Facts { reason: after.reason, not_founds: after.not_founds, at: after.next_at, ..now };
        assert_eq!((plan(&now, false), plan(&now, true)), (Act::Send, Act::Rest));
        now.sends += 1;
    }
    let after = next(&now, &Outcome::QueryError { code: "NOT_FOUND".into() });
    now = Facts { reason: after.reason, not_founds: after.not_founds, ..now };
    assert_eq!((after.state, plan(&now, false)), (Unknown, Act::Query));
}

#[test]
fn the_schedule_of_an_undecided_packet() {
    let mut now = facts(Sending);
    let mut seen = Vec::new();
    for calls in 1..=6 {
        now.sends = calls.min(FIRST_SENDS);
        now.queries = calls - now.sends;
        let after = next(&now, &code("timeout"));
        seen.push((after.next_at - now.at) / SECOND);
        let waiting = Facts { state: after.state, reason: after.reason, ..now.clone() };
        let wanted = if calls < FIRST_SENDS { Act::Send } else { Act::Query };
        assert_eq!(plan(&waiting, false), wanted, "after {calls} calls");
    }
    assert_eq!(seen, [2, 10, 60, 300, 1200, 3600]);
    let at = |age: Ms| {
        let old = Facts { at: NOW + age, queries: 9, ..facts(Unknown) };
        let after = next(&old, &Outcome::QueryError { code: "SYSTEMERROR".into() });
        (after.state, if after.next_at == NEVER { NEVER } else { after.next_at - old.at })
    };
    assert_eq!(at(23 * HOUR), (Unknown, HOUR));
    assert_eq!(at(25 * HOUR), (Unknown, 6 * HOUR));
    assert_eq!(at(73 * HOUR), (NeedsHuman, DAY));
    assert_eq!(at(28 * DAY), (NeedsHuman, NEVER));
    assert_eq!(next(&facts(Sending), &code("PROCESSING")).next_at, NOW + PROCESSING_PAUSE);
}

#[test]
fn a_lost_call_is_asked_for_at_once() {
    let after = next(&facts(Sending), &Outcome::Lost);
    assert_eq!((after.state, after.undecided, after.next_at), (Unknown, true, NOW));
    let waiting = Facts { state: after.state, reason: after.reason, undecided: true, ..facts(Unknown) };
    assert_eq!(plan(&waiting, false), Act::Query);
    assert_eq!(plan(&facts(Sending), false), Act::Recover);
}

#[test]
fn what_its_receiver_confirms_is_not_paid_before_the_payer_says_so() {
    let waits = next(&facts(Sending), &accepted("ticket"));
    assert_eq!((waits.state, waits.reason.as_str(), waits.money), (Confirming, "", Money::Stay));
    assert!(waits.undecided, "from here on a refusal proves nothing");
    let later = |hours| Facts { undecided: true, at: NOW + hours * HOUR, ..facts(Confirming) };
    assert_eq!(plan(&later(0), false), Act::Query);
    // A day and a half later it still waits, whatever our clock says.
    let after = next(&later(36), &says(Status::Confirming));
    assert_eq!((after.state, after.money), (Confirming, Money::Stay));
    assert_eq!(next(&later(36), &Outcome::QueryError { code: "NOT_FOUND".into() }).state, Confirming);
    let after = next(&later(73), &says(Status::Confirming));
    assert_eq!((after.state, after.reason.as_str(), after.money), (NeedsHuman, "no_end", Money::Stay));
    let paid = next(&later(1), &says(Status::Received));
    assert_eq!((paid.state, paid.money), (Received, Money::Pay));
}

#[test]
fn a_packet_lapses_when_the_payer_says_so_twice() {
    let waits = Facts { undecided: true, ..facts(Confirming) };
    let once = next(&waits, &says(Status::Failed));
    assert_eq!((once.state, once.next_at, once.money), (Confirming, NOW + FAILED_APART, Money::Stay));
    let again = Facts { failed_at: once.failed_at, reason: once.reason, at: once.next_at, ..waits.clone() };
    let dead = next(&again, &says(Status::Failed));
    assert_eq!((dead.state, dead.reason.as_str(), dead.money), (Failed, "lapsed", Money::Release));
    let back = next(&again, &says(Status::Confirming));
    assert_eq!((back.state, back.failed_at, back.reason.as_str()), (Confirming, None, ""));
    assert_eq!(next(&again, &says(Status::Received)).money, Money::Pay);
}

#[test]
fn a_lost_ticket_is_fetched_with_the_same_number() {
    let lost =
        next(&Facts { undecided: true, sends: 4, queries: 1, ..facts(Unknown) }, &says(Status::Confirming));
    assert_eq!((lost.state, lost.reason.as_str(), lost.next_at), (Confirming, NO_TICKET, NOW + 2 * SECOND));
    let now = Facts { reason: lost.reason, undecided: true, sends: 4, queries: 1, ..facts(Confirming) };
    assert_eq!((plan(&now, false), plan(&now, true)), (Act::Send, Act::Query));
    assert_eq!(plan(&Facts { at: NOW + DAY, ..now.clone() }, false), Act::Query);
    let calling = Facts { state: Sending, ..now.clone() };
    assert_eq!(next(&calling, &accepted("ticket")).reason, "");
    for name in ["PARAM_ERROR", "FREQUENCY_LIMITED", "SYSTEM_ERROR"] {
        assert_eq!(next(&calling, &code(name)).state, Unknown, "{name}");
    }
    // A dead number that turns out to wait for its receiver is for a person.
    assert_eq!(next(&facts(Failed), &says(Status::Confirming)).state, NeedsHuman);
}

#[test]
fn a_full_day_is_tried_again_on_the_next_one() {
    let after = next(&facts(Sending), &code("SENDNUM_LIMIT"));
    assert_eq!((after.state, after.next_at), (Blocked, next_beijing_midnight(NOW) + 5 * MINUTE));
    let waiting = Facts { reason: after.reason, at: after.next_at, ..facts(Blocked) };
    assert_eq!(plan(&waiting, false), Act::Query);
    let after = next(&waiting, &Outcome::QueryError { code: "NOT_FOUND".into() });
    let waiting = Facts { reason: after.reason, at: after.next_at, ..waiting };
    assert_eq!((after.state, plan(&waiting, false)), (Blocked, Act::Send));
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let codes = prop::sample::select(TABLE.iter().map(|row| row.0).collect::<Vec<_>>());
    prop_oneof![
        Just(Outcome::Sent { list_id: "1".into() }),
        Just(accepted("t")),
        Just(accepted("")),
        codes.clone().prop_map(code),
        prop::sample::select(STATUSES.to_vec()).prop_map(says),
        codes.prop_map(|name| Outcome::QueryError { code: name.into() }),
        Just(Outcome::QueryError { code: "NOT_FOUND".into() }),
        Just(Outcome::Lost),
    ]
}

prop_compose! {
    fn any_facts()(
        state in prop::sample::select(STATES.to_vec()),
        reason in prop::sample::select(vec!["", "timeout", "NOT_FOUND", "SENDNUM_LIMIT", "resume", "lost", NO_TICKET]),
        undecided: bool,
        (sends, queries, not_founds) in (0_i64..9, 0_i64..90, 0_i64..9),
        age in 0..40 * DAY,
        waited in 0..8 * DAY,
        failed in prop::option::of(0..HOUR),
        sent in prop::option::of(0..10 * DAY),
    ) -> Facts {
        let pays = matches!(state, Sent | Received | Refunded);
        let maybe = state == NeedsHuman;
        Facts {
            state, reason: reason.into(), undecided, sends, queries, not_founds,
            born: NOW - age - waited,
            first_call_at: (sends + queries > 0).then_some(NOW - age),
            failed_at: failed.map(|ago| NOW - ago),
            sent_at: if pays { Some(NOW - sent.unwrap_or(0)) } else { sent.filter(|_| maybe).map(|ago| NOW - ago) },
            at: NOW,
        }
    }
}

#[test]
fn what_waited_long_before_it_was_sent_is_with_a_person_within_a_week() {
    let young = Facts { queries: 1, ..facts(Unknown) };
    let old = Facts { born: NOW - HUMAN_BY, ..young.clone() };
    let said = Outcome::Found { status: Status::Sending, list_id: String::new() };
    assert_eq!((next(&young, &said).state, next(&old, &said).state), (Unknown, NeedsHuman));
    let limit = Outcome::SendError { code: "SENDNUM_LIMIT".into() };
    let calling = Facts { state: Sending, ..old };
    assert_eq!(next(&calling, &limit).state, NeedsHuman);
}

proptest! {
    #[test]
    fn whatever_is_not_at_its_end_is_looked_at_again_within_its_week(facts in any_facts(), outcome in any_outcome()) {
        let after = next(&facts, &outcome);
        if NOW - facts.born < HUMAN_BY && matches!(after.state, Unknown | Blocked | Sent | Queued | Reserved) {
            prop_assert!(after.next_at < facts.born + 7 * DAY, "{:?}", after);
        }
    }

    #[test]
    fn undecided_is_sticky(facts in any_facts(), outcome in any_outcome()) {
        let after = next(&facts, &outcome);
        prop_assert!(after.undecided || !facts.undecided);
        if let (true, Outcome::SendError { .. }, None, false) =
            (facts.undecided, &outcome, facts.sent_at, is_final(facts.state))
        {
            prop_assert!(matches!(after.state, Unknown | NeedsHuman), "{:?}", after);
        }
    }

    #[test]
    fn money_moves_once(facts in any_facts(), outcome in any_outcome()) {
        let after = next(&facts, &outcome);
        let paid = facts.sent_at.is_some();
        match after.money {
            Money::Pay | Money::PayAndReturn | Money::Release => prop_assert!(!paid),
            Money::Return => prop_assert!(paid),
            Money::Stay => {}
        }
        if is_final(facts.state) {
            prop_assert_eq!(after.money, Money::Stay);
        }
        // A state that says "nothing was paid" never follows from a packet that is booked as paid, nor without proof.
        if after.state == Failed && facts.state != Failed {
            prop_assert!(!paid && facts.failed_at.is_some_and(|first| NOW - first >= FAILED_APART));
            prop_assert_eq!(&outcome, &says(Status::Failed));
        }
        if matches!(after.state, Sent | Received) && facts.state != after.state {
            prop_assert!(after.money == Money::Pay || paid);
        }
    }

    #[test]
    fn what_waits_for_its_receiver_is_neither_paid_nor_dead(facts in any_facts(), outcome in any_outcome()) {
        let after = next(&facts, &outcome);
        if after.state == Confirming && facts.state != Confirming {
            prop_assert!(after.undecided && after.money == Money::Stay && facts.sent_at.is_none());
        }
        if facts.state == Confirming && facts.sent_at.is_none() {
            let decided = matches!(
                &outcome,
                Outcome::Sent { .. }
                    | Outcome::Found { status: Status::Sent | Status::Received | Status::Refunding
                        | Status::Refunded | Status::Failed, .. }
            );
            prop_assert!(decided || after.money == Money::Stay);
        }
    }

    #[test]
    fn only_clean_answers_make_a_packet_cancellable_again(facts in any_facts(), outcome in any_outcome()) {
        let cancellable = |state| matches!(state, Queued | Held | Reserved | Refused);
        let after = next(&facts, &outcome);
        if cancellable(after.state) && !cancellable(facts.state) {
            prop_assert!(!facts.undecided && facts.sent_at.is_none() && facts.reason != RESUME);
        }
    }

    #[test]
    fn every_open_packet_has_a_next_moment(facts in any_facts(), outcome in any_outcome()) {
        let after = next(&facts, &outcome);
        let rests = is_final(after.state) || matches!(after.state, Refused | NeedsHuman);
        prop_assert!(rests || (NOW..=NOW + 2 * DAY).contains(&after.next_at), "{:?}", after);
    }
}
