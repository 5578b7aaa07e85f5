//! Routes of people's photos.

use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::photo;
use crate::{
    app::App,
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::Path,
    meeting::{FileBody, pictures},
    wire::{PersonView, Role},
};

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set, remove)).layer(DefaultBodyLimit::max(pictures::BYTES))
}

/// Give a person a photo: JPEG, PNG or WebP by its content, at most 8 MiB. A square of its middle is kept; winners' cards
/// show it.
#[utoipa::path(put, path = "/api/meetings/{meeting}/people/{id}/photo", tag = "people",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    request_body(content = String, content_type = "application/octet-stream"), responses(
    (status = 200, body = PersonView),
    (status = 400, description = "`body`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`picture_type`: neither JPEG nor PNG nor WebP by its content; `content_type`",
        body = ProblemBody),
    (status = 422, description = "`picture_pixels`, `picture_broken`", body = ProblemBody),
    (status = 503, description = "`unavailable`: too many at once", body = ProblemBody),
))]
async fn set(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    FileBody(bytes): FileBody,
) -> ApiResult<Json<PersonView>> {
    staff.need(&[Role::Host])?;
    Ok(Json(photo::set(&app, &staff, (&meeting, &id), bytes).await?))
}

/// Take a person's photo away.
#[utoipa::path(delete, path = "/api/meetings/{meeting}/people/{id}/photo", tag = "people",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    responses(
    (status = 200, body = PersonView),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
))]
async fn remove(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<PersonView>> {
    staff.need(&[Role::Host])?;
    Ok(Json(photo::remove(&app, &staff, (&meeting, &id)).await?))
}
