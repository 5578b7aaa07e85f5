//! The HTTP server: one table of routes gives the router and the `OpenAPI` document.

mod gauges;
mod health;
mod openapi;
mod pages;
mod trace;

use std::net::SocketAddr;

use anyhow::Context;
use axum::{Router, extract::DefaultBodyLimit, middleware};
use http::{HeaderName, HeaderValue, header};
use tokio::{net::TcpListener, task::JoinHandle};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer,
};

use crate::{
    app::App, auth, binding, error::ApiError, files, finance, http as parts, idempotency, notice, payout,
    pool, privacy, referral, round, voucher,
};

pub use openapi::document;

/// Connections that may wait to be accepted, if the system allows as many: a hall comes back within seconds, and who
/// finds no place tries again only after a second or three.
const BACKLOG: i32 = 8192;

/// The whole table of routes.
pub fn router(app: &App) -> Router {
    let (api, document) = openapi::routes().split_for_parts();
    let document = openapi::finish(document);
    api.merge(pages::router())
        .merge(openapi::served(&document))
        .fallback(parts::no_route)
        .method_not_allowed_fallback(parts::no_method)
        .layer(middleware::from_fn_with_state(app.clone(), idempotency::replay))
        .layer(middleware::from_fn_with_state(app.clone(), auth::same_origin))
        .layer(DefaultBodyLimit::max(parts::BODY_BYTES))
        .layer(middleware::from_fn(trace::in_time))
        .layer(CompressionLayer::new())
        .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, fixed(pages::POLICY)))
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")))
        .layer(SetResponseHeaderLayer::overriding(header::REFERRER_POLICY, fixed("no-referrer")))
        .layer(SetResponseHeaderLayer::if_not_present(header::X_FRAME_OPTIONS, fixed("DENY")))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, fixed("no-store")))
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("cross-origin-opener-policy"),
            fixed("same-origin"),
        ))
        .layer(tower::util::option_layer(app.config().secure_cookies().then(hsts)))
        .layer(CatchPanicLayer::custom(trace::panicked))
        .layer(middleware::from_fn(trace::request))
        .with_state(app.clone())
}

fn fixed(value: &'static str) -> HeaderValue {
    HeaderValue::from_static(value)
}

fn hsts() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(header::STRICT_TRANSPORT_SECURITY, fixed("max-age=31536000"))
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    app: App,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Stops taking requests, finishes those that run, tells sockets, waits for background work.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.app.stopping().cancel();
        let served = self.serving.await.context("the server's task failed")?;
        self.app.stop().await;
        served.context("serving failed")
    }
}

/// Serves `app` on a listener that is already bound, and starts the background work.
pub async fn start(app: App, listener: TcpListener) -> anyhow::Result<Running> {
    let addr = listener.local_addr()?;
    idempotency::forget_running(&app).await?;
    files::open(&app)?;
    payout::forget_claims(&app).await?;
    payout::apply_limits(&app).await?;
    pool::rebuild_all(&app).await?;
    app.spawn(binding::run_outbox(app.clone()));
    app.spawn(notice::run(app.clone()));
    app.spawn(payout::run(app.clone()));
    app.spawn(voucher::run_sweep(app.clone()));
    app.spawn(referral::run(app.clone()));
    app.spawn(finance::alarms::run(app.clone()));
    app.spawn(privacy::run(app.clone()));
    app.spawn(round::run_sweep(app.clone()));
    app.spawn(gauges::measure_lag(app.clone()));
    let learning = app.clone();
    app.spawn(async move { learning.db().keep_learning(learning.stopping()).await });
    let router = router(&app);
    let stopping = app.stopping().clone();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    #[allow(
        clippy::disallowed_methods,
        reason = "the one task that App::stop must not wait for: it is awaited in Running::stop"
    )]
    let serving = tokio::spawn(async move {
        axum::serve(listener, service).with_graceful_shutdown(stopping.cancelled_owned()).await
    });
    Ok(Running { addr, app, serving })
}

/// Binds an address, with a sentence when that fails.
pub async fn bind(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr}: is another server running there? set server.listen")
    })?;
    socket2::SockRef::from(&listener).listen(BACKLOG).context("cannot listen with a longer queue")?;
    Ok(listener)
}

/// A 500 for what should never happen; the detail is in the log.
fn internal() -> ApiError {
    ApiError::from(anyhow::anyhow!("a request handler panicked"))
}
