//! Judging: one voucher belongs to one reviewer for a while; who judges must hold it, and have seen it as it is.

use sqlx::Row;

use super::{Facts, note, parsed};
use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::Ms,
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    meeting,
    payout::{self, Gift},
    wire::{NextVoucher, VoucherRules, VoucherState},
};

/// How long a voucher stays with a reviewer who does nothing.
const LOCK: Ms = 300_000;
/// Looks for one that is free.
const LOOKS: usize = 5;
const REASON_CHARS: usize = 200;

/// Who judges: a member of staff, and the phone whose page is open in the same browser, if one is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<'a> {
    pub(super) staff: &'a Staff,
    pub(super) openid: &'a str,
}

/// Takes the oldest voucher that waits and that this reviewer may judge. One that is held already stays.
pub(super) async fn next(
    app: &App,
    judge: Judge<'_>,
    meeting_id: &str,
    wanted: &NextVoucher,
) -> ApiResult<Option<String>> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    meeting::load(tx.conn(), meeting_id).await?;
    let after = match &wanted.skip {
        Some(id) => give_back(&mut tx, judge, (meeting_id, id)).await?,
        None => 0,
    };
    // One row at a time: on PostgreSQL two who ask at once pass each other's row. One that was taken between the look
    // and its lock drops out of the answer, which then is empty although others wait: hence another look.
    for _ in 0..LOOKS {
        if let Some(id) = free(&mut tx, judge, (meeting_id, wanted), (now, after)).await?
            && take(&mut tx, judge.staff, &id, now).await?
        {
            tx.commit().await?;
            return Ok(Some(id));
        }
    }
    tx.commit().await?;
    Ok(None)
}

/// The oldest one that nobody holds, or that this reviewer holds already.
async fn free(
    tx: &mut Tx,
    judge: Judge<'_>,
    (meeting, wanted): (&str, &NextVoucher),
    (now, after): (Ms, Ms),
) -> ApiResult<Option<String>> {
    let text = format!(
        "select v.id from voucher v where v.meeting_id = $1 and v.state in ('waiting', 'second') \
         and ($2 = '' or v.campaign_id = $2) and (v.locked_until <= $3 or v.locked_by = $4) \
         and (v.first_by is null or v.first_by <> $4) and v.openid <> $5 \
         order by case when v.locked_by = $4 and v.locked_until > $3 then 0 else 1 end, \
         case when v.sent_at > $6 or (v.sent_at = $6 and v.id > $7) then 0 else 1 end, v.sent_at, v.id limit 1{}",
        tx.skip_locked()
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting)
        .bind(wanted.campaign_id.as_deref().unwrap_or_default())
        .bind(now)
        .bind(&judge.staff.id)
        .bind(judge.openid)
        .bind(after)
        .bind(wanted.skip.as_deref().unwrap_or_default())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn take(tx: &mut Tx, staff: &Staff, id: &str, now: Ms) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update voucher set locked_by = $1, locked_until = $2 where id = $3 and state in ('waiting', 'second') \
         and (locked_until <= $4 or locked_by = $1) and (first_by is null or first_by <> $1)",
    )
    .bind(&staff.id)
    .bind(now + LOCK)
    .bind(id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(hit(&done))
}

/// How many wait.
pub(super) async fn waiting(app: &App, meeting_id: &str, campaign: &str) -> ApiResult<i64> {
    let row = sqlx::query(
        "select cast(count(*) as bigint) from voucher where meeting_id = $1 and state in ('waiting', 'second') \
         and ($2 = '' or campaign_id = $2)",
    )
    .bind(meeting_id)
    .bind(campaign)
    .fetch_one(app.db().read())
    .await?;
    Ok(row.try_get(0)?)
}

