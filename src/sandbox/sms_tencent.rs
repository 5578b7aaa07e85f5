//! Tencent Cloud's SMS gateway, spoken at the same address as Aliyun's: a request with `X-TC-Action` comes here.
//! It checks the TC3 signature, the fields and the limits per phone. Every answer is HTTP 200.

use axum::Json;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::account::random_hex;
use super::faults::{Call, Fault, FaultKind, take_fault};
use super::sms::{Sms, bare_phone, suits};
use super::state::Sandbox;

/// A timestamp further away than this is refused, seconds.
const MAX_SKEW_S: u64 = 300;
/// What the limits of [`super::sms`] are called here, in the same order.
const LIMIT_CODES: [&str; 3] = [
    "LimitExceeded.PhoneNumberThirtySecondLimit",
    "LimitExceeded.PhoneNumberOneHourLimit",
    "LimitExceeded.PhoneNumberDailyLimit",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    phone_number_set: Vec<String>,
    sms_sdk_app_id: String,
    #[serde(default)]
    sign_name: String,
    template_id: String,
    /// Numbers are refused here as they are there.
    #[serde(default)]
    template_param_set: Vec<String>,
}

/// Takes one request.
pub(super) async fn gateway(sandbox: &Sandbox, headers: &HeaderMap, body: &Bytes) -> Response {
    if let Err((code, text)) = authenticate(sandbox, headers, body) {
        return refused(code, text);
    }
    let Ok(asked) = serde_json::from_slice::<Asked>(body) else {
        return refused("InvalidParameter", "The request body is not as documented.");
    };
    let [phone] = asked.phone_number_set.as_slice() else {
        return refused("LimitExceeded.PhoneNumberCountLimit", "One number at a time in this sandbox.");
    };
    let number = bare_phone(phone);
    let fault = sandbox.with(|inner| take_fault(&mut inner.faults, Call::Sms, "", &number));
    if let Some(fault) = fault {
        return struck(sandbox, &fault, phone).await;
    }
    let code = complaint(&asked, phone).unwrap_or_else(|| keep(sandbox, &asked, &number));
    status(phone, code)
}

/// What is wrong with the fields.
fn complaint(asked: &Asked, phone: &str) -> Option<&'static str> {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    let mainland = phone.starts_with("+86");
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Some("InvalidParameterValue.IncorrectPhoneNumber")
    } else if asked.sms_sdk_app_id.is_empty() {
        Some("UnauthorizedOperation.SmsSdkAppIdVerifyFail")
    } else if mainland && asked.sign_name.is_empty() {
        Some("FailedOperation.SignatureIncorrectOrUnapproved")
    } else if asked.template_id.is_empty() {
        Some("FailedOperation.TemplateIncorrectOrUnapproved")
    } else if !suits(&asked.template_id, mainland) {
        Some(if mainland {
            "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone"
        } else {
            "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone"
        })
    } else if asked.template_param_set.is_empty() {
        Some("FailedOperation.TemplateParamSetNotMatchApprovedTemplate")
    } else {
        None
    }
}

/// Keeps the message unless a limit is reached.
fn keep(sandbox: &Sandbox, asked: &Asked, number: &str) -> &'static str {
    let now = sandbox.now();
    sandbox.with(|inner| {
        if inner.settings.sms_limits
            && let Err(limit) = inner.sms.check_limits(number, now)
        {
            return LIMIT_CODES.get(limit).copied().unwrap_or("LimitExceeded.DeliveryFrequencyLimit");
        }
        inner.sms.keep(Sms {
            at_ms: now,
            phone: number.to_owned(),
            sign_name: asked.sign_name.clone(),
            template: asked.template_id.clone(),
            params: json!(asked.template_param_set),
            code: asked.template_param_set.first().cloned().unwrap_or_default(),
            biz_id: random_hex(10),
        });
        "Ok"
    })
}

