//! What a new person comes to when the delay is over: still following and bound? The n-th one? Below the caps? Then a
//! reward, in one transaction with the count. A cap of the day or a budget that is short makes it wait, never vanish.

use std::time::Duration;

use sqlx::Row;

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock::{Ms, beijing_day, next_beijing_midnight},
    db::{Tx, hit},
    error::{ApiError, ApiResult},
    meeting,
    payout::{self, Gift},
    people::follow,
    wire::ReferralRules,
};

/// How often it is looked for some.
const EVERY: Duration = Duration::from_secs(2);
/// Decided in one look.
const BATCH: i64 = 50;
/// What could not be decided is tried again after this time.
const AGAIN: Ms = 60_000;
const REASON_CHARS: usize = 200;

/// Decides until the server stops.
pub async fn run(app: App) {
    loop {
        if let Err(error) = pass(&app).await {
            tracing::error!(%error, "referrals were not decided");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = app.stopping().cancelled() => return,
        }
    }
}

async fn pass(app: &App) -> ApiResult<()> {
    let rows = sqlx::query(
        "select r.id, r.meeting_id, coalesce(b.openid, r.openid) from referral r \
         left join binding b on b.meeting_id = r.meeting_id and b.person_id = r.person_id and b.active = 1 \
         where r.state = 'waiting' and r.due_at <= $1 order by r.due_at, r.id limit $2",
    )
    .bind(app.now())
    .bind(BATCH)
    .fetch_all(app.db().read())
    .await?;
    for row in rows {
        let (id, meeting, openid): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        // Callbacks get lost: before money goes out the account itself is asked. Of whoever has another phone by now it
        // is that one which follows.
        match follow::check(app, &openid).await {
            Ok(follows) => one(app, (&meeting, &id), follows).await?,
            Err(_) => later(app, &id, ("follow_check", app.now() + AGAIN)).await?,
        }
    }
    Ok(())
}

async fn later(app: &App, id: &str, (reason, at): (&str, Ms)) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    sqlx::query("update referral set reason = $1, due_at = $2 where id = $3 and state = 'waiting'")
        .bind(reason)
        .bind(at)
        .bind(id)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(())
}

/// One new person as stored.
struct Due {
    referrer: String,
    person: String,
}

async fn one(app: &App, (meeting_id, id): (&str, &str), follows: bool) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    // As every movement of money: under the meeting's row, where the counts cannot change meanwhile.
    meeting::lock(&mut tx, meeting_id).await?;
    let row = sqlx::query(
        "select referrer_id, person_id from referral where id = $1 and state = 'waiting' and due_at <= $2",
    )
    .bind(id)
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(()) };
    let due = Due { referrer: row.try_get(0)?, person: row.try_get(1)? };
    let row = sqlx::query("select rules from referral_rules where meeting_id = $1")
        .bind(meeting_id)
        .fetch_one(tx.conn())
        .await?;
    let rules: ReferralRules =
        serde_json::from_str(&row.try_get::<String, _>(0)?).map_err(anyhow::Error::new)?;
    let verdict = verdict(&mut tx, now, (meeting_id, follows), (&due, &rules)).await?;
    if let Verdict::Becomes("paid", _) = verdict {
        return match pay(app, &mut tx, (meeting_id, id), (&due, &rules)).await {
            Ok(()) => {
                tx.commit().await?;
                payout::wake(app);
                Ok(())
            }
            Err(error) if error.code() == "budget" => {
                drop(tx);
                later(app, id, ("budget", now + AGAIN)).await
            }
            Err(error) => Err(error),
        };
    }
    match verdict {
        Verdict::Becomes(state, reason) => become_now(&mut tx, now, id, (state, reason)).await?,
        Verdict::Waits(reason, at) => {
            drop(tx);
            return later(app, id, (reason, at)).await;
        }
    }
    tx.commit().await?;
    Ok(())
}

