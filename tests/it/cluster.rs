//! Two servers behind nginx, whose parts are stopped, killed and frozen while an evening goes on: same winners for
//! everybody, nobody paid twice, nobody forgotten.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    harness::{Backend, By, Cluster, TestApp, Viewer, force},
    payout::Rig,
};
use kaijiang::clock::Clock;

const WINNERS: usize = 4;
const FEN: i64 = 100;
const PATIENCE: Duration = Duration::from_secs(2);

struct Hall {
    rig: Rig,
    cluster: Cluster,
}

impl Hall {
    async fn open() -> Self {
        let calm = json!({ "limits": { "rate_per_second": 1_000 } });
        let mut rig = Rig::in_hall(TestApp::start_at(Backend::Heavy, calm, Clock::System).await, 6).await;
        rig.budget(10_000).await;
        let cluster = Cluster::take_over(&mut rig.evening).await;
        Self { rig, cluster }
    }

    async fn viewer(&self) -> Viewer {
        let by = By::Bearer("token-of-host-for-tests");
        Viewer::open(&self.rig.evening, &self.rig.meeting, "control", by).await
    }

    /// As a page does it: the same command with the same key, until somebody answers.
    async fn command(&self, path: &str, body: Value) -> Value {
        let key = kaijiang::keys::row_id();
        let host = self.rig.host();
        self.rig
            .evening
            .eventually(path, async || {
                let request = host.request(http::Method::POST, &self.rig.path(path));
                // A frozen server takes the request and never answers: a page gives up, too, and asks again.
                let request = request.header("idempotency-key", &key).timeout(PATIENCE);
                let answer = request.json(&body).send().await.ok()?;
                let again = answer.status().is_server_error()
                    || answer.status() == 409 && answer.headers().contains_key("retry-after");
                if again {
                    return None;
                }
                assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
                answer.json().await.ok()
            })
            .await
    }

    async fn commit(&self) -> i64 {
        let round = self.rig.round(WINNERS, FEN).await;
        let committed = self.command(&format!("/rounds/{round}/commit"), json!({})).await;
        committed["draw"].as_i64().unwrap()
    }

    async fn rolls(&self, draw: i64) {
        let rolls = json!({ "i": 0, "value": { "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] } });
        self.command(&format!("/draws/{draw}/entropy"), rolls).await;
    }

    async fn reveal(&self, draw: i64) -> Value {
        self.command(&format!("/draws/{draw}/result"), json!({})).await
    }

    async fn confirm(&self, draw: i64) {
        self.command(&format!("/draws/{draw}/seats"), json!({ "status": "present" })).await;
    }

    /// Everybody of these draws is paid, once: the payer's books and ours.
    async fn paid(&self, draws: &[i64]) {
        for draw in draws {
            self.rig
                .evening
                .eventually("all are paid", async || {
                    let page = self.rig.path(&format!("/packets?draw={draw}"));
                    let finance = self.rig.finance();
                    let page = tokio::time::timeout(PATIENCE, finance.try_get(&page)).await.ok()??;
                    let packets = page["packets"].as_array()?;
                    let all = packets.len() == WINNERS
                        && packets.iter().all(|packet| packet["state"] == "received");
                    all.then_some(())
                })
                .await;
        }
        let spent = i64::try_from(WINNERS * draws.len()).unwrap() * FEN;
        assert_eq!(self.rig.paid_fen().await, spent);
    }

    async fn end(mut self, spent: i64) {
        self.rig.evening.app = self.rig.evening.another().await;
        self.rig.books(0, spent).await;
        self.rig.evening.app.stop().await;
        for server in &self.cluster.servers {
            let log = server.log();
            assert!(!log.contains("oPayoutGuestNumber"), "an openid in the log: {log}");
        }
        drop(self.cluster);
        self.rig.evening.stop().await;
    }
}

fn pids(draw: &Value) -> Vec<String> {
    let winners = draw["winners"].as_array().unwrap().iter();
    winners.map(|seat| seat["pid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_in_the_middle_of_a_draw_is_only_a_reconnect() {
    let mut hall = Hall::open().await;
    let draw = hall.commit().await;
    hall.cluster.servers[0].stop(&hall.rig.evening).await;
    hall.rolls(draw).await;
    hall.cluster.servers[0].start(&hall.rig.evening, None).await;
    let mut before = hall.viewer().await;
    let told = pids(&hall.reveal(draw).await);
    hall.cluster.servers[1].stop(&hall.rig.evening).await;
    hall.confirm(draw).await;
    hall.cluster.servers[1].start(&hall.rig.evening, None).await;
    let after = hall.viewer().await;
    let shown =
        after.seen[0]["data"]["draws"].as_array().unwrap().iter().find(|one| one["draw"] == draw).unwrap();
    assert_eq!(pids(shown), told);
    assert_eq!(pids(&json!({ "winners": before.winners(draw).await })), told);
    hall.paid(&[draw]).await;
    hall.end(400).await;
}

/// The frozen one wakes when everything is done, and believes that it still holds what it held.
#[tokio::test(flavor = "multi_thread")]
async fn one_server_killed_and_one_frozen_pay_each_winner_once() {
    let mut hall = Hall::open().await;
    let mut draws = Vec::new();
    for turn in 0..4 {
        let draw = hall.commit().await;
        hall.rolls(draw).await;
        hall.reveal(draw).await;
        let victim = turn % 2;
        if turn < 2 {
            // Its claims are free again after their lease; the other one pays on meanwhile.
            hall.confirm(draw).await;
            hall.cluster.servers[victim].kill();
            release(&hall).await;
            draws.push(draw);
            hall.paid(&draws).await;
            hall.cluster.servers[victim].start(&hall.rig.evening, None).await;
        } else {
            hall.cluster.servers[victim].signal(Signal::STOP);
            hall.confirm(draw).await;
            release(&hall).await;
            draws.push(draw);
            hall.paid(&draws).await;
            hall.cluster.servers[victim].signal(Signal::CONT);
        }
    }
    hall.paid(&draws).await;
    hall.end(1_600).await;
}

/// A minute passes for what a server held that is gone.
async fn release(hall: &Hall) {
    const MINUTE: i64 = 61_000;
    let app = hall.rig.evening.another().await;
    for text in [
        "update packet set lease_until = lease_until - $1, next_at = next_at - $1 where lease_until > 0",
        "update idempotency set at = at - $1",
    ] {
        force(app.db(), text, &[MINUTE]).await;
    }
    app.stop().await;
}
