//! Rules of a meeting's referrals: one row, made and changed by the host.

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    budget::yuan,
    clock::DAY,
    config::LimitsConfig,
    db::hit,
    error::{ApiError, ApiResult},
    meeting,
    wire::{Fen, ReferralRules, ReferralRulesView, SaveReferralRules},
};

/// The rules as they stand.
pub(super) async fn view(app: &App, meeting_id: &str) -> ApiResult<ReferralRulesView> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, meeting_id).await?;
    read(&mut conn, meeting_id).await
}

async fn read(conn: &mut AnyConnection, meeting_id: &str) -> ApiResult<ReferralRulesView> {
    let row = sqlx::query(
        "select r.rules, r.version, b.name, \
         case when b.status = 'approved' then b.cap_fen - b.reserved_fen - b.spent_fen else 0 end \
         from referral_rules r left join budget b on b.id = r.budget_id where r.meeting_id = $1",
    )
    .bind(meeting_id)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else {
        return Ok(ReferralRulesView {
            rules: None,
            budget: String::new(),
            budget_left_fen: Fen(0),
            version: 0,
        });
    };
    let rules = serde_json::from_str(&row.try_get::<String, _>(0)?).context("stored rules")?;
    Ok(ReferralRulesView {
        rules: Some(rules),
        version: row.try_get(1)?,
        budget: row.try_get::<Option<String>, _>(2)?.unwrap_or_default(),
        budget_left_fen: Fen(row.try_get(3)?),
    })
}

fn check(rules: &ReferralRules, limits: &LimitsConfig) -> ApiResult<()> {
    if !(limits.packet_min..=limits.packet_max).contains(&rules.fen.0) {
        let detail =
            format!("每份奖励须在 {} 至 {} 之间。", yuan(limits.packet_min), yuan(limits.packet_max));
        return Err(ApiError::invalid("amount_range", "rules.fen", detail));
    }
    for (value, most, field, words) in [
        (rules.every, 100, "rules.every", "每几人一份奖励应为 1 到 100。"),
        (rules.daily, 100, "rules.daily", "每日上限应为 1 到 100 份。"),
        (rules.total, 10_000, "rules.total", "总上限应为 1 到 10000 份。"),
        (rules.delay_ms.saturating_add(1), 30 * DAY + 1, "rules.delay_ms", "等待时间应为 0 到 30 天。"),
    ] {
        if !(1..=most).contains(&value) {
            return Err(ApiError::invalid("invalid", field, words));
        }
    }
    Ok(())
}

/// Makes or changes them: 409 `stale`, `rehearsal`, `meeting_closed`; 422 with the field.
pub(super) async fn save(
    app: &App,
    staff: &Staff,
    meeting_id: &str,
    wanted: &SaveReferralRules,
) -> ApiResult<ReferralRulesView> {
    check(&wanted.rules, &app.config().limits)?;
    let mut tx = app.db().begin().await?;
    let meeting = meeting::lock(&mut tx, meeting_id).await?;
    meeting.must_be_open()?;
    if meeting.rehearsal {
        return Err(ApiError::conflict("rehearsal", "彩排永不付款，请在正式活动里设置推荐奖励。"));
    }
    if let Some(budget) = &wanted.rules.budget_id {
        let row =
            sqlx::query("select id from budget where id = $1 and meeting_id = $2 and purpose = 'campaign'")
                .bind(budget)
                .bind(meeting_id)
                .fetch_optional(tx.conn())
                .await?;
        if row.is_none() {
            let detail = "请选择本活动里用途为“凭证与推荐”的预算。";
            return Err(ApiError::invalid("budget_purpose", "rules.budget_id", detail));
        }
    }
    let text = serde_json::to_string(&wanted.rules).context("rules as JSON")?;
    let statement = if wanted.version == 0 {
        "insert into referral_rules (meeting_id, rules, budget_id, changed_by) values ($1, $2, $3, $4) \
         on conflict (meeting_id) do nothing"
    } else {
        "update referral_rules set rules = $2, budget_id = $3, changed_by = $4, version = version + 1 \
         where meeting_id = $1 and version = $5"
    };
    let mut query =
        sqlx::query(statement).bind(meeting_id).bind(text).bind(&wanted.rules.budget_id).bind(&staff.id);
    if wanted.version != 0 {
        query = query.bind(wanted.version);
    }
    if !hit(&query.execute(tx.conn()).await?) {
        return Err(ApiError::stale());
    }
    let deed = Deed {
        who: &staff.user,
        what: "referral.rules",
        meeting: meeting_id,
        target: meeting_id,
        note: if wanted.rules.open { "open" } else { "closed" },
    };
    audit::record(&mut tx, app.now(), &deed).await?;
    let after = read(tx.conn(), meeting_id).await?;
    tx.commit().await?;
    Ok(after)
}
