//! Aliyun's SMS gateway: checks the ACS3 signature, the fields and the limits per phone, and keeps what was sent.

use std::collections::{HashMap, VecDeque};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, body::Bytes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::account::random_hex;
use super::faults::{Call, Fault, FaultKind, take_fault};
use super::sms_tencent;
use super::state::{Sandbox, Shared};
use crate::clock::{DAY, Ms};

/// A date further away than this is refused.
const MAX_SKEW: Ms = 15 * 60_000;
/// So many messages are kept.
const KEPT: usize = 20_000;
/// The limits of a code message: (span, messages, what the refusal calls it).
const LIMITS: [(Ms, usize, &str); 3] = [
    (60_000, 1, "触发分钟级流控Permits:1"),
    (3_600_000, 5, "触发小时级流控Permits:5"),
    (DAY, 10, "触发天级流控Permits:10"),
];
/// A message that is not older has just come.
const FRESH: Ms = 5_000;
/// Headers that must be signed.
const SIGNED: [&str; 5] =
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce"];

/// A message that was accepted.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sms {
    pub(super) at_ms: Ms,
    pub(super) phone: String,
    pub(super) sign_name: String,
    pub(super) template: String,
    pub(super) params: Value,
    /// The parameter `code`.
    pub(super) code: String,
    pub(super) biz_id: String,
}

/// Everything that was accepted, and the nonces that were seen.
#[derive(Default)]
pub(super) struct SmsBox {
    messages: VecDeque<Sms>,
    nonces: HashMap<String, Ms>,
    by_phone: HashMap<String, Vec<Ms>>,
}

/// The route of the gateway.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/", post(gateway))
}

/// A phone number as it is kept: without +86 or 0086 and any other + or 00, without spaces and dashes.
pub(super) fn bare_phone(text: &str) -> String {
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    // In an address a plus sign may have become a space, which is gone by now.
    for prefix in ["+86", "0086", "86"] {
        if let Some(rest) = text.strip_prefix(prefix)
            && rest.len() == 11
        {
            return rest.to_owned();
        }
    }
    let abroad = text.strip_prefix('+').or_else(|| text.strip_prefix("00"));
    abroad.map_or_else(|| text.clone(), ToOwned::to_owned)
}

/// Templates are approved for the mainland or for the rest: here by `HOME` or `GLOBAL` in their names, any other for both.
pub(super) fn suits(template: &str, mainland: bool) -> bool {
    !template.contains(if mainland { "GLOBAL" } else { "HOME" })
}

impl SmsBox {
    /// Messages to a phone (any form), newest last; all of them for `None`.
    pub(super) fn find(&self, phone: Option<&str>) -> Vec<Sms> {
        let wanted = phone.map(bare_phone);
        let fits = |sms: &&Sms| wanted.as_deref().is_none_or(|wanted| sms.phone == wanted);
        self.messages.iter().filter(fits).cloned().collect()
    }

    /// Whether a message came to this phone within the last moments.
    pub(super) fn is_fresh(&self, phone: &str, now: Ms) -> bool {
        let times = self.by_phone.get(&bare_phone(phone)).map(Vec::as_slice).unwrap_or_default();
        times.iter().any(|at| *at > now - FRESH)
    }

