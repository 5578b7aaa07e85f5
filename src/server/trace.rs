//! One log line per request, with the route's pattern instead of the address: no ids, no personal data.

use std::{any::Any, time::Instant};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue};
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware: request id, log line, metrics.
pub(super) async fn request(request: Request, next: Next) -> Response {
    let id = hex::encode(crate::keys::random::<8>());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", id);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), begun.elapsed());
    span.in_scope(
        || tracing::info!(%method, route, status = status.as_u16(), ms = took.as_millis(), "request"),
    );
    let labels = [("method", method.to_string()), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!(crate::watch::HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(crate::watch::HTTP_SECONDS, &labels[..2]).record(took);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Answer when a handler panicked: the panic itself is in the log, not in the answer.
#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> http::Response<Body> {
    super::internal().into_response()
}
