//! Committed pools: n × 40 bytes in SQL, and the last few as trees in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
};

use anyhow::Context;
use sqlx::{AnyConnection, Row};

use super::Desk;
use crate::{
    app::App,
    db::Tx,
    draw::{PoolTree, pool::MEMBER_BYTES},
    error::{ApiError, ApiResult},
};

/// Members in one part: just below 1 MiB.
const PART_MEMBERS: usize = 26_000;
/// Trees kept in memory: phones ask for the paths of the newest draw.
const KEPT: usize = 4;

/// Trees of the last draws, newest last.
pub(super) type Trees = VecDeque<((String, i64), Arc<PoolTree>)>;

/// Stores the pool of a draw.
pub(super) async fn store(tx: &mut Tx, meeting: &str, n: i64, tree: &PoolTree) -> ApiResult<()> {
    for (part, bytes) in (0_i64..).zip(tree.to_bytes().chunks(PART_MEMBERS * MEMBER_BYTES)) {
        sqlx::query("insert into draw_pool (meeting_id, n, part, bytes) values ($1, $2, $3, $4)")
            .bind(meeting)
            .bind(n)
            .bind(part)
            .bind(bytes.to_vec())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// One part of a pool's bytes; `None` after the last one.
pub(super) async fn part(
    conn: &mut AnyConnection,
    meeting: &str,
    n: i64,
    part: i64,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row = sqlx::query("select bytes from draw_pool where meeting_id = $1 and n = $2 and part = $3")
        .bind(meeting)
        .bind(n)
        .bind(part)
        .fetch_optional(conn)
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// All bytes of a pool.
pub(super) async fn bytes(conn: &mut AnyConnection, meeting: &str, n: i64) -> ApiResult<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0_i64.. {
        match part(conn, meeting, n, number).await? {
            Some(bytes) => all.extend(bytes),
            None => break,
        }
    }
    if all.is_empty() {
        return Err(ApiError::not_found("这次抽奖的名单"));
    }
    Ok(all)
}

/// The tree over bytes, built off the async threads.
pub(super) async fn tree_of(bytes: Vec<u8>) -> ApiResult<PoolTree> {
    let built = tokio::task::spawn_blocking(move || PoolTree::from_bytes(&bytes)).await;
    Ok(built.context("the task that builds a pool's tree")?.context("a stored pool")?)
}

/// The tree of a committed pool, from memory or SQL.
pub(super) async fn tree(app: &App, meeting: &str, n: i64) -> ApiResult<Arc<PoolTree>> {
    if let Some(known) = app.kept::<Desk>().pool(meeting, n) {
        return Ok(known);
    }
    // One at a time: thousands of phones ask at once after a restart.
    let desk = app.kept::<Desk>();
    let _turn = desk.building.lock().await;
    if let Some(known) = app.kept::<Desk>().pool(meeting, n) {
        return Ok(known);
    }
    let mut conn = app.db().read().acquire().await?;
    let bytes = bytes(&mut conn, meeting, n).await?;
    drop(conn);
    Ok(app.kept::<Desk>().keep_pool(meeting, n, tree_of(bytes).await?))
}

impl Desk {
    fn pool(&self, meeting: &str, n: i64) -> Option<Arc<PoolTree>> {
        let trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        trees.iter().find(|(of, _)| of.0 == meeting && of.1 == n).map(|(_, tree)| Arc::clone(tree))
    }

    /// Keeps a tree that is committed in SQL.
    pub(super) fn keep_pool(&self, meeting: &str, n: i64, tree: PoolTree) -> Arc<PoolTree> {
        let tree = Arc::new(tree);
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        while trees.len() >= KEPT {
            trees.pop_front();
        }
        trees.push_back(((meeting.to_owned(), n), Arc::clone(&tree)));
        tree
    }
}
