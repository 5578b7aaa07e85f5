//! Aliyun Dysmsapi 2017-05-25, signed with ACS3-HMAC-SHA256. (wechat: §8.1)

use std::collections::BTreeMap;

use anyhow::ensure;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::{ANSWER_BYTES, SmsError, Wordings, client, host, transport, unlisted, unread};
use crate::{
    answer,
    clock::Ms,
    config::{Secret, SmsConfig},
    keys,
    phone::Phone,
};

/// The provider's own address.
const BASE: &str = "https://dysmsapi.aliyuncs.com";
/// SHA-256 of an empty body: all parameters stand in the address.
const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The client.
#[derive(Clone, Debug)]
pub struct Aliyun {
    http: reqwest::Client,
    base: Url,
    access_key: String,
    secret: Secret,
    wordings: Wordings,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Code")]
    code: String,
}

impl Aliyun {
    pub(super) fn open(config: &SmsConfig) -> anyhow::Result<Self> {
        ensure!(
            !config.access_key.is_empty() && !config.secret.is_empty(),
            "access_key and secret must be set for aliyun"
        );
        ensure!(
            !config.sign_name.is_empty() && !config.template.is_empty(),
            "sign_name and template must be set for aliyun"
        );
        let (http, base) = client(&config.api_base, BASE)?;
        Ok(Self {
            http,
            base,
            access_key: config.access_key.clone(),
            secret: config.secret.clone(),
            wordings: Wordings::of(config),
        })
    }

    pub(super) async fn send(&self, phone: &Phone, code: &str, now: Ms) -> Result<(), SmsError> {
        let param = serde_json::json!({ "code": code }).to_string();
        let wording = self.wordings.of_phone(phone);
        let query = BTreeMap::from([
            ("PhoneNumbers", phone.dialled()),
            ("SignName", wording.sign_name.as_str()),
            ("TemplateCode", wording.template.as_str()),
            ("TemplateParam", param.as_str()),
        ]);
        let date = utc(now);
        let nonce = hex::encode(keys::random::<16>());
        let host = host(&self.base);
        let headers = BTreeMap::from([
            ("host", host.as_str()),
            ("x-acs-action", "SendSms"),
            ("x-acs-version", "2017-05-25"),
            ("x-acs-date", date.as_str()),
            ("x-acs-signature-nonce", nonce.as_str()),
            ("x-acs-content-sha256", EMPTY_HASH),
        ]);
        let query = canonical_query(&query);
        let authorization = authorization(&self.access_key, self.secret.expose(), &query, &headers);
        let mut url = self.base.clone();
        url.set_path("/");
        url.set_query(Some(&query));
        let mut request = self.http.post(url).header("authorization", authorization);
        for (name, value) in headers.into_iter().filter(|(name, _)| *name != "host") {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| transport(&error))?;
        let body = answer::read(answer, ANSWER_BYTES).await.map_err(unread)?;
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| SmsError::Unknown("not JSON".to_owned()))?;
        judge(&answer.code)
    }
}

/// What a code means. The gateway's own errors and business errors share one field.
fn judge(code: &str) -> Result<(), SmsError> {
    let named = || code.chars().take(64).collect::<String>();
    Err(match code {
        "OK" => return Ok(()),
        "isv.BUSINESS_LIMIT_CONTROL" => SmsError::Wait(named()),
        "isv.MOBILE_NUMBER_ILLEGAL"
        | "isv.MOBILE_COUNT_OVER_LIMIT"
        | "isv.NOT_SUPPORTED_COUNTRY"
        | "isv.COUNTRY_RESTRICTED"
        | "isv.DOMESTIC_NUMBER_NOT_SUPPORTED" => SmsError::Number(named()),
        "isv.AMOUNT_NOT_ENOUGH"
        | "isv.OUT_OF_SERVICE"
        | "isv.DAY_LIMIT_CONTROL"
        | "isv.ACCOUNT_NOT_EXISTS"
        | "isv.ACCOUNT_ABNORMAL"
        | "isv.PRODUCT_UN_SUBSCRIPT"
        | "isv.PRODUCT_UNSUBSCRIBE"
        | "isp.RAM_PERMISSION_DENY"
        | "isv.BLACK_KEY_CONTROL_LIMIT" => SmsError::Stopped(named()),
        "isp.SYSTEM_ERROR" => SmsError::Unknown(named()),
        _ if code.starts_with("Throttling") => SmsError::Unknown(named()),
        _ if is_config(code) => SmsError::Config(named()),
        _ => unlisted(named()),
    })
}

