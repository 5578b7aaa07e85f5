//! What finance does with budgets.

use anyhow::Context;
use sqlx::{Row, any::AnyRow};

use super::{
    FREE, entry,
    ledger::{self, Entry},
    yuan,
};
use crate::{
    app::App,
    approval::{self, Warrant},
    audit::{self, Deed},
    auth::Staff,
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::{row_id, short_id},
    meeting,
    wire::{BudgetPurpose, BudgetStatus, BudgetView, EditBudget, Fen, NewBudget, PayChannel},
};

/// Longest name, characters.
const NAME_CHARS: usize = 60;

const COLUMNS: &str = "select b.id, b.name, b.status, b.cap_fen, b.reserved_fen, b.spent_fen, b.returned_fen, \
                       s.username, b.approved_at, b.version, c.username, b.channel, b.purpose \
                       from budget b left join staff s on s.id = b.approved_by \
                       left join staff c on c.id = b.changed_by";

fn view(row: &AnyRow) -> anyhow::Result<BudgetView> {
    let (status, purpose): (String, String) = (row.try_get(2)?, row.try_get(12)?);
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
        changed_by: row.try_get(10)?,
        channel: PayChannel::of(&row.try_get::<String, _>(11)?).context("a budget's channel")?,
        purpose: if purpose == "campaign" { BudgetPurpose::Campaign } else { BudgetPurpose::Rounds },
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
    let text =
        format!("{COLUMNS} where b.meeting_id = $1 and b.purpose <> 'trial' order by b.created_at, b.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting).fetch_all(app.db().read()).await?;
    Ok(rows.iter().map(view).collect::<Result<_, _>>()?)
}

async fn one(tx: &mut Tx, meeting: &str, id: &str) -> ApiResult<BudgetView> {
    let text = format!("{COLUMNS} where b.meeting_id = $1 and b.id = $2 and b.purpose <> 'trial'");
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

/// The channel of a new budget: 409 `channel_unset` for one that this server could not pay by.
fn channel(app: &App, new: &NewBudget) -> ApiResult<PayChannel> {
    let channel = new.channel.unwrap_or_else(|| app.config().usual_channel());
    if channel == PayChannel::TransferV3 && app.config().merchant(channel).is_empty() {
        let detail = "还没有配置商家转账（transfer.mch_id 等）：请技术人员按 check-config 的提示配置并重启，或改用红包。";
        return Err(ApiError::conflict("channel_unset", detail));
    }
    Ok(channel)
}

/// A new draft. Its cap enters the ledger at once; nothing can be reserved before it is approved.
pub async fn create(app: &App, staff: &Staff, meeting: &str, new: &NewBudget) -> ApiResult<BudgetView> {
    let name = checked(&new.name, new.cap_fen)?;
    let channel = channel(app, new)?;
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
        "insert into budget (id, meeting_id, name, cap_fen, status, created_by, changed_by, created_at, channel, \
         purpose) \
         values ($1, $2, $3, $4, 'draft', $5, $5, $6, $7, $8)",
    )
    .bind(&id)
    .bind(meeting)
    .bind(&name)
    .bind(new.cap_fen.0)
    .bind(&staff.id)
    .bind(now)
    .bind(channel.word())
    .bind(if new.purpose == BudgetPurpose::Campaign { "campaign" } else { "" })
    .execute(tx.conn())
    .await?;
    ledger::write(&mut tx, now, &entry(("cap", &id, new.cap_fen.0), ("cap", FREE), "")).await?;
    note((&mut tx, app), staff, "budget.create", (meeting, &id), new.cap_fen.0).await?;
    let made = one(&mut tx, meeting, &id).await?;
    tx.commit().await?;
    Ok(made)
}

/// Changes a draft. What was approved stays as it was approved, until it is withdrawn.
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
            "预算已批准，不能直接修改。追加金额请用“调整上限”，改名或重审请先撤回批准。",
        ));
    }
    let done = sqlx::query(
        "update budget set name = $1, cap_fen = $2, changed_by = $5, version = version + 1 \
         where id = $3 and version = $4 and status = 'draft' and reserved_fen + spent_fen <= $2",
    )
    .bind(&name)
    .bind(change.cap_fen.0)
    .bind(id)
    .bind(change.version)
    .bind(&staff.id)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(refused(&before, change.version, change.cap_fen.0));
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

/// Why a change of the cap did not happen.
fn refused(before: &BudgetView, version: i64, cap: i64) -> ApiError {
    let used = before.reserved_fen.0 + before.spent_fen.0;
    if before.version == version && cap < used {
        let detail = format!("已预留和支出共 {}，上限不能低于这个数。", yuan(used));
        return ApiError::invalid("amount_range", "cap_fen", detail);
    }
    ApiError::stale()
}

