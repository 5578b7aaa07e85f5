//! Group commit: several small transactions that wait at the same moment become durable with one flush of the disk.
//!
//! Each part runs under a savepoint of its own, so that one that fails undoes only itself. Nobody is told before the
//! commit: a part that was told is durable. There is no task and no timer in it: whoever comes while a group is being
//! committed waits, and the first of those who waited takes all of them along.
//!
//! PostgreSQL runs a group for each of [`Locks`] at the same time; SQLite writes one after another anyway.

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

/// What a part locks. Two groups run beside each other only because one of them can never wait for the other in a circle.
#[derive(Clone, Copy, Debug)]
pub enum Locks {
    /// Rows that no other part locks at that moment.
    Own,
    /// Also those of the days, which payments share: nothing else is locked before or after them in one part.
    Days,
    /// Rows that payments share: meetings, budgets, the books, and after those the days.
    Books,
    /// The row of a meeting, and those of who comes in.
    Door,
}

/// The groups of a database.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    own: Arc<Waiting>,
    days: Arc<Waiting>,
    books: Arc<Waiting>,
    door: Arc<Waiting>,
}

impl Groups {
    /// One at a time.
    pub(super) fn one() -> Self {
        let all = Arc::<Waiting>::default();
        Self { own: Arc::clone(&all), days: Arc::clone(&all), books: Arc::clone(&all), door: all }
    }

    /// One for each of [`Locks`].
    pub(super) fn each() -> Self {
        Self { own: Arc::default(), days: Arc::default(), books: Arc::default(), door: Arc::default() }
    }
}

/// Parts that wait.
#[derive(Default)]
struct Waiting {
    parts: Mutex<Vec<Part>>,
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Waiting {
    fn push(&self, part: Part) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
    }

    fn take(&self) -> Vec<Part> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let most = parts.len().min(MOST);
        parts.drain(..most).collect()
    }
}

impl Db {
    /// Runs `work` in a transaction that it may share with others who come at the same moment.
    ///
    /// Its error undoes its own statements alone. An error of the commit itself goes to everybody in the group and means
    /// that the outcome is not known. Dropping the future does not undo a part that another one already took along.
    pub async fn together<T, F>(&self, locks: Locks, work: F) -> ApiResult<T>
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
        let waiting = match locks {
            Locks::Own => &self.groups.own,
            Locks::Days => &self.groups.days,
            Locks::Books => &self.groups.books,
            Locks::Door => &self.groups.door,
        };
        waiting.push(part);
        tokio::select! {
            biased;
            answer = &mut told => return answer.unwrap_or_else(|_| Err(left_behind())),
            _turn = waiting.turn.lock() => {
                while told.is_empty() && !told.is_terminated() {
                    let parts = waiting.take();
                    if parts.is_empty() {
                        break;
                    }
                    self.commit_group(parts).await;
                }
            }
        }
        told.await.unwrap_or_else(|_| Err(left_behind()))
    }

    async fn commit_group(&self, parts: Vec<Part>) {
        let mut tx = match self.begin().await {
            Ok(tx) => tx,
            // Nothing of it happened; dropping the parts tells everybody so.
            Err(error) => return tracing::error!(%error, "a transaction could not begin"),
        };
        let mut done = Vec::with_capacity(parts.len());
        let mut before = if parts.len() == 1 { Before::Alone } else { Before::Nothing };
        for part in parts {
            match run(&mut tx, part, before).await {
                Ok(tell) => {
                    before = if tell.is_some() { Before::Done } else { Before::Undone };
                    done.extend(tell);
                }
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

/// Whoever took this part along did not get to its commit: the database went away, which is in the log once for all of them.
fn left_behind() -> ApiError {
    ApiError::unavailable("数据库暂时不可用，请稍后重试。")
}

/// What became of the part before one.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing, and nothing comes after it: the transaction itself can be undone.
    Alone,
    Nothing,
    Done,
    /// Undone up to its savepoint, which is still set.
    Undone,
}

/// Each statement is a way to the database and back, so there is one for a part, and none after the last.
async fn run(tx: &mut Tx, part: Part, before: Before) -> Result<Option<Tell>, sqlx::Error> {
    match before {
        Before::Alone => return Ok(part(tx).await),
        Before::Nothing => statement(tx, "savepoint part").await?,
        Before::Done => statement(tx, "release savepoint part; savepoint part").await?,
        Before::Undone => {}
    }
    let tell = part(tx).await;
    if tell.is_none() {
        statement(tx, "rollback to savepoint part").await?;
    }
    Ok(tell)
}

async fn statement(tx: &mut Tx, text: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(text).execute(tx.conn()).await.map(drop)
}