/// Signature, template and parameter faults, unknown keys, a clock that is wrong: a person has to look.
fn is_config(code: &str) -> bool {
    const BUSINESS: [&str; 9] = [
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.SMS_SIGN_NAME_ILLEGAL",
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL",
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.INVALID_PARAMETERS",
        "isv.INVALID_JSON_PARAM",
        "isv.PARAM_LENGTH_LIMIT",
    ];
    const GATEWAY: [&str; 7] = [
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidTimeStamp",
        "InvalidAction",
        "Forbidden",
        "Missing",
    ];
    BUSINESS.contains(&code) || GATEWAY.iter().any(|begins| code.starts_with(begins))
}

/// `2026-11-23T08:00:00Z`.
fn utc(ms: Ms) -> String {
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3986: only letters, digits, `-_.~` stay.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn canonical_query(query: &BTreeMap<&str, &str>) -> String {
    let pairs = query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The `Authorization` header.
fn authorization(access_key: &str, secret: &str, query: &str, headers: &BTreeMap<&str, &str>) -> String {
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}:{}", value.trim())).collect();
    let lines = lines.join("\n");
    let names = headers.keys().copied().collect::<Vec<_>>().join(";");
    let body_hash = headers.get("x-acs-content-sha256").copied().unwrap_or(EMPTY_HASH);
    let canonical = format!("POST\n/\n{query}\n{lines}\n\n{names}\n{body_hash}");
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(to_sign.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    format!("ACS3-HMAC-SHA256 Credential={access_key},SignedHeaders={names},Signature={signature}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    #[test]
    fn the_vectors_sign_to_the_same_bytes() {
        let all = vectors::all();
        let cases = all["sms_aliyun_acs3"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        for case in cases {
            let map = |name: &str| -> BTreeMap<String, String> {
                serde_json::from_value(case[name].clone()).unwrap()
            };
            let (query, headers) = (map("query"), map("headers"));
            let query: BTreeMap<&str, &str> = query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let headers: BTreeMap<&str, &str> =
                headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let signed = authorization(
                vectors::text(&case["access_key_id"]),
                vectors::text(&case["access_key_secret"]),
                &canonical_query(&query),
                &headers,
            );
            assert_eq!(signed, vectors::text(&case["authorization"]));
        }
    }

    #[test]
    fn codes_are_judged_by_what_can_be_done() {
        assert_eq!(judge("OK"), Ok(()));
        let word = |code| judge(code).unwrap_err().word();
        assert_eq!(word("isv.BUSINESS_LIMIT_CONTROL"), "wait");
        assert_eq!(word("isv.MOBILE_NUMBER_ILLEGAL"), "number");
        assert_eq!(word("isv.SMS_TEMPLATE_ILLEGAL"), "config");
        assert_eq!(word("SignatureDoesNotMatch"), "config");
        assert_eq!(word("InvalidAccessKeyId.NotFound"), "config");
        assert_eq!(word("InvalidTimeStamp.Expired"), "config");
        assert_eq!(word("isv.NOT_SUPPORTED_COUNTRY"), "number");
        assert_eq!(word("isv.NEVER_HEARD_OF"), "unknown");
        assert_eq!(word("SignatureNonceUsed"), "unknown");
        assert_eq!(word("isv.AMOUNT_NOT_ENOUGH"), "stopped");
        assert_eq!(word("Throttling.User"), "unknown");
        assert_eq!(utc(1_795_420_800_000), "2026-11-23T08:00:00Z");
    }
}
