//! Routes that anybody may read: draws, bundles, the log, pools, taps.

use axum::{
    Json,
    body::Body as HttpBody,
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    entropy, pools,
    proofs::{self, Asked},
    rows,
    rows::Stored,
    taps, views,
};
use crate::{
    app::App,
    error::{ApiError, ApiResult, ProblemBody},
    http::{Path, Query},
    meeting,
    wire::{Bundle, DrawView, LogPage},
};

/// For what can never change.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// For what may change with the next line.
const FRESH: &str = "no-cache";

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(draw_list))
        .routes(routes!(draw_view))
        .routes(routes!(proof_all))
        .routes(routes!(proof_one))
        .routes(routes!(log))
        .routes(routes!(pool))
        .routes(routes!(tap_list))
}

/// All draws by number.
#[utoipa::path(get, path = "/api/meetings/{meeting}/draws", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Vec<DrawView>),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn draw_list(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<Vec<DrawView>>> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, &id).await?;
    views::all(&mut conn, &id).await.map(Json)
}

/// One draw.
#[utoipa::path(get, path = "/api/meetings/{meeting}/draws/{draw}", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw")), responses(
    (status = 200, body = DrawView),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn draw_view(
    State(app): State<App>,
    Path((meeting, draw)): Path<(String, i64)>,
) -> ApiResult<Json<DrawView>> {
    let mut conn = app.db().read().acquire().await?;
    views::draw(&mut conn, &meeting, draw).await.map(Json)
}

/// The bundle of all draws: feed it to any verifier.
#[utoipa::path(get, path = "/api/meetings/{meeting}/proof", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting"), ProofQuery), responses(
    (status = 200, body = Bundle),
    (status = 304, description = "`If-None-Match` names the present one"),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn proof_all(
    State(app): State<App>,
    Path(meeting): Path<String>,
    Query(query): Query<ProofQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let asked = Asked { meeting, draw: None, light: query.light };
    Ok(json(&headers, proofs::encoded(&app, asked).await?))
}

/// How much of a proof is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProofQuery {
    /// Leave out pools and taps: enough for a light check, and small. False when absent.
    #[serde(default)]
    light: bool,
}

/// A bundle; 304 for who has it already. It changes exactly when the log grows.
fn json(headers: &HeaderMap, (size, bytes): (i64, bytes::Bytes)) -> Response {
    let tag = format!("\"{size}\"");
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let about = [(header::CACHE_CONTROL, FRESH.to_owned()), (header::ETAG, tag)];
    if known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

/// The bundle of one draw; the log in it is whole.
#[utoipa::path(get, path = "/api/meetings/{meeting}/draws/{draw}/proof", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw"), ProofQuery), responses(
    (status = 200, body = Bundle),
    (status = 304, description = "`If-None-Match` names the present one"),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn proof_one(
    State(app): State<App>,
    Path((meeting, draw)): Path<(String, i64)>,
    Query(query): Query<ProofQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let asked = Asked { meeting, draw: Some(draw), light: query.light };
    Ok(json(&headers, proofs::encoded(&app, asked).await?))
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// Number of the first line; 0 when absent.
    #[serde(default)]
    #[param(minimum = 0)]
    from: i64,
}

/// Lines of the draw log, at most 5,000, with the signed head over all lines that exist.
#[utoipa::path(get, path = "/api/meetings/{meeting}/log", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting"), LogQuery), responses(
    (status = 200, body = LogPage),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 422, description = "`query`", body = ProblemBody),
))]
async fn log(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LogQuery>,
) -> ApiResult<Response> {
    if query.from < 0 {
        return Err(ApiError::invalid("query", "from", "行号从 0 开始。"));
    }
    let page = proofs::log_page(&app, &id, query.from).await?;
    Ok(([(header::CACHE_CONTROL, FRESH)], Json(page)).into_response())
}

/// The committed pool of a draw: n × 40 bytes, pid then weight as a big-endian u64.
#[utoipa::path(get, path = "/api/meetings/{meeting}/draws/{draw}/pool", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw")), responses(
    (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn pool(State(app): State<App>, Path((meeting, draw)): Path<(String, i64)>) -> ApiResult<Response> {
    let mut conn = app.db().read().acquire().await?;
    rows::load(&mut conn, &meeting, draw).await?;
    drop(conn);
    let headers = [
        (header::CACHE_CONTROL, FOREVER.to_owned()),
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"pool-{draw}.bin\"")),
    ];
    // Part by part, so that a large pool never lies in memory as a whole.
    let parts = stream::try_unfold(0_i64, move |number| {
        let (app, meeting) = (app.clone(), meeting.clone());
        async move {
            let mut conn = app.db().read().acquire().await?;
            let part = pools::part(&mut conn, &meeting, draw, number).await?;
            Ok::<_, sqlx::Error>(part.map(|bytes| (bytes, number + 1)))
        }
    });
    Ok((headers, HttpBody::from_stream(parts)).into_response())
}

/// Taps as `[index, r]`, by index.
#[derive(Serialize, ToSchema)]
struct TapList(Vec<(i64, String)>);

/// The taps of a draw as `[[index, r], …]`, by index.
#[utoipa::path(get, path = "/api/meetings/{meeting}/draws/{draw}/taps", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw")), responses(
    (status = 200, body = TapList),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn tap_list(State(app): State<App>, Path((meeting, draw)): Path<(String, i64)>) -> ApiResult<Response> {
    let mut conn = app.db().read().acquire().await?;
    let row = rows::load(&mut conn, &meeting, draw).await?;
    // The list is final once its source, which is the first, is closed.
    let open = row.state == Stored::Committed
        && entropy::progress(&mut conn, &meeting, draw).await?.values.is_empty();
    let list = taps::listed(&mut conn, &meeting, draw).await?;
    let cache = if open { "no-store" } else { FOREVER };
    Ok(([(header::CACHE_CONTROL, cache)], Json(TapList(list))).into_response())
}
