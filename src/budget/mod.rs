//! Budgets: how much may be spent. A round reserves its whole cost before it opens; every movement is one conditional
//! update (the table's CHECK stands behind it) and one row of the [`ledger`].
//!
//! A round's part goes: free → round (commit) → draw (result: the awards are born) → spent (paid), or back. Lock
//! order of every transaction that moves money: meeting, packet and award, budget, account, ledger, days.

pub mod account;
pub mod http;
pub mod ledger;
mod manage;
mod trial;

pub use http::router;
pub use manage::{approve, create, edit, is_raise, list, set_cap, withdraw};
pub use trial::reserve_trial;

use ::http::StatusCode;
use anyhow::anyhow;
use sqlx::Row;

use crate::{
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    mutant::planted,
};
use ledger::{Entry, draw_account, round_account};

const FREE: &str = "free";
const SPENT: &str = "spent";

/// Keeps `fen` of an approved budget of the meeting for a round; budgets are tried in the order of their creation.
///
/// Answers the budget's id, or `None` when there is nothing to reserve (no cost, or a rehearsal, which never pays).
/// 422 `budget` when no approved budget covers the whole cost.
pub async fn reserve_round(
    tx: &mut Tx,
    at: Ms,
    meeting: &str,
    round: &str,
    fen: i64,
) -> ApiResult<Option<String>> {
    if fen <= 0 || is_rehearsal(tx, meeting).await? {
        return Ok(None);
    }
    // A round has its money from one budget: a second reservation (a redraw) asks there first.
    let rows = sqlx::query(
        "select b.id from budget b left join round r on r.id = $2 and r.budget_id = b.id \
         where b.meeting_id = $1 and b.status = 'approved' and b.purpose = '' \
         order by case when r.id is null then 1 else 0 end, b.created_at, b.id",
    )
    .bind(meeting)
    .bind(round)
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        let budget: String = row.try_get(0)?;
        if !keep(tx, &budget, fen).await? {
            continue;
        }
        // Another budget than before can take over only when the round holds nothing of the old one.
        let done = sqlx::query(
            "update round set reserved_fen = reserved_fen + $1, budget_id = $2 \
             where id = $3 and meeting_id = $4 and (reserved_fen = 0 or budget_id = $2)",
        )
        .bind(fen)
        .bind(&budget)
        .bind(round)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
        if !hit(&done) {
            return Err(short(fen));
        }
        write(tx, at, ("reserve", &budget, fen), (FREE, &round_account(round))).await?;
        return Ok(Some(budget));
    }
    Err(short(fen))
}

fn short(fen: i64) -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "budget",
        format!("已批准的预算不足以支付 {}，请财务先批准足够的预算。", yuan(fen)),
    )
}

/// For people: `8.88 元`.
pub fn yuan(fen: i64) -> String {
    format!("{}.{:02} 元", fen / 100, fen % 100)
}

async fn is_rehearsal(tx: &mut Tx, meeting: &str) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("select rehearsal from meeting where id = $1")
        .bind(meeting)
        .fetch_optional(tx.conn())
        .await?;
    row.map_or(Ok(false), |row| row.try_get::<i64, _>(0).map(|flag| flag != 0))
}

/// False when the budget has not that much left; 422 `budget` when the whole account has not.
async fn keep(tx: &mut Tx, budget: &str, fen: i64) -> ApiResult<bool> {
    let done = sqlx::query(
        "update budget set reserved_fen = reserved_fen + $1 \
         where id = $2 and status = 'approved' and reserved_fen + spent_fen + $1 <= cap_fen",
    )
    .bind(fen)
    .bind(budget)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Ok(false);
    }
    account::reserve(tx, fen).await?;
    Ok(true)
}

/// Gives back all that a round still keeps: after a result that cost less, after a void.
pub async fn release_round(tx: &mut Tx, at: Ms, round: &str) -> ApiResult<()> {
    let Some((budget, fen)) = held_by_round(tx, round).await? else { return Ok(()) };
    if fen == 0 {
        return Ok(());
    }
    take_from_round(tx, round, fen).await?;
    take_reserved(tx, &budget, fen).await?;
    write(tx, at, ("release", &budget, fen), (&round_account(round), FREE)).await
}

/// What a round keeps: budget and fen; `None` when it never reserved anything.
pub async fn held_by_round(tx: &mut Tx, round: &str) -> Result<Option<(String, i64)>, sqlx::Error> {
    let row = sqlx::query("select budget_id, reserved_fen from round where id = $1")
        .bind(round)
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let budget: Option<String> = row.try_get(0)?;
    Ok(budget.zip(Some(row.try_get(1)?)))
}

/// The part of a budget that the awards of a draw hold.
#[derive(Clone, Copy, Debug)]
pub struct DrawPart<'a> {
    /// Budget.
    pub budget: &'a str,
    /// Meeting.
    pub meeting: &'a str,
    /// Number of the draw.
    pub draw: i64,
}

/// Moves `fen` from the round to the awards of a draw.
pub async fn to_awards(tx: &mut Tx, at: Ms, round: &str, part: DrawPart<'_>, fen: i64) -> ApiResult<()> {
    take_from_round(tx, round, fen).await?;
    let account = draw_account(part.meeting, part.draw);
    write(tx, at, ("award", part.budget, fen), (&round_account(round), &account)).await
}

