//! Routes of goods: what a code stands for, the hand-out itself, the list that is signed.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{goods, views};
use crate::{
    app::App,
    auth::Staff,
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path},
    wire::{AwardView, CollectRequest, GoodsList, GoodsView, Role},
};

/// Shortest and longest claim code.
const CODE: std::ops::RangeInclusive<usize> = 4..=16;

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(collect)).routes(routes!(look)).routes(routes!(list))
}

fn code(request: CollectRequest) -> ApiResult<String> {
    let code = request.claim_code;
    if !CODE.contains(&code.chars().count()) || code.contains('\0') {
        return Err(ApiError::invalid("invalid", "claim_code", "兑奖码须为 4 到 16 个字符。"));
    }
    Ok(code)
}

/// Hand out goods against the winner's code. What was handed out already is refused, with when and by whom.
#[utoipa::path(post, path = "/api/meetings/{meeting}/awards/collect", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = CollectRequest,
    params(("meeting" = String, Path, description = "Meeting")), responses(
    (status = 200, body = AwardView),
    (status = 400, description = "`json`, `idempotency_key`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_confirmed`, `award_cancelled`, `already_collected`, `idempotency_mismatch`",
        body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn collect(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(request): Body<CollectRequest>,
) -> ApiResult<Json<AwardView>> {
    staff.need(&[Role::Host, Role::Reviewer])?;
    let id = goods::collect(&app, &staff, &meeting, &code(request)?).await?;
    Ok(Json(views::one_award(&app, &id).await?))
}

/// What the winner who shows a code gets, and whether it was handed out. Changes nothing; the code travels in the body,
/// so that no log of addresses has it.
#[utoipa::path(post, path = "/api/meetings/{meeting}/awards/claim", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = CollectRequest,
    params(("meeting" = String, Path, description = "Meeting")), responses(
    (status = 200, body = GoodsView),
    (status = 400, description = "`json`, `idempotency_key`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`invalid`", body = ProblemBody),
))]
async fn look(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(request): Body<CollectRequest>,
) -> ApiResult<Json<GoodsView>> {
    staff.need(&[Role::Host, Role::Reviewer])?;
    goods::look(&app, &meeting, &code(request)?).await.map(Json)
}

/// Goods of all winners, for the list that is signed. It has no codes.
#[utoipa::path(get, path = "/api/meetings/{meeting}/awards/goods", tag = "money",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Meeting")), responses(
    (status = 200, body = GoodsList),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<GoodsList>> {
    staff.need(&[Role::Host, Role::Reviewer, Role::Finance, Role::Auditor])?;
    goods::list(&app, &meeting).await.map(Json)
}
