//! `PostgreSQL` plans by what it knows of its tables, and looks at a new one once a minute: a hall fills in less. Until then it
//! takes any index that begins with a meeting's id, and reads all of the meeting's rows for each person who comes in.

use std::time::Duration;

use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::{Db, Dialect};

/// How often it is looked for tables that have changed much.
const EVERY: Duration = Duration::from_secs(3);

/// Tables with more changes than these and half of their rows since they were looked at.
const CHANGED: &str = "select quote_ident(relname) from pg_stat_user_tables \
    where schemaname = current_schema() and n_mod_since_analyze > 100 + n_live_tup / 2";

impl Db {
    /// Has `PostgreSQL` look at tables as they grow, until `stopping`. `SQLite` takes the index that fits best in any case.
    pub async fn keep_learning(&self, stopping: &CancellationToken) {
        if self.dialect == Dialect::Sqlite {
            return;
        }
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.learn().await {
                // Plans stay as they are, and the next look comes soon.
                tracing::debug!(%error, "tables that grew were not looked at");
            }
        }
    }

    async fn learn(&self) -> Result<(), sqlx::Error> {
        for row in sqlx::query(CHANGED).fetch_all(&self.reader).await? {
            let text = format!("analyze {}", row.try_get::<String, _>(0)?);
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&self.reader).await?;
        }
        Ok(())
    }
}