enum Verdict {
    /// State and reason.
    Becomes(&'static str, &'static str),
    /// Reason and the next look.
    Waits(&'static str, Ms),
}

async fn verdict(
    tx: &mut Tx,
    now: Ms,
    (meeting, follows): (&str, bool),
    (due, rules): (&Due, &ReferralRules),
) -> ApiResult<Verdict> {
    if !follows {
        return Ok(Verdict::Becomes("cancelled", "unfollowed"));
    }
    let bound = sqlx::query("select id from binding where meeting_id = $1 and person_id = $2 and active = 1")
        .bind(meeting)
        .bind(&due.person)
        .fetch_optional(tx.conn())
        .await?;
    if bound.is_none() {
        return Ok(Verdict::Becomes("cancelled", "unbound"));
    }
    let row = sqlx::query(
        "select cast(coalesce(sum(1), 0) as bigint), \
         cast(coalesce(sum(case when state = 'paid' then 1 else 0 end), 0) as bigint), \
         cast(coalesce(sum(case when state = 'paid' and paid_day = $3 then 1 else 0 end), 0) as bigint) \
         from referral where meeting_id = $1 and referrer_id = $2 and state in ('confirmed', 'paid', 'capped')",
    )
    .bind(meeting)
    .bind(&due.referrer)
    .bind(beijing_day(now))
    .fetch_one(tx.conn())
    .await?;
    let (counted, paid, today): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(if (counted + 1) % rules.every != 0 {
        Verdict::Becomes("confirmed", "")
    } else if paid >= rules.total {
        Verdict::Becomes("capped", "")
    } else if today >= rules.daily {
        Verdict::Waits("day_cap", next_beijing_midnight(now))
    } else {
        Verdict::Becomes("paid", "")
    })
}

async fn become_now(tx: &mut Tx, now: Ms, id: &str, (state, reason): (&str, &str)) -> ApiResult<()> {
    let done = sqlx::query(
        "update referral set state = $1, reason = $2, updated_at = $3 where id = $4 and state = 'waiting'",
    )
    .bind(state)
    .bind(reason)
    .bind(now)
    .bind(id)
    .execute(tx.conn())
    .await?;
    if hit(&done) { Ok(()) } else { Err(ApiError::stale()) }
}

async fn pay(
    app: &App,
    tx: &mut Tx,
    (meeting, id): (&str, &str),
    (due, rules): (&Due, &ReferralRules),
) -> ApiResult<()> {
    let now = app.now();
    let Some(budget) = &rules.budget_id else {
        return Err(ApiError::conflict("budget", "还没有为推荐奖励指定预算。"));
    };
    become_now(tx, now, id, ("paid", "")).await?;
    sqlx::query("update referral set fen = $1, paid_day = $2 where id = $3")
        .bind(rules.fen.0)
        .bind(beijing_day(now))
        .bind(id)
        .execute(tx.conn())
        .await?;
    let row =
        sqlx::query("select openid from binding where meeting_id = $1 and person_id = $2 and active = 1")
            .bind(meeting)
            .bind(&due.referrer)
            .fetch_optional(tx.conn())
            .await?;
    let openid = row.map(|row| row.try_get::<String, _>(0)).transpose()?.unwrap_or_default();
    let gift = Gift {
        reason: &format!("referral:{id}"),
        meeting,
        person: &due.referrer,
        openid: &openid,
        fen: rules.fen.0,
        budget,
    };
    payout::give(app, tx, gift).await
}

/// A reviewer lets a new person count who looked wrong: 409 `referral_decided`.
pub(super) async fn allow(app: &App, staff: &Staff, of: (&str, &str)) -> ApiResult<()> {
    judge(app, staff, of, ("waiting", "", "referral.allow")).await
}

/// A reviewer refuses one: 409 `referral_decided`, 422 `reason`.
pub(super) async fn refuse(app: &App, staff: &Staff, of: (&str, &str), reason: &str) -> ApiResult<()> {
    let reason: String = reason.trim().chars().filter(|letter| !letter.is_control()).collect();
    if !(1..=REASON_CHARS).contains(&reason.chars().count()) {
        return Err(ApiError::invalid("reason", "reason", "请写明原因（1 到 200 个字）。"));
    }
    judge(app, staff, of, ("refused", &reason, "referral.refuse")).await
}

async fn judge(
    app: &App,
    staff: &Staff,
    (meeting_id, id): (&str, &str),
    (state, reason, what): (&str, &str, &str),
) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let row = sqlx::query("select id from referral where meeting_id = $1 and id = $2")
        .bind(meeting_id)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    row.ok_or_else(|| ApiError::not_found("该推荐"))?;
    // What is not paid can still be refused, whether it looked wrong or not.
    let from = if state == "refused" { "'review', 'waiting'" } else { "'review'" };
    let text = format!(
        "update referral set state = $1, reason = $2, decided_by = $3, updated_at = $4 where id = $5 and state in ({from})"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(state)
        .bind(reason)
        .bind(&staff.id)
        .bind(now)
        .bind(id)
        .execute(tx.conn())
        .await?;
    if !hit(&done) {
        return Err(ApiError::conflict("referral_decided", "这位新人已有结论，请刷新后查看。"));
    }
    audit::record(
        &mut tx,
        now,
        &Deed { who: &staff.user, what, meeting: meeting_id, target: id, note: reason },
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
