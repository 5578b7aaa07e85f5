//! The simulated payer's words as bytes, which the real channel reads.

use super::{faults::Wire, payer::Request};
use crate::{
    payout::{
        channel::{Answer, Order},
        next::Status,
        steps::Letter,
    },
    wechat::xml,
};

/// A frozen request as the payer understands it.
pub(super) fn read(letter: &Letter, award: usize) -> Option<Request> {
    let rest = letter.request.clone()?;
    let fields = xml::parse(rest.as_bytes()).ok()?;
    let (bill, openid) = (fields.text("mch_billno").to_owned(), fields.text("re_openid").to_owned());
    Some(Request { bill, award, openid, fen: fields.number("total_amount")?, rest })
}

/// An answer as it comes over the wire.
pub(super) fn write(wire: Wire, (order, mch_id): (&Order, &str)) -> Answer {
    let fen = order.fen.to_string();
    let ours =
        [("mch_billno", order.bill.as_str()), ("mch_id", mch_id), ("re_openid", order.openid.as_str())];
    let good = [("return_code", "SUCCESS"), ("result_code", "SUCCESS")];
    let whole = |more: &[(&str, &str)]| {
        let text = xml::write(good.iter().chain(&ours).chain(more).copied());
        Answer { status: Some(200), raw: text.into_bytes(), ..Answer::default() }
    };
    match wire {
        Wire::Success => whole(&[("total_amount", &fen), ("send_listid", "1000041701201401010000000001")]),
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
        Status::Sending | Status::Stuck => "SENDING",
        Status::Sent => "SENT",
        Status::Received => "RECEIVED",
        Status::Failed => "FAILED",
        Status::Refunding => "RFUND_ING",
        Status::Refunded => "REFUND",
        Status::Other => "WHATEVER",
    }
}