/// Takes this voucher, or keeps it for longer: 409 `locked` while another reviewer has it, `voucher_decided`.
pub(super) async fn lock(app: &App, judge: Judge<'_>, (meeting, id): (&str, &str)) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let facts = Facts::load(tx.conn(), meeting, id).await?;
    may_judge(&facts, judge)?;
    if !take(&mut tx, judge.staff, id, now).await? {
        return Err(ApiError::conflict("locked", "另一位审核员正在处理这份凭证，请看下一份。"));
    }
    tx.commit().await?;
    Ok(())
}

/// Gives a voucher back that one does not want to judge now.
pub(super) async fn unlock(app: &App, judge: Judge<'_>, (meeting, id): (&str, &str)) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    Facts::load(tx.conn(), meeting, id).await?;
    give_back(&mut tx, judge, (meeting, id)).await?;
    tx.commit().await?;
    Ok(())
}

/// Answers when it was sent.
async fn give_back(tx: &mut Tx, judge: Judge<'_>, (meeting, id): (&str, &str)) -> Result<Ms, sqlx::Error> {
    sqlx::query(
        "update voucher set locked_by = null, locked_until = 0 where meeting_id = $1 and id = $2 and locked_by = $3",
    )
    .bind(meeting)
    .bind(id)
    .bind(&judge.staff.id)
    .execute(tx.conn())
    .await?;
    let row = sqlx::query("select sent_at from voucher where meeting_id = $1 and id = $2")
        .bind(meeting)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| row.try_get::<Option<Ms>, _>(0)).transpose()?.flatten().unwrap_or(0))
}

/// 409 `voucher_decided`; 403 `own_voucher`, `second_person`. A draft is 404: nobody has sent it.
fn may_judge(facts: &Facts, judge: Judge<'_>) -> ApiResult<()> {
    match facts.state {
        VoucherState::Draft => return Err(super::not_found()),
        VoucherState::Accepted | VoucherState::Rejected => {
            return Err(ApiError::conflict("voucher_decided", "这份凭证已有结论，请看下一份。"));
        }
        VoucherState::Waiting | VoucherState::Second => {}
    }
    if !judge.openid.is_empty() && facts.openid == judge.openid {
        return Err(ApiError::forbidden("own_voucher", "不能审核自己的凭证，请由其他审核员处理。"));
    }
    if facts.state == VoucherState::Second && facts.first_by.as_deref() == Some(judge.staff.id.as_str()) {
        let detail = "超过复审金额的凭证须由两位审核员先后通过，您已初审过，请由另一位处理。";
        return Err(ApiError::forbidden("second_person", detail));
    }
    Ok(())
}

/// The voucher as this reviewer holds it: 409 `not_locked`, `stale`, and what [`may_judge`] says.
async fn held(
    app: &App,
    tx: &mut Tx,
    judge: Judge<'_>,
    (meeting, id, version): (&str, &str, i64),
) -> ApiResult<Facts> {
    let facts = Facts::load(tx.conn(), meeting, id).await?;
    may_judge(&facts, judge)?;
    if facts.version != version {
        return Err(ApiError::stale());
    }
    if facts.locked_by.as_deref() != Some(judge.staff.id.as_str()) || facts.locked_until <= app.now() {
        let detail = "这份凭证不在您手里（已超时或被别人取走），请重新领取后再审。";
        return Err(ApiError::conflict("not_locked", detail));
    }
    Ok(facts)
}

/// Accepts it: makes the award, or asks for a second reviewer above the campaign's amount.
///
/// 409 `budget` when the campaign's budget does not cover it: then nothing has changed.
pub(super) async fn accept(
    app: &App,
    judge: Judge<'_>,
    (meeting_id, id, version): (&str, &str, i64),
) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    // As every movement of money: under the meeting's row.
    meeting::lock(&mut tx, meeting_id).await?;
    let facts = held(app, &mut tx, judge, (meeting_id, id, version)).await?;
    let rules = rules(&mut tx, &facts.campaign).await?;
    let first = facts.state == VoucherState::Waiting
        && rules.second_review_fen.is_some_and(|above| facts.fen > above.0);
    let state = if first { "second" } else { "accepted" };
    decide(&mut tx, judge, &facts, (state, "", now)).await?;
    if first {
        sqlx::query("update voucher set first_by = $1 where id = $2")
            .bind(&judge.staff.id)
            .bind(id)
            .execute(tx.conn())
            .await?;
    } else {
        pay(app, &mut tx, meeting_id, &facts, &rules).await?;
    }
    let what = if first { "first" } else { "accepted" };
    note(&mut tx, now, (id, what), (Some(&judge.staff.id), "")).await?;
    let deed =
        Deed { who: &judge.staff.user, what: "voucher.accept", meeting: meeting_id, target: id, note: what };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    payout::wake(app);
    Ok(())
}

