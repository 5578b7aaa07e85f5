//! What finance does with budgets.

use sqlx::{Row, any::AnyRow};

use super::{
    FREE, entry,
    ledger::{self, Entry},
};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::short_id,
    wire::{BudgetStatus, BudgetView, EditBudget, Fen, NewBudget},
};

/// Longest name, characters.
const NAME_CHARS: usize = 60;

const COLUMNS: &str = "select b.id, b.name, b.status, b.cap_fen, b.reserved_fen, b.spent_fen, b.returned_fen, \
                       s.username, b.approved_at, b.version \
                       from budget b left join staff s on s.id = b.approved_by";

fn view(row: &AnyRow) -> Result<BudgetView, sqlx::Error> {
    let status: String = row.try_get(2)?;
    Ok(BudgetView {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        status: if status == "approved" { BudgetStatus::Approved } else { BudgetStatus::Draft },
        cap_fen: Fen(row.try_get(3)?),
        reserved_fen: Fen(row.try_get(4)?),
        spent_fen: Fen(row.try_get(5)?),
        returned_fen: Fen(row.try_get(6)?),
        approved_by: row.try_get(7)?,
        approved_at: row.try_get(8)?,
        version: row.try_get(9)?,
    })
}

/// All budgets of a meeting in the order in which they are used.
pub async fn list(app: &App, meeting: &str) -> ApiResult<Vec<BudgetView>> {
    let known = sqlx::query("select id from meeting where id = $1")
        .bind(meeting)
        .fetch_optional(app.db().read())
        .await?;
    if known.is_none() {
        return Err(ApiError::not_found("该活动"));
    }
    let text = format!("{COLUMNS} where b.meeting_id = $1 order by b.created_at, b.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting).fetch_all(app.db().read()).await?;
    Ok(rows.iter().map(view).collect::<Result<_, _>>()?)
}

async fn one(tx: &mut Tx, meeting: &str, id: &str) -> ApiResult<BudgetView> {
    let text = format!("{COLUMNS} where b.meeting_id = $1 and b.id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(|| ApiError::not_found("该预算"))?;
    Ok(view(&row)?)
}

fn checked(name: &str, cap: Fen) -> ApiResult<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.contains('\0') {
        return Err(ApiError::invalid("invalid", "name", "预算名称须为 1 到 60 个字。"));
    }
    if cap.0 == 0 {
        return Err(ApiError::invalid("amount_range", "cap_fen", "预算金额必须大于 0。"));
    }
    Ok(name.to_owned())
}

async fn note(
    (tx, app): (&mut Tx, &App),
    staff: &Staff,
    what: &str,
    (meeting, target): (&str, &str),
    cap: i64,
) -> ApiResult<()> {
    let note = format!("cap {cap} fen");
    let deed = Deed { who: &staff.user, what, meeting, target, note: &note };
    Ok(audit::record(tx, app.now(), &deed).await?)
}

/// A new draft. Its cap enters the ledger at once; nothing can be reserved before it is approved.
pub async fn create(app: &App, staff: &Staff, meeting: &str, new: &NewBudget) -> ApiResult<BudgetView> {
    let name = checked(&new.name, new.cap_fen)?;
    let (id, now) = (short_id(), app.now());
    let mut tx = app.db().begin().await?;
    let row = sqlx::query("select status from meeting where id = $1")
        .bind(meeting)
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(|| ApiError::not_found("该活动"))?;
    if row.try_get::<String, _>(0)? != "open" {
        return Err(ApiError::conflict("meeting_closed", "活动已结束，不能再新建预算。"));
    }
    sqlx::query(
        "insert into budget (id, meeting_id, name, cap_fen, status, created_by, created_at) \
         values ($1, $2, $3, $4, 'draft', $5, $6)",
    )
    .bind(&id)
    .bind(meeting)
    .bind(&name)
    .bind(new.cap_fen.0)
    .bind(&staff.id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    ledger::write(&mut tx, now, &entry(("cap", &id, new.cap_fen.0), ("cap", FREE), "")).await?;
    note((&mut tx, app), staff, "budget.create", (meeting, &id), new.cap_fen.0).await?;
    let made = one(&mut tx, meeting, &id).await?;
    tx.commit().await?;
    Ok(made)
}

/// Changes a draft. What was approved stays as it was approved: more money is another budget.
pub async fn edit(
    app: &App,
    staff: &Staff,
    (meeting, id): (&str, &str),
    change: &EditBudget,
) -> ApiResult<BudgetView> {
    let name = checked(&change.name, change.cap_fen)?;
    let mut tx = app.db().begin().await?;
    let before = one(&mut tx, meeting, id).await?;
    if before.status == BudgetStatus::Approved {
        return Err(ApiError::conflict(
            "approval_void",
            "预算已批准，修改会使批准失效，因此不能修改。需要追加金额时请新建一个预算并批准。",
        ));
    }
    let done = sqlx::query(
        "update budget set name = $1, cap_fen = $2, version = version + 1 \
         where id = $3 and version = $4 and status = 'draft'",
    )
    .bind(&name)
    .bind(change.cap_fen.0)
    .bind(id)
    .bind(change.version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    if let Some(moved) = cap_change(id, before.cap_fen.0, change.cap_fen.0) {
        ledger::write(&mut tx, app.now(), &moved).await?;
    }
    note((&mut tx, app), staff, "budget.edit", (meeting, id), change.cap_fen.0).await?;
    let after = one(&mut tx, meeting, id).await?;
    tx.commit().await?;
    Ok(after)
}

fn cap_change(id: &str, before: i64, after: i64) -> Option<Entry> {
    match after - before {
        0 => None,
        more if more > 0 => Some(entry(("cap", id, more), ("cap", FREE), "")),
        less => Some(entry(("cap", id, -less), (FREE, "cap"), "")),
    }
}

/// Approves a budget as it was seen. Approving again what is approved changes nothing.
pub async fn approve(
    app: &App,
    staff: &Staff,
    (meeting, id): (&str, &str),
    version: Option<i64>,
) -> ApiResult<BudgetView> {
    let mut tx = app.db().begin().await?;
    let before = one(&mut tx, meeting, id).await?;
    if version.is_some_and(|seen| seen != before.version) {
        return Err(ApiError::stale());
    }
    if before.status == BudgetStatus::Approved {
        return Ok(before);
    }
    let done = sqlx::query(
        "update budget set status = 'approved', approved_by = $1, approved_at = $2, version = version + 1 \
         where id = $3 and version = $4 and status = 'draft'",
    )
    .bind(&staff.id)
    .bind(app.now())
    .bind(id)
    .bind(before.version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    note((&mut tx, app), staff, "budget.approve", (meeting, id), before.cap_fen.0).await?;
    let after = one(&mut tx, meeting, id).await?;
    tx.commit().await?;
    Ok(after)
}
