//! The pool on SQL's side: what the store may say is compared with a revision and an order-free digest that are
//! changed in the same transaction as each binding. Losing the store, wholly or in part, changes nobody's chances.

mod digest;
mod kept;
mod rows;

use anyhow::Context;
use sqlx::Row;
use tokio::sync::mpsc;

pub use self::rows::member;
use self::{
    digest::{Digest, Marks},
    kept::{Kept, Pools},
};
pub use crate::store::Member as PoolMember;
use crate::{
    app::App,
    db::Tx,
    draw::{Pid, PoolTree},
    error::{ApiError, ApiResult},
    store::{Pool, StoreError},
};

/// Pools up to this size are compared with the store's member by member at each look.
const LOOK_THROUGH: i64 = 20_000;

/// Texts of members that are read before those in front are hashed.
const TEXTS_AHEAD: usize = 4;

/// A change of a pool that is in SQL's transaction and must reach the store after the commit.
#[derive(Clone, Debug)]
#[must_use = "pass it to `tell_store` after the commit"]
pub struct Change {
    meeting: String,
    member: PoolMember,
    rev: i64,
    digest: String,
}

impl Change {
    /// The member afterwards.
    pub fn member(&self) -> &PoolMember {
        &self.member
    }

    /// Id of the meeting.
    pub fn meeting(&self) -> &str {
        &self.meeting
    }

    /// The pool's revision with it, which the member's row carries.
    pub fn rev(&self) -> i64 {
        self.rev
    }
}

/// Revision and digest of a meeting's pool, which nobody else can change until the commit.
async fn locked(tx: &mut Tx, meeting: &str) -> ApiResult<(i64, Digest)> {
    let text = format!("select pool_rev, pool_digest from meeting where id = $1{}", tx.locking());
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(meeting)
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(|| ApiError::not_found("该活动"))?;
    Ok((row.try_get("pool_rev")?, digest::parse(&row.try_get::<String, _>("pool_digest")?)?))
}

/// The meeting's next revision, with what `alter` makes of its digest.
async fn revise(tx: &mut Tx, meeting: &str, alter: impl FnOnce(&mut Digest)) -> ApiResult<(i64, String)> {
    let (before, mut digest) = locked(tx, meeting).await?;
    alter(&mut digest);
    let (rev, digest) = (before + 1, hex::encode(digest));
    sqlx::query("update meeting set pool_rev = $1, pool_digest = $2 where id = $3")
        .bind(rev)
        .bind(&digest)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    Ok((rev, digest))
}

/// Puts a change of one member into the meeting's revision and digest; `before` is none for a new member. The
/// caller has written the binding's row in the same transaction, and calls [`tell_store`] after the commit.
pub async fn change(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    before: Option<&PoolMember>,
    after: PoolMember,
) -> ApiResult<Change> {
    let marks = Marks::new(app.keys(), meeting);
    let (rev, digest) = revise(tx, meeting, |digest| {
        before.into_iter().chain([&after]).for_each(|member| marks.toggle(digest, member));
    })
    .await?;
    sqlx::query("update binding set pool_rev = $1 where meeting_id = $2 and idx = $3")
        .bind(rev)
        .bind(meeting)
        .bind(after.idx)
        .execute(tx.conn())
        .await?;
    Ok(Change { meeting: meeting.to_owned(), member: after, rev, digest })
}

/// Gives a new member the next index, and puts it into the meeting's revision and digest. In the transaction, under the
/// meeting's row lock; the caller writes the binding's row with the index and the revision, and calls [`tell_store`]
/// after the commit. Thousands come in at once and one after another: it is one way to read and one to write.
pub async fn enter(app: &App, tx: &mut Tx, meeting: &str, (pid, weight): (Pid, i64)) -> ApiResult<Change> {
    let row = sqlx::query("select next_index, pool_rev, pool_digest from meeting where id = $1")
        .bind(meeting)
        .fetch_one(tx.conn())
        .await?;
    let member = PoolMember { idx: row.try_get("next_index")?, pid, weight, present: true };
    let mut digest = digest::parse(&row.try_get::<String, _>("pool_digest")?)?;
    Marks::new(app.keys(), meeting).toggle(&mut digest, &member);
    let rev = row.try_get::<i64, _>("pool_rev")? + 1;
    let digest = hex::encode(digest);
    sqlx::query("update meeting set next_index = $1, pool_rev = $2, pool_digest = $3 where id = $4")
        .bind(member.idx + 1)
        .bind(rev)
        .bind(&digest)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    Ok(Change { meeting: meeting.to_owned(), member, rev, digest })
}

