//! `/healthz` speaks for the process, `/readyz` for SQL and store, `/metrics` for everything that is counted.

use std::sync::OnceLock;

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::app::App;

/// The metrics recorder is one per process by its nature.
static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

pub(super) fn router() -> Router<App> {
    METRICS.get_or_init(|| PrometheusBuilder::new().install_recorder().ok());
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(render))
}

async fn healthz() -> impl IntoResponse {
    Json(json!({ "ok": true }))
}

async fn readyz(State(app): State<App>) -> impl IntoResponse {
    let sql = sqlx::query("select 1").fetch_one(app.db().read()).await.is_ok();
    let status = if sql { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": sql, "sql": sql })))
}

async fn render() -> impl IntoResponse {
    let text = METRICS.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default();
    ([("content-type", "text/plain; version=0.0.4")], text)
}
