//! Routes of attendees and of WeChat.

use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use bytes::Bytes;
use http::{StatusCode, header, request::Parts};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{admitted, bind, callback, consent, known, oauth, otp, register};
use crate::{
    address::{self, Often},
    app::App,
    auth::{self, Attendee},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path, Query},
    people::me,
    wechat::callback::CallbackQuery,
    wire::{BindBy, BindRequest, Bound, CodeRequest, CodeSent, ConsentText, IdentifyRequest, Me},
};

/// Largest callback of WeChat.
const CALLBACK_BYTES: usize = 64 * 1024;

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    let callbacks =
        OpenApiRouter::new().routes(routes!(echo, take)).layer(DefaultBodyLimit::max(CALLBACK_BYTES));
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(login_back))
        .routes(routes!(consent_text))
        .routes(routes!(my_page))
        .routes(routes!(send_code))
        .routes(routes!(bind_me))
        .routes(routes!(identify_me))
        .merge(register::router())
        .merge(callbacks)
}

/// Begin the log-in through WeChat.
#[utoipa::path(get, path = "/m/{meeting}/login", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting.")), responses(
    (status = 302, description = "To WeChat's authorization page; a cookie binds its state to this browser. A browser \
        (`Accept: text/html`) that cannot log in now is sent to the attendee's page, with the reason in the fragment."),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 429, description = "`login_busy`: too many from one address, with Retry-After", body = ProblemBody),
    (status = 503, description = "`unavailable`", body = ProblemBody),
))]
async fn login(
    State(app): State<App>,
    Path(meeting): Path<String>,
    parts: Parts,
    jar: CookieJar,
) -> ApiResult<(CookieJar, Response)> {
    let often = Often { what: "oauth.login", most: app.config().limits.oauth_per_minute };
    let begun = match often.take(&app, address::of(&app, &parts)) {
        Ok(()) => oauth::begin(&app, &meeting).await,
        Err(wait) => Err(oauth::busy(wait)),
    };
    match begun {
        Ok((address, state)) => Ok((jar.add(auth::oauth_cookie(&app, &state)), found(&address)?)),
        Err(error) => Ok((jar, to_page(&meeting, &parts, error)?)),
    }
}

/// Sends a browser to the attendee's page, which says what is wrong and has a button; WeChat's browser would show a
/// problem as it stands. Programs get the problem.
fn to_page(meeting: &str, parts: &Parts, error: ApiError) -> ApiResult<Response> {
    let word = match error.code() {
        "login_restart" => "restart",
        oauth::SNAPSHOT => "snapshot",
        "login_busy" => "busy",
        "not_found" => "unknown",
        _ if error.status().is_server_error() => "away",
        _ => return Err(error),
    };
    if !reads_html(parts) || !is_plain(meeting) {
        return Err(error);
    }
    tracing::info!(%error, "a log-in through WeChat failed");
    found(&format!("/m/{meeting}#login={word}"))
}

fn reads_html(parts: &Parts) -> bool {
    let mut accepted = parts.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/html"))
}

