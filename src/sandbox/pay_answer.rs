//! Answers of WeChat Pay: flat XML in CDATA, without a signature, as the real one sends them.

use std::fmt::Write as _;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::books::{Packet, Refusal, Status, refusal};
use crate::clock::Ms;
use crate::wechat::xml::{self, Fields};

/// A refusal; `envelope` ones are said at the level of the transport (`return_code` FAIL).
pub(super) struct Bad {
    pub(super) why: Refusal,
    pub(super) envelope: bool,
}

/// A refusal of the call, said in a whole answer.
pub(super) fn bad(code: &str, text: &str) -> Bad {
    Bad { why: refusal(code, text), envelope: false }
}

/// A document as WeChat sends it: the content type says nothing.
pub(super) fn answer(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

/// An error answer; what was asked is said back, where it was readable.
pub(super) fn refuse(fields: &Fields, bad: &Bad) -> String {
    let Refusal { code, text } = &bad.why;
    let envelope = if bad.envelope { "FAIL" } else { "SUCCESS" };
    let mut pairs = vec![
        ("return_code", envelope),
        ("return_msg", text.as_str()),
        ("result_code", "FAIL"),
        ("err_code", code.as_str()),
        ("err_code_des", text.as_str()),
    ];
    for name in ["mch_billno", "mch_id", "wxappid", "re_openid", "total_amount"] {
        pairs.extend(fields.get(name).map(|value| (name, value)));
    }
    xml::write(pairs)
}

/// The answer to a send call that went well.
pub(super) fn sent(packet: &Packet, fields: &Fields) -> String {
    let amount = packet.amount_fen.to_string();
    xml::write([
        ("return_code", "SUCCESS"),
        ("return_msg", "发放成功"),
        ("result_code", "SUCCESS"),
        ("err_code", "SUCCESS"),
        ("err_code_des", "发放成功"),
        ("mch_billno", packet.bill_no.as_str()),
        ("mch_id", fields.text("mch_id")),
        ("wxappid", fields.text("wxappid")),
        ("re_openid", packet.openid.as_str()),
        ("total_amount", amount.as_str()),
        ("send_listid", packet.list_id.as_str()),
    ])
}

/// The answer to a query that found the packet.
pub(super) fn found(packet: &Packet, fields: &Fields) -> String {
    let amount = packet.amount_fen.to_string();
    let send_time = stamp(packet.paid_ms.unwrap_or(packet.created_ms));
    let refund_time = packet.refunded_ms.map(stamp);
    let mut pairs = vec![
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("result_code", "SUCCESS"),
        ("err_code", "SUCCESS"),
        ("err_code_des", "OK"),
        ("mch_billno", packet.bill_no.as_str()),
        ("mch_id", fields.text("mch_id")),
        ("detail_id", packet.list_id.as_str()),
        ("status", packet.status.word()),
        ("send_type", "API"),
        ("hb_type", "NORMAL"),
        ("total_num", "1"),
        ("total_amount", amount.as_str()),
        ("send_time", send_time.as_str()),
        ("wishing", packet.wishing.as_str()),
        ("remark", packet.remark.as_str()),
        ("act_name", packet.act_name.as_str()),
    ];
    if !packet.reason.is_empty() {
        pairs.push(("reason", packet.reason.as_str()));
    }
    if let Some(time) = &refund_time {
        pairs.extend([("refund_time", time.as_str()), ("refund_amount", amount.as_str())]);
    }
    let mut text = xml::write(pairs);
    if packet.status == Status::Received {
        text.truncate(text.len() - "</xml>".len());
        let time = stamp(packet.received_ms.unwrap_or_default());
        let openid = &packet.openid;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "<hblist><hbinfo><openid><![CDATA[{openid}]]></openid><amount>{amount}</amount>\
             <rcv_time><![CDATA[{time}]]></rcv_time></hbinfo></hblist></xml>"
        );
    }
    text
}

/// A moment as WeChat writes it: Beijing time.
fn stamp(ms: Ms) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)))
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_beijing() {
        assert_eq!(stamp(1_795_420_800_000), "2026-11-23 16:00:00");
    }
}
