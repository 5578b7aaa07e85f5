//! The list for the control page.

use std::net::SocketAddr;

use ::http::HeaderMap;
use axum::{
    Json,
    extract::{ConnectInfo, State},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{examine, site};
use crate::{
    app::App,
    auth::Staff,
    error::{ApiError, ApiResult, ProblemBody},
    failpoint,
    http::Query,
    store::Hit,
    wire::{Checks, Role, Seen},
};

/// Each look asks WeChat and its payer something: not more often, ms.
const APART: i64 = 5_000;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(checks)).routes(routes!(seen_from_outside))
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

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Probe {
    /// When it is asked, ms.
    at: i64,
    /// Proof that this server asks, in hexadecimal.
    #[param(max_length = 64)]
    mac: String,
}

/// What this server sees of a question that it asked itself through its public address: whether the proxy in front is the
/// one that it believes. Nobody else gets an answer.
#[utoipa::path(get, path = "/api/checks/seen", tag = "operation", params(Probe), responses(
    (status = 200, body = Seen),
    (status = 403, description = "`probe`: not our own question, or an old one", body = ProblemBody),
))]
async fn seen_from_outside(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(probe): Query<Probe>,
) -> ApiResult<Json<Seen>> {
    if !site::is_own(&app, probe.at, &probe.mac) {
        return Err(ApiError::forbidden("probe", "这里只回答本服务器自己的检查。"));
    }
    Ok(Json(site::seen(&app, peer, &headers)))
}
