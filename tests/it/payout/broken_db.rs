//! A database that cuts connections after a commit, takes no writes, or has no room left: the sender calls nobody whom
//! it could not write down first, and pays each award once when all is well again.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use kaijiang::clock::Clock;
use serde_json::json;
use sqlx::Connection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{NOON, Rig};
use crate::harness::{Backend, TestApp};

const WINNERS: usize = 6;

/// A way to PostgreSQL that cuts a connection after it has passed on some `COMMIT`s, before the server's answer.
struct Cutter {
    /// Every so many commits one is cut; 0 cuts none.
    every: AtomicI64,
    seen: AtomicI64,
    cut: AtomicUsize,
}

impl Cutter {
    /// Listens, and answers the address of the database through it.
    async fn before(address: &str) -> (Arc<Self>, String) {
        let mut url = url::Url::parse(address).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let cutter =
            Arc::new(Self { every: AtomicI64::new(0), seen: AtomicI64::new(0), cut: AtomicUsize::new(0) });
        let by = Arc::clone(&cutter);
        #[allow(clippy::disallowed_methods, reason = "a server of the test's own")]
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (by, server) = (Arc::clone(&by), TcpStream::connect(&server).await.unwrap());
                tokio::spawn(async move { by.carry(client, server).await });
            }
        });
        (cutter, url.to_string())
    }

    async fn carry(&self, mut client: TcpStream, mut server: TcpStream) {
        let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let Ok(size @ 1..) = read else { return };
                    if server.write_all(&up[..size]).await.is_err() {
                        return;
                    }
                    if self.cuts(&up[..size]) {
                        // The server has it, and commits; nobody will hear of that.
                        drop(server.read(&mut down).await);
                        self.cut.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
                read = server.read(&mut down) => {
                    let Ok(size @ 1..) = read else { return };
                    if client.write_all(&down[..size]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn cuts(&self, bytes: &[u8]) -> bool {
        let every = self.every.load(Ordering::SeqCst);
        let commits = bytes.windows(6).any(|word| word.eq_ignore_ascii_case(b"commit"));
        every > 0 && commits && self.seen.fetch_add(1, Ordering::SeqCst) % every == every - 1
    }
}

/// An evening on PostgreSQL, reached through a cutter.
async fn behind_a_cutter() -> (Rig, Arc<Cutter>, String) {
    let mut settings = Backend::Heavy.settings().await;
    let address = settings["database"]["url"].as_str().unwrap().to_owned();
    let (cutter, through) = Cutter::before(&address).await;
    settings["database"]["url"] = json!(through);
    let evening = TestApp::start_at(Backend::Light, settings, Clock::fixed(NOON)).await;
    (Rig::in_hall(evening, WINNERS).await, cutter, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_outcome_is_not_known_pays_nobody_twice() {
    let (rig, cutter, _) = behind_a_cutter().await;
    rig.budget(10_000).await;
    let draw = rig.draw(WINNERS, 188).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
    rig.finance().post("/api/sender/resume", json!({})).await;
    // Every step of the sender meets it: claim, reserve, begin, store, settle.
    for every in [2, 3, 1, 5, 2, 4, 3, 2] {
        cutter.every.store(every, Ordering::SeqCst);
        rig.evening
            .eventually("commits are cut", async || {
                rig.pass(61_000);
                (cutter.cut.swap(0, Ordering::SeqCst) > 0).then_some(())
            })
            .await;
    }
    cutter.every.store(0, Ordering::SeqCst);
    for packet in rig.until(draw, "received").await {
        assert_eq!((&packet["attempt"], rig.paid(&packet["bill_no"]).await), (&json!(1), 1), "{packet}");
    }
    let winners = i64::try_from(WINNERS).unwrap();
    assert_eq!(rig.paid_fen().await, winners * 188);
    rig.books(0, winners * 188).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_lets_nothing_leave() {
    let (rig, _, address) = behind_a_cutter().await;
    rig.budget(10_000).await;
    let draw = rig.draw(WINNERS, 188).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
    let name = url::Url::parse(&address).unwrap().path().trim_start_matches('/').to_owned();
    // One connection, which may write throughout.
    let mut admin = sqlx::AnyConnection::connect(&address).await.unwrap();
    let mut run = async |text: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut admin).await.unwrap();
    };
    let others = "select pg_terminate_backend(pid) from pg_stat_activity \
                  where datname = current_database() and pid <> pg_backend_pid()";
    run(format!("alter database {name} set default_transaction_read_only = on; {others}")).await;
    run("update instance set value = '{\"paused\":false,\"reason\":\"\",\"at\":0}' where name = 'sender'"
        .into())
    .await;
    for _ in 0..5 {
        rig.pass(61_000);
        let packets = rig.packets(draw).await;
        assert_eq!(packets.len(), WINNERS, "pages still show what is");
        assert!(packets.iter().all(|packet| packet["sends"] == 0), "{packets:?}");
    }
    assert_eq!(rig.paid_fen().await, 0, "nothing left that could not be written down first");
    run(format!("alter database {name} set default_transaction_read_only = off; {others}")).await;
    for packet in rig.until(draw, "received").await {
        assert_eq!((&packet["attempt"], rig.paid(&packet["bill_no"]).await), (&json!(1), 1), "{packet}");
    }
    rig.books(0, i64::try_from(WINNERS).unwrap() * 188).await;
    rig.evening.stop().await;
}
