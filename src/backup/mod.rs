//! Backup and restore: everything that SQL knows and every uploaded file, in one ZIP archive that any tool can open.
//!
//! `backup.json` ([`Head`]) names the version, the state of the tables and the master key's fingerprint; `tables/NAME.jsonl`
//! has a table's columns as its first line and one row in each further line; `files/` are the uploads. The same archive
//! goes from SQLite to PostgreSQL and back. The master key is *not* in it: whoever has both can read phone numbers.
//!
//! It is taken while the server works, in one read transaction: the state of one moment. What is restored does not send
//! money before finance has matched it with the payer, since it cannot know what was paid after that moment.

mod read;
mod write;

use std::collections::BTreeMap;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use crate::{clock::Ms, db};

pub use read::restore;
pub use write::{backup, cell};

/// Of the archive's own shape.
const FORMAT: u32 = 1;
/// The first entry of an archive.
const HEAD: &str = "backup.json";
/// Folder of the uploads in the archive. They come from the folder that `files.url` names, and go there.
const FILES: &str = "files";
/// Shorter ones are guessed.
pub const PASSPHRASE_CHARS: usize = 16;

/// What an archive says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct Head {
    format: u32,
    /// Of the program that wrote it.
    pub version: String,
    /// Number of the last migration of its tables.
    pub schema: i64,
    /// Fingerprint of the master key.
    pub key: String,
    /// The moment, ms UTC.
    pub at: Ms,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Uploaded files.
    pub files: u64,
}

/// Tables that these migrations make, each after those that it refers to.
fn tables(made_by: impl Fn(i64) -> bool) -> Vec<String> {
    let mut names = Vec::new();
    for migration in db::MIGRATIONS.iter().filter(|migration| made_by(migration.version)) {
        for line in migration.sql.as_str().lines() {
            if let Some(rest) = line.trim_start().strip_prefix("create table ") {
                names.extend(rest.split([' ', '(']).next().map(ToOwned::to_owned));
            }
        }
    }
    names
}

/// A name that may stand in a statement.
fn plain(name: &str) -> anyhow::Result<&str> {
    let is = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure!(!name.is_empty() && name.chars().all(is), "{name:?} is no name of a table or column");
    Ok(name)
}

/// Entry of a table.
fn entry(table: &str) -> String {
    format!("tables/{table}.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_comes_after_those_it_refers_to() {
        let order = tables(|_| true);
        assert!(order.len() > 30, "{order:?}");
        for migration in db::MIGRATIONS.iter() {
            let mut table = "";
            for line in migration.sql.as_str().lines() {
                let line = line.trim_start();
                if let Some(rest) = line.strip_prefix("create table ") {
                    table = rest.split([' ', '(']).next().unwrap();
                }
                let Some((_, other)) = line.split_once(" references ") else { continue };
                let other = other.split([' ', '(']).next().unwrap();
                let place = |name: &str| order.iter().position(|one| one == name).unwrap();
                assert!(place(other) <= place(table), "{table} refers to {other}");
            }
        }
    }

    #[test]
    fn only_plain_names_reach_a_statement() {
        assert!(plain("pool_rev2").is_ok());
        for name in ["", "a b", "a;drop table staff", "A", "a\"b"] {
            assert!(plain(name).is_err(), "{name}");
        }
    }
}