/// Puts many new members into the meeting's revision and digest at once; their bindings are written in the same
/// transaction. Call [`refresh`] after the commit.
pub async fn enter_all(app: &App, tx: &mut Tx, meeting: &str, members: &[PoolMember]) -> ApiResult<()> {
    let marks = Marks::new(app.keys(), meeting);
    let enter = |digest: &mut Digest| members.iter().for_each(|member| marks.toggle(digest, member));
    let (rev, _) = revise(tx, meeting, enter).await?;
    let (first, last) = (members.iter().map(|m| m.idx).min(), members.iter().map(|m| m.idx).max());
    sqlx::query("update binding set pool_rev = $1 where meeting_id = $2 and idx between $3 and $4")
        .bind(rev)
        .bind(meeting)
        .bind(first.unwrap_or(0))
        .bind(last.unwrap_or(-1))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Brings memory and store up to date with SQL, outside of any draw.
pub async fn refresh(app: &App, meeting: &str) -> ApiResult<()> {
    let mut tx = app.db().begin().await?;
    snapshot(app, &mut tx, meeting).await.map(drop)
}

/// After the commit. A store that is away is no failure: the next [`snapshot`] mends it from SQL.
pub async fn tell_store(app: &App, changes: &[Change]) {
    for change in changes {
        let told = app.store().enter(&change.meeting, &change.member, change.rev, &change.digest).await;
        if let Err(error) = told {
            tracing::warn!(meeting = change.meeting, %error, "a pool change did not reach the store");
            return;
        }
    }
}

/// The pool as SQL guarantees it, everybody who is not present with weight 0: what this process kept, brought up to
/// SQL's revision under the meeting's row lock; failing that the store's, failing that SQL's own rows. Only what fits
/// SQL's digest is used, and a store that differs is mended.
pub async fn snapshot(app: &App, tx: &mut Tx, meeting: &str) -> ApiResult<PoolTree> {
    let truth = locked(tx, meeting).await?;
    let kept = match advanced(app, tx, meeting, truth).await? {
        Some(kept) => kept,
        None => cold(app, tx, meeting, truth).await?,
    };
    if let Err(error) = mend_store(app, meeting, &kept, &hex::encode(truth.1)).await {
        tracing::warn!(meeting, %error, "the store is away: its pool stays old until the next look");
    }
    let tree = kept.tree.clone();
    app.kept::<Pools>().put(meeting, kept);
    Ok(tree)
}

/// What this process kept, with what changed since; `None` when there is nothing or when it does not fit.
async fn advanced(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    (rev, digest): (i64, Digest),
) -> ApiResult<Option<Kept>> {
    let Some(mut kept) = app.kept::<Pools>().take(meeting) else { return Ok(None) };
    if kept.rev < rev {
        let changed = rows::changed(tx, meeting, kept.rev).await?;
        let (keys, name) = (app.keys().clone(), meeting.to_owned());
        kept = off_thread(move || {
            kept.advance(&Marks::new(&keys, &name), rev, &changed)?;
            Ok(kept)
        })
        .await?;
    }
    let fits = kept.rev == rev && kept.digest == digest;
    if !fits {
        tracing::warn!(
            meeting,
            rev,
            kept = kept.rev,
            "the pool kept in memory differs from SQL: reading it anew"
        );
    }
    Ok(fits.then_some(kept))
}

/// The store's members when they fit, else those of SQL.
async fn cold(app: &App, tx: &mut Tx, meeting: &str, truth: (i64, Digest)) -> ApiResult<Kept> {
    match app.store().members(meeting).await {
        Ok(pool) => {
            let store_rev = pool.rev;
            if store_rev == truth.0
                && let Some(kept) = checked(app, meeting, truth, pool.members).await?
            {
                return Ok(kept);
            }
            tracing::warn!(meeting, rev = truth.0, store_rev, "the store's pool differs from SQL");
        }
        Err(error) => tracing::warn!(meeting, %error, "the store is away: the pool is read from SQL"),
    }
    from_sql(app, tx, meeting, truth).await?.ok_or_else(|| {
        let what = "do not fit the pool's digest: rows were changed behind our back";
        anyhow::anyhow!("the bindings of meeting {meeting} {what}").into()
    })
}

/// SQL's own rows, when their digest is right. What was read is hashed while the database fetches more.
async fn from_sql(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    (rev, right): (i64, Digest),
) -> ApiResult<Option<Kept>> {
    let (keys, name) = (app.keys().clone(), meeting.to_owned());
    let (to, mut from) = mpsc::channel::<String>(TEXTS_AHEAD);
    let hashed = off_thread(move || {
        let (marks, mut digest, mut count) = (Marks::new(&keys, &name), [0; 32], 0);
        let members = std::iter::from_fn(|| from.blocking_recv()).flat_map(|text| {
            let members = rows::read(count, &text);
            members.iter().flatten().for_each(|member| marks.toggle(&mut digest, member));
            count += i64::try_from(members.len()).unwrap_or(i64::MAX);
            members
        });
        let kept = Kept::new(rev, right, members)?;
        Ok((digest == right).then_some(kept))
    });
    let (read, kept) = tokio::join!(rows::texts(tx, meeting, to), hashed);
    read?;
    kept
}

/// Members in order of index, when their digest is right.
async fn checked(
    app: &App,
    meeting: &str,
    (rev, digest): (i64, Digest),
    members: Vec<PoolMember>,
) -> ApiResult<Option<Kept>> {
    let (keys, name) = (app.keys().clone(), meeting.to_owned());
    off_thread(move || {
        let fits = Marks::new(&keys, &name).all(&members) == digest;
        fits.then(|| Kept::new(rev, digest, members.into_iter().map(Ok))).transpose()
    })
    .await
}

/// Hashing a large pool takes its time: off the async threads.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> ApiResult<T> {
    Ok(tokio::task::spawn_blocking(work).await.context("the task that hashes a pool")??)
}

