//! The ledger: every movement of money as a row of the hash chain, complete enough that replaying it gives all balances.
//!
//! Each entry takes `fen` out of one account and puts it into another. A budget's accounts are `free` (what nobody
//! has claimed of its cap), `round:ID` (kept for a round), `draw:MEETING:N` (kept for the awards of a draw) and
//! `spent`; `cap` stands for the world outside. A return takes from `spent` to `free` and is counted.
//!
//! The head is copied to a file outside of the database after settlements, so that a database that was put back to
//! an older state is noticed before it sends anything.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::{
    app::App,
    chain::{self, Chain, Head},
    clock::Ms,
    db::{Db, Tx},
    keys::short_id,
};

/// Rows read at a time when replaying.
const PAGE: i64 = 1000;

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `cap`, `reserve`, `release`, `award`, `reclaim`, `pay` or `return`.
    pub what: String,
    /// Budget.
    pub budget: String,
    /// Amount, fen; never negative.
    pub fen: i64,
    /// Account that has less afterwards.
    pub from: String,
    /// Account that has more afterwards.
    pub to: String,
    /// Bill number of a payment or return, empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bill: String,
}

/// Account of what a round has reserved.
pub fn round_account(round: &str) -> String {
    format!("round:{round}")
}

/// Account of what is reserved for the awards of a draw.
pub fn draw_account(meeting: &str, draw: i64) -> String {
    format!("draw:{meeting}:{draw}")
}

/// Writes one movement.
pub async fn write(tx: &mut Tx, at: Ms, entry: &Entry) -> Result<(), sqlx::Error> {
    chain::append(tx, Chain::Ledger, at, entry).await.map(drop)
}

/// What the ledger says of one budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Balance {
    accounts: BTreeMap<String, i64>,
    cap: i64,
    returned: i64,
}

impl Balance {
    fn take(&mut self, entry: &Entry) -> Result<(), String> {
        if entry.fen < 0 {
            return Err(format!("budget {}: a negative movement", entry.budget));
        }
        for (account, change) in [(&entry.from, -entry.fen), (&entry.to, entry.fen)] {
            if account == "cap" {
                self.cap -= change;
                continue;
            }
            let balance = self.accounts.entry(account.clone()).or_default();
            *balance += change;
            if *balance < 0 {
                return Err(format!("budget {}: account {account} falls to {balance}", entry.budget));
            }
        }
        if entry.what == "return" {
            self.returned += entry.fen;
        }
        Ok(())
    }

    fn reserved(&self) -> i64 {
        let kept = |name: &str| name.starts_with("round:") || name.starts_with("draw:");
        self.accounts.iter().filter(|(name, _)| kept(name)).map(|(_, fen)| fen).sum()
    }

    fn spent(&self) -> i64 {
        self.accounts.get("spent").copied().unwrap_or(0)
    }
}

/// Replays the whole ledger and compares it with the stored balances; the first difference in words.
pub async fn replay(db: &Db) -> Result<Result<(), String>, sqlx::Error> {
    if let Err(row) = chain::verify(db, Chain::Ledger).await? {
        return Ok(Err(format!("the chain is broken at row {row}")));
    }
    let mut balances: BTreeMap<String, Balance> = BTreeMap::new();
    let mut next = 0;
    loop {
        let rows = sqlx::query(
            "select seq, body from chain_row where chain = 'ledger' and seq >= $1 order by seq limit $2",
        )
        .bind(next)
        .bind(PAGE)
        .fetch_all(db.read())
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let (seq, body): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            next = seq + 1;
            let Ok(entry) = serde_json::from_str::<Entry>(&body) else {
                return Ok(Err(format!("row {seq} is not readable")));
            };
            if let Err(problem) = balances.entry(entry.budget.clone()).or_default().take(&entry) {
                return Ok(Err(format!("row {seq}: {problem}")));
            }
        }
    }
    compare(db, &balances).await
}

/// The account's row is the sum of all budgets.
async fn compare_account(
    db: &Db,
    balances: &BTreeMap<String, Balance>,
) -> Result<Result<(), String>, sqlx::Error> {
    let stored = super::account::load(db).await?;
    let replayed: (i64, i64) =
        (balances.values().map(Balance::reserved).sum(), balances.values().map(Balance::spent).sum());
    if (stored.reserved, stored.spent) == replayed {
        return Ok(Ok(()));
    }
    Ok(Err(format!(
        "the account: reserved, spent are {:?}, the ledger says {replayed:?}",
        (stored.reserved, stored.spent)
    )))
}

