//! Routes of referrers, new people and reviewers.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{decide, export, rules, views};
use crate::{
    app::App,
    auth::{Attendee, Staff},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path, Query},
    invite::{self, Scan},
    people::follow,
    wire::{
        MyReferral, ReferralPage, ReferralRulesView, ReferralState, ReferralStats, ReferralView,
        RefuseReferral, Role, SaveReferralRules, ScanRequest, Scanned,
    },
};

/// People on a page.
const PAGE: i64 = 50;
const PAGE_MAX: i64 = 200;

/// Who may look.
const READERS: [Role; 4] = [Role::Reviewer, Role::Host, Role::Finance, Role::Auditor];

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(mine, make))
        .routes(routes!(scan))
        .routes(routes!(rules_now, save_rules))
        .routes(routes!(list))
        .routes(routes!(allow))
        .routes(routes!(refuse))
        .routes(routes!(numbers))
        .routes(routes!(book))
}

/// My code, and what came of it.
#[utoipa::path(get, path = "/api/meetings/{meeting}/me/referral", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting.")), security(("me" = [])), responses(
    (status = 200, body = MyReferral),
    (status = 403, description = "`not_bound`, `not_accepted`", body = ProblemBody),
))]
async fn mine(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
) -> ApiResult<Json<MyReferral>> {
    Ok(Json(views::mine(&app, &attendee, &meeting).await?))
}

/// Make my code. One that is there stays.
#[utoipa::path(post, path = "/api/meetings/{meeting}/me/referral", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting.")), security(("me" = [])), responses(
    (status = 200, body = MyReferral),
    (status = 403, description = "`not_bound`, `not_accepted`, `origin`", body = ProblemBody),
    (status = 409, description = "`referral_closed`", body = ProblemBody),
))]
async fn make(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
) -> ApiResult<Json<MyReferral>> {
    views::make_code(&app, &attendee, &meeting).await?;
    Ok(Json(views::mine(&app, &attendee, &meeting).await?))
}

/// Say by whose link this phone came, before it is bound. The first code counts; of somebody who is not new none does.
#[utoipa::path(post, path = "/api/meetings/{meeting}/me/referral/scan", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = ScanRequest,
    security(("me" = [])), responses(
    (status = 200, body = Scanned),
    (status = 403, description = "`origin`", body = ProblemBody),
    (status = 503, description = "`unavailable`: WeChat does not say whether the phone follows already; ask again",
        body = ProblemBody),
))]
async fn scan(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
    Body(request): Body<ScanRequest>,
) -> ApiResult<Json<Scanned>> {
    let by = {
        let mut conn = app.db().read().acquire().await?;
        crate::meeting::load(&mut conn, &meeting).await?;
        invite::referrer(&mut conn, &request.code).await?
    };
    if by.is_none_or(|by| by.meeting != meeting) {
        return Err(ApiError::not_found("该推荐码"));
    }
    // Somebody whose follow no callback told of is asked for: who follows already is not new, and is recorded so. While
    // nobody can say it, nobody is new: the page asks again.
    follow::follows(&app, &attendee.openid).await?;
    let mut tx = app.db().begin().await?;
    let scan = Scan {
        openid: &attendee.openid,
        code: &request.code,
        way: "link",
        snapshot: attendee.after_snapshot,
    };
    let why = invite::scanned(app.keys(), &mut tx, app.now(), scan).await?;
    tx.commit().await?;
    Ok(Json(Scanned { kept: why.is_empty(), why: why.to_owned() }))
}

/// Rules of the meeting's referrals.
#[utoipa::path(get, path = "/api/meetings/{meeting}/referral-rules", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReferralRulesView),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn rules_now(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<ReferralRulesView>> {
    staff.need(&READERS)?;
    Ok(Json(rules::view(&app, &meeting).await?))
}

