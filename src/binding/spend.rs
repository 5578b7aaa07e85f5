//! The spend stop: a meeting sends at most twice as many SMS as it has invited people, or, where people
//! register themselves, as the host expects; whoever asks.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use sqlx::Row;

use super::otp::HOUR;
use crate::{
    app::App,
    clock::Ms,
    db::Tx,
    error::{ApiError, ApiResult},
    wire::{MeetingSettings, Registration},
};

/// SMS that a meeting may send for each invited person.
const SENDS_PER_INVITED: i64 = 2;
/// The number of invited people is counted anew after this time.
const COUNTED: Ms = 2_000;

/// How many are invited to a meeting, and when they were counted: a rush of thousands asks once.
#[derive(Debug, Default)]
struct Invited(Mutex<HashMap<String, (i64, Ms)>>);

/// 429 `sms_allowance` once the allowance is used up; the same answer for every phone.
pub(super) async fn allowed(app: &App, meeting: &str) -> ApiResult<()> {
    let (sent, most) = reach(app, meeting, 1).await?;
    // A meeting without a roster sends nothing anyway; its answers must not tell.
    if most > 0 && sent >= most {
        tracing::error!(meeting, sent, most, "the meeting's SMS allowance is used up");
        return Err(ApiError::too_many("sms_allowance", "本活动的短信已用完，请联系主持人。", HOUR / 1000));
    }
    Ok(())
}

/// SMS that the meeting has sent, and those that it may send in all, when so many more are `wanted`.
pub(super) async fn reach(app: &App, meeting: &str, wanted: i64) -> ApiResult<(i64, i64)> {
    let row = sqlx::query("select sent from sms_spend where meeting_id = $1")
        .bind(meeting)
        .fetch_optional(app.db().read())
        .await?;
    let sent: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    let mut most = allowance(app, meeting).await?;
    if sent + wanted > most {
        // People may have been added since they were counted.
        most = recount(app, meeting).await?;
    }
    Ok((sent, most))
}

/// SMS that the meeting may send in all.
pub(super) async fn allowance(app: &App, meeting: &str) -> ApiResult<i64> {
    let kept = app.kept::<Invited>();
    let now = app.now();
    let known = kept.0.lock().unwrap_or_else(PoisonError::into_inner).get(meeting).copied();
    if let Some((count, at)) = known
        && (at..at + COUNTED).contains(&now)
    {
        return Ok(count * SENDS_PER_INVITED);
    }
    recount(app, meeting).await
}

/// The same, counted now.
async fn recount(app: &App, meeting: &str) -> ApiResult<i64> {
    let row = sqlx::query(
        "select cast(count(*) as bigint), cast(coalesce(sum(registered), 0) as bigint), \
         (select settings from meeting where id = $1) from person where meeting_id = $1 and removed = 0",
    )
    .bind(meeting)
    .fetch_one(app.db().read())
    .await?;
    let (all, registered): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let settings: Option<String> = row.try_get(2)?;
    let settings: MeetingSettings =
        settings.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let count = match settings.registration {
        Registration::Closed => all,
        // Those who register must not raise what may be spent on registering.
        Registration::Open | Registration::Approval => settings.expected_people.max(all - registered),
    };
    let kept = app.kept::<Invited>();
    kept.0.lock().unwrap_or_else(PoisonError::into_inner).insert(meeting.to_owned(), (count, app.now()));
    Ok(count * SENDS_PER_INVITED)
}

/// Takes up to `wanted` SMS out of the allowance, and answers how many there were. In the transaction that records them.
pub(super) async fn take(tx: &mut Tx, meeting: &str, wanted: i64, most: i64) -> ApiResult<i64> {
    sqlx::query(
        "insert into sms_spend (meeting_id, sent) values ($1, 0) on conflict (meeting_id) do nothing",
    )
    .bind(meeting)
    .execute(tx.conn())
    .await?;
    let text = format!("select sent from sms_spend where meeting_id = $1{}", tx.locking());
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting).fetch_one(tx.conn()).await?;
    let sent: i64 = row.try_get(0)?;
    let taken = wanted.min(most - sent).max(0);
    sqlx::query("update sms_spend set sent = $1 where meeting_id = $2")
        .bind(sent + taken)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    Ok(taken)
}