/// As ids of meetings are: nothing else becomes part of an address.
fn is_plain(meeting: &str) -> bool {
    !meeting.is_empty() && meeting.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// 302, which every browser follows with GET.
fn found(address: &str) -> ApiResult<Response> {
    let value = http::HeaderValue::from_str(address).map_err(anyhow::Error::new)?;
    Ok((StatusCode::FOUND, [(header::LOCATION, value)]).into_response())
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Back {
    /// WeChat's code: works once, for five minutes.
    #[param(max_length = 512)]
    code: String,
    /// The state that the log-in began with.
    #[param(max_length = 512)]
    state: String,
}

/// WeChat's redirect back: makes this browser the attendee's.
#[utoipa::path(get, path = "/m/{meeting}/callback", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting."), Back), responses(
    (status = 302, description = "To the attendee's page: logged in, or, in a browser (`Accept: text/html`), with the reason \
        why not in the fragment."),
    (status = 400, description = "`login_restart`: state or code is missing, foreign or used.", body = ProblemBody),
    (status = 403, description = "`snapshot_user`: WeChat showed a snapshot page.", body = ProblemBody),
    (status = 429, description = "`login_busy`: too many from one address, with Retry-After", body = ProblemBody),
    (status = 503, description = "`unavailable`: WeChat does not answer", body = ProblemBody),
))]
async fn login_back(
    State(app): State<App>,
    Path(meeting): Path<String>,
    Query(back): Query<Back>,
    (known, jar): (ApiResult<Attendee>, CookieJar),
    parts: Parts,
) -> ApiResult<(CookieJar, Response)> {
    if !is_plain(&meeting) {
        return Err(ApiError::not_found("该活动"));
    }
    let from = address::of(&app, &parts);
    let often = Often { what: "oauth.back", most: app.config().limits.oauth_per_minute };
    let finished = match often.take(&app, from) {
        Ok(()) => {
            let expected = auth::oauth_state(&app, &parts);
            oauth::finish(&app, from, expected, (&back.code, &back.state)).await
        }
        Err(wait) => Err(oauth::busy(wait)),
    };
    let openid = match finished {
        Ok(openid) => openid,
        // The address was opened again, after it had served: this browser is logged in.
        Err(_) if known.is_ok() && reads_html(&parts) => {
            return Ok((jar, found(&format!("/m/{meeting}"))?));
        }
        Err(error) => {
            let jar =
                if error.code() == oauth::SNAPSHOT { jar.add(auth::snapshot_cookie(&app)) } else { jar };
            let answer = to_page(&meeting, &parts, error).unwrap_or_else(IntoResponse::into_response);
            return Ok((jar, answer));
        }
    };
    let attendee = Attendee::new(openid, auth::saw_snapshot(&app, &parts), known.as_ref().ok());
    let jar =
        jar.add(auth::attendee_cookie(&app, &attendee)).add(auth::clear_cookie(&app, auth::Name::Oauth));
    Ok((jar, found(&format!("/m/{meeting}"))?))
}

/// What somebody agrees to before a phone number is asked for.
#[utoipa::path(get, path = "/api/consent", tag = "attendee", responses((status = 200, body = ConsentText)))]
async fn consent_text(State(app): State<App>) -> Json<ConsentText> {
    Json(consent::text(&app))
}

/// My own page.
#[utoipa::path(get, path = "/api/meetings/{meeting}/me", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("me" = [])), responses((status = 200, body = Me)))]
async fn my_page(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
) -> ApiResult<Json<Me>> {
    Ok(Json(me::view(&app, &meeting, &attendee.openid).await?))
}

/// Ask for an SMS code. A phone that is not on the roster gets the same answer and no SMS.
#[utoipa::path(post, path = "/api/meetings/{meeting}/me/code", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = CodeRequest,
    security(("me" = [])), responses(
    (status = 202, body = CodeSent),
    (status = 403, description = "`not_following`, `origin`", body = ProblemBody),
    (status = 409, description = "`meeting_closed`, `bind_by`: this meeting binds without SMS", body = ProblemBody),
    (status = 422, description = "`phone_invalid`, `phone_missing`, `consent`", body = ProblemBody),
    (status = 429, description = "`code_throttled`, `sms_allowance`, with Retry-After", body = ProblemBody),
))]
async fn send_code(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
    Body(request): Body<CodeRequest>,
) -> ApiResult<(StatusCode, Json<CodeSent>)> {
    let phone = bind::phone(&request.phone)?;
    if !request.consent {
        return Err(ApiError::invalid("consent", "consent", "请先同意使用您的姓名和手机号参加本次活动。"));
    }
    admitted(&app, &attendee, &meeting, &[BindBy::Sms]).await?;
    Ok((StatusCode::ACCEPTED, Json(otp::send(&app, &attendee, &meeting, &phone).await?)))
}

