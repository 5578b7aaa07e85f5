//! Meetings: each with its own log, keys, chain of secrets and pool.

pub mod check;
mod http;
mod http_pictures;
mod http_tracks;
pub mod pictures;
mod sql;
pub mod tell;
pub mod tracks;

pub use http::router;
pub use http_pictures::FileBody;
pub use sql::{Meeting, load, lock, no_open_draw};

use anyhow::Context;

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    clock,
    db::{Tx, hit},
    drawlog,
    error::{ApiError, ApiResult},
    keys,
    wire::{Body, Counts, EditMeeting, MeetingSettings, MeetingView, NewMeeting, Role},
};

/// Links of a meeting's chain of secrets: the most draws it can have, rehearsed and void ones included.
const LINKS: u32 = 1_024;

/// Makes a meeting, its keys and the first line of its log.
pub async fn create(app: &App, who: &str, new: NewMeeting) -> ApiResult<MeetingView> {
    let mut tx = app.db().begin().await?;
    let made = create_in(app, &mut tx, who, &new).await?;
    tx.commit().await?;
    Ok(made)
}

/// As [`create`], inside a transaction; with `rehearsal_of` the meeting is marked as a rehearsal and still empty.
pub async fn create_in(app: &App, tx: &mut Tx, who: &str, new: &NewMeeting) -> ApiResult<MeetingView> {
    check::name(&new.name)?;
    check::settings(&new.settings)?;
    let id = keys::short_id();
    insert(app, tx, &id, new).await?;
    let made = load(tx.conn(), &id).await?.view();
    let what = if made.rehearsal { "meeting.rehearse" } else { "meeting.create" };
    audit::record(tx, app.now(), &Deed { who, what, meeting: &id, target: &id, note: &new.name }).await?;
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
pub async fn edit(app: &App, staff: &Staff, id: &str, edit: EditMeeting) -> ApiResult<MeetingView> {
    check::name(&edit.name)?;
    check::settings(&edit.settings)?;
    let mut tx = app.db().begin().await?;
    let before = lock(&mut tx, id).await?;
    before.must_be_open()?;
    may_turn(staff, before.settings.four_eyes, edit.settings.four_eyes)?;
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
    let deed = Deed { who: &staff.user, what: "meeting.edit", meeting: id, target: id, note: &edit.name };
    let changed = finish(app, tx, &deed).await?;
    if before.settings.checkin != changed.settings.checkin {
        // Who counts as present is another number now; it is counted where it is shown.
        app.publish_ephemeral(id, Body::Counts(Counts::default()));
    }
    Ok(changed)
}

/// Whoever the rule of the second person is to watch must not be able to turn it off: 403 `role`.
fn may_turn(staff: &Staff, before: bool, after: bool) -> ApiResult<()> {
    if before && !after && !staff.roles.contains(&Role::Owner) {
        return Err(ApiError::forbidden("role", "双人复核开启后，只有活动负责人（owner）可以关闭。"));
    }
    Ok(())
}

/// Turns `four_eyes` on or off, and nothing else; only the owner turns it off.
pub async fn turn_four_eyes(app: &App, staff: &Staff, id: &str, on: bool) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    let before = lock(&mut tx, id).await?;
    before.must_be_open()?;
    if before.settings.four_eyes == on {
        return Ok(());
    }
    may_turn(staff, before.settings.four_eyes, on)?;
    let settings = MeetingSettings { four_eyes: on, ..before.settings };
    sqlx::query("update meeting set settings = $1, version = version + 1 where id = $2")
        .bind(settings_text(&settings)?)
        .bind(id)
        .execute(tx.conn())
        .await?;
    let note = if on { "on" } else { "off" };
    let deed = Deed { who: &staff.user, what: "meeting.four_eyes", meeting: id, target: id, note };
    finish(app, tx, &deed).await.map(drop)
}

/// Tells the meeting anew, records the deed, commits.
pub async fn finish(app: &App, mut tx: Tx, deed: &Deed<'_>) -> ApiResult<MeetingView> {
    let (now, id) = (app.now(), deed.meeting);
    let changed = load(tx.conn(), id).await?.view();
    let told = tell::event(&mut tx, id, now, Body::Meeting(changed.clone())).await?;
    audit::record(&mut tx, now, deed).await?;
    tell::commit(app, tx, id, vec![told]).await?;
    Ok(changed)
}
