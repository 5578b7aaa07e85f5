//! What the wire can do to a call.

use serde_json::json;

use super::Rig;
use crate::harness::Backend;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_garbled_answer_never_pays_twice_and_never_forgets() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(100_000).await;
    let faults = [
        json!({ "kind": "systemerror_paid" }),
        json!({ "kind": "systemerror_unpaid" }),
        json!({ "kind": "drop_after" }),
        json!({ "kind": "drop_before", "count": 2 }),
        json!({ "kind": "http500", "paid": true }),
        json!({ "kind": "garbage", "paid": true }),
        json!({ "kind": "echo_mismatch" }),
        json!({ "kind": "processing" }),
    ];
    let mut spent = 0;
    for fault in faults {
        rig.fault(fault.clone()).await;
        let draw = rig.win(1, 100).await;
        let packets = rig.until(draw, "received").await;
        spent += 100;
        let bill = &packets[0]["bill_no"];
        assert_eq!((packets.len(), rig.paid(bill).await), (1, 1), "{fault}: {packets:?}");
        assert_eq!(rig.paid_fen().await, spent, "{fault}");
        assert_eq!(rig.logged(draw).await, [(1, 1, "sent".into())], "{fault}");
        rig.books(0, spent).await;
    }
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_found_is_not_failure() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    // The order is lost on the way five times, and each question is answered with NOT_FOUND, also the ones after it
    // was paid.
    rig.fault(json!({ "kind": "drop_before", "count": 5 })).await;
    rig.fault(json!({ "kind": "not_found", "count": 3 })).await;
    let draw = rig.win(1, 100).await;
    rig.evening
        .eventually("an unknown packet", async || {
            (rig.packets(draw).await[0]["state"] == "unknown").then_some(())
        })
        .await;
    let seat = rig.path(&format!("/draws/{draw}/seats/1"));
    rig.host().refused(&seat, json!({ "status": "absent" }), 409, "outcome_unknown").await;
    let void = rig.path(&format!("/draws/{draw}/void"));
    rig.host().refused(&void, json!({ "reason": "试" }), 409, "outcome_unknown").await;
    let bill = rig.packets(draw).await[0]["bill_no"].as_str().unwrap().to_owned();
    let cancel = rig.path(&format!("/packets/{bill}/cancel"));
    rig.finance().refused(&cancel, json!({}), 409, "outcome_unknown").await;
    let packets = rig.until(draw, "received").await;
    assert_eq!(packets[0]["bill_no"], bill.as_str(), "the number never changes");
    assert_eq!((packets.len(), rig.paid(&packets[0]["bill_no"]).await), (1, 1), "{packets:?}");
    assert_eq!(rig.paid_fen().await, 100);
    rig.books(0, 100).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_number_is_failed_after_two_queries() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "send_failed" })).await;
    let draw = rig.win(1, 100).await;
    let packets = rig.until(draw, "failed").await;
    assert!(packets[0]["queries"].as_i64().unwrap() >= 2, "{packets:?}");
    assert_eq!(rig.paid_fen().await, 0);
    assert_eq!(rig.logged(draw).await, [(1, 1, "failed".into())]);
    rig.books(0, 0).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_refusal_waits_for_finance_and_can_be_cancelled() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.fault(json!({ "kind": "code", "code": "OPENID_ERROR", "text": "openid和appid不匹配" })).await;
    let draw = rig.win(1, 100).await;
    let packets = rig.until(draw, "refused").await;
    assert_eq!(packets[0]["reason"], "OPENID_ERROR");
    rig.books(100, 0).await;
    let bill = packets[0]["bill_no"].as_str().unwrap();
    let cancelled = rig.finance().post(&rig.path(&format!("/packets/{bill}/cancel")), json!({})).await;
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    rig.books(0, 0).await;
    assert!(rig.logged(draw).await.is_empty(), "nothing was ever paid or taken back");
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unopened_packet_comes_back() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    let sandbox = crate::harness::Api::new(&rig.evening.sandbox, String::new());
    sandbox.post("/sandbox/settings", json!({ "auto_open_ms": null })).await;
    let draw = rig.win(1, 100).await;
    rig.until(draw, "sent").await;
    rig.pass(24 * 3_600_000 + 60_000);
    rig.until(draw, "refunded").await;
    let budget = &rig.finance().get(&rig.path("/budgets")).await[0];
    assert_eq!((&budget["spent_fen"], &budget["returned_fen"]), (&json!(0), &json!(100)), "{budget}");
    assert_eq!(rig.logged(draw).await, [(1, 1, "refunded".into()), (1, 1, "sent".into())]);
    rig.books(0, 0).await;
    rig.evening.stop().await;
}
