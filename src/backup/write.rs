//! Writing an archive.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Seek, Write},
    path::Path,
};

use anyhow::{Context, bail, ensure};
use futures_util::TryStreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Column, Row, TypeInfo, ValueRef, any::AnyRow};
use zip::{
    AesMode, ZipWriter,
    write::{FileOptions, SimpleFileOptions},
};

use super::{FILES, FORMAT, HEAD, Head, PASSPHRASE_CHARS, entry, plain, tables};
use crate::{
    clock::Clock,
    config::Config,
    db::{Db, Dialect},
    files,
    keys::Keys,
};

/// Rows of one table of a living server can be many gigabytes: nothing is held back in memory.
const BUFFER: usize = 1 << 20;

/// Writes everything to `to`, encrypted when a passphrase is given. The file appears whole or not at all.
pub async fn backup(config: &Config, to: &Path, passphrase: Option<&SecretString>) -> anyhow::Result<Head> {
    ensure!(!to.exists(), "{} exists already: choose another name", to.display());
    let long = passphrase.is_none_or(|words| words.expose_secret().chars().count() >= PASSPHRASE_CHARS);
    ensure!(long, "the passphrase needs at least {PASSPHRASE_CHARS} characters");
    let keys = &config.secrets.master_key_file;
    ensure!(keys.exists(), "there is no master key at {}: is this the right configuration?", keys.display());
    let keys = Keys::open(keys)?;
    let db = Db::look(config.database.url.expose()).await?;
    let beside = to.with_extension("part");
    let written = archive(&db, &keys, config, (&beside, passphrase)).await;
    db.close().await;
    match written {
        Ok(head) => {
            fs::rename(&beside, to).with_context(|| format!("cannot name {}", to.display()))?;
            Ok(head)
        }
        Err(error) => {
            drop(fs::remove_file(&beside));
            Err(error)
        }
    }
}

/// For nobody but its owner to read: the archive names people.
fn create(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).with_context(|| format!("cannot write {}", path.display()))
}

async fn archive(
    db: &Db,
    keys: &Keys,
    config: &Config,
    (path, passphrase): (&Path, Option<&SecretString>),
) -> anyhow::Result<Head> {
    let file = create(path)?;
    let mut zip = ZipWriter::new(BufWriter::with_capacity(BUFFER, file));
    let mut options: FileOptions<'_, '_, ()> = SimpleFileOptions::default().large_file(true);
    if let Some(words) = passphrase {
        options = options.with_aes_encryption(AesMode::Aes256, words.expose_secret());
    }
    let mut conn = db.read().acquire().await?;
    // One moment for all tables, while the server goes on writing.
    let begin = match db.dialect() {
        Dialect::Sqlite => "begin",
        Dialect::Postgres => "begin isolation level repeatable read read only",
    };
    sqlx::raw_sql(begin).execute(&mut *conn).await?;
    let at = Clock::System.now();
    let applied = db.applied(&mut conn).await?;
    let schema = applied.last().copied().context("the database has no tables yet")?;
    let mut rows = BTreeMap::new();
    for table in tables(|version| applied.contains(&version)) {
        zip.start_file(entry(&table), options)?;
        let count = dump(&mut conn, &table, &mut zip).await.with_context(|| format!("table {table}"))?;
        rows.insert(table, count);
    }
    sqlx::raw_sql("rollback").execute(&mut *conn).await?;
    let mut count = 0;
    if let Some(uploads) = files::local(config)?.filter(|folder| folder.is_dir()) {
        count = add_folder(&mut zip, options, (&uploads, FILES))?;
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let key = keys.fingerprint().to_owned();
    let head = Head { format: FORMAT, version, schema, key, at, rows, files: count };
    zip.start_file(HEAD, options)?;
    serde_json::to_writer_pretty(&mut zip, &head)?;
    let file = zip.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all().context("the archive did not reach the disk")?;
    Ok(head)
}

/// One table; how many rows.
async fn dump<W: Write>(conn: &mut AnyConnection, table: &str, to: &mut W) -> anyhow::Result<u64> {
    // A meeting may be the clone of an earlier one: rows come after those that they refer to.
    let order = if table == "meeting" { " order by created_at" } else { "" };
    let text = AssertSqlSafe(format!("select * from {}{order}", plain(table)?));
    let mut rows = sqlx::query(text).fetch(conn);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        if count == 0 {
            let columns: Vec<&str> = row.columns().iter().map(Column::name).collect();
            line(to, &json!(columns))?;
        }
        let cells = (0..row.len()).map(|at| cell(&row, at)).collect::<anyhow::Result<Vec<_>>>()?;
        line(to, &Value::Array(cells))?;
        count += 1;
    }
    Ok(count)
}

fn line<W: Write>(to: &mut W, value: &Value) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    Ok(to.write_all(b"\n")?)
}

/// Text and whole numbers as they are, bytes as `{"hex": …}`: there is nothing else in our tables.
pub fn cell(row: &AnyRow, at: usize) -> anyhow::Result<Value> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "TEXT" => row.try_get::<String, _>(at)?.into(),
        "BIGINT" | "INTEGER" | "SMALLINT" => row.try_get::<i64, _>(at)?.into(),
        "BLOB" => json!({ "hex": hex::encode(row.try_get::<Vec<u8>, _>(at)?) }),
        other => bail!("a value of type {other} is not expected"),
    })
}

/// A folder of uploads, with all below it; how many files.
fn add_folder<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    options: FileOptions<'_, '_, ()>,
    (folder, name): (&Path, &str),
) -> anyhow::Result<u64> {
    let mut count = 0;
    for found in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let (path, found) = found.map(|found| (found.path(), found.file_name()))?;
        let Some(found) = found.to_str() else { bail!("{} has an unreadable name", path.display()) };
        let name = format!("{name}/{found}");
        if path.is_dir() {
            count += add_folder(zip, options, (&path, &name))?;
        } else {
            zip.start_file(name, options)?;
            std::io::copy(&mut File::open(&path)?, zip)?;
            count += 1;
        }
    }
    Ok(count)
}
