//! Routes of this module.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::{Attendee, Screen, Staff},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path},
    wire::{CheckinCode, CheckinRequest, Me, PersonView, PresenceRequest, Role},
};

/// Longest code as it is sent, characters.
const TOKEN_CHARS: usize = 64;

/// Routes: the screen's code, the phone's check-in, check-in by hand.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(screen_code))
        .routes(routes!(check_me_in))
        .routes(routes!(check_in_by_hand))
}

/// The code that a paired screen shows now; it changes every 15 seconds and is taken for 15 more.
#[utoipa::path(get, path = "/api/meetings/{meeting}/checkin", tag = "live",
    security(("screen" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = CheckinCode),
    (status = 401, description = "`pairing`", body = ProblemBody),
    (status = 403, description = "`pairing`: the ticket is another meeting's", body = ProblemBody),
    (status = 409, description = "`checkin_off`, `meeting_closed`", body = ProblemBody),
))]
async fn screen_code(
    State(app): State<App>,
    screen: Screen,
    Path(meeting): Path<String>,
) -> ApiResult<Json<CheckinCode>> {
    if screen.meeting != meeting {
        return Err(ApiError::forbidden("pairing", "此大屏是与另一场活动配对的，请重新配对。"));
    }
    super::code(&app, &meeting).await.map(Json)
}

/// I am in the hall: the code that the screen shows. A repeat changes nothing.
#[utoipa::path(post, path = "/api/meetings/{meeting}/me/checkin", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = CheckinRequest,
    security(("me" = [])), responses(
    (status = 200, body = Me),
    (status = 403, description = "`checkin_code`: not the screen's, or no longer; `origin`", body = ProblemBody),
    (status = 409, description = "`not_bound`, `checkin_off`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
    (status = 429, description = "`checkin_tries`, with Retry-After", body = ProblemBody),
))]
async fn check_me_in(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
    Body(request): Body<CheckinRequest>,
) -> ApiResult<Json<Me>> {
    if request.token.chars().count() > TOKEN_CHARS {
        return Err(ApiError::invalid("invalid", "token", "签到码太长，请再扫一次大屏上的二维码。"));
    }
    super::by_code(&app, &attendee, &meeting, &request.token).await.map(Json)
}

/// Check a bound person in by hand, or take it back.
#[utoipa::path(post, path = "/api/meetings/{meeting}/people/{id}/checkin", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person.")),
    request_body = PresenceRequest, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = PersonView),
    (status = 409, description = "`not_bound`, `meeting_closed`", body = ProblemBody),
))]
async fn check_in_by_hand(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(request): Body<PresenceRequest>,
) -> ApiResult<Json<PersonView>> {
    staff.need(&[Role::Host])?;
    super::by_hand(&app, &staff, &meeting, &id, request.here).await.map(Json)
}
