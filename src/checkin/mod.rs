//! Who is in the hall. The screen shows a code that changes every few seconds; a bound phone that reads it there is checked
//! in, in SQL. Staff can do it by hand. What follows from it is the draw's matter (`round::electorate`): where the meeting's
//! `checkin` is on, who was not seen has no tickets.

mod http;
mod token;

pub use http::router;

use sqlx::Row;

use crate::{
    app::App,
    audit::{self, Deed},
    auth::{Attendee, Staff},
    clock::Ms,
    error::{ApiError, ApiResult},
    keys::Purpose,
    meeting,
    people::{me, roster, tell_counts},
    store::Hit,
    wire::{Body, CheckinCode, Me, PersonView},
};

/// Tries of one openid within [`TRIES_MS`].
const TRIES: usize = 20;
const TRIES_MS: Ms = 10 * 60_000;

/// The code of this moment, for a screen of the meeting: 409 `checkin_off` where nobody asks for it.
async fn code(app: &App, meeting: &str) -> ApiResult<CheckinCode> {
    must_ask(app, meeting).await?;
    Ok(token::now(app, meeting))
}

async fn must_ask(app: &App, meeting: &str) -> ApiResult<()> {
    let mut conn = app.db().read().acquire().await?;
    let meeting = meeting::load(&mut conn, meeting).await?;
    meeting.must_be_open()?;
    if meeting.settings.checkin {
        return Ok(());
    }
    Err(ApiError::conflict("checkin_off", "本场活动没有开启现场签到，不需要扫这个码。"))
}

/// Checks in the attendee who read the screen's code. The first time counts, a repeat changes nothing.
async fn by_code(app: &App, attendee: &Attendee, meeting: &str, token: &str) -> ApiResult<Me> {
    must_ask(app, meeting).await?;
    let openid = hex::encode(app.keys().mac(Purpose::Checkin, &[b"openid", attendee.openid.as_bytes()]));
    if let Hit::RetryAfter(ms) = app.store().hit(&format!("checkin:{openid}"), TRIES_MS, TRIES).await? {
        let seconds = ms.saturating_add(999) / 1000;
        return Err(ApiError::too_many(
            "checkin_tries",
            "签到试得太频繁，请稍后再扫，或请工作人员帮忙。",
            seconds,
        ));
    }
    if !token::good(app, meeting, token) {
        let words = "签到码已变化，请再扫一次大屏上的二维码。";
        return Err(ApiError::forbidden("checkin_code", words).field("token"));
    }
    let mut tx = app.db().begin().await?;
    let row = sqlx::query(
        "select id, checked_in_at from binding where meeting_id = $1 and openid = $2 and active = 1",
    )
    .bind(meeting)
    .bind(&attendee.openid)
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| ApiError::conflict("not_bound", "请先完成身份确认，再扫一次大屏上的签到码。"))?;
    if row.try_get::<Option<Ms>, _>(1)?.is_none() {
        sqlx::query(
            "update binding set checked_in_at = $1, checked_in_by = '' \
             where id = $2 and active = 1 and checked_in_at is null",
        )
        .bind(app.now())
        .bind(row.try_get::<String, _>(0)?)
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        tell_counts(app, meeting);
    }
    let page = me::view(app, meeting, &attendee.openid).await?;
    app.publish_to(meeting, &attendee.openid, Body::Me(Box::new(page.clone())));
    Ok(page)
}

/// Checks a bound person in by hand, or takes it back.
async fn by_hand(app: &App, staff: &Staff, meeting: &str, id: &str, here: bool) -> ApiResult<PersonView> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?.must_be_open()?;
    if !roster::view(app, meeting, id).await?.bound {
        return Err(ApiError::conflict("not_bound", "此人还没有绑定微信，请先绑定再签到。"));
    }
    let row = sqlx::query(
        "update binding set checked_in_at = case when $1 = 0 then null else coalesce(checked_in_at, $2) end, \
         checked_in_by = $3 where meeting_id = $4 and person_id = $5 and active = 1 returning openid",
    )
    .bind(i64::from(here))
    .bind(app.now())
    .bind(&staff.user)
    .bind(meeting)
    .bind(id)
    .fetch_one(tx.conn())
    .await?;
    let openid: String = row.try_get(0)?;
    let what = if here { "person.checkin" } else { "person.checkout" };
    let deed = Deed { who: &staff.user, what, meeting, target: id, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    tell_counts(app, meeting);
    let page = me::view(app, meeting, &openid).await?;
    app.publish_to(meeting, &openid, Body::Me(Box::new(page)));
    roster::view(app, meeting, id).await
}
