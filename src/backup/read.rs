//! Putting an archive back, into an empty place only.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};
use zip::{ZipArchive, read::ZipFile};

use super::{FILES, FORMAT, HEAD, Head, entry, plain, tables};
use crate::{
    budget::ledger,
    clock::Clock,
    config::Config,
    db::{Db, Tx, placeholders},
    files,
    keys::{Keys, short_id},
    payout,
};

/// Most characters of a line: no row of ours is longer, and a foreign file shall not fill the memory.
const LINE: u64 = 256 << 20;
/// Tables that are empty in a new database, and in no other.
const TELLTALES: [&str; 3] = ["staff", "meeting", "packet"];

/// An archive that is open.
struct Source<'p> {
    zip: ZipArchive<BufReader<File>>,
    passphrase: Option<&'p SecretString>,
}

impl Source<'_> {
    fn open(&mut self, name: &str) -> anyhow::Result<ZipFile<'_, BufReader<File>>> {
        let place = self.zip.index_for_name(name).with_context(|| format!("{name} is not in the archive"))?;
        let found = match self.passphrase {
            Some(words) => self.zip.by_index_decrypt(place, words.expose_secret().as_bytes()),
            None => self.zip.by_index(place),
        };
        found.with_context(|| format!("{name} cannot be read: is it encrypted, and is the passphrase right?"))
    }
}

/// Puts the archive at `from` into the database and the data folder that `config` names. The sender stays off until
/// finance has matched it with the payer.
pub async fn restore(
    config: &Config,
    clock: &Clock,
    from: &Path,
    passphrase: Option<&SecretString>,
) -> anyhow::Result<Head> {
    let file = File::open(from).with_context(|| format!("cannot open {}", from.display()))?;
    let zip = ZipArchive::new(BufReader::new(file))
        .with_context(|| format!("{} is no whole archive", from.display()))?;
    let mut source = Source { zip, passphrase };
    let head: Head = serde_json::from_reader(source.open(HEAD)?).context("the archive's head")?;
    ensure!(
        head.format == FORMAT && head.schema <= Db::newest_schema(),
        "this archive was made by kaijiang {}, which is newer than this one ({}): restore with that version",
        head.version,
        env!("CARGO_PKG_VERSION")
    );
    right_key(config, &head)?;
    let place = Uploads::at(config)?;
    let url = config.database.url.expose();
    let db = Db::open_at(url, head.schema).await?;
    must_be_empty(&db).await?;
    // The files first, beside their place: what fails before the tables are there leaves all of it to the next try.
    let mut uploads = place.unpack(&mut source)?;
    ensure!(
        uploads.count == head.files,
        "{} of {} uploaded files are in the archive",
        uploads.count,
        head.files
    );
    fill(&db, clock, &mut source, &head).await?;
    db.close().await;
    // What came later than the archive is done to its tables now, as an upgrade would.
    let db = Db::open(url).await?;
    let right = ledger::replay(&db).await?;
    db.close().await;
    right.map_err(|fault| anyhow::anyhow!("the ledger in the archive does not add up: {fault:?}"))?;
    uploads.settle()?;
    Ok(head)
}

/// Uploads on their way: unpacked into a folder inside of their place, where a move needs no copy even when the place is
/// a disk of its own.
struct Uploads {
    place: PathBuf,
    beside: PathBuf,
    count: u64,
    /// The tables are restored: these are the only copy in place.
    kept: bool,
}

impl Uploads {
    /// For a store that is no folder, the one from which somebody copies them there. A place that holds something is
    /// somebody else's.
    fn at(config: &Config) -> anyhow::Result<Self> {
        let place = files::local(config)?.unwrap_or_else(|| config.data.dir.join(FILES));
        let empty = match fs::read_dir(&place) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        ensure!(empty, "{} holds files already: restore into an empty place", place.display());
        let beside = place.join(format!(".restore-{}", short_id()));
        Ok(Self { place, beside, count: 0, kept: false })
    }

    fn unpack(mut self, source: &mut Source<'_>) -> anyhow::Result<Self> {
        fs::create_dir_all(&self.beside).with_context(|| format!("cannot make {}", self.beside.display()))?;
        self.count = unpack(source, &self.beside)?;
        Ok(self)
    }

    /// Into their place.
    fn settle(&mut self) -> anyhow::Result<()> {
        self.kept = true;
        let unpacked = self.beside.join(FILES);
        if !unpacked.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&unpacked)? {
            let entry = entry?;
            let to = self.place.join(entry.file_name());
            fs::rename(entry.path(), &to).with_context(|| {
                format!(
                    "the tables are restored; move {} to {} by hand",
                    unpacked.display(),
                    self.place.display()
                )
            })?;
        }
        Ok(())
    }
}

impl Drop for Uploads {
    /// What is left of a try that failed. A folder that still holds files of a restored database is not removed.
    fn drop(&mut self) {
        let unpacked = self.beside.join(FILES);
        let waiting = fs::read_dir(&unpacked).is_ok_and(|mut entries| entries.next().is_some());
        if !(self.kept && waiting) {
            drop(fs::remove_dir_all(&self.beside));
        }
    }
}

