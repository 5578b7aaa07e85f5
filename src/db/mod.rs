//! SQL: one text for SQLite and PostgreSQL. What must differ between the two stands in this file and nowhere else.
//!
//! SQLite has one connection that writes and several that read; every write transaction begins with
//! `begin immediate`, because a read that later writes fails when another one wrote in between. PostgreSQL has one
//! pool for both. Flows that must not overlap update a head row first (meeting, chain, budget), on both.

mod group;
mod learn;
pub use group::Locks;

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use anyhow::{Context, bail, ensure};
use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Executor, Row,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::{MigrateError, Migrator},
};

/// One history for both databases.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Most connections of a pool.
const CONNECTIONS: u32 = 8;
/// How long a request waits for a connection before it is told that the database is away.
const WAIT: Duration = Duration::from_secs(10);

/// PostgreSQL ends the transaction of a server that says nothing for so long: one that froze must not hold the rows that
/// the others need. Ours are longest silent while a large pool is hashed, which takes a second.
const FROZEN: Duration = Duration::from_secs(15);

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A file beside us.
    Sqlite,
    /// A server.
    Postgres,
}

/// The database.
#[derive(Clone, Debug)]
pub struct Db {
    writer: AnyPool,
    reader: AnyPool,
    dialect: Dialect,
    groups: group::Groups,
}

/// A write transaction. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub struct Tx {
    inner: sqlx::Transaction<'static, Any>,
    dialect: Dialect,
}

impl Db {
    /// Opens the database at `url` (`sqlite:PATH` or `postgres://…`), and brings its tables up to date.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        Self::open_at(url, Self::newest_schema()).await
    }

    /// As [`Self::open`], with the tables of an earlier migration: what was saved then is put back into those.
    pub async fn open_at(url: &str, schema: i64) -> anyhow::Result<Self> {
        let db = Self::connect(url).await?;
        match MIGRATIONS.run_to(schema, &db.writer).await {
            Ok(()) => Ok(db),
            Err(MigrateError::VersionMissing(theirs) | MigrateError::VersionTooNew(theirs, _)) => bail!(
                "this database was made by a newer version of kaijiang (its tables are at {theirs}, this program knows \
                 them up to {}): start that version, or restore a backup from before the upgrade",
                Self::newest_schema()
            ),
            Err(error) => Err(error).context("the database's tables could not be brought up to date"),
        }
    }

    /// Opens a database that is there, and leaves its tables as they are: a server may be working on them.
    pub async fn look(url: &str) -> anyhow::Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = std::path::Path::new(path.trim_start_matches("//"));
            ensure!(path.exists(), "there is no database at {}", path.display());
        }
        Self::connect(url).await
    }

    async fn connect(url: &str) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        if url.starts_with("sqlite:") { Self::sqlite(url).await } else { Self::postgres(url).await }
    }

    /// Number of the last migration that this program knows.
    pub fn newest_schema() -> i64 {
        MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    /// Numbers of the migrations of the tables that `conn` sees.
    pub async fn applied(&self, conn: &mut AnyConnection) -> anyhow::Result<BTreeSet<i64>> {
        let rows = sqlx::query("select version from _sqlx_migrations")
            .fetch_all(conn)
            .await
            .context("the database has no tables yet")?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    async fn sqlite(url: &str) -> anyhow::Result<Self> {
        let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
        if let Some(folder) = std::path::Path::new(path).parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let options = AnyConnectOptions::from_str(&format!("sqlite:{path}?mode=rwc"))?;
        let pool = |connections| {
            // A file does not go away like a server: asking each connection before each use whether it still answers
            // would double the cost of a small question.
            pool_options(connections).test_before_acquire(false).after_connect(|connection, _| {
                Box::pin(async move {
                    for pragma in [
                        "pragma busy_timeout = 10000",
                        "pragma journal_mode = wal",
                        "pragma synchronous = full",
                        "pragma foreign_keys = on",
                        // What is removed is overwritten: a person's name must not stay in the file's free space.
                        "pragma secure_delete = on",
                    ] {
                        connection.execute(pragma).await?;
                    }
                    Ok(())
                })
            })
        };
        let writer = pool(1)
            .connect_with(options.clone())
            .await
            .with_context(|| format!("cannot open the database file {path}"))?;
        let reader = pool(CONNECTIONS).connect_with(options).await?;
        Ok(Self { writer, reader, dialect: Dialect::Sqlite, groups: group::Groups::one() })
    }

    async fn postgres(url: &str) -> anyhow::Result<Self> {
        let options = AnyConnectOptions::from_str(url).context("database.url is not a database address")?;
        let pool = pool_options(CONNECTIONS * 2)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    let text = format!("set idle_in_transaction_session_timeout = {}", FROZEN.as_millis());
                    connection.execute(sqlx::AssertSqlSafe(text)).await.map(drop)
                })
            })
            .connect_with(options)
            .await
            .context("cannot reach PostgreSQL at database.url")?;
        Ok(Self {
            writer: pool.clone(),
            reader: pool,
            dialect: Dialect::Postgres,
            groups: group::Groups::each(),
        })
    }

    /// For reading outside of a transaction.
    pub fn read(&self) -> &AnyPool {
        &self.reader
    }

    /// Begins a write transaction.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let inner = match self.dialect {
            Dialect::Sqlite => self.writer.begin_with("begin immediate").await?,
            Dialect::Postgres => self.writer.begin().await?,
        };
        Ok(Tx { inner, dialect: self.dialect })
    }

    /// Which database this is, for reports.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// After something was removed for good: SQLite's log of old pages is emptied too. When somebody reads just then, the
    /// next one does it.
    pub async fn forget(&self) -> Result<(), sqlx::Error> {
        match self.dialect {
            Dialect::Sqlite => {
                sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&self.writer).await.map(drop)
            }
            Dialect::Postgres => Ok(()),
        }
    }

    /// Waits until all connections are closed.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

impl Tx {
    /// The connection, to run statements on.
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Makes it durable. An error means that the outcome is not known: look it up on a new connection.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await
    }

    /// Tail of a `select` that locks its rows until the commit. Cheaper than an update of them that changes nothing, and
    /// rows that point at them can still be written meanwhile. SQLite has one writer anyway.
    pub fn locking(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " for no key update",
        }
    }

    /// A list of texts, bound as one JSON array to the placeholder numbered `place`, as the right side of an `in`.
    pub fn among(&self, place: usize) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("(select value from json_each(${place}))"),
            Dialect::Postgres => {
                format!("(select json_array_elements_text(cast(cast(${place} as text) as json)))")
            }
        }
    }

    /// Tail of a claiming `select`: lets several claimers on PostgreSQL pass each other's rows.
    pub fn skip_locked(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " for update skip locked",
        }
    }
}

/// A connection whose commit failed on a full disk has no transaction any more, but its driver believes that it has one,
/// and would refuse every other: it is closed in place of being used again.
fn pool_options(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new().max_connections(connections).acquire_timeout(WAIT).before_acquire(
        |connection, _| {
            let sound = !connection.is_in_transaction();
            Box::pin(async move { Ok(sound) })
        },
    )
}

/// `$first, $first+1, …` for a list of `count` values.
pub fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// The affected-rows answer of a conditional update: exactly one row.
pub fn hit(result: &sqlx::any::AnyQueryResult) -> bool {
    result.rows_affected() == 1
}
