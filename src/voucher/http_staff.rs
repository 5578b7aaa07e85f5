//! Routes of reviewers and of whoever runs campaigns.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    campaigns, export,
    review::{self, Judge},
    stats,
    views::{self, Matching},
};
use crate::{
    app::App,
    auth::{Attendee, Staff},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Idem, IdemHeader, Path, Query},
    wire::{
        AcceptVoucher, EditVoucherCampaign, NewVoucherCampaign, NextVoucher, RejectVoucher, ReviewNext,
        ReviewView, Role, VoucherCampaignView, VoucherPage, VoucherState, VoucherStats,
    },
};

/// Vouchers on a page.
const PAGE: i64 = 50;
const PAGE_MAX: i64 = 100;
const SEARCH_CHARS: usize = 60;
const ID_CHARS: usize = 64;

/// Who may look.
const READERS: [Role; 4] = [Role::Reviewer, Role::Host, Role::Finance, Role::Auditor];

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(campaign_list, new_campaign))
        .routes(routes!(edit_campaign))
        .routes(routes!(numbers))
        .routes(routes!(book))
        .routes(routes!(next))
        .routes(routes!(lock))
        .routes(routes!(unlock))
        .routes(routes!(accept))
        .routes(routes!(reject))
}

/// Campaigns for vouchers, newest first.
#[utoipa::path(get, path = "/api/meetings/{meeting}/voucher-campaigns", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Vec<VoucherCampaignView>),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn campaign_list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<Vec<VoucherCampaignView>>> {
    staff.need(&READERS)?;
    Ok(Json(campaigns::list(&app, &meeting).await?))
}

/// Make a campaign, open at once.
#[utoipa::path(post, path = "/api/meetings/{meeting}/voucher-campaigns", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = NewVoucherCampaign,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 201, body = VoucherCampaignView),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`, `rehearsal`, `too_many`", body = ProblemBody),
    (status = 422, description = "`amount_range`, `amount_precision`, `budget_purpose`, `invalid`, with the field", body = ProblemBody),
))]
async fn new_campaign(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Body(new): Body<NewVoucherCampaign>,
) -> ApiResult<(StatusCode, Json<VoucherCampaignView>)> {
    staff.need(&[Role::Host, Role::Finance])?;
    Ok((StatusCode::CREATED, Json(campaigns::create(&app, &staff, &meeting, &new).await?)))
}

