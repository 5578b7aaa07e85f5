//! Staff judge those who registered themselves.

use axum::{Json, extract::State};
use sqlx::Row;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{self, Deed},
    auth::Staff,
    db::Tx,
    error::{ApiResult, ProblemBody},
    http::{Body, Idem, IdemHeader, Path},
    invite::{self, Newcomer},
    meeting,
    people::{
        me,
        registration::{self, Judged},
        tell_counts,
    },
    pool::{self, Change},
    wire::{self, Applicants, Done, Entered, PersonCard, RejectRequest, Role},
};

/// Longest reason, characters.
const REASON: usize = 100;

/// Routes of this module.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(waiting)).routes(routes!(accept)).routes(routes!(reject))
}

/// A binding, as it concerns the one who registered.
struct Seated {
    openid: String,
    no: i64,
}

async fn seated(tx: &mut Tx, meeting: &str, person: &str) -> ApiResult<Option<Seated>> {
    let row = sqlx::query(
        "select openid, idx from binding where meeting_id = $1 and person_id = $2 and active = 1",
    )
    .bind(meeting)
    .bind(person)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Seated { openid: row.try_get(0)?, no: row.try_get::<i64, _>(1)? + 1 }))
}

/// People who registered themselves and wait to be accepted.
#[utoipa::path(get, path = "/api/meetings/{meeting}/registrations", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses((status = 200, body = Applicants)))]
async fn waiting(
    State(app): State<App>,
    staff: Staff,
    Path(meeting): Path<String>,
) -> ApiResult<Json<Applicants>> {
    staff.need(&[Role::Host, Role::Reviewer, Role::Auditor])?;
    Ok(Json(registration::list(&app, &meeting).await?))
}

/// Accept somebody who registered: they get their tickets. A second time changes nothing.
#[utoipa::path(post, path = "/api/meetings/{meeting}/registrations/{id}/accept", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person."), IdemHeader),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 404, description = "`not_found`: rejected or taken off before", body = ProblemBody),
    (status = 409, description = "`meeting_closed`", body = ProblemBody),
))]
async fn accept(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    _idem: Idem,
) -> ApiResult<Json<Done>> {
    staff.need(&[Role::Host, Role::Reviewer])?;
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, &meeting).await?.must_be_open()?;
    let Some(judged) = registration::accept(&app, &mut tx, &meeting, &id).await? else {
        return Ok(Json(Done::OK));
    };
    let seat = seated(&mut tx, &meeting, &id).await?;
    if let Some(Seated { openid, .. }) = &seat {
        let phone = judged.phone.as_ref();
        let who = Newcomer { meeting: &meeting, person: &id, openid, phone };
        invite::count(&app, &mut tx, who).await?;
    }
    finish(&app, tx, &staff, ("person.accept", &meeting, &id, ""), (&judged.changes, seat.as_ref())).await?;
    if let Some(seat) = seat {
        let Judged { name, department, .. } = judged;
        let card = PersonCard { no: seat.no, name, department };
        app.publish_ephemeral(&meeting, wire::Body::Entered(Entered { people: vec![card] }));
    }
    Ok(Json(Done::OK))
}

/// Reject somebody who registered: the binding ends. They see the reason and may register again.
#[utoipa::path(post, path = "/api/meetings/{meeting}/registrations/{id}/reject", tag = "people",
    params(("meeting" = String, Path, description = "Id of the meeting."), ("id" = String, Path, description = "Id of the person."), IdemHeader),
    request_body = RejectRequest, security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 404, description = "`not_found`: rejected or taken off before", body = ProblemBody),
    (status = 409, description = "`not_waiting`: accepted before; `draw_open`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`text`: no reason, or a too long one", body = ProblemBody),
))]
async fn reject(
    State(app): State<App>,
    staff: Staff,
    Path((meeting, id)): Path<(String, String)>,
    _idem: Idem,
    Body(body): Body<RejectRequest>,
) -> ApiResult<Json<Done>> {
    staff.need(&[Role::Host, Role::Reviewer])?;
    meeting::check::text("reason", &body.reason, 1, REASON)?;
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, &meeting).await?.must_be_open()?;
    let seat = seated(&mut tx, &meeting, &id).await?;
    let changes = registration::reject(&app, &mut tx, &meeting, (&id, body.reason.trim())).await?;
    finish(&app, tx, &staff, ("person.reject", &meeting, &id, &body.reason), (&changes, seat.as_ref()))
        .await?;
    Ok(Json(Done::OK))
}

/// Audit, commit, then everybody who looks on, and the phone.
async fn finish(
    app: &App,
    mut tx: Tx,
    staff: &Staff,
    (what, meeting, target, note): (&str, &str, &str, &str),
    (changes, seat): (&[Change], Option<&Seated>),
) -> ApiResult<()> {
    // A person's words stay out of the record for ever: only that there was a reason.
    let note = if note.is_empty() { "" } else { "reason" };
    audit::record(&mut tx, app.now(), &Deed { who: &staff.user, what, meeting, target, note }).await?;
    tx.commit().await?;
    pool::tell_store(app, changes).await;
    tell_counts(app, meeting);
    if let Some(seat) = seat {
        me::tell(app, meeting, &seat.openid).await;
    }
    Ok(())
}
