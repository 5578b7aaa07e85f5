//! The pages, built by Vite into `web/dist` and embedded in the binary.

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use rust_embed::Embed;

use crate::{app::App, error::ApiError, http::no_route};

/// No inline script, no foreign host; pictures also from WeChat's avatar hosts.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob: https://thirdwx.qlogo.cn https://wx.qlogo.cn; font-src 'self'; media-src 'self'; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-src 'self'; frame-ancestors 'none'";

/// For what seldom changes under its name.
const DAY: &str = "public, max-age=86400";

/// WeChat's files are a few dozen bytes: nothing else is served from there by accident.
const DOMAIN_FILE_BYTES: usize = 1024;
const DOMAIN_FILE_CHARS: usize = 64;

#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Files;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/control") }))
        .route("/control", get(|| async { page("control.html") }))
        .route("/verify", get(|| async { page("verify.html") }))
        .route("/screen/{meeting}", get(screen))
        .route("/m/{meeting}", get(|| async { page("attendee.html") }))
        .route("/assets/{*path}", get(asset))
        .route("/icon.svg", get(|| async { serve("icon.svg", DAY) }))
        .route("/icon-180.png", get(|| async { serve("icon-180.png", DAY) }))
        .route("/attendee.webmanifest", get(|| async { serve("attendee.webmanifest", DAY) }))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/{file}", get(domain_file))
}

/// The files with which WeChat finds out whose domain this is: `MP_verify_….txt` and its like, put under
/// `data.dir/domain` by the operator.
async fn domain_file(State(app): State<App>, Path(name): Path<String>) -> Response {
    let stem = name.strip_suffix(".txt").unwrap_or_default();
    let plain = stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if stem.is_empty() || stem.len() > DOMAIN_FILE_CHARS || !plain {
        return no_route().await.into_response();
    }
    match tokio::fs::read(app.config().data.dir.join("domain").join(&name)).await {
        Ok(text) if text.len() <= DOMAIN_FILE_BYTES => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
        }
        _ => no_route().await.into_response(),
    }
}

fn page(name: &str) -> Response {
    serve(name, "no-cache")
}

/// The one page that may stand in a frame of our own pages: the control page shows it as a preview. It takes no commands.
async fn screen() -> Response {
    let mut response = page("screen.html");
    let headers = response.headers_mut();
    let policy = POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    response
}

/// Names of assets hold a hash of their content.
async fn asset(Path(path): Path<String>) -> Response {
    serve(&format!("assets/{path}"), "public, max-age=31536000, immutable")
}

fn serve(name: &str, cache: &'static str) -> Response {
    let Some(file) = Files::get(name) else {
        let why = if Files::iter().next().is_none() {
            "网页（本程序编译时没有包含网页，请先运行 make web 再编译）"
        } else {
            "该页面"
        };
        return ApiError::not_found(why).into_response();
    };
    let mut response = file.data.into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(file.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
