//! Members out of SQL.

use anyhow::{Context, ensure};
use sqlx::Row;

use super::PoolMember;
use crate::{
    db::Tx,
    draw::hash::Hex,
    error::{ApiError, ApiResult},
};

/// Digits of a pid.
const PID: usize = 64;

/// All members by index. Rows come a thousand at a time as one text: a driver's work for each row is what a large pool
/// would wait for.
pub(super) async fn all(tx: &mut Tx, meeting: &str) -> ApiResult<Vec<PoolMember>> {
    let rows = sqlx::query(
        "select min(idx), max(idx), count(*), \
         string_agg(pid || cast(present as text) || cast(weight as text), ',' order by idx) \
         from binding where meeting_id = $1 group by idx / 1000 order by 1",
    )
    .bind(meeting)
    .fetch_all(tx.conn())
    .await?;
    let mut members = Vec::new();
    for row in rows {
        let (first, last, count): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let text: String = row.try_get(3)?;
        let next = i64::try_from(members.len()).context("members")?;
        if (first, last) != (next, next + count - 1) {
            return Err(anyhow::anyhow!("the pool of {meeting} has a gap near index {first}").into());
        }
        for (idx, text) in (first..).zip(text.split(',')) {
            members.push(one(idx, text)?);
        }
    }
    Ok(members)
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
