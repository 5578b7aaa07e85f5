//! "You won", to the winner's chat with the service account. A worker of its own finds seats without a message, writes
//! a row for each, and sends: in the chat while WeChat allows it, else by the meeting's template. Draws and payments
//! know nothing of it, so nothing here can hold them up. Whatever was not delivered is shown to the host.

mod http;
mod send;
mod text;

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::Row;

pub use http::router;

use crate::{
    app::App,
    clock::Ms,
    db::{Tx, hit},
    error::ApiResult,
    keys,
    wire::MeetingSettings,
};

/// How often it is looked for something to send.
const EVERY: Duration = Duration::from_secs(2);
/// Seats that get their rows in one pass, and messages that are sent in one.
const BATCH: i64 = 50;
/// A message that was claimed and not settled is taken up again after this time: its server died.
const LEASE: Ms = 60_000;

/// A message that was claimed.
#[derive(Debug)]
struct Notice {
    id: String,
    meeting: String,
    openid: String,
    n: i64,
    tries: i64,
    created_at: Ms,
    /// An earlier try had no answer: it may have arrived.
    doubt: bool,
}

/// Sends until the server stops.
pub async fn run(app: App) {
    if app.account().is_none() {
        return;
    }
    loop {
        if let Err(error) = pass(&app).await {
            tracing::error!(%error, "messages to winners could not be sent");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = app.stopping().cancelled() => return,
        }
    }
}

/// One look: rows for new winners, then everything that is due.
async fn pass(app: &App) -> ApiResult<()> {
    let rows =
        sqlx::query("select id, settings from meeting where status = 'open' and rehearsal = 0 order by id")
            .fetch_all(app.db().read())
            .await?;
    for row in rows {
        let (id, settings): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let settings: MeetingSettings = serde_json::from_str(&settings).map_err(anyhow::Error::new)?;
        if settings.notify.winners {
            find(app, &id).await?;
        }
    }
    let claimed = claim(app).await?;
    let sent = join_all(claimed.iter().map(|notice| send::send(app, notice))).await;
    sent.into_iter().collect()
}

/// Rows for winners who have none. Whoever wins later in the same draw, as a replacement, gets one then.
async fn find(app: &App, meeting: &str) -> ApiResult<()> {
    let rows = sqlx::query(
        "select s.n, s.rank, b.openid from seat s join draw d on d.meeting_id = s.meeting_id and d.n = s.n \
         join binding b on b.meeting_id = s.meeting_id and b.person_id = s.person_id and b.active = 1 \
         left join notice x on x.meeting_id = s.meeting_id and x.n = s.n and x.rank = s.rank \
         where s.meeting_id = $1 and d.state = 'revealed' and d.kind <> 'test' and s.status in ('waiting', 'present') \
         and x.id is null order by s.n, s.rank limit $2",
    )
    .bind(meeting)
    .bind(BATCH)
    .fetch_all(app.db().read())
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let now = app.now();
    let mut tx = app.db().begin().await?;
    for row in rows {
        sqlx::query(
            "insert into notice (id, meeting_id, n, rank, openid, state, next_at, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, 'due', $6, $6, $6) on conflict do nothing",
        )
        .bind(keys::row_id())
        .bind(meeting)
        .bind(row.try_get::<i64, _>("n")?)
        .bind(row.try_get::<i64, _>("rank")?)
        .bind(row.try_get::<String, _>("openid")?)
        .bind(now)
        .execute(tx.conn())
        .await?;
    }
    Ok(tx.commit().await?)
}

/// Takes what is due, each by one server.
async fn claim(app: &App) -> ApiResult<Vec<Notice>> {
    let now = app.now();
    let rows = sqlx::query(
        "select id, meeting_id, openid, n, tries, created_at, why from notice \
         where state = 'due' and next_at <= $1 order by next_at, id limit $2",
    )
    .bind(now)
    .bind(BATCH)
    .fetch_all(app.db().read())
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut claimed = Vec::new();
    let mut tx = app.db().begin().await?;
    for row in rows {
        let notice = Notice {
            id: row.try_get(0)?,
            meeting: row.try_get(1)?,
            openid: row.try_get(2)?,
            n: row.try_get(3)?,
            tries: row.try_get(4)?,
            created_at: row.try_get(5)?,
            doubt: row.try_get::<String, _>(6)? == send::DOUBT,
        };
        let done = sqlx::query(
            "update notice set tries = tries + 1, next_at = $1 where id = $2 and tries = $3 and state = 'due'",
        )
        .bind(now + LEASE)
        .bind(&notice.id)
        .bind(notice.tries)
        .execute(tx.conn())
        .await?;
        if hit(&done) {
            claimed.push(notice);
        }
    }
    tx.commit().await?;
    Ok(claimed)
}

/// What the platform says later of a template message (`TEMPLATESENDJOBFINISH`): in the callback's transaction.
pub async fn finished(tx: &mut Tx, msgid: &str, status: &str, now: Ms) -> ApiResult<()> {
    let why = match status {
        "success" => return Ok(()),
        "failed:user block" => "declined",
        _ => "system",
    };
    sqlx::query(
        "update notice set state = 'failed', why = $1, updated_at = $2 where msgid = $3 and state = 'sent'",
    )
    .bind(why)
    .bind(now)
    .bind(msgid)
    .execute(tx.conn())
    .await?;
    Ok(())
}
