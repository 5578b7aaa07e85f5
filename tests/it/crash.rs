//! The real binary, killed between two durable steps and started again on the same data: the same winners for everybody,
//! each award paid once. What has to pass in time (a lease, the pause before a number is sent again) passes by moving
//! the moments in the rows back.

use std::collections::BTreeMap;

use kaijiang::{
    clock::{Clock, Ms},
    draw::{
        PoolTree,
        verify::{Report, verify},
    },
    drawlog, keys,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    harness::{Api, Backend, By, Process, Viewer, force},
    payout::Rig,
};

const SEATS: usize = 2;
const FEN: i64 = 188;
/// Longer than a claim lasts, and than a command without an answer counts as running.
const LONG: Ms = 61_000;

/// An evening whose server is the real binary.
pub(crate) struct Hall {
    pub(crate) rig: Rig,
    pub(crate) server: Process,
    pub(crate) backend: Backend,
}

/// Rank, pid and fen of each winner.
type Winners = Vec<(u64, String, u64)>;

fn outline(draw: &Value) -> Winners {
    let winners = draw["winners"].as_array().unwrap().iter();
    let one = |seat: &Value| {
        let pid = seat["pid"].as_str().unwrap().to_owned();
        (seat["rank"].as_u64().unwrap(), pid, seat["amount_fen"].as_u64().unwrap())
    };
    winners.map(one).collect()
}

impl Hall {
    pub(crate) async fn open(backend: Backend, guests: usize) -> Self {
        let mut rig = Rig::at(backend, guests, Clock::System).await;
        rig.budget(10_000).await;
        let server = Process::take_over(&mut rig.evening).await;
        Self { rig, server, backend }
    }

    /// Starts the server, which dies at `failpoint` if one is given.
    pub(crate) async fn start(&mut self, failpoint: Option<&str>) {
        self.server.start(&self.rig.evening, failpoint).await;
    }

    /// Starts the server after a crash. Where other servers may be alive, what the dead one held is free only after a
    /// while; a single one goes on at once.
    pub(crate) async fn start_again(&mut self) {
        if self.backend == Backend::Heavy {
            self.change("update packet set lease_until = lease_until - $1, next_at = next_at - $1 where lease_until > 0", LONG)
                .await;
            self.change("update idempotency set at = at - $1", LONG).await;
        }
        self.start(None).await;
    }

    pub(crate) async fn change(&self, text: &'static str, value: i64) {
        let app = self.rig.evening.another().await;
        force(app.db(), text, &[value]).await;
        app.stop().await;
    }

    /// What every page and program is told of a draw.
    async fn shown(&self, draw: i64) -> Vec<Value> {
        let over_http = self.rig.host().get(&self.rig.path(&format!("/draws/{draw}"))).await;
        let viewer = self.viewer().await;
        let mut draws = viewer.seen[0]["data"]["draws"].as_array().unwrap().iter();
        let over_socket = draws.find(|one| one["draw"] == draw).unwrap().clone();
        vec![over_http, over_socket]
    }

    async fn viewer(&self) -> Viewer {
        let by = By::Bearer("token-of-host-for-tests");
        Viewer::open(&self.rig.evening, &self.rig.meeting, "control", by).await
    }

    /// Waits until all packets of a draw are received; pauses between two questions are cut short.
    pub(crate) async fn received(&self, draw: i64) -> Vec<Value> {
        let rig = &self.rig;
        rig.evening
            .eventually("every packet received", async || {
                let packets = rig.packets(draw).await;
                if packets.iter().all(|packet| packet["state"] == "received") {
                    return Some(packets);
                }
                let now = Clock::System.now();
                let pauses = |packet: &Value| {
                    let asked = matches!(packet["state"].as_str(), Some("unknown" | "sent"));
                    asked && packet["next_at"].as_i64().is_some_and(|at| at > now)
                };
                if packets.iter().any(pauses) {
                    let text = "update packet set next_at = $1 where next_at > $1 and lease_until <= $1 \
                                and state in ('unknown', 'sent')";
                    self.change(text, now).await;
                }
                None
            })
            .await
    }

