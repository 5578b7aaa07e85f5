//! Which database and store a test runs on.

use serde_json::{Value, json};
use sqlx::Executor;

/// The two ways the product is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// SQLite file and the in-process store.
    Light,
    /// PostgreSQL and Redis, which `tests/with-services` provides.
    Heavy,
}

/// Both, for tests that must hold on each.
pub(crate) fn both() -> [Backend; 2] {
    [Backend::Light, Backend::Heavy]
}

fn service(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests as `tests/with-services cargo test`")
    })
}

impl Backend {
    /// Configuration of this backend, with a database of its own.
    pub(crate) async fn settings(self) -> Value {
        match self {
            Self::Light => json!({}),
            Self::Heavy => {
                let (server, redis) = (service("KAIJIANG_TEST_PG"), service("KAIJIANG_TEST_REDIS"));
                json!({ "database": { "url": new_database(&server).await }, "redis": { "url": redis } })
            }
        }
    }
}

/// Makes a database of this test's own and returns its address.
async fn new_database(server: &str) -> String {
    sqlx::any::install_default_drivers();
    let name = format!("t_{}", kaijiang::keys::short_id());
    let pool = sqlx::AnyPool::connect(server).await.unwrap();
    pool.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    pool.close().await;
    let mut address = url::Url::parse(server).unwrap();
    address.set_path(&name);
    address.to_string()
}
