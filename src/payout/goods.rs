//! Goods: handed out against the winner's code, signed off by the staff who did it. The sender has no part in it.

use sqlx::Row;

use super::tell;
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    db::hit,
    error::{ApiError, ApiResult},
};

/// Hands out the goods of the winner who shows `code`; answers the award's id.
pub(super) async fn collect(app: &App, staff: &Staff, meeting: &str, code: &str) -> ApiResult<String> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let row = sqlx::query(
        "select a.id, a.state, a.openid from seat s join award a on a.meeting_id = s.meeting_id and a.n = s.n \
         and a.rank = s.rank and a.kind = 'goods' where s.meeting_id = $1 and upper(s.claim_code) = upper($2) \
         and s.claim_code <> ''",
    )
    .bind(meeting)
    .bind(code.trim())
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| ApiError::not_found("这个兑奖码"))?;
    let (id, state, openid): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let done = sqlx::query(
        "update award set state = 'collected', updated_at = $1 where id = $2 and state = 'payable'",
    )
    .bind(now)
    .bind(&id)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(refusal(&state));
    }
    sqlx::query("insert into goods_handover (award_id, staff_id, at) values ($1, $2, $3)")
        .bind(&id)
        .bind(&staff.id)
        .bind(now)
        .execute(tx.conn())
        .await?;
    let deed = Deed { who: &staff.user, what: "award.collect", meeting, target: &id, note: "" };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    tell::winner(app, meeting, &openid).await;
    Ok(id)
}

fn refusal(state: &str) -> ApiError {
    match state {
        "waiting" => ApiError::conflict("not_confirmed", "该中奖者尚未确认到场，请主持人先确认。"),
        "suspended" | "cancelled" => {
            ApiError::conflict("award_cancelled", "该奖励已搁置或取消，不能领取，请联系主持人。")
        }
        _ => ApiError::conflict("already_collected", "该奖品已经领取过，请核对领取记录。"),
    }
}
