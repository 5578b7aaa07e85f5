//! Routes of what finance does to one packet by hand.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{resolve, trial, views};
use crate::{
    app::App,
    approval::{self, Answer, Ask, Warrant},
    auth::Staff,
    error::{ApiResult, ProblemBody},
    http::{Body, Idem, IdemHeader, Path},
    wire::{PacketView, RequestKind, RequestView, ResolveRequest, Role, TrialRequest},
};

/// Routes of this module.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(resolve_packet))
        .routes(routes!(ask_packet))
        .routes(routes!(retry_packet))
        .routes(routes!(send_trial))
}

/// End a packet that no machine can decide. The payer is asked first, and what it says for certain goes before the
/// verdict: then the packet is answered as the payer's word left it. "Not paid" needs a payer that does not know the
/// number a day after it was last sent.
#[utoipa::path(post, path = "/api/meetings/{meeting}/packets/{bill_no}/resolve", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = ResolveRequest, params(
        ("meeting" = String, Path, description = "Meeting"),
        ("bill_no" = String, Path, description = "Bill number"),
        IdemHeader,
    ), responses(
    (status = 200, body = PacketView),
    (status = 202, body = RequestView, description = "Waits for a second person"),
    (status = 400, description = "`idempotency_key_missing`, `json`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_open`, `outcome_unknown`, `already_paid`, `payer_disagrees`, `ask_again`, \
        `sender_off`, `request_open`, `idempotency_mismatch`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`evidence`, `invalid`, `budget`", body = ProblemBody),
))]
async fn resolve_packet(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, bill)): Path<(String, String)>,
    _: Idem,
    Body(wanted): Body<ResolveRequest>,
) -> ApiResult<Answer<PacketView>> {
    staff.need(&[Role::Finance])?;
    let note = resolve::evidence(&wanted.note)?;
    let packet = views::one_packet(&app, &meeting, &bill).await?;
    resolve::must_wait(packet.state)?;
    if approval::needed(&app, &meeting).await? {
        let verdict = resolve::word(wanted.verdict);
        let kind = RequestKind::Resolve;
        let ask = Ask { meeting: &meeting, kind, target: &bill, fen: 0, verdict, note: &note };
        return approval::ask(&app, &staff, ask).await.map(Answer::asked);
    }
    let warrant = Warrant::alone(&staff);
    resolve::resolve(&app, warrant, (&meeting, &bill), (wanted.verdict, &note)).await?;
    views::one_packet(&app, &meeting, &bill).await.map(Answer::Done)
}

/// Ask the payer for this packet now, and settle what it says.
#[utoipa::path(post, path = "/api/meetings/{meeting}/packets/{bill_no}/ask", tag = "money",
    security(("cookie" = []), ("bearer" = [])), params(
        ("meeting" = String, Path, description = "Meeting"),
        ("bill_no" = String, Path, description = "Bill number"),
        IdemHeader,
    ), responses(
    (status = 200, body = PacketView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_open`, `ask_again`, `outcome_unknown`, `sender_off`, `idempotency_mismatch`",
        body = ProblemBody),
))]
async fn ask_packet(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, bill)): Path<(String, String)>,
    _: Idem,
) -> ApiResult<Json<PacketView>> {
    staff.need(&[Role::Finance])?;
    // Also answers 404 for a packet of another meeting.
    views::one_packet(&app, &meeting, &bill).await?;
    resolve::ask_now(&app, Warrant::alone(&staff), &bill).await?;
    Ok(Json(views::one_packet(&app, &meeting, &bill).await?))
}

/// Try a packet again that waits, or that was given up before it was ever sent; with the same number. One that waits for a
/// person is sent once more under its number when the payer, asked now, does not know that number.
#[utoipa::path(post, path = "/api/meetings/{meeting}/packets/{bill_no}/retry", tag = "money",
    security(("cookie" = []), ("bearer" = [])), params(
        ("meeting" = String, Path, description = "Meeting"),
        ("bill_no" = String, Path, description = "Bill number"),
        IdemHeader,
    ), responses(
    (status = 200, body = PacketView),
    (status = 400, description = "`idempotency_key_missing`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_open`, `ask_again`, `outcome_unknown`, `sender_off`, `idempotency_mismatch`",
        body = ProblemBody),
))]
async fn retry_packet(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, bill)): Path<(String, String)>,
    _: Idem,
) -> ApiResult<Json<PacketView>> {
    staff.need(&[Role::Finance])?;
    // Also answers 404 for a packet of another meeting.
    views::one_packet(&app, &meeting, &bill).await?;
    resolve::retry(&app, Warrant::alone(&staff), &meeting, &bill).await?;
    Ok(Json(views::one_packet(&app, &meeting, &bill).await?))
}

/// Send a packet of the smallest amount to a bound person before the evening: the whole way to the payer, from a budget
/// of its own, at most ten in a meeting, in no draw and no tax list.
#[utoipa::path(post, path = "/api/meetings/{meeting}/trials", tag = "money",
    security(("cookie" = []), ("bearer" = [])), request_body = TrialRequest,
    params(("meeting" = String, Path, description = "Meeting"), IdemHeader), responses(
    (status = 200, body = PacketView),
    (status = 202, body = RequestView, description = "Waits for a second person"),
    (status = 400, description = "`idempotency_key_missing`, `json`", body = ProblemBody),
    (status = 401, description = "`login`", body = ProblemBody),
    (status = 403, description = "`role`, `origin`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`rehearsal`, `meeting_closed`, `sender_off`, `trial_limit`, `request_open`, \
        `idempotency_mismatch`", body = ProblemBody),
    (status = 413, description = "`too_large`", body = ProblemBody),
    (status = 415, description = "`content_type`", body = ProblemBody),
    (status = 422, description = "`no_openid`, `invalid`, `budget`", body = ProblemBody),
))]
async fn send_trial(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
    _: Idem,
    Body(wanted): Body<TrialRequest>,
) -> ApiResult<Answer<PacketView>> {
    staff.need(&[Role::Finance])?;
    let channel = wanted.channel.unwrap_or_else(|| app.config().usual_channel());
    trial::may(&app, &meeting, (&wanted.person_id, channel)).await?;
    if approval::needed(&app, &meeting).await? {
        let (kind, fen) = (RequestKind::Trial, app.config().limits.packet_min);
        let ask = Ask {
            meeting: &meeting,
            kind,
            target: &wanted.person_id,
            fen,
            verdict: channel.word(),
            note: "",
        };
        return approval::ask(&app, &staff, ask).await.map(Answer::asked);
    }
    let bill = trial::send(&app, Warrant::alone(&staff), &meeting, (&wanted.person_id, channel)).await?;
    views::one_packet(&app, &meeting, &bill).await.map(Answer::Done)
}
