//! The pool on SQL's side: what the store may say is compared with a revision and an order-free digest that are
//! changed in the same transaction as each binding. Losing the store, wholly or in part, changes nobody's chances.

use anyhow::Context;
use sqlx::Row;

pub use crate::store::Member as PoolMember;
use crate::{
    app::App,
    db::Tx,
    error::{ApiError, ApiResult},
    keys::{Keys, Purpose},
    store::Pool,
};

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
}

/// What one member adds to the digest.
fn mark(keys: &Keys, meeting: &str, member: &PoolMember) -> [u8; 32] {
    keys.mac(
        Purpose::PoolDigest,
        &[
            meeting.as_bytes(),
            &member.idx.to_be_bytes(),
            member.pid.as_bytes(),
            &member.weight.to_be_bytes(),
            &[u8::from(member.present)],
        ],
    )
}

fn xor(into: &mut [u8; 32], other: &[u8; 32]) {
    for (byte, more) in into.iter_mut().zip(other) {
        *byte ^= more;
    }
}

fn digest_of(keys: &Keys, meeting: &str, members: &[PoolMember]) -> [u8; 32] {
    let mut digest = [0; 32];
    for member in members {
        xor(&mut digest, &mark(keys, meeting, member));
    }
    digest
}

/// An empty text is the digest of an empty pool.
fn parse_digest(text: &str) -> ApiResult<[u8; 32]> {
    let mut digest = [0; 32];
    if !text.is_empty() {
        hex::decode_to_slice(text, &mut digest).context("a stored pool digest is not 32 bytes of hex")?;
    }
    Ok(digest)
}

/// Puts a change of one member into the meeting's revision and digest; `before` is none for a new member. The
/// caller writes the binding's row in the same transaction, and calls [`tell_store`] after the commit.
pub async fn change(
    app: &App,
    tx: &mut Tx,
    meeting: &str,
    before: Option<&PoolMember>,
    after: PoolMember,
) -> ApiResult<Change> {
    let row = sqlx::query(
        "update meeting set pool_rev = pool_rev + 1 where id = $1 returning pool_rev, pool_digest",
    )
    .bind(meeting)
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| ApiError::not_found("该活动"))?;
    let (rev, stored): (i64, String) = (row.try_get("pool_rev")?, row.try_get("pool_digest")?);
    let mut digest = parse_digest(&stored)?;
    if let Some(before) = before {
        xor(&mut digest, &mark(app.keys(), meeting, before));
    }
    xor(&mut digest, &mark(app.keys(), meeting, &after));
    let digest = hex::encode(digest);
    sqlx::query("update meeting set pool_digest = $1 where id = $2")
        .bind(&digest)
        .bind(meeting)
        .execute(tx.conn())
        .await?;
    Ok(Change { meeting: meeting.to_owned(), member: after, rev, digest })
}

/// After the commit. A store that is away is no failure: the next [`load`] rebuilds it from SQL.
pub async fn tell_store(app: &App, changes: &[Change]) {
    for change in changes {
        let told = app.store().enter(&change.meeting, &change.member, change.rev, &change.digest).await;
        if let Err(error) = told {
            tracing::warn!(meeting = change.meeting, %error, "a pool change did not reach the store");
            return;
        }
    }
}

/// The pool in index order, as SQL guarantees it: read from the store, compared with SQL's revision and digest under
/// the meeting's row lock, rebuilt from SQL when they differ.
pub async fn load(app: &App, tx: &mut Tx, meeting: &str) -> ApiResult<Vec<PoolMember>> {
    let row =
        sqlx::query("update meeting set pool_rev = pool_rev where id = $1 returning pool_rev, pool_digest")
            .bind(meeting)
            .fetch_optional(tx.conn())
            .await?
            .ok_or_else(|| ApiError::not_found("该活动"))?;
    let (rev, stored): (i64, String) = (row.try_get("pool_rev")?, row.try_get("pool_digest")?);
    let digest = parse_digest(&stored)?;
    match app.store().members(meeting).await {
        Ok(mut pool) => {
            pool.members.sort_by_key(|member| member.idx);
            if pool.rev == rev && digest_of(app.keys(), meeting, &pool.members) == digest {
                return Ok(pool.members);
            }
            tracing::warn!(
                meeting,
                rev,
                store_rev = pool.rev,
                "the store's pool differs from SQL: rebuilding it"
            );
        }
        Err(error) => tracing::warn!(meeting, %error, "the store is away: the pool is read from SQL"),
    }
    let members = from_sql(tx, meeting).await?;
    if digest_of(app.keys(), meeting, &members) != digest {
        return Err(anyhow::anyhow!(
            "the bindings of meeting {meeting} do not fit the pool's digest: rows were changed behind our back"
        )
        .into());
    }
    let pool = Pool { members, rev, digest: stored };
    if let Err(error) = app.store().replace(meeting, &pool).await {
        tracing::warn!(meeting, %error, "the store is away: its pool stays old until the next look");
    }
    Ok(pool.members)
}

async fn from_sql(tx: &mut Tx, meeting: &str) -> ApiResult<Vec<PoolMember>> {
    let rows =
        sqlx::query("select idx, pid, weight, present from binding where meeting_id = $1 order by idx")
            .bind(meeting)
            .fetch_all(tx.conn())
            .await?;
    rows.iter().map(|row| member(row).map_err(ApiError::from)).collect()
}

/// A member from the columns `idx, pid, weight, present` of a binding.
pub fn member(row: &sqlx::any::AnyRow) -> Result<PoolMember, sqlx::Error> {
    let present: i64 = row.try_get("present")?;
    Ok(PoolMember {
        idx: row.try_get("idx")?,
        pid: row.try_get("pid")?,
        weight: row.try_get("weight")?,
        present: present != 0,
    })
}

/// Makes the store agree with SQL for every open meeting, at start.
pub async fn rebuild_all(app: &App) -> anyhow::Result<()> {
    let rows = sqlx::query("select id from meeting where status = 'open'").fetch_all(app.db().read()).await?;
    for row in rows {
        let meeting: String = row.try_get("id")?;
        let mut tx = app.db().begin().await?;
        if let Err(error) = load(app, &mut tx, &meeting).await {
            tracing::error!(meeting, %error, "the pool could not be rebuilt");
        }
    }
    Ok(())
}
