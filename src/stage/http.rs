//! Routes of this module.

use axum::{Json, extract::State};
use axum_extra::extract::CookieJar;
use http::request::Parts;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{address, pairing, scene, ws};
use crate::{
    app::App,
    auth::{Staff, screen_cookie},
    error::{ApiResult, ProblemBody},
    http::{Body, Path},
    wire::{PairRequest, Pairing, Role, Scene, Ticket},
};

/// Routes: the socket, pairing, scene.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ws::connect))
        .routes(routes!(make_pairing))
        .routes(routes!(pair))
        .routes(routes!(set_scene))
}

/// Make a pairing code, to be typed on a screen within ten minutes, once.
#[utoipa::path(post, path = "/api/meetings/{meeting}/pairing", tag = "live",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Pairing),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn make_pairing(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<Pairing>> {
    staff.need(&[Role::Host])?;
    pairing::make(&app, &staff.user, &meeting).await.map(Json)
}

/// Pair a screen: gives a ticket, also as a cookie. It opens any number of `role=screen` sockets of the meeting.
#[utoipa::path(post, path = "/api/meetings/{meeting}/screens", tag = "live", request_body = PairRequest,
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Ticket),
    (status = 403, description = "`pairing_code`: wrong, used or ended; `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
    (status = 429, description = "`pairing_throttled`, with Retry-After", body = ProblemBody),
))]
async fn pair(
    State(app): State<App>,
    Path(meeting): Path<String>,
    parts: Parts,
    jar: CookieJar,
    Body(request): Body<PairRequest>,
) -> ApiResult<(CookieJar, Json<Ticket>)> {
    let ticket = pairing::take(&app, address::of(&app, &parts), &meeting, &request.code).await?;
    Ok((jar.add(screen_cookie(&app, ticket.ticket.clone())), Json(ticket)))
}

/// Choose what the screen shows.
#[utoipa::path(post, path = "/api/meetings/{meeting}/scene", tag = "live", request_body = Scene,
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Scene),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn set_scene(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(wanted): Body<Scene>,
) -> ApiResult<Json<Scene>> {
    staff.need(&[Role::Host])?;
    scene::set(&app, &staff.user, &meeting, wanted).await.map(Json)
}
