//! State-changing requests that a browser could have been led into must come from our own pages.

use ::http::{Method, Uri, header};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{bearer, cookies};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
};

/// Middleware: 403 `origin` for a foreign `Origin`, and for a missing one when a cookie of ours came along. A Bearer
/// token cannot be sent by a led browser, so it needs no Origin. WeChat's callback carries neither.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> ApiResult<Response> {
    let changing = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let (parts, body) = request.into_parts();
    if changing && bearer(&parts).is_none() {
        let foreign = match parts.headers.get(header::ORIGIN) {
            Some(origin) => !ours(&app, origin.to_str().unwrap_or(""), &parts),
            None => cookies::any(&app, &parts),
        };
        let cross_site = parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        if foreign || cross_site {
            return Err(refused());
        }
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// The refusal, also for sockets.
pub fn refused() -> ApiError {
    ApiError::forbidden("origin", "请求不是从本站页面发出的，已拒绝。请从本站页面重新操作。")
}

/// An origin is ours when it is `server.public_url`; on plain http (demo, development) also when it is the host that
/// the request was sent to, so that the page works under localhost and under a private address alike.
pub fn ours(app: &App, origin: &str, parts: &::http::request::Parts) -> bool {
    if origin == app.config().origin() {
        return true;
    }
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    !app.config().secure_cookies()
        && origin.starts_with("http://")
        && authority.as_deref() == host
        && host.is_some()
}
