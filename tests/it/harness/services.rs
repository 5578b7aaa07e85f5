//! Which database and store a test runs on.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};
use sqlx::Executor;

/// A PostgreSQL of one test's own, which may die: the others' goes on. It ends when this is dropped.
pub(crate) struct OwnPostgres {
    restart: String,
    settings: Value,
    guard: Child,
}

impl OwnPostgres {
    pub(crate) async fn start() -> Self {
        // Tells what it made, and stays until nobody writes to it any more.
        let told = "printf '%s\\n' \"$KAIJIANG_TEST_PG\" \"$KAIJIANG_TEST_PG_RESTART\"; cat";
        let mut guard = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/with-services"))
            .args(["sh", "-c", told])
            .env_remove("KAIJIANG_TEST_PG")
            .env_remove("KAIJIANG_TEST_REDIS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(guard.stdout.take().unwrap()).lines();
        let (server, restart) = (lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap());
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&server).await.unwrap();
        // What it has answered must be there after its death: the tests' services are quick, and forget.
        pool.execute("alter system set synchronous_commit = on").await.unwrap();
        pool.execute("select pg_reload_conf()").await.unwrap();
        pool.close().await;
        let settings =
            json!({ "database": { "url": new_database(&server).await }, "redis": { "url": own_redis() } });
        Self { restart, settings, guard }
    }

    /// Configuration of a server on it.
    pub(crate) fn settings(&self) -> Value {
        self.settings.clone()
    }

    /// Killed in the middle of whatever it does, and started again on its files.
    pub(crate) fn dies_and_comes_back(&self) {
        let done = Command::new("bash").args(["-c", &self.restart]).status().unwrap();
        assert!(done.success(), "{}: {done}", self.restart);
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }
}

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
                let (server, redis) = (service("KAIJIANG_TEST_PG"), own_redis());
                json!({ "database": { "url": new_database(&server).await }, "redis": { "url": redis } })
            }
        }
    }
}

/// A numbered database of this test's own: tests on clocks of their own must not share the sender's rate.
fn own_redis() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let mut address = url::Url::parse(&service("KAIJIANG_TEST_REDIS")).unwrap();
    address.set_path(&NEXT.fetch_add(1, Ordering::Relaxed).to_string());
    address.to_string()
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