/// Without its own master key the data could not be read, and paid numbers not be found again.
fn right_key(config: &Config, head: &Head) -> anyhow::Result<()> {
    let file = &config.secrets.master_key_file;
    ensure!(
        file.exists(),
        "put the master key of the backed-up server at {} first (its fingerprint is {})",
        file.display(),
        head.key
    );
    let keys = Keys::open(file)?;
    ensure!(
        keys.fingerprint() == head.key,
        "the master key at {} ({}) is not the one of the archive ({})",
        file.display(),
        keys.fingerprint(),
        head.key
    );
    Ok(())
}

async fn must_be_empty(db: &Db) -> anyhow::Result<()> {
    for table in TELLTALES {
        let text = AssertSqlSafe(format!("select count(*) from {table}"));
        let count: i64 = sqlx::query(text).fetch_one(db.read()).await?.try_get(0)?;
        ensure!(
            count == 0,
            "the database has data already ({count} rows of {table}): restore into an empty one"
        );
    }
    Ok(())
}

/// All tables in one transaction: whole, or nothing.
async fn fill(db: &Db, clock: &Clock, source: &mut Source<'_>, head: &Head) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    let mut order = tables(|version| version <= head.schema);
    // A migration may have come later with an earlier number: its tables are not in the archive.
    order.retain(|table| head.rows.contains_key(table));
    ensure!(order.len() == head.rows.len(), "the archive has tables that this version does not know");
    // The first rows of a new database give way.
    for table in order.iter().rev() {
        let text = AssertSqlSafe(format!("delete from {}", plain(table)?));
        sqlx::query(text).execute(tx.conn()).await?;
    }
    for table in &order {
        let right = head.rows.get(table).copied().unwrap_or_default();
        let lines = BufReader::new(source.open(&entry(table))?);
        let count = load(&mut tx, table, lines).await.with_context(|| format!("table {table}"))?;
        ensure!(count == right, "table {table}: {count} of {right} rows are in the archive");
    }
    payout::hold_restored(&mut tx, clock.now()).await?;
    Ok(tx.commit().await?)
}

async fn load<R: BufRead>(tx: &mut Tx, table: &str, mut from: R) -> anyhow::Result<u64> {
    let Some(first) = next_line(&mut from)? else { return Ok(0) };
    let columns: Vec<String> = serde_json::from_str(&first).context("the columns")?;
    for column in &columns {
        plain(column)?;
    }
    let mut count = 0;
    while let Some(text) = next_line(&mut from)? {
        let row: Vec<Value> = serde_json::from_str(&text).context("a row")?;
        ensure!(row.len() == columns.len(), "a row has {} of {} values", row.len(), columns.len());
        insert(tx, table, (&columns, row)).await?;
        count += 1;
    }
    Ok(count)
}

fn next_line<R: BufRead>(from: &mut R) -> anyhow::Result<Option<String>> {
    let mut text = String::new();
    let count = from.by_ref().take(LINE).read_line(&mut text)?;
    ensure!(count == 0 || text.ends_with('\n'), "a line is cut off");
    Ok((count > 0).then_some(text))
}

/// A null is written as a word: a parameter without a value has no type, and PostgreSQL wants to know it.
async fn insert(tx: &mut Tx, table: &str, (columns, row): (&[String], Vec<Value>)) -> anyhow::Result<()> {
    let given: Vec<_> = columns.iter().zip(row).collect();
    let (nulls, given): (Vec<_>, Vec<_>) = given.into_iter().partition(|(_, value)| value.is_null());
    let names: Vec<&str> = given.iter().chain(&nulls).map(|(name, _)| name.as_str()).collect();
    let mut values = placeholders(1, given.len());
    for _ in &nulls {
        values.push_str(if values.is_empty() { "null" } else { ", null" });
    }
    let text = AssertSqlSafe(format!("insert into {table} ({}) values ({values})", names.join(", ")));
    let mut query = sqlx::query(text);
    for (name, value) in given {
        query = match value {
            Value::String(text) => query.bind(text),
            Value::Number(number) => query.bind(number.as_i64().context("a number that is not whole")?),
            Value::Object(bytes) => {
                let text = bytes.get("hex").and_then(Value::as_str);
                query.bind(hex::decode(text.with_context(|| format!("column {name}"))?)?)
            }
            _ => bail!("column {name} has a value of no known kind"),
        };
    }
    query.execute(tx.conn()).await?;
    Ok(())
}

/// The uploads, under [`FILES`] of a folder; how many. A name that leads out of it is refused.
fn unpack(source: &mut Source<'_>, into: &Path) -> anyhow::Result<u64> {
    let inside = format!("{FILES}/");
    let names = source.zip.file_names().map(|name| Ok(name?.into_owned()));
    let mut names = names.collect::<anyhow::Result<Vec<String>>>()?;
    names.retain(|name| name.starts_with(&inside));
    for name in &names {
        let mut found = source.open(name)?;
        let Some(path) = found.enclosed_name() else { bail!("{name} leads out of the folder") };
        let path = into.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut file = File::create_new(&path).with_context(|| format!("cannot write {}", path.display()))?;
        std::io::copy(&mut found, &mut file)?;
        file.sync_all()?;
    }
    Ok(names.len().try_into()?)
}
