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
         (select settings from meeting where id = $1), \
         (select cast(count(*) as bigint) from person where meeting_id = $1 and waiting = 1 and removed = 0), \
         (select cast(count(*) as bigint) from person p join binding b on b.person_id = p.id and b.active = 1 \
          where p.meeting_id = $1 and p.waiting = 1), \
         (select cast(count(*) as bigint) from person p join binding b on b.person_id = p.id and b.active = 1 \
          where p.meeting_id = $1 and p.waiting = 1 and b.checked_in_at is not null)",
    )
    .bind(meeting)
    .fetch_one(db.read())
    .await?;
    // A number for show: without the store there is none.
    let viewers = store.viewers(meeting).await.unwrap_or(0);
    let (invited, applied): (i64, i64) = (row.try_get(0)?, row.try_get(4)?);
    // Whoever waits to be accepted has no tickets, and is not counted as one who has.
    let (waiting, waiting_seen): (i64, i64) = (row.try_get(5)?, row.try_get(6)?);
    let (bound, seen) = (row.try_get::<i64, _>(1)? - waiting, row.try_get::<i64, _>(2)? - waiting_seen);
    let settings: Option<String> = row.try_get(3)?;
    let settings: MeetingSettings =
        settings.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let present = if settings.checkin { seen } else { bound };
    Ok(Counts { invited: invited - applied, bound, waiting, present, viewers })
}
