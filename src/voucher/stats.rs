//! Numbers of vouchers.

use sqlx::{AnyConnection, Row};

use super::word;
use crate::{
    app::App,
    error::ApiResult,
    meeting,
    wire::{Fen, RejectCount, ReviewerCount, VoucherCount, VoucherStats},
};

/// Numbers of a meeting, or of one campaign of it.
pub(super) async fn of(app: &App, meeting_id: &str, campaign: &str) -> ApiResult<VoucherStats> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting_id).await?;
    let which = (meeting_id, campaign);
    let rows = sqlx::query(
        "select state, cast(count(*) as bigint), cast(sum(amount_fen) as bigint) from voucher \
         where meeting_id = $1 and ($2 = '' or campaign_id = $2) and state <> 'draft' group by state order by state",
    )
    .bind(meeting_id)
    .bind(campaign)
    .fetch_all(&mut *conn)
    .await?;
    let mut states = Vec::new();
    for row in rows {
        let (state, count, fen): (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        states.push(VoucherCount { state: word(&state)?, count, amount_fen: Fen(fen) });
    }
    let row = sqlx::query(
        "select cast(count(distinct v.person_id) as bigint), \
         cast(coalesce(sum(case when v.decided_at is null then 0 else v.decided_at - v.sent_at end), 0) as bigint), \
         cast(coalesce(sum(case when v.decided_at is null then 0 else 1 end), 0) as bigint), \
         cast(coalesce(sum(case when a.state = 'paid' then a.amount_fen else 0 end), 0) as bigint) \
         from voucher v left join award a on a.reason = 'voucher:' || v.id \
         where v.meeting_id = $1 and ($2 = '' or v.campaign_id = $2) and v.state <> 'draft'",
    )
    .bind(meeting_id)
    .bind(campaign)
    .fetch_one(&mut *conn)
    .await?;
    let (waited, judged): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    Ok(VoucherStats {
        states,
        people: row.try_get(0)?,
        paid_fen: Fen(row.try_get(3)?),
        judged_ms: waited.max(0).checked_div(judged).unwrap_or(0),
        reviewers: reviewers(&mut conn, which).await?,
        reasons: reasons(&mut conn, which).await?,
    })
}

async fn reviewers(
    conn: &mut AnyConnection,
    (meeting, campaign): (&str, &str),
) -> ApiResult<Vec<ReviewerCount>> {
    let rows = sqlx::query(
        "select s.username, cast(sum(case when x.what = 'rejected' then 0 else 1 end) as bigint), \
         cast(sum(case when x.what = 'rejected' then 1 else 0 end) as bigint) from voucher_step x \
         join voucher v on v.id = x.voucher_id join staff s on s.id = x.staff_id \
         where v.meeting_id = $1 and ($2 = '' or v.campaign_id = $2) group by s.username order by s.username",
    )
    .bind(meeting)
    .bind(campaign)
    .fetch_all(conn)
    .await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(ReviewerCount { user: row.try_get(0)?, accepted: row.try_get(1)?, rejected: row.try_get(2)? })
    };
    rows.iter().map(read).collect()
}

async fn reasons(conn: &mut AnyConnection, (meeting, campaign): (&str, &str)) -> ApiResult<Vec<RejectCount>> {
    let rows = sqlx::query(
        "select x.note, cast(count(*) as bigint) as times from voucher_step x join voucher v on v.id = x.voucher_id \
         where v.meeting_id = $1 and ($2 = '' or v.campaign_id = $2) and x.what = 'rejected' \
         group by x.note order by times desc, x.note limit 10",
    )
    .bind(meeting)
    .bind(campaign)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(RejectCount { reason: row.try_get(0)?, count: row.try_get(1)? })).collect()
}
