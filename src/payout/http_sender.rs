//! Routes of the sender of all packets.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    matching, requests,
    sender::{self, BEHIND_MARK, Sender},
};
use crate::{
    app::App,
    approval::{Answer, Warrant},
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Idem, IdemHeader},
    wire::{MatchingView, RequestKind, RequestView, Role, SenderView},
};

/// Routes of this module.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sender))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(matching_view, match_more))
}

/// The sender of all packets.
#[utoipa::path(get, path = "/api/sender", tag = "money", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = SenderView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn sender(State(app): State<App>, staff: Staff) -> ApiResult<Json<SenderView>> {
    staff.need(&[Role::Finance, Role::Auditor])?;
    Ok(Json(sender::view(&app).await?))
}

/// Stop sending; queries go on.
#[utoipa::path(post, path = "/api/sender/pause", tag = "money", security(("cookie" = []), ("bearer" = [])),
    params(IdemHeader), responses(
    (status = 200, body = SenderView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`idempotency_mismatch`", body = ProblemBody),
))]
async fn pause(State(app): State<App>, staff: Staff, _: Idem) -> ApiResult<Json<SenderView>> {
    staff.need(&[Role::Finance])?;
    sender::pause(&app, &staff).await?;
    Ok(Json(sender::view(&app).await?))
}

/// Go on sending; what was refused for the reason of the stop is sent again with the same numbers. A database that was
/// behind its mark has to be matched first, and with `four_eyes` that release waits for a second person.
#[utoipa::path(post, path = "/api/sender/resume", tag = "money", security(("cookie" = []), ("bearer" = [])),
    params(IdemHeader), responses(
    (status = 200, body = SenderView),
    (status = 202, body = RequestView, description = "Waits for a second person"),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`not_matched`, `request_open`, `idempotency_mismatch`", body = ProblemBody),
))]
async fn resume(State(app): State<App>, staff: Staff, _: Idem) -> ApiResult<Answer<SenderView>> {
    staff.need(&[Role::Finance])?;
    if Sender::load(app.db()).await?.reason == BEHIND_MARK {
        matching::must_be_complete(&app).await?;
        if let Some(asked) = requests::ask(&app, &staff, ("", RequestKind::Release, "sender")).await? {
            return Ok(asked);
        }
    }
    sender::resume(&app, Warrant::alone(&staff)).await?;
    sender::view(&app).await.map(Answer::Done)
}

/// How far the database is matched with the payer.
#[utoipa::path(get, path = "/api/sender/matching", tag = "money", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = MatchingView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn matching_view(State(app): State<App>, staff: Staff) -> ApiResult<Json<MatchingView>> {
    staff.need(&[Role::Finance, Role::Auditor])?;
    Ok(Json(matching::view(&app).await?))
}

/// Ask the payer for the next twenty numbers that have not been asked for since the stop, and settle what it says. To be
/// repeated until none is left.
#[utoipa::path(post, path = "/api/sender/matching", tag = "money", security(("cookie" = []), ("bearer" = [])),
    params(IdemHeader), responses(
    (status = 200, body = MatchingView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`not_behind`, `ask_again`, `sender_off`, `idempotency_mismatch`", body = ProblemBody),
))]
async fn match_more(State(app): State<App>, staff: Staff, _: Idem) -> ApiResult<Json<MatchingView>> {
    staff.need(&[Role::Finance])?;
    matching::ask_more(&app).await?;
    Ok(Json(matching::view(&app).await?))
}
