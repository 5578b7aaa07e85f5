//! Meetings: each with its own log, keys, chain of secrets and pool.

pub mod check;
mod http;
mod rehearsal;
mod sql;
pub mod tell;

pub use http::router;
pub use sql::{Meeting, load, lock};

use anyhow::Context;

use crate::{
    app::App,
    audit::{self, Deed},
    clock,
    db::{Tx, hit},
    draw::Body as LogBody,
    drawlog,
    error::{ApiError, ApiResult},
    keys,
    wire::{Body, EditMeeting, MeetingSettings, MeetingStatus, MeetingView, NewMeeting},
};

/// Links of a meeting's chain of secrets: the most draws it can have, rehearsed and void ones included.
const LINKS: u32 = 1_024;

/// Makes a meeting, its keys and the first line of its log; a rehearsal also gets prizes, rounds and made-up people.
pub async fn create(app: &App, who: &str, new: NewMeeting) -> ApiResult<MeetingView> {
    check::name(&new.name)?;
    check::settings(&new.settings)?;
    let mut tx = app.db().begin().await?;
    let original = match &new.rehearsal_of {
        None => None,
        Some(id) => Some(load(tx.conn(), id).await.map_err(|error| match error.code() {
            "not_found" => ApiError::invalid("invalid", "rehearsal_of", "没有这个活动，请刷新后重选。"),
            _ => error,
        })?),
    };
    let id = keys::short_id();
    insert(app, &mut tx, &id, &new).await?;
    if let Some(original) = original {
        rehearsal::fill(app, &mut tx, &original.id, &id).await?;
    }
    let made = load(tx.conn(), &id).await?.view();
    let what = if made.rehearsal { "meeting.rehearse" } else { "meeting.create" };
    audit::record(&mut tx, app.now(), &Deed { who, what, meeting: &id, target: &id, note: &new.name })
        .await?;
    tx.commit().await?;
    Ok(made)
}

async fn insert(app: &App, tx: &mut Tx, id: &str, new: &NewMeeting) -> ApiResult<()> {
    let birth = drawlog::Birth::new(app.keys(), id, LINKS);
    let now = app.now();
    sqlx::query(
        "insert into meeting (id, name, rehearsal, cloned_from, status, settings, event, log_key, log_secret, \
         chain_secret, links, bill_day, created_at) \
         values ($1, $2, $3, $4, 'open', $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(id)
    .bind(&new.name)
    .bind(i64::from(new.rehearsal_of.is_some()))
    .bind(&new.rehearsal_of)
    .bind(settings_text(&new.settings)?)
    .bind(&birth.event)
    .bind(&birth.key)
    .bind(&birth.log_secret)
    .bind(&birth.chain_secret)
    .bind(i64::from(LINKS))
    .bind(clock::beijing_day(now))
    .bind(now)
    .execute(tx.conn())
    .await?;
    drawlog::append(app, tx, id, birth.line).await?;
    Ok(())
}

fn settings_text(settings: &MeetingSettings) -> ApiResult<String> {
    Ok(serde_json::to_string(settings).context("settings as JSON")?)
}

/// All meetings, newest first.
pub async fn list(app: &App) -> ApiResult<Vec<MeetingView>> {
    let mut conn = app.db().read().acquire().await?;
    Ok(sql::all(&mut conn).await?.iter().map(Meeting::view).collect())
}

/// One meeting.
pub async fn view(app: &App, id: &str) -> ApiResult<MeetingView> {
    let mut conn = app.db().read().acquire().await?;
    Ok(load(&mut conn, id).await?.view())
}

/// Changes name and settings.
pub async fn edit(app: &App, who: &str, id: &str, edit: EditMeeting) -> ApiResult<MeetingView> {
    check::name(&edit.name)?;
    check::settings(&edit.settings)?;
    let mut tx = app.db().begin().await?;
    lock(&mut tx, id).await?.must_be_open()?;
    let done = sqlx::query(
        "update meeting set name = $1, settings = $2, version = version + 1 where id = $3 and version = $4",
    )
    .bind(&edit.name)
    .bind(settings_text(&edit.settings)?)
    .bind(id)
    .bind(edit.version)
    .execute(tx.conn())
    .await?;
    if !hit(&done) {
        return Err(ApiError::stale());
    }
    finish(app, tx, &Deed { who, what: "meeting.edit", meeting: id, target: id, note: &edit.name }).await
}

/// Closes the log. Whoever was not confirmed until now gets nothing; packets already payable are still paid.
pub async fn close(app: &App, who: &str, id: &str) -> ApiResult<MeetingView> {
    let mut tx = app.db().begin().await?;
    let meeting = lock(&mut tx, id).await?;
    if meeting.status == MeetingStatus::Closed {
        return Ok(meeting.view());
    }
    let open = sqlx::query("select n from draw where meeting_id = $1 and state = 'committed'")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    if open.is_some() {
        return Err(ApiError::conflict("draw_open", "还有抽奖没有结束，请先公布结果或作废，再结束活动。"));
    }
    drawlog::append(app, &mut tx, id, LogBody::Close).await?;
    sqlx::query("update meeting set status = 'closed', closed_at = $1, version = version + 1 where id = $2")
        .bind(app.now())
        .bind(id)
        .execute(tx.conn())
        .await?;
    finish(app, tx, &Deed { who, what: "meeting.close", meeting: id, target: id, note: "" }).await
}

async fn finish(app: &App, mut tx: Tx, deed: &Deed<'_>) -> ApiResult<MeetingView> {
    let (now, id) = (app.now(), deed.meeting);
    let changed = load(tx.conn(), id).await?.view();
    let told = tell::event(&mut tx, id, now, Body::Meeting(changed.clone())).await?;
    audit::record(&mut tx, now, deed).await?;
    tell::commit(app, tx, id, vec![told]).await?;
    Ok(changed)
}
