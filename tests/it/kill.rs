//! kill -9 at every point of a payment, while the payer does everything that it may do: started again, each award is
//! paid once or is certainly not paid and lies before a person. The payer's own books decide.
//!
//! The short form meets each fault and each point; with `KAIJIANG_KILLS=all` every fault meets every point.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kaijiang::{
    app::App,
    clock::{Clock, Ms},
    keys,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    crash::{Hall, bills},
    harness::{Api, Backend, Process, TestApp, force},
    payout::Rig,
};

/// A sender that was resumed asks the far end who it is before it sends: five seconds apart at least, each time.
const PATIENCE: Duration = Duration::from_secs(120);
const SEATS: usize = 2;
const FEN: i64 = 188;

const POINTS: [&str; 16] = [
    "seats.before_commit",
    "seats.after_commit",
    "pay.after_claim",
    "pay.in_reserve",
    "pay.after_reserve",
    "pay.in_begin",
    "pay.before_call",
    "pay.after_answer",
    "pay.in_store",
    "pay.after_store",
    "pay.before_settle",
    "pay.after_settle",
    "pay.after_mark",
    "pay.before_query",
    "pay.after_query",
    "pay.after_query_store",
];

/// `timeout` takes a quarter of a minute each time: `crash` has it.
const FAULTS: [&str; 30] = [
    "drop_before",
    "drop_after",
    "http500",
    "http502",
    "http400",
    "redirect",
    "systemerror_paid",
    "systemerror_unpaid",
    "processing",
    "failed_later",
    "notenough",
    "sendnum_limit",
    "sendamount_limit",
    "no_auth",
    "no_auth_ip",
    "send_failed",
    "freq_limit",
    "ca_error",
    "sign_error",
    "fatal_error",
    "openid_error",
    "param_error",
    "money_limit",
    "unknown_code",
    "fail",
    "garbage",
    "cut_xml",
    "echo_mismatch",
    "wrong_openid",
    "bad_signature",
];

/// The hall, and a hand in its database.
struct Rack {
    hall: Hall,
    hand: App,
}

impl Rack {
    /// Changes packets of one draw: `$1` is the value, `$2` the draw.
    async fn change(&self, text: &'static str, value: i64, draw: i64) {
        force(self.hand.db(), text, &[value, draw]).await;
    }
}

async fn open(backend: Backend) -> Rack {
    let limits = json!({ "limits": { "person_day_count": 100_000, "person_day_amount": 100_000_000, "rate_per_second": 1_000 } });
    let evening = TestApp::start_at(backend, limits, Clock::System).await;
    let sandbox = Api::new(&evening.sandbox, String::new());
    let calm = json!({ "rate_per_second": 0, "person_day_count": 100_000, "person_day_fen": 100_000_000, "processing_ms": 100 });
    sandbox.post("/sandbox/settings", calm).await;
    let mut rig = Rig::in_hall(evening, 4).await;
    rig.budget(1_000_000).await;
    let server = Process::take_over(&mut rig.evening).await;
    let hand = rig.evening.another().await;
    Rack { hall: Hall { rig, server, backend }, hand }
}

/// Pauses are cut short, and finance lets the sender go on. Ten minutes pass between two looks at a dead number.
async fn hasten(rack: &Rack, draw: i64) {
    let now = Clock::System.now();
    let due = "update packet set next_at = $1 where next_at > $1 and lease_until <= $1 \
               and state in ('unknown', 'sent', 'queued', 'held', 'blocked', 'needs_human') \
               and award_id in (select id from award where n = $2)";
    rack.change(due, now, draw).await;
    let apart = "update packet set failed_at = failed_at - $1 where state = 'unknown' \
                 and award_id in (select id from award where n = $2)";
    rack.change(apart, 600_000, draw).await;
    // The server may just be dying.
    let resume = rack.hall.rig.finance().request(Method::POST, "/api/sender/resume");
    drop(resume.header("idempotency-key", keys::row_id()).json(&json!({})).send().await);
}

/// Four days later: what is still unclear lies before a person.
async fn days_pass(rack: &Rack, draw: i64) {
    const DAYS: Ms = 4 * 86_400_000;
    let back = "update call set at = at - $1 where bill_no in \
                (select p.bill_no from packet p join award a on a.id = p.award_id where a.n = $2)";
    rack.change(back, DAYS, draw).await;
}

/// What rests before a person is left alone while the next ones are paid.
async fn put_aside(rack: &Rack, draw: i64) {
    let never = "update packet set next_at = $1 where state = 'needs_human' \
                 and award_id in (select id from award where n = $2)";
    rack.change(never, i64::MAX, draw).await;
}

/// State of each of the payer's packets: paid or not.
async fn paid(rig: &Rig) -> BTreeMap<String, bool> {
    let books = Api::new(&rig.evening.sandbox, String::new()).get("/sandbox/packets").await;
    let packets = books["packets"].as_array().unwrap().iter();
    packets
        .map(|packet| (packet["bill_no"].as_str().unwrap().to_owned(), !packet["paid_ms"].is_null()))
        .collect()
}

fn rests(packet: &Value, sent: &BTreeMap<String, bool>) -> bool {
    let paid = sent.get(packet["bill_no"].as_str().unwrap()) == Some(&true);
    match packet["state"].as_str().unwrap() {
        "received" | "failed" | "refused" => true,
        "needs_human" => !paid,
        _ => false,
    }
}

