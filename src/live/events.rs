//! A meeting's events in SQL: what every socket is told, in order. Public data only.

use serde_json::Value;
use sqlx::Row;

use crate::{
    clock::Ms,
    db::{Db, Tx},
    wire::{Body, Message},
};

/// Events read at once.
pub const PAGE: i64 = 500;

/// Gives the meeting's next number to an event and stores it. Publish it after the commit. The meeting's row stays
/// locked until then, so events become visible in the order of their numbers.
pub async fn append(tx: &mut Tx, meeting_id: &str, at: Ms, body: &Body) -> Result<Message, sqlx::Error> {
    let row = sqlx::query("update meeting set event_seq = event_seq + 1 where id = $1 returning event_seq")
        .bind(meeting_id)
        .fetch_one(tx.conn())
        .await?;
    let seq: i64 = row.try_get(0)?;
    let (kind, data) = parts(body);
    sqlx::query("insert into event (meeting_id, seq, at, type, data) values ($1, $2, $3, $4, $5)")
        .bind(meeting_id)
        .bind(seq)
        .bind(at)
        .bind(kind)
        .bind(data)
        .execute(tx.conn())
        .await?;
    Ok(Message { seq: Some(seq), at, body: body.clone() })
}

/// Number of the last event, or `None` when there is no such meeting.
pub async fn last(db: &Db, meeting_id: &str) -> Result<Option<i64>, sqlx::Error> {
    let row = sqlx::query("select event_seq from meeting where id = $1")
        .bind(meeting_id)
        .fetch_optional(db.read())
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Events after number `after`, at most `limit`, each with its number and its text as sockets get it.
pub async fn since(
    db: &Db,
    meeting_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let rows = sqlx::query(
        "select seq, at, type, data from event where meeting_id = $1 and seq > $2 order by seq limit $3",
    )
    .bind(meeting_id)
    .bind(after)
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (seq, at): (i64, Ms) = (row.try_get("seq")?, row.try_get("at")?);
        let (kind, data): (String, String) = (row.try_get("type")?, row.try_get("data")?);
        found.push((seq, format!(r#"{{"seq":{seq},"at":{at},"type":"{kind}","data":{data}}}"#)));
    }
    Ok(found)
}

/// `type` and `data` of a body.
fn parts(body: &Body) -> (String, String) {
    let mut value = serde_json::to_value(body).unwrap_or_default();
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let data = value.get_mut("data").map(Value::take).unwrap_or_default();
    (kind, data.to_string())
}
