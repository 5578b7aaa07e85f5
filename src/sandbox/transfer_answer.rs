//! Answers about transfers: JSON under the payer's signature, and what faults make of them.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde_json::{Value, json};

use super::SandboxConfig;
use super::account::random_hex;
use super::books::{Packet, Refusal, Status};
use super::faults::{Fault, FaultKind};
use super::listen::Peer;
use super::misbehave::{Shown, plan};
use super::state::Sandbox;
use crate::clock::Ms;
use crate::wechat::v3::{HEADERS, Signed};

/// Bytes of an answer that nobody should read to its end.
const HUGE: usize = 1 << 20;
/// How far the clock of a skewed answer is behind, seconds.
const SKEW_S: i64 = 3_600;

/// The state of a transfer as v3 says it.
pub(super) fn state(packet: &Packet) -> &'static str {
    match packet.status {
        Status::Sending => "PROCESSING",
        Status::WaitUserConfirm => "WAIT_USER_CONFIRM",
        Status::Sent | Status::Received => "SUCCESS",
        Status::Failed | Status::RfundIng | Status::Refund => "FAIL",
        Status::Cancelled => "CANCELLED",
    }
}

/// The answer to a request that was taken.
pub(super) fn sent(packet: &Packet) -> Value {
    let mut body = json!({
        "out_bill_no": packet.bill_no, "transfer_bill_no": packet.list_id, "create_time": stamp(packet.created_ms),
        "state": state(packet),
    });
    if packet.status == Status::WaitUserConfirm {
        body["package_info"] = packet.transfer.as_ref().map(|ours| ours.package.clone()).into();
    }
    if packet.status == Status::Failed {
        body["fail_reason"] = packet.reason.clone().into();
    }
    body
}

/// The answer to a query; it does not repeat what the receiver confirms with.
pub(super) fn found(packet: &Packet, config: &SandboxConfig) -> Value {
    let changed = packet.received_ms.unwrap_or(packet.created_ms);
    let mut body = json!({
        "mch_id": config.transfer.mch_id, "out_bill_no": packet.bill_no, "transfer_bill_no": packet.list_id,
        "appid": config.app_id, "state": state(packet), "transfer_amount": packet.amount_fen,
        "transfer_remark": packet.remark, "openid": packet.openid, "create_time": stamp(packet.created_ms),
        "update_time": stamp(changed),
    });
    if packet.status == Status::Failed {
        body["fail_reason"] = packet.reason.clone().into();
    }
    body
}

/// The answer to a cancellation.
pub(super) fn cancelling(packet: &Packet) -> Value {
    json!({
        "out_bill_no": packet.bill_no, "transfer_bill_no": packet.list_id, "state": "CANCELING",
        "update_time": stamp(packet.created_ms),
    })
}

/// A moment as v3 writes it: Beijing time.
pub(super) fn stamp(ms: Ms) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)))
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

/// The same complaints have other names than in v2.
fn named(code: &str) -> (StatusCode, &str) {
    match code {
        "NOTENOUGH" => (StatusCode::FORBIDDEN, "NOT_ENOUGH"),
        "FREQ_LIMIT" => (StatusCode::TOO_MANY_REQUESTS, "FREQUENCY_LIMITED"),
        "SYSTEMERROR" | "SYSTEM_ERROR" => (StatusCode::INTERNAL_SERVER_ERROR, "SYSTEM_ERROR"),
        "SIGN_ERROR" | "CA_ERROR" => (StatusCode::UNAUTHORIZED, "SIGN_ERROR"),
        "NO_AUTH" => (StatusCode::FORBIDDEN, "NO_AUTH"),
        "NOT_FOUND" => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        "MONEY_LIMIT" => (StatusCode::BAD_REQUEST, "PARAM_ERROR"),
        "OPENID_ERROR" | "FATAL_ERROR" => (StatusCode::BAD_REQUEST, "INVALID_REQUEST"),
        "SENDNUM_LIMIT" | "RCVDAMOUNT_LIMIT" | "SENDAMOUNT_LIMIT" => {
            (StatusCode::FORBIDDEN, "TRANSFER_QUOTA_EXCEED")
        }
        other => (StatusCode::BAD_REQUEST, other),
    }
}

/// How an answer is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seal {
    Good,
    Wrong,
    Old,
    None,
}

