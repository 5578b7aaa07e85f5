//! The way from the phone to the money.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Desk, photo};
use crate::harness::{Api, answer, both};

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_voucher_is_paid_once_and_its_sender_sees_it() {
    for backend in both() {
        let desk = Desk::new(backend, 2).await;
        let id = desk.sent(0, "SO-1", 1).await;
        assert_eq!(desk.mine(0, &id).await["story"], "已提交，等待审核。");
        let next = desk.reviewer().post(&desk.rig.path("/voucher-review/next"), json!({})).await;
        assert_eq!((&next["next"]["voucher"]["id"], &next["waiting"]), (&json!(id), &json!(1)), "{next}");
        assert!(next["next"]["phone"].as_str().unwrap().contains("****"), "{next}");
        let accept = desk.rig.path(&format!("/vouchers/{id}/accept"));
        let body = json!({ "version": next["next"]["voucher"]["version"] });
        let first = desk.reviewer().post_with_key(&accept, body.clone(), "once").await;
        assert_eq!(
            (first.0, &first.1["voucher"]["state"]),
            (StatusCode::OK, &json!("accepted")),
            "{first:?}"
        );
        // The same press again, and another one.
        let again = desk.reviewer().post_with_key(&accept, body.clone(), "once").await;
        assert_eq!(again.1["voucher"]["state"], "accepted");
        desk.reviewer().refused(&accept, body, 409, "voucher_decided").await;
        let mine = desk.until(0, &id, "received").await;
        assert!(mine["story"].as_str().unwrap().contains("8.88 元红包已领取"), "{mine}");
        let packets = desk.packets().await;
        assert_eq!(packets.len(), 1);
        assert_eq!((&packets[0]["origin"], &packets[0]["draw"]), (&json!("voucher"), &json!(0)));
        assert!(packets[0]["story"][0].as_str().unwrap().contains("凭证审核通过"), "{}", packets[0]);
        assert_eq!((desk.rig.paid(&packets[0]["bill_no"]).await, desk.rig.paid_fen().await), (1, 888));
        desk.rig.books(0, 888).await;
        let books = desk.rig.finance().get("/api/finance/books").await;
        assert_eq!((&books["balanced"], &books["rows"][0]["paid_fen"]), (&json!(true), &json!(888)));
        // Known to the accountant, to the numbers and to the book.
        let csv = desk.rig.finance().bytes(&desk.rig.path("/accounting?format=csv")).await;
        assert!(String::from_utf8(csv).unwrap().contains("凭证奖励"));
        let count = async |query: &str| {
            desk.reviewer().get(&desk.rig.path(&format!("/vouchers?{query}"))).await["total"].clone()
        };
        assert_eq!(count("search=so-1").await, 1);
        assert_eq!(count("search=nobody").await, 0);
        assert_eq!(
            (count("state=accepted&limit=1").await, count("state=waiting").await),
            (json!(1), json!(0))
        );
        assert_eq!(count(&format!("campaign={}", desk.campaign)).await, 1);
        let stats = desk.reviewer().get(&desk.rig.path("/voucher-stats")).await;
        assert_eq!((&stats["paid_fen"], &stats["people"]), (&json!(888), &json!(1)), "{stats}");
        assert_eq!(stats["reviewers"], json!([{ "user": "reviewer", "accepted": 1, "rejected": 0 }]));
        let book = desk.rig.host().bytes(&desk.rig.path("/voucher-export")).await;
        assert!(book.starts_with(b"PK"));
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_transfers_pays_vouchers_by_transfer() {
    for backend in both() {
        let desk = Desk::with(backend, 1, json!({ "channel": "transfer_v3" }), 10_000).await;
        let id = desk.sent(0, "SO-1", 1).await;
        let next = desk.reviewer().post(&desk.rig.path("/voucher-review/next"), json!({})).await;
        let body = json!({ "version": next["next"]["voucher"]["version"] });
        desk.reviewer().post(&desk.rig.path(&format!("/vouchers/{id}/accept")), body).await;
        let packet = desk.rig.until(0, "confirming").await[0].clone();
        assert_eq!((&packet["channel"], desk.rig.paid_fen().await), (&json!("transfer_v3"), 0));
        let open = format!("/sandbox/packets/{}/open", packet["bill_no"].as_str().unwrap());
        Api::new(&desk.rig.evening.sandbox, String::new()).post(&open, json!({})).await;
        desk.rig.until(0, "received").await;
        assert_eq!(desk.rig.paid_fen().await, 888);
        desk.rig.books(0, 888).await;
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_voucher_says_why_and_may_come_again() {
    for backend in both() {
        let desk = Desk::new(backend, 2).await;
        let id = desk.sent(0, "SO-1", 1).await;
        let reviewer = desk.reviewer();
        let version = desk.take(&reviewer, &id).await;
        let reject = desk.rig.path(&format!("/vouchers/{id}/reject"));
        reviewer.refused(&reject, json!({ "version": version, "reason": " " }), 422, "reason").await;
        reviewer.post(&reject, json!({ "version": version, "reason": "照片看不清订单号" })).await;
        let mine = desk.mine(0, &id).await;
        assert_eq!((&mine["state"], &mine["reason"]), (&json!("rejected"), &json!("照片看不清订单号")));
        // The order number is free meanwhile, for others too; a new photo in place of the first, and again.
        let (status, body) = desk.upload(0, &id, 1, &photo(2)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let path = format!("/vouchers/{id}");
        let change = json!({ "fields": { "order_no": "SO-1-B" } });
        let (status, body) = answer(desk.guest(0).request(Method::PATCH, &path).json(&change)).await;
        assert_eq!((status, &body["fields"]["order_no"]), (StatusCode::OK, &json!("SO-1-B")), "{body}");
        assert_eq!(desk.send(0, &id).await.1["state"], "waiting");
        assert_eq!(desk.accept(&reviewer, &id).await.0, StatusCode::OK);
        desk.until(0, &id, "received").await;
        desk.rig.books(0, 888).await;
        let seen = reviewer.get(&desk.rig.path(&format!("/vouchers/{id}"))).await;
        let steps: Vec<_> =
            seen["steps"].as_array().unwrap().iter().map(|step| step["what"].clone()).collect();
        assert_eq!(steps, ["sent", "rejected", "sent", "accepted"]);
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_money_nothing_is_accepted_and_nothing_is_lost() {
    for backend in both() {
        let desk = Desk::with(backend, 1, json!({}), 1_000).await;
        let (one, two) = (desk.sent(0, "SO-1", 1).await, desk.sent(0, "SO-2", 2).await);
        let reviewer = desk.reviewer();
        assert_eq!(desk.accept(&reviewer, &one).await.0, StatusCode::OK);
        let (status, body) = desk.accept(&reviewer, &two).await;
        assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("budget")), "{body}");
        assert_eq!(desk.mine(0, &two).await["state"], "waiting");
        // Still in the reviewer's hands; with more money the same press works.
        let budgets = desk.rig.finance().get(&desk.rig.path("/budgets")).await;
        let cap = desk.rig.path(&format!("/budgets/{}/cap", desk.budget));
        let more = json!({ "version": budgets[0]["version"], "cap_fen": 2_000 });
        desk.rig.finance().post(&cap, more).await;
        assert_eq!(desk.accept(&reviewer, &two).await.0, StatusCode::OK);
        desk.until(0, &two, "received").await;
        desk.until(0, &one, "received").await;
        desk.rig.books(0, 1_776).await;
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn above_an_amount_two_reviewers_have_to_agree() {
    for backend in both() {
        let desk = Desk::with(backend, 1, json!({ "second_review_fen": 500 }), 10_000).await;
        let id = desk.sent(0, "SO-1", 1).await;
        let (status, body) = desk.accept(&desk.reviewer(), &id).await;
        assert_eq!((status, &body["voucher"]["state"]), (StatusCode::OK, &json!("second")), "{body}");
        assert!(desk.packets().await.is_empty(), "nothing is paid after the first look");
        let lock = desk.rig.path(&format!("/vouchers/{id}/lock"));
        desk.reviewer().refused(&lock, json!({}), 403, "second_person").await;
        let next = desk.reviewer().post(&desk.rig.path("/voucher-review/next"), json!({})).await;
        assert_eq!(next["next"], json!(null), "the first reviewer is not asked again");
        let next = desk.second().post(&desk.rig.path("/voucher-review/next"), json!({})).await;
        assert_eq!(next["next"]["voucher"]["id"], json!(id));
        assert_eq!(desk.accept(&desk.second(), &id).await.1["voucher"]["state"], "accepted");
        desk.until(0, &id, "received").await;
        desk.rig.books(0, 888).await;
        desk.rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_reviewer_loses_the_voucher_and_the_right_to_judge_it() {
    for backend in both() {
        let desk = Desk::new(backend, 1).await;
        let id = desk.sent(0, "SO-1", 1).await;
        let version = desk.take(&desk.reviewer(), &id).await;
        let lock = desk.rig.path(&format!("/vouchers/{id}/lock"));
        desk.second().refused(&lock, json!({}), 409, "locked").await;
        let accept = desk.rig.path(&format!("/vouchers/{id}/accept"));
        desk.second().refused(&accept, json!({ "version": version }), 409, "not_locked").await;
        desk.rig.pass(300_001);
        desk.reviewer().refused(&accept, json!({ "version": version }), 409, "not_locked").await;
        assert_eq!(desk.accept(&desk.second(), &id).await.0, StatusCode::OK);
        desk.until(0, &id, "received").await;
        desk.rig.evening.stop().await;
    }
}
