//! The winners of a draw whose sources are all closed, sent out sealed before the host has them told.

use std::collections::HashMap;

use anyhow::Context;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::{
    convert, entropy, pools,
    rows::{self, Stored},
};
use crate::{
    app::App,
    db::placeholders,
    draw::Winner,
    drawlog,
    error::ApiResult,
    live::Sealed,
    wire::{Fen, SeatStatus, SeatView},
};

/// Bound values of one statement.
const CHUNK: usize = 500;

/// Sends them. Nobody waits for it: without it the result is told whole.
pub(super) fn send(app: &App, meeting: &str, n: i64) {
    let (app, meeting) = (app.clone(), meeting.to_owned());
    app.clone().spawn(async move {
        if let Err(error) = send_now(&app, &meeting, n).await {
            tracing::warn!(meeting, n, %error, "winners could not be sent ahead");
        }
    });
}

async fn send_now(app: &App, meeting: &str, n: i64) -> ApiResult<()> {
    // Only read: dropped without a commit.
    let mut tx = app.db().begin().await?;
    let log = drawlog::current(app, &mut tx, meeting).await?;
    if rows::load(tx.conn(), meeting, n).await?.state != Stored::Committed
        || !entropy::progress(tx.conn(), meeting, n).await?.closed()
    {
        return Ok(());
    }
    let secret = drawlog::secret(app, tx.conn(), meeting, n).await?;
    drop(tx);
    let tree = pools::tree(app, meeting, n).await?;
    let winners = log.outcome(secret, &tree).map_err(drawlog::refusal)?.winners;
    let mut conn = app.db().read().acquire().await?;
    let seats = seats(&mut conn, meeting, &winners).await?;
    let sealed = Sealed::of(app.keys(), meeting, n, &seats);
    // A program asks for the result at once: then it is told already.
    if rows::load(&mut conn, meeting, n).await?.state == Stored::Committed {
        app.hub().publish_ahead(meeting, &sealed);
    }
    Ok(())
}

/// The seats as they will stand right after the result.
async fn seats(conn: &mut AnyConnection, meeting: &str, winners: &[Winner]) -> ApiResult<Vec<SeatView>> {
    let mut people = HashMap::with_capacity(winners.len());
    for chunk in winners.chunks(CHUNK) {
        let text = format!(
            "select b.idx, p.name, p.department, coalesce(f.picture, '') from binding b \
             join person p on p.id = b.person_id left join person_photo f on f.person_id = p.id \
             where b.meeting_id = $1 and b.idx in ({})",
            placeholders(2, chunk.len())
        );
        // Only placeholders are put together; the indexes are bound.
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(meeting);
        for winner in chunk {
            query = query.bind(convert::signed(winner.index)?);
        }
        for row in query.fetch_all(&mut *conn).await? {
            let known: (String, String, String) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            people.insert(row.try_get::<i64, _>(0)?, known);
        }
    }
    let mut seats = Vec::with_capacity(winners.len());
    for winner in winners {
        let index = convert::signed(winner.index)?;
        let (name, department, photo) = people.get(&index).cloned().context("a winner without a binding")?;
        seats.push(SeatView {
            rank: convert::signed(winner.rank)?,
            no: index + 1,
            pid: winner.pid.to_string(),
            name,
            department,
            photo,
            weight: convert::signed(winner.weight)?,
            amount_fen: Fen(convert::signed(winner.cents)?),
            status: SeatStatus::Waiting,
            replaced_by: None,
            packet: None,
        });
    }
    // As the draw's view has them.
    seats.sort_by_key(|seat| seat.rank);
    Ok(seats)
}
