//! How packets stand and when they went out, for a chart.

use std::collections::BTreeMap;

use sqlx::Row;

use super::sql;
use crate::{
    app::App,
    error::ApiResult,
    meeting,
    wire::{Fen, MinuteCount, PayoutStats, StateCount},
};

const MINUTE: i64 = 60_000;
/// Most minutes of a chart: a day.
const MINUTES: usize = 1_440;

/// Packets by state and by the minute in which they were sent, from one look at them.
pub(super) async fn payouts(app: &App, meeting: &str) -> ApiResult<PayoutStats> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting).await?;
    let rows = sqlx::query(
        "select k.state, k.sent_at / 60000 as minute, cast(count(*) as bigint) as packets, \
         cast(sum(k.amount_fen) as bigint) as fen from packet k join award a on a.id = k.award_id \
         where a.meeting_id = $1 group by k.state, k.sent_at / 60000",
    )
    .bind(meeting)
    .fetch_all(&mut *conn)
    .await?;
    let (mut states, mut minutes) = (BTreeMap::<String, (i64, i64)>::new(), BTreeMap::<i64, i64>::new());
    for row in rows {
        let (count, fen): (i64, i64) = (row.try_get("packets")?, row.try_get("fen")?);
        let state = states.entry(row.try_get("state")?).or_default();
        *state = (state.0 + count, state.1 + fen);
        if let Some(minute) = row.try_get::<Option<i64>, _>("minute")? {
            *minutes.entry(minute).or_default() += count;
        }
    }
    let one = |(state, (count, fen)): (&String, &(i64, i64))| {
        Ok(StateCount { state: sql::state(state)?, count: *count, amount_fen: Fen(*fen) })
    };
    let states = states.iter().map(one).collect::<ApiResult<_>>()?;
    let old = minutes.len().saturating_sub(MINUTES);
    let minutes = minutes.into_iter().skip(old);
    Ok(PayoutStats {
        states,
        minutes: minutes.map(|(minute, count)| MinuteCount { at: minute * MINUTE, count }).collect(),
    })
}
