//! Tencent Cloud SMS 2021-01-11, signed with TC3-HMAC-SHA256. (wechat: §8.2)

use anyhow::ensure;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use super::{ANSWER_BYTES, SmsError, Wordings, client, host, transport, unlisted, unread};
use crate::{
    answer,
    clock::Ms,
    config::{Secret, SmsConfig},
    phone::Phone,
};

/// The provider's own address.
const BASE: &str = "https://sms.tencentcloudapi.com";
const ACTION: &str = "SendSms";
const CONTENT_TYPE: &str = "application/json; charset=utf-8";
/// Part of the signature's scope.
const SERVICE: &str = "sms";
const HOUR_MS: Ms = 3_600_000;
/// Packages that were bought so long ago hold no more.
const PACKAGE_MS: Ms = 3 * 366 * 24 * HOUR_MS;
/// Most packages that are asked for.
const PACKAGES: u32 = 100;

/// The client.
#[derive(Clone, Debug)]
pub struct Tencent {
    http: reqwest::Client,
    base: Url,
    access_key: String,
    secret: Secret,
    wordings: Wordings,
    app_id: String,
    region: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Response")]
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "Error")]
    error: Option<Coded>,
    #[serde(rename = "SendStatusSet", default)]
    statuses: Vec<Coded>,
    #[serde(rename = "SmsPackagesStatisticsSet", default)]
    packages: Vec<Package>,
}

/// Messages that were bought beforehand.
#[derive(Deserialize)]
struct Package {
    #[serde(rename = "PackageEffectiveTime")]
    from: i64,
    #[serde(rename = "PackageExpiredTime")]
    until: i64,
    #[serde(rename = "PackageAmount")]
    amount: i64,
    #[serde(rename = "CurrentUsage")]
    used: i64,
}

#[derive(Deserialize)]
struct Coded {
    #[serde(rename = "Code")]
    code: String,
}

impl Tencent {
    pub(super) fn open(config: &SmsConfig) -> anyhow::Result<Self> {
        ensure!(
            !config.access_key.is_empty() && !config.secret.is_empty(),
            "access_key (SecretId) and secret (SecretKey) must be set for tencent"
        );
        ensure!(
            !config.sign_name.is_empty() && !config.template.is_empty() && !config.app_id.is_empty(),
            "sign_name, template and app_id must be set for tencent"
        );
        let (http, base) = client(&config.api_base, BASE)?;
        Ok(Self {
            http,
            base,
            access_key: config.access_key.clone(),
            secret: config.secret.clone(),
            wordings: Wordings::of(config),
            app_id: config.app_id.clone(),
            region: config.region.clone(),
        })
    }

    pub(super) async fn send(&self, phone: &Phone, code: &str, now: Ms) -> Result<(), SmsError> {
        let wording = self.wordings.of_phone(phone);
        let body = json!({
            "PhoneNumberSet": [phone.e164()],
            "SmsSdkAppId": self.app_id,
            "SignName": wording.sign_name,
            "TemplateId": wording.template,
            "TemplateParamSet": [code],
        })
        .to_string();
        read(&self.call(ACTION, body, now).await?)
    }

    /// Messages that are left in packages that hold now; nothing when there is none, as for those who pay afterwards.
    pub(super) async fn left(&self, now: Ms) -> Result<Option<i64>, SmsError> {
        let hour = |at: Ms| {
            let moment = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            moment.strftime("%Y%m%d%H").to_string()
        };
        let body = json!({
            "SmsSdkAppId": self.app_id, "Limit": PACKAGES, "Offset": 0,
            "BeginTime": hour(now - PACKAGE_MS), "EndTime": hour(now + HOUR_MS * 24),
        });
        left_of(&self.call("SmsPackagesStatistics", body.to_string(), now).await?, now / 1000)
    }

