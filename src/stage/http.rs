//! Routes of this module.

use axum::{Json, extract::State, response::Response};
use axum_extra::extract::CookieJar;
use http::{HeaderMap, request::Parts};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{pairing, scene, show, wall, ws};
use crate::{
    address,
    app::App,
    auth::{Screen, Staff, screen_cookie},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path},
    meeting, round,
    wire::{EligibleNow, PairRequest, Pairing, Role, Scene, Show, Ticket, Wall},
};

/// Routes: the socket, pairing, scene, look, names.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ws::connect))
        .routes(routes!(make_pairing))
        .routes(routes!(pair))
        .routes(routes!(set_scene))
        .routes(routes!(set_show))
        .routes(routes!(wall_names))
        .routes(routes!(eligible_now))
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

/// Choose how the screen looks and sounds: style of the draw, theme, music, logo. All screens change at once.
#[utoipa::path(post, path = "/api/meetings/{meeting}/show", tag = "live", request_body = Show,
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Show),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`", body = ProblemBody),
    (status = 422, description = "`invalid`, `text`", body = ProblemBody),
))]
async fn set_show(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(wanted): Body<Show>,
) -> ApiResult<Json<Show>> {
    staff.need(&[Role::Host])?;
    show::set(&app, &staff.user, &meeting, wanted).await.map(Json)
}

/// The names that a screen moves before the winners stand: a paired one, or a member of staff's preview.
#[utoipa::path(get, path = "/api/meetings/{meeting}/wall", tag = "live",
    security(("screen" = []), ("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Wall),
    (status = 304, description = "`If-None-Match` names the present ones"),
    (status = 401, description = "`pairing`", body = ProblemBody),
    (status = 403, description = "`pairing`: the ticket is another meeting's; `role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn wall_names(
    State(app): State<App>,
    screen: ApiResult<Screen>,
    staff: ApiResult<Staff>,
    Path(meeting): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    may_look(&app, screen, staff, &meeting).await?;
    wall::answer(&app, &meeting, &headers).await
}

/// A paired screen of this meeting, or a member of staff's preview.
async fn may_look(
    app: &App,
    screen: ApiResult<Screen>,
    staff: ApiResult<Staff>,
    meeting: &str,
) -> ApiResult<()> {
    if let Ok(staff) = staff {
        staff.need(&[Role::Host, Role::Finance, Role::Auditor])?;
        meeting::view(app, meeting).await?;
    } else if screen?.meeting != meeting {
        return Err(ApiError::forbidden("pairing", "此大屏是与另一场活动配对的，请重新配对。"));
    }
    Ok(())
}

/// How many could win a round if it were drawn now: what a screen says while it announces the round.
#[utoipa::path(get, path = "/api/meetings/{meeting}/rounds/{round}/eligible", tag = "live",
    security(("screen" = []), ("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("round" = String, Path, description = "Id of the round")), responses(
    (status = 200, body = EligibleNow),
    (status = 401, description = "`pairing`", body = ProblemBody),
    (status = 403, description = "`pairing`: the ticket is another meeting's; `role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn eligible_now(
    State(app): State<App>,
    screen: ApiResult<Screen>,
    staff: ApiResult<Staff>,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<EligibleNow>> {
    may_look(&app, screen, staff, &meeting).await?;
    round::eligible(&app, &meeting, &id).await.map(Json)
}
