//! Routes of draws, for the host and for attendees.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::{Attendee, Staff},
    error::{ApiResult, ProblemBody},
    http::{Body, Idem, IdemHeader, Path},
    wire::{
        CommitRequest, Committed, DrawView, EntropyRequest, MyProof, RedrawRequest, Role, SeatRequest,
        SeatView, TapRequest, Taps, VoidRequest,
    },
};

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(commit))
        .routes(routes!(entropy))
        .routes(routes!(result))
        .routes(routes!(void))
        .routes(routes!(confirm_all))
        .routes(routes!(mark))
        .routes(routes!(redraw))
        .routes(routes!(tap))
        .routes(routes!(my_proof))
}

/// A command without fields.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
struct Nothing {}

/// Commit the round's draw: its rules and its pool go into the log.
#[utoipa::path(post, path = "/api/meetings/{meeting}/rounds/{round}/commit", tag = "draws",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("round" = String, Path, description = "Id of the round"), IdemHeader),
    request_body = CommitRequest, responses(
    (status = 200, body = Committed),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`already_drawn`, `draw_open`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`not_enough_eligible`, `not_enough_payable`, `weights`, `budget`, `level`",
        body = ProblemBody),
))]
async fn commit(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, round)): Path<(String, String)>,
    _idem: Idem,
    Body(request): Body<CommitRequest>,
) -> ApiResult<Json<Committed>> {
    staff.need(&[Role::Host])?;
    super::commit(&app, &staff.user, (&meeting, &round), request.kind).await.map(Json)
}

/// Close one source of public randomness with its value. Values are taken once.
#[utoipa::path(post, path = "/api/meetings/{meeting}/draws/{draw}/entropy", tag = "draws",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw"), IdemHeader),
    request_body = EntropyRequest, responses(
    (status = 200, body = DrawView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`too_early`, `entropy_order`", body = ProblemBody),
    (status = 422, description = "`entropy_value`", body = ProblemBody),
    (status = 503, description = "`drand_unreachable`: fetch it again, or send its signature", body = ProblemBody),
))]
async fn entropy(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, draw)): Path<(String, i64)>,
    _idem: Idem,
    Body(request): Body<EntropyRequest>,
) -> ApiResult<Json<DrawView>> {
    staff.need(&[Role::Host])?;
    super::close_source(&app, &staff.user, (&meeting, draw), request).await.map(Json)
}

/// Log the result. A repeat gives the same answer.
#[utoipa::path(post, path = "/api/meetings/{meeting}/draws/{draw}/result", tag = "draws",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw"), IdemHeader),
    request_body = Nothing, responses(
    (status = 200, body = DrawView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`sources_open`, `draw_void`, `too_early`", body = ProblemBody),
))]
async fn result(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, draw)): Path<(String, i64)>,
    _idem: Idem,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Json<DrawView>> {
    staff.need(&[Role::Host])?;
    super::reveal(&app, &staff.user, &meeting, draw).await.map(Json)
}

/// End a draw without counting it.
#[utoipa::path(post, path = "/api/meetings/{meeting}/draws/{draw}/void", tag = "draws",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw"), IdemHeader),
    request_body = VoidRequest, responses(
    (status = 200, body = DrawView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`result_due`, `draw_void`, `draw_open`, `already_paid`, `outcome_unknown`, \
        `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`text`", body = ProblemBody),
))]
async fn void(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, draw)): Path<(String, i64)>,
    _idem: Idem,
    Body(request): Body<VoidRequest>,
) -> ApiResult<Json<DrawView>> {
    staff.need(&[Role::Host])?;
    super::void(&app, &staff.user, (&meeting, draw), &request.reason).await.map(Json)
}

/// Confirm all winners who still wait.
#[utoipa::path(post, path = "/api/meetings/{meeting}/draws/{draw}/seats", tag = "draws",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw"), IdemHeader),
    request_body = SeatRequest, responses(
    (status = 200, body = DrawView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`no_result`, `draw_void`, `test_draw`, \
        `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`invalid`: only `present`", body = ProblemBody),
))]
async fn confirm_all(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, draw)): Path<(String, i64)>,
    _idem: Idem,
    Body(request): Body<SeatRequest>,
) -> ApiResult<Json<DrawView>> {
    staff.need(&[Role::Host])?;
    super::confirm_all(&app, &staff.user, (&meeting, draw), request.status).await.map(Json)
}

/// Say something of one winner.
#[utoipa::path(post, path = "/api/meetings/{meeting}/draws/{draw}/seats/{rank}", tag = "draws",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw"),
        ("rank" = i64, Path, description = "Rank, from 1"), IdemHeader),
    request_body = SeatRequest, responses(
    (status = 200, body = SeatView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`already_paid`, `outcome_unknown`, `seat_replaced`, `draw_open`, `no_result`, `draw_void`, \
        `test_draw`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn mark(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, draw, rank)): Path<(String, i64, i64)>,
    _idem: Idem,
    Body(request): Body<SeatRequest>,
) -> ApiResult<Json<SeatView>> {
    staff.need(&[Role::Host])?;
    super::mark(&app, &staff.user, (&meeting, draw, rank), request.status).await.map(Json)
}

/// Commit a redraw of seats that were set aside.
#[utoipa::path(post, path = "/api/meetings/{meeting}/draws/{draw}/redraw", tag = "draws",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw"), IdemHeader),
    request_body = RedrawRequest, responses(
    (status = 200, body = Committed),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`draw_open`, `no_result`, `draw_void`, `test_draw`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`nothing_to_redraw`, `not_enough_eligible`, `weights`, `budget`",
        body = ProblemBody),
))]
async fn redraw(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, draw)): Path<(String, i64)>,
    _idem: Idem,
    Body(request): Body<RedrawRequest>,
) -> ApiResult<Json<Committed>> {
    staff.need(&[Role::Host])?;
    super::redraw(&app, &staff.user, (&meeting, draw), request).await.map(Json)
}

/// Add my randomness to the open draw.
#[utoipa::path(post, path = "/api/meetings/{meeting}/me/tap", tag = "attendee", security(("me" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), request_body = TapRequest, responses(
    (status = 200, body = Taps),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`no_open_draw`, `tap_closed`, `already_tapped`, `not_in_pool`",
        body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn tap(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
    Body(request): Body<TapRequest>,
) -> ApiResult<Json<Taps>> {
    super::tap(&app, &meeting, &attendee.openid, request).await.map(Json)
}

/// My own path in the pool of a draw.
#[utoipa::path(get, path = "/api/meetings/{meeting}/me/proof/{draw}", tag = "attendee", security(("me" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("draw" = i64, Path, description = "Number of the draw")), responses(
    (status = 200, body = MyProof),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 404, description = "`not_found`: also when I came after the commit", body = ProblemBody),
))]
async fn my_proof(
    State(app): State<App>,
    attendee: Attendee,
    Path((meeting, draw)): Path<(String, i64)>,
) -> ApiResult<Json<MyProof>> {
    super::my_proof(&app, &meeting, &attendee.openid, draw).await.map(Json)
}