async fn all_rest(hall: &Hall, draw: i64) -> Option<Vec<Value>> {
    let packets = hall.rig.packets(draw).await;
    let sent = paid(&hall.rig).await;
    packets.iter().all(|packet| rests(packet, &sent)).then_some(packets)
}

/// Dies at its point, or comes to rest without ever getting there; days pass when that does not come by itself.
async fn dies_or_rests(rack: &mut Rack, draw: i64, point: &str) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if rack.hall.server.has_died(point) {
            return true;
        }
        if begun.elapsed() > PATIENCE / 2 {
            days_pass(rack, draw).await;
        }
        hasten(rack, draw).await;
        let page = rack.hall.rig.path(&format!("/packets?draw={draw}"));
        let Some(packets) = rack.hall.rig.finance().try_get(&page).await else { continue };
        let (packets, sent) = (packets["packets"].as_array().unwrap(), paid(&rack.hall.rig).await);
        let quiet = packets.len() == SEATS && packets.iter().all(|packet| rests(packet, &sent));
        if quiet && !rack.hall.server.has_died(point) {
            rack.hall.server.kill();
            return false;
        }
    }
    panic!("{point}: it neither died nor came to rest: {:?}", rack.hall.rig.packets(draw).await)
}

/// Asks until everything rests; days pass when that does not help.
async fn comes_to_rest(rack: &Rack, draw: i64, what: &str) -> Vec<Value> {
    let (begun, mut look) = (Instant::now(), 0);
    while begun.elapsed() < PATIENCE {
        look += 1;
        if look % 20 == 0 {
            days_pass(rack, draw).await;
        }
        hasten(rack, draw).await;
        if let Some(packets) = all_rest(&rack.hall, draw).await {
            return packets;
        }
    }
    panic!("{what}: {:?}", rack.hall.rig.packets(draw).await)
}

/// One draw whose winners are being paid when the server dies; how many of them were paid in the end.
async fn kill_and_pay(rack: &mut Rack, point: &str, fault: &str) -> usize {
    rack.hall.server.kill();
    rack.hall.start(Some(point)).await;
    let draw = rack.hall.rig.draw(SEATS, FEN).await;
    rack.hall.rig.fault(json!({ "kind": fault, "count": SEATS })).await;
    let confirm = rack.hall.rig.path(&format!("/draws/{draw}/seats"));
    let present =
        rack.hall.rig.host().request(Method::POST, &confirm).header("idempotency-key", keys::row_id());
    drop(present.json(&json!({ "status": "present" })).send().await);
    let died = dies_or_rests(rack, draw, point).await;
    let numbers = bills(&rack.hall.rig, draw).await;
    rack.hall.start_again().await;
    if numbers.is_empty() {
        // It died before the confirmation was durable: the host sees that, and confirms again.
        let present =
            rack.hall.rig.host().request(Method::POST, &confirm).header("idempotency-key", keys::row_id());
        assert!(present.json(&json!({ "status": "present" })).send().await.unwrap().status().is_success());
    }
    let what = format!("{point} × {fault} (died: {died})");
    let packets = comes_to_rest(rack, draw, &what).await;
    put_aside(rack, draw).await;
    let sent = paid(&rack.hall.rig).await;
    assert_eq!(packets.len(), SEATS, "{what}: one packet for each award");
    let mut count = 0;
    for packet in &packets {
        let bill = packet["bill_no"].as_str().unwrap();
        assert!(numbers.is_empty() || numbers.iter().any(|number| number == bill), "{what}: a new number");
        let is_paid = sent.get(bill) == Some(&true);
        assert_eq!(is_paid, packet["state"] == "received", "{what}: {packet}");
        count += usize::from(is_paid);
    }
    let clear =
        Api::new(&rack.hall.rig.evening.sandbox, String::new()).request(Method::DELETE, "/sandbox/faults");
    assert!(clear.send().await.unwrap().status().is_success());
    count
}

async fn kills(backend: Backend, shift: usize) {
    let all = std::env::var("KAIJIANG_KILLS").is_ok_and(|word| word == "all");
    let mut rack = open(backend).await;
    let (mut paid_now, mut rounds) = (0, 0);
    for (number, fault) in FAULTS.iter().enumerate() {
        let points: Vec<&str> =
            if all { POINTS.to_vec() } else { vec![POINTS[(number + shift) % POINTS.len()]] };
        for point in points {
            paid_now += kill_and_pay(&mut rack, point, fault).await;
            rounds += 1;
        }
    }
    let books = Api::new(&rack.hall.rig.evening.sandbox, String::new()).get("/sandbox/packets").await;
    assert_eq!(
        books["paid_count"].as_u64(),
        u64::try_from(paid_now).ok(),
        "{rounds} rounds: {paid_now} of ours are paid"
    );
    let spent = i64::try_from(paid_now).unwrap() * FEN;
    let budgets = rack.hall.rig.finance().get(&rack.hall.rig.path("/budgets")).await;
    let reserved = budgets[0]["reserved_fen"].as_i64().unwrap();
    println!("{{\"kills\":{rounds},\"paid\":{paid_now},\"twice\":0,\"forgotten\":0}}");
    rack.hand.stop().await;
    rack.hall.end(reserved, spent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_whatever_the_payer_does_each_award_is_paid_at_most_once_on_sqlite() {
    kills(Backend::Light, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_whatever_the_payer_does_each_award_is_paid_at_most_once_on_postgres() {
    kills(Backend::Heavy, 7).await;
}
