//! Every fault that the sandbox knows, against the real sender: what the packet becomes first, whether the whole sender
//! stops, where the packet ends, and what the payer's own books say of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Rig;
use crate::harness::{Api, Backend};

const DAY: i64 = 86_400_000;

/// A fault, and what must come of it.
struct Row {
    kind: &'static str,
    /// State of the packet after the struck call.
    first: &'static str,
    /// Reason of the sender's stop; empty when it goes on.
    stops: &'static str,
    end: &'static str,
    /// How often the payer's books say that it was paid.
    paid: usize,
}

const fn row(
    kind: &'static str,
    first: &'static str,
    stops: &'static str,
    end: &'static str,
    paid: usize,
) -> Row {
    Row { kind, first, stops, end, paid }
}

/// No answer, or none that can be read: unknown, asked with the same number, in the end paid once.
const UNCLEAR: &[Row] = &[
    row("drop_before", "unknown", "", "received", 1),
    row("drop_after", "unknown", "", "received", 1),
    row("http500", "unknown", "", "received", 1),
    row("http502", "unknown", "", "received", 1),
    row("redirect", "unknown", "", "received", 1),
    row("garbage", "unknown", "", "received", 1),
    row("doctype", "unknown", "", "received", 1),
    row("huge", "unknown", "", "received", 1),
    row("cut_xml", "unknown", "", "received", 1),
    row("empty", "unknown", "", "received", 1),
    row("echo_mismatch", "unknown", "", "received", 1),
    row("wrong_bill", "unknown", "", "received", 1),
    row("wrong_openid", "unknown", "", "received", 1),
    row("bad_signature", "unknown", "", "received", 1),
];

/// A code that decides nothing.
const UNDECIDED: &[Row] = &[
    row("timeout", "unknown", "", "received", 1),
    row("systemerror_paid", "unknown", "", "received", 1),
    row("systemerror_unpaid", "unknown", "", "received", 1),
    row("unknown_code", "unknown", "", "received", 1),
    row("fail", "unknown", "", "received", 1),
    row("processing", "unknown", "", "received", 1),
    row("failed_later", "unknown", "", "failed", 0),
    row("send_failed", "unknown", "", "failed", 0),
    row("fatal_error", "needs_human", "", "received", 1),
    row("not_found", "unknown", "", "received", 1),
    row("still_sending", "unknown", "", "received", 1),
];

/// A refusal of this packet, or none at all.
const ONE_PACKET: &[Row] = &[
    row("freq_limit", "queued", "", "received", 1),
    row("sendnum_limit", "blocked", "", "failed", 0),
    row("rcvdamount_limit", "blocked", "", "failed", 0),
    row("no_auth", "blocked", "", "failed", 0),
    row("no_auth_ip", "blocked", "", "needs_human", 0),
    row("openid_error", "refused", "", "refused", 0),
    row("param_error", "refused", "", "refused", 0),
    row("money_limit", "refused", "", "refused", 0),
    row("clock_skew", "sent", "", "received", 1),
    row("unopened", "sent", "", "refunded", 1),
];

/// A refusal that stops the whole sender until finance resumes it.
const ALL_PACKETS: &[Row] = &[
    row("notenough", "blocked", "NOTENOUGH", "received", 1),
    row("sendamount_limit", "blocked", "SENDAMOUNT_LIMIT", "received", 1),
    row("ca_error", "queued", "CA_ERROR", "received", 1),
    row("sign_error", "queued", "SIGN_ERROR", "received", 1),
    row("http400", "queued", "http_4xx", "received", 1),
];

