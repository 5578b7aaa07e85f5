//! Answers and callbacks that somebody between us and the payer has damaged: never money that was not sent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::{
    Answer, Channel, Order, Transfer, callback, read_query, read_send, tests::opened, tests::whole,
    transfer_answer,
};
use crate::{
    hostile::{cases, damaged, quickly},
    payout::next::Outcome,
    wechat::{
        rsa_key,
        sign::{self, SIGN_FIELD},
        v3::{HEADERS, MerchantKey, Resource, Signed},
        xml,
    },
};

const NOW: i64 = 1_795_420_800_000;
const KEY: &str = "0123456789abcdef0123456789ABCDEF";

fn order() -> Order {
    Order {
        bill: "1900000109202611230000000001".into(),
        openid: "oGuest".into(),
        fen: 888,
        send_name: String::new(),
        act_name: String::new(),
        wishing: String::new(),
        remark: String::new(),
    }
}

/// The good answer to a send call or a query, with the payer's signature.
fn answered(more: &[(&str, &str)]) -> Vec<u8> {
    let mut pairs = vec![
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("mch_billno", "1900000109202611230000000001"),
        ("mch_id", "m"),
        ("total_amount", "888"),
    ];
    pairs.extend(more);
    let signature = sign::sign(pairs.clone(), &"k".into());
    pairs.push((SIGN_FIELD, &signature));
    xml::write(pairs).into_bytes()
}

fn sent() -> Vec<u8> {
    answered(&[("re_openid", "oGuest"), ("send_listid", "77")])
}

fn found() -> Vec<u8> {
    answered(&[("status", "RECEIVED"), ("detail_id", "77")])
}

fn whole_answer(raw: Vec<u8>) -> Answer {
    Answer { status: Some(200), raw, ..Answer::default() }
}

/// What a reader cannot be talked out of: the number and the amount of our own order, and the signature if there is one.
fn speaks_of_ours(raw: &[u8]) -> bool {
    let fields = xml::parse(raw).unwrap();
    let signed = fields.text(SIGN_FIELD);
    fields.text("mch_billno") == order().bill
        && fields.text("total_amount") == "888"
        && (signed.is_empty() || fields.has_nested() || sign::verify(fields.pairs(), &"k".into(), signed))
}

static PAYER: LazyLock<(MerchantKey, Transfer)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let pair = rsa_key::make().unwrap();
    let Some(Channel::Transfer(ours)) = opened(&whole(folder.path(), &pair)).unwrap().transfer else {
        panic!("no transfers")
    };
    (MerchantKey::from_pem(pair.private_pem.as_bytes()).unwrap(), *ours)
});

fn transferred() -> Vec<u8> {
    br#"{"mch_id":"m","out_bill_no":"1900000109202611230000000001","transfer_bill_no":"77","state":"SUCCESS",
        "transfer_amount":888,"openid":"oGuest"}"#
        .to_vec()
}

fn finished() -> Vec<u8> {
    let resource = Resource::seal(KEY, "fdasflkja484", br#"{"out_bill_no":"B1"}"#).unwrap();
    json!({ "id": "E1", "resource": resource }).to_string().into()
}

fn headers(signed: &Signed) -> HeaderMap {
    let values = [&signed.timestamp, &signed.nonce, &signed.serial, &signed.signature];
    let pairs = HEADERS.into_iter().zip(values);
    pairs
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

/// What an answer says about an order.
#[derive(serde::Deserialize)]
struct Said {
    out_bill_no: String,
    transfer_amount: i64,
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn a_damaged_answer_to_a_send_call_is_no_success(raw in damaged(vec![sent(), found()])) {
        match quickly(|| read_send(&whole_answer(raw.clone()), &order(), "m", &"k".into())) {
            Outcome::Sent { .. } => prop_assert!(speaks_of_ours(&raw)),
            Outcome::SendError { code } => prop_assert!(!code.is_empty()),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_damaged_answer_to_a_query_finds_nothing_else(raw in damaged(vec![found(), sent()])) {
        match quickly(|| read_query(&whole_answer(raw.clone()), &order(), "m", &"k".into())) {
            Outcome::Found { .. } => prop_assert!(speaks_of_ours(&raw)),
            Outcome::QueryError { code } => prop_assert!(!code.is_empty()),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_transfers_answer_counts_as_it_was_signed(raw in damaged(vec![transferred()]), status in 100_u16..600) {
        let signed = Signed::make(&PAYER.0, "K", (NOW / 1_000, "n"), &transferred());
        let answer = Answer { status: Some(status), raw: raw.clone(), signed, ..Answer::default() };
        let payer = (&PAYER.0.public("K"), NOW);
        let read = quickly(|| transfer_answer::read_query(&answer, &order(), "m", payer));
        let good = raw == transferred() && status == 200;
        prop_assert_eq!(matches!(read, Outcome::Found { .. }), good, "{:?}", read);
        let read = quickly(|| transfer_answer::read_send(&answer, &order(), payer));
        prop_assert!(matches!(read, Outcome::SendError { .. }), "{:?}", read);
    }

    /// Even the payer itself may send nonsense: signed, and still no result about another order.
    #[test]
    fn a_signed_answer_must_speak_of_our_order(raw in damaged(vec![transferred()])) {
        let signed = Signed::make(&PAYER.0, "K", (NOW / 1_000, "n"), &raw);
        let answer = Answer { status: Some(200), raw: raw.clone(), signed, ..Answer::default() };
        let read = quickly(|| transfer_answer::read_query(&answer, &order(), "m", (&PAYER.0.public("K"), NOW)));
        if let Outcome::Found { .. } | Outcome::Accepted { .. } = read {
            // What else is in it may be nonsense that no whole value can hold.
            let said: Said = serde_json::from_slice(&raw).unwrap();
            prop_assert_eq!((said.out_bill_no, said.transfer_amount), (order().bill, 888));
        }
    }

    #[test]
    fn a_callback_counts_as_it_was_signed(body in damaged(vec![finished()])) {
        let good = finished();
        let signed = headers(&Signed::make(&PAYER.0, "PUB_KEY_ID_1", (NOW / 1_000, "n"), &good));
        let read = quickly(|| callback::opened(&PAYER.1, &signed, &body, NOW));
        prop_assert_eq!(read.is_some(), body == good);
        let signed = headers(&Signed::make(&PAYER.0, "PUB_KEY_ID_1", (NOW / 1_000, "n"), &body));
        if let Some((id, bill)) = quickly(|| callback::opened(&PAYER.1, &signed, &body, NOW)) {
            prop_assert!(id.len() <= 64 && bill == "B1");
        }
    }
}
