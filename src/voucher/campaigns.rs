//! Campaigns: made and changed by the host.

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{parsed, rules, text, word};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    keys::short_id,
    meeting,
    wire::{CampaignStatus, EditVoucherCampaign, Fen, NewVoucherCampaign, VoucherCampaignView, VoucherRules},
};

/// Campaigns of a meeting.
const MOST: i64 = 50;

const COLUMNS: &str = "select c.id, c.name, c.status, c.rules, b.name, \
    case when b.status = 'approved' then b.cap_fen - b.reserved_fen - b.spent_fen else 0 end, \
    c.created_at, c.version from voucher_campaign c left join budget b on b.id = c.budget_id";

fn view(row: &AnyRow) -> ApiResult<VoucherCampaignView> {
    Ok(VoucherCampaignView {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        status: word(&row.try_get::<String, _>(2)?)?,
        rules: parsed(&row.try_get::<String, _>(3)?)?,
        budget: row.try_get::<Option<String>, _>(4)?.unwrap_or_default(),
        budget_left_fen: Fen(row.try_get(5)?),
        created_at: row.try_get(6)?,
        version: row.try_get(7)?,
    })
}

/// All of a meeting, newest first.
pub(super) async fn list(app: &App, meeting_id: &str) -> ApiResult<Vec<VoucherCampaignView>> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting_id).await?;
    all(&mut conn, meeting_id).await
}

/// The same on a connection that is at hand.
pub(super) async fn all(conn: &mut AnyConnection, meeting_id: &str) -> ApiResult<Vec<VoucherCampaignView>> {
    let text = format!("{COLUMNS} where c.meeting_id = $1 order by c.created_at desc, c.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting_id).fetch_all(conn).await?;
    rows.iter().map(view).collect()
}

/// One of the meeting; 404 otherwise.
pub(super) async fn one(
    conn: &mut AnyConnection,
    meeting_id: &str,
    id: &str,
) -> ApiResult<VoucherCampaignView> {
    let text = format!("{COLUMNS} where c.meeting_id = $1 and c.id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(meeting_id).bind(id).fetch_optional(conn).await?;
    view(&row.ok_or_else(|| ApiError::not_found("该凭证活动"))?)
}

/// A new one, open at once: 409 `rehearsal`, `meeting_closed`, `too_many`.
pub(super) async fn create(
    app: &App,
    staff: &Staff,
    meeting_id: &str,
    new: &NewVoucherCampaign,
) -> ApiResult<VoucherCampaignView> {
    let name = rules::name(&new.name)?;
    rules::check(&new.rules, &app.config().limits)?;
    let (id, now) = (short_id(), app.now());
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, meeting_id).await?;
    meeting.must_be_open()?;
    if meeting.rehearsal {
        return Err(ApiError::conflict("rehearsal", "彩排永不付款，请在正式活动里建凭证活动。"));
    }
    if all(tx.conn(), meeting_id).await?.len() >= usize::try_from(MOST).unwrap_or_default() {
        return Err(ApiError::conflict("too_many", format!("每个活动最多 {MOST} 个凭证活动。")));
    }
    budget(&mut tx, meeting_id, &new.rules).await?;
    sqlx::query(
        "insert into voucher_campaign (id, meeting_id, name, status, rules, budget_id, created_by, created_at) \
         values ($1, $2, $3, 'open', $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(meeting_id)
    .bind(&name)
    .bind(text(&new.rules)?)
    .bind(&new.rules.budget_id)
    .bind(&staff.id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    record((app, &mut tx), staff, "voucher.campaign", (meeting_id, &id), &name).await?;
    let made = one(tx.conn(), meeting_id, &id).await?;
    tx.commit().await?;
    Ok(made)
}

async fn record(
    (app, tx): (&App, &mut Tx),
    staff: &Staff,
    what: &str,
    (meeting, target): (&str, &str),
    note: &str,
) -> ApiResult<()> {
    let deed = Deed { who: &staff.user, what, meeting, target, note };
    Ok(audit::record(tx, app.now(), &deed).await?)
}

/// Changes one as it was seen: 409 `stale`.
pub(super) async fn edit(
    app: &App,
    staff: &Staff,
    (meeting_id, id): (&str, &str),
    change: &EditVoucherCampaign,
) -> ApiResult<VoucherCampaignView> {
    let name = rules::name(&change.name)?;
    rules::check(&change.rules, &app.config().limits)?;
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting_id).await?;
    one(tx.conn(), meeting_id, id).await?;
    budget(&mut tx, meeting_id, &change.rules).await?;
    let done = sqlx::query(
        "update voucher_campaign set name = $1, status = $2, rules = $3, budget_id = $4, version = version + 1 \
         where id = $5 and version = $6",
    )
    .bind(&name)
    .bind(if change.status == CampaignStatus::Open { "open" } else { "closed" })
    .bind(text(&change.rules)?)
    .bind(&change.rules.budget_id)
    .bind(id)
    .bind(change.version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    record((app, &mut tx), staff, "voucher.campaign.edit", (meeting_id, id), &name).await?;
    let after = one(tx.conn(), meeting_id, id).await?;
    tx.commit().await?;
    Ok(after)
}

/// The budget is one of the meeting's for campaigns: 422 `budget_purpose` otherwise.
async fn budget(tx: &mut Tx, meeting_id: &str, rules: &VoucherRules) -> ApiResult<()> {
    let Some(id) = &rules.budget_id else { return Ok(()) };
    let row = sqlx::query("select id from budget where id = $1 and meeting_id = $2 and purpose = 'campaign'")
        .bind(id)
        .bind(meeting_id)
        .fetch_optional(tx.conn())
        .await?;
    row.map(drop).ok_or_else(|| {
        let detail = "请选择本活动里用途为“凭证与推荐”的预算。";
        ApiError::invalid("budget_purpose", "rules.budget_id", detail)
    })
}

/// A campaign under its row lock: whoever sends to it takes turns from here to the commit.
pub(super) async fn take_turn(
    tx: &mut Tx,
    (meeting, id): (&str, &str),
) -> ApiResult<(CampaignStatus, VoucherRules)> {
    // What is looked for in all campaigns of the meeting is looked for by one at a time: the oldest one's row is first.
    sqlx::query(
        "update voucher_campaign set turn = turn + 1 where id = (select id from voucher_campaign \
         where meeting_id = $1 order by created_at, id limit 1)",
    )
    .bind(meeting)
    .execute(tx.conn())
    .await?;
    let row =
        sqlx::query("update voucher_campaign set turn = turn + 1 where id = $1 returning status, rules")
            .bind(id)
            .fetch_one(tx.conn())
            .await?;
    Ok((word(&row.try_get::<String, _>(0)?)?, parsed(&row.try_get::<String, _>(1)?)?))
}