/// Change a campaign. What was sent before keeps its amount.
#[utoipa::path(patch, path = "/api/meetings/{meeting}/voucher-campaigns/{id}", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Campaign")),
    request_body = EditVoucherCampaign, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = VoucherCampaignView),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 409, description = "`stale`", body = ProblemBody),
    (status = 422, description = "`amount_range`, `amount_precision`, `budget_purpose`, `invalid`, with the field", body = ProblemBody),
))]
async fn edit_campaign(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    Body(change): Body<EditVoucherCampaign>,
) -> ApiResult<Json<VoucherCampaignView>> {
    staff.need(&[Role::Host, Role::Finance])?;
    Ok(Json(campaigns::edit(&app, &staff, (&meeting, &id), &change).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only of this campaign.
    #[param(max_length = 64)]
    campaign: String,
    /// Only in this state.
    state: Option<VoucherState>,
    /// Part of a name or of an order number.
    #[param(max_length = 60)]
    search: String,
    /// Vouchers on a page.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Vouchers before this page.
    #[param(minimum = 0, maximum = 1_000_000)]
    offset: Option<i64>,
}

fn state_word(state: Option<VoucherState>) -> &'static str {
    match state {
        None => "",
        Some(VoucherState::Draft) => "draft",
        Some(VoucherState::Waiting) => "waiting",
        Some(VoucherState::Second) => "second",
        Some(VoucherState::Accepted) => "accepted",
        Some(VoucherState::Rejected) => "rejected",
    }
}

/// An id cannot be longer.
fn fits(id: &str, name: &str) -> ApiResult<()> {
    if id.len() <= ID_CHARS {
        return Ok(());
    }
    Err(ApiError::invalid("query", name, format!("{name} 太长，没有这样的编号。")))
}

fn within(value: Option<i64>, (least, most): (i64, i64), default: i64, name: &str) -> ApiResult<i64> {
    let value = value.unwrap_or(default);
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(ApiError::invalid("query", name, format!("参数 {name} 须在 {least} 到 {most} 之间。")))
}

/// Vouchers that were sent, newest first.
#[utoipa::path(get, path = "/api/meetings/{meeting}/vouchers", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ListQuery),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = VoucherPage),
    (status = 403, description = "`role`", body = ProblemBody),
))]
pub(super) async fn list(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<VoucherPage>> {
    staff.need(&READERS)?;
    fits(&query.campaign, "campaign")?;
    if query.search.chars().count() > SEARCH_CHARS {
        let detail = format!("搜索文字最多 {SEARCH_CHARS} 个字。");
        return Err(ApiError::invalid("query", "search", detail));
    }
    let limit = within(query.limit, (1, PAGE_MAX), PAGE, "limit")?;
    let offset = within(query.offset, (0, 1_000_000), 0, "offset")?;
    let which = Matching {
        meeting: &meeting,
        campaign: &query.campaign,
        state: state_word(query.state),
        search: query.search.trim(),
    };
    let (vouchers, total) = views::page(&app, &staff, &which, (limit, offset)).await?;
    Ok(Json(VoucherPage { vouchers, total }))
}

/// One voucher as reviewers see it.
#[utoipa::path(get, path = "/api/meetings/{meeting}/vouchers/{id}", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Voucher")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReviewView),
    (status = 403, description = "`role`", body = ProblemBody),
))]
pub(super) async fn one(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<ReviewView>> {
    staff.need(&READERS)?;
    Ok(Json(views::review(&app, &staff, (&meeting, &id)).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct OfCampaign {
    /// Only of this campaign.
    #[param(max_length = 64)]
    campaign: String,
}

/// Numbers of the vouchers.
#[utoipa::path(get, path = "/api/meetings/{meeting}/voucher-stats", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), OfCampaign),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = VoucherStats),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn numbers(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(query): Query<OfCampaign>,
) -> ApiResult<Json<VoucherStats>> {
    staff.need(&READERS)?;
    fits(&query.campaign, "campaign")?;
    Ok(Json(stats::of(&app, &meeting, &query.campaign).await?))
}

/// All vouchers that were sent, as a workbook.
#[utoipa::path(get, path = "/api/meetings/{meeting}/voucher-export", tag = "vouchers",
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
    let file = HeaderValue::from_static("attachment; filename=\"vouchers.xlsx\"");
    headers.insert(header::CONTENT_DISPOSITION, file);
    Ok(response)
}

/// A reviewer, and the phone whose page is open in the same browser: nobody judges their own voucher.
struct Reviewer {
    staff: Staff,
    openid: String,
}

impl Reviewer {
    fn judge(&self) -> Judge<'_> {
        Judge { staff: &self.staff, openid: &self.openid }
    }
}

impl FromRequestParts<App> for Reviewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let staff = Staff::from_request_parts(parts, app).await?;
        staff.need(&[Role::Reviewer])?;
        let attendee = Attendee::from_request_parts(parts, app).await;
        Ok(Self { staff, openid: attendee.map(|attendee| attendee.openid).unwrap_or_default() })
    }
}

/// Take the next voucher to judge; it is this reviewer's alone for five minutes. One that is held already stays.
#[utoipa::path(post, path = "/api/meetings/{meeting}/voucher-review/next", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = NextVoucher,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReviewNext),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
))]
async fn next(
    State(app): State<App>,
    reviewer: Reviewer,
    Path(meeting): Path<String>,
    Body(wanted): Body<NextVoucher>,
) -> ApiResult<Json<ReviewNext>> {
    fits(wanted.campaign_id.as_deref().unwrap_or_default(), "campaign_id")?;
    fits(wanted.skip.as_deref().unwrap_or_default(), "skip")?;
    let next = match review::next(&app, reviewer.judge(), &meeting, &wanted).await? {
        Some(id) => Some(views::review(&app, &reviewer.staff, (&meeting, &id)).await?),
        None => None,
    };
    let campaign = wanted.campaign_id.as_deref().unwrap_or_default();
    Ok(Json(ReviewNext { next, waiting: review::waiting(&app, &meeting, campaign).await? }))
}

