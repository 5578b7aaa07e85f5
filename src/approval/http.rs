//! Routes of the rule of the second person. Requests are confirmed where their deeds are done.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::rule;
use crate::{
    app::App,
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Body, Path},
    meeting,
    wire::{FourEyesRequest, FourEyesView, Role},
};

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(view, turn))
}

/// Whether money of the meeting needs a second person.
#[utoipa::path(get, path = "/api/meetings/{meeting}/four-eyes", tag = "money",
    security(("cookie" = []), ("bearer" = [])), params(("meeting" = String, Path, description = "Meeting")),
    responses(
    (status = 200, body = FourEyesView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn view(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<FourEyesView>> {
    staff.need(&[Role::Finance, Role::Host, Role::Auditor])?;
    Ok(Json(rule(&app, &meeting).await?))
}

/// Turn the rule on (finance, owner) or off (owner).
#[utoipa::path(post, path = "/api/meetings/{meeting}/four-eyes", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = FourEyesRequest,
    params(("meeting" = String, Path, description = "Meeting")), responses(
    (status = 200, body = FourEyesView),
    (status = 400, description = "`json`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn turn(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(wanted): Body<FourEyesRequest>,
) -> ApiResult<Json<FourEyesView>> {
    staff.need(&[Role::Finance])?;
    meeting::turn_four_eyes(&app, &staff, &meeting, wanted.on).await?;
    Ok(Json(rule(&app, &meeting).await?))
}
