//! Log-in, log-out, set-up.

use ::http::request::Parts;
use axum::{Json, extract::State};
use axum_extra::extract::CookieJar;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Name, Staff, clear_cookie, cookies, http_team, sessions, staff, staff_cookie, totp};
use crate::{
    address::{self, Often},
    app::App,
    audit::{self, Deed},
    error::{ApiError, ApiResult, ProblemBody},
    http::Body,
    wire::{Done, LoginRequest, SetupRequest, StaffView},
};

/// Failed log-ins of one address: so many passwords cost a few seconds of one core, and people mistype less.
const FAILURES: Often = Often { what: "login", most: 120 };

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(session))
        .routes(routes!(setup))
        .merge(http_team::router())
}

/// Log in: sets the session cookie.
#[utoipa::path(post, path = "/api/login", tag = "staff", request_body = LoginRequest, responses(
    (status = 200, body = StaffView),
    (status = 401, description = "`login_failed`; `totp_required`, `totp_wrong` for accounts with a second factor",
        body = ProblemBody),
    (status = 429, description = "`login_throttled`, with Retry-After", body = ProblemBody),
    (status = 503, description = "`unavailable`: too many log in at once", body = ProblemBody),
))]
async fn login(
    State(app): State<App>,
    parts: Parts,
    jar: CookieJar,
    Body(request): Body<LoginRequest>,
) -> ApiResult<(CookieJar, Json<StaffView>)> {
    at_most("user", &request.user, 64)?;
    at_most("password", &request.password, 256)?;
    let from = address::of(&app, &parts);
    let throttled = |wait| ApiError::too_many("login_throttled", "登录失败太频繁，请稍后再试。", wait);
    FAILURES.take(&app, from).map_err(throttled)?;
    let checked = check(&app, &request).await;
    // Only what was wrong counts: neither who is let in, nor who is asked for a code.
    if checked.as_ref().map_or_else(|error| !COUNTED.contains(&error.code()), |_| true) {
        FAILURES.give_back(&app, from);
    }
    begin(&app, jar, &checked?, "staff.login").await
}

/// Refusals of a log-in that was wrong.
const COUNTED: [&str; 2] = ["login_failed", "totp_wrong"];

/// Password and code are one try.
async fn check(app: &App, request: &LoginRequest) -> ApiResult<Staff> {
    let user = request.user.trim();
    let staff = staff::check_password(app, user, &request.password).await?;
    match totp::check(app, &staff, request.code.as_deref()).await {
        // A wrong code stays counted.
        Err(error) if COUNTED.contains(&error.code()) => return Err(error),
        Err(error) => {
            staff::not_failed(app, user).await?;
            return Err(error);
        }
        Ok(()) => staff::not_failed(app, user).await?,
    }
    Ok(staff)
}

/// Nothing longer can be right, and hashing it would only cost time: 422.
pub(super) fn at_most(field: &str, text: &str, chars: usize) -> ApiResult<()> {
    if text.chars().count() > chars {
        return Err(ApiError::invalid("text", field, format!("此项最多 {chars} 个字符。")));
    }
    Ok(())
}

/// Make the first owner with the one-time link.
#[utoipa::path(post, path = "/api/setup", tag = "staff", request_body = SetupRequest, responses(
    (status = 200, body = StaffView),
    (status = 403, description = "`setup_code`", body = ProblemBody),
    (status = 409, description = "`user_taken`", body = ProblemBody),
))]
async fn setup(
    State(app): State<App>,
    jar: CookieJar,
    Body(request): Body<SetupRequest>,
) -> ApiResult<(CookieJar, Json<StaffView>)> {
    at_most("code", &request.code, 128)?;
    let staff = staff::set_up(&app, &request.code, &request.user, &request.password).await?;
    begin(&app, jar, &staff, "staff.setup").await
}

pub(super) async fn begin(
    app: &App,
    jar: CookieJar,
    staff: &Staff,
    what: &str,
) -> ApiResult<(CookieJar, Json<StaffView>)> {
    let token = sessions::start(app, &staff.id).await?;
    let mut tx = app.db().begin().await?;
    audit::record(
        &mut tx,
        app.now(),
        &Deed { who: &staff.user, what, meeting: "", target: &staff.id, note: "" },
    )
    .await?;
    tx.commit().await?;
    Ok((jar.add(staff_cookie(app, token)), Json(staff.view())))
}

/// Log out: ends the session.
#[utoipa::path(post, path = "/api/logout", tag = "staff", responses((status = 200, body = Done)))]
async fn logout(State(app): State<App>, jar: CookieJar, parts: Parts) -> ApiResult<(CookieJar, Json<Done>)> {
    if let Some(token) = cookies::get(&app, &parts, Name::Staff) {
        sessions::end(&app, &token).await?;
    }
    Ok((jar.add(clear_cookie(&app, Name::Staff)), Json(Done::OK)))
}

/// Who am I.
#[utoipa::path(get, path = "/api/session", tag = "staff", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = StaffView),
    (status = 401, description = "`login`", body = ProblemBody),
))]
async fn session(staff: Staff) -> Json<StaffView> {
    Json(staff.view())
}
