//! Phones of the demo's made-up people: they follow, log in, bind and tap over our public routes, as real ones do.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Form, Json, Router};
use futures_util::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::input::Input;
use super::people::openid_of;
use super::phone::{Phone, PhoneError};
use super::state::{Sandbox, Shared};
use crate::wire::{DrawState, DrawView, Source};

/// So many phones act at once.
const AT_ONCE: usize = 8;
/// How often the crowd looks for a draw to tap into.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pause before a lost socket is opened again.
const SOCKET_PAUSE: Duration = Duration::from_secs(2);

/// What the crowd shall do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Our server.
    base: Url,
    /// The meeting.
    meeting: String,
    /// How many of the roster come; the first ones.
    count: usize,
    /// Bind phone and openid.
    #[serde(default = "yes")]
    bind: bool,
    /// Tap into every draw that asks the audience, until told to stop.
    #[serde(default = "yes")]
    tap: bool,
    /// Keep a socket open for each phone, until told to stop.
    #[serde(default)]
    sockets: bool,
}

fn yes() -> bool {
    true
}

/// How far the crowd is.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Progress {
    /// Phones are still coming in.
    pub(super) running: bool,
    /// The meeting that they were sent to.
    pub(super) meeting: String,
    /// Phones that were asked for and are on the roster.
    pub(super) wanted: usize,
    /// Follow the account.
    pub(super) followed: usize,
    /// Have a session.
    pub(super) logged_in: usize,
    /// Are bound, some perhaps since an earlier run.
    pub(super) bound: usize,
    /// Taps that were taken.
    pub(super) taps: usize,
    /// Sockets that are open.
    pub(super) sockets: usize,
    /// Phones that gave up.
    pub(super) failed: usize,
    /// The last reason for giving up.
    pub(super) last_error: String,
    #[serde(skip)]
    stop: CancellationToken,
}

/// The route for programs.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sandbox/crowd", post(start).get(progress).delete(stop))
        .route("/sandbox/form/crowd", post(start_by_form))
}

async fn progress(State(sandbox): State<Shared>) -> Json<Progress> {
    Json(sandbox.with(|inner| inner.crowd.clone()))
}

/// Sends everybody home: no more taps, sockets closed.
async fn stop(State(sandbox): State<Shared>) -> Json<Progress> {
    Json(sandbox.with(|inner| {
        inner.crowd.stop.cancel();
        inner.crowd.running = false;
        inner.crowd.sockets = 0;
        inner.crowd.clone()
    }))
}

async fn start(State(sandbox): State<Shared>, Input(asked): Input<Asked>) -> Response {
    if sandbox.config.crowd.is_empty() {
        let text = "the sandbox was started without a roster";
        return (StatusCode::CONFLICT, Json(json!({ "error": text }))).into_response();
    }
    (StatusCode::ACCEPTED, Json(send(&sandbox, asked))).into_response()
}

/// What the page's form asks for; the server is the one that our callbacks go to.
#[derive(Debug, Deserialize)]
struct FormAsked {
    meeting: String,
    count: usize,
}

async fn start_by_form(State(sandbox): State<Shared>, Form(asked): Form<FormAsked>) -> Redirect {
    if let Some(callback) = sandbox.config.callback_url.clone()
        && let Ok(base) = callback.join("/")
    {
        let FormAsked { meeting, count } = asked;
        send(
            &sandbox,
            Asked { base, meeting: meeting.trim().to_owned(), count, bind: true, tap: true, sockets: false },
        );
    }
    Redirect::to("/sandbox")
}

/// Sends the crowd in, and answers how far it is.
fn send(sandbox: &Shared, asked: Asked) -> Progress {
    let wanted = asked.count.min(sandbox.config.crowd.len());
    let token = sandbox.shutdown.child_token();
    let progress = sandbox.with(|inner| {
        inner.crowd.stop.cancel();
        let (meeting, stop) = (asked.meeting.clone(), token.clone());
        inner.crowd = Progress { running: true, meeting, wanted, stop, ..Progress::default() };
        inner.crowd.clone()
    });
    let (shared, tracker) = (Arc::clone(sandbox), sandbox.tracker.clone());
    tracker.spawn(async move {
        tokio::select! {
            () = token.clone().cancelled_owned() => {}
            () = play(shared, asked, wanted, token) => {}
        }
    });
    progress
}

