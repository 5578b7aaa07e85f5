//! How people came in, for a chart.

use sqlx::Row;

use crate::{
    app::App,
    error::ApiResult,
    meeting,
    wire::{EntryStats, MinuteCount},
};

const MINUTE: i64 = 60_000;
/// Most minutes of a chart: a day.
const MINUTES: i64 = 1_440;

/// People who are in, by the minute in which they came.
pub(super) async fn entries(app: &App, meeting: &str) -> ApiResult<EntryStats> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting).await?;
    let rows = sqlx::query(
        "select bound_at / 60000 as minute, cast(count(*) as bigint) as people from binding \
         where meeting_id = $1 and active = 1 group by bound_at / 60000 order by minute desc limit $2",
    )
    .bind(meeting)
    .bind(MINUTES)
    .fetch_all(&mut *conn)
    .await?;
    let one = |row: &sqlx::any::AnyRow| {
        let minute: i64 = row.try_get("minute")?;
        Ok(MinuteCount { at: minute * MINUTE, count: row.try_get("people")? })
    };
    Ok(EntryStats { minutes: rows.iter().rev().map(one).collect::<Result<_, sqlx::Error>>()? })
}
