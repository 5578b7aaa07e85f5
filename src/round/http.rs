//! Routes of prizes and rounds.

use axum::{Json, extract::State};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{prizes, rounds};
use crate::{
    app::App,
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Body, Path},
    meeting,
    wire::{
        Done, EditPrize, EditRound, LeaveRequest, NewPrize, NewRound, PrizeOrder, PrizeView, Readiness, Role,
        RoundView,
    },
};

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(prize_list, prize_create))
        .routes(routes!(prize_edit, prize_remove))
        .routes(routes!(prize_order))
        .routes(routes!(round_list, round_create))
        .routes(routes!(round_edit, round_remove))
        .routes(routes!(round_readiness))
        .routes(routes!(round_leave))
}

/// Prizes by order.
#[utoipa::path(get, path = "/api/meetings/{meeting}/prizes", tag = "rounds", security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Vec<PrizeView>),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn prize_list(
    State(app): State<App>,
    _staff: Staff,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<PrizeView>>> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, &id).await?;
    prizes::list(&mut conn, &id).await.map(Json)
}

/// Add a prize.
#[utoipa::path(post, path = "/api/meetings/{meeting}/prizes", tag = "rounds", security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), request_body = NewPrize, responses(
    (status = 201, body = PrizeView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`code_taken`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`text`, `code`, `invalid`", body = ProblemBody),
))]
async fn prize_create(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    Body(new): Body<NewPrize>,
) -> ApiResult<(StatusCode, Json<PrizeView>)> {
    staff.need(&[Role::Host])?;
    Ok((StatusCode::CREATED, Json(prizes::create(&app, &staff.user, &id, new).await?)))
}

/// Put the prizes into another order: all of them, in one step.
#[utoipa::path(post, path = "/api/meetings/{meeting}/prizes/order", tag = "rounds",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), request_body = PrizeOrder, responses(
    (status = 200, body = Vec<PrizeView>),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`: prizes came or went meanwhile; `meeting_closed`", body = ProblemBody),
))]
async fn prize_order(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    Body(wanted): Body<PrizeOrder>,
) -> ApiResult<Json<Vec<PrizeView>>> {
    staff.need(&[Role::Host])?;
    prizes::order(&app, &staff.user, &id, wanted).await.map(Json)
}

/// Change a prize.
#[utoipa::path(patch, path = "/api/meetings/{meeting}/prizes/{prize}", tag = "rounds",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("prize" = String, Path, description = "Id of the prize")),
    request_body = EditPrize, responses(
    (status = 200, body = PrizeView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`text`, `invalid`", body = ProblemBody),
))]
async fn prize_edit(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, prize)): Path<(String, String)>,
    Body(edit): Body<EditPrize>,
) -> ApiResult<Json<PrizeView>> {
    staff.need(&[Role::Host])?;
    prizes::edit(&app, &staff.user, (&meeting, &prize), edit).await.map(Json)
}

/// Remove a prize that no round uses.
#[utoipa::path(delete, path = "/api/meetings/{meeting}/prizes/{prize}", tag = "rounds",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("prize" = String, Path, description = "Id of the prize")), responses(
    (status = 200, body = Done),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`in_use`, `meeting_closed`", body = ProblemBody),
))]
async fn prize_remove(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, prize)): Path<(String, String)>,
) -> ApiResult<Json<Done>> {
    staff.need(&[Role::Host])?;
    prizes::remove(&app, &staff.user, &meeting, &prize).await.map(Json)
}

/// Rounds by order.
#[utoipa::path(get, path = "/api/meetings/{meeting}/rounds", tag = "rounds", security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = Vec<RoundView>),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn round_list(
    State(app): State<App>,
    _staff: Staff,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<RoundView>>> {
    let mut conn = app.db().read().acquire().await?;
    meeting::load(&mut conn, &id).await?;
    rounds::list(&mut conn, &id).await.map(Json)
}

/// Add a round.
#[utoipa::path(post, path = "/api/meetings/{meeting}/rounds", tag = "rounds", security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting")), request_body = NewRound, responses(
    (status = 201, body = RoundView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
    (status = 422, description = "`amount_range`, `award`, `sources`, `level`, `code`, `text`, `invalid`",
        body = ProblemBody),
))]
async fn round_create(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    Body(new): Body<NewRound>,
) -> ApiResult<(StatusCode, Json<RoundView>)> {
    staff.need(&[Role::Host])?;
    Ok((StatusCode::CREATED, Json(rounds::create(&app, &staff.user, &id, new).await?)))
}

/// Change a round that was not drawn yet.
#[utoipa::path(patch, path = "/api/meetings/{meeting}/rounds/{round}", tag = "rounds",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("round" = String, Path, description = "Id of the round")),
    request_body = EditRound, responses(
    (status = 200, body = RoundView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`, `already_drawn`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`amount_range`, `award`, `sources`, `level`, `code`, `text`, `invalid`",
        body = ProblemBody),
))]
async fn round_edit(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, round)): Path<(String, String)>,
    Body(edit): Body<EditRound>,
) -> ApiResult<Json<RoundView>> {
    staff.need(&[Role::Host])?;
    rounds::edit(&app, &staff.user, (&meeting, &round), edit).await.map(Json)
}

/// Remove a round that was never committed.
#[utoipa::path(delete, path = "/api/meetings/{meeting}/rounds/{round}", tag = "rounds",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("round" = String, Path, description = "Id of the round")), responses(
    (status = 200, body = Done),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`already_drawn`, `meeting_closed`", body = ProblemBody),
))]
async fn round_remove(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, round)): Path<(String, String)>,
) -> ApiResult<Json<Done>> {
    staff.need(&[Role::Host])?;
    rounds::remove(&app, &staff.user, &meeting, &round).await.map(Json)
}

/// Can this round be drawn now, and if not, why.
#[utoipa::path(get, path = "/api/meetings/{meeting}/rounds/{round}/readiness", tag = "rounds",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("round" = String, Path, description = "Id of the round")), responses(
    (status = 200, body = Readiness),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn round_readiness(
    State(app): State<App>,
    _staff: Staff,
    Path((meeting, round)): Path<(String, String)>,
) -> ApiResult<Json<Readiness>> {
    super::readiness(&app, &meeting, &round).await.map(Json)
}

/// Leave the free seats of a drawn round free, or offer them to a redraw again.
#[utoipa::path(post, path = "/api/meetings/{meeting}/rounds/{round}/leave", tag = "rounds",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Id of the meeting"),
        ("round" = String, Path, description = "Id of the round")),
    request_body = LeaveRequest, responses(
    (status = 200, body = RoundView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`no_result`, `meeting_closed`", body = ProblemBody),
))]
async fn round_leave(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, round)): Path<(String, String)>,
    Body(request): Body<LeaveRequest>,
) -> ApiResult<Json<RoundView>> {
    staff.need(&[Role::Host])?;
    rounds::leave(&app, &staff.user, (&meeting, &round), request.left).await.map(Json)
}