/// Take this voucher to judge it, or keep it for longer.
#[utoipa::path(post, path = "/api/meetings/{meeting}/vouchers/{id}/lock", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Voucher")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReviewView),
    (status = 403, description = "`role`, `origin`, `own_voucher`, `second_person`", body = ProblemBody),
    (status = 409, description = "`locked`, `voucher_decided`", body = ProblemBody),
))]
async fn lock(
    State(app): State<App>,
    reviewer: Reviewer,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<ReviewView>> {
    review::lock(&app, reviewer.judge(), (&meeting, &id)).await?;
    Ok(Json(views::review(&app, &reviewer.staff, (&meeting, &id)).await?))
}

/// Give a voucher back without judging it.
#[utoipa::path(post, path = "/api/meetings/{meeting}/vouchers/{id}/unlock", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Voucher")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReviewView),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
))]
async fn unlock(
    State(app): State<App>,
    reviewer: Reviewer,
    Path((meeting, id)): Path<(String, String)>,
) -> ApiResult<Json<ReviewView>> {
    review::unlock(&app, reviewer.judge(), (&meeting, &id)).await?;
    Ok(Json(views::review(&app, &reviewer.staff, (&meeting, &id)).await?))
}

/// Accept a voucher that one holds: it is paid, or waits for a second reviewer above the campaign's amount.
#[utoipa::path(post, path = "/api/meetings/{meeting}/vouchers/{id}/accept", tag = "vouchers",
    params(
        ("meeting" = String, Path, description = "Id of the meeting."),
        ("id" = String, Path, description = "Voucher"),
        IdemHeader,
    ),
    request_body = AcceptVoucher, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReviewView),
    (status = 400, description = "`idempotency_key_missing`, `json`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`, `own_voucher`, `second_person`", body = ProblemBody),
    (status = 409, description = "`budget`: nothing has changed; `not_locked`, `stale`, `voucher_decided`, \
        `person_removed`, `idempotency_mismatch`", body = ProblemBody),
))]
async fn accept(
    State(app): State<App>,
    reviewer: Reviewer,
    Path((meeting, id)): Path<(String, String)>,
    _: Idem,
    Body(seen): Body<AcceptVoucher>,
) -> ApiResult<Json<ReviewView>> {
    review::accept(&app, reviewer.judge(), (&meeting, &id, seen.version)).await?;
    Ok(Json(views::review(&app, &reviewer.staff, (&meeting, &id)).await?))
}

/// Reject a voucher that one holds; the person sees the reason and may send it again.
#[utoipa::path(post, path = "/api/meetings/{meeting}/vouchers/{id}/reject", tag = "vouchers",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Voucher")),
    request_body = RejectVoucher, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = ReviewView),
    (status = 403, description = "`role`, `origin`, `own_voucher`, `second_person`", body = ProblemBody),
    (status = 409, description = "`not_locked`, `stale`, `voucher_decided`", body = ProblemBody),
    (status = 422, description = "`reason`, `invalid`", body = ProblemBody),
))]
async fn reject(
    State(app): State<App>,
    reviewer: Reviewer,
    Path((meeting, id)): Path<(String, String)>,
    Body(judged): Body<RejectVoucher>,
) -> ApiResult<Json<ReviewView>> {
    review::reject(&app, reviewer.judge(), (&meeting, &id, judged.version), &judged.reason).await?;
    Ok(Json(views::review(&app, &reviewer.staff, (&meeting, &id)).await?))
}
