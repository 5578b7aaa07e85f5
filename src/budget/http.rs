//! Routes of budgets.

use axum::{Json, extract::State};
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::manage;
use crate::{
    app::App,
    approval::{self, Answer, Ask, Warrant},
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Body, Idem, IdemHeader, Path},
    wire::{
        ApproveBudget, BudgetCap, BudgetView, EditBudget, NewBudget, RequestKind, RequestView, Role,
        WithdrawBudget,
    },
};

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(edit))
        .routes(routes!(approve))
        .routes(routes!(withdraw))
        .routes(routes!(cap))
}

/// Budgets of the meeting in the order in which they are used.
#[utoipa::path(get, path = "/api/meetings/{meeting}/budgets", tag = "money",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Meeting")), responses(
    (status = 200, body = Vec<BudgetView>),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<Vec<BudgetView>>> {
    staff.need(&[Role::Finance, Role::Host, Role::Auditor])?;
    Ok(Json(manage::list(&app, &meeting).await?))
}

/// Make a draft budget.
#[utoipa::path(post, path = "/api/meetings/{meeting}/budgets", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = NewBudget,
    params(("meeting" = String, Path, description = "Meeting")), responses(
    (status = 201, body = BudgetView),
    (status = 400, description = "`json`, `idempotency_key`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`, `channel_unset`, `idempotency_mismatch`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`amount_range`, `amount_precision`, `invalid`", body = ProblemBody),
))]
async fn create(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(new): Body<NewBudget>,
) -> ApiResult<(StatusCode, Json<BudgetView>)> {
    staff.need(&[Role::Finance])?;
    Ok((StatusCode::CREATED, Json(manage::create(&app, &staff, &meeting, &new).await?)))
}

/// Change a draft budget.
#[utoipa::path(patch, path = "/api/meetings/{meeting}/budgets/{id}", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = EditBudget,
    params(("meeting" = String, Path, description = "Meeting"), ("id" = String, Path, description = "Budget")),
    responses(
    (status = 200, body = BudgetView),
    (status = 400, description = "`json`, `idempotency_key`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`approval_void`, `stale`, `idempotency_mismatch`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`amount_range` (also below what is reserved and spent), `amount_precision`, `invalid`",
        body = ProblemBody),
))]
async fn edit(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(change): Body<EditBudget>,
) -> ApiResult<Json<BudgetView>> {
    staff.need(&[Role::Finance])?;
    Ok(Json(manage::edit(&app, &staff, (&meeting, &id), &change).await?))
}

/// Approve a budget: draws inside it pay at once. With `four_eyes` somebody else than whoever set its amount.
#[utoipa::path(post, path = "/api/meetings/{meeting}/budgets/{id}/approve", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = ApproveBudget,
    params(
        ("meeting" = String, Path, description = "Meeting"),
        ("id" = String, Path, description = "Budget"),
        IdemHeader,
    ),
    responses(
    (status = 200, body = BudgetView),
    (status = 400, description = "`idempotency_key_missing`, `json`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`, `second_person`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`, `idempotency_mismatch`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn approve(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    _: Idem,
    Body(request): Body<ApproveBudget>,
) -> ApiResult<Json<BudgetView>> {
    staff.need(&[Role::Finance])?;
    Ok(Json(manage::approve(&app, &staff, (&meeting, &id), request.version).await?))
}

/// Take an approval back: nothing new is reserved until it is given again; what is reserved is still paid.
#[utoipa::path(post, path = "/api/meetings/{meeting}/budgets/{id}/withdraw", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = WithdrawBudget,
    params(("meeting" = String, Path, description = "Meeting"), ("id" = String, Path, description = "Budget")),
    responses(
    (status = 200, body = BudgetView),
    (status = 400, description = "`json`, `idempotency_key`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`, `idempotency_mismatch`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn withdraw(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(request): Body<WithdrawBudget>,
) -> ApiResult<Json<BudgetView>> {
    staff.need(&[Role::Finance])?;
    Ok(Json(manage::withdraw(&app, &staff, (&meeting, &id), request.version).await?))
}

/// Another cap for an approved budget, which stays approved. With `four_eyes` a higher one waits for a second person.
#[utoipa::path(post, path = "/api/meetings/{meeting}/budgets/{id}/cap", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = BudgetCap,
    params(
        ("meeting" = String, Path, description = "Meeting"),
        ("id" = String, Path, description = "Budget"),
        IdemHeader,
    ),
    responses(
    (status = 200, body = BudgetView),
    (status = 202, body = RequestView, description = "Waits for a second person"),
    (status = 400, description = "`idempotency_key_missing`, `json`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`stale`, `not_approved`, `request_open`, `idempotency_mismatch`",
        body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`amount_range` (also below what is reserved and spent), `amount_precision`, `invalid`",
        body = ProblemBody),
))]
async fn cap(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    _: Idem,
    Body(wanted): Body<BudgetCap>,
) -> ApiResult<Answer<BudgetView>> {
    staff.need(&[Role::Finance])?;
    let (version, fen) = (wanted.version, wanted.cap_fen.0);
    let raise = manage::is_raise(&app, (&meeting, &id), (version, fen)).await?;
    if raise && approval::needed(&app, &meeting).await? {
        let kind = RequestKind::BudgetRaise;
        let ask = Ask { meeting: &meeting, kind, target: &id, fen, verdict: "", note: "" };
        return approval::ask(&app, &staff, ask).await.map(Answer::asked);
    }
    let warrant = Warrant::alone(&staff);
    manage::set_cap(&app, warrant, (&meeting, &id), (Some(version), fen)).await.map(Answer::Done)
}
