//! The budget of test packets: one for each meeting, approved as it is, which grows by what is sent and by nothing else.

use sqlx::Row;

use super::{DrawPart, FREE, entry, ledger, manage, reserve_again};
use crate::{clock::Ms, db::Tx, error::ApiResult};

/// Keeps `fen` for a test packet of the meeting, in the part of draw 0, which no draw has; answers the budget's id.
pub async fn reserve_trial(
    tx: &mut Tx,
    at: Ms,
    (meeting, staff): (&str, &str),
    fen: i64,
) -> ApiResult<String> {
    let id = format!("trial-{meeting}");
    sqlx::query(
        "insert into budget (id, meeting_id, name, cap_fen, status, purpose, created_by, changed_by, approved_by, \
         approved_at, created_at) values ($1, $2, '试发', 0, 'approved', 'trial', $3, $3, $3, $4, $4) \
         on conflict (id) do nothing",
    )
    .bind(&id)
    .bind(meeting)
    .bind(staff)
    .bind(at)
    .execute(tx.conn())
    .await?;
    // The meeting's row is locked: nobody moves this budget meanwhile.
    let row = sqlx::query("select cap_fen, reserved_fen, spent_fen from budget where id = $1")
        .bind(&id)
        .fetch_one(tx.conn())
        .await?;
    let (cap, used): (i64, i64) = (row.try_get(0)?, row.try_get::<i64, _>(1)? + row.try_get::<i64, _>(2)?);
    let grown = used + fen - cap;
    if grown > 0 {
        sqlx::query("update budget set cap_fen = cap_fen + $1, version = version + 1 where id = $2")
            .bind(grown)
            .bind(&id)
            .execute(tx.conn())
            .await?;
        ledger::write(tx, at, &entry(("cap", &id, grown), ("cap", FREE), "")).await?;
        manage::remember(tx, at, (&id, staff), cap + grown).await?;
    }
    reserve_again(tx, at, DrawPart { budget: &id, meeting, draw: 0 }, fen).await?;
    Ok(id)
}
