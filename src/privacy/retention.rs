//! Removal by itself: some days after a meeting ended, everybody in it, a few at a time, by one server at a time. It goes
//! on where it stopped, and comes back for those whose packets were not final.

use std::time::Duration;

use sqlx::Row;

use super::{erase, moving};
use crate::{
    app::App,
    audit::{self, Deed},
    clock::{DAY, Ms},
    db::hit,
    error::{ApiError, ApiResult},
    invite,
    wire::PrivacyView,
};

/// How often it is looked for meetings whose time has come.
const EVERY: Duration = Duration::from_secs(600);
/// People of one batch, and the pause after it: others want to write too.
const BATCH: i64 = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// Whoever works holds the lock so long, ms; it is taken anew for each batch.
const LOCK_MS: i64 = 120_000;

/// Works until the server stops.
pub async fn run(app: App) {
    loop {
        let pause = match batch(&app).await {
            Ok(true) => PAUSE,
            Ok(false) => EVERY,
            Err(error) => {
                tracing::error!(%error, "personal data was not removed");
                EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.stopping().cancelled() => return,
        }
    }
}

/// Does all that there is to do now, without pauses.
pub async fn sweep(app: &App) -> ApiResult<()> {
    while batch(app).await? {}
    Ok(())
}

/// One batch; true when there may be more.
async fn batch(app: &App) -> ApiResult<bool> {
    let Some(lock) = app.store().lock("privacy:retention", LOCK_MS).await? else { return Ok(false) };
    let done = work(app).await;
    if let Err(error) = app.store().unlock(lock).await {
        tracing::warn!(%error, "a lock was not given back; it ends by itself");
    }
    done
}

async fn work(app: &App) -> ApiResult<bool> {
    erase::remove_files(app).await?;
    if strangers(app).await? {
        return Ok(true);
    }
    let Some(meeting) = due(app).await? else { return Ok(false) };
    let people = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select p.id from person p where p.meeting_id = $1 and p.erased_at is null and {MAY_GO} order by p.id limit {BATCH}"
    )))
    .bind(&meeting)
    .fetch_all(app.db().read())
    .await?;
    if people.is_empty() {
        return finish(app, &meeting).await.map(|()| true);
    }
    let mut count = 0;
    for row in &people {
        count += i64::from(erase::when_over(app, &meeting, &row.try_get::<String, _>(0)?).await?);
    }
    let mut tx = app.db().begin().await?;
    let note = count.to_string();
    let deed = Deed { who: "system", what: "people.erase", meeting: &meeting, target: &meeting, note: &note };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    erase::remove_files(app).await?;
    app.db().forget().await?;
    // Nobody could go though the list said so: the next look is soon enough.
    Ok(count > 0)
}

/// Whoever followed the account and never came into a meeting belongs to none that could end: they are forgotten as long
/// after they were last heard of, but for the mark by which they are nobody new. True when there may be more.
async fn strangers(app: &App) -> ApiResult<bool> {
    let days = i64::from(app.config().privacy.keep_days);
    if days == 0 {
        return Ok(false);
    }
    let rows = sqlx::query(
        "select f.openid from follower f where f.updated_at <= $1 \
         and not exists (select 1 from binding b where b.openid = f.openid) \
         and not exists (select 1 from referrer r where r.openid = f.openid) \
         and not exists (select 1 from referral_scan s where s.openid = f.openid) order by f.openid limit $2",
    )
    .bind(app.now() - days * DAY)
    .bind(BATCH)
    .fetch_all(app.db().read())
    .await?;
    let openids: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if openids.is_empty() {
        return Ok(false);
    }
    let mut tx = app.db().begin().await?;
    invite::remember(app.keys(), &mut tx, app.now(), &openids).await?;
    for openid in &openids {
        sqlx::query("delete from follower where openid = $1").bind(openid).execute(tx.conn()).await?;
    }
    tx.commit().await?;
    app.db().forget().await?;
    Ok(true)
}

/// People `p` for whom nothing is on its way; of a rehearsal nothing ever is.
const MAY_GO: &str = concat!(
    "((select m.rehearsal from meeting m where m.id = p.meeting_id) = 1 \
     or not exists (select 1 from award a where a.person_id = p.id and ",
    moving!(),
    "))"
);

/// A meeting that is over for long enough and still has somebody who may go, or that nobody has closed the book of. A rehearsal,
/// which nobody thinks of closing, is over when nothing happens in it any more, and again after it was used once more; one that
/// was left in the middle of a draw would stand in everybody's way.
async fn due(app: &App) -> ApiResult<Option<String>> {
    let days = i64::from(app.config().privacy.keep_days);
    if days == 0 {
        return Ok(None);
    }
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select m.id from meeting m where (m.erased_at is null or (m.rehearsal = 1 \
         and exists (select 1 from person p where p.meeting_id = m.id and p.erased_at is null))) \
         and ((m.status = 'closed' and m.closed_at <= $1) or (m.rehearsal = 1 and m.created_at <= $1 \
         and not exists (select 1 from draw d where d.meeting_id = m.id and d.state = 'committed') \
         and not exists (select 1 from event e where e.meeting_id = m.id and e.at > $1) \
         and not exists (select 1 from person p where p.meeting_id = m.id and p.created_at > $1))) \
         and (exists (select 1 from person p where p.meeting_id = m.id and p.erased_at is null and {MAY_GO}) \
         or not exists (select 1 from person p where p.meeting_id = m.id and p.erased_at is null)) \
         order by m.closed_at, m.id limit 1"
    )))
    .bind(app.now() - days * DAY)
    .fetch_optional(app.db().read())
    .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Everybody is gone: what is left of people who never came onto the roster goes too.
async fn finish(app: &App, meeting: &str) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let done = sqlx::query(
        "update meeting set erased_at = $1 where id = $2 and erased_at is null \
         and not exists (select 1 from person p where p.meeting_id = $2 and p.erased_at is null)",
    )
    .bind(app.now())
    .bind(meeting)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Ok(());
    }
    for text in [
        "delete from roster_import where meeting_id = $1",
        "delete from referral_scan where meeting_id = $1",
        "update sms_send set phone_index = '', openid_index = '' where meeting_id = $1",
        "delete from idempotency where scope like '%' || $1 || '%'",
    ] {
        sqlx::query(text).bind(meeting).execute(tx.conn()).await?;
    }
    let deed = Deed { who: "system", what: "meeting.erased", meeting, target: meeting, note: "" };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(app.db().forget().await?)
}

/// Where a meeting stands; 404.
pub(super) async fn view(app: &App, meeting: &str) -> ApiResult<PrivacyView> {
    let keep_days = i64::from(app.config().privacy.keep_days);
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select m.closed_at, m.erased_at, \
         (select cast(count(*) as bigint) from person p where p.meeting_id = m.id and p.erased_at is null), \
         (select cast(count(*) as bigint) from person p where p.meeting_id = m.id and p.erased_at is not null), \
         (select cast(count(*) as bigint) from person p where p.meeting_id = m.id and p.erased_at is null \
          and not {MAY_GO}) from meeting m where m.id = $1"
    )))
    .bind(meeting)
    .fetch_optional(app.db().read())
    .await?
    .ok_or_else(|| ApiError::not_found("该活动"))?;
    let (closed_at, erased_at): (Option<Ms>, Option<Ms>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(PrivacyView {
        keep_days,
        erase_at: closed_at.filter(|_| keep_days > 0).map(|at| at + keep_days * DAY),
        erased_at,
        people: row.try_get(2)?,
        erased: row.try_get(3)?,
        waiting: row.try_get(4)?,
    })
}
