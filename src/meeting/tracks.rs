//! Music of the host for the screen: kept as it is, of a known type by its content, and never changed.

use bytes::Bytes;
use http::StatusCode;
use sqlx::{AnyConnection, Row};

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    error::{ApiError, ApiResult},
    files,
    keys::random,
    wire::TrackView,
};

/// Largest file that is taken: ten minutes of good quality.
pub(super) const BYTES: usize = 16 << 20;
/// Most pieces of a meeting: one for each phase, and room for tries.
const TRACKS: i64 = 40;
/// Longest name, characters.
const NAME_CHARS: usize = 80;

fn file(id: &str) -> String {
    format!("tracks/{id}")
}

/// The type by the first bytes, whatever the name says.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'I', b'D', b'3', ..] | [0xff, 0xe2..=0xe7 | 0xf2..=0xf7 | 0xfa..=0xff, ..] => Some("mp3"),
        [b'O', b'g', b'g', b'S', ..] => Some("ogg"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'M', b'4', b'A' | b'B', ..]
        | [_, _, _, _, b'f', b't', b'y', b'p', b'i' | b'm', ..] => Some("m4a"),
        _ => None,
    }
}

/// What browsers are told that it is.
fn media_type(kind: &str) -> &'static str {
    match kind {
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        _ => "audio/mp4",
    }
}

/// Keeps a file of music.
pub(super) async fn upload(
    app: &App,
    staff: &Staff,
    meeting: &str,
    (name, bytes): (String, Bytes),
) -> ApiResult<TrackView> {
    let Some(kind) = kind(&bytes) else {
        let detail = "只能上传 MP3、OGG 或 M4A 音乐。";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "track_type", detail));
    };
    super::check::text("name", &name, 0, NAME_CHARS)?;
    {
        let mut conn = app.db().read().acquire().await?;
        super::load(&mut conn, meeting).await?.must_be_open()?;
    }
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let view = TrackView { id: hex::encode(random::<16>()), name, bytes: size };
    // The file first: a row never speaks of one that is not there.
    files::put(app, &file(&view.id), bytes).await?;
    let mut tx = app.db().begin().await?;
    super::lock(&mut tx, meeting).await?.must_be_open()?;
    let count = sqlx::query("select cast(count(*) as bigint) from track where meeting_id = $1")
        .bind(meeting)
        .fetch_one(tx.conn())
        .await?;
    if count.try_get::<i64, _>(0)? >= TRACKS {
        files::remove(app, &file(&view.id)).await;
        return Err(ApiError::conflict("tracks_limit", format!("一个活动最多上传 {TRACKS} 首音乐。")));
    }
    sqlx::query(
        "insert into track (id, meeting_id, name, kind, bytes, made_by, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&view.id)
    .bind(meeting)
    .bind(&view.name)
    .bind(kind)
    .bind(view.bytes)
    .bind(&staff.id)
    .bind(app.now())
    .execute(tx.conn())
    .await?;
    let deed = Deed { who: &staff.user, what: "track.upload", meeting, target: &view.id, note: &view.name };
    audit::record(&mut tx, app.now(), &deed).await?;
    tx.commit().await?;
    Ok(view)
}

/// The music that was uploaded, newest last.
pub(super) async fn list(app: &App, meeting: &str) -> ApiResult<Vec<TrackView>> {
    let mut conn = app.db().read().acquire().await?;
    super::load(&mut conn, meeting).await?;
    let rows = sqlx::query("select id, name, bytes from track where meeting_id = $1 order by created_at, id")
        .bind(meeting)
        .fetch_all(&mut *conn)
        .await?;
    let one = |row: &sqlx::any::AnyRow| {
        Ok(TrackView { id: row.try_get(0)?, name: row.try_get(1)?, bytes: row.try_get(2)? })
    };
    rows.iter().map(one).collect()
}

/// Whether `id` names music that was uploaded, or none: 422 `invalid` otherwise. Also that of another meeting: what was
/// copied keeps its music.
pub async fn check(conn: &mut AnyConnection, id: &str) -> ApiResult<()> {
    if id.is_empty() {
        return Ok(());
    }
    let found = sqlx::query("select id from track where id = $1").bind(id).fetch_optional(conn).await?;
    found.map(drop).ok_or_else(|| ApiError::invalid("invalid", "tracks", "没有这首音乐，请重新上传。"))
}

/// Bytes and media type of a piece; 404 when there is none.
pub(super) async fn read(app: &App, id: &str) -> ApiResult<(Bytes, &'static str)> {
    let none = || ApiError::not_found("这首音乐");
    let row = sqlx::query("select kind from track where id = $1")
        .bind(id)
        .fetch_optional(app.db().read())
        .await?
        .ok_or_else(none)?;
    let kind: String = row.try_get(0)?;
    let bytes = files::get(app, &file(id)).await?.ok_or_else(none)?;
    Ok((bytes, media_type(&kind)))
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn music_is_told_by_its_first_bytes() {
        assert_eq!(kind(b"ID3\x04rest"), Some("mp3"));
        assert_eq!(kind(&[0xff, 0xfb, 0x90, 0x00]), Some("mp3"));
        assert_eq!(kind(b"OggS\0"), Some("ogg"));
        assert_eq!(kind(b"\0\0\0\x20ftypM4A \0"), Some("m4a"));
        // A picture, a page, and nothing.
        for other in [&[0xff, 0xd8, 0xff, 0xe0][..], b"<html>", b"", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(kind(other), None, "{other:?}");
        }
    }
}
