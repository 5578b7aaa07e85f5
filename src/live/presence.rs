//! Who has a control page of a meeting open, on any server: rows in SQL that open sockets keep fresh.

use sqlx::Row;

use crate::{
    clock::Ms,
    db::Db,
    keys,
    wire::{DeskPerson, DeskStaff},
};

/// A row that nobody has touched for so long is of a server that died.
const STALE: Ms = 45_000;

/// A control page was opened; answers the row's id.
pub async fn enter(db: &Db, meeting: &str, staff: &str, now: Ms) -> Result<String, sqlx::Error> {
    let id = keys::row_id();
    let mut tx = db.begin().await?;
    sqlx::query("delete from desk_presence where seen_at < $1").bind(now - STALE).execute(tx.conn()).await?;
    sqlx::query(
        "insert into desk_presence (id, meeting_id, staff_id, since, seen_at) values ($1, $2, $3, $4, $4)",
    )
    .bind(&id)
    .bind(meeting)
    .bind(staff)
    .bind(now)
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// It is still open.
pub async fn stay(db: &Db, id: &str, now: Ms) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    sqlx::query("update desk_presence set seen_at = $1 where id = $2")
        .bind(now)
        .bind(id)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// It was closed.
pub async fn leave(db: &Db, id: &str) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    sqlx::query("delete from desk_presence where id = $1").bind(id).execute(tx.conn()).await?;
    tx.commit().await
}

/// Each member of staff once, since the first of their pages.
pub(super) async fn list(db: &Db, meeting: &str, now: Ms) -> Result<DeskStaff, sqlx::Error> {
    let rows = sqlx::query(
        "select s.username, min(d.since) as since from desk_presence d join staff s on s.id = d.staff_id \
         where d.meeting_id = $1 and d.seen_at >= $2 group by s.username order by since, s.username",
    )
    .bind(meeting)
    .bind(now - STALE)
    .fetch_all(db.read())
    .await?;
    let one = |row: &sqlx::any::AnyRow| {
        Ok(DeskPerson { user: row.try_get("username")?, since: row.try_get("since")? })
    };
    Ok(DeskStaff { people: rows.iter().map(one).collect::<Result<_, sqlx::Error>>()? })
}
