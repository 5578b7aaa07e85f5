//! Packets through a real server and the sandbox's books: one award, one packet, paid once, whatever the wire does.

mod account;
mod broken_db;
mod certificate;
mod fault_table;
mod faults;
mod four_eyes;
mod goods;
mod hand;
mod limits;
mod race;
mod rebind;
mod reissue;
mod stop;
mod story;
mod transfer;
mod transfer_faults;
mod trial;

use kaijiang::{budget::ledger, clock::Clock, payout};
use serde_json::{Value, json};

use crate::harness::{Api, Backend, Phone, TestApp};

/// 2026-11-23 12:00 in Beijing.
const NOON: i64 = 1_795_406_400_000;

/// A meeting with bound guests and an approved budget, on a clock that moves only when told.
pub(crate) struct Rig {
    pub(crate) evening: TestApp,
    pub(crate) meeting: String,
    pub(crate) prize: String,
    pub(crate) phones: Vec<Phone>,
}

impl Rig {
    pub(crate) async fn new(backend: Backend, guests: usize) -> Self {
        Self::at(backend, guests, Clock::fixed(NOON)).await
    }

    /// On a clock of the test's own choice.
    pub(crate) async fn at(backend: Backend, guests: usize, clock: Clock) -> Self {
        Self::in_hall(TestApp::start_at(backend, json!({}), clock).await, guests).await
    }

    /// On a server that runs already.
    pub(crate) async fn in_hall(evening: TestApp, guests: usize) -> Self {
        let host = evening.staff("host");
        let settings = json!({ "commit_show_ms": 0, "min_level": "A0" });
        let made = host.post("/api/meetings", json!({ "name": "年会", "settings": settings })).await;
        let meeting = made["id"].as_str().unwrap().to_owned();
        let file = evening.dir.path().join("roster.xlsx");
        kaijiang::people::xlsx_out::write_roster(&file, 20).unwrap();
        let report = host.import(&meeting, "名单.xlsx", std::fs::read(&file).unwrap()).await;
        let accept = format!("/api/meetings/{meeting}/imports/{}/accept", report["id"].as_str().unwrap());
        host.post(&accept, json!({})).await;
        let mut phones = Vec::new();
        for (number, person) in kaijiang::people::xlsx_out::demo_people(guests).iter().enumerate() {
            let openid = format!("oPayoutGuestNumber{number:04}");
            phones.push(Phone::enter(&evening, &meeting, &openid, &person.phone).await);
        }
        let prize = json!({ "name": "三等奖", "kind": "cash" });
        let prize = host.post(&format!("/api/meetings/{meeting}/prizes"), prize).await;
        let prize = prize["id"].as_str().unwrap().to_owned();
        Self { evening, meeting, prize, phones }
    }

    pub(crate) fn host(&self) -> Api {
        self.evening.staff("host")
    }

    pub(crate) fn finance(&self) -> Api {
        self.evening.staff("finance")
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/meetings/{}{rest}", self.meeting)
    }

    pub(crate) async fn budget(&self, fen: i64) -> String {
        let budget =
            self.finance().post(&self.path("/budgets"), json!({ "name": "奖金", "cap_fen": fen })).await;
        let id = budget["id"].as_str().unwrap().to_owned();
        let approve = self.path(&format!("/budgets/{id}/approve"));
        self.finance().post(&approve, json!({ "version": budget["version"] })).await;
        id
    }

    pub(crate) async fn round(&self, seats: usize, fen: i64) -> String {
        let award = if fen > 0 { json!({ "mode": "fixed", "fen": fen }) } else { json!({ "mode": "none" }) };
        let round = json!({
            "prize_id": self.prize, "seats": seats, "exclude": "none", "award": award,
            "sources": [{ "s": "dice", "sides": 10, "count": 12 }],
        });
        let round = self.host().post(&self.path("/rounds"), round).await;
        round["id"].as_str().unwrap().to_owned()
    }

