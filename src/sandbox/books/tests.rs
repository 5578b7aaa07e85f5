//! The rules of the books, with a clock of numbers.

use super::*;

const NOW: Ms = 1_795_420_800_000;

fn order(bill_no: &str, openid: &str, amount_fen: i64) -> Order {
    Order {
        bill_no: bill_no.to_owned(),
        openid: openid.to_owned(),
        amount_fen,
        send_name: "天虹".to_owned(),
        act_name: "抽奖".to_owned(),
        wishing: "好运".to_owned(),
        remark: "备注".to_owned(),
        transfer: None,
    }
}

fn transfer(bill_no: &str, openid: &str, amount_fen: i64) -> Order {
    let transfer = Transfer { package: format!("package of {bill_no}"), notify_url: String::new() };
    Order { transfer: Some(transfer), ..order(bill_no, openid, amount_fen) }
}

fn code(answer: Result<Packet, Refusal>) -> String {
    answer.err().map(|why| why.code).unwrap_or_default()
}

#[test]
fn a_number_pays_once() {
    let (mut books, settings) = (Books::default(), Settings::default());
    let first = books.send(&order("1", "o1", 100), Effect::Pay, &settings, NOW).expect("paid");
    assert_eq!(first.status, Status::Sent);
    let again = books.send(&order("1", "o1", 100), Effect::Pay, &settings, NOW + 1000).expect("same");
    assert_eq!((again.list_id, again.paid_ms, again.sends), (first.list_id, first.paid_ms, 2));
    assert_eq!(code(books.send(&order("1", "o1", 101), Effect::Pay, &settings, NOW)), "FATAL_ERROR");
    assert_eq!(code(books.send(&order("1", "o2", 100), Effect::Pay, &settings, NOW)), "FATAL_ERROR");
    assert_eq!(books.spent_fen, 100);
}

#[test]
fn a_packet_is_received_or_goes_back_after_a_day() {
    let (mut books, mut settings) = (Books::default(), Settings::default());
    books.send(&order("1", "o1", 100), Effect::Pay, &settings, NOW).expect("paid");
    books.send(&order("2", "o1", 200), Effect::Pay, &settings, NOW).expect("paid");
    assert_eq!(books.open("1", NOW + 5).expect("opened").status, Status::Received);
    assert!(books.open("1", NOW + 6).is_none());
    assert_eq!(books.look("2", NOW + DAY - 1).expect("known").status, Status::Sent);
    let back = books.look("2", NOW + DAY).expect("known");
    assert_eq!((back.status, back.refunded_ms), (Status::Refund, Some(NOW + DAY)));
    assert_eq!(books.spent_fen, 100);
    settings.auto_open_ms = Some(3000);
    books.send(&order("3", "o1", 100), Effect::Pay, &settings, NOW).expect("paid");
    assert_eq!(books.look("3", NOW + 2999).expect("known").status, Status::Sent);
    assert_eq!(books.look("3", NOW + DAY).expect("known").received_ms, Some(NOW + 3000));
}

#[test]
fn a_refused_order_is_kept_and_can_still_be_paid_until_it_dies() {
    let mut books = Books::default();
    let poor = Settings { balance_fen: Some(50), ..Settings::default() };
    assert_eq!(code(books.send(&order("1", "o1", 100), Effect::Pay, &poor, NOW)), "NOTENOUGH");
    let kept = books.query("1", NOW).expect("kept");
    assert_eq!((kept.status, kept.reason.is_empty()), (Status::Sending, false));
    let rich = Settings::default();
    assert!(books.send(&order("1", "o1", 100), Effect::Pay, &rich, NOW + 1).is_ok());
    assert_eq!(code(books.send(&order("2", "o1", 100), Effect::Pay, &poor, NOW)), "NOTENOUGH");
    assert_eq!(books.query("2", NOW + DAY).expect("known").status, Status::Failed);
    assert_eq!(code(books.send(&order("2", "o1", 100), Effect::Pay, &rich, NOW + DAY)), "SEND_FAILED");
    assert!(books.query("2", NOW + QUERY_WINDOW + 1).is_none());
}

#[test]
fn a_person_has_limits_that_end_at_beijing_midnight() {
    let (mut books, settings) = (Books::default(), Settings::default());
    for number in 0..10 {
        let bill_no = format!("a{number}");
        books.send(&order(&bill_no, "o1", 100), Effect::Pay, &settings, NOW).expect("within");
    }
    assert_eq!(code(books.send(&order("b", "o1", 100), Effect::Pay, &settings, NOW)), "SENDNUM_LIMIT");
    assert!(books.send(&order("b", "o1", 100), Effect::Pay, &settings, NOW + DAY - 1).is_ok());
    for number in 0..5 {
        let bill_no = format!("c{number}");
        books.send(&order(&bill_no, "o2", 20_000), Effect::Pay, &settings, NOW).expect("within");
    }
    assert_eq!(code(books.send(&order("d", "o2", 1), Effect::Pay, &settings, NOW)), "RCVDAMOUNT_LIMIT");
}

