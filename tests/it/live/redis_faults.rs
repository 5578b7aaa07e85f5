//! Two servers whose Redis is killed, emptied and frozen in the middle of an evening.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Hall,
    servers::{second, second_of},
    socket::Door,
};
use crate::{
    harness::{Backend, TestApp},
    payout::Rig,
};

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

/// What is sent to one person is lost with the bus; the event that tells of the same is not, and a page that hears it and gets
/// nothing of its own asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_settled_while_redis_is_gone_is_seen_on_the_other_server() {
    let mut bus = OwnRedis::start().await;
    let sections = json!({ "redis": { "url": bus.url() } });
    let rig = Rig::in_hall(TestApp::start(Backend::Heavy, sections).await, 2).await;
    rig.budget(1_000).await;
    let draw = rig.draw(2, 100).await;
    let (running, app, base) = second_of(&rig.evening).await;
    let winner = &rig.phones[0];
    let door = Door::attendee(&app, &rig.evening.base, &rig.meeting, &winner.openid);
    let mut phone = Door { base: base.clone(), ..door }.open().await;
    let place = phone.read_type("me").await["data"]["place"]["index"].as_i64().unwrap();
    bus.kill();
    rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
    let paid = async {
        loop {
            let told = phone.read_type("seats").await;
            let seats = told["data"]["seats"].as_array().unwrap();
            if seats.iter().any(|seat| seat["no"] == place + 1 && seat["packet"] == "sent") {
                return;
            }
        }
    };
    paid.await;
    let request = reqwest::Client::new().get(format!("{base}/api/meetings/{}/me", rig.meeting));
    let answer = request.header("cookie", &winner.cookie).send().await.unwrap();
    let me: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(me["wins"][0]["packet"], "sent", "{me}");
    bus.again().await;
    drop(app);
    running.stop().await.unwrap();
    rig.evening.stop().await;
}
