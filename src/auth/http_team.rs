//! Routes of accounts, links, tokens, second factor and the audit trail.

use axum::{Json, extract::State};
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Staff,
    http::{at_most, begin},
    links, team, tokens, totp,
};
use crate::{
    app::App,
    audit,
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path, Query},
    wire::{
        AuditPage, Done, EditStaff, JoinRequest, NewStaffLink, NewToken, PasswordChange, Role, StaffLink,
        StaffMember, StaffToken, StaffView, TokenView, TotpConfirm, TotpOff, TotpSecret,
    },
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(all))
        .routes(routes!(edit))
        .routes(routes!(invite))
        .routes(routes!(reset))
        .routes(routes!(join))
        .routes(routes!(make_token, end_token))
        .routes(routes!(all_tokens, add_token))
        .routes(routes!(remove_token))
        .routes(routes!(password))
        .routes(routes!(offer_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(totp_off))
        .routes(routes!(trail))
}

/// All accounts.
#[utoipa::path(get, path = "/api/staff", tag = "staff", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = [StaffMember]),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn all(State(app): State<App>, staff: Staff) -> ApiResult<Json<Vec<StaffMember>>> {
    staff.need(&[Role::Auditor])?;
    team::all(&app).await.map(Json)
}

/// Change roles, or turn an account off. With a role less its sessions end at once; turned off, its tokens too.
#[utoipa::path(patch, path = "/api/staff/{id}", tag = "staff", request_body = EditStaff,
    params(("id" = String, Path, description = "Id of the account.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = StaffMember),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`last_owner`", body = ProblemBody),
    (status = 422, description = "`roles`, `meetings`", body = ProblemBody),
))]
async fn edit(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    Body(wanted): Body<EditStaff>,
) -> ApiResult<Json<StaffMember>> {
    staff.must_be_whole()?;
    staff.need(&[])?;
    team::edit(&app, &staff, &id, wanted).await.map(Json)
}

/// Invite somebody: a link that works once, for three days.
#[utoipa::path(post, path = "/api/staff/links", tag = "staff", request_body = NewStaffLink,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = StaffLink),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 422, description = "`roles`, `meetings`, `note`", body = ProblemBody),
))]
async fn invite(
    State(app): State<App>,
    staff: Staff,
    Body(new): Body<NewStaffLink>,
) -> ApiResult<Json<StaffLink>> {
    staff.must_be_whole()?;
    staff.need(&[])?;
    links::invite(&app, &staff, &new).await.map(Json)
}

/// A link for a new password; using it also ends the sessions, the API tokens and the second factor.
#[utoipa::path(post, path = "/api/staff/{id}/links", tag = "staff",
    params(("id" = String, Path, description = "Id of the account.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = StaffLink),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn reset(State(app): State<App>, staff: Staff, Path(id): Path<String>) -> ApiResult<Json<StaffLink>> {
    staff.must_be_whole()?;
    staff.need(&[])?;
    links::reset(&app, &staff, &id).await.map(Json)
}

/// Use a link: sets the session cookie.
#[utoipa::path(post, path = "/api/join", tag = "staff", request_body = JoinRequest, responses(
    (status = 200, body = StaffView),
    (status = 403, description = "`staff_link`", body = ProblemBody),
    (status = 409, description = "`user_taken`", body = ProblemBody),
    (status = 422, description = "`user`, `password`", body = ProblemBody),
))]
async fn join(
    State(app): State<App>,
    jar: CookieJar,
    Body(request): Body<JoinRequest>,
) -> ApiResult<(CookieJar, Json<StaffView>)> {
    at_most("code", &request.code, 128)?;
    let staff = links::join(&app, &request).await?;
    begin(&app, jar, &staff, "staff.join").await
}

/// One's own token, or the owner for anybody.
fn own_or_owner(staff: &Staff, id: &str) -> ApiResult<()> {
    staff.must_be_whole()?;
    if staff.id == id { Ok(()) } else { staff.need(&[]) }
}

