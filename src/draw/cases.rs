//! Single cases: what a log, a bundle or a pool file must not get past the checks.

use super::entropy::{Source, Value};
use super::evening::{Evening, check, proved};
use super::hash::{Hex, sha256};
use super::line::{Entropy, Payout, Status, Void};
use super::verify::{Report, verify};
use super::{Award, Body, Code, DrawKind, Exclude, PayoutStatus, SeatStatus};
use std::collections::BTreeMap;

/// A first draw with a result, three winners at most, none of whom was marked.
fn one_draw(award: Award, taps: bool) -> Evening {
    let mut evening = Evening::open(if taps { 5 } else { 4 });
    let mut rule = evening.rule();
    (rule.kind, rule.k, rule.award) = (DrawKind::Main, 3, award);
    (rule.exclude, rule.group) = (Exclude::Event, String::new());
    rule.entropy = if taps { vec![Source::Audience] } else { vec![] };
    while evening.draw(rule.clone()).is_none() {}
    evening
}

fn refused(evening: &Evening, body: Body) -> Code {
    let line = evening.state.next_line(0, None, body);
    evening.state.check(&line).unwrap_err()
}

#[test]
fn pool_files_stand_in_for_the_pool() {
    let mut evening = one_draw(Award::None, true);
    evening.proofs[0].pool = None;
    let (bundle, draw) = (evening.bundle(), evening.proofs[0].draw);
    let checked = |pools: &BTreeMap<u64, Vec<u8>>| verify(bundle.as_bytes(), None, pools);
    let mut bytes = evening.pool.to_bytes();
    assert!(proved(checked(&BTreeMap::from([(draw, bytes.clone())]))).checked[&draw].starts_with("full"));
    assert!(proved(checked(&BTreeMap::new())).checked[&draw].starts_with("light"));
    let code = |report: Report| report.fault().unwrap().code;
    assert_eq!(code(checked(&BTreeMap::from([(draw + 1, bytes.clone())]))), Code::Schema);
    bytes[0] ^= 1;
    assert_eq!(code(checked(&BTreeMap::from([(draw, bytes.clone())]))), Code::PoolRoot);
    bytes.extend([0; 40]);
    assert_eq!(code(checked(&BTreeMap::from([(draw, bytes.clone())]))), Code::PoolSum);
    bytes.pop();
    assert_eq!(code(checked(&BTreeMap::from([(draw, bytes)]))), Code::Schema);
}

#[test]
fn a_seat_is_paid_once_and_not_after_it_was_set_aside() {
    let mut evening = one_draw(Award::Fixed { cents: 100 }, false);
    let draw = evening.proofs[0].draw;
    evening.pay(draw, 1, PayoutStatus::Sent);
    let sent = evening.state.seat(draw, 1).unwrap().last_payout.clone().unwrap();
    let pay = |payout: &Payout| Body::Payout(payout.clone());
    assert_eq!(refused(&evening, pay(&sent)), Code::PayDup);
    let next = Payout { attempt: 2, reference: sha256(b"new"), ..sent.clone() };
    assert_eq!(refused(&evening, pay(&next)), Code::PayDup);
    let status = |rank, status| Body::Status(Status { draw, rank, status });
    assert_eq!(refused(&evening, status(1, SeatStatus::Absent)), Code::Status);
    assert_eq!(refused(&evening, pay(&Payout { rank: 2, ..next.clone() })), Code::Pay);
    evening.push(pay(&Payout { status: PayoutStatus::Refunded, ..sent.clone() }));
    assert_eq!(refused(&evening, pay(&Payout { attempt: 2, ..sent })), Code::Pay);
    evening.push(status(1, SeatStatus::Declined));
    assert_eq!(refused(&evening, pay(&next)), Code::PayState);
    evening.push(status(1, SeatStatus::Present));
    evening.push(pay(&next));
    assert_eq!(evening.state.seat(draw, 1).unwrap().attempts(), 2);
}

#[test]
fn lines_out_of_form_or_order_are_refused() {
    let evening = one_draw(Award::None, false);
    let draw = evening.proofs[0].draw;
    let void = |secret, reason: &str| Body::Void(Void { draw, secret, reason: reason.to_owned() });
    assert_eq!(refused(&evening, void(Hex([0; 32]), "ok")), Code::Chain);
    assert_eq!(refused(&evening, void(evening.secret(draw), "has space")), Code::Entry);
    assert_eq!(
        refused(&evening, Body::Entropy(Entropy { draw, i: 0, value: Value::Dice { rolls: vec![] } })),
        Code::Order
    );
    let mut line = evening.state.next_line(0, Some("a\nb".to_owned()), Body::Close);
    assert_eq!(evening.state.check(&line), Err(Code::Canon));
    line.memo = Some("x".repeat(201));
    assert_eq!(evening.state.check(&line), Err(Code::Entry));
    (line.memo, line.seq) = (None, 99);
    assert_eq!(evening.state.check(&line), Err(Code::Seq));
}

#[test]
fn deep_or_broken_input_is_unreadable() {
    let deep = format!("{{\"v\":\"mlot1\",\"log\":{}{}}}", "[".repeat(120), "]".repeat(120));
    for bad in [deep.as_str(), &"[".repeat(1_000_000), "", "null", "{}", "\u{feff}{}"] {
        assert!(matches!(check(bad, None), Report::Unreadable(_)));
    }
    let bundle = one_draw(Award::None, false).bundle();
    assert!(matches!(check(&bundle, Some("[")), Report::Unreadable(_)));
    assert!(matches!(check(&bundle, Some("null")), Report::Proved(_)));
}