    /// The number of the limit in [`LIMITS`] that is reached.
    pub(super) fn check_limits(&self, phone: &str, now: Ms) -> Result<(), usize> {
        let times = self.by_phone.get(phone).map(Vec::as_slice).unwrap_or_default();
        for (limit, (span, most, _)) in LIMITS.into_iter().enumerate() {
            if times.iter().filter(|at| **at > now - span).count() >= most {
                return Err(limit);
            }
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, sms: Sms) {
        let times = self.by_phone.entry(sms.phone.clone()).or_default();
        times.retain(|at| *at > sms.at_ms - DAY);
        times.push(sms.at_ms);
        if self.messages.len() == KEPT {
            self.messages.pop_front();
        }
        self.messages.push_back(sms);
    }
}

/// An error of the gateway, before the SMS service is reached.
struct Gateway(StatusCode, &'static str, &'static str);

async fn gateway(
    State(sandbox): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if headers.contains_key("x-tc-action") {
        return sms_tencent::gateway(&sandbox, &headers, &body).await;
    }
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    if let Err(Gateway(status, code, message)) = authenticate(&sandbox, &query, &headers, &body) {
        let answer = json!({
            "Code": code, "Message": message, "RequestId": random_hex(16), "HostId": "sandbox",
        });
        return (status, Json(answer)).into_response();
    }
    let phone = bare_phone(value(&query, "PhoneNumbers"));
    let fault = sandbox.with(|inner| take_fault(&mut inner.faults, Call::Sms, "", &phone));
    if let Some(fault) = fault {
        return struck(&sandbox, &fault).await;
    }
    let now = sandbox.now();
    match read(&query) {
        Err((code, message)) => business(code, message),
        Ok(sms) => sandbox.with(|inner| {
            if inner.settings.sms_limits
                && let Err(limit) = inner.sms.check_limits(&sms.phone, now)
            {
                return business("isv.BUSINESS_LIMIT_CONTROL", LIMITS[limit].2);
            }
            let biz_id = sms.biz_id.clone();
            inner.sms.keep(Sms { at_ms: now, ..sms });
            let answer =
                json!({ "Code": "OK", "Message": "OK", "BizId": biz_id, "RequestId": random_hex(16) });
            Json(answer).into_response()
        }),
    }
}

async fn struck(sandbox: &Sandbox, fault: &Fault) -> Response {
    match fault.kind {
        FaultKind::Timeout => {
            sandbox.shutdown.cancelled().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        FaultKind::Code => business(&fault.code, &fault.text),
        FaultKind::Garbage => "not json".into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Business errors are HTTP 200.
fn business(code: &str, message: &str) -> Response {
    Json(json!({ "Code": code, "Message": message, "RequestId": random_hex(16) })).into_response()
}

fn value<'q>(query: &'q [(String, String)], name: &str) -> &'q str {
    query.iter().find(|pair| pair.0 == name).map_or("", |pair| pair.1.as_str())
}

/// The message as asked for; its time is set when it is accepted.
fn read(query: &[(String, String)]) -> Result<Sms, (&'static str, &'static str)> {
    let phone = bare_phone(value(query, "PhoneNumbers"));
    // Country code and number of other countries are taken too; which numbers exist there is not checked.
    let mainland = phone.len() == 11 && phone.starts_with('1');
    let abroad = (8..=15).contains(&phone.len()) && !phone.starts_with(['0', '1']);
    if !(mainland || abroad) || !phone.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号"));
    }
    let (sign_name, template) = (value(query, "SignName"), value(query, "TemplateCode"));
    if sign_name.is_empty() {
        return Err(("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法"));
    }
    if !template.starts_with("SMS_") || !suits(template, mainland) {
        return Err(("isv.SMS_TEMPLATE_ILLEGAL", "短信模板不合法"));
    }
    let params: Value = serde_json::from_str(value(query, "TemplateParam"))
        .map_err(|_| ("isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值"))?;
    let code = params["code"].as_str().unwrap_or_default().to_owned();
    if code.is_empty() {
        return Err(("isv.TEMPLATE_MISSING_PARAMETERS", "模板缺少变量"));
    }
    Ok(Sms {
        at_ms: 0,
        phone,
        sign_name: sign_name.to_owned(),
        template: template.to_owned(),
        params,
        code,
        biz_id: random_hex(10),
    })
}

fn authenticate(
    sandbox: &Sandbox,
    query: &[(String, String)],
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Gateway> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("x-acs-action") != "SendSms" || header("x-acs-version") != "2017-05-25" {
        return Err(Gateway(StatusCode::NOT_FOUND, "InvalidAction.NotFound", "Specified api is not found"));
    }
    let now = sandbox.now();
    let date = header("x-acs-date").parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    if !date.is_ok_and(|date| now.abs_diff(date) <= MAX_SKEW.unsigned_abs()) {
        let text = "Specified time stamp or date value is expired.";
        return Err(Gateway(StatusCode::BAD_REQUEST, "InvalidTimeStamp.Expired", text));
    }
    let mismatch = || {
        let text = "Specified signature is not matched with our calculation.";
        Gateway(StatusCode::BAD_REQUEST, "SignatureDoesNotMatch", text)
    };
    let given = Authorization::parse(header("authorization")).ok_or_else(mismatch)?;
    if given.key != sandbox.config.sms_access_key {
        let text = "Specified access key is not found.";
        return Err(Gateway(StatusCode::NOT_FOUND, "InvalidAccessKeyId.NotFound", text));
    }
    let body_hash = hex::encode(Sha256::digest(body));
    if header("x-acs-content-sha256") != body_hash || !SIGNED.iter().all(|name| given.names.contains(name)) {
        return Err(mismatch());
    }
    let signed: Vec<(&str, &str)> = given.names.iter().map(|name| (*name, header(name).trim())).collect();
    let wanted = signature(query, &signed, &body_hash, &sandbox.config.sms_secret);
    if !bool::from(wanted.as_bytes().ct_eq(given.signature.as_bytes())) {
        return Err(mismatch());
    }
    let fresh = sandbox.with(|inner| {
        inner.sms.nonces.retain(|_, seen| *seen > now - 2 * MAX_SKEW);
        inner.sms.nonces.insert(header("x-acs-signature-nonce").to_owned(), now).is_none()
    });
    if fresh {
        Ok(())
    } else {
        let text = "Specified signature nonce was used already.";
        Err(Gateway(StatusCode::BAD_REQUEST, "SignatureNonceUsed", text))
    }
}

/// The parts of the `Authorization` header.
struct Authorization<'h> {
    key: &'h str,
    names: Vec<&'h str>,
    signature: &'h str,
}