async fn run(rows: &[Row]) {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000_000).await;
    let (mut reserved, mut spent) = (0, 0);
    for row in rows {
        let about_query = matches!(row.kind, "not_found" | "still_sending");
        if about_query {
            rig.fault(json!({ "kind": "systemerror_paid" })).await;
        }
        rig.fault(json!({ "kind": row.kind })).await;
        let draw = rig.win(1, 100).await;
        after_the_call(&rig, draw, row).await;
        let packets = rig.until(draw, row.end).await;
        let bill = &packets[0]["bill_no"];
        assert_eq!((packets.len(), rig.paid(bill).await), (1, row.paid), "{}: {packets:?}", row.kind);
        match row.end {
            "received" => spent += 100,
            "refused" | "needs_human" => reserved += 100,
            _ => {}
        }
        rig.books(reserved, spent).await;
        // A new day has new limits per person.
        rig.pass(DAY);
    }
    rig.evening.stop().await;
}

/// Waits for the first settled state, checks the sender, and lets it go on where it stopped.
async fn after_the_call(rig: &Rig, draw: i64, row: &Row) {
    let finance = rig.finance();
    let struck = rig
        .evening
        .eventually(&format!("the first answer to {}", row.kind), async || {
            let packet = rig.packets(draw).await.pop()?;
            (packet["sends"] != 0 && packet["state"] != "sending").then_some(packet)
        })
        .await;
    assert_eq!(struck["state"], row.first, "{}: {struck}", row.kind);
    assert!(!struck["story"].as_array().unwrap().is_empty(), "{struck}");
    let sender = finance.get("/api/sender").await;
    assert_eq!(
        (&sender["paused"], &sender["reason"]),
        (&json!(!row.stops.is_empty()), &json!(row.stops)),
        "{}",
        row.kind
    );
    if !row.stops.is_empty() {
        assert_eq!(rig.paid(&struck["bill_no"]).await, 0, "{}", row.kind);
        finance.post("/api/sender/resume", json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_unknown_and_paid_once() {
    run(UNCLEAR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_decides_nothing_is_asked_again() {
    run(UNDECIDED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_one_packet_leaves_the_others_alone() {
    run(ONE_PACKET).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_wide_refusal_stops_the_sender_until_it_is_resumed() {
    run(ALL_PACKETS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_balance_stops_the_sender_and_a_refill_pays_everybody_once() {
    let rig = Rig::new(Backend::Light, 3).await;
    rig.budget(1_000).await;
    let sandbox = Api::new(&rig.evening.sandbox, String::new());
    sandbox.post("/sandbox/settings", json!({ "balance_fen": 250 })).await;
    let draw = rig.win(3, 100).await;
    let finance = rig.finance();
    let sender = rig
        .evening
        .eventually("the sender stops", async || {
            let sender = finance.get("/api/sender").await;
            (sender["paused"] == true).then_some(sender)
        })
        .await;
    assert_eq!(sender["reason"], "NOTENOUGH", "{sender}");
    assert_eq!(rig.paid_fen().await, 200);
    sandbox.post("/sandbox/settings", json!({ "balance_fen": 1_000 })).await;
    finance.post("/api/sender/resume", json!({})).await;
    rig.until(draw, "received").await;
    assert_eq!(rig.paid_fen().await, 300);
    rig.books(0, 300).await;
    rig.evening.stop().await;
}

#[tokio::test]
async fn the_table_has_every_fault_of_the_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let any = "127.0.0.1:0".parse().unwrap();
    let far = kaijiang::sandbox::SandboxConfig {
        listen: any,
        pay_listen: any,
        data_dir: dir.path().to_owned(),
        ..kaijiang::demo::from_config(&kaijiang::config::Config::load(None).unwrap())
    };
    let far = kaijiang::sandbox::start(far, stop).await.unwrap();
    let listed: Value = Api::new(&far.base(), String::new()).get("/sandbox/faults").await;
    let listed: BTreeSet<&str> =
        listed["kinds"].as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    let rows = [UNCLEAR, UNDECIDED, ONE_PACKET, ALL_PACKETS];
    let mut told: BTreeSet<&str> = rows.iter().flat_map(|rows| rows.iter().map(|row| row.kind)).collect();
    // Its code is the caller's choice; `faults.rs` uses it.
    told.insert("code");
    // Only transfers know these: `transfer_faults.rs`.
    told.extend(["no_package", "unsigned"]);
    assert_eq!(listed, told);
}