async fn play(sandbox: Shared, asked: Asked, wanted: usize, token: CancellationToken) {
    let members = sandbox.config.crowd[..wanted].to_vec();
    let coming = stream::iter(members).map(|member| {
        let (openid, mobile) = (openid_of(&member.phone), member.phone);
        let phone = Phone::new(asked.base.clone(), asked.meeting.clone(), openid, mobile);
        let (sandbox, bind) = (Arc::clone(&sandbox), asked.bind);
        async move { enter(&sandbox, phone, bind).await }
    });
    let mut coming = coming.buffer_unordered(AT_ONCE);
    let mut phones = Vec::new();
    while let Some(entered) = coming.next().await {
        match entered {
            Ok(phone) => {
                let phone = Arc::new(phone);
                if asked.sockets {
                    let watching = watch(Arc::clone(&sandbox), Arc::clone(&phone), token.clone());
                    sandbox.tracker.spawn(watching);
                }
                phones.push(phone);
            }
            Err(error) => note(&sandbox, &error),
        }
    }
    sandbox.with(|inner| inner.crowd.running = false);
    if asked.tap {
        tap_for_ever(&sandbox, &phones).await;
    }
}

fn note(sandbox: &Sandbox, error: &PhoneError) {
    sandbox.with(|inner| {
        inner.crowd.failed += 1;
        inner.crowd.last_error = error.to_string();
    });
}

/// Follow, log in, bind.
async fn enter(sandbox: &Sandbox, mut phone: Phone, bind: bool) -> Result<Phone, PhoneError> {
    phone.follow(sandbox).await?;
    sandbox.with(|inner| inner.crowd.followed += 1);
    phone.log_in(&sandbox.http).await?;
    sandbox.with(|inner| inner.crowd.logged_in += 1);
    if bind {
        phone.bind(sandbox).await?;
        sandbox.with(|inner| inner.crowd.bound += 1);
    }
    Ok(phone)
}

/// Looks for a draw that asks the audience; each phone taps into it once.
async fn tap_for_ever(sandbox: &Shared, phones: &[Arc<Phone>]) {
    let Some(first) = phones.first() else { return };
    let mut done = 0;
    loop {
        match first.draws(&sandbox.http).await {
            Ok(draws) => {
                if let Some(draw) = draws.iter().find(|draw| draw.draw > done && asks_audience(draw)) {
                    done = draw.draw;
                    tap_all(sandbox, phones, done).await;
                }
            }
            Err(error) => sandbox.with(|inner| inner.crowd.last_error = error.to_string()),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The audience's source is not closed yet.
fn asks_audience(draw: &DrawView) -> bool {
    draw.state == DrawState::Committed
        && draw.sources.iter().skip(draw.values.len()).any(|source| matches!(source, Source::Audience {}))
}

async fn tap_all(sandbox: &Shared, phones: &[Arc<Phone>], draw: i64) {
    let taps = stream::iter(phones.to_vec()).map(|phone| {
        let sandbox = Arc::clone(sandbox);
        async move {
            let result = phone.tap(&sandbox.http, draw).await;
            sandbox.with(|inner| match result {
                Ok(()) => inner.crowd.taps += 1,
                Err(error) => inner.crowd.last_error = error.to_string(),
            });
        }
    });
    taps.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Keeps a socket open and reads what comes.
async fn watch(sandbox: Shared, phone: Arc<Phone>, token: CancellationToken) {
    let kept = async {
        loop {
            match phone.socket().await {
                Ok(mut socket) => {
                    sandbox.with(|inner| inner.crowd.sockets += 1);
                    while let Some(Ok(_)) = socket.next().await {}
                    sandbox.with(|inner| inner.crowd.sockets = inner.crowd.sockets.saturating_sub(1));
                }
                Err(error) => sandbox.with(|inner| inner.crowd.last_error = error.to_string()),
            }
            tokio::time::sleep(SOCKET_PAUSE).await;
        }
    };
    tokio::select! {
        () = token.cancelled() => {}
        () = kept => {}
    }
}
