//! Routes of the private audit.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::audits;
use crate::{
    app::App,
    auth::Staff,
    draw::audit::{List, sample_size},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path, Query},
    wire::{AuditEntry, AuditList, AuditSize, NewAudit, Role},
};

/// Routes of this file.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(make_audit)).routes(routes!(audit_size))
}

/// Hand over (index, identity, salt) of all members or of a sample, for a private audit. It is written to the audit
/// trail. Check it with `kaijiang audit LIST PROOF`.
#[utoipa::path(post, path = "/api/meetings/{meeting}/audits", tag = "draws",
    security(("cookie" = []), ("bearer" = [])), request_body = NewAudit,
    params(("meeting" = String, Path, description = "Id of the meeting")), responses(
    (status = 200, body = AuditList),
    (status = 400, description = "`json`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`erased`: data of somebody on the list was removed.", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`invalid`, `text`, `not_confirmed`, `too_many`", body = ProblemBody),
))]
async fn make_audit(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(new): Body<NewAudit>,
) -> ApiResult<Json<AuditList>> {
    staff.need(&[Role::Auditor])?;
    if new.sample.is_some_and(|sample| !(1..=audits::PEOPLE_MAX).contains(&sample)) {
        return Err(ApiError::invalid("invalid", "sample", "抽样人数须为 1 到 100000。"));
    }
    audits::list(&app, &staff, &meeting, &new).await.map(view).map(Json)
}

fn view(list: List) -> AuditList {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let entry = |entry: crate::draw::audit::Entry| AuditEntry {
        index: number(entry.index),
        identity: entry.identity,
        salt: entry.salt.to_string(),
    };
    AuditList {
        v: list.v,
        event: list.event.to_string(),
        size: number(list.size),
        head: list.head.to_string(),
        members: number(list.members),
        word: list.word,
        sample: number(list.sample),
        people: list.people.into_iter().map(entry).collect(),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SizeQuery {
    /// Share of ghosts that must not stay unseen, in thousandths.
    #[param(minimum = 1, maximum = 999)]
    share: u64,
    /// How certain, in thousandths.
    #[param(minimum = 1, maximum = 999)]
    certainty: u64,
}

/// How many members a sample needs.
#[utoipa::path(get, path = "/api/audits/size", tag = "draws", params(SizeQuery), responses(
    (status = 200, body = AuditSize),
    (status = 422, description = "`query`", body = ProblemBody),
))]
async fn audit_size(Query(query): Query<SizeQuery>) -> ApiResult<Json<AuditSize>> {
    let people = sample_size(query.share, query.certainty)
        .ok_or_else(|| ApiError::invalid("query", "share", "比例和把握都须为 1 到 999（千分之几）。"))?;
    Ok(Json(AuditSize { people: i64::try_from(people).unwrap_or(i64::MAX) }))
}
