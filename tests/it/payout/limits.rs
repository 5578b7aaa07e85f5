//! Budgets and a person's day.

use serde_json::json;

use super::Rig;
use crate::harness::{Backend, both};

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_no_budget_covers_is_refused() {
    let rig = Rig::new(Backend::Light, 2).await;
    let round = rig.round(2, 500).await;
    let commit = rig.path(&format!("/rounds/{round}/commit"));
    rig.host().refused(&commit, json!({}), 422, "budget").await;
    let draft = rig.finance().post(&rig.path("/budgets"), json!({ "name": "奖金", "cap_fen": 2_000 })).await;
    rig.host().refused(&commit, json!({}), 422, "budget").await;
    rig.budget(999).await;
    rig.host().refused(&commit, json!({}), 422, "budget").await;
    rig.books(0, 0).await;
    let id = draft["id"].as_str().unwrap();
    let approve = rig.path(&format!("/budgets/{id}/approve"));
    rig.finance().refused(&approve, json!({ "version": 9 }), 409, "stale").await;
    rig.host().refused(&approve, json!({ "version": 1 }), 403, "role").await;
    let approved = rig.finance().post(&approve, json!({ "version": 1 })).await;
    assert_eq!((&approved["status"], &approved["approved_by"]), (&json!("approved"), &json!("finance")));
    rig.host().post(&commit, json!({})).await;
    rig.books(1_000, 0).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_not_edited() {
    let rig = Rig::new(Backend::Light, 0).await;
    let budgets = rig.path("/budgets");
    for (cap, code) in [("0", "amount_range"), ("-1", "amount_range"), ("0.5", "amount_precision")] {
        let body = format!(r#"{{"name":"x","cap_fen":{cap}}}"#);
        rig.finance().refused(&budgets, serde_json::from_str(&body).unwrap(), 422, code).await;
    }
    let made = rig.finance().post(&budgets, json!({ "name": "奖金", "cap_fen": 500 })).await;
    let one = format!("{budgets}/{}", made["id"].as_str().unwrap());
    let edit = async |version: i64, cap: i64| {
        let body = json!({ "version": version, "name": "奖金", "cap_fen": cap });
        crate::harness::answer(rig.finance().request(reqwest::Method::PATCH, &one).json(&body)).await
    };
    assert_eq!(edit(1, 800).await.1["cap_fen"], 800);
    assert_eq!(edit(1, 900).await.1["code"], "stale");
    assert_eq!(edit(2, 600).await.1["cap_fen"], 600);
    rig.finance().post(&format!("{one}/approve"), json!({})).await;
    let (status, answer) = edit(4, 10_000).await;
    assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("approval_void")));
    rig.books(0, 0).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_budget_reserves_nothing_new_and_pays_what_it_promised() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        let one = rig.path(&format!("/budgets/{}", rig.budget(1_000).await));
        let draw = rig.draw(2, 200).await;
        let finance = rig.finance();
        rig.host().refused(&format!("{one}/withdraw"), json!({ "version": 2 }), 403, "role").await;
        finance.refused(&format!("{one}/withdraw"), json!({ "version": 1 }), 409, "stale").await;
        let draft = finance.post(&format!("{one}/withdraw"), json!({ "version": 2 })).await;
        assert_eq!((&draft["status"], &draft["approved_by"]), (&json!("draft"), &json!(null)), "{draft}");
        let round = rig.round(1, 100).await;
        let commit = rig.path(&format!("/rounds/{round}/commit"));
        rig.host().refused(&commit, json!({}), 422, "budget").await;
        finance
            .refused(&format!("{one}/cap"), json!({ "version": 3, "cap_fen": 2_000 }), 409, "not_approved")
            .await;
        // Not below what is promised: refused before the table's CHECK would.
        let edit = json!({ "version": 3, "name": "奖金", "cap_fen": 399 });
        let (status, body) =
            crate::harness::answer(finance.request(reqwest::Method::PATCH, &one).json(&edit)).await;
        assert_eq!((status.as_u16(), &body["code"]), (422, &json!("amount_range")));
        rig.host().post(&rig.path(&format!("/draws/{draw}/seats")), json!({ "status": "present" })).await;
        rig.until(draw, "received").await;
        rig.books(0, 400).await;
        finance.post(&format!("{one}/approve"), json!({ "version": 3 })).await;
        rig.host().post(&commit, json!({})).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_packet_of_a_day_waits_for_the_next() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(100_000).await;
    for _ in 0..10 {
        let draw = rig.win(1, 100).await;
        rig.until(draw, "sent").await;
    }
    let eleventh = rig.win(1, 100).await;
    let packets = rig.until(eleventh, "held").await;
    assert_eq!(packets[0]["reason"], "day_limit");
    let wait = packets[0]["next_at"].as_i64().unwrap() - rig.evening.app.now();
    assert!((1..=12 * 3_600_000 + 60_000).contains(&wait), "until shortly after midnight: {wait}");
    rig.books(100, 1_000).await;
    rig.until(eleventh, "sent").await;
    assert_eq!(rig.paid_fen().await, 1_100);
    rig.books(0, 1_100).await;
    rig.evening.stop().await;
}
