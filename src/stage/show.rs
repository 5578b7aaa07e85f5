//! How the screen looks and sounds: chosen by the host, told to every page as an event.

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use crate::{
    app::App,
    audit::{self, Deed},
    db::Tx,
    error::{ApiError, ApiResult},
    meeting::{self, tracks},
    wire::{Body, Show},
};

/// Longest text of a logo, in characters.
const LOGO_CHARS: usize = 20;
/// Most prizes with a style of their own.
const PRIZES_MAX: usize = 200;
const VOLUME_MAX: i64 = 100;

/// The look of a meeting.
pub(super) async fn load(conn: &mut AnyConnection, meeting: &str) -> ApiResult<Show> {
    let row = sqlx::query("select look from meeting where id = $1").bind(meeting).fetch_one(conn).await?;
    let text: String = row.try_get(0)?;
    if text.is_empty() {
        return Ok(Show::default());
    }
    Ok(serde_json::from_str(&text).context("a stored look")?)
}

/// Changes the look; `wanted` names the version that was seen.
pub(super) async fn set(app: &App, who: &str, meeting: &str, wanted: Show) -> ApiResult<Show> {
    check(&wanted)?;
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?;
    let before = load(tx.conn(), meeting).await?;
    if before.version != wanted.version {
        return Err(ApiError::stale());
    }
    let mut show = Show { version: before.version + 1, ..wanted };
    // An empty name takes the music of a phase away.
    show.tracks.retain(|_, track| !track.is_empty());
    meeting::pictures::check(tx.conn(), "logo_picture", &show.logo_picture).await?;
    meeting::pictures::check(tx.conn(), "background", &show.background).await?;
    for track in show.tracks.values() {
        tracks::check(tx.conn(), track).await?;
    }
    keep_known(&mut tx, meeting, &mut show).await?;
    sqlx::query("update meeting set look = $1 where id = $2")
        .bind(serde_json::to_string(&show).context("a look")?)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    let told = meeting::tell::event(&mut tx, meeting, app.now(), Body::Show(show.clone())).await?;
    let deed = Deed { who, what: "show", meeting, target: "", note: &show.logo };
    audit::record(&mut tx, app.now(), &deed).await?;
    meeting::tell::commit(app, tx, meeting, vec![told]).await?;
    Ok(show)
}

fn check(wanted: &Show) -> ApiResult<()> {
    if !(0..=VOLUME_MAX).contains(&wanted.volume) {
        return Err(ApiError::invalid("invalid", "volume", "音量为 0 到 100。"));
    }
    if wanted.prizes.len() > PRIZES_MAX {
        return Err(ApiError::invalid("invalid", "prizes", "单独设置样式的奖项最多 200 个。"));
    }
    meeting::pictures::shape("logo_picture", &wanted.logo_picture)?;
    meeting::pictures::shape("background", &wanted.background)?;
    meeting::check::text("logo", &wanted.logo, 0, LOGO_CHARS)
}

/// A prize may have gone since the page was loaded: its style goes with it.
async fn keep_known(tx: &mut Tx, meeting: &str, show: &mut Show) -> ApiResult<()> {
    if show.prizes.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query("select code from prize where meeting_id = $1")
        .bind(meeting)
        .fetch_all(tx.conn())
        .await?;
    let codes = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    show.prizes.retain(|code, _| codes.contains(code));
    Ok(())
}
