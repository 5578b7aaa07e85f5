//! Group commit: several small transactions that wait at the same moment become durable with one flush of the disk.
//!
//! Each part runs under a savepoint of its own, so that one that fails undoes only itself. Nobody is told before the
//! commit: a part that was told is durable. There is no task and no timer in it: whoever comes while a group is being
//! committed waits, and the first of those who waited takes all of them along.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Db, Tx};
use crate::error::{ApiError, ApiResult};

/// Most parts of one group: bounds how long a row lock is held.
const MOST: usize = 64;

/// Tells the one who waits, once the commit is known.
type Tell = Box<dyn FnOnce(Result<(), Arc<sqlx::Error>>) + Send>;
/// One part; nothing to tell when it failed, since it was told already.
type Part = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Option<Tell>> + Send>;

/// Parts that wait.
#[derive(Default)]
pub(super) struct Waiting {
    parts: Mutex<Vec<Part>>,
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Db {
    /// Runs `work` in a transaction that it may share with others who come at the same moment.
    ///
    /// Its error undoes its own statements alone. An error of the commit itself goes to everybody in the group and means
    /// that the outcome is not known. Dropping the future does not undo a part that another one already took along.
    pub async fn together<T, F>(&self, work: F) -> ApiResult<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, ApiResult<T>> + Send + 'static,
    {
        let (tell, mut told) = oneshot::channel();
        let part: Part = Box::new(move |tx| {
            Box::pin(async move {
                match work(tx).await {
                    Ok(value) => {
                        let tell: Tell = Box::new(move |committed| {
                            drop(tell.send(committed.map(|()| value).map_err(unknown)));
                        });
                        Some(tell)
                    }
                    Err(error) => {
                        drop(tell.send(Err(error)));
                        None
                    }
                }
            })
        });
        self.waiting.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
        tokio::select! {
            biased;
            answer = &mut told => return answer.unwrap_or_else(|_| Err(left_behind())),
            _turn = self.waiting.turn.lock() => {
                while told.is_empty() && !told.is_terminated() {
                    let parts = self.take();
                    if parts.is_empty() {
                        break;
                    }
                    self.commit_group(parts).await;
                }
            }
        }
        told.await.unwrap_or_else(|_| Err(left_behind()))
    }

    fn take(&self) -> Vec<Part> {
        let mut waiting = self.waiting.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let most = waiting.len().min(MOST);
        waiting.drain(..most).collect()
    }

    async fn commit_group(&self, parts: Vec<Part>) {
        let mut tx = match self.begin().await {
            Ok(tx) => tx,
            // Nothing of it happened; dropping the parts tells everybody so.
            Err(error) => return tracing::error!(%error, "a transaction could not begin"),
        };
        let alone = parts.len() == 1;
        let mut done = Vec::with_capacity(parts.len());
        for part in parts {
            match run(&mut tx, part, alone).await {
                Ok(tell) => done.extend(tell),
                Err(error) => return tracing::error!(%error, "a group of transactions could not go on"),
            }
        }
        if done.is_empty() {
            return;
        }
        let committed = tx.commit().await.map_err(Arc::new);
        for tell in done {
            tell(committed.clone());
        }
    }
}

/// The commit failed, and whether it happened is not known.
fn unknown(error: Arc<sqlx::Error>) -> ApiError {
    ApiError::of_database(&error).unwrap_or_else(|| anyhow::Error::new(error).into())
}

/// Whoever took this part along did not get to its commit.
fn left_behind() -> ApiError {
    anyhow::anyhow!("the transaction did not happen, or its outcome is not known").into()
}

async fn run(tx: &mut Tx, part: Part, alone: bool) -> Result<Option<Tell>, sqlx::Error> {
    if alone {
        return Ok(part(tx).await);
    }
    statement(tx, "savepoint part").await?;
    let tell = part(tx).await;
    if tell.is_none() {
        statement(tx, "rollback to savepoint part").await?;
    }
    statement(tx, "release savepoint part").await?;
    Ok(tell)
}

async fn statement(tx: &mut Tx, text: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(text).execute(tx.conn()).await.map(drop)
}
