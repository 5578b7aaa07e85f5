//! The list for the control page.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::examine;
use crate::{
    app::App,
    auth::Staff,
    error::{ApiError, ApiResult, ProblemBody},
    failpoint,
    store::Hit,
    wire::{Checks, Role},
};

/// Each look asks WeChat and its payer something: not more often, ms.
const APART: i64 = 5_000;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(checks))
}

/// The check before the evening: everything that has to work then, tried now.
#[utoipa::path(get, path = "/api/checks", tag = "operation", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Checks),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 429, description = "`checks`: looked a moment ago", body = ProblemBody),
))]
async fn checks(State(app): State<App>, staff: Staff) -> ApiResult<Json<Checks>> {
    staff.need(&[Role::Host, Role::Finance])?;
    failpoint::hit("checks");
    if let Ok(Hit::RetryAfter(ms)) = app.store().hit("checks", APART, 1).await {
        let detail = "刚刚检查过，请过几秒再试。";
        return Err(ApiError::too_many("checks", detail, ms / 1000 + 1));
    }
    Ok(Json(examine(&app).await))
}
