//! The limits of a person and Beijing day: so many packets and so much money.

use sqlx::Row;

use super::sql::Packet;
use crate::{
    app::App,
    clock::{DAY, Ms, beijing_day, next_beijing_midnight},
    db::{Tx, hit},
};

/// A packet that was sent shortly before midnight may be booked by the payer after it.
const SKEW: Ms = 60_000;

/// Takes a slot of today for a packet, unless it has one. False: the day is full.
pub(super) async fn take_slot(app: &App, tx: &mut Tx, packet: &Packet) -> Result<bool, sqlx::Error> {
    let today = beijing_day(app.now());
    touch(app, tx, &packet.openid, &today).await?;
    let row = sqlx::query("select day from packet where bill_no = $1")
        .bind(&packet.bill)
        .fetch_one(tx.conn())
        .await?;
    if row.try_get::<String, _>(0)? == today {
        return Ok(true);
    }
    let done = sqlx::query(
        "update person_day set packets = packets + 1, amount_fen = amount_fen + $1 where openid = $2 and day = $3 \
         and packets + 1 <= packets_cap and amount_fen + $1 <= amount_cap",
    )
    .bind(packet.fen)
    .bind(&packet.openid)
    .bind(&today)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Ok(false);
    }
    move_to(tx, &packet.bill, &today).await?;
    Ok(true)
}

/// The first one to touch a person's day makes its row. The payer may process on this day what was not decided on an
/// earlier one, so each such packet takes a slot of it, too.
async fn touch(app: &App, tx: &mut Tx, openid: &str, today: &str) -> Result<(), sqlx::Error> {
    let limits = &app.config().limits;
    let made = sqlx::query(
        "insert into person_day (openid, day, packets, amount_fen, packets_cap, amount_cap) \
         values ($1, $2, 0, 0, $3, $4) on conflict (openid, day) do nothing",
    )
    .bind(openid)
    .bind(today)
    .bind(limits.person_day_count)
    .bind(limits.person_day_amount)
    .execute(tx.conn())
    .await?;
    if !hit(&made) {
        return Ok(());
    }
    let midnight = next_beijing_midnight(app.now()) - DAY;
    let rows = sqlx::query(
        "select bill_no, amount_fen from packet where openid = $1 and day <> '' and day < $2 \
         and (state in ('sending', 'unknown', 'blocked', 'needs_human') or sent_at >= $3)",
    )
    .bind(openid)
    .bind(today)
    .bind(midnight - SKEW)
    .fetch_all(tx.conn())
    .await?;
    let (mut count, mut sum) = (0_i64, 0_i64);
    for row in &rows {
        count += 1;
        sum += row.try_get::<i64, _>(1)?;
        move_to(tx, &row.try_get::<String, _>(0)?, today).await?;
    }
    // More than fits only says that the day is full.
    sqlx::query("update person_day set packets = $1, amount_fen = $2 where openid = $3 and day = $4")
        .bind(count.min(limits.person_day_count))
        .bind(sum.min(limits.person_day_amount))
        .bind(openid)
        .bind(today)
        .execute(tx.conn())
        .await
        .map(drop)
}

async fn move_to(tx: &mut Tx, bill: &str, day: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update packet set day = $1 where bill_no = $2")
        .bind(day)
        .bind(bill)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// A failed packet gives its slot back; nothing else does.
pub(super) async fn give_back_slot(tx: &mut Tx, packet: &Packet) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update person_day set packets = packets - 1, amount_fen = amount_fen - $1 \
         where openid = $2 and day = $3 and packets >= 1 and amount_fen >= $1",
    )
    .bind(packet.fen)
    .bind(&packet.openid)
    .bind(&packet.day)
    .execute(tx.conn())
    .await?;
    move_to(tx, &packet.bill, "").await
}
