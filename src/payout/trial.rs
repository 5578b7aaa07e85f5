//! A test packet of the smallest amount before the evening: the same sender, the same checks and books as for winners,
//! from a budget of its own. It belongs to no draw, so no log line, no seat and no tax list knows it.

use sqlx::Row;

use super::{
    acts,
    awards::{self, award_id},
    channel::Channels,
};
use crate::{
    app::App,
    approval::Warrant,
    audit::{self, Deed},
    budget,
    error::{ApiError, ApiResult},
    keys::row_id,
    meeting,
    wire::PayChannel,
};

/// Test packets of a meeting.
const MOST: i64 = 10;

/// Reasons of test awards begin so.
pub(super) const REASON: &str = "trial:";

/// The refusals before anybody is asked: 409 `rehearsal`, `meeting_closed`, `sender_off`, `trial_limit`; 422 `no_openid`.
pub(super) async fn may(
    app: &App,
    meeting_id: &str,
    (person, channel): (&str, PayChannel),
) -> ApiResult<String> {
    let mut conn = app.db().read().acquire().await?;
    let meeting = meeting::load(&mut conn, meeting_id).await?;
    meeting.must_be_open()?;
    if meeting.rehearsal {
        return Err(ApiError::conflict("rehearsal", "彩排永不付款，请在正式活动里试发。"));
    }
    if Channels::open(app.config()).map_or(true, |channels| channels.of(channel).is_none()) {
        return Err(ApiError::conflict("sender_off", "尚未配置商户，不能试发。"));
    }
    let row =
        sqlx::query("select cast(count(*) as bigint) from award where meeting_id = $1 and reason like $2")
            .bind(meeting_id)
            .bind(format!("{REASON}%"))
            .fetch_one(&mut *conn)
            .await?;
    if row.try_get::<i64, _>(0)? >= MOST {
        return Err(ApiError::conflict("trial_limit", format!("每个活动最多试发 {MOST} 个红包。")));
    }
    let row =
        sqlx::query("select openid from binding where meeting_id = $1 and person_id = $2 and active = 1")
            .bind(meeting_id)
            .bind(person)
            .fetch_optional(&mut *conn)
            .await?;
    match row {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(ApiError::invalid(
            "no_openid",
            "person_id",
            "此人还没有绑定微信：请先用自己的手机扫活动二维码绑定，再试发。",
        )),
    }
}

/// Sends one to a bound person; answers its bill number.
pub(super) async fn send(
    app: &App,
    warrant: Warrant<'_>,
    meeting_id: &str,
    (person, channel): (&str, PayChannel),
) -> ApiResult<String> {
    let openid = may(app, meeting_id, (person, channel)).await?;
    let (now, fen) = (app.now(), app.config().limits.packet_min);
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting_id).await?;
    let budget = budget::reserve_trial(&mut tx, now, (meeting_id, &warrant.staff.id), fen).await?;
    let reason = format!("{REASON}{}", row_id());
    let award = award_id(&reason);
    sqlx::query(
        "insert into award (id, reason, meeting_id, person_id, openid, kind, amount_fen, budget_id, state, channel, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, 'cash', $6, $7, 'payable', $9, $8, $8)",
    )
    .bind(&award)
    .bind(&reason)
    .bind(meeting_id)
    .bind(person)
    .bind(&openid)
    .bind(fen)
    .bind(&budget)
    .bind(now)
    .bind(channel.word())
    .execute(tx.conn())
    .await?;
    awards::issue(app, &mut tx, Some((meeting_id, 0))).await?;
    let row = sqlx::query("select bill_no from packet where award_id = $1")
        .bind(&award)
        .fetch_one(tx.conn())
        .await?;
    let bill: String = row.try_get(0)?;
    warrant.close(&mut tx, now).await?;
    acts::write(&mut tx, now, warrant, (&bill, "trial"), "").await?;
    let deed =
        Deed { who: &warrant.staff.user, what: "packet.trial", meeting: meeting_id, target: &bill, note: "" };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    super::wake(app);
    Ok(bill)
}
