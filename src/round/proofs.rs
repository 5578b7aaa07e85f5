//! What anybody may fetch to check a draw (draw protocol §10): bundles, the log, paths.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use sqlx::{AnyConnection, Row};

use super::{
    convert, pools,
    rows::{self, DrawRow},
    taps,
};
use crate::{
    app::App,
    db::Tx,
    draw::{PoolTree, line::PROTOCOL, verify::verify},
    drawlog,
    error::{ApiError, ApiResult},
    meeting,
    wire::{Bundle, Checkpoint, DrawProof, LogPage, MyProof},
};

/// Pools up to this size stand in the bundle; larger ones are a file of their own.
const POOL_INLINE: u64 = 5_000;
/// Encoded bundles that are kept at most.
const ENCODED_MAX: usize = 64;
/// Most lines of one page of the log.
const LOG_PAGE: i64 = 5_000;

/// Encoded bundles of this process, kept until the log grows.
#[derive(Debug, Default)]
struct Encoded {
    kept: tokio::sync::Mutex<HashMap<Asked, (i64, Bytes)>>,
}

/// What was asked for: a meeting's proof, of one draw or of all, with pools and taps or without.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) meeting: String,
    pub(super) draw: Option<i64>,
    pub(super) light: bool,
}

/// A bundle as JSON. A hall of phones asks for the same one within seconds of a result: it is made once per size of
/// the log, and never older than the newest signed head. The size, which it is as good as its name, comes along.
pub(super) async fn encoded(app: &App, asked: Asked) -> ApiResult<(i64, Bytes)> {
    let (checkpoint, _) = drawlog::checkpoint(app, &asked.meeting).await?;
    let bundles = app.kept::<Encoded>();
    let mut kept = bundles.kept.lock().await;
    if let Some((size, bytes)) = kept.get(&asked)
        && *size >= checkpoint.size
    {
        return Ok((*size, bytes.clone()));
    }
    let mut bundle = match asked.draw {
        Some(n) => draw_bundle(app, &asked.meeting, n).await?,
        None => bundle(app, &asked.meeting).await?,
    };
    if asked.light {
        for proof in &mut bundle.draws {
            (proof.pool, proof.taps) = (None, None);
        }
    }
    let bytes = Bytes::from(serde_json::to_vec(&bundle).context("a bundle as JSON")?);
    if kept.len() >= ENCODED_MAX {
        kept.clear();
    }
    kept.insert(asked, (bundle.checkpoint.size, bytes.clone()));
    Ok((bundle.checkpoint.size, bytes))
}

/// The bundle of all draws with a result.
pub async fn bundle(app: &App, meeting: &str) -> ApiResult<Bundle> {
    let draws = {
        let mut conn = app.db().read().acquire().await?;
        meeting::load(&mut conn, meeting).await?;
        rows::all(&mut conn, meeting).await?
    };
    assemble(app, meeting, draws).await
}

/// The bundle of one draw; the log in it is whole.
pub async fn draw_bundle(app: &App, meeting: &str, n: i64) -> ApiResult<Bundle> {
    let draw = {
        let mut conn = app.db().read().acquire().await?;
        rows::load(&mut conn, meeting, n).await?
    };
    assemble(app, meeting, vec![draw]).await
}

async fn assemble(app: &App, meeting: &str, draws: Vec<DrawRow>) -> ApiResult<Bundle> {
    let mut proofs = Vec::new();
    for draw in draws.iter().filter(|draw| draw.revealed_at.is_some()) {
        let tree = pools::tree(app, meeting, draw.n).await?;
        let mut conn = app.db().read().acquire().await?;
        proofs.push(proof(&mut conn, meeting, (draw.n, &tree)).await?);
    }
    // The checkpoint comes last: the lines that it covers are read up to its size, whatever is appended meanwhile.
    let (checkpoint, _) = drawlog::checkpoint(app, meeting).await?;
    let mut conn = app.db().read().acquire().await?;
    let log = drawlog::lines(&mut conn, meeting, 0, checkpoint.size).await?;
    Ok(Bundle { v: PROTOCOL.into(), log, checkpoint, draws: proofs })
}

