//! Public randomness: one source after the other is closed, each value taken once.

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use super::{
    ahead, beacon, convert,
    rows::{self, DrawRow, Stored},
    taps, views,
};
use crate::{
    app::App,
    audit::{self, Deed},
    db::Tx,
    draw::{
        Body as LogBody, Hash32, Line,
        entropy::{Source, Taps, Value},
        line::{Commit, Entropy},
    },
    drawlog::{self, Appended},
    error::{ApiError, ApiResult},
    meeting::{self, tell},
    wire::{Body, DrawEvent, DrawState, DrawView, EntropyInput, EntropyRequest},
};

/// How far a draw has come, read from its lines.
#[derive(Debug)]
pub(super) struct Progress {
    /// The commit.
    pub(super) commit: Commit,
    /// Log head after the commit line.
    pub(super) head: Hash32,
    /// Values of the closed sources.
    pub(super) values: Vec<Value>,
}

impl Progress {
    /// All sources are closed: the result is determined.
    pub(super) fn closed(&self) -> bool {
        self.values.len() >= self.commit.rule.entropy.len()
    }
}

/// Reads a draw's commit and values.
pub(super) async fn progress(conn: &mut AnyConnection, meeting: &str, n: i64) -> ApiResult<Progress> {
    let rows = sqlx::query(
        "select body, head from log_line where meeting_id = $1 and draw = $2 \
         and t in ('draw.commit', 'draw.entropy') order by seq",
    )
    .bind(meeting)
    .bind(n)
    .fetch_all(conn)
    .await?;
    let (mut committed, mut values) = (None, Vec::new());
    for row in rows {
        let (body, head): (String, String) = (row.try_get("body")?, row.try_get("head")?);
        match Line::parse(&body).context("a stored line of the draw log")?.body {
            LogBody::Commit(commit) => committed = Some((commit, head.parse().context("a stored head")?)),
            LogBody::Entropy(entropy) => values.push(entropy.value),
            _ => {}
        }
    }
    let (commit, head) = committed.context("a draw without its commit line")?;
    Ok(Progress { commit, head, values })
}

/// Clocks of two servers differ by less.
const SET_BACK_MS: i64 = 60_000;

/// 409 `too_early` while the commit has to be shown. A clock that was set back since says nothing about that: a hall
/// waits for no clock to come round again, and the log keeps both times.
pub(super) fn not_early(app: &App, draw: &DrawRow) -> ApiResult<()> {
    let (now, wait) = (app.now(), draw.randomness_at - app.now());
    if wait <= 0 || now + SET_BACK_MS < draw.committed_at {
        return Ok(());
    }
    let detail = format!("锁定内容还须展示 {} 秒，请稍后再封存随机数。", (wait + 999) / 1000);
    Err(ApiError::conflict("too_early", detail))
}

/// Closes one source with its value.
pub async fn close_source(
    app: &App,
    who: &str,
    (meeting, n): (&str, i64),
    request: EntropyRequest,
) -> ApiResult<DrawView> {
    let fetched = if request.value.is_none() { fetch(app, (meeting, n), request.i).await? } else { None };
    let mut tx = app.db().begin().await?;
    meeting::lock(&mut tx, meeting).await?;
    let (progress, source) = next_source(app, tx.conn(), (meeting, n), request.i).await?;
    let value = match fetched {
        Some(beacon) => beacon,
        None => value_of(&mut tx, (meeting, n), (&source, &progress.head), request.value).await?,
    };
    if !source.accepts(&value, progress.commit.pool.n) || !source.is_signed(&value) {
        return Err(wrong_value(&source));
    }
    let line = Entropy { draw: convert::unsigned(n)?, i: convert::unsigned(request.i)?, value };
    let logged = drawlog::append(app, &mut tx, meeting, LogBody::Entropy(line)).await?;
    let deed =
        Deed { who, what: "draw.entropy", meeting, target: &n.to_string(), note: &request.i.to_string() };
    let view = views::draw(tx.conn(), meeting, n).await?;
    finish(app, tx, &deed, (&view, logged)).await?;
    if view.state == DrawState::Closed {
        ahead::send(app, meeting, n);
    }
    Ok(view)
}

/// The draw as it stands and the source that is to be closed now, if that is source `i`: 409 otherwise.
async fn next_source(
    app: &App,
    conn: &mut AnyConnection,
    (meeting, n): (&str, i64),
    i: i64,
) -> ApiResult<(Progress, Source)> {
    let order =
        || ApiError::conflict("entropy_order", "随机来源须按顺序逐个封存，每个只取一次；请刷新页面。");
    let draw = rows::load(conn, meeting, n).await?;
    if draw.state != Stored::Committed {
        return Err(order());
    }
    let progress = progress(conn, meeting, n).await?;
    let next = usize::try_from(i).ok().filter(|i| *i == progress.values.len()).ok_or_else(order)?;
    let source = progress.commit.rule.entropy.get(next).cloned().ok_or_else(order)?;
    not_early(app, &draw)?;
    if let Source::Drand { round, .. } = source {
        beacon::not_early(app, round)?;
    }
    Ok((progress, source))
}

/// The beacon, when the next source is one: asked for before the transaction, which must not wait for the network.
async fn fetch(app: &App, draw: (&str, i64), i: i64) -> ApiResult<Option<Value>> {
    let mut conn = app.db().read().acquire().await?;
    let (_, source) = next_source(app, &mut conn, draw, i).await?;
    drop(conn);
    let Source::Drand { round, .. } = source else { return Ok(None) };
    Ok(Some(convert::beacon(beacon::fetch(app, round).await?)))
}

/// Tells the draw anew, records the deed, commits.
async fn finish(
    app: &App,
    mut tx: Tx,
    deed: &Deed<'_>,
    (view, logged): (&DrawView, Appended),
) -> ApiResult<()> {
    let now = app.now();
    let event = DrawEvent { draw: view.clone(), log: logged.checkpoint, code: logged.code };
    let told = tell::event(&mut tx, deed.meeting, now, Body::Draw(Box::new(event))).await?;
    audit::record(&mut tx, now, deed).await?;
    tell::commit(app, tx, deed.meeting, vec![told]).await
}

async fn value_of(
    tx: &mut Tx,
    (meeting, n): (&str, i64),
    (source, head): (&Source, &Hash32),
    given: Option<EntropyInput>,
) -> ApiResult<Value> {
    match (source, given) {
        (Source::Audience, None) => {
            let all = taps::all(tx.conn(), meeting, n).await?;
            Ok(Taps::new(head, &all).context("taps out of order")?.value())
        }
        (Source::Audience, Some(_)) | (_, None) => Err(wrong_value(source)),
        (_, Some(input)) => convert::value(input).ok_or_else(|| wrong_value(source)),
    }
}

fn wrong_value(source: &Source) -> ApiError {
    let detail = match source {
        Source::Audience => "观众来源由服务器统计，不要填写数值。".to_owned(),
        Source::Dice { sides: 10, count } => format!("请填写 {count} 个 0 到 9 的数字。"),
        Source::Dice { sides, count } => format!("请填写 {count} 个 1 到 {sides} 的点数。"),
        Source::Words { count } => {
            format!("请填写 {count} 个词，每个 1 到 32 个汉字、小写字母或数字。")
        }
        Source::Drand { round, .. } => {
            format!("这不是 drand quicknet 第 {round} 轮的签名，请核对轮次后重试。")
        }
    };
    ApiError::invalid("entropy_value", "value", detail)
}