    async fn call(&self, action: &str, body: String, now: Ms) -> Result<Vec<u8>, SmsError> {
        let host = host(&self.base);
        let signed = Signed { service: SERVICE, host: &host, action, timestamp_s: now / 1000, body: &body };
        let authorization = signed.authorization(&self.access_key, self.secret.expose());
        let mut url = self.base.clone();
        url.set_path("/");
        let request = self
            .http
            .post(url)
            .header("authorization", authorization)
            .header("content-type", CONTENT_TYPE)
            .header("x-tc-action", action)
            .header("x-tc-version", "2021-01-11")
            .header("x-tc-timestamp", signed.timestamp_s)
            .header("x-tc-region", &self.region)
            .body(body);
        let answer = request.send().await.map_err(|error| transport(&error))?;
        answer::read(answer, ANSWER_BYTES).await.map_err(unread)
    }
}

/// What is left of the packages that hold at `now_s`.
fn left_of(bytes: &[u8], now_s: i64) -> Result<Option<i64>, SmsError> {
    let answer: Answer =
        serde_json::from_slice(bytes).map_err(|_| SmsError::Unknown("not the expected JSON".to_owned()))?;
    if let Some(error) = answer.response.error {
        judge(&error.code)?;
    }
    let holds = |package: &&Package| (package.from..package.until).contains(&now_s);
    let mut left = answer.response.packages.iter().filter(holds).map(|package| package.amount - package.used);
    Ok(left.next().map(|first| first + left.sum::<i64>()))
}

/// Both levels are looked at: the gateway's error, and what became of the one number.
fn read(bytes: &[u8]) -> Result<(), SmsError> {
    let answer: Answer =
        serde_json::from_slice(bytes).map_err(|_| SmsError::Unknown("not the expected JSON".to_owned()))?;
    match (answer.response.error, answer.response.statuses.as_slice()) {
        (Some(error), _) => judge(&error.code),
        (None, [status]) => judge(&status.code),
        (None, _) => Err(SmsError::Unknown("no status of the number".to_owned())),
    }
}

/// What a code means.
fn judge(code: &str) -> Result<(), SmsError> {
    let named = || code.chars().take(64).collect::<String>();
    Err(match code {
        "Ok" => return Ok(()),
        "LimitExceeded.PhoneNumberThirtySecondLimit"
        | "LimitExceeded.PhoneNumberOneHourLimit"
        | "LimitExceeded.PhoneNumberDailyLimit"
        | "LimitExceeded.PhoneNumberSameContentDailyLimit"
        | "LimitExceeded.DeliveryFrequencyLimit" => SmsError::Wait(named()),
        "InvalidParameterValue.IncorrectPhoneNumber" | "FailedOperation.PhoneNumberInBlacklist" => {
            SmsError::Number(named())
        }
        // The template is the mainland's and the number is not, or nothing is sent to that country.
        _ if code.starts_with("UnsupportedOperation") => SmsError::Number(named()),
        "FailedOperation.InsufficientBalanceInSmsPackage" => SmsError::Stopped(named()),
        // The account's own day limits; whether it may send at all.
        _ if code.starts_with("LimitExceeded.App") || code.starts_with("UnauthorizedOperation") => {
            SmsError::Stopped(named())
        }
        _ if code.starts_with("InternalError") || code.starts_with("RequestLimitExceeded") => {
            SmsError::Unknown(named())
        }
        _ if is_config(code) => SmsError::Config(named()),
        _ => unlisted(named()),
    })
}

/// Signature, template and parameter faults, unknown keys, a clock that is wrong: a person has to look.
fn is_config(code: &str) -> bool {
    const LISTED: [&str; 11] = [
        "FailedOperation.TemplateIncorrectOrUnapproved",
        "FailedOperation.TemplateUnapprovedOrNotExist",
        "FailedOperation.SignatureIncorrectOrUnapproved",
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        "FailedOperation.ContainSensitiveWord",
        "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
        "InvalidParameterValue.SdkAppIdNotExist",
        "InvalidParameterValue.TemplateParameterFormatError",
        "InvalidParameterValue.TemplateParameterLengthLimit",
        "InvalidParameter",
        "InvalidAction",
    ];
    LISTED.contains(&code) || code.starts_with("AuthFailure") || code.starts_with("MissingParameter")
}

/// What a request is signed over.
struct Signed<'a> {
    service: &'a str,
    host: &'a str,
    action: &'a str,
    timestamp_s: i64,
    body: &'a str,
}

