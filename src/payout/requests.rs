//! Requests that wait for a second person: confirmed here, since their deeds are done here.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{acts, reissue, resolve, sender, settle, trial};
use crate::{
    app::App,
    approval::{self, Answer, Ask, Request, Warrant},
    audit::{self, Deed},
    auth::Staff,
    budget,
    error::{ApiResult, ProblemBody},
    http::{Idem, IdemHeader, Path},
    wire::{PayChannel, RequestKind, RequestView, Role},
};

/// Routes of this module.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(confirm)).routes(routes!(refuse))
}

/// Requests of the meeting and of the whole account, the open ones first.
#[utoipa::path(get, path = "/api/meetings/{meeting}/requests", tag = "money",
    security(("cookie" = []), ("bearer" = [])), params(("meeting" = String, Path, description = "Meeting")),
    responses(
    (status = 200, body = Vec<RequestView>),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<Vec<RequestView>>> {
    staff.need(&[Role::Finance, Role::Auditor])?;
    // Also answers 404 for a meeting that is none.
    approval::needed(&app, &meeting).await?;
    Ok(Json(approval::list(&app, &meeting).await?))
}

/// Confirm what another person asked for: it is done now, or refused as it would be for one person alone, and then the
/// request stays open.
#[utoipa::path(post, path = "/api/requests/{id}/confirm", tag = "money", security(("cookie" = []), ("bearer" = [])),
    params(("id" = String, Path, description = "Request"), IdemHeader), responses(
    (status = 200, body = RequestView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`, `second_person`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`request_closed`, `idempotency_mismatch`, and those of the deed", body = ProblemBody),
    (status = 422, description = "`budget`, `amount_range`", body = ProblemBody),
))]
async fn confirm(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    _: Idem,
) -> ApiResult<Json<RequestView>> {
    let staff = where_it_belongs(&app, staff, &id).await?;
    let request = approval::open(&app, &staff, &id).await?;
    carry_out(&app, Warrant { staff: &staff, request: Some(&request) }, &request).await?;
    Ok(Json(approval::one(&app, &id).await?))
}

/// Refuse what another person asked for, or withdraw what you asked for yourself.
#[utoipa::path(post, path = "/api/requests/{id}/refuse", tag = "money", security(("cookie" = []), ("bearer" = [])),
    params(("id" = String, Path, description = "Request"), IdemHeader), responses(
    (status = 200, body = RequestView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`request_closed`, `idempotency_mismatch`", body = ProblemBody),
))]
async fn refuse(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    _: Idem,
) -> ApiResult<Json<RequestView>> {
    let staff = where_it_belongs(&app, staff, &id).await?;
    Ok(Json(approval::turn_down(&app, &staff, &id).await?))
}

/// Finance of the request's meeting, or of all where it is about the whole account: its address does not say which.
async fn where_it_belongs(app: &App, staff: Staff, id: &str) -> ApiResult<Staff> {
    let meeting = approval::meeting_of(app, id).await?;
    let staff = if meeting.is_empty() { staff } else { staff.in_meeting(&meeting)? };
    staff.need(&[Role::Finance])?;
    Ok(staff)
}

async fn carry_out(app: &App, warrant: Warrant<'_>, request: &Request) -> ApiResult<()> {
    let (meeting, target) = (request.meeting.as_str(), request.target.as_str());
    match request.kind {
        RequestKind::BudgetRaise => {
            budget::set_cap(app, warrant, (meeting, target), (None, request.fen)).await.map(drop)
        }
        RequestKind::Reissue => reissue::reissue(app, warrant, meeting, target).await.map(drop),
        RequestKind::Cancel => cancel(app, warrant, meeting, target).await,
        RequestKind::Resolve => {
            let verdict = resolve::verdict(&request.verdict)?;
            resolve::resolve(app, warrant, (meeting, target), (verdict, &request.note)).await
        }
        RequestKind::Trial => {
            let channel = PayChannel::of(&request.verdict).unwrap_or_else(|| app.config().usual_channel());
            trial::send(app, warrant, meeting, (target, channel)).await.map(drop)
        }
        RequestKind::Release => sender::resume(app, warrant).await,
    }
}

/// Asks for a second person where the meeting wants one; `None` where one is enough.
pub(super) async fn ask<T>(
    app: &App,
    staff: &Staff,
    (meeting, kind, target): (&str, RequestKind, &str),
) -> ApiResult<Option<Answer<T>>> {
    if !approval::needed(app, meeting).await? {
        return Ok(None);
    }
    let ask = Ask { meeting, kind, target, fen: 0, verdict: "", note: "" };
    approval::ask(app, staff, ask).await.map(|request| Some(Answer::asked(request)))
}

/// Ends a packet that was never paid, and its award with it.
pub(super) async fn cancel(app: &App, warrant: Warrant<'_>, meeting: &str, bill: &str) -> ApiResult<()> {
    let now = app.now();
    let mut tx = app.db().begin().await?;
    let told = settle::cancel(app, &mut tx, bill).await?;
    warrant.close(&mut tx, now).await?;
    acts::write(&mut tx, now, warrant, (bill, "cancel"), "").await?;
    let deed = Deed { who: &warrant.staff.user, what: "packet.cancel", meeting, target: bill, note: "" };
    audit::record(&mut tx, now, &deed).await?;
    tx.commit().await?;
    told.publish(app).await;
    Ok(())
}
