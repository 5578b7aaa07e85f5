//! Routes of the service account.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use sqlx::Row;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{QrScene, jssdk, menu, qr};
use crate::{
    app::App,
    auth::{Attendee, Staff},
    error::{ApiError, ApiResult, ProblemBody},
    http::{Body, Path, Query},
    meeting,
    wire::{JsSdk, Menu, QrView, Role},
};

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(menu_now, save_menu))
        .routes(routes!(meeting_code))
        .routes(routes!(follow_code))
        .routes(routes!(sign_page))
        .routes(routes!(newest))
}

/// The account's menu.
#[utoipa::path(get, path = "/api/official/menu", tag = "wechat", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = Menu),
    (status = 403, description = "`role`", body = ProblemBody),
))]
async fn menu_now(State(app): State<App>, staff: Staff) -> ApiResult<Json<Menu>> {
    staff.need(&[Role::Host, Role::Auditor])?;
    menu::load(&app).await.map(Json)
}

/// Make the account's menu: at WeChat, and kept here.
#[utoipa::path(put, path = "/api/official/menu", tag = "wechat", security(("cookie" = []), ("bearer" = [])),
    request_body = Menu, responses(
    (status = 200, body = Menu),
    (status = 403, description = "`role`", body = ProblemBody),
    (status = 422, description = "`menu`, with the field", body = ProblemBody),
    (status = 503, description = "`unavailable`: WeChat does not take it now", body = ProblemBody),
))]
async fn save_menu(State(app): State<App>, staff: Staff, Body(wanted): Body<Menu>) -> ApiResult<Json<Menu>> {
    staff.need(&[Role::Host])?;
    menu::save(&app, &staff.user, wanted).await.map(Json)
}

/// The meeting's QR code of the account: whoever scans it follows and gets the link.
#[utoipa::path(get, path = "/api/meetings/{meeting}/qr", tag = "wechat",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, body = QrView),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 503, description = "`unavailable`: WeChat does not answer now", body = ProblemBody),
))]
async fn meeting_code(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<String>,
) -> ApiResult<Json<QrView>> {
    staff.need(&[Role::Host])?;
    let meeting = meeting::view(&app, &id).await?;
    qr::code(&app, &QrScene::Meeting(meeting.id)).await.map(Json)
}

/// The same code for somebody who is asked to follow: to be pressed long on the page that asks.
#[utoipa::path(get, path = "/api/meetings/{meeting}/me/follow", tag = "attendee",
    params(("meeting" = String, Path, description = "Id of the meeting.")),
    security(("me" = [])), responses(
    (status = 200, body = QrView),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 503, description = "`unavailable`: WeChat does not answer now", body = ProblemBody),
))]
async fn follow_code(
    State(app): State<App>,
    _attendee: Attendee,
    Path(id): Path<String>,
) -> ApiResult<Json<QrView>> {
    let meeting = meeting::view(&app, &id).await?;
    qr::for_hall(&app, meeting.id).await.map(Json)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Whole address of the page as the browser shows it.
    #[param(max_length = 1024)]
    url: String,
}

/// Sign one of our own pages for `wx.config`.
#[utoipa::path(get, path = "/api/official/jssdk", tag = "wechat", params(Page), responses(
    (status = 200, body = JsSdk),
    (status = 422, description = "`url_foreign`: not a page of ours", body = ProblemBody),
    (status = 503, description = "`unavailable`: WeChat does not answer now", body = ProblemBody),
))]
async fn sign_page(State(app): State<App>, Query(page): Query<Page>) -> ApiResult<Json<JsSdk>> {
    if page.url.len() > 1024 {
        return Err(ApiError::invalid("url_foreign", "url", "页面地址太长。"));
    }
    jssdk::sign(&app, &page.url).await.map(Json)
}

/// The way to the newest open meeting: an address for menus that does not change.
#[utoipa::path(get, path = "/m", tag = "attendee", responses(
    (status = 302, description = "To the attendee's page of the newest open meeting."),
    (status = 404, description = "`not_found`: no meeting is open.", body = ProblemBody),
))]
async fn newest(State(app): State<App>) -> ApiResult<Response> {
    let row = sqlx::query(
        "select id from meeting where status = 'open' and rehearsal = 0 order by created_at desc, id limit 1",
    )
    .fetch_optional(app.db().read())
    .await?
    .ok_or_else(|| ApiError::not_found("正在进行的活动"))?;
    let id: String = row.try_get(0)?;
    let to = HeaderValue::from_str(&format!("/m/{id}")).map_err(anyhow::Error::new)?;
    Ok((StatusCode::FOUND, [(header::LOCATION, to)]).into_response())
}
