//! Prizes, rounds, and the draw as separate durable lines: commit, entropy …, result or void, seats, redraw.
//!
//! Each step is one short transaction under the meeting's row lock: the log's line, the draw's rows, the event that
//! tells it, the audit record. The live side is only read at the commit; every later step needs SQL alone, so a
//! server that was killed between two lines goes on where the log stands.

mod ahead;
mod audits;
mod beacon;
mod check;
mod closing;
mod commit;
mod convert;
mod copy;
mod electorate;
mod entropy;
mod holders;
mod http;
mod http_audits;
mod http_draws;
mod http_meetings;
mod http_public;
mod pools;
pub mod prizes;
mod proofs;
mod readiness;
mod redraw;
mod rehearsal;
mod result;
pub mod rounds;
mod rows;
mod seats;
mod taps;
pub mod views;
mod void;

#[cfg(test)]
mod hostile;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::Row;
use utoipa_axum::router::OpenApiRouter;

pub use closing::close_meeting;
pub use commit::commit;
pub use copy::create_meeting;
pub use entropy::close_source;
pub use proofs::{bundle, draw_bundle, log_page, my_proof};
pub use readiness::{check as readiness, eligible};
pub use redraw::redraw;
pub use result::reveal;
pub use seats::{confirm_all, mark, sweep};
pub use taps::tap;
pub use void::void;

use crate::{
    app::App,
    error::ApiResult,
    people,
    wire::{Body, DrawView},
};

/// How often rounds with `confirm = auto` are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What draws keep in memory between two requests. Everything in it can be made anew from SQL.
#[derive(Debug, Default)]
pub struct Desk {
    trees: Mutex<pools::Trees>,
    building: tokio::sync::Mutex<()>,
    taps: Mutex<HashMap<String, Arc<taps::TapQueue>>>,
}

impl Desk {
    fn taps(&self, meeting: &str) -> Arc<taps::TapQueue> {
        let mut queues = self.taps.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(meeting.to_owned()).or_default())
    }
}

/// All draws of a meeting by number, as everybody may see them.
pub async fn views_of(app: &App, meeting: &str) -> ApiResult<Vec<DrawView>> {
    let mut conn = app.db().read().acquire().await?;
    views::all(&mut conn, meeting).await
}

/// Brings the own page of each winner of a draw to their phones, after the commit. Nobody waits for it: the page also
/// comes with the next snapshot.
fn tell_winners(app: &App, meeting: &str, n: i64) {
    let (app, meeting) = (app.clone(), meeting.to_owned());
    app.clone().spawn(async move {
        if let Err(error) = tell_winners_now(&app, &meeting, n).await {
            tracing::warn!(meeting, n, %error, "winners could not be told on their phones");
        }
    });
}

async fn tell_winners_now(app: &App, meeting: &str, n: i64) -> ApiResult<()> {
    let rows = sqlx::query(
        "select b.openid from seat s join binding b on b.meeting_id = s.meeting_id and b.person_id = s.person_id and b.active = 1 \
         where s.meeting_id = $1 and s.n = $2 \
         order by s.rank",
    )
    .bind(meeting)
    .bind(n)
    .fetch_all(app.db().read())
    .await?;
    for row in rows {
        if app.stopping().is_cancelled() {
            return Ok(());
        }
        let openid: String = row.try_get(0)?;
        let page = people::me::view(app, meeting, &openid).await?;
        app.publish_to(meeting, &openid, Body::Me(Box::new(page)));
    }
    Ok(())
}

/// Routes of this module.
pub fn router() -> OpenApiRouter<App> {
    http_meetings::router()
        .merge(http::router())
        .merge(http_draws::router())
        .merge(http_audits::router())
        .merge(http_public::router())
}

/// Confirms winners of rounds with `confirm = auto` when their time has come, until the server stops.
pub async fn run_sweep(app: App) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = app.stopping().cancelled() => return,
        }
        if let Err(error) = sweep(&app).await {
            tracing::error!(%error, "winners could not be confirmed by themselves");
        }
    }
}
