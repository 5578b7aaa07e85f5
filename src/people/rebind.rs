//! A person's binding ends and another phone of theirs takes over: what must not happen meanwhile, and what money that has
//! not left yet waits for.

use anyhow::Context;
use sqlx::Row;

use super::{roster, sql};
use crate::{
    app::App,
    audit::{self, Deed},
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    pool::Change,
};

/// A phone that a person left for another one.
#[derive(Debug)]
pub struct Left {
    /// Its openid.
    pub openid: String,
    /// What became of its place.
    pub change: Change,
}

/// Ends the binding that a person has on another phone, `openid`: its place stays, without tickets. The caller has
/// proof that it is the person, and binds them anew in the same transaction.
///
/// 409 `already_bound` once the person has won, which takes a reviewer; 409 `draw_open`.
pub async fn leave_other_phone(
    app: &App,
    tx: &mut Tx,
    (meeting, id): (&str, &str),
    openid: String,
) -> ApiResult<Left> {
    let person = sql::get(tx.conn(), meeting, id).await?.ok_or_else(roster::unknown)?;
    if sql::has_won(tx.conn(), meeting, id).await? {
        return Err(ApiError::conflict(
            "already_bound",
            "您已在另一个微信上中奖，换微信需要审核人员先解除原来的绑定，请联系工作人员。",
        ));
    }
    roster::no_open_draw(tx, meeting).await?;
    let change = roster::release(app, tx, meeting, &person).await?.pop().context("a binding to be left")?;
    let deed = Deed { who: "system", what: "person.move", meeting, target: id, note: "" };
    audit::record(tx, app.now(), &deed).await?;
    Ok(Left { openid, change })
}

/// The phone that a person is bound with now.
pub(super) async fn openid(tx: &mut Tx, meeting: &str, person: &str) -> ApiResult<Option<String>> {
    let row =
        sqlx::query("select openid from binding where meeting_id = $1 and person_id = $2 and active = 1")
            .bind(meeting)
            .bind(person)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// 409 `outcome_unknown` while a packet of the person may be on its way to the present phone.
pub(super) async fn nothing_moving(tx: &mut Tx, person: &str) -> ApiResult<()> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from packet k join award a on a.id = k.award_id where a.person_id = $1 \
         and k.state in ('sending', 'unknown', 'confirming')",
    )
    .bind(person)
    .fetch_one(tx.conn())
    .await?;
    if row.try_get::<i64, _>(0)? > 0 { Err(moving()) } else { Ok(()) }
}

fn moving() -> ApiError {
    ApiError::conflict(
        "outcome_unknown",
        "此人有红包正在发放，或还不知道是否到账，请等它有了结果再解除绑定。",
    )
}

/// What of an award has never left.
const UNSENT: &str = "k.state in ('queued', 'held', 'reserved') and k.sends = 0 \
     and not exists (select 1 from call c where c.bill_no = k.bill_no)";

/// Packets of the person that have never left wait for the next binding, and so do awards without a packet. Everything that
/// ever left keeps its receiver.
pub(super) async fn await_new_openid(tx: &mut Tx, now: Ms, person: &str) -> ApiResult<()> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select k.bill_no, k.epoch, k.openid, k.day, k.amount_fen from packet k join award a on a.id = k.award_id \
         where a.person_id = $1 and k.openid <> '' and {UNSENT} order by k.bill_no"
    )))
    .bind(person)
    .fetch_all(tx.conn())
    .await?;
    for row in &rows {
        // A sender that has claimed it finds that it is no longer its own.
        let done = sqlx::query(sqlx::AssertSqlSafe(format!(
            "update packet as k set openid = '', request = '', day = '', state = 'queued', reason = '', \
             epoch = k.epoch + 1, lease_until = 0, next_at = $1, updated_at = $1 \
             where k.bill_no = $2 and k.epoch = $3 and {UNSENT}"
        )))
        .bind(now)
        .bind(row.try_get::<String, _>("bill_no")?)
        .bind(row.try_get::<i64, _>("epoch")?)
        .execute(tx.conn())
        .await?;
        if !hit(&done) {
            return Err(moving());
        }
        give_back(tx, (row.try_get("openid")?, row.try_get("day")?), row.try_get("amount_fen")?).await?;
    }
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "update award set openid = '' where person_id = $1 and kind = 'cash' \
         and state in ('waiting', 'payable', 'suspended') \
         and not exists (select 1 from packet k where k.award_id = award.id and not ({UNSENT}))"
    )))
    .bind(person)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The slot of a day that an unsent packet held.
async fn give_back(tx: &mut Tx, (openid, day): (String, String), fen: i64) -> ApiResult<()> {
    if day.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update person_day set packets = packets - 1, amount_fen = amount_fen - $1 \
         where openid = $2 and day = $3 and packets >= 1 and amount_fen >= $1",
    )
    .bind(fen)
    .bind(openid)
    .bind(&day)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "update merchant_day set packets = packets - 1, amount_fen = amount_fen - $1 \
         where day = $2 and packets >= 1 and amount_fen >= $1",
    )
    .bind(fen)
    .bind(day)
    .execute(tx.conn())
    .await?;
    Ok(())
}