async fn struck(sandbox: &Sandbox, fault: &Fault, phone: &str) -> Response {
    match fault.kind {
        FaultKind::Timeout => {
            sandbox.shutdown.cancelled().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        FaultKind::Code => status(phone, &fault.code),
        FaultKind::Garbage => "not json".into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn answer(response: &Value) -> Response {
    Json(json!({ "Response": response })).into_response()
}

fn refused(code: &str, text: &str) -> Response {
    answer(&json!({ "Error": { "Code": code, "Message": text }, "RequestId": random_hex(16) }))
}

fn status(phone: &str, code: &str) -> Response {
    let message = if code == "Ok" { "send success" } else { code };
    let status = json!({
        "SerialNo": random_hex(10), "PhoneNumber": phone, "Fee": i32::from(code == "Ok"), "SessionContext": "",
        "Code": code, "Message": message, "IsoCode": "CN",
    });
    answer(&json!({ "SendStatusSet": [status], "RequestId": random_hex(16) }))
}

fn authenticate(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), (&'static str, &'static str)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("x-tc-action") != "SendSms" || header("x-tc-version") != "2021-01-11" {
        return Err(("InvalidAction", "The action is not known in this version."));
    }
    if header("x-tc-region").is_empty() {
        return Err(("MissingParameter", "X-TC-Region is missing."));
    }
    let stamp: i64 =
        header("x-tc-timestamp").parse().map_err(|_| ("InvalidParameter", "X-TC-Timestamp is no number."))?;
    if (sandbox.now() / 1000).abs_diff(stamp) > MAX_SKEW_S {
        return Err(("AuthFailure.SignatureExpire", "The signature has expired."));
    }
    let mismatch = ("AuthFailure.SignatureFailure", "The signature does not match.");
    let given = Authorization::parse(header("authorization")).ok_or(mismatch)?;
    if given.id != sandbox.config.sms_access_key {
        return Err(("AuthFailure.SecretIdNotFound", "The SecretId is not found."));
    }
    let needed = ["content-type", "host"];
    if given.service != "sms" || !needed.iter().all(|name| given.names.contains(name)) {
        return Err(mismatch);
    }
    let line = |name: &&str| format!("{name}:{}\n", header(name).trim().to_lowercase());
    let lines = given.names.iter().map(line).collect::<Vec<_>>().concat();
    let wanted = given.signature(stamp, &lines, body, &sandbox.config.sms_secret);
    if bool::from(wanted.as_bytes().ct_eq(given.signature.as_bytes())) { Ok(()) } else { Err(mismatch) }
}

/// The parts of the `Authorization` header.
struct Authorization<'h> {
    id: &'h str,
    date: &'h str,
    service: &'h str,
    names: Vec<&'h str>,
    signature: &'h str,
}

impl<'h> Authorization<'h> {
    fn parse(text: &'h str) -> Option<Self> {
        let rest = text.strip_prefix("TC3-HMAC-SHA256 ")?;
        let part = |name: &str| rest.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let mut scope = part("Credential")?.split('/');
        let (id, date, service) = (scope.next()?, scope.next()?, scope.next()?);
        if scope.next() != Some("tc3_request") || scope.next().is_some() {
            return None;
        }
        let names = part("SignedHeaders")?.split(';').collect();
        Some(Self { id, date, service, names, signature: part("Signature")? })
    }

    /// The right signature. `lines` are the signed headers, `name:value\n` each.
    fn signature(&self, stamp: i64, lines: &str, body: &[u8], secret: &str) -> String {
        let (names, hash) = (self.names.join(";"), hex::encode(Sha256::digest(body)));
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{hash}");
        let canonical = hex::encode(Sha256::digest(canonical.as_bytes()));
        let (date, service) = (self.date, self.service);
        let text = format!("TC3-HMAC-SHA256\n{stamp}\n{date}/{service}/tc3_request\n{canonical}");
        let day = mac(format!("TC3{secret}").as_bytes(), date);
        let key = mac(&mac(&day, service), "tc3_request");
        hex::encode(mac(&key, &text))
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes a key of any length.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    #[test]
    fn the_signature_vectors_hold() {
        for case in vectors::all()["sms_tencent_tc3"].as_array().expect("a list") {
            let given = Authorization::parse(vectors::text(&case["authorization"])).expect("readable");
            assert_eq!(given.id, vectors::text(&case["secret_id"]));
            let (host, action) =
                (vectors::text(&case["host"]), vectors::text(&case["action"]).to_lowercase());
            let lines =
                format!("content-type:application/json; charset=utf-8\nhost:{host}\nx-tc-action:{action}\n");
            let stamp = case["timestamp"].as_i64().expect("a number");
            let body = vectors::text(&case["body"]).as_bytes();
            let secret = vectors::text(&case["secret_key"]);
            assert_eq!(given.signature(stamp, &lines, body, secret), vectors::text(&case["signature"]));
            assert_ne!(given.signature(stamp + 1, &lines, body, secret), vectors::text(&case["signature"]));
        }
    }
}
