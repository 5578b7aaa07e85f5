//! Taps: 32 random bytes from each phone between the commit and the end of the audience's source.
//!
//! Thousands of phones tap within seconds and the database takes one writer at a time, so waiting taps are stored
//! together: whoever comes first stores for all who came meanwhile. Each transaction takes the meeting's row lock, so
//! no tap can slip in after the list was closed.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use sqlx::{AnyConnection, Row};
use tokio::sync::oneshot;

use super::{Desk, convert, entropy, rows};
use crate::{
    app::App,
    db::Tx,
    draw::{
        Hash32,
        entropy::{Source, Taps as TapTree},
    },
    error::{ApiError, ApiResult},
    meeting,
    wire::{Body, MyTap, TapRequest, Taps},
};

/// Most taps in one transaction.
const BATCH: usize = 1_000;
/// The count is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Taps of one meeting on their way.
#[derive(Debug, Default)]
pub(super) struct TapQueue {
    storing: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<Waiting>>,
    telling: AtomicBool,
}

#[derive(Debug)]
struct Waiting {
    openid: String,
    draw: i64,
    r: String,
    answer: oneshot::Sender<ApiResult<Taps>>,
}

/// Adds a phone's bytes to the open draw; answers how many have tapped.
pub async fn tap(app: &App, meeting: &str, openid: &str, request: TapRequest) -> ApiResult<Taps> {
    if request.r.parse::<Hash32>().is_err() {
        return Err(ApiError::invalid("invalid", "r", "随机数应为 64 个小写十六进制字符。"));
    }
    let queue = app.kept::<Desk>().taps(meeting);
    loop {
        let (answer, mut answered) = oneshot::channel();
        let mine = Waiting { openid: openid.into(), draw: request.draw, r: request.r.clone(), answer };
        queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(mine);
        let _turn = queue.storing.lock().await;
        if let Ok(answer) = answered.try_recv() {
            return answer;
        }
        store_waiting(app, meeting, &queue).await;
        if let Ok(answer) = answered.try_recv() {
            return answer;
        }
        // The one who stored mine gave up in the middle, or more were waiting than fit: once more.
    }
}

async fn store_waiting(app: &App, meeting: &str, queue: &Arc<TapQueue>) {
    let batch: Vec<Waiting> = {
        let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who gave up no longer listen.
        waiting.retain(|tap| !tap.answer.is_closed());
        let many = waiting.len().min(BATCH);
        waiting.drain(..many).collect()
    };
    match store(app, meeting, &batch).await {
        Ok(answers) => {
            for (tap, answer) in batch.into_iter().zip(answers) {
                // A phone that went away needs no answer.
                let _ = tap.answer.send(answer);
            }
            tell(app, meeting, queue);
        }
        Err(error) if error.code() == "not_found" => {
            for tap in batch {
                let _ = tap.answer.send(Err(ApiError::not_found("该活动")));
            }
        }
        Err(error) => {
            tracing::error!(%error, "taps could not be stored");
            for tap in batch {
                let _ = tap.answer.send(Err(ApiError::unavailable("没有记下，请再摇一次。")));
            }
        }
    }
}

async fn store(app: &App, meeting: &str, batch: &[Waiting]) -> ApiResult<Vec<ApiResult<Taps>>> {
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?;
    let open = open_list(&mut tx, meeting).await?;
    let mut answers = Vec::with_capacity(batch.len());
    for tap in batch {
        answers.push(match open {
            Open::No => Err(ApiError::conflict("no_open_draw", "现在没有正在进行的抽奖。")),
            Open::Closed => Err(closed()),
            Open::Yes { draw, .. } if draw != tap.draw => Err(closed()),
            Open::Yes { draw, members } => one(&mut tx, meeting, (draw, members), (tap, app.now())).await,
        });
    }
    let m = match open {
        Open::Yes { draw, .. } => count(tx.conn(), meeting, draw).await?,
        _ => 0,
    };
    tx.commit().await?;
    for answer in answers.iter_mut().flatten() {
        answer.m = m;
    }
    Ok(answers)
}

fn closed() -> ApiError {
    ApiError::conflict("tap_closed", "这次抽奖的摇动已经截止。")
}

/// Whether phones may tap now.
#[derive(Clone, Copy)]
enum Open {
    No,
    Closed,
    Yes { draw: i64, members: i64 },
}

async fn open_list(tx: &mut Tx, meeting: &str) -> ApiResult<Open> {
    let Some(draw) = rows::open(tx.conn(), meeting).await? else { return Ok(Open::No) };
    let progress = entropy::progress(tx.conn(), meeting, draw.n).await?;
    // The audience always comes first, so its list is open while nothing is closed.
    let audience = progress.commit.rule.entropy.first() == Some(&Source::Audience);
    if !audience || !progress.values.is_empty() {
        return Ok(Open::Closed);
    }
    Ok(Open::Yes { draw: draw.n, members: convert::signed(progress.commit.pool.n)? })
}

