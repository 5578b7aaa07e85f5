//! Who did what to whom and when: append-only, hash-chained, in the same transaction as the deed.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::{
    chain::{self, Chain},
    clock::Ms,
    db::{Db, Tx},
    wire::{AuditLine, AuditPage},
};

/// One deed. No phone number, openid or secret goes in here.
#[derive(Debug, Serialize)]
pub struct Deed<'a> {
    /// User name of the member of staff, `attendee`, or `system`.
    pub who: &'a str,
    /// What, such as `round.commit`.
    pub what: &'a str,
    /// Meeting, when of one.
    pub meeting: &'a str,
    /// What it was done to: an id or number.
    pub target: &'a str,
    /// Reason or change in words; may be empty.
    pub note: &'a str,
}

/// Records a deed.
pub async fn record(tx: &mut Tx, at: Ms, deed: &Deed<'_>) -> Result<(), sqlx::Error> {
    chain::append(tx, Chain::Audit, at, deed).await.map(drop)
}

/// Lines of a page.
const PAGE: usize = 100;
/// Rows looked through for one page of one meeting.
const LOOK: i64 = 1_000;

/// A deed as it is read back.
#[derive(Debug, Deserialize)]
struct Stored {
    who: String,
    what: String,
    meeting: String,
    target: String,
    note: String,
}

/// The newest lines before number `before`, of one meeting or of all.
pub async fn page(db: &Db, before: i64, meeting: Option<&str>) -> Result<AuditPage, sqlx::Error> {
    let rows = sqlx::query(
        "select seq, at, body from chain_row where chain = 'audit' and seq < $1 order by seq desc limit $2",
    )
    .bind(before)
    .bind(LOOK)
    .fetch_all(db.read())
    .await?;
    let (mut lines, mut older) = (Vec::new(), None);
    for row in &rows {
        let seq: i64 = row.try_get(0)?;
        let body: String = row.try_get(2)?;
        let deed: Stored =
            serde_json::from_str(&body).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        older = Some(seq).filter(|seq| *seq > 0);
        if meeting.is_some_and(|meeting| meeting != deed.meeting) {
            continue;
        }
        let Stored { who, what, meeting, target, note } = deed;
        lines.push(AuditLine { seq, at: row.try_get(1)?, who, what, meeting, target, note });
        if lines.len() == PAGE {
            break;
        }
    }
    Ok(AuditPage { lines, older })
}