    /// Draws a round up to its result: all seats wait.
    pub(crate) async fn draw(&self, seats: usize, fen: i64) -> i64 {
        let host = self.host();
        let round = self.round(seats, fen).await;
        let commit = self.path(&format!("/rounds/{round}/commit"));
        let draw = host.post(&commit, json!({})).await["draw"].as_i64().unwrap();
        let rolls = json!({ "i": 0, "value": { "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] } });
        host.post(&self.path(&format!("/draws/{draw}/entropy")), rolls).await;
        host.post(&self.path(&format!("/draws/{draw}/result")), json!({})).await;
        draw
    }

    /// Draws a round and confirms everybody.
    pub(crate) async fn win(&self, seats: usize, fen: i64) -> i64 {
        let draw = self.draw(seats, fen).await;
        self.host().post(&self.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
        draw
    }

    pub(crate) async fn packets(&self, draw: i64) -> Vec<Value> {
        let page = self.finance().get(&self.path(&format!("/packets?draw={draw}"))).await;
        page["packets"].as_array().unwrap().clone()
    }

    /// Lets time pass, from one due moment to the next, until all packets of a draw are in this state.
    pub(crate) async fn until(&self, draw: i64, state: &str) -> Vec<Value> {
        let all = |packets: &[Value]| packets.iter().all(|packet| packet["state"] == state);
        self.until_all(draw, state, all).await
    }

    /// As [`Self::until`], for any wish. Time stands still while a packet is being sent: on a loaded machine a call
    /// would outlive its lease otherwise, and its answer would be another one.
    pub(crate) async fn until_all(
        &self,
        draw: i64,
        what: &str,
        wish: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let mut last = Vec::new();
        self.evening
            .eventually(&format!("draw {draw} {what}"), async || {
                let packets = self.packets(draw).await;
                if wish(&packets) {
                    return Some(packets);
                }
                if packets != last {
                    last.clone_from(&packets);
                    return None;
                }
                let calm = packets.iter().all(|packet| packet["state"] != "sending");
                let now = self.evening.app.now();
                let later =
                    packets.iter().filter_map(|packet| packet["next_at"].as_i64()).filter(|at| *at > now);
                // A queue that stands may wait for the second after "too fast".
                let stands = packets.iter().any(|packet| packet["state"] == "queued").then_some(now + 1_000);
                if let (true, Some(at)) = (calm, later.min().or(stands)) {
                    self.pass(at - now);
                }
                None
            })
            .await
    }

    /// As [`Self::until`] for what takes days: leaps whenever nothing is due.
    pub(crate) async fn leap(&self, draw: i64, state: &str, ms: i64) -> Vec<Value> {
        self.evening
            .eventually(&format!("draw {draw} {state}, by leaps"), async || {
                let packets = self.packets(draw).await;
                if packets.iter().all(|packet| packet["state"] == state) {
                    return Some(packets);
                }
                let now = self.evening.app.now();
                let rests = |packet: &Value| {
                    packet["state"] != "sending" && packet["next_at"].as_i64().is_some_and(|at| at > now)
                };
                if packets.iter().all(rests) {
                    self.pass(ms);
                }
                None
            })
            .await
    }

    /// Lets time pass and wakes the sender.
    pub(crate) fn pass(&self, ms: i64) {
        self.evening.app.clock().advance(ms);
        payout::wake(&self.evening.app);
    }

    /// Finance lets the page ask the payer for every number that an older database could send.
    pub(crate) async fn match_with_payer(&self) {
        self.evening
            .eventually("all numbers are matched", async || {
                self.pass(60_000);
                let (_, told) = self.finance().try_post("/api/sender/matching", json!({})).await;
                (told["complete"] == true).then_some(())
            })
            .await;
    }

    pub(crate) async fn fault(&self, fault: Value) {
        Api::new(&self.evening.sandbox, String::new()).post("/sandbox/faults", fault).await;
    }

    /// What the payer's own books say of a bill number: how often it was paid.
    pub(crate) async fn paid(&self, bill: &Value) -> usize {
        let books = Api::new(&self.evening.sandbox, String::new()).get("/sandbox/packets").await;
        let ours = |packet: &&Value| packet["bill_no"] == *bill && !packet["paid_ms"].is_null();
        books["packets"].as_array().unwrap().iter().filter(ours).count()
    }

    /// Fen that the payer's books say went out.
    pub(crate) async fn paid_fen(&self) -> i64 {
        let books = Api::new(&self.evening.sandbox, String::new()).get("/sandbox/packets").await;
        books["paid_fen"].as_i64().unwrap()
    }

    /// Budgets are as said, the ledger replays to them, and the draw log proves itself.
    pub(crate) async fn books(&self, reserved: i64, spent: i64) {
        let budgets = self.finance().get(&self.path("/budgets")).await;
        let sum = |field: &str| -> i64 {
            budgets.as_array().unwrap().iter().map(|budget| budget[field].as_i64().unwrap()).sum()
        };
        assert_eq!((sum("reserved_fen"), sum("spent_fen")), (reserved, spent), "{budgets}");
        assert_eq!(ledger::replay(self.evening.app.db()).await.unwrap(), Ok(()));
    }

    /// `payout` lines of the draw log as `(rank, attempt, status)`.
    pub(crate) async fn logged(&self, draw: i64) -> Vec<(i64, i64, String)> {
        let log = self.host().get(&self.path("/log?from=0")).await;
        let lines = log["lines"].as_array().unwrap().iter();
        let lines = lines.map(|line| serde_json::from_str::<Value>(line.as_str().unwrap()).unwrap());
        let mut found: Vec<_> = lines
            .filter(|line| line["t"] == "payout" && line["draw"] == draw)
            .map(|line| {
                let status = line["status"].as_str().unwrap().to_owned();
                (line["r"].as_i64().unwrap(), line["a"].as_i64().unwrap(), status)
            })
            .collect();
        found.sort();
        found
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_winners_are_paid_and_followed_until_they_open() {
    let rig = Rig::new(Backend::Light, 2).await;
    rig.budget(1_000).await;
    let draw = rig.draw(2, 188).await;
    rig.books(376, 0).await;
    assert!(rig.packets(draw).await.is_empty(), "nothing is paid before the winner is confirmed");
    rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
    rig.until(draw, "sent").await;
    rig.books(0, 376).await;
    assert_eq!(rig.logged(draw).await, [(1, 1, "sent".into()), (2, 1, "sent".into())]);
    let seat = rig.path(&format!("/draws/{draw}/seats/1"));
    rig.host().refused(&seat, json!({ "status": "absent" }), 409, "already_paid").await;
    let packets = rig.until(draw, "received").await;
    for packet in &packets {
        assert_eq!((&packet["sends"], rig.paid(&packet["bill_no"]).await), (&json!(1), 1), "{packet}");
        let bill = packet["bill_no"].as_str().unwrap();
        rig.finance()
            .refused(&rig.path(&format!("/packets/{bill}/cancel")), json!({}), 409, "already_paid")
            .await;
        let one = rig.finance().get(&rig.path(&format!("/packets/{bill}"))).await;
        assert_eq!((&one["calls"][0]["kind"], &one["calls"][0]["outcome"]), (&json!("send"), &json!("sent")));
        assert!(!one.to_string().contains("oPayoutGuestNumber"), "openids are masked");
    }
    let awards = rig.finance().get(&rig.path("/awards?state=paid")).await;
    assert_eq!(awards.as_array().unwrap().len(), 2);
    rig.books(0, 376).await;
    let mark = std::fs::read_to_string(&rig.evening.app.config().ledger.mark_file).unwrap();
    let head = ledger::head(rig.evening.app.db()).await.unwrap();
    assert_eq!(mark, format!("{} {}\n", head.size, head.hash));
    rig.evening.stop().await;
}
