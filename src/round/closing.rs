//! The end of a meeting.

use std::collections::BTreeMap;

use sqlx::Row;

use super::{rounds, rows};
use crate::{
    app::App,
    audit::Deed,
    budget,
    db::Tx,
    draw::Body as LogBody,
    drawlog,
    error::{ApiError, ApiResult},
    meeting::{self, Meeting},
    payout::{self, Grant},
    wire::{MeetingStatus, MeetingView},
};

/// Closes the log. Every winner must have been confirmed or set aside: closing forgets nobody. What is payable already
/// is still paid; awards of those set aside end here.
pub async fn close_meeting(app: &App, who: &str, id: &str) -> ApiResult<MeetingView> {
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, id).await?;
    if meeting.status == MeetingStatus::Closed {
        return Ok(meeting.view());
    }
    rows::none_open(tx.conn(), id).await?;
    none_waits(&mut tx, id).await?;
    cancel_waiting(app, &mut tx, &meeting).await?;
    drawlog::append(app, &mut tx, id, LogBody::Close).await?;
    sqlx::query("update meeting set status = 'closed', closed_at = $1, version = version + 1 where id = $2")
        .bind(app.now())
        .bind(id)
        .execute(tx.conn())
        .await?;
    meeting::finish(app, tx, &Deed { who, what: "meeting.close", meeting: id, target: id, note: "" }).await
}

/// 409 `winners_waiting` while somebody who won was neither confirmed nor set aside.
async fn none_waits(tx: &mut Tx, meeting: &str) -> ApiResult<()> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from seat s join draw d on d.meeting_id = s.meeting_id and d.n = s.n \
         where s.meeting_id = $1 and s.status = 'waiting' and s.replaced_by is null and d.state = 'revealed' \
         and d.kind <> 'test' and not exists (select 1 from draw p where p.meeting_id = d.meeting_id \
         and p.n = d.parent and p.state = 'void')",
    )
    .bind(meeting)
    .fetch_one(tx.conn())
    .await?;
    match row.try_get::<i64, _>(0)? {
        0 => Ok(()),
        waiting => Err(ApiError::conflict(
            "winners_waiting",
            format!("还有 {waiting} 位中奖者没有确认。请先标记到场或缺席，再结束活动。"),
        )),
    }
}

/// Ends the awards of winners who were set aside, and frees what rounds still keep.
async fn cancel_waiting(app: &App, tx: &mut Tx, meeting: &Meeting) -> ApiResult<()> {
    let found = sqlx::query(
        "select distinct d.round_id, a.n, a.rank from award a \
         join draw d on d.meeting_id = a.meeting_id and d.n = a.n \
         where a.meeting_id = $1 and a.state in ('waiting', 'suspended') order by a.n, a.rank",
    )
    .bind(&meeting.id)
    .fetch_all(tx.conn())
    .await?;
    let mut seats: BTreeMap<(i64, String), Vec<i64>> = BTreeMap::new();
    for row in found {
        seats.entry((row.try_get("n")?, row.try_get("round_id")?)).or_default().push(row.try_get("rank")?);
    }
    for ((draw, round), ranks) in &seats {
        let grant = Grant { meeting: &meeting.id, event: &meeting.event, draw: *draw, round };
        payout::cancel_for_seats(tx, app.now(), grant, ranks).await?;
    }
    for round in rounds::list(tx.conn(), &meeting.id).await? {
        budget::release_round(tx, app.now(), &round.id).await?;
    }
    Ok(())
}