/// Moves `fen` of cancelled awards of a draw back to the round.
pub async fn from_awards(tx: &mut Tx, at: Ms, round: &str, part: DrawPart<'_>, fen: i64) -> ApiResult<()> {
    let done =
        sqlx::query("update round set reserved_fen = reserved_fen + $1 where id = $2 and budget_id = $3")
            .bind(fen)
            .bind(round)
            .bind(part.budget)
            .execute(tx.conn())
            .await?;
    let account = draw_account(part.meeting, part.draw);
    if hit(&done) {
        return write(tx, at, ("reclaim", part.budget, fen), (&account, &round_account(round))).await;
    }
    // The round has meanwhile its money from another budget: this part is simply free again.
    release(tx, at, part, fen).await
}

/// Gives back what one award held: its packet is dead or cancelled.
pub async fn release(tx: &mut Tx, at: Ms, part: DrawPart<'_>, fen: i64) -> ApiResult<()> {
    take_reserved(tx, part.budget, fen).await?;
    write(tx, at, ("release", part.budget, fen), (&draw_account(part.meeting, part.draw), FREE)).await
}

/// Keeps money for an award again whose old packet came to nothing; 422 `budget` when its budget has not enough left.
pub async fn reserve_again(tx: &mut Tx, at: Ms, part: DrawPart<'_>, fen: i64) -> ApiResult<()> {
    if !keep(tx, part.budget, fen).await? {
        return Err(short(fen));
    }
    write(tx, at, ("reserve", part.budget, fen), (FREE, &draw_account(part.meeting, part.draw))).await
}

/// Keeps money for one award of a campaign, in the part of draw 0, which no draw has. 409 `budget` when the budget is
/// not the meeting's for campaigns, is not approved, or has not enough left.
pub async fn reserve_gift(tx: &mut Tx, at: Ms, part: DrawPart<'_>, fen: i64) -> ApiResult<()> {
    let row = sqlx::query("select id from budget where id = $1 and meeting_id = $2 and purpose = 'campaign'")
        .bind(part.budget)
        .bind(part.meeting)
        .fetch_optional(tx.conn())
        .await?;
    let kept = match row {
        Some(_) => keep(tx, part.budget, fen).await,
        None => Ok(false),
    };
    match kept {
        Ok(true) => {}
        Err(error) if error.code() != "budget" => return Err(error),
        Ok(false) | Err(_) => {
            let detail = format!(
                "活动预算不足以支付 {}，或尚未批准。没有任何改动，请财务批准足够的预算后再试。",
                yuan(fen)
            );
            return Err(ApiError::conflict("budget", detail));
        }
    }
    write(tx, at, ("reserve", part.budget, fen), (FREE, &draw_account(part.meeting, part.draw))).await
}

/// Paid: reserved becomes spent.
pub async fn spend(tx: &mut Tx, at: Ms, part: DrawPart<'_>, fen: i64, bill: &str) -> ApiResult<()> {
    let done = sqlx::query(
        "update budget set reserved_fen = reserved_fen - $1, spent_fen = spent_fen + $1 \
         where id = $2 and reserved_fen >= $1",
    )
    .bind(fen)
    .bind(part.budget)
    .execute(tx.conn())
    .await?;
    must(hit(&done), part.budget)?;
    account::spend(tx, fen).await?;
    if planted("payment_without_ledger") {
        return Ok(());
    }
    let entry = entry(("pay", part.budget, fen), (&draw_account(part.meeting, part.draw), SPENT), bill);
    Ok(ledger::write(tx, at, &entry).await?)
}

/// Came back unopened: it may be spent again.
pub async fn give_back(tx: &mut Tx, at: Ms, budget: &str, fen: i64, bill: &str) -> ApiResult<()> {
    let done = sqlx::query(
        "update budget set spent_fen = spent_fen - $1, returned_fen = returned_fen + $1 \
         where id = $2 and spent_fen >= $1",
    )
    .bind(fen)
    .bind(budget)
    .execute(tx.conn())
    .await?;
    must(hit(&done), budget)?;
    account::give_back(tx, fen).await?;
    Ok(ledger::write(tx, at, &entry(("return", budget, fen), (SPENT, FREE), bill)).await?)
}

async fn take_reserved(tx: &mut Tx, budget: &str, fen: i64) -> ApiResult<()> {
    let done = sqlx::query(
        "update budget set reserved_fen = reserved_fen - $1 where id = $2 and reserved_fen >= $1",
    )
    .bind(fen)
    .bind(budget)
    .execute(tx.conn())
    .await?;
    must(hit(&done), budget)?;
    account::release(tx, fen).await
}

async fn take_from_round(tx: &mut Tx, round: &str, fen: i64) -> ApiResult<()> {
    let done =
        sqlx::query("update round set reserved_fen = reserved_fen - $1 where id = $2 and reserved_fen >= $1")
            .bind(fen)
            .bind(round)
            .execute(tx.conn())
            .await?;
    must(hit(&done), round)
}

/// A movement that finds less than was reserved is a fault of ours, and nothing of the transaction may stay.
fn must(done: bool, whose: &str) -> ApiResult<()> {
    if done { Ok(()) } else { Err(anyhow!("{whose} holds less than is taken from it").into()) }
}

fn entry((what, budget, fen): (&str, &str, i64), (from, to): (&str, &str), bill: &str) -> Entry {
    Entry {
        what: what.into(),
        budget: budget.into(),
        fen,
        from: from.into(),
        to: to.into(),
        bill: bill.into(),
    }
}

async fn write(tx: &mut Tx, at: Ms, what: (&str, &str, i64), way: (&str, &str)) -> ApiResult<()> {
    Ok(ledger::write(tx, at, &entry(what, way, "")).await?)
}
