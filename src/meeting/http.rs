//! Routes of meetings.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Body, Path},
    wire::{EditMeeting, MeetingView, Role},
};

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(view, edit))
        .routes(routes!(public))
        .merge(super::http_pictures::router())
        .merge(super::http_tracks::router())
}

/// The meetings in which one has a role, newest first.
#[utoipa::path(get, path = "/api/meetings", tag = "meetings", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Vec<MeetingView>),
    (status = 401, description = "`login`", body = ProblemBody),
))]
async fn list(State(app): State<App>, staff: Staff) -> ApiResult<Json<Vec<MeetingView>>> {
    let mut all = super::list(&app).await?;
    all.retain(|meeting| staff.sees(&meeting.id));
    Ok(Json(all))
}

/// One meeting.
#[utoipa::path(get, path = "/api/meetings/{meeting}", tag = "meetings", security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = MeetingView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn view(State(app): State<App>, _staff: Staff, Path(id): Path<String>) -> ApiResult<Json<MeetingView>> {
    super::view(&app, &id).await.map(Json)
}

/// Change name and settings.
#[utoipa::path(patch, path = "/api/meetings/{meeting}", tag = "meetings", security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), request_body = EditMeeting, responses(
    (status = 200, body = MeetingView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`text`, `invalid`", body = ProblemBody),
))]
async fn edit(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    Body(edit): Body<EditMeeting>,
) -> ApiResult<Json<MeetingView>> {
    staff.need(&[Role::Host])?;
    super::edit(&app, &staff, &id, edit).await.map(Json)
}

/// What a page needs before its socket opens.
#[utoipa::path(get, path = "/api/meetings/{meeting}/public", tag = "public",
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = MeetingView),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn public(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<MeetingView>> {
    super::view(&app, &id).await.map(Json)
}