/// Make or change the rules. What was paid stays paid.
#[utoipa::path(put, path = "/api/meetings/{meeting}/referral-rules", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = SaveReferralRules,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReferralRulesView),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`stale`, `rehearsal`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`amount_range`, `amount_precision`, `budget_purpose`, `invalid`, with the field", body = ProblemBody),
))]
async fn save_rules(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(wanted): Body<SaveReferralRules>,
) -> ApiResult<Json<ReferralRulesView>> {
    staff.need(&[Role::Host, Role::Finance])?;
    Ok(Json(rules::save(&app, &staff, &meeting, &wanted).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only in this state.
    state: Option<ReferralState>,
    /// People on a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// People before this page.
    #[param(minimum = 0, maximum = 1_000_000)]
    offset: Option<i64>,
}

fn state_word(state: Option<ReferralState>) -> &'static str {
    match state {
        None => "",
        Some(ReferralState::Waiting) => "waiting",
        Some(ReferralState::Review) => "review",
        Some(ReferralState::Confirmed) => "confirmed",
        Some(ReferralState::Paid) => "paid",
        Some(ReferralState::Capped) => "capped",
        Some(ReferralState::Cancelled) => "cancelled",
        Some(ReferralState::Refused) => "refused",
    }
}

/// New people who were brought, newest first.
#[utoipa::path(get, path = "/api/meetings/{meeting}/referrals", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting."), ListQuery),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReferralPage),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<ReferralPage>> {
    staff.need(&READERS)?;
    let (limit, offset) = (query.limit.unwrap_or(PAGE), query.offset.unwrap_or(0));
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("query", "limit", format!("参数 limit 须在 1 到 {PAGE_MAX} 之间。")));
    }
    if !(0..=1_000_000).contains(&offset) {
        return Err(ApiError::invalid("query", "offset", "参数 offset 须在 0 到 1000000 之间。"));
    }
    Ok(Json(views::page(&app, &meeting, state_word(query.state), (limit, offset)).await?))
}

/// Let somebody count who looked wrong.
#[utoipa::path(post, path = "/api/meetings/{meeting}/referrals/{id}/allow", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "New person")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReferralView),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`referral_decided`", body = ProblemBody),
))]
async fn allow(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<ReferralView>> {
    staff.need(&[Role::Reviewer])?;
    decide::allow(&app, &staff, (&meeting, &id)).await?;
    Ok(Json(views::one(&app, &meeting, &id).await?))
}

/// Refuse somebody for whom nothing is paid yet.
#[utoipa::path(post, path = "/api/meetings/{meeting}/referrals/{id}/refuse", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "New person")),
    request_body = RefuseReferral, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReferralView),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`referral_decided`", body = ProblemBody),
    (status = 422, description = "`reason`, `invalid`", body = ProblemBody),
))]
async fn refuse(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(judged): Body<RefuseReferral>,
) -> ApiResult<Json<ReferralView>> {
    staff.need(&[Role::Reviewer])?;
    decide::refuse(&app, &staff, (&meeting, &id), &judged.reason).await?;
    Ok(Json(views::one(&app, &meeting, &id).await?))
}

/// Numbers of the meeting's referrals.
#[utoipa::path(get, path = "/api/meetings/{meeting}/referral-stats", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReferralStats),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn numbers(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<ReferralStats>> {
    staff.need(&READERS)?;
    Ok(Json(views::stats(&app, &meeting).await?))
}

/// All new people who were brought, as a workbook.
#[utoipa::path(get, path = "/api/meetings/{meeting}/referral-export", tag = "referrals",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, description = "A workbook.", body = Vec<u8>,
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn book(State(app): State<App>, staff: Staff, Path(meeting): Path<String>) -> ApiResult<Response> {
    staff.need(&[Role::Host, Role::Finance])?;
    let mut response = export::workbook(&app, &staff, &meeting).await?.into_response();
    let headers = response.headers_mut();
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let file = HeaderValue::from_static("attachment; filename=\"referrals.xlsx\"");
    headers.insert(header::CONTENT_DISPOSITION, file);
    Ok(response)
}