/// Make the account's API token without a name; the one before stops working.
#[utoipa::path(post, path = "/api/staff/{id}/token", tag = "staff",
    params(("id" = String, Path, description = "Id of the account.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = StaffToken),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn make_token(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
) -> ApiResult<Json<StaffToken>> {
    own_or_owner(&staff, &id)?;
    Ok(Json(StaffToken { token: tokens::replace(&app, &staff, &id).await? }))
}

/// Take all API tokens away.
#[utoipa::path(delete, path = "/api/staff/{id}/token", tag = "staff",
    params(("id" = String, Path, description = "Id of the account.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn end_token(State(app): State<App>, staff: Staff, Path(id): Path<String>) -> ApiResult<Json<Done>> {
    own_or_owner(&staff, &id)?;
    tokens::end_all(&app, &staff, &id).await?;
    Ok(Json(Done::OK))
}

/// The account's API tokens, and when each was used last.
#[utoipa::path(get, path = "/api/staff/{id}/tokens", tag = "staff",
    params(("id" = String, Path, description = "Id of the account.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = [TokenView]),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn all_tokens(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<TokenView>>> {
    own_or_owner(&staff, &id)?;
    tokens::list(&app, &id).await.map(Json)
}

/// Make another API token, perhaps with fewer roles. It is shown only now.
#[utoipa::path(post, path = "/api/staff/{id}/tokens", tag = "staff", request_body = NewToken,
    params(("id" = String, Path, description = "Id of the account.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = StaffToken),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`too_many_tokens`", body = ProblemBody),
    (status = 422, description = "`name`, `roles`: more than the account has", body = ProblemBody),
))]
async fn add_token(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
    Body(new): Body<NewToken>,
) -> ApiResult<Json<StaffToken>> {
    own_or_owner(&staff, &id)?;
    Ok(Json(StaffToken { token: tokens::add(&app, &staff, &id, &new).await? }))
}

/// Take one API token away: it stops working at once.
#[utoipa::path(delete, path = "/api/staff/{id}/tokens/{token}", tag = "staff",
    params(("id" = String, Path, description = "Id of the account."), ("token" = String, Path, description = "Id of the token.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
async fn remove_token(
    State(app): State<App>,
    staff: Staff,
    Path((id, token)): Path<(String, String)>,
) -> ApiResult<Json<Done>> {
    own_or_owner(&staff, &id)?;
    tokens::end(&app, &staff, (&id, &token)).await?;
    Ok(Json(Done::OK))
}

/// Change one's own password; every session ends.
#[utoipa::path(post, path = "/api/session/password", tag = "staff", request_body = PasswordChange,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 401, description = "`login_failed`", body = ProblemBody),
    (status = 422, description = "`password`, `text`", body = ProblemBody),
    (status = 429, description = "`login_throttled`", body = ProblemBody),
))]
async fn password(
    State(app): State<App>,
    staff: Staff,
    Body(change): Body<PasswordChange>,
) -> ApiResult<Json<Done>> {
    at_most("old", &change.old, 256)?;
    staff.must_be_whole()?;
    team::change_password(&app, &staff, &change).await?;
    Ok(Json(Done::OK))
}

/// A secret for an authenticator app; it counts once it is confirmed.
#[utoipa::path(post, path = "/api/session/totp", tag = "staff", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = TotpSecret),
))]
async fn offer_totp(State(app): State<App>, staff: Staff) -> ApiResult<Json<TotpSecret>> {
    totp::offer(&app, &staff).await.map(Json)
}

/// From now on one's log-ins need a code.
#[utoipa::path(post, path = "/api/session/totp/confirm", tag = "staff", request_body = TotpConfirm,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 401, description = "`totp_wrong`; `password_required`, `login_failed` when there is one already",
        body = ProblemBody),
    (status = 422, description = "`totp_secret`, `text`", body = ProblemBody),
    (status = 429, description = "`login_throttled`", body = ProblemBody),
))]
async fn confirm_totp(
    State(app): State<App>,
    staff: Staff,
    Body(confirm): Body<TotpConfirm>,
) -> ApiResult<Json<Done>> {
    at_most("secret", &confirm.secret, 64)?;
    at_most("password", confirm.password.as_deref().unwrap_or_default(), 256)?;
    staff.must_be_whole()?;
    totp::confirm(&app, &staff, &confirm).await?;
    Ok(Json(Done::OK))
}

/// One's log-ins need no code any more.
#[utoipa::path(post, path = "/api/session/totp/off", tag = "staff", request_body = TotpOff,
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Done),
    (status = 401, description = "`login_failed`", body = ProblemBody),
    (status = 422, description = "`text`", body = ProblemBody),
    (status = 429, description = "`login_throttled`", body = ProblemBody),
))]
async fn totp_off(State(app): State<App>, staff: Staff, Body(off): Body<TotpOff>) -> ApiResult<Json<Done>> {
    at_most("password", &off.password, 256)?;
    staff.must_be_whole()?;
    totp::off(&app, &staff, &off.password).await?;
    Ok(Json(Done::OK))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TrailQuery {
    /// Only lines before this number.
    before: Option<i64>,
    /// Only of this meeting.
    #[param(max_length = 64)]
    meeting: Option<String>,
}

/// Who did what, newest first; a hundred lines a page. An auditor of one meeting reads the lines of that one.
#[utoipa::path(get, path = "/api/audit", tag = "staff", params(TrailQuery),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = AuditPage),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 404, description = "`not_found`: no role in this meeting", body = ProblemBody),
    (status = 422, description = "`query`, `text`", body = ProblemBody),
))]
async fn trail(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<TrailQuery>,
) -> ApiResult<Json<AuditPage>> {
    let meeting = query.meeting.as_deref();
    at_most("meeting", meeting.unwrap_or_default(), 64)?;
    let staff = if let Some(meeting) = meeting { staff.in_meeting(meeting)? } else { staff };
    staff.need(&[Role::Auditor])?;
    let before = query.before.unwrap_or(i64::MAX);
    if before < 0 {
        return Err(ApiError::invalid("query", "before", "before 不能是负数。"));
    }
    Ok(Json(audit::page(app.db(), before, meeting).await?))
}
