//! The whole account: a cap over all budgets of all meetings. One row that every reservation also moves; the table's
//! CHECK stands behind each conditional update. It is moved after the budget and before the ledger, always.

use anyhow::anyhow;
use sqlx::Row;

use super::yuan;
use crate::{
    db::{Db, Tx, hit},
    error::{ApiError, ApiResult},
};
use ::http::StatusCode;

/// No cap.
const NONE: i64 = i64::MAX;

/// What the account has promised and paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// `limits.account_amount`, fen; `None` when there is none.
    pub cap: Option<i64>,
    /// Kept for rounds and packets on their way, fen.
    pub reserved: i64,
    /// Paid and not come back, fen.
    pub spent: i64,
}

/// Reads it.
pub async fn load(db: &Db) -> Result<Account, sqlx::Error> {
    let row = sqlx::query("select cap_fen, reserved_fen, spent_fen from account where id = 1")
        .fetch_one(db.read())
        .await?;
    let cap: i64 = row.try_get(0)?;
    Ok(Account { cap: (cap != NONE).then_some(cap), reserved: row.try_get(1)?, spent: row.try_get(2)? })
}

/// At start: the cap as configured (0: none). One below what is used already only says that nothing more fits.
pub async fn apply_cap(tx: &mut Tx, fen: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update account set cap_fen = case when reserved_fen + spent_fen > $1 then reserved_fen + spent_fen else $1 end",
    )
    .bind(if fen > 0 { fen } else { NONE })
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Keeps `fen`: 422 `budget` when the whole account has not that much left.
pub(super) async fn reserve(tx: &mut Tx, fen: i64) -> ApiResult<()> {
    let done = sqlx::query(
        "update account set reserved_fen = reserved_fen + $1 where id = 1 and reserved_fen + spent_fen <= cap_fen - $1",
    )
    .bind(fen)
    .execute(tx.conn())
    .await?;
    if hit(&done) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "budget",
        format!("整个账户的上限（limits.account_amount）不足以再支付 {}，请联系财务和管理员。", yuan(fen)),
    ))
}

/// Gives back what was kept.
pub(super) async fn release(tx: &mut Tx, fen: i64) -> ApiResult<()> {
    let text = "update account set reserved_fen = reserved_fen - $1 where id = 1 and reserved_fen >= $1";
    moved(tx, text, fen).await
}

/// Reserved becomes spent.
pub(super) async fn spend(tx: &mut Tx, fen: i64) -> ApiResult<()> {
    let text = "update account set reserved_fen = reserved_fen - $1, spent_fen = spent_fen + $1 \
                where id = 1 and reserved_fen >= $1";
    moved(tx, text, fen).await
}

/// Spent came back.
pub(super) async fn give_back(tx: &mut Tx, fen: i64) -> ApiResult<()> {
    let text = "update account set spent_fen = spent_fen - $1 where id = 1 and spent_fen >= $1";
    moved(tx, text, fen).await
}

async fn moved(tx: &mut Tx, text: &'static str, fen: i64) -> ApiResult<()> {
    let done = sqlx::query(text).bind(fen).execute(tx.conn()).await?;
    if hit(&done) { Ok(()) } else { Err(anyhow!("the account holds less than is taken from it").into()) }
}
