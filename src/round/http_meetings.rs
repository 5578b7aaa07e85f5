//! Routes that make and close a meeting: both reach into prizes, rounds, the pool and awards.

use axum::{Json, extract::State};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Body, Idem, IdemHeader, Path},
    wire::{MeetingView, NewMeeting, Role},
};

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(close))
}

/// Make a meeting, a rehearsal of one, or a copy.
#[utoipa::path(post, path = "/api/meetings", tag = "meetings", security(("cookie" = []), ("bearer" = [])),
    request_body = NewMeeting, responses(
    (status = 201, body = MeetingView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 422, description = "`text`, `invalid`", body = ProblemBody),
))]
async fn create(
    State(app): State<App>,
    staff: Staff,
    Body(new): Body<NewMeeting>,
) -> ApiResult<(StatusCode, Json<MeetingView>)> {
    match &new.rehearsal_of {
        Some(original) => staff.clone().in_meeting(original)?.need(&[Role::Host])?,
        None => staff.need(&[Role::Host])?,
    }
    Ok((StatusCode::CREATED, Json(super::create_meeting(&app, &staff.user, new).await?)))
}

/// Close the meeting's log for good. Every winner must have been confirmed or set aside before.
#[utoipa::path(post, path = "/api/meetings/{meeting}/close", tag = "meetings",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"), IdemHeader), responses(
    (status = 200, body = MeetingView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`draw_open`, `winners_waiting`", body = ProblemBody),
))]
async fn close(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    _idem: Idem,
) -> ApiResult<Json<MeetingView>> {
    staff.need(&[Role::Host])?;
    super::close_meeting(&app, &staff.user, &id).await.map(Json)
}
