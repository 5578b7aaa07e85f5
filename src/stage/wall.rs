//! Whose names the screen moves before the winners stand.

use anyhow::Context;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use sqlx::Row;

use crate::{
    app::App,
    error::ApiResult,
    keys::token_hash,
    wire::{Wall, WallPerson},
};

/// Most names: as many as a screen can move.
const NAMES: usize = 10_000;
/// Names are for this screen alone, and it asks each time whether there are new ones.
const PRIVATE: &str = "private, no-cache";

/// The names; 304 for who has them already.
pub(super) async fn answer(app: &App, meeting: &str, headers: &HeaderMap) -> ApiResult<Response> {
    let text = serde_json::to_string(&load(app, meeting).await?).context("names as JSON")?;
    let tag = format!("\"{}\"", token_hash(&text));
    // Compression on the way makes a tag weak; it is still the same names.
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let same = known.is_some_and(|known| known.trim_start_matches("W/") == tag);
    let about = [(header::CACHE_CONTROL, PRIVATE.to_owned()), (header::ETAG, tag)];
    if same {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, [(header::CONTENT_TYPE, "application/json")], text).into_response())
}

async fn load(app: &App, meeting: &str) -> ApiResult<Wall> {
    let mut conn = app.db().read().acquire().await?;
    let rows = sqlx::query(
        "select b.idx, p.name from binding b join person p on p.id = b.person_id \
         where b.meeting_id = $1 and b.active = 1 and b.weight > 0 order by b.idx limit $2",
    )
    .bind(meeting)
    .bind(i64::try_from(NAMES + 1).context("a limit")?)
    .fetch_all(&mut *conn)
    .await?;
    let one = |row: &sqlx::any::AnyRow| {
        let index: i64 = row.try_get("idx")?;
        Ok(WallPerson { no: index + 1, name: row.try_get("name")? })
    };
    let people = rows.iter().take(NAMES).map(one).collect::<Result<_, sqlx::Error>>()?;
    Ok(Wall { people, more: rows.len() > NAMES })
}
