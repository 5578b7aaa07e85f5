//! Two servers whose Redis is killed, emptied and frozen in the middle of an evening.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Hall, servers::second, socket::Door};
use crate::harness::Backend;

/// Longest wait for Redis to answer.
const WAIT: Duration = Duration::from_secs(60);

/// A Redis of this test's own, killed when dropped.
struct OwnRedis {
    port: u16,
    child: Child,
}

impl OwnRedis {
    async fn start() -> Self {
        loop {
            // Nobody holds it between the two lines: then another one is tried.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut own = Self { port, child: spawn(port) };
            if own.answers().await {
                return own;
            }
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Waits until it answers; false when it ended instead.
    async fn answers(&mut self) -> bool {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if self.command("PING").await.is_ok() {
                return true;
            }
            assert!(begun.elapsed() < WAIT, "Redis does not answer");
            tokio::task::yield_now().await;
        }
        false
    }

    async fn command(&self, name: &str) -> redis::RedisResult<()> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(name).query_async(&mut connection).await
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn again(&mut self) {
        self.child = spawn(self.port);
        assert!(self.answers().await, "Redis does not start again");
    }

    /// `STOP` is as a network that swallows everything: connections stay, nothing is answered.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("no redis-server here")
}

#[tokio::test]
async fn redis_killed_emptied_and_frozen_costs_no_event() {
    let mut bus = OwnRedis::start().await;
    let hall = Hall::on(Backend::Heavy, json!({ "redis": { "url": bus.url() } })).await;
    let (running, app, base) = second(&hall).await;
    let mut here = hall.screen().open().await;
    let mut there = Door { base, ..hall.screen() }.open().await;
    let begin = here.read().await["seq"].as_i64().unwrap();
    assert_eq!(there.read().await["seq"], begin);
    let mut made = begin;
    let mut both_get_three_more = async |what: &str| {
        for nth in 0..3 {
            hall.pause(&format!("{what} {nth}")).await;
        }
        let wanted: Vec<i64> = ((made + 1)..=(made + 3)).collect();
        made += 3;
        assert_eq!(here.events_until(made).await, wanted, "{what}, the server that made them");
        assert_eq!(there.events_until(made).await, wanted, "{what}, the other server");
    };
    both_get_three_more("all is well").await;
    bus.kill();
    both_get_three_more("Redis is gone").await;
    bus.again().await;
    both_get_three_more("Redis is back, and empty").await;
    bus.command("FLUSHALL").await.unwrap();
    both_get_three_more("Redis was emptied").await;
    bus.signal("STOP");
    both_get_three_more("Redis does not answer").await;
    bus.signal("CONT");
    both_get_three_more("Redis answers again").await;
    // Nobody lost the socket over it.
    assert_eq!((hall.evening.app.hub().open(), app.hub().open()), (1, 1));
    drop(app);
    running.stop().await.unwrap();
    hall.evening.stop().await;
}