impl<'h> Authorization<'h> {
    fn parse(text: &'h str) -> Option<Self> {
        let rest = text.strip_prefix("ACS3-HMAC-SHA256 ")?;
        let part =
            |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let names = part("SignedHeaders")?.split(';').collect();
        Some(Self { key: part("Credential")?, names, signature: part("Signature")? })
    }
}

/// RFC 3986: everything but letters, digits and `-_.~` is encoded.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// The ACS3 signature of a POST to `/`. `headers` are the signed ones, in the order of the header `SignedHeaders`.
fn signature(query: &[(String, String)], headers: &[(&str, &str)], body_hash: &str, secret: &str) -> String {
    let mut pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort_unstable();
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let names: Vec<&str> = headers.iter().map(|header| header.0).collect();
    let (query, lines, names) = (pairs.join("&"), lines.join("\n"), names.join(";"));
    let canonical = format!("POST\n/\n{query}\n{lines}\n\n{names}\n{body_hash}");
    let text = format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    // HMAC takes a key of any length.
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            hex::encode(mac.finalize().into_bytes())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    #[test]
    fn the_signature_vectors_hold() {
        for case in vectors::all()["sms_aliyun_acs3"].as_array().expect("a list") {
            let map = |name: &str| {
                let object = case[name].as_object().expect("an object");
                object.iter().map(|(k, v)| (k.clone(), vectors::text(v).to_owned())).collect::<Vec<_>>()
            };
            let (query, headers) = (map("query"), map("headers"));
            let headers: Vec<_> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let secret = vectors::text(&case["access_key_secret"]);
            let body_hash = vectors::text(&case["headers"]["x-acs-content-sha256"]);
            assert_eq!(signature(&query, &headers, body_hash, secret), vectors::text(&case["signature"]));
            let given = Authorization::parse(vectors::text(&case["authorization"])).expect("readable");
            assert_eq!(given.key, vectors::text(&case["access_key_id"]));
            assert_eq!(given.signature, vectors::text(&case["signature"]));
            assert_eq!(given.names.len(), 6);
        }
    }

    #[test]
    fn phones_are_found_in_every_form() {
        for text in ["13800000000", "+8613800000000", " 8613800000000", "0086 138-0000-0000"] {
            assert_eq!(bare_phone(text), "13800000000", "{text}");
        }
        for text in ["+85261234567", "0085261234567", " 852 6123 4567"] {
            assert_eq!(bare_phone(text), "85261234567", "{text}");
        }
    }

    #[test]
    fn limits_are_rolling() {
        let mut kept = SmsBox::default();
        let sms = |at_ms: Ms| Sms {
            at_ms,
            phone: "13800000000".to_owned(),
            sign_name: "天虹".to_owned(),
            template: "SMS_1".to_owned(),
            params: Value::Null,
            code: "123456".to_owned(),
            biz_id: String::new(),
        };
        for minute in 0..5 {
            let now = DAY + minute * 60_000;
            assert_eq!(kept.check_limits("13800000000", now), Ok(()));
            kept.keep(sms(now));
            assert!(kept.check_limits("13800000000", now + 59_999).is_err());
        }
        let sixth = DAY + 5 * 60_000;
        assert_eq!(kept.check_limits("13800000000", sixth), Err(1));
        assert_eq!(kept.check_limits("13800000001", sixth), Ok(()));
        assert_eq!(kept.check_limits("13800000000", DAY + 3_600_000), Ok(()));
    }
}
