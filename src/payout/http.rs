//! Routes of awards, packets and the sender.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    channel, http_goods, http_hand, http_sender,
    queue::{self, PacketFilter},
    reissue, requests, settle, stats,
    views::{self, AwardFilter},
};
use crate::{
    app::App,
    approval::{Answer, Warrant},
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Idem, IdemHeader, Path, Query},
    wire::{AwardView, PacketPage, PacketView, PayoutStats, RequestKind, RequestView, Role},
};

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(awards))
        .routes(routes!(packets))
        .routes(routes!(packet))
        .routes(routes!(cancel))
        .routes(routes!(reissue_packet))
        .routes(routes!(payout_stats))
        .merge(http_goods::router())
        .merge(http_sender::router())
        .merge(requests::router())
        .merge(http_hand::router())
        .merge(channel::callback::router())
}

/// Awards of the meeting.
#[utoipa::path(get, path = "/api/meetings/{meeting}/awards", tag = "money",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Meeting"), AwardFilter), responses(
    (status = 200, body = Vec<AwardView>),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 422, description = "`query`", body = ProblemBody),
))]
async fn awards(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(filter): Query<AwardFilter>,
) -> ApiResult<Json<Vec<AwardView>>> {
    staff.need(&[Role::Host, Role::Finance, Role::Auditor])?;
    Ok(Json(views::awards(&app, &meeting, &filter).await?))
}

/// Packets of the meeting, newest first.
#[utoipa::path(get, path = "/api/meetings/{meeting}/packets", tag = "money",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Meeting"), PacketFilter), responses(
    (status = 200, body = PacketPage),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 422, description = "`query`", body = ProblemBody),
))]
async fn packets(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    Query(filter): Query<PacketFilter>,
) -> ApiResult<Json<PacketPage>> {
    staff.need(&[Role::Finance, Role::Host, Role::Auditor])?;
    Ok(Json(queue::packets(&app, &meeting, &filter).await?))
}

/// Packets by state and by the minute in which they were sent, for a chart.
#[utoipa::path(get, path = "/api/meetings/{meeting}/stats/payouts", tag = "money",
    security(("cookie" = []), ("bearer" = [])),
    params(("meeting" = String, Path, description = "Meeting")), responses(
    (status = 200, body = PayoutStats),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn payout_stats(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<PayoutStats>> {
    staff.need(&[Role::Finance, Role::Host, Role::Auditor])?;
    stats::payouts(&app, &meeting).await.map(Json)
}

/// One packet with every call to the payer.
#[utoipa::path(get, path = "/api/meetings/{meeting}/packets/{bill_no}", tag = "money",
    security(("cookie" = []), ("bearer" = [])), params(
        ("meeting" = String, Path, description = "Meeting"),
        ("bill_no" = String, Path, description = "Bill number"),
    ), responses(
    (status = 200, body = PacketView),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn packet(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, bill)): Path<(String, String)>,
) -> ApiResult<Json<PacketView>> {
    staff.need(&[Role::Finance, Role::Auditor])?;
    Ok(Json(views::one_packet(&app, &meeting, &bill).await?))
}

/// End a packet that was never paid, and its award with it.
#[utoipa::path(post, path = "/api/meetings/{meeting}/packets/{bill_no}/cancel", tag = "money",
    security(("cookie" = []), ("bearer" = [])), params(
        ("meeting" = String, Path, description = "Meeting"),
        ("bill_no" = String, Path, description = "Bill number"),
        IdemHeader,
    ), responses(
    (status = 200, body = PacketView),
    (status = 202, body = RequestView, description = "Waits for a second person"),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`already_paid`, `outcome_unknown`, `already_failed`, `request_open`, \
        `idempotency_mismatch`", body = ProblemBody),
))]
async fn cancel(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, bill)): Path<(String, String)>,
    _: Idem,
) -> ApiResult<Answer<PacketView>> {
    staff.need(&[Role::Finance])?;
    // Also answers 404 for a packet of another meeting.
    let packet = views::one_packet(&app, &meeting, &bill).await?;
    settle::cancellable(packet.state, packet.sent_at)?;
    if let Some(asked) = requests::ask(&app, &staff, (&meeting, RequestKind::Cancel, &bill)).await? {
        return Ok(asked);
    }
    requests::cancel(&app, Warrant::alone(&staff), &meeting, &bill).await?;
    views::one_packet(&app, &meeting, &bill).await.map(Answer::Done)
}

/// Give a dead packet's award a new bill number. The payer is asked at that moment, and only what it proves counts: the
/// old number failed, or its money came back, or it was refused cleanly and the payer does not know it at two tries ten
/// minutes apart (409 `ask_again` after the first).
#[utoipa::path(post, path = "/api/meetings/{meeting}/packets/{bill_no}/reissue", tag = "money",
    security(("cookie" = []), ("bearer" = [])), params(
        ("meeting" = String, Path, description = "Meeting"),
        ("bill_no" = String, Path, description = "Bill number of the dead packet"),
        IdemHeader,
    ), responses(
    (status = 200, body = PacketView, description = "The new packet"),
    (status = 202, body = RequestView, description = "Waits for a second person"),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`outcome_unknown`, `already_paid`, `not_dead`, `ask_again`, `reissued`, \
        `award_cancelled`, `not_confirmed`, `sender_off`, `request_open`, `idempotency_mismatch`", body = ProblemBody),
    (status = 422, description = "`budget`", body = ProblemBody),
))]
async fn reissue_packet(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, bill)): Path<(String, String)>,
    _: Idem,
) -> ApiResult<Answer<PacketView>> {
    staff.need(&[Role::Finance])?;
    // Also answers 404 for a packet of another meeting.
    views::one_packet(&app, &meeting, &bill).await?;
    reissue::candidate(&app, &bill).await?;
    if let Some(asked) = requests::ask(&app, &staff, (&meeting, RequestKind::Reissue, &bill)).await? {
        return Ok(asked);
    }
    let new = reissue::reissue(&app, Warrant::alone(&staff), &meeting, &bill).await?;
    views::one_packet(&app, &meeting, &new).await.map(Answer::Done)
}
