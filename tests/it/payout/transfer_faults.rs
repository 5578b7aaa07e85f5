//! Every fault that the sandbox knows, once on a transfer: what the packet is after the first answer, and how it ends.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Rig;
use crate::harness::Backend;

const DAY: i64 = 86_400_000;

struct Row {
    kind: &'static str,
    /// After the first answer.
    first: &'static str,
    /// Why the whole sender stopped; empty when it did not.
    stops: &'static str,
    end: &'static str,
    /// How often the payer's books say it was paid.
    paid: usize,
}

const fn row(
    kind: &'static str,
    (first, stops): (&'static str, &'static str),
    (end, paid): (&'static str, usize),
) -> Row {
    Row { kind, first, stops, end, paid }
}

const UNKNOWN: (&str, &str) = ("unknown", "");
const ONCE: (&str, usize) = ("received", 1);

/// No whole answer of the payer.
const UNCLEAR: &[Row] = &[
    row("timeout", UNKNOWN, ONCE),
    row("drop_before", UNKNOWN, ONCE),
    row("drop_after", UNKNOWN, ONCE),
    row("http400", UNKNOWN, ONCE),
    row("http500", UNKNOWN, ONCE),
    row("http502", UNKNOWN, ONCE),
    row("redirect", UNKNOWN, ONCE),
    row("garbage", UNKNOWN, ONCE),
    row("doctype", UNKNOWN, ONCE),
    row("huge", UNKNOWN, ONCE),
    row("cut_xml", UNKNOWN, ONCE),
    row("empty", UNKNOWN, ONCE),
    row("fail", UNKNOWN, ONCE),
    row("echo_mismatch", UNKNOWN, ONCE),
    row("wrong_bill", UNKNOWN, ONCE),
    row("wrong_openid", UNKNOWN, ONCE),
    row("bad_signature", UNKNOWN, ONCE),
    row("unsigned", UNKNOWN, ONCE),
    row("clock_skew", UNKNOWN, ONCE),
];

/// Answers that decide nothing.
const UNDECIDED: &[Row] = &[
    row("systemerror_paid", UNKNOWN, ONCE),
    row("systemerror_unpaid", UNKNOWN, ONCE),
    row("unknown_code", UNKNOWN, ONCE),
    row("fatal_error", UNKNOWN, ONCE),
    row("openid_error", UNKNOWN, ONCE),
    row("processing", UNKNOWN, ONCE),
    row("failed_later", UNKNOWN, ("failed", 0)),
    row("send_failed", UNKNOWN, ("failed", 0)),
    row("sendnum_limit", UNKNOWN, ("failed", 0)),
    row("rcvdamount_limit", UNKNOWN, ("failed", 0)),
    row("sendamount_limit", UNKNOWN, ("failed", 0)),
    row("not_found", UNKNOWN, ONCE),
    row("still_sending", UNKNOWN, ONCE),
    row("no_package", ("confirming", ""), ONCE),
    row("unopened", ("confirming", ""), ("failed", 0)),
];

/// Answers that refuse.
const REFUSED: &[Row] = &[
    row("freq_limit", ("queued", ""), ONCE),
    row("no_auth", ("blocked", ""), ("failed", 0)),
    row("no_auth_ip", ("blocked", ""), ("needs_human", 0)),
    row("param_error", ("refused", ""), ("refused", 0)),
    row("money_limit", ("refused", ""), ("refused", 0)),
    row("notenough", ("blocked", "NOT_ENOUGH"), ONCE),
    row("sign_error", ("queued", "SIGN_ERROR"), ONCE),
    row("ca_error", ("queued", "SIGN_ERROR"), ONCE),
];

async fn run(rows: &[Row]) {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.transfer_budget(1_000_000).await;
    rig.far().post("/sandbox/settings", json!({ "auto_confirm_ms": 50 })).await;
    let (mut reserved, mut spent) = (0, 0);
    for row in rows {
        if matches!(row.kind, "not_found" | "still_sending") {
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
    let struck = rig
        .evening
        .eventually(&format!("the first answer to {}", row.kind), async || {
            let packet = rig.packets(draw).await.pop()?;
            (packet["sends"] != 0 && packet["state"] != "sending").then_some(packet)
        })
        .await;
    assert_eq!(struck["state"], row.first, "{}: {struck}", row.kind);
    let sender = rig.finance().get("/api/sender").await;
    assert_eq!(sender["reason"], row.stops, "{}: {sender}", row.kind);
    if !row.stops.is_empty() {
        rig.finance().post("/api/sender/resume", json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_unclear_answer_about_a_transfer_pays_twice_or_never() {
    run(UNCLEAR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_undecided_answer_about_a_transfer_is_taken_for_an_end() {
    run(UNDECIDED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_transfers_keep_their_number() {
    run(REFUSED).await;
}

#[tokio::test]
async fn every_fault_of_the_sandbox_was_tried_on_a_transfer() {
    let rig = Rig::new(Backend::Light, 1).await;
    let listed: Value = rig.far().get("/sandbox/faults").await;
    let listed: BTreeSet<&str> =
        listed["kinds"].as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    let mut told: BTreeSet<&str> =
        [UNCLEAR, UNDECIDED, REFUSED].iter().flat_map(|rows| rows.iter().map(|row| row.kind)).collect();
    // Its code is the caller's choice.
    told.insert("code");
    assert_eq!(listed, told);
    rig.evening.stop().await;
}
