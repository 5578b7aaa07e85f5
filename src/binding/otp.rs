//! Codes by SMS: six digits, five minutes, five tries, bound to openid, phone and meeting, stored as a keyed hash. An
//! uninvited phone gets the same answers as an invited one, but no SMS.

use sqlx::Row;

use crate::{
    app::App,
    auth::Attendee,
    clock::{DAY, Ms},
    error::{ApiError, ApiResult},
    keys::{self, Purpose},
    phone::Phone,
    sms::SmsError,
    store::{CodeTry, Hit},
    wire::CodeSent,
};

/// A code ends after this time.
pub(super) const CODE_LIFE: Ms = 5 * MINUTE;
/// Tries of one code.
const CODE_TRIES: u32 = 5;
/// Tries for one phone within an hour, over all codes.
const PHONE_TRIES: usize = 10;
/// SMS that a meeting may send for each invited person.
const SENDS_PER_INVITED: i64 = 2;
/// After the provider stopped us, nobody is sent anything for this long.
const STOP: Ms = MINUTE;
const STOPPED: &str = "sms:stopped";
const MINUTE: Ms = 60_000;
const HOUR: Ms = 60 * MINUTE;

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

/// Sends a code, within the limits.
pub(super) async fn send(
    app: &App,
    attendee: &Attendee,
    meeting: &str,
    phone: &Phone,
) -> ApiResult<CodeSent> {
    let holder = Holder::new(app, meeting, &attendee.openid, phone);
    spend_allowed(app, meeting).await?;
    limit(app, &holder).await?;
    let code = six_digits();
    app.store().put_code(&key(&holder), &holder.hash(app, &code), CODE_LIFE).await?;
    let now = app.now();
    let sent = CodeSent { again_at: now + MINUTE, expires_at: now + CODE_LIFE };
    let index = phone.index(app.keys(), meeting);
    if is_invited(app, meeting, &index).await? {
        deliver(app, (meeting, &index, &attendee.openid), phone, &code).await?;
    }
    Ok(sent)
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

/// 1 a minute, 5 an hour, 10 a day for a phone; 5 an hour for an openid.
async fn limit(app: &App, holder: &Holder) -> ApiResult<()> {
    let limits = [
        (format!("sms:phone:minute:{}", holder.phone), MINUTE, 1),
        (format!("sms:openid:hour:{}", holder.openid), HOUR, 5),
        (format!("sms:phone:hour:{}", holder.phone), HOUR, 5),
        (format!("sms:phone:day:{}", holder.phone), DAY, 10),
    ];
    for (key, window, most) in limits {
        if let Hit::RetryAfter(ms) = app.store().hit(&key, window, most).await? {
            return Err(ApiError::too_many("code_throttled", "验证码发送太频繁，请稍后再试。", seconds(ms)));
        }
    }
    Ok(())
}

fn seconds(ms: Ms) -> i64 {
    ms.saturating_add(999) / 1000
}

/// The spend stop: twice as many SMS as invited people, and none while the provider has stopped us. The same answer
/// for every phone.
async fn spend_allowed(app: &App, meeting: &str) -> ApiResult<()> {
    if app.store().get(STOPPED).await?.is_some() {
        return Err(unavailable());
    }
    let row = sqlx::query(
        "select (select cast(count(*) as bigint) from sms_send where meeting_id = $1), \
         (select cast(count(*) as bigint) from person where meeting_id = $1 and removed = 0)",
    )
    .bind(meeting)
    .fetch_one(app.db().read())
    .await?;
    let (sent, invited): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    // A meeting without a roster sends nothing anyway; its answers must not tell.
    if invited > 0 && sent >= invited * SENDS_PER_INVITED {
        tracing::error!(meeting, sent, invited, "the meeting's SMS allowance is used up");
        return Err(ApiError::too_many("sms_allowance", "本活动的短信已用完，请联系主持人。", HOUR / 1000));
    }
    Ok(())
}

async fn is_invited(app: &App, meeting: &str, phone_index: &str) -> ApiResult<bool> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from person where meeting_id = $1 and phone_index = $2 and removed = 0",
    )
    .bind(meeting)
    .bind(phone_index)
    .fetch_one(app.db().read())
    .await?;
    let count: i64 = row.try_get(0)?;
    Ok(count > 0)
}

/// Counts the SMS first (an answer may be lost, the money is not), then sends it once.
async fn deliver(
    app: &App,
    (meeting, index, openid): (&str, &str, &str),
    phone: &Phone,
    code: &str,
) -> ApiResult<()> {
    let id = keys::row_id();
    let mut tx = app.db().begin().await?;
    sqlx::query(
        "insert into sms_send (id, meeting_id, phone_index, openid, outcome, at) values ($1, $2, $3, $4, 'sending', $5)",
    )
    .bind(&id)
    .bind(meeting)
    .bind(index)
    .bind(openid)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    let outcome = app.sms().send(phone, code, app.now()).await;
    let word = outcome.as_ref().map_or_else(SmsError::word, |()| "sent");
    let mut tx = app.db().begin().await?;
    sqlx::query("update sms_send set outcome = $1 where id = $2")
        .bind(word)
        .bind(&id)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    answer(app, outcome).await
}

/// What the person sees.
async fn answer(app: &App, outcome: Result<(), SmsError>) -> ApiResult<()> {
    let Err(error) = outcome else { return Ok(()) };
    match error {
        SmsError::Wait(_) => {
            Err(ApiError::too_many("code_throttled", "这个号码收验证码太频繁，请稍后再试。", 60))
        }
        SmsError::Number(_) => {
            Err(ApiError::invalid("phone_invalid", "phone", "短信运营商不接受这个号码，请核对手机号。"))
        }
        SmsError::Config(_) | SmsError::Stopped(_) => {
            tracing::error!(%error, "SMS cannot be sent: check [sms] and the provider's account");
            app.store().set(STOPPED, error.word(), STOP).await?;
            Err(unavailable())
        }
        // It may have arrived: the person looks, and may ask again after a minute.
        SmsError::Unknown(_) => {
            tracing::warn!(%error, "it is not known whether an SMS was sent");
            Ok(())
        }
    }
}

fn unavailable() -> ApiError {
    ApiError::unavailable("短信暂时发不出去，请联系主持人，或稍后再试。")
}

/// Uses up a code. Every try is counted before it is compared.
pub(super) async fn redeem(app: &App, holder: &Holder, code: &str) -> ApiResult<()> {
    let tries = format!("otp:tries:{}", holder.phone);
    if let Hit::RetryAfter(ms) = app.store().hit(&tries, HOUR, PHONE_TRIES).await? {
        return Err(too_many(ms));
    }
    match app.store().take_try(&key(holder), &holder.hash(app, code), CODE_TRIES).await? {
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