async fn compare(db: &Db, balances: &BTreeMap<String, Balance>) -> Result<Result<(), String>, sqlx::Error> {
    let rows = sqlx::query("select id, cap_fen, reserved_fen, spent_fen, returned_fen from budget")
        .fetch_all(db.read())
        .await?;
    for row in rows {
        let id: String = row.try_get(0)?;
        let stored: [i64; 4] = [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?];
        let found = balances.get(&id).cloned().unwrap_or_default();
        let replayed = [found.cap, found.reserved(), found.spent(), found.returned];
        if stored != replayed {
            return Ok(Err(format!(
                "budget {id}: cap, reserved, spent, returned are {stored:?}, the ledger says {replayed:?}"
            )));
        }
    }
    let rows = sqlx::query("select id, budget_id, reserved_fen from round where budget_id is not null")
        .fetch_all(db.read())
        .await?;
    for row in rows {
        let (id, budget, stored): (String, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let account = round_account(&id);
        let replayed =
            balances.get(&budget).and_then(|found| found.accounts.get(&account)).copied().unwrap_or(0);
        if stored != replayed {
            return Ok(Err(format!("round {id}: {stored} reserved, the ledger says {replayed}")));
        }
    }
    compare_account(db, balances).await
}

/// Where the ledger stands.
pub async fn head(db: &Db) -> Result<Head, sqlx::Error> {
    let row = sqlx::query("select size, head from chain_head where chain = 'ledger'")
        .fetch_optional(db.read())
        .await?;
    Ok(match row {
        Some(row) => Head { size: row.try_get(0)?, hash: row.try_get(1)? },
        None => Head { size: 0, hash: String::new() },
    })
}

/// Copies the head to the mark file: `number hash`. Called after results and settlements.
pub async fn write_mark(app: &App) -> anyhow::Result<()> {
    let head = head(app.db()).await?;
    if head.size == 0 {
        return Ok(());
    }
    let beside = write_beside(app, &format!("{} {}\n", head.size, head.hash)).await?;
    let moved = tokio::fs::rename(&beside, &app.config().ledger.mark_file).await;
    if moved.is_err() {
        drop(tokio::fs::remove_file(&beside).await);
    }
    moved.context("ledger.mark_file cannot be replaced")
}

/// Whether the mark could be written: it is, or before the first movement something in its place.
pub async fn try_mark(app: &App) -> anyhow::Result<()> {
    if head(app.db()).await?.size > 0 {
        return write_mark(app).await;
    }
    let beside = write_beside(app, "").await?;
    tokio::fs::remove_file(&beside).await.context("beside ledger.mark_file nothing can be removed")
}

/// Written beside it and moved: a power cut leaves the old mark or the new one, never half of one. Named by chance: the
/// number of the process is 1 in each of several containers that share the folder.
async fn write_beside(app: &App, text: &str) -> anyhow::Result<PathBuf> {
    let file = &app.config().ledger.mark_file;
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await.context("the folder of ledger.mark_file cannot be made")?;
    }
    let beside = file.with_extension(format!("mark-{}", short_id()));
    let written = tokio::fs::write(&beside, text).await;
    if written.is_err() {
        drop(tokio::fs::remove_file(&beside).await);
    }
    written.context("the file beside ledger.mark_file cannot be written")?;
    Ok(beside)
}

/// Whether the database is behind its mark, or has another history than the mark remembers.
pub async fn behind_mark(app: &App) -> anyhow::Result<bool> {
    let text = match tokio::fs::read_to_string(&app.config().ledger.mark_file).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        // Nothing else than a damaged one: a person has to look.
        Err(error) => {
            tracing::error!(%error, "ledger.mark_file cannot be read");
            return Ok(true);
        }
    };
    let mut words = text.split_whitespace();
    let (Some(Ok(size)), Some(hash)) = (words.next().map(str::parse::<i64>), words.next()) else {
        // A damaged mark proves nothing; a person has to look.
        return Ok(true);
    };
    let row = sqlx::query("select hash from chain_row where chain = 'ledger' and seq = $1")
        .bind(size - 1)
        .fetch_optional(app.db().read())
        .await?;
    Ok(match row {
        Some(row) => row.try_get::<String, _>(0)? != hash,
        None => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(what: &str, fen: i64, from: &str, to: &str) -> Entry {
        Entry {
            what: what.into(),
            budget: "b".into(),
            fen,
            from: from.into(),
            to: to.into(),
            bill: String::new(),
        }
    }

    #[test]
    fn accounts_add_up() {
        let mut balance = Balance::default();
        for step in [
            entry("cap", 1000, "cap", "free"),
            entry("reserve", 600, "free", "round:r"),
            entry("award", 500, "round:r", "draw:m:1"),
            entry("pay", 200, "draw:m:1", "spent"),
            entry("return", 50, "spent", "free"),
        ] {
            balance.take(&step).unwrap();
        }
        assert_eq!(
            (balance.cap, balance.reserved(), balance.spent(), balance.returned),
            (1000, 400, 150, 50)
        );
    }

    #[test]
    fn nothing_comes_out_of_an_empty_account() {
        let mut balance = Balance::default();
        balance.take(&entry("cap", 100, "cap", "free")).unwrap();
        assert!(balance.take(&entry("pay", 1, "draw:m:1", "spent")).is_err());
        assert!(balance.take(&entry("reserve", -1, "free", "round:r")).is_err());
    }
}
