//! The story of a packet: an auditor follows it from the line of the draw log to the receipt.

use serde_json::{Value, json};

use super::Rig;
use crate::harness::Backend;

async fn timeline(rig: &Rig, bill: &Value) -> Vec<Value> {
    let path = rig.path(&format!("/packets/{}", bill.as_str().unwrap()));
    let packet = rig.evening.staff("auditor").get(&path).await;
    packet["timeline"].as_array().unwrap().clone()
}

fn named<'a>(steps: &'a [Value], name: &str) -> Vec<&'a Value> {
    steps.iter().filter(|step| step["step"] == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_from_the_log_line_to_the_receipt_is_told() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "processing" })).await;
    // One for the question to the far end who it is, one for the packet.
    rig.fault(json!({ "kind": "not_found", "count": 2 })).await;
    let draw = rig.win(1, 188).await;
    let packets = rig.until(draw, "received").await;
    let steps = timeline(&rig, &packets[0]["bill_no"]).await;
    let order: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(order[..4], ["drawn", "budgeted", "confirmed", "issued"], "{steps:?}");
    assert_eq!(order.last(), Some(&"now"));

    // The line and head are those of the public log.
    let log = rig.host().get(&rig.path("/log?from=0")).await;
    let line: Value = serde_json::from_str(
        log["lines"][usize::try_from(steps[0]["line"].as_i64().unwrap()).unwrap()].as_str().unwrap(),
    )
    .unwrap();
    assert_eq!((&line["t"], &line["draw"]), (&json!("draw.result"), &json!(draw)), "{line}");
    assert_eq!(steps[0]["head"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&steps[0]["prize"], &steps[0]["rank"], &steps[1]["budget"], &steps[1]["fen"]),
        (&json!("三等奖"), &json!(1), &json!("奖金"), &json!(188))
    );

    let calls = named(&steps, "called");
    let told: Vec<(&str, &str)> = calls
        .iter()
        .map(|call| (call["kind"].as_str().unwrap(), call["conclusion"].as_str().unwrap()))
        .collect();
    assert_eq!(told[0], ("send", "undecided"), "{calls:?}");
    assert!(told.contains(&("query", "not_proof")), "{told:?}");
    assert_eq!(told.last(), Some(&("query", "received")), "{told:?}");
    for call in calls {
        assert!(call["answered_at"].is_i64() && !call["raw"].as_str().unwrap().is_empty(), "{call}");
        assert!(!call.to_string().contains("oPayoutGuestNumber"), "openids are masked");
    }
    let now = steps.last().unwrap();
    assert_eq!(
        (&now["state"], &now["next"], &now["next_at"]),
        (&json!("received"), &json!("nothing"), &json!(0))
    );
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_next_is_told_while_it_waits() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "ca_error" })).await;
    let draw = rig.win(1, 100).await;
    let finance = rig.finance();
    rig.evening
        .eventually("the sender stops", async || {
            (finance.get("/api/sender").await["paused"] == true).then_some(())
        })
        .await;
    let bill = rig.packets(draw).await[0]["bill_no"].clone();
    let steps = timeline(&rig, &bill).await;
    assert_eq!(named(&steps, "called")[0]["conclusion"], "requeued");
    assert_eq!(steps.last().unwrap()["next"], "paused", "{steps:?}");
    finance.post("/api/sender/resume", json!({})).await;
    rig.until(draw, "received").await;

    rig.fault(json!({ "kind": "openid_error" })).await;
    let draw = rig.win(1, 100).await;
    let packets = rig.until(draw, "refused").await;
    let steps = timeline(&rig, &packets[0]["bill_no"]).await;
    assert_eq!(named(&steps, "called")[0]["conclusion"], "refused");
    assert_eq!(steps.last().unwrap()["next"], "person", "{steps:?}");
    rig.evening.stop().await;
}