async fn rules(tx: &mut Tx, campaign: &str) -> ApiResult<VoucherRules> {
    let row = sqlx::query("select rules from voucher_campaign where id = $1")
        .bind(campaign)
        .fetch_one(tx.conn())
        .await?;
    parsed(&row.try_get::<String, _>(0)?)
}

async fn pay(app: &App, tx: &mut Tx, meeting_id: &str, facts: &Facts, rules: &VoucherRules) -> ApiResult<()> {
    let Some(budget) = &rules.budget_id else {
        let detail = "这个凭证活动还没有指定预算。没有任何改动，请先在活动设置里选择预算。";
        return Err(ApiError::conflict("budget", detail));
    };
    // Paid to the phone that is bound now; without one the packet waits for a binding.
    let row = sqlx::query(
        "select b.openid from person p left join binding b on b.person_id = p.id and b.active = 1 \
         where p.id = $1 and p.removed = 0",
    )
    .bind(&facts.person)
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| ApiError::conflict("person_removed", "此人已从名单移除，不能发放奖励。"))?;
    let openid: Option<String> = row.try_get(0)?;
    let gift = Gift {
        reason: &format!("voucher:{}", facts.id),
        meeting: meeting_id,
        person: &facts.person,
        openid: openid.as_deref().unwrap_or_default(),
        fen: facts.fen,
        budget,
    };
    payout::give(app, tx, gift).await
}

/// Rejects it, with what the person is told: 422 `reason` without.
pub(super) async fn reject(
    app: &App,
    judge: Judge<'_>,
    (meeting_id, id, version): (&str, &str, i64),
    reason: &str,
) -> ApiResult<()> {
    let reason: String = reason.trim().chars().filter(|letter| !letter.is_control()).collect();
    if !(1..=REASON_CHARS).contains(&reason.chars().count()) {
        return Err(ApiError::invalid("reason", "reason", "请写明退回原因（1 到 200 个字），对方会看到。"));
    }
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let facts = held(app, &mut tx, judge, (meeting_id, id, version)).await?;
    decide(&mut tx, judge, &facts, ("rejected", &reason, now)).await?;
    note(&mut tx, now, (id, "rejected"), (Some(&judge.staff.id), &reason)).await?;
    let deed = Deed {
        who: &judge.staff.user,
        what: "voucher.reject",
        meeting: meeting_id,
        target: id,
        note: &reason,
    };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    Ok(())
}

/// The conditional update that makes a judgement: of two at once one finds the voucher changed.
async fn decide(
    tx: &mut Tx,
    judge: Judge<'_>,
    facts: &Facts,
    (state, reason, now): (&str, &str, Ms),
) -> ApiResult<()> {
    let done = sqlx::query(
        "update voucher set state = $1, reason = $2, decided_by = $3, decided_at = $4, updated_at = $4, \
         locked_by = null, locked_until = 0, version = version + 1 \
         where id = $5 and version = $6 and locked_by = $3 and locked_until > $4 and state in ('waiting', 'second')",
    )
    .bind(state)
    .bind(reason)
    .bind(&judge.staff.id)
    .bind(now)
    .bind(&facts.id)
    .bind(facts.version)
    .execute(tx.conn())
    .await?;
    if hit(&done) { Ok(()) } else { Err(ApiError::stale()) }
}
