//! The whole sender stops, and goes on.

use serde_json::json;

use super::Rig;
use crate::harness::Backend;

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_stops_the_sender_and_the_same_number_is_paid_after_resume() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "notenough" })).await;
    let draw = rig.win(1, 100).await;
    let blocked = rig.until(draw, "blocked").await;
    let sender = rig.finance().get("/api/sender").await;
    assert_eq!((&sender["paused"], &sender["reason"]), (&json!(true), &json!("NOTENOUGH")), "{sender}");
    assert!(sender["detail"].as_str().unwrap().contains("余额"));
    assert_eq!(sender["sandbox"], true);
    rig.books(100, 0).await;
    let second = rig.win(1, 100).await;
    rig.host().refused("/api/sender/resume", json!({}), 403, "role").await;
    assert_eq!(rig.packets(second).await[0]["state"], "queued", "nothing is sent while paused");
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.until(second, "received").await;
    let paid = rig.until(draw, "received").await;
    assert_eq!(paid[0]["bill_no"], blocked[0]["bill_no"]);
    assert_eq!(rig.paid_fen().await, 200);
    rig.books(0, 200).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_winner_is_not_paid_until_present_again() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let draw = rig.win(1, 100).await;
    let bill = rig.packets(draw).await[0]["bill_no"].clone();
    let seat = rig.path(&format!("/draws/{draw}/seats/1"));
    rig.host().post(&seat, json!({ "status": "absent" })).await;
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.pass(60_000);
    let packet = &rig.packets(draw).await[0];
    assert_eq!((&packet["state"], &packet["reason"]), (&json!("held"), &json!("suspended")));
    rig.books(100, 0).await;
    rig.host().post(&seat, json!({ "status": "present" })).await;
    let packets = rig.until(draw, "received").await;
    assert_eq!((packets.len(), &packets[0]["bill_no"]), (1, &bill));
    rig.books(0, 100).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_does_not_send_before_finance_looked() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let draw = rig.win(1, 100).await;
    rig.until(draw, "sent").await;
    let file = rig.evening.app.config().ledger.mark_file.clone();
    std::fs::write(&file, format!("99 {}\n", "0".repeat(64))).unwrap();
    rig.evening.restart().await;
    let finance = rig.finance();
    let sender = rig
        .evening
        .eventually("the sender stops", async || {
            let sender = finance.get("/api/sender").await;
            (sender["paused"] == true).then_some(sender)
        })
        .await;
    assert_eq!(sender["reason"], "behind_mark", "{sender}");
    finance.post("/api/sender/resume", json!({})).await;
    let second = rig.win(1, 100).await;
    rig.until(second, "received").await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_does_not_pay_through_a_sandbox() {
    let mut rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.evening.restart_with(&json!({ "sandbox": { "enabled": false } })).await;
    let draw = rig.win(1, 100).await;
    let finance = rig.finance();
    let sender = rig
        .evening
        .eventually("the sender stops", async || {
            let sender = finance.get("/api/sender").await;
            (sender["paused"] == true).then_some(sender)
        })
        .await;
    assert_eq!(
        (&sender["reason"], &sender["sandbox"]),
        (&json!("sandbox_far_end"), &json!(true)),
        "{sender}"
    );
    assert!(sender["detail"].as_str().unwrap().contains("pay.api_base"), "{sender}");
    // Not by hand either: it is found out again before the next packet.
    finance.post("/api/sender/resume", json!({})).await;
    rig.evening
        .eventually("it stops again", async || {
            rig.pass(60_000);
            (finance.get("/api/sender").await["reason"] == "sandbox_far_end").then_some(())
        })
        .await;
    let packet = &rig.packets(draw).await[0];
    assert_eq!((&packet["state"], &packet["sends"], rig.paid_fen().await), (&json!("queued"), &json!(0), 0));
    rig.evening.restart_with(&json!({ "sandbox": { "enabled": true } })).await;
    rig.finance().post("/api/sender/resume", json!({})).await;
    rig.until(draw, "received").await;
    assert_eq!(rig.paid_fen().await, 100);
    rig.evening.stop().await;
}