async fn one(
    tx: &mut Tx,
    meeting: &str,
    (draw, members): (i64, i64),
    (tap, now): (&Waiting, i64),
) -> ApiResult<Taps> {
    let row = sqlx::query(
        "select b.idx, t.r from binding b \
         left join draw_tap t on t.meeting_id = b.meeting_id and t.n = $1 and t.idx = b.idx \
         where b.meeting_id = $2 and b.openid = $3 and b.active = 1",
    )
    .bind(draw)
    .bind(meeting)
    .bind(&tap.openid)
    .fetch_optional(tx.conn())
    .await?;
    let outside = || ApiError::conflict("not_in_pool", "您不在这次抽奖的名单中。");
    let row = row.ok_or_else(outside)?;
    let (index, before): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    match before {
        _ if index >= members => Err(outside()),
        Some(r) if r == tap.r => Ok(Taps { draw, m: 0 }),
        Some(_) => Err(ApiError::conflict("already_tapped", "您已经摇过了，每人每次抽奖只计一次。")),
        None => {
            sqlx::query("insert into draw_tap (meeting_id, n, idx, r, at) values ($1, $2, $3, $4, $5)")
                .bind(meeting)
                .bind(draw)
                .bind(index)
                .bind(&tap.r)
                .bind(now)
                .execute(tx.conn())
                .await?;
            Ok(Taps { draw, m: 0 })
        }
    }
}

async fn count(conn: &mut AnyConnection, meeting: &str, draw: i64) -> Result<i64, sqlx::Error> {
    sqlx::query("select cast(count(*) as bigint) from draw_tap where meeting_id = $1 and n = $2")
        .bind(meeting)
        .bind(draw)
        .fetch_one(conn)
        .await?
        .try_get(0)
}

/// All taps of a draw by index, as the protocol hashes them.
pub(super) async fn all(conn: &mut AnyConnection, meeting: &str, n: i64) -> ApiResult<Vec<(u64, Hash32)>> {
    let taps = listed(conn, meeting, n).await?;
    let read = |(index, r): (i64, String)| {
        Ok((convert::unsigned(index)?, r.parse().context("stored bytes of a tap")?))
    };
    taps.into_iter().map(read).collect()
}

/// All taps of a draw by index, as they are given out.
pub(super) async fn listed(conn: &mut AnyConnection, meeting: &str, n: i64) -> ApiResult<Vec<(i64, String)>> {
    let rows = sqlx::query("select idx, r from draw_tap where meeting_id = $1 and n = $2 order by idx")
        .bind(meeting)
        .bind(n)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The tree over the taps of a draw whose audience is closed, kept for the newest such draw: a hall of phones asks
/// within seconds.
#[derive(Debug, Default)]
struct Closed {
    kept: Mutex<Option<Arc<ClosedTaps>>>,
}

#[derive(Debug)]
struct ClosedTaps {
    of: (String, i64),
    tree: TapTree,
    by_index: HashMap<i64, String>,
}

/// A member's own tap with its path; `None` while taps are taken still, and for who has none.
pub(super) async fn mine(app: &App, meeting: &str, n: i64, index: i64) -> ApiResult<Option<MyTap>> {
    let closed = app.kept::<Closed>();
    let known = closed.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let taps = if let Some(taps) = known.filter(|taps| taps.of.0 == meeting && taps.of.1 == n) {
        taps
    } else {
        let Some(taps) = read_closed(app, meeting, n).await?.map(Arc::new) else { return Ok(None) };
        *closed.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&taps));
        taps
    };
    let Some((place, path)) = taps.tree.path(convert::unsigned(index)?) else { return Ok(None) };
    let r = taps.by_index.get(&index).cloned().unwrap_or_default();
    let path = path.iter().map(ToString::to_string).collect();
    Ok(Some(MyTap { place: convert::signed(place)?, r, path }))
}

async fn read_closed(app: &App, meeting: &str, n: i64) -> ApiResult<Option<ClosedTaps>> {
    let mut conn = app.db().read().acquire().await?;
    let progress = entropy::progress(&mut conn, meeting, n).await?;
    let audience = progress.commit.rule.entropy.first() == Some(&Source::Audience);
    if !audience || progress.values.is_empty() {
        return Ok(None);
    }
    let listed = listed(&mut conn, meeting, n).await?;
    let mut leaves = Vec::with_capacity(listed.len());
    for (index, r) in &listed {
        leaves.push((convert::unsigned(*index)?, r.parse().context("a stored tap")?));
    }
    let tree = TapTree::new(&progress.head, &leaves).context("stored taps out of order")?;
    Ok(Some(ClosedTaps { of: (meeting.to_owned(), n), tree, by_index: listed.into_iter().collect() }))
}

/// Tells the count soon, once for all taps that come until then.
fn tell(app: &App, meeting: &str, queue: &Arc<TapQueue>) {
    if queue.telling.swap(true, Ordering::SeqCst) {
        return;
    }
    let (app, meeting, queue) = (app.clone(), meeting.to_owned(), Arc::clone(queue));
    app.clone().spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(TELL_EVERY) => {}
            () = app.stopping().cancelled() => {}
        }
        queue.telling.store(false, Ordering::SeqCst);
        if let Err(error) = tell_now(&app, &meeting).await {
            tracing::warn!(%error, "the number of taps could not be told");
        }
    });
}

async fn tell_now(app: &App, meeting: &str) -> ApiResult<()> {
    let mut conn = app.db().read().acquire().await?;
    let Some(draw) = rows::open(&mut conn, meeting).await? else { return Ok(()) };
    let m = count(&mut conn, meeting, draw.n).await?;
    drop(conn);
    app.publish_ephemeral(meeting, Body::Taps(Taps { draw: draw.n, m }));
    Ok(())
}
