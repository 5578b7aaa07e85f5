//! One log line per request, with the route's pattern instead of the address: no ids, no personal data.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method};
use tracing::Instrument;

use crate::{
    error::{ApiError, Refusal, within},
    keys, watch,
};

/// A request that takes longer was forgotten by its sender.
const LONGEST: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware: request id, log line, metrics. The id is short enough to be read out on the telephone.
pub(super) async fn request(request: Request, next: Next) -> Response {
    let id = keys::short_id();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    // Of the highest level: it is there, whatever level is logged.
    let span = tracing::error_span!("request", id);
    let begun = Instant::now();
    let mut response = within(id.clone(), next.run(request)).instrument(span.clone()).await;
    let (status, took) = (response.status(), begun.elapsed());
    let code = response.extensions().get::<Refusal>().map_or("", |refusal| refusal.0);
    span.in_scope(
        || tracing::info!(%method, route, status = status.as_u16(), code, ms = took.as_millis(), "request"),
    );
    let labels =
        [("method", label(&method).to_owned()), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!(watch::HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(watch::HTTP_SECONDS, &labels[..2]).record(took);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A method as a label: whatever anybody invents is one and the same, for each label is kept for ever.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "OTHER",
    }
}

/// Middleware: nobody waits for ever.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LONGEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::unavailable("这一步用时太长，服务器已停止等待。请看看结果，再决定是否重试。")
            .into_response(),
    }
}

/// Answer when a handler panicked: the panic itself is in the log, not in the answer.
#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> http::Response<Body> {
    super::internal().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_make_no_labels() {
        assert_eq!(label(&Method::PATCH), "PATCH");
        for invented in ["BREW", "get", "X1", "PROPFIND"] {
            assert_eq!(label(&Method::from_bytes(invented.as_bytes()).unwrap()), "OTHER", "{invented}");
        }
    }
}
