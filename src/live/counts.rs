//! How many are here, from SQL; only the viewers come from the store.

use sqlx::Row;

use crate::{
    db::Db,
    store::Store,
    wire::{Counts, MeetingSettings},
};

/// Counts of a meeting.
pub async fn counts(db: &Db, store: &Store, meeting: &str) -> Result<Counts, sqlx::Error> {
    let row = sqlx::query(
        "select (select cast(count(*) as bigint) from person where meeting_id = $1 and removed = 0), \
         (select cast(count(*) as bigint) from binding where meeting_id = $1 and active = 1), \
         (select cast(count(*) as bigint) from binding where meeting_id = $1 and active = 1 and checked_in_at is not null), \
         (select settings from meeting where id = $1)",
    )
    .bind(meeting)
    .fetch_one(db.read())
    .await?;
    // A number for show: without the store there is none.
    let viewers = store.viewers(meeting).await.unwrap_or(0);
    let (bound, seen): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    let settings: Option<String> = row.try_get(3)?;
    let settings: MeetingSettings =
        settings.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let present = if settings.checkin { seen } else { bound };
    Ok(Counts { invited: row.try_get(0)?, bound, present, viewers })
}
