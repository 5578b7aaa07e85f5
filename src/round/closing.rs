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
    error::ApiResult,
    meeting::{self, Meeting},
    payout::{self, Grant},
    wire::{MeetingStatus, MeetingView},
};

/// Closes the log. Whoever was not confirmed until now gets nothing; what is payable already is still paid.
pub async fn close_meeting(app: &App, who: &str, id: &str) -> ApiResult<MeetingView> {
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, id).await?;
    if meeting.status == MeetingStatus::Closed {
        return Ok(meeting.view());
    }
    rows::none_open(tx.conn(), id).await?;
    cancel_waiting(app, &mut tx, &meeting).await?;
    drawlog::append(app, &mut tx, id, LogBody::Close).await?;
    sqlx::query("update meeting set status = 'closed', closed_at = $1, version = version + 1 where id = $2")
        .bind(app.now())
        .bind(id)
        .execute(tx.conn())
        .await?;
    meeting::finish(app, tx, &Deed { who, what: "meeting.close", meeting: id, target: id, note: "" }).await
}

/// Ends the awards of winners who were not confirmed, and frees what rounds still keep.
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