/// Approves a budget as it was seen. Approving again what is approved changes nothing. With `four_eyes` by another
/// person than whoever set its amount: 403 `second_person`.
pub async fn approve(
    app: &App,
    staff: &Staff,
    (meeting, id): (&str, &str),
    version: Option<i64>,
) -> ApiResult<BudgetView> {
    let four_eyes = approval::needed(app, meeting).await?;
    let mut tx = app.db().begin().await?;
    let before = one(&mut tx, meeting, id).await?;
    if version.is_some_and(|seen| seen != before.version) {
        return Err(ApiError::stale());
    }
    if before.status == BudgetStatus::Approved {
        return Ok(before);
    }
    if four_eyes && set_by(&mut tx, id).await? == staff.id {
        return Err(approval::second_person());
    }
    let now = app.now();
    let done = sqlx::query(
        "update budget set status = 'approved', approved_by = $1, approved_at = $2, version = version + 1 \
         where id = $3 and version = $4 and status = 'draft'",
    )
    .bind(&staff.id)
    .bind(now)
    .bind(id)
    .bind(before.version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    remember(&mut tx, now, (id, &staff.id), before.cap_fen.0).await?;
    note((&mut tx, app), staff, "budget.approve", (meeting, id), before.cap_fen.0).await?;
    let after = one(&mut tx, meeting, id).await?;
    tx.commit().await?;
    Ok(after)
}

/// Who set the amount last.
async fn set_by(tx: &mut Tx, id: &str) -> Result<String, sqlx::Error> {
    sqlx::query(
        "select case when changed_by = '' then created_by else changed_by end from budget where id = $1",
    )
    .bind(id)
    .fetch_one(tx.conn())
    .await?
    .try_get(0)
}

/// An approval as it was given: awards are told under which one they were born.
pub(super) async fn remember(
    tx: &mut Tx,
    at: Ms,
    (id, by): (&str, &str),
    cap: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into budget_approval (id, budget_id, at, staff_id, cap_fen) values ($1, $2, $3, $4, $5)",
    )
    .bind(row_id())
    .bind(id)
    .bind(at)
    .bind(by)
    .bind(cap)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Takes an approval back: nothing new is reserved until it is given again; what is reserved is still paid.
pub async fn withdraw(
    app: &App,
    staff: &Staff,
    (meeting, id): (&str, &str),
    version: i64,
) -> ApiResult<BudgetView> {
    let mut tx = app.db().begin().await?;
    let before = one(&mut tx, meeting, id).await?;
    if before.version != version {
        return Err(ApiError::stale());
    }
    if before.status == BudgetStatus::Draft {
        return Ok(before);
    }
    let done = sqlx::query(
        "update budget set status = 'draft', approved_by = null, approved_at = null, version = version + 1 \
         where id = $1 and version = $2 and status = 'approved'",
    )
    .bind(id)
    .bind(version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    note((&mut tx, app), staff, "budget.withdraw", (meeting, id), before.cap_fen.0).await?;
    let after = one(&mut tx, meeting, id).await?;
    tx.commit().await?;
    Ok(after)
}

/// Whether a new cap of an approved budget is more than before, and so needs a second person under `four_eyes`; the
/// refusals of [`set_cap`] before anybody is asked.
pub async fn is_raise(app: &App, (meeting, id): (&str, &str), (version, cap): (i64, i64)) -> ApiResult<bool> {
    let mut tx = app.db().begin().await?;
    let before = one(&mut tx, meeting, id).await?;
    checked(&before.name, Fen(cap))?;
    must_stand(&before)?;
    if before.version != version || cap < before.reserved_fen.0 + before.spent_fen.0 {
        return Err(refused(&before, version, cap));
    }
    Ok(cap > before.cap_fen.0)
}

fn must_stand(budget: &BudgetView) -> ApiResult<()> {
    match budget.status {
        BudgetStatus::Approved => Ok(()),
        BudgetStatus::Draft => {
            Err(ApiError::conflict("not_approved", "预算还没有批准，请直接修改后再批准。"))
        }
    }
}

/// Another cap for an approved budget, which stays approved: 422 `amount_range` below what is reserved and spent.
pub async fn set_cap(
    app: &App,
    warrant: Warrant<'_>,
    (meeting, id): (&str, &str),
    (version, cap): (Option<i64>, i64),
) -> ApiResult<BudgetView> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    // As every movement of money: under the meeting's row.
    meeting::lock(&mut tx, meeting).await?;
    let before = one(&mut tx, meeting, id).await?;
    must_stand(&before)?;
    let version = version.unwrap_or(before.version);
    let done = sqlx::query(
        "update budget set cap_fen = $1, approved_by = $2, approved_at = $3, changed_by = $4, version = version + 1 \
         where id = $5 and version = $6 and status = 'approved' and reserved_fen + spent_fen <= $1",
    )
    .bind(cap)
    .bind(&warrant.staff.id)
    .bind(now)
    .bind(warrant.first())
    .bind(id)
    .bind(version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(refused(&before, version, cap));
    }
    warrant.close(&mut tx, now).await?;
    if let Some(moved) = cap_change(id, before.cap_fen.0, cap) {
        ledger::write(&mut tx, now, &moved).await?;
    }
    remember(&mut tx, now, (id, &warrant.staff.id), cap).await?;
    note((&mut tx, app), warrant.staff, "budget.cap", (meeting, id), cap).await?;
    let after = one(&mut tx, meeting, id).await?;
    tx.commit().await?;
    Ok(after)
}
