//! Two servers behind nginx, whose parts are stopped, killed and frozen while an evening goes on: same winners for
//! everybody, nobody paid twice, nobody forgotten.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    harness::{Backend, By, Cluster, OwnPostgres, TestApp, Viewer, force},
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
        Self::on(Backend::Heavy.settings().await).await
    }

    async fn on(mut services: Value) -> Self {
        services["limits"] = json!({ "rate_per_second": 1_000 });
        let mut rig = Rig::in_hall(TestApp::start_at(Backend::Light, services, Clock::System).await, 6).await;
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

    /// Everybody of these draws is paid, once: the payer's books and ours. What a server claimed and could not write down is
    /// free after its lease, and what failed twice is tried after a minute, which is as long as this waits: minutes pass more often.
    async fn paid(&self, draws: &[i64]) {
        let mut released = tokio::time::Instant::now();
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
                    if !all && released.elapsed() > 5 * PATIENCE {
                        release(self).await;
                        released = tokio::time::Instant::now();
                    }
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

/// PostgreSQL dies at every step of the evening, and comes back: commands wait for it, the show goes on, each is paid once.
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_dies_in_the_middle_of_a_draw_and_of_a_payout() {
    let postgres = OwnPostgres::start().await;
    let hall = Hall::on(postgres.settings()).await;
    let mut before = hall.viewer().await;
    let draw = hall.commit().await;
    postgres.dies_and_comes_back();
    hall.rolls(draw).await;
    postgres.dies_and_comes_back();
    let told = pids(&hall.reveal(draw).await);
    postgres.dies_and_comes_back();
    hall.confirm(draw).await;
    // Now the packets are on their way: some are sent, some are not, some are sent and not written down.
    postgres.dies_and_comes_back();
    release(&hall).await;
    hall.paid(&[draw]).await;
    assert_eq!(pids(&json!({ "winners": before.winners(draw).await })), told);
    let second = hall.commit().await;
    hall.rolls(second).await;
    hall.reveal(second).await;
    hall.confirm(second).await;
    hall.paid(&[draw, second]).await;
    hall.end(800).await;
}

/// The script by itself, as somebody uses it who wants to look at two servers.
#[test]
fn the_script_starts_two_servers_behind_nginx_and_stops_them() {
    let look = r#"
        set -eu
        cat "$KAIJIANG_CLUSTER_DIR/one.pid" "$KAIJIANG_CLUSTER_DIR/two.pid" "$KAIJIANG_CLUSTER_DIR/nginx.pid"
        cat "$KAIJIANG_CLUSTER_DIR"/*.log | grep -c 'first start: make'
        kill "$(cat "$KAIJIANG_CLUSTER_DIR/one.pid")"
        exec 3<>"/dev/tcp/127.0.0.1/${KAIJIANG_CLUSTER##*:}"
        printf 'GET /readyz HTTP/1.0
Host: a

' >&3
        head -n 1 <&3
    "#;
    let done = std::process::Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster"))
        .args([env!("CARGO_BIN_EXE_kaijiang"), "bash", "-c", look])
        .env_remove("KAIJIANG_TEST_PG")
        .env_remove("KAIJIANG_TEST_REDIS")
        .output()
        .unwrap();
    let (told, log) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{told}\n{log}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[3], "1", "one link of the first start: {told}");
    assert!(lines[4].contains(" 200 "), "the other one answers: {told}");
    for pid in &lines[..3] {
        assert!(!std::path::Path::new("/proc").join(pid).exists(), "process {pid} is left");
    }
}

/// A minute passes: for what a server held that is gone, and for what is asked again after a minute when two tries came to
/// nothing.
async fn release(hall: &Hall) {
    const MINUTE: i64 = 61_000;
    let app = hall.rig.evening.another().await;
    for text in [
        "update packet set lease_until = lease_until - $1 where lease_until > 0",
        "update packet set next_at = next_at - $1",
        "update idempotency set at = at - $1",
    ] {
        force(app.db(), text, &[MINUTE]).await;
    }
    app.stop().await;
}