/// Bind this openid to the person whose phone it is: a place in the pool.
#[utoipa::path(post, path = "/api/meetings/{meeting}/me/bind", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = BindRequest,
    security(("me" = [])), responses(
    (status = 200, body = Bound),
    (status = 400, description = "`code_wrong`, `code_used`, `code_expired`", body = ProblemBody),
    (status = 403, description = "`not_invited`, `not_following`, `origin`", body = ProblemBody),
    (status = 409, description = "`already_bound`, `bind_by`, `consent_changed`, `draw_open`, `meeting_closed`", body = ProblemBody),
    (status = 422, description = "`name_needed`: the phone is not on the roster and the meeting lets people register", body = ProblemBody),
    (status = 429, description = "`code_tries`, with Retry-After", body = ProblemBody),
))]
async fn bind_me(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
    Body(request): Body<BindRequest>,
) -> ApiResult<Json<Bound>> {
    Ok(Json(bind::bind(&app, &attendee, &meeting, &request).await?))
}

/// Bind this openid without an SMS, by staff number and name or by the badge's code: a place in the pool. An unknown number
/// and a wrong name get the same answer.
#[utoipa::path(post, path = "/api/meetings/{meeting}/me/identify", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting.")), request_body = IdentifyRequest,
    security(("me" = [])), responses(
    (status = 200, body = Bound),
    (status = 403, description = "`not_matched`, `not_invited`, `not_following`, `origin`", body = ProblemBody),
    (status = 409, description = "`already_bound`, `meeting_closed`, `bind_by`: this meeting binds another way", body = ProblemBody),
    (status = 422, description = "`invalid`, `consent`", body = ProblemBody),
    (status = 429, description = "`identify_tries`, with Retry-After", body = ProblemBody),
))]
async fn identify_me(
    State(app): State<App>,
    attendee: Attendee,
    Path(meeting): Path<String>,
    Body(request): Body<IdentifyRequest>,
) -> ApiResult<Json<Bound>> {
    Ok(Json(known::identify(&app, &attendee, &meeting, &request).await?))
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes WeChat's parameters for the OpenAPI document")]
struct CallbackParams {
    /// SHA-1 over token, timestamp and nonce.
    signature: Option<String>,
    /// Unix seconds.
    timestamp: Option<String>,
    /// Random digits.
    nonce: Option<String>,
    /// To be answered unchanged (GET).
    echostr: Option<String>,
    /// `aes` in safe mode.
    encrypt_type: Option<String>,
    /// SHA-1 that covers the encrypted text too.
    msg_signature: Option<String>,
}

/// WeChat's check of this address.
#[utoipa::path(get, path = "/wechat/callback", tag = "wechat", params(CallbackParams), responses(
    (status = 200, description = "`echostr`, unchanged.", body = String, content_type = "text/plain"),
    (status = 403, description = "`callback`: wrong signature or too old.", body = ProblemBody),
))]
async fn echo(State(app): State<App>, Query(query): Query<CallbackQuery>) -> ApiResult<String> {
    let ours = callback::callbacks(&app)?;
    let echo = ours.echo(&query, app.now() / 1000).map_err(|error| callback::refused(&error))?;
    Ok(echo.to_owned())
}

/// A message or event of the service account.
#[utoipa::path(post, path = "/wechat/callback", tag = "wechat", params(CallbackParams),
    request_body(content = String, content_type = "text/xml"), responses(
    (status = 200, description = "`success`, or a reply in XML.", body = String, content_type = "text/xml"),
    (status = 403, description = "`callback`: wrong signature, too old, or not readable.", body = ProblemBody),
))]
async fn take(
    State(app): State<App>,
    Query(query): Query<CallbackQuery>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> ApiResult<Response> {
    let body = body.map_err(|_| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "内容太大。"))?;
    let answer = callback::take(&app, &query, &body).await?;
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], answer).into_response())
}