    /// Ends the evening: the ledger replays, the log names nobody.
    pub(crate) async fn end(mut self, reserved: i64, spent: i64) {
        self.rig.evening.app = self.rig.evening.another().await;
        self.rig.books(reserved, spent).await;
        self.rig.evening.app.stop().await;
        let log = self.server.log();
        assert!(!log.contains("oPayoutGuestNumber"), "an openid in the log: {log}");
        self.server.kill();
        self.rig.evening.stop().await;
    }
}

// --- Results ----------------------------------------------------------------------------------------------------------

/// A draw on taps and dice that lacks nothing but its result; the server dies between taps and dice, too.
async fn closed_draw(hall: &mut Hall) -> i64 {
    let round = json!({
        "prize_id": hall.rig.prize, "seats": SEATS, "award": { "mode": "fixed", "fen": FEN },
        "sources": [{ "s": "audience" }, { "s": "dice", "sides": 10, "count": 12 }],
    });
    let host = hall.rig.host();
    let round = host.post(&hall.rig.path("/rounds"), round).await;
    let commit = hall.rig.path(&format!("/rounds/{}/commit", round["id"].as_str().unwrap()));
    let draw = host.post(&commit, json!({})).await["draw"].as_i64().unwrap();
    for phone in &hall.rig.phones {
        let tap = json!({ "draw": draw, "r": hex::encode(keys::random::<32>()) });
        let (status, answer) = phone.try_post("/me/tap", tap).await;
        assert!(status.is_success(), "{answer}");
    }
    hall.server.kill();
    hall.start_again().await;
    host.refused(&commit, json!({}), 409, "already_drawn").await;
    let entropy = hall.rig.path(&format!("/draws/{draw}/entropy"));
    let view = host.post(&entropy, json!({ "i": 0 })).await;
    assert_eq!(view["values"][0]["m"].as_u64(), u64::try_from(hall.rig.phones.len()).ok(), "{view}");
    let rolls = json!({ "i": 1, "value": { "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] } });
    host.post(&entropy, rolls).await;
    draw
}

/// Who wins, worked out from the committed pool, the closed values and the draw's link of the chain, without a server
/// and before any server said so.
async fn recomputed(rig: &Rig, draw: i64, pool: &[u8]) -> Winners {
    let app = rig.evening.another().await;
    let mut tx = app.db().begin().await.unwrap();
    let secret = drawlog::secret(&app, tx.conn(), &rig.meeting, draw).await.unwrap();
    let log = drawlog::current(&app, &mut tx, &rig.meeting).await.unwrap();
    drop(tx);
    app.stop().await;
    let outcome = log.outcome(secret, &PoolTree::from_bytes(pool).unwrap()).unwrap();
    outcome.winners.iter().map(|winner| (winner.rank, winner.pid.to_string(), winner.cents)).collect()
}

/// Asks for the result; nothing when the server died over it.
async fn ask(rig: &Rig, draw: i64, key: &str) -> Option<Value> {
    let path = rig.path(&format!("/draws/{draw}/result"));
    let request = rig.host().request(Method::POST, &path).header("idempotency-key", key).json(&json!({}));
    let answer = request.send().await.ok()?;
    let (status, text) = (answer.status(), answer.text().await.ok()?);
    assert!(status.is_success(), "{status} {text}");
    Some(serde_json::from_str(&text).unwrap())
}

async fn the_result_is_the_same(hall: &mut Hall, failpoint: Option<&str>) {
    let draw = closed_draw(hall).await;
    let pool = hall.rig.host().bytes(&hall.rig.path(&format!("/draws/{draw}/pool"))).await;
    hall.server.kill();
    let expected = recomputed(&hall.rig, draw, &pool).await;
    assert_eq!(expected.len(), SEATS);
    let key = keys::row_id();
    if let Some(name) = failpoint {
        hall.start(Some(name)).await;
        assert_eq!(ask(&hall.rig, draw, &key).await, None, "it dies before it can answer");
        hall.server.died(&hall.rig.evening, name).await;
    }
    hall.start_again().await;
    let durable = failpoint == Some("draw.after_result_commit");
    for shown in hall.shown(draw).await {
        assert_eq!(shown["state"], if durable { "revealed" } else { "closed" }, "{shown}");
        assert_eq!(outline(&shown), if durable { expected.clone() } else { Vec::new() });
    }
    let mut viewer = hall.viewer().await;
    let first = ask(&hall.rig, draw, &key).await.unwrap();
    assert_eq!(outline(&first), expected);
    if !durable {
        assert_eq!(viewer.winners(draw).await, first["winners"]);
    }
    assert_eq!(ask(&hall.rig, draw, &key).await.as_ref(), Some(&first), "the same key");
    hall.server.kill();
    hall.start_again().await;
    assert_eq!(ask(&hall.rig, draw, &key).await.as_ref(), Some(&first), "the same key, on the next server");
    assert_eq!(ask(&hall.rig, draw, &keys::row_id()).await.as_ref(), Some(&first), "another key");
    for shown in hall.shown(draw).await {
        assert_eq!(shown, first);
    }
}

async fn results_survive(backend: Backend) {
    let mut hall = Hall::open(backend, 8).await;
    let failpoints = [None, Some("draw.before_result_commit"), Some("draw.after_result_commit")];
    for failpoint in failpoints {
        the_result_is_the_same(&mut hall, failpoint).await;
    }
    let rig = &hall.rig;
    let draws = rig.host().get(&rig.path("/draws")).await;
    let numbers: Vec<_> = draws.as_array().unwrap().iter().map(|draw| draw["draw"].as_i64()).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3)], "no draw was made twice");
    let Report::Proved(proved) = verify(&rig.host().bytes(&rig.path("/proof")).await, None, &BTreeMap::new())
    else {
        panic!("the proof fails")
    };
    assert!(proved.checked.len() == 3 && proved.checked.values().all(|how| how == "full+taps"), "{proved:?}");
    let awards = rig.finance().get(&rig.path("/awards")).await;
    let mut seats: Vec<_> = awards
        .as_array()
        .unwrap()
        .iter()
        .map(|award| (award["draw"].as_i64(), award["rank"].as_i64()))
        .collect();
    seats.sort_unstable();
    seats.dedup();
    assert_eq!((awards.as_array().unwrap().len(), seats.len()), (3 * SEATS, 3 * SEATS), "{awards}");
    hall.end(3 * 2 * FEN, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_to_the_same_winners_on_sqlite() {
    results_survive(Backend::Light).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_to_the_same_winners_on_postgres() {
    results_survive(Backend::Heavy).await;
}

// --- Payments ---------------------------------------------------------------------------------------------------------

/// How the server ends.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// By itself, at this point.
    At(&'static str),
    /// By kill -9, while its calls wait for an answer that does not come.
    WhileItWaits,
}

const POINTS: [&str; 6] = [
    "pay.after_reserve",
    "pay.before_call",
    "pay.after_answer",
    "pay.after_store",
    "pay.before_settle",
    "pay.after_settle",
];

pub(crate) async fn bills(rig: &Rig, draw: i64) -> Vec<String> {
    let app = rig.evening.another().await;
    let rows = sqlx::query(
        "select p.bill_no from packet p join award a on a.id = p.award_id \
         where a.meeting_id = $1 and a.n = $2 order by a.rank",
    )
    .bind(&rig.meeting)
    .bind(draw)
    .fetch_all(app.db().read())
    .await
    .unwrap();
    app.stop().await;
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

async fn books(rig: &Rig) -> Value {
    Api::new(&rig.evening.sandbox, String::new()).get("/sandbox/packets").await
}

/// One draw whose winners are being paid when the server dies.
async fn die_and_pay(hall: &mut Hall, death: Death, fault: Option<&Value>) {
    let failpoint = match death {
        Death::At(name) => Some(name),
        Death::WhileItWaits => None,
    };
    hall.server.kill();
    hall.start(failpoint).await;
    let draw = hall.rig.draw(SEATS, FEN).await;
    if let Some(fault) = fault {
        hall.rig.fault(fault.clone()).await;
    }
    let before = books(&hall.rig).await["paid_count"].as_u64().unwrap();
    let confirm = hall.rig.path(&format!("/draws/{draw}/seats"));
    let present = hall.rig.host().request(Method::POST, &confirm).header("idempotency-key", keys::row_id());
    // The sender may end the process before this is answered.
    drop(present.json(&json!({ "status": "present" })).send().await);
    match death {
        Death::At(name) => hall.server.died(&hall.rig.evening, name).await,
        Death::WhileItWaits => {
            let all = before + u64::try_from(SEATS).unwrap();
            let paid = async || (books(&hall.rig).await["paid_count"] == all).then_some(());
            hall.rig.evening.eventually("both calls are out", paid).await;
            hall.server.kill();
        }
    }
    let numbers = bills(&hall.rig, draw).await;
    assert_eq!(numbers.len(), SEATS);
    hall.start_again().await;
    let mut packets = hall.received(draw).await;
    packets.sort_by_key(|packet| packet["rank"].as_i64());
    let after: Vec<_> = packets.iter().map(|packet| packet["bill_no"].as_str().unwrap().to_owned()).collect();
    assert_eq!(after, numbers, "{death:?} {fault:?}: a number is never replaced");
    for packet in &packets {
        assert_eq!((&packet["attempt"], hall.rig.paid(&packet["bill_no"]).await), (&json!(1), 1), "{packet}");
    }
    assert_eq!(hall.rig.logged(draw).await, [(1, 1, "sent".into()), (2, 1, "sent".into())]);
}

async fn payments_survive(backend: Backend, deaths: &[(Death, Option<Value>)]) {
    let mut hall = Hall::open(backend, 5).await;
    let mut paid = 0;
    for (death, fault) in deaths {
        die_and_pay(&mut hall, *death, fault.as_ref()).await;
        paid += i64::try_from(SEATS).unwrap();
        let books = books(&hall.rig).await;
        let counted = (&books["paid_count"], &books["paid_fen"], books["packets"].as_array().unwrap().len());
        assert_eq!(
            counted,
            (&json!(paid), &json!(paid * FEN), usize::try_from(paid).unwrap()),
            "{death:?} {fault:?}"
        );
        // What no call met must not meet one of the next round.
        let clear =
            Api::new(&hall.rig.evening.sandbox, String::new()).request(Method::DELETE, "/sandbox/faults");
        assert!(clear.send().await.unwrap().status().is_success());
    }
    hall.end(0, paid * FEN).await;
}

/// Death at every point and in the middle of a call; nothing else goes wrong.
fn deaths() -> Vec<(Death, Option<Value>)> {
    let hang = json!({ "kind": "timeout", "count": SEATS });
    let points = POINTS.iter().map(|name| (Death::At(name), None));
    points.chain([(Death::WhileItWaits, Some(hang))]).collect()
}

/// Death at every point, while the payer pays and cuts the connection.
fn deaths_on_a_cut_line() -> Vec<(Death, Option<Value>)> {
    let cut = json!({ "kind": "drop_after", "count": SEATS });
    POINTS.iter().map(|name| (Death::At(name), Some(cut.clone()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_pays_each_award_once_on_sqlite() {
    payments_survive(Backend::Light, &deaths()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_pays_each_award_once_on_postgres() {
    payments_survive(Backend::Heavy, &deaths()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_on_a_cut_line_pays_each_award_once_on_sqlite() {
    payments_survive(Backend::Light, &deaths_on_a_cut_line()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_on_a_cut_line_pays_each_award_once_on_postgres() {
    payments_survive(Backend::Heavy, &deaths_on_a_cut_line()).await;
}
