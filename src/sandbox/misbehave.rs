//! What a fault does to the pay server: to its books, and to what the wire shows of them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::books::{Effect, Packet, Refusal, refusal};
use super::faults::{Fault, FaultKind};
use super::listen::Peer;
use super::pay_answer::{Bad, answer, refuse};
use super::state::Sandbox;
use crate::clock::Ms;
use crate::wechat::xml::{self, Fields};

/// What nginx says at WeChat to a caller without a certificate.
pub(super) const NO_CERTIFICATE: &str = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n\
    <body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
    <center>No required SSL certificate was sent</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
/// Bytes of an answer that nobody should read to its end.
const HUGE: usize = 1 << 20;
/// How far the clock of a skewed answer is behind.
const SKEW: Ms = 3_600_000;

/// What the wire shows, whatever the books say.
pub(super) enum Shown {
    Truth,
    Error(Refusal),
    /// The truth with another value in this field.
    Echo(&'static str, &'static str),
    /// The truth as text, changed.
    Text(fn(&str) -> String),
    Fail,
    Hang,
    Cut,
    Status(StatusCode, &'static str),
    Garbage,
    Redirect,
    OldDate,
}

/// Refusals: whether the order is kept, the code, its text.
fn refusal_of(kind: FaultKind) -> Option<(bool, &'static str, &'static str)> {
    Some(match kind {
        FaultKind::Notenough => (true, "NOTENOUGH", "帐号余额不足，请到商户平台充值后再重试"),
        FaultKind::SendnumLimit => (true, "SENDNUM_LIMIT", "该用户今日领取红包个数超过限制"),
        FaultKind::RcvdamountLimit => (true, "RCVDAMOUNT_LIMIT", "该用户今日领取金额超过限制"),
        FaultKind::SendamountLimit => (true, "SENDAMOUNT_LIMIT", "您的商户号今日发放金额超过限制"),
        FaultKind::NoAuth => (true, "NO_AUTH", "发放失败，此请求可能存在风险，已被微信拦截"),
        FaultKind::NoAuthIp => (false, "NO_AUTH", "IP地址非你在商户平台设置的可用IP地址"),
        FaultKind::FreqLimit => (false, "FREQ_LIMIT", "超过频率限制，请稍后再试"),
        FaultKind::CaError => (false, "CA_ERROR", "请求未携带证书，或证书与商户号不符"),
        FaultKind::SignError => (false, "SIGN_ERROR", "签名错误"),
        FaultKind::OpenidError => (false, "OPENID_ERROR", "openid和appid不匹配"),
        FaultKind::ParamError => (false, "PARAM_ERROR", "参数错误"),
        FaultKind::MoneyLimit => (false, "MONEY_LIMIT", "红包金额发放限制"),
        FaultKind::SystemerrorUnpaid => (false, "SYSTEMERROR", "系统繁忙，请稍后再试"),
        FaultKind::NotFound => (false, "NOT_FOUND", "指定单号数据不存在"),
        _ => return None,
    })
}

/// What a fault does to the books and what the wire shows.
pub(super) fn plan(fault: &Fault) -> (Effect, Shown) {
    let pay = |default: bool| {
        if fault.paid.unwrap_or(default) { Effect::Pay } else { Effect::Nothing }
    };
    let error = |code: &str, text: &str| Shown::Error(refusal(code, text));
    if let Some((kept, code, text)) = refusal_of(fault.kind) {
        let effect = if kept { Effect::Keep(refusal(code, text)) } else { Effect::Nothing };
        return (effect, error(code, text));
    }
    let processing = |paid| {
        let told = error("PROCESSING", "请求已受理，请稍后使用原单号查询发放结果");
        (Effect::Process { paid }, told)
    };
    match fault.kind {
        FaultKind::Timeout => (pay(true), Shown::Hang),
        FaultKind::DropBefore => (Effect::Nothing, Shown::Cut),
        FaultKind::DropAfter => (Effect::Pay, Shown::Cut),
        FaultKind::Http500 => {
            (pay(false), Shown::Status(StatusCode::INTERNAL_SERVER_ERROR, "<html>500</html>"))
        }
        FaultKind::Http502 => (Effect::Pay, Shown::Status(StatusCode::BAD_GATEWAY, "<html>502</html>")),
        FaultKind::Http400 => (Effect::Nothing, Shown::Status(StatusCode::BAD_REQUEST, NO_CERTIFICATE)),
        FaultKind::Redirect => (Effect::Pay, Shown::Redirect),
        FaultKind::Processing => processing(fault.paid.unwrap_or(true)),
        FaultKind::FailedLater => processing(false),
        FaultKind::SendFailed => (Effect::Kill, error("SEND_FAILED", "红包发放失败,请更换单号再重试")),
        FaultKind::FatalError => (pay(true), error("FATAL_ERROR", "openid/金额和原始单参数不一致")),
        FaultKind::UnknownCode => (Effect::Pay, error("268458547", "系统繁忙，请稍后再试")),
        FaultKind::Fail => (Effect::Pay, Shown::Fail),
        FaultKind::Garbage => (pay(true), Shown::Garbage),
        FaultKind::Doctype => (Effect::Pay, Shown::Text(with_doctype)),
        FaultKind::Huge => (Effect::Pay, Shown::Text(huge)),
        FaultKind::CutXml => (Effect::Pay, Shown::Text(half)),
        FaultKind::Empty => (Effect::Pay, Shown::Text(|_| String::new())),
        FaultKind::BadSignature => (Effect::Pay, Shown::Text(with_signature)),
        FaultKind::EchoMismatch => (Effect::Pay, Shown::Echo("total_amount", "1")),
        FaultKind::WrongBill => (Effect::Pay, Shown::Echo("mch_billno", "0")),
        FaultKind::WrongOpenid => (Effect::Pay, Shown::Echo("re_openid", "oSomebodyElse")),
        FaultKind::StillSending => (Effect::Pay, Shown::Echo("status", "SENDING")),
        FaultKind::ClockSkew => (Effect::Pay, Shown::OldDate),
        FaultKind::Unopened => (Effect::PayUnopened, Shown::Truth),
        FaultKind::NoPackage | FaultKind::Unsigned => (Effect::Pay, Shown::Truth),
        FaultKind::Code if fault.kept => {
            let why = refusal(&fault.code, &fault.text);
            (Effect::Keep(why.clone()), Shown::Error(why))
        }
        FaultKind::Code => (pay(false), error(&fault.code, &fault.text)),
        // What has a refusal was answered above; a payment that says SYSTEMERROR is left.
        _ => (Effect::Pay, error("SYSTEMERROR", "系统繁忙，请稍后再试")),
    }
}

/// A moment as answers carry it.
pub(super) fn http_date(at: Ms) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn with_doctype(text: &str) -> String {
    let body = text.replace("<return_msg>", "<x>&e;</x><return_msg>");
    format!("<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>{body}")
}

fn huge(text: &str) -> String {
    text.replace("</xml>", &format!("<filler>{}</filler></xml>", "x".repeat(HUGE)))
}

fn half(text: &str) -> String {
    text.chars().take(text.chars().count() / 2).collect()
}

fn with_signature(text: &str) -> String {
    text.replace("</xml>", &format!("<sign>{}</sign></xml>", "0".repeat(32)))
}

/// An answer without flaw: its fields as text, whether it is about a payment or a refusal.
pub(super) struct Truth(pub(super) String);

impl Truth {
    fn with(&self, field: &str, value: &str) -> String {
        let Ok(fields) = xml::parse(self.0.as_bytes()) else { return self.0.clone() };
        let pairs = fields.pairs().map(|(name, old)| (name, if name == field { value } else { old }));
        xml::write(pairs)
    }
}

/// Turns what the wire shall show into an answer, or into none.
pub(super) async fn show(
    sandbox: &Sandbox,
    peer: &Peer,
    fields: &Fields,
    shown: Shown,
    truth: Truth,
) -> Response {
    match shown {
        Shown::Truth => answer(truth.0),
        Shown::Error(why) => answer(refuse(fields, &Bad { why, envelope: false })),
        Shown::Echo(field, value) => answer(truth.with(field, value)),
        Shown::Text(change) => answer(change(&truth.0)),
        Shown::Fail => answer(xml::write([("return_code", "FAIL"), ("return_msg", "系统繁忙，请稍后再试")])),
        Shown::Status(status, page) => (status, Html(page)).into_response(),
        Shown::Garbage => Html("<html><body>系统维护中</body></html>").into_response(),
        Shown::Redirect => (StatusCode::FOUND, [(header::LOCATION, "/maintenance")]).into_response(),
        Shown::OldDate => {
            let mut response = answer(truth.0);
            if let Ok(old) = HeaderValue::from_str(&http_date(sandbox.now() - SKEW)) {
                response.headers_mut().insert(header::DATE, old);
            }
            response
        }
        Shown::Hang => {
            // A client that gives up ends this by closing the connection.
            sandbox.shutdown.cancelled().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Shown::Cut => {
            peer.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The truth about a send call as an answer.
pub(super) fn truth_of(fields: &Fields, answer: &Result<Packet, Refusal>) -> Truth {
    Truth(match answer {
        Ok(packet) => super::pay_answer::sent(packet, fields),
        Err(why) => refuse(fields, &Bad { why: why.clone(), envelope: false }),
    })
}
