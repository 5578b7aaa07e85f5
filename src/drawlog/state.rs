//! The protocol's state of each log, in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, anyhow};

use super::{lines, secrets::Signer};
use crate::{
    app::App,
    db::Tx,
    draw::{Line, state::LogState},
    error::ApiResult,
};

/// What is kept of the logs between two commands. Everything in it can be made anew from SQL.
#[derive(Debug, Default)]
pub struct DrawLogs {
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    state: Option<Arc<LogState>>,
    signer: Option<Arc<Signer>>,
}

impl DrawLogs {
    fn with<T>(&self, meeting: &str, what: impl FnOnce(&mut Kept) -> T) -> T {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        what(kept.entry(meeting.to_owned()).or_default())
    }

    pub(super) fn signer(&self, meeting: &str) -> Option<Arc<Signer>> {
        self.with(meeting, |kept| kept.signer.clone())
    }

    pub(super) fn keep_signer(&self, meeting: &str, signer: Arc<Signer>) {
        self.with(meeting, |kept| kept.signer = Some(signer));
    }

    fn state(&self, meeting: &str) -> Option<Arc<LogState>> {
        self.with(meeting, |kept| kept.state.clone())
    }

    /// Keeps the longer of two states; both hold committed lines only, so the shorter is a beginning of the longer.
    fn keep_state(&self, meeting: &str, state: Arc<LogState>) {
        self.with(meeting, |kept| {
            if kept.state.as_ref().is_none_or(|known| known.size() < state.size()) {
                kept.state = Some(state);
            }
        });
    }
}

/// The state over all committed lines, read outside of any transaction.
pub(super) async fn committed(app: &App, meeting: &str) -> ApiResult<Arc<LogState>> {
    let known = app.kept::<DrawLogs>().state(meeting).unwrap_or_default();
    let mut conn = app.db().read().acquire().await?;
    let fresh = lines(&mut conn, meeting, i64::try_from(known.size()).context("size")?, i64::MAX).await?;
    if fresh.is_empty() {
        return Ok(known);
    }
    let mut state = LogState::clone(&known);
    replay(&mut state, &fresh)?;
    let state = Arc::new(state);
    app.kept::<DrawLogs>().keep_state(meeting, Arc::clone(&state));
    Ok(state)
}

/// A copy of the state over exactly `size` lines, those of the running transaction included. The meeting's row must be
/// locked, so that nobody else can have lines under way.
pub(super) async fn at(app: &App, tx: &mut Tx, meeting: &str, size: i64) -> ApiResult<LogState> {
    let mut state = LogState::clone(&*committed(app, meeting).await?);
    let have = i64::try_from(state.size()).context("size")?;
    let own = lines(tx.conn(), meeting, have, size).await?;
    replay(&mut state, &own)?;
    if u64::try_from(size).is_ok_and(|size| size == state.size()) {
        return Ok(state);
    }
    Err(anyhow!("the draw log of {meeting} has {} lines in place of {size}", state.size()).into())
}

fn replay(state: &mut LogState, lines: &[String]) -> ApiResult<()> {
    for line in lines {
        let applied = Line::parse(line).and_then(|line| state.apply(&line));
        applied.map_err(|code| anyhow!("a stored line of the draw log breaks the protocol: {code}"))?;
    }
    Ok(())
}
