//! Members out of SQL.

use anyhow::{Context, ensure};
use futures_util::TryStreamExt;
use sqlx::Row;
use tokio::sync::mpsc;

use super::PoolMember;
use crate::{
    db::Tx,
    draw::hash::Hex,
    error::{ApiError, ApiResult},
};

/// Digits of a pid.
const PID: usize = 64;

/// Members of one row.
const TOGETHER: i64 = 5_000;

/// All members by index, as texts for [`read`]. Thousands come together as one text: a driver's work for each row is
/// what a large pool would wait for. They come in the index's own order, since an `order by` of the aggregate sorts them
/// anew; and all by one statement, so that the database makes the next text while this one travels. Ends early when
/// nobody takes them any more.
pub(super) async fn texts(tx: &mut Tx, meeting: &str, to: mpsc::Sender<String>) -> ApiResult<()> {
    let mut rows = sqlx::query(
        "with recursive part(first) as (select cast(0 as bigint) union all select first + $2 from part \
         where first + $2 <= (select max(idx) from binding where meeting_id = $1)) \
         select (select string_agg(member, ',') from \
         (select pid || cast(present as text) || cast(weight as text) as member from binding \
          where meeting_id = $1 and idx >= first and idx < first + $2 order by idx) as members) from part",
    )
    .bind(meeting)
    .bind(TOGETHER)
    .fetch(tx.conn());
    while let Some(row) = rows.try_next().await? {
        if let Some(text) = row.try_get::<Option<String>, _>(0)?
            && to.send(text).await.is_err()
        {
            break;
        }
    }
    Ok(())
}

/// The members of one text, the first of which has the number `from`. A gap before them or another order would make their
/// numbers wrong: the digest, which has the numbers in it, shows that.
pub(super) fn read(from: i64, text: &str) -> Vec<anyhow::Result<PoolMember>> {
    (from..).zip(text.split(',')).map(|(idx, text)| one(idx, text)).collect()
}

fn one(idx: i64, text: &str) -> anyhow::Result<PoolMember> {
    ensure!(text.len() > PID + 1 && text.is_ascii(), "a member of the pool cannot be read");
    let (pid, rest) = text.split_at(PID);
    let (present, weight) = rest.split_at(1);
    let mut bytes = [0; 32];
    hex::decode_to_slice(pid, &mut bytes).context("a pid in the pool")?;
    Ok(PoolMember {
        idx,
        pid: Hex(bytes),
        weight: weight.parse().context("a weight in the pool")?,
        present: present != "0",
    })
}

/// Members that changed after revision `rev`, by index.
pub(super) async fn changed(tx: &mut Tx, meeting: &str, rev: i64) -> ApiResult<Vec<PoolMember>> {
    let rows = sqlx::query(
        "select idx, pid, weight, present from binding where meeting_id = $1 and pool_rev > $2 order by idx",
    )
    .bind(meeting)
    .bind(rev)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| member(row).map_err(ApiError::from)).collect()
}

/// A member from the columns `idx, pid, weight, present` of a binding.
pub fn member(row: &sqlx::any::AnyRow) -> Result<PoolMember, sqlx::Error> {
    let (present, pid): (i64, String) = (row.try_get("present")?, row.try_get("pid")?);
    Ok(PoolMember {
        idx: row.try_get("idx")?,
        pid: pid.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        weight: row.try_get("weight")?,
        present: present != 0,
    })
}
