//! `/healthz` speaks for the process, `/readyz` for SQL and store, `/metrics` for everything that is counted.

use std::sync::OnceLock;

use ::http::{StatusCode, header};
use axum::{Json, extract::State, response::IntoResponse};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::gauges;
use crate::{app::App, payout::sender, watch, wire::Done};

/// The metrics recorder is one per process by its nature.
static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

pub(super) fn router() -> OpenApiRouter<App> {
    METRICS.get_or_init(record);
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(render))
}

fn record() -> Option<PrometheusHandle> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &watch::BUCKETS).ok()?;
    let handle = builder.install_recorder().ok()?;
    watch::describe();
    Some(handle)
}

/// Gathers what was measured since the last time.
pub(super) fn upkeep() {
    if let Some(handle) = METRICS.get().and_then(Option::as_ref) {
        handle.run_upkeep();
    }
}

/// Whether this server can take requests.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ServerReadiness {
    /// SQL and store answer.
    ok: bool,
    /// The database answers.
    sql: bool,
    /// The store answers.
    store: bool,
    /// `running`, or why the sender pauses: no failure of this server.
    sender: String,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Done)))]
async fn healthz() -> Json<Done> {
    Json(Done::OK)
}

/// SQL and store answer; a paused sender is reported, not a failure.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, body = ServerReadiness),
    (status = 503, description = "SQL or store is away.", body = ServerReadiness),
))]
async fn readyz(State(app): State<App>) -> impl IntoResponse {
    // The sender's row is the question to the database as well: a balancer asks every few seconds.
    let (sender, store) = tokio::join!(
        tokio::time::timeout(gauges::PATIENCE, sender::standing(&app)),
        gauges::answers(app.store().ping())
    );
    let (sql, sender) = match sender {
        Ok(Ok(standing)) => (true, standing),
        Ok(Err(_)) | Err(_) => (false, "unknown".to_owned()),
    };
    let ok = sql && store;
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ServerReadiness { ok, sql, store, sender }))
}

/// Numbers for Prometheus, listed in `src/watch.rs`.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain"),
))]
async fn render(State(app): State<App>) -> impl IntoResponse {
    super::gauges::look(&app).await;
    let text = METRICS.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
