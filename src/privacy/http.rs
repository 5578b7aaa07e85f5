//! Routes of personal data.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{erase, export, retention};
use crate::{
    app::App,
    auth::Staff,
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path},
    wire::{Done, ErasePerson, PrivacyView, Role},
};

/// Longest name that can be right, characters.
const NAME: usize = 60;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(privacy)).routes(routes!(record)).routes(routes!(erase_person))
}

/// How long personal data is kept, and what is left of it.
#[utoipa::path(get, path = "/api/meetings/{meeting}/privacy", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = PrivacyView),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn privacy(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<PrivacyView>> {
    staff.need(&[Role::Host, Role::Finance, Role::Auditor])?;
    retention::view(&app, &meeting).await.map(Json)
}

/// Everything that is held about one person: a ZIP archive with `person.json` and the photos they sent.
#[utoipa::path(get, path = "/api/meetings/{meeting}/people/{id}/record", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/zip"),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn record(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    staff.need(&[Role::Host])?;
    let bytes = export::archive(&app, &staff, &meeting, &id).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"person.zip\""));
    Ok(response)
}

/// Remove one person's data for good: name, numbers, WeChat account, photos and what they wrote. Draws and money stay,
/// without the name. Only the owner.
#[utoipa::path(post, path = "/api/meetings/{meeting}/people/{id}/erase", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    request_body = ErasePerson, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_final`: a packet or prize of theirs is not; `draw_open`", body = ProblemBody),
    (status = 422, description = "`confirm`: that is not the name; `text`", body = ProblemBody),
))]
async fn erase_person(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(body): Body<ErasePerson>,
) -> ApiResult<Json<Done>> {
    staff.need(&[])?;
    if body.confirm.chars().count() > NAME {
        return Err(ApiError::invalid("text", "confirm", format!("此项最多 {NAME} 个字符。")));
    }
    erase::by_hand(&app, &staff, &meeting, &id, &body.confirm).await?;
    Ok(Json(Done::OK))
}