#[test]
fn a_running_order_is_decided_later() {
    let (mut books, settings) = (Books::default(), Settings::default());
    for (number, paid) in [("1", true), ("2", false)] {
        let answer = books.send(&order(number, "o1", 100), Effect::Process { paid }, &settings, NOW);
        assert_eq!(code(answer), "PROCESSING");
        assert_eq!(books.query(number, NOW).expect("kept").status, Status::Sending);
        assert_eq!(code(books.send(&order(number, "o1", 100), Effect::Pay, &settings, NOW)), "PROCESSING");
    }
    let later = NOW + settings.processing_ms;
    assert_eq!(books.query("1", later).expect("known").status, Status::Sent);
    assert_eq!(books.query("2", later).expect("known").status, Status::Failed);
    assert_eq!(books.spent_fen, 100);
}

#[test]
fn an_operator_can_only_do_what_can_happen() {
    let (mut books, settings) = (Books::default(), Settings::default());
    books.send(&order("1", "o1", 100), Effect::Pay, &settings, NOW).expect("paid");
    assert!(books.decide("1", Status::Failed, NOW).is_none(), "money has moved");
    assert!(books.decide("1", Status::RfundIng, NOW).is_some());
    assert!(books.decide("1", Status::Refund, NOW).is_some());
    assert_eq!(books.spent_fen, 0);
    assert!(books.decide("9", Status::Failed, NOW).is_none());
}

#[test]
fn the_journal_brings_the_same_books_back() {
    let (mut books, settings) = (Books::default(), Settings::default());
    books.send(&order("1", "o1", 100), Effect::Pay, &settings, NOW).expect("paid");
    books.send(&order("2", "o1", 200), Effect::Pay, &settings, NOW).expect("paid");
    books.open("1", NOW + 5).expect("opened");
    books.look("2", NOW + DAY).expect("known");
    let mut again = Books::default();
    for packet in books.take_changes() {
        again.restore(packet);
    }
    assert_eq!(again.list(NOW + DAY), books.list(NOW + DAY));
    assert_eq!((again.spent_fen, &again.day), (books.spent_fen, &books.day));
    assert!(again.take_changes().is_empty());
}

#[test]
fn a_transfer_is_paid_when_it_is_confirmed_and_lapses_after_a_day() {
    let (mut books, settings) = (Books::default(), Settings::default());
    for bill_no in ["1", "2", "3"] {
        let asked = transfer(bill_no, "o1", 100);
        let waits = books.send(&asked, Effect::Pay, &settings, NOW).expect("taken");
        assert_eq!((waits.status, waits.paid_ms), (Status::WaitUserConfirm, None));
        let again = Order { transfer: transfer("other", "o1", 100).transfer, ..asked };
        let again = books.send(&again, Effect::Pay, &settings, NOW + 5).expect("the same");
        assert_eq!((again.status, &again.transfer), (Status::WaitUserConfirm, &waits.transfer));
    }
    assert_eq!(code(books.send(&transfer("1", "o2", 100), Effect::Pay, &settings, NOW)), "FATAL_ERROR");
    let number = books.by_package("package of 1").expect("known");
    let paid = books.open(&number, NOW + 9).expect("confirmed");
    assert_eq!((paid.status, paid.paid_ms, books.spent_fen), (Status::Received, Some(NOW + 9), 100));
    assert!(books.open("1", NOW + 10).is_none(), "once");
    assert_eq!(books.decide("2", Status::Cancelled, NOW + 9).expect("taken back").status, Status::Cancelled);
    assert!(books.decide("1", Status::Cancelled, NOW + 9).is_none());
    let lapsed = books.look("3", NOW + DAY).expect("known");
    assert_eq!((lapsed.status, lapsed.reason.as_str()), (Status::Failed, "OVERDUE_CLOSE"));
    assert!(books.open("3", NOW + DAY).is_none() && books.open("2", NOW + DAY).is_none());
    let dead = books.send(&transfer("3", "o1", 100), Effect::Pay, &settings, NOW + DAY).expect("its state");
    assert_eq!((dead.status, books.spent_fen), (Status::Failed, 100));
    let confirms = Settings { auto_confirm_ms: Some(50), ..settings };
    books.send(&transfer("4", "o1", 100), Effect::Process { paid: true }, &confirms, NOW).expect_err("runs");
    assert_eq!(books.look("4", NOW + DAY / 2).expect("known").status, Status::Received);
}