/// Puts the pool into a store that has another one. Up to [`LOOK_THROUGH`] members are compared one by one; of more
/// only their number, revision and digest, which a store that lost something cannot have right.
async fn mend_store(app: &App, meeting: &str, kept: &Kept, digest: &str) -> Result<(), StoreError> {
    let size = i64::try_from(kept.tree.n()).unwrap_or(i64::MAX);
    let store = app.store();
    if size > LOOK_THROUGH && store.outline(meeting).await? == (size, kept.rev, digest.to_owned()) {
        return Ok(());
    }
    let ours = Pool { members: kept.members(), rev: kept.rev, digest: digest.to_owned() };
    if size <= LOOK_THROUGH && store.members(meeting).await? == ours {
        return Ok(());
    }
    tracing::warn!(meeting, rev = kept.rev, "the store's pool is mended from SQL");
    store.replace(meeting, &ours).await
}

/// Makes the store agree with SQL for every open meeting, at start.
pub async fn rebuild_all(app: &App) -> anyhow::Result<()> {
    let rows = sqlx::query("select id from meeting where status = 'open'").fetch_all(app.db().read()).await?;
    for row in rows {
        let meeting: String = row.try_get("id")?;
        if let Err(error) = refresh(app, &meeting).await {
            tracing::error!(meeting, %error, "the pool could not be rebuilt");
        }
    }
    Ok(())
}
