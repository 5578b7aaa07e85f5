//! The simulated payer's words as bytes, which the real channels read.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{faults::Wire, payer::Request};
use crate::{
    clock::Ms,
    payout::{
        channel::{Answer, Order},
        next::Status,
        steps::Letter,
    },
    wechat::{
        rsa_key::{self, Pair},
        v3::{MerchantKey, Signed},
        xml,
    },
};

/// The merchant of both channels.
const MCH_ID: &str = "1900000109";
/// The serial of the simulated payer's key.
pub(super) const KEY_ID: &str = "PUB_KEY_ID_SIMULATED";

/// One pair for all worlds: the merchant's and the payer's at once.
pub(super) fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| rsa_key::make().expect("a pair of keys"))
}

fn key() -> &'static MerchantKey {
    static KEY: OnceLock<MerchantKey> = OnceLock::new();
    KEY.get_or_init(|| MerchantKey::from_pem(pair().private_pem.as_bytes()).expect("a key"))
}

/// A frozen request as the payer understands it.
pub(super) fn read(letter: &Letter, award: usize) -> Option<Request> {
    let rest = letter.request.clone()?;
    if let Ok(body) = serde_json::from_str::<Value>(&rest) {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let (bill, openid, fen) = (text("out_bill_no")?, text("openid")?, body["transfer_amount"].as_i64()?);
        return Some(Request { bill, award, openid, fen, rest });
    }
    let fields = xml::parse(rest.as_bytes()).ok()?;
    let (bill, openid) = (fields.text("mch_billno").to_owned(), fields.text("re_openid").to_owned());
    Some(Request { bill, award, openid, fen: fields.number("total_amount")?, rest })
}

/// A v3 answer as it comes over the wire, signed.
pub(super) fn write_v3(wire: Wire, order: &Order, now: Ms) -> Answer {
    let signed = |status: u16, body: &Value| {
        let raw = body.to_string().into_bytes();
        let signed = Signed::make(key(), KEY_ID, (now / 1_000, "n"), &raw);
        Answer { status: Some(status), raw, signed, ..Answer::default() }
    };
    let sent = |state: &str| json!({ "out_bill_no": order.bill, "transfer_bill_no": "1", "state": state });
    match wire {
        Wire::Accepted { ticket } => {
            let mut body = sent("WAIT_USER_CONFIRM");
            if ticket {
                body["package_info"] = "ticket".into();
            }
            signed(200, &body)
        }
        Wire::Success | Wire::Code("accepted") => signed(200, &sent("PROCESSING")),
        Wire::Mismatch => {
            signed(200, &json!({ "out_bill_no": order.bill, "transfer_amount": 1, "state": "SUCCESS" }))
        }
        Wire::Found(status) => {
            let state = match status {
                Status::Sending | Status::Stuck => "PROCESSING",
                Status::Confirming => "WAIT_USER_CONFIRM",
                Status::Sent | Status::Received => "SUCCESS",
                Status::Failed | Status::Refunding | Status::Refunded => "FAIL",
                Status::Other => "WHATEVER",
            };
            let mut body = sent(state);
            body["mch_id"] = MCH_ID.into();
            body["openid"] = order.openid.clone().into();
            body["transfer_amount"] = order.fen.into();
            signed(200, &body)
        }
        Wire::Code(code) => signed(400, &json!({ "code": code, "message": "" })),
        Wire::Fail => signed(500, &json!({})),
        Wire::Http(status) => {
            Answer { status: Some(status), raw: b"<html></html>".to_vec(), ..Answer::default() }
        }
        Wire::Nothing(failure) => Answer { failure: Some(failure), ..Answer::default() },
    }
}

/// A v2 answer as it comes over the wire.
pub(super) fn write(wire: Wire, order: &Order) -> Answer {
    let fen = order.fen.to_string();
    let ours =
        [("mch_billno", order.bill.as_str()), ("mch_id", MCH_ID), ("re_openid", order.openid.as_str())];
    let good = [("return_code", "SUCCESS"), ("result_code", "SUCCESS")];
    let whole = |more: &[(&str, &str)]| {
        let text = xml::write(good.iter().chain(&ours).chain(more).copied());
        Answer { status: Some(200), raw: text.into_bytes(), ..Answer::default() }
    };
    match wire {
        Wire::Success | Wire::Accepted { .. } => {
            whole(&[("total_amount", &fen), ("send_listid", "1000041701201401010000000001")])
        }
        Wire::Mismatch => whole(&[("total_amount", "1")]),
        Wire::Found(status) => {
            let word = word(status);
            let reason = if status == Status::Stuck { "余额不足" } else { "" };
            whole(&[("total_amount", &fen), ("status", word), ("reason", reason), ("detail_id", "1")])
        }
        Wire::Code(code) => {
            let fields = [("return_code", "SUCCESS"), ("result_code", "FAIL"), ("err_code", code)];
            let text = xml::write(fields.into_iter().chain(ours));
            Answer { status: Some(200), raw: text.into_bytes(), ..Answer::default() }
        }
        Wire::Fail => {
            let text = xml::write([("return_code", "FAIL"), ("return_msg", "系统错误")]);
            Answer { status: Some(200), raw: text.into_bytes(), ..Answer::default() }
        }
        Wire::Http(status) => {
            Answer { status: Some(status), raw: b"<html></html>".to_vec(), ..Answer::default() }
        }
        Wire::Nothing(failure) => Answer { failure: Some(failure), ..Answer::default() },
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Sending | Status::Stuck | Status::Confirming => "SENDING",
        Status::Sent => "SENT",
        Status::Received => "RECEIVED",
        Status::Failed => "FAILED",
        Status::Refunding => "RFUND_ING",
        Status::Refunded => "REFUND",
        Status::Other => "WHATEVER",
    }
}
