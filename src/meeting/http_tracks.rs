//! Routes of music.

use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{FileBody, tracks};
use crate::{
    app::App,
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Path, Query},
    wire::{Role, TrackView},
};

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    let uploads =
        OpenApiRouter::new().routes(routes!(upload, list)).layer(DefaultBodyLimit::max(tracks::BYTES));
    OpenApiRouter::new().merge(uploads).routes(routes!(track))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TrackQuery {
    /// What the file is called, at most 80 characters.
    #[serde(default)]
    #[param(max_length = 80)]
    name: String,
}

/// Upload music: MP3, OGG or M4A by its content, at most 16 MiB.
#[utoipa::path(post, path = "/api/meetings/{meeting}/tracks", tag = "meetings",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"), TrackQuery),
    request_body(content = String, content_type = "application/octet-stream"), responses(
    (status = 201, body = TrackView),
    (status = 400, description = "`body`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`, `tracks_limit`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`track_type`: neither MP3 nor OGG nor M4A by its content; `content_type`",
        body = ProblemBody),
    (status = 422, description = "`text`, `query`", body = ProblemBody),
))]
async fn upload(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<TrackQuery>,
    FileBody(bytes): FileBody,
) -> ApiResult<(StatusCode, Json<TrackView>)> {
    staff.need(&[Role::Host])?;
    Ok((StatusCode::CREATED, Json(tracks::upload(&app, &staff, &meeting, (query.name, bytes)).await?)))
}

/// The music that was uploaded.
#[utoipa::path(get, path = "/api/meetings/{meeting}/tracks", tag = "meetings",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Vec<TrackView>),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<Vec<TrackView>>> {
    staff.need(&[Role::Host])?;
    tracks::list(&app, &meeting).await.map(Json)
}

/// Music that a host uploaded, or the part of it that `Range` asks for. It never changes.
#[utoipa::path(get, path = "/api/tracks/{id}", tag = "public",
    params(("id" = String, Path, description = "Id of the music")), responses(
    (status = 200, description = "The music: `audio/mpeg`, `audio/ogg` or `audio/mp4`.", body = Vec<u8>, content_type = "audio/mpeg"),
    (status = 206, description = "The part that was asked for.", body = Vec<u8>, content_type = "audio/mpeg"),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn track(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> ApiResult<Response> {
    let (bytes, kind) = tracks::read(&app, &id).await?;
    let all = bytes.len();
    let wanted = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, part, said) = match wanted.and_then(|range| part(range, all)) {
        None => (StatusCode::OK, bytes, None),
        Some((from, to)) => {
            let said = HeaderValue::from_str(&format!("bytes {from}-{}/{all}", to - 1)).ok();
            (StatusCode::PARTIAL_CONTENT, bytes.slice(from..to), said)
        }
    };
    Ok(answer(status, part, kind, said))
}

fn answer(status: StatusCode, bytes: Bytes, kind: &'static str, range: Option<HeaderValue>) -> Response {
    let mut response = (status, bytes).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, "inline; filename=\"music\""),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(range) = range {
        headers.insert(header::CONTENT_RANGE, range);
    }
    response
}

/// From where to where (exclusive) one part of `all` bytes goes; `None` means all of it, as for what is not understood.
fn part(range: &str, all: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let to = if to.is_empty() { all } else { to.parse::<usize>().ok()?.checked_add(1)?.min(all) };
    (from < to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_player_gets_the_part_that_it_asks_for() {
        assert_eq!(part("bytes=0-", 10), Some((0, 10)));
        assert_eq!(part("bytes=3-5", 10), Some((3, 6)));
        assert_eq!(part("bytes=3-500", 10), Some((3, 10)));
        for odd in [
            "bytes=10-",
            "bytes=5-2",
            "bytes=-4",
            "lines=1-2",
            "bytes=1-2,4-5",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(part(odd, 10), None, "{odd}");
        }
    }
}
