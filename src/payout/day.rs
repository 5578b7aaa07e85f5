//! The limits of a Beijing day: so many packets and so much money for a person, and so much money for the merchant.

use sqlx::Row;

use super::sql::Packet;
use crate::{
    app::App,
    budget::account,
    clock::{DAY, Ms, beijing_day, next_beijing_midnight},
    db::{Tx, hit},
    error::ApiResult,
    mutant::planted,
    wire::{Fen, LimitsView},
};

/// The payer's clock may differ from ours by so much: what was sent shortly before midnight may be booked after it, and
/// what is sent shortly after it, before. Beyond that the sender stops ([`super::skew`]).
pub(super) const SKEW: Ms = 60_000;

/// Whether today has room for a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The claim is gone.
    Gone,
    /// It had one of this day already.
    Had(String),
    /// It has one of this day, of the person's and of the merchant's. The caller writes the day into the packet's row.
    Taken(String),
    /// The person's day is full, or has not safely begun.
    PersonFull,
    /// The merchant's day is full.
    MerchantFull,
}

/// When a packet that got no slot is tried again.
pub(super) fn free_again(now: Ms) -> Ms {
    let next = next_beijing_midnight(now);
    if planted("midnight_is_sharp") {
        return next;
    }
    if is_between(now) { next - DAY + SKEW } else { next + SKEW }
}

/// The first minute of a day: the payer's clock may still show the day before, which may be full.
fn is_between(now: Ms) -> bool {
    now - (next_beijing_midnight(now) - DAY) < SKEW && !planted("midnight_is_sharp")
}

/// Takes a slot of today for a claimed packet, unless it has one.
pub(super) async fn take_slot(app: &App, tx: &mut Tx, packet: &Packet) -> Result<Slot, sqlx::Error> {
    if is_between(app.now()) {
        return Ok(Slot::PersonFull);
    }
    let today = beijing_day(app.now());
    // The packet's row first, as everywhere: no two transactions wait for each other crosswise.
    let Some(before) = lock(tx, packet).await? else { return Ok(Slot::Gone) };
    let carried = touch(app, tx, &packet.openid, &today).await?;
    if before == today || carried.contains(&packet.bill) {
        return Ok(Slot::Had(today));
    }
    if planted("day_slot_skipped") {
        return Ok(Slot::Taken(today));
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
        return Ok(Slot::PersonFull);
    }
    if !merchant_takes(app, tx, &today, packet.fen).await? {
        leave_person_day(tx, packet, &today).await?;
        return Ok(Slot::MerchantFull);
    }
    Ok(Slot::Taken(today))
}

/// Locks the packet's row while its claim holds; answers the day whose slot it has.
async fn lock(tx: &mut Tx, packet: &Packet) -> Result<Option<String>, sqlx::Error> {
    let same = if planted("epoch_ignored") { ">=" } else { "=" };
    let text = format!("select day from packet where bill_no = $1 and epoch {same} $2{}", tx.locking());
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(&packet.bill)
        .bind(packet.epoch)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// The merchant's day comes last: its row is everybody's, and is held only until the commit.
async fn merchant_takes(app: &App, tx: &mut Tx, today: &str, fen: i64) -> Result<bool, sqlx::Error> {
    if merchant_counts(tx, today, fen).await? {
        return Ok(true);
    }
    // It is full, or has not begun.
    let cap = app.config().limits.merchant_day_amount;
    Ok(open_merchant_day(tx, today, cap).await? && merchant_counts(tx, today, fen).await?)
}

async fn merchant_counts(tx: &mut Tx, today: &str, fen: i64) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update merchant_day set packets = packets + 1, amount_fen = amount_fen + $1 \
         where day = $2 and amount_fen + $1 <= amount_cap",
    )
    .bind(fen)
    .bind(today)
    .execute(tx.conn())
    .await?;
    Ok(hit(&done))
}

/// True when it was not there. (When another server makes it at the same moment, a packet waits until its next look.)
async fn open_merchant_day(tx: &mut Tx, today: &str, cap: i64) -> Result<bool, sqlx::Error> {
    let made = sqlx::query(
        "insert into merchant_day (day, amount_cap) values ($1, $2) on conflict (day) do nothing",
    )
    .bind(today)
    .bind(cap)
    .execute(tx.conn())
    .await?;
    Ok(hit(&made))
}

/// At start: the caps as configured, for the account and for the merchant's day that runs.
pub(super) async fn apply_limits(app: &App) -> Result<(), sqlx::Error> {
    let limits = &app.config().limits;
    let mut tx = app.db().begin().await?;
    account::apply_cap(&mut tx, limits.account_amount).await?;
    sqlx::query(
        "update merchant_day set amount_cap = case when amount_fen > $1 then amount_fen else $1 end where day = $2",
    )
    .bind(limits.merchant_day_amount)
    .bind(beijing_day(app.now()))
    .execute(tx.conn())
    .await?;
    tx.commit().await
}