/// What proves one draw beside the log.
async fn proof(conn: &mut AnyConnection, meeting: &str, (n, tree): (i64, &PoolTree)) -> ApiResult<DrawProof> {
    let winners = sqlx::query("select idx from seat where meeting_id = $1 and n = $2 order by rank")
        .bind(meeting)
        .bind(n)
        .fetch_all(&mut *conn)
        .await?;
    let mut indexes = Vec::with_capacity(winners.len());
    for row in winners {
        indexes.push(convert::unsigned(row.try_get(0)?)?);
    }
    let progress = super::entropy::progress(conn, meeting, n).await?;
    let audience = progress.commit.rule.entropy.first() == Some(&crate::draw::entropy::Source::Audience);
    let taps = if audience { Some(taps::listed(conn, meeting, n).await?) } else { None };
    let mut proof = proof_of(n, tree, &indexes)?;
    proof.taps = taps;
    Ok(proof)
}

fn proof_of(n: i64, tree: &PoolTree, indexes: &[u64]) -> ApiResult<DrawProof> {
    let mut proofs = Vec::with_capacity(indexes.len());
    for index in indexes {
        let path = tree.path(*index).ok_or_else(|| anyhow!("a winner outside of the pool"))?;
        proofs.push(convert::path(path)?);
    }
    let pool = if tree.n() > POOL_INLINE {
        None
    } else {
        let member = |(pid, weight): (crate::draw::Pid, u64)| Ok((pid.to_string(), convert::signed(weight)?));
        Some(tree.members().map(member).collect::<ApiResult<_>>()?)
    };
    Ok(DrawProof { draw: n, proofs, pool, taps: None })
}

/// Runs the auditors' verifier over the log as it stands with the new result, before anything is committed: a result
/// that it does not prove must never be stored.
pub(super) async fn prove(
    tx: &mut Tx,
    meeting: &str,
    (n, tree, indexes): (i64, &PoolTree, &[u64]),
    checkpoint: &Checkpoint,
) -> ApiResult<()> {
    let log = drawlog::lines(tx.conn(), meeting, 0, checkpoint.size).await?;
    let mut proof = proof_of(n, tree, indexes)?;
    // The pool goes along as a file, whatever its size: the check is always the full one.
    proof.pool = None;
    let bundle = Bundle { v: PROTOCOL.into(), log, checkpoint: checkpoint.clone(), draws: vec![proof] };
    let pools = BTreeMap::from([(convert::unsigned(n)?, tree.to_bytes())]);
    let report = tokio::task::spawn_blocking(move || {
        let text = serde_json::to_vec(&bundle)?;
        Ok::<_, serde_json::Error>(verify(&text, None, &pools))
    });
    let report = report.await.context("the task that verifies a result")?.context("a bundle as JSON")?;
    match report.fault() {
        None => Ok(()),
        Some(fault) => Err(anyhow!("the draw's own verifier refuses the result: {fault}").into()),
    }
}

/// Lines of the log from a number on.
pub async fn log_page(app: &App, meeting: &str, from: i64) -> ApiResult<LogPage> {
    let (checkpoint, code) = drawlog::checkpoint(app, meeting).await?;
    let until = checkpoint.size.min(from.saturating_add(LOG_PAGE));
    let mut conn = app.db().read().acquire().await?;
    let lines = drawlog::lines(&mut conn, meeting, from, until).await?;
    Ok(LogPage { from, lines, checkpoint, code })
}

/// A member's own path in the pool of a draw; 404 when the member came after it.
pub async fn my_proof(app: &App, meeting: &str, openid: &str, n: i64) -> ApiResult<MyProof> {
    let index: i64 = {
        let mut conn = app.db().read().acquire().await?;
        rows::load(&mut conn, meeting, n).await?;
        let row = sqlx::query("select idx from binding where meeting_id = $1 and openid = $2")
            .bind(meeting)
            .bind(openid)
            .fetch_optional(&mut *conn)
            .await?;
        row.ok_or_else(outside)?.try_get(0)?
    };
    let tree = pools::tree(app, meeting, n).await?;
    let at = convert::unsigned(index)?;
    let ((_, weight), path) = tree.member(at).zip(tree.path(at)).ok_or_else(outside)?;
    let start = tree.start(at).ok_or_else(outside)?;
    Ok(MyProof {
        draw: n,
        index,
        w: convert::signed(weight)?,
        start: convert::signed(start)?,
        path: convert::path(path)?,
        tap: taps::mine(app, meeting, n, index).await?,
    })
}

fn outside() -> ApiError {
    ApiError::not_found("您在这次抽奖名单中的位置")
}
