//! Append-only hash chain over SQL rows, used by the ledger (money) and the audit trail (who did what).
//!
//! `hash = SHA-256(previous hash ‖ 0x00 ‖ seq ‖ 0x00 ‖ at ‖ 0x00 ‖ body)` in hex. The head row is updated first, which
//! serialises appends on both databases. The draw log has a format of its own (`drawlog`).

use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{
    clock::Ms,
    db::{Db, Tx},
};

/// The chains of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Every movement of money.
    Ledger,
    /// Every command of a person.
    Audit,
}

impl Chain {
    fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Audit => "audit",
        }
    }
}

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Rows.
    pub size: i64,
    /// Hash of the newest row, hex.
    pub hash: String,
}

/// Appends `body` and returns the new head.
pub async fn append<T: Serialize + Sync>(
    tx: &mut Tx,
    chain: Chain,
    at: Ms,
    body: &T,
) -> Result<Head, sqlx::Error> {
    let body = serde_json::to_string(body).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let (size, before) = match next(tx, chain).await? {
        Some(found) => found,
        None => first(tx, chain).await?,
    };
    let hash = link(&before, size - 1, at, &body);
    sqlx::query("insert into chain_row (chain, seq, at, body, hash) values ($1, $2, $3, $4, $5)")
        .bind(chain.name())
        .bind(size - 1)
        .bind(at)
        .bind(&body)
        .bind(&hash)
        .execute(tx.conn())
        .await?;
    sqlx::query("update chain_head set head = $1 where chain = $2")
        .bind(&hash)
        .bind(chain.name())
        .execute(tx.conn())
        .await?;
    Ok(Head { size, hash })
}

/// The number of rows with the one that is being appended, and the head before it.
async fn next(tx: &mut Tx, chain: Chain) -> Result<Option<(i64, String)>, sqlx::Error> {
    let row = sqlx::query("update chain_head set size = size + 1 where chain = $1 returning size, head")
        .bind(chain.name())
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Somebody else may have begun the chain a moment ago.
async fn first(tx: &mut Tx, chain: Chain) -> Result<(i64, String), sqlx::Error> {
    sqlx::query(
        "insert into chain_head (chain, size, head) values ($1, 0, '') on conflict (chain) do nothing",
    )
    .bind(chain.name())
    .execute(tx.conn())
    .await?;
    next(tx, chain).await?.ok_or(sqlx::Error::RowNotFound)
}

/// Recomputes the whole chain; the number of the first row that does not fit, if any.
pub async fn verify(db: &Db, chain: Chain) -> Result<Result<Head, i64>, sqlx::Error> {
    let mut before = String::new();
    let mut next = 0;
    loop {
        let rows = sqlx::query(
            "select seq, at, body, hash from chain_row where chain = $1 and seq >= $2 order by seq limit 1000",
        )
        .bind(chain.name())
        .bind(next)
        .fetch_all(db.read())
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let (seq, at, body, hash): (i64, i64, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            if seq != next || hash != link(&before, seq, at, &body) {
                return Ok(Err(next));
            }
            before = hash;
            next += 1;
        }
    }
    let head = sqlx::query("select size, head from chain_head where chain = $1")
        .bind(chain.name())
        .fetch_optional(db.read())
        .await?;
    let stored = match head {
        Some(row) => Head { size: row.try_get(0)?, hash: row.try_get(1)? },
        None => Head { size: 0, hash: String::new() },
    };
    let found = Head { size: next, hash: before };
    Ok(if stored == found { Ok(found) } else { Err(next) })
}

fn link(before: &str, seq: i64, at: Ms, body: &str) -> String {
    let text = format!("{before}\0{seq}\0{at}\0{body}");
    hex::encode(Sha256::digest(text.as_bytes()))
}