/// The caps and what is used of them, for pages.
pub(super) async fn limits(app: &App) -> ApiResult<LimitsView> {
    let account = account::load(app.db()).await?;
    let today = beijing_day(app.now());
    let row = sqlx::query("select packets, amount_fen, amount_cap from merchant_day where day = $1")
        .bind(&today)
        .fetch_optional(app.db().read())
        .await?;
    let (packets, fen, cap) = match row {
        Some(row) => (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
        None => (0, 0, app.config().limits.merchant_day_amount),
    };
    let held = sqlx::query(
        "select count(*), cast(coalesce(sum(amount_fen), 0) as bigint), cast(coalesce(min(next_at), 0) as bigint) \
         from packet where state = 'held' and reason = 'merchant_day'",
    )
    .fetch_one(app.db().read())
    .await?;
    Ok(LimitsView {
        account_cap_fen: account.cap.map(Fen),
        account_reserved_fen: Fen(account.reserved),
        account_spent_fen: Fen(account.spent),
        day_cap_fen: Fen(cap),
        day_fen: Fen(fen),
        day_packets: packets,
        day_held: held.try_get(0)?,
        day_held_fen: Fen(held.try_get(1)?),
        day_held_until: held.try_get(2)?,
    })
}

/// The first one to touch a person's day makes its row. The payer may process on this day what was not decided on an
/// earlier one, so each such packet takes a slot of it, too: their numbers are answered.
async fn touch(app: &App, tx: &mut Tx, openid: &str, today: &str) -> Result<Vec<String>, sqlx::Error> {
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
    if !hit(&made) || planted("unresolved_not_carried_over") {
        return Ok(Vec::new());
    }
    let midnight = next_beijing_midnight(app.now()) - DAY;
    let confirming = if planted("confirming_not_carried_over") { "" } else { "'confirming', " };
    let text = format!(
        "select bill_no, amount_fen from packet where openid = $1 and day <> '' and day < $2 \
         and (state in ('sending', {confirming}'unknown', 'blocked', 'needs_human') or sent_at >= $3)"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(openid)
        .bind(today)
        .bind(midnight - SKEW)
        .fetch_all(tx.conn())
        .await?;
    let mut carried = Vec::with_capacity(rows.len());
    let (mut count, mut sum) = (0_i64, 0_i64);
    for row in &rows {
        count += 1;
        sum += row.try_get::<i64, _>(1)?;
        let bill: String = row.try_get(0)?;
        move_to(tx, &bill, today).await?;
        carried.push(bill);
    }
    if carried.is_empty() {
        return Ok(carried);
    }
    // More than fits only says that the day is full.
    sqlx::query("update person_day set packets = $1, amount_fen = $2 where openid = $3 and day = $4")
        .bind(count.min(limits.person_day_count))
        .bind(sum.min(limits.person_day_amount))
        .bind(openid)
        .bind(today)
        .execute(tx.conn())
        .await?;
    open_merchant_day(tx, today, limits.merchant_day_amount).await?;
    sqlx::query(
        "update merchant_day set packets = packets + $1, \
         amount_fen = case when amount_fen + $2 > amount_cap then amount_cap else amount_fen + $2 end where day = $3",
    )
    .bind(count)
    .bind(sum)
    .bind(today)
    .execute(tx.conn())
    .await?;
    Ok(carried)
}

/// Writes the day whose slot a packet has.
pub(super) async fn move_to(tx: &mut Tx, bill: &str, day: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update packet set day = $1 where bill_no = $2")
        .bind(day)
        .bind(bill)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// A failed packet gives its slot back; nothing else does.
pub(super) async fn give_back_slot(tx: &mut Tx, packet: &Packet) -> Result<(), sqlx::Error> {
    leave_person_day(tx, packet, &packet.day).await?;
    sqlx::query(
        "update merchant_day set packets = packets - 1, amount_fen = amount_fen - $1 \
         where day = $2 and packets >= 1 and amount_fen >= $1",
    )
    .bind(packet.fen)
    .bind(&packet.day)
    .execute(tx.conn())
    .await?;
    move_to(tx, &packet.bill, "").await
}

async fn leave_person_day(tx: &mut Tx, packet: &Packet, day: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update person_day set packets = packets - 1, amount_fen = amount_fen - $1 \
         where openid = $2 and day = $3 and packets >= 1 and amount_fen >= $1",
    )
    .bind(packet.fen)
    .bind(&packet.openid)
    .bind(day)
    .execute(tx.conn())
    .await
    .map(drop)
}
