//! The snapshot: everything that a page needs to draw itself, as of an event.

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use super::show;
use crate::{
    app::App,
    drawlog,
    error::{ApiError, ApiResult},
    live::{counts, events},
    meeting, round,
    wire::{PersonCard, Scene, Snapshot},
};

/// People on the wall of a page that was just opened.
const RECENT: i64 = 200;

/// A meeting's snapshot with the number of the event up to which it certainly tells. It may tell of later ones:
/// events bring things whole, so that hearing of one twice changes nothing.
pub async fn snapshot(app: &App, meeting: &str) -> ApiResult<(i64, Snapshot)> {
    // The number comes first: whatever happens between it and the rest is told again.
    let seq = events::last(app.db(), meeting).await?.ok_or_else(|| ApiError::not_found("该活动"))?;
    let (log, code) = drawlog::checkpoint(app, meeting).await?;
    let counts = counts(app.db(), app.store(), meeting).await?;
    let mut conn = app.db().read().acquire().await?;
    let snapshot = Snapshot {
        meeting: meeting::load(&mut conn, meeting).await?.view(),
        prizes: round::prizes::list(&mut conn, meeting).await?,
        rounds: round::rounds::list(&mut conn, meeting).await?,
        draws: round::views::all(&mut conn, meeting).await?,
        log,
        code,
        scene: scene(&mut conn, meeting).await?,
        show: show::load(&mut conn, meeting).await?,
        counts,
        home: app.config().server.public_url.clone(),
        recent: recent(&mut conn, meeting).await?,
    };
    Ok((seq, snapshot))
}

async fn scene(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Scene> {
    let row = sqlx::query("select scene from meeting where id = $1").bind(meeting).fetch_one(conn).await?;
    let text: String = row.try_get(0)?;
    Ok(serde_json::from_str(&text).context("a stored scene")?)
}

/// The last people who came in, newest last.
async fn recent(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Vec<PersonCard>> {
    let rows = sqlx::query(
        "select b.idx, p.name, p.department from binding b join person p on p.id = b.person_id \
         where b.meeting_id = $1 and b.active = 1 and p.waiting = 0 order by b.bound_at desc, b.idx desc limit $2",
    )
    .bind(meeting)
    .bind(RECENT)
    .fetch_all(conn)
    .await?;
    let cards = rows.iter().rev().map(|row| {
        let no: i64 = row.try_get("idx")?;
        Ok(PersonCard { no: no + 1, name: row.try_get("name")?, department: row.try_get("department")? })
    });
    Ok(cards.collect::<Result<_, sqlx::Error>>()?)
}
