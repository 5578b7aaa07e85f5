//! What people did to a packet by hand, for its story.

use sqlx::Row;

use crate::{
    app::App,
    approval::Warrant,
    audit::{self, Deed},
    clock::Ms,
    db::Tx,
    error::ApiResult,
    keys::row_id,
    wire::StoryStep,
};

/// Writes an act in the transaction of the deed.
pub(super) async fn write(
    tx: &mut Tx,
    at: Ms,
    warrant: Warrant<'_>,
    (bill, what): (&str, &str),
    note: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into packet_act (id, bill_no, at, what, staff_id, second_id, note) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(row_id())
    .bind(bill)
    .bind(at)
    .bind(what)
    .bind(warrant.first())
    .bind(warrant.second())
    .bind(note)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Writes down that somebody put a packet back into the queue, in the packet's story and in the audit trail; ends the
/// transaction, and wakes the sender.
pub(super) async fn requeued(
    app: &App,
    mut tx: Tx,
    warrant: Warrant<'_>,
    (meeting, bill): (&str, &str),
) -> ApiResult<()> {
    let now = app.now();
    write(&mut tx, now, warrant, (bill, "retry"), "").await?;
    let deed = Deed { who: &warrant.staff.user, what: "packet.retry", meeting, target: bill, note: "" };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    super::wake(app);
    Ok(())
}

/// All acts on a packet, oldest first.
pub(super) async fn of(app: &App, bill: &str) -> Result<Vec<StoryStep>, sqlx::Error> {
    let rows = sqlx::query(
        "select k.at, k.what, s.username, z.username, k.note from packet_act k join staff s on s.id = k.staff_id \
         left join staff z on z.id = k.second_id where k.bill_no = $1 order by k.at, k.id",
    )
    .bind(bill)
    .fetch_all(app.db().read())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(StoryStep::Hand {
                at: row.try_get(0)?,
                what: row.try_get(1)?,
                who: row.try_get(2)?,
                second: row.try_get(3)?,
                note: row.try_get(4)?,
            })
        })
        .collect()
}
