//! Codes by SMS: six digits, five minutes, five tries, bound to openid, phone and meeting, stored as a keyed hash. An
//! uninvited phone gets the same answers as an invited one, but no SMS.

use super::{
    outbox::{Letter, Outbox},
    spend,
};
use crate::{
    app::App,
    auth::Attendee,
    clock::{DAY, Ms},
    config::Secret,
    error::{ApiError, ApiResult},
    keys::{self, Purpose},
    people::trouble::{self, STOPPED},
    phone::Phone,
    store::{CodeTry, Hit},
    wire::CodeSent,
};

/// A code ends after this time.
pub(super) const CODE_LIFE: Ms = 5 * MINUTE;
/// Tries of one code.
const CODE_TRIES: u32 = 5;
/// Tries for one phone within an hour, over all codes.
const PHONE_TRIES: usize = 10;
/// Tries of one account within an hour, over all phones.
const OPENID_TRIES: usize = 20;
pub(super) const MINUTE: Ms = 60_000;
pub(super) const HOUR: Ms = 60 * MINUTE;

/// What a code belongs to, as keyed hashes: the store learns neither phone nor openid.
pub(super) struct Holder {
    phone: String,
    openid: String,
    code: String,
}

impl Holder {
    pub(super) fn new(app: &App, meeting: &str, openid: &str, phone: &Phone) -> Self {
        let mac = |parts: &[&[u8]]| hex::encode(app.keys().mac(Purpose::Otp, parts));
        let (e164, openid) = (phone.e164().as_bytes(), openid.as_bytes());
        Self {
            phone: mac(&[b"phone", e164]),
            openid: mac(&[b"openid", openid]),
            code: mac(&[b"code", meeting.as_bytes(), openid, e164]),
        }
    }

    fn hash(&self, app: &App, code: &str) -> String {
        hex::encode(app.keys().mac(Purpose::Otp, &[b"hash", self.code.as_bytes(), code.as_bytes()]))
    }
}

/// Promises a code, within the limits. Everything that depends on who is invited happens after the answer, so that an
/// uninvited phone is answered no faster.
pub(super) async fn send(
    app: &App,
    attendee: &Attendee,
    meeting: &str,
    phone: &Phone,
) -> ApiResult<CodeSent> {
    let holder = Holder::new(app, meeting, &attendee.openid, phone);
    if app.store().get(STOPPED).await?.is_some() || app.kept::<Outbox>().is_full() {
        return Err(unavailable());
    }
    spend::allowed(app, meeting).await?;
    limit(app, &holder).await?;
    let code = six_digits();
    app.store().put_code(&key(&holder), &holder.hash(app, &code), CODE_LIFE).await?;
    trouble::promised(app, meeting, &attendee.openid).await?;
    let now = app.now();
    app.kept::<Outbox>().put(Letter {
        meeting: meeting.to_owned(),
        phone: phone.clone(),
        openid: attendee.openid.clone(),
        openid_index: holder.openid,
        code: Secret::from(code.as_str()),
    });
    Ok(CodeSent { again_at: now + MINUTE, expires_at: now + CODE_LIFE })
}

fn key(holder: &Holder) -> String {
    format!("otp:{}", holder.code)
}

/// Uniform over 000000 … 999999, from the operating system.
fn six_digits() -> String {
    const RANGE: u32 = 1_000_000;
    const FAIR: u32 = u32::MAX - u32::MAX % RANGE;
    loop {
        let word = u32::from_be_bytes(keys::random());
        if word < FAIR {
            return format!("{:06}", word % RANGE);
        }
    }
}

/// 1 a minute, 5 an hour, 10 a day for a phone; 5 an hour for an openid. All are counted, or none: an account that may
/// send no more cannot use up what somebody else's phone may be sent.
async fn limit(app: &App, holder: &Holder) -> ApiResult<()> {
    let limits = [
        (format!("sms:openid:hour:{}", holder.openid), HOUR, 5),
        (format!("sms:phone:minute:{}", holder.phone), MINUTE, 1),
        (format!("sms:phone:hour:{}", holder.phone), HOUR, 5),
        (format!("sms:phone:day:{}", holder.phone), DAY, 10),
    ];
    match app.store().hit_all(&limits).await? {
        Hit::Ok => Ok(()),
        Hit::RetryAfter(ms) => {
            Err(ApiError::too_many("code_throttled", "验证码发送太频繁，请稍后再试。", seconds(ms)))
        }
    }
}

fn seconds(ms: Ms) -> i64 {
    ms.saturating_add(999) / 1000
}

/// 503 for everybody while the provider has stopped us, or when more codes wait than can be sent in time.
fn unavailable() -> ApiError {
    ApiError::unavailable("短信暂时发不出去，请联系主持人，或稍后再试。")
}

/// Uses up a code. Every try is counted before it is compared. What is compared with nothing, since this account asked for
/// no code or used it up, is no try: it would be counted against a phone that may be somebody else's.
pub(super) async fn redeem(app: &App, holder: &Holder, code: &str) -> ApiResult<()> {
    if let Some(dead) = app.store().dead_code(&key(holder), CODE_TRIES).await? {
        return judge(dead);
    }
    let tries = [
        (format!("otp:tries:openid:{}", holder.openid), HOUR, OPENID_TRIES),
        (format!("otp:tries:{}", holder.phone), HOUR, PHONE_TRIES),
    ];
    if let Hit::RetryAfter(ms) = app.store().hit_all(&tries).await? {
        return Err(too_many(ms));
    }
    judge(app.store().take_try(&key(holder), &holder.hash(app, code), CODE_TRIES).await?)
}

fn judge(tried: CodeTry) -> ApiResult<()> {
    match tried {
        CodeTry::Right => Ok(()),
        CodeTry::Wrong { left } => {
            Err(ApiError::bad_request("code_wrong", format!("验证码不对，还可以试 {left} 次。"))
                .field("code"))
        }
        CodeTry::TooMany => Err(too_many(MINUTE)),
        CodeTry::Used => {
            Err(ApiError::bad_request("code_used", "这个验证码已经用过了，请重新获取。").field("code"))
        }
        CodeTry::Expired => {
            Err(ApiError::bad_request("code_expired", "验证码已过期或还没有获取，请重新获取。").field("code"))
        }
    }
}

fn kept(holder: &Holder) -> String {
    format!("otp:kept:{}", holder.code)
}

/// Keeps a right code that led to nothing yet good for its owner.
pub(super) async fn keep(app: &App, holder: &Holder, code: &str) -> ApiResult<()> {
    Ok(app.store().set(&kept(holder), &holder.hash(app, code), CODE_LIFE).await?)
}

/// Whether this code was right a moment ago and was kept. Nobody but who gave it can ask: it belongs to their openid.
pub(super) async fn is_kept(app: &App, holder: &Holder, code: &str) -> ApiResult<bool> {
    Ok(app.store().get(&kept(holder)).await?.is_some_and(|hash| hash == holder.hash(app, code)))
}

/// A code that was kept has led to a place: it is used up.
pub(super) async fn forget(app: &App, holder: &Holder) -> ApiResult<()> {
    Ok(app.store().set(&kept(holder), "", CODE_LIFE).await?)
}

fn too_many(ms: Ms) -> ApiError {
    ApiError::too_many("code_tries", "验证码试错太多次，请稍后重新获取。", seconds(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_six_digits_and_differ() {
        let codes: std::collections::HashSet<String> = (0..200).map(|_| six_digits()).collect();
        assert!(codes.len() > 150);
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())));
        assert_eq!((seconds(1), seconds(1000), seconds(1001)), (1, 1, 2));
    }
}