impl Signed<'_> {
    /// The `Authorization` header.
    fn authorization(&self, id: &str, secret: &str) -> String {
        let moment = jiff::Timestamp::from_second(self.timestamp_s).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = moment.strftime("%Y-%m-%d").to_string();
        let scope = format!("{date}/{}/tc3_request", self.service);
        let canonical = format!(
            "POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{}\nx-tc-action:{}\n\ncontent-type;host;x-tc-action\n{}",
            self.host.to_lowercase(),
            self.action.to_lowercase(),
            sha256(self.body)
        );
        let text = format!("TC3-HMAC-SHA256\n{}\n{scope}\n{}", self.timestamp_s, sha256(&canonical));
        let key = [date.as_str(), self.service, "tc3_request", text.as_str()]
            .iter()
            .fold(format!("TC3{secret}").into_bytes(), |key, part| hmac(&key, part));
        format!(
            "TC3-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders=content-type;host;x-tc-action, Signature={}",
            hex::encode(key)
        )
    }
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    #[test]
    fn the_vectors_sign_to_the_same_bytes() {
        let all = vectors::all();
        let cases = all["sms_tencent_tc3"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        for case in cases {
            let host = vectors::text(&case["host"]);
            let signed = Signed {
                service: host.split('.').next().unwrap(),
                host,
                action: vectors::text(&case["action"]),
                timestamp_s: case["timestamp"].as_i64().unwrap(),
                body: vectors::text(&case["body"]),
            };
            let made =
                signed.authorization(vectors::text(&case["secret_id"]), vectors::text(&case["secret_key"]));
            assert_eq!(made, vectors::text(&case["authorization"]));
        }
    }

    #[test]
    fn what_is_left_is_counted_in_the_packages_that_hold() {
        let package = |from: i64, until: i64, amount: i64, used: i64| json!({ "PackageEffectiveTime": from, "PackageExpiredTime": until, "PackageAmount": amount, "CurrentUsage": used });
        let set = |packages: &[serde_json::Value]| {
            json!({ "Response": { "SmsPackagesStatisticsSet": packages } }).to_string().into_bytes()
        };
        let all = [
            package(100, 200, 1000, 400),
            package(150, 300, 50, 0),
            package(0, 150, 9, 0),
            package(151, 300, 9, 0),
        ];
        assert_eq!(left_of(&set(&all), 150), Ok(Some(650)));
        assert_eq!(left_of(&set(&[]), 150), Ok(None));
        let refused = json!({ "Response": { "Error": { "Code": "AuthFailure.UnauthorizedOperation" } } });
        assert_eq!(left_of(refused.to_string().as_bytes(), 150).unwrap_err().word(), "config");
    }

    #[test]
    fn answers_are_judged_at_both_levels() {
        let one = |code: &str| {
            read(json!({"Response": {"SendStatusSet": [{"Code": code}]}}).to_string().as_bytes())
        };
        assert_eq!(one("Ok"), Ok(()));
        let word = |code| one(code).unwrap_err().word();
        assert_eq!(word("LimitExceeded.PhoneNumberDailyLimit"), "wait");
        assert_eq!(word("LimitExceeded.AppDailyLimit"), "stopped");
        assert_eq!(word("FailedOperation.PhoneNumberInBlacklist"), "number");
        assert_eq!(word("FailedOperation.TemplateIncorrectOrUnapproved"), "config");
        assert_eq!(word("FailedOperation.InsufficientBalanceInSmsPackage"), "stopped");
        assert_eq!(word("UnauthorizedOperation.SmsSdkAppIdVerifyFail"), "stopped");
        assert_eq!(word("InternalError.Timeout"), "unknown");
        assert_eq!(word("UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone"), "number");
        assert_eq!(word("UnsupportedOperation.UnsupportedRegion"), "number");
        assert_eq!(word("FailedOperation.NeverHeardOf"), "unknown");
        let gateway = json!({"Response": {"Error": {"Code": "AuthFailure.SignatureExpire"}}}).to_string();
        assert_eq!(read(gateway.as_bytes()).unwrap_err().word(), "config");
        for odd in ["", "<html>", "{}", "{\"Response\":{}}", "{\"Response\":{\"SendStatusSet\":[]}}"] {
            assert_eq!(read(odd.as_bytes()).unwrap_err().word(), "unknown", "{odd}");
        }
    }
}