fn answer(sandbox: &Sandbox, (status, text): (StatusCode, String), seal: Seal) -> Response {
    let at_s = sandbox.now() / 1_000 - if seal == Seal::Old { SKEW_S } else { 0 };
    let key_id = &sandbox.config.transfer.public_key_id;
    let mut signed = Signed::make(&sandbox.keys.payer, key_id, (at_s, &random_hex(16)), text.as_bytes());
    if seal == Seal::Wrong {
        signed.signature.insert_str(0, "WECHATPAY/SIGNTEST/");
    }
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response();
    if seal != Seal::None {
        put(&signed, |name, value| {
            response.headers_mut().insert(name, value);
        });
    }
    response
}

/// Writes the four headers of a signature.
pub(super) fn put(signed: &Signed, mut insert: impl FnMut(HeaderName, HeaderValue)) {
    let values = [&signed.timestamp, &signed.nonce, &signed.serial, &signed.signature];
    for (name, value) in HEADERS.into_iter().zip(values) {
        if let Ok(value) = HeaderValue::from_str(value) {
            insert(HeaderName::from_static(name), value);
        }
    }
}

/// A refusal.
pub(super) fn error(sandbox: &Sandbox, why: &Refusal) -> Response {
    answer(sandbox, refused(why), Seal::Good)
}

fn refused(why: &Refusal) -> (StatusCode, String) {
    let (status, code) = named(&why.code);
    (status, json!({ "code": code, "message": why.text }).to_string())
}

/// Turns the truth, and what a fault makes of it, into an answer or into none.
pub(super) async fn show(
    sandbox: &Sandbox,
    peer: &Peer,
    fault: Option<&Fault>,
    truth: Result<Value, Refusal>,
) -> Response {
    let said = match &truth {
        Ok(body) => (StatusCode::OK, body.to_string()),
        Err(why) => refused(why),
    };
    let Some(fault) = fault else { return answer(sandbox, said, Seal::Good) };
    match fault.kind {
        FaultKind::BadSignature => return answer(sandbox, said, Seal::Wrong),
        FaultKind::Unsigned => return answer(sandbox, said, Seal::None),
        FaultKind::ClockSkew => return answer(sandbox, said, Seal::Old),
        FaultKind::Empty => return answer(sandbox, (said.0, String::new()), Seal::Good),
        FaultKind::Huge => return answer(sandbox, (said.0, said.1 + &" ".repeat(HUGE)), Seal::Good),
        FaultKind::CutXml => {
            let half = said.1.chars().take(said.1.chars().count() / 2).collect();
            return answer(sandbox, (said.0, half), Seal::Good);
        }
        FaultKind::NoPackage => return with(sandbox, truth, "package_info", Value::Null),
        FaultKind::Doctype | FaultKind::Fail => return answer(sandbox, (said.0, "{}".into()), Seal::Good),
        // Orders that run or are dead are said in a whole answer.
        FaultKind::Processing | FaultKind::FailedLater | FaultKind::SendFailed => {
            return answer(sandbox, said, Seal::Good);
        }
        _ => {}
    }
    match plan(fault).1 {
        Shown::Error(why) => answer(sandbox, refused(&why), Seal::Good),
        Shown::Echo("total_amount", _) => with(sandbox, truth, "transfer_amount", 1.into()),
        Shown::Echo("mch_billno", value) => with(sandbox, truth, "out_bill_no", value.into()),
        Shown::Echo("re_openid", value) => with(sandbox, truth, "openid", value.into()),
        Shown::Echo(..) => with(sandbox, truth, "state", "PROCESSING".into()),
        Shown::Status(status, page) => (status, Html(page)).into_response(),
        Shown::Garbage => Html("<html><body>系统维护中</body></html>").into_response(),
        Shown::Redirect => (StatusCode::FOUND, [(header::LOCATION, "/maintenance")]).into_response(),
        Shown::Hang => {
            // A client that gives up ends this by closing the connection.
            sandbox.shutdown.cancelled().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Shown::Cut => {
            peer.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Shown::Truth | Shown::Text(_) | Shown::Fail | Shown::OldDate => answer(sandbox, said, Seal::Good),
    }
}

/// The truth with another value in a field; null takes it away.
fn with(sandbox: &Sandbox, truth: Result<Value, Refusal>, field: &str, value: Value) -> Response {
    let said = match truth {
        Ok(mut body) => {
            if let (true, Some(fields)) = (value.is_null(), body.as_object_mut()) {
                fields.remove(field);
            } else {
                body[field] = value;
            }
            (StatusCode::OK, body.to_string())
        }
        Err(why) => refused(&why),
    };
    answer(sandbox, said, Seal::Good)
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn times_carry_their_zone() {
        assert_eq!(stamp(1_795_420_800_000), "2026-11-23T16:00:00+08:00");
    }
}
