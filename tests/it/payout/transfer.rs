//! Merchant transfers: accepted, confirmed by their receiver, and only then paid; one award, one number, whatever the
//! wire does.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Rig;
use crate::harness::{Api, Backend, TestApp, answer, both};

const HOUR: i64 = 3_600_000;

impl Rig {
    /// An approved budget that is paid by transfers.
    pub(super) async fn transfer_budget(&self, fen: i64) -> String {
        let new = json!({ "name": "转账奖金", "cap_fen": fen, "channel": "transfer_v3" });
        let budget = self.finance().post(&self.path("/budgets"), new).await;
        assert_eq!(budget["channel"], "transfer_v3");
        let id = budget["id"].as_str().unwrap().to_owned();
        self.finance().post(&self.path(&format!("/budgets/{id}/approve")), json!({})).await;
        id
    }

    pub(super) fn far(&self) -> Api {
        Api::new(&self.evening.sandbox, String::new())
    }

    /// The receiver confirms.
    async fn confirm(&self, packet: &Value) {
        let bill = packet["bill_no"].as_str().unwrap();
        self.far().post(&format!("/sandbox/packets/{bill}/open"), json!({})).await;
    }

    /// The payer decides by itself.
    async fn far_says(&self, packet: &Value, status: &str) {
        let bill = packet["bill_no"].as_str().unwrap();
        self.far().post(&format!("/sandbox/packets/{bill}/status"), json!({ "status": status })).await;
    }

    async fn one(&self, packet: &Value) -> Value {
        self.finance().get(&self.path(&format!("/packets/{}", packet["bill_no"].as_str().unwrap()))).await
    }

    async fn becomes(&self, packet: &Value, state: &str) -> Value {
        self.evening
            .eventually(&format!("the packet is {state}"), async || {
                let one = self.one(packet).await;
                (one["state"] == state).then_some(one)
            })
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_paid_when_its_receiver_confirms() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        rig.transfer_budget(1_000).await;
        let draw = rig.win(1, 188).await;
        let packet = rig.until(draw, "confirming").await[0].clone();
        rig.books(188, 0).await;
        assert_eq!(
            (packet["channel"].as_str(), rig.paid(&packet["bill_no"]).await),
            (Some("transfer_v3"), 0)
        );
        assert!(rig.logged(draw).await.is_empty(), "nothing is paid yet");
        // The payer holds the order: it cannot be taken from the winner any more.
        let seat = rig.path(&format!("/draws/{draw}/seats/1"));
        rig.host().refused(&seat, json!({ "status": "absent" }), 409, "outcome_unknown").await;
        let path = rig.path(&format!("/packets/{}", packet["bill_no"].as_str().unwrap()));
        for act in ["cancel", "reissue"] {
            rig.finance().refused(&format!("{path}/{act}"), json!({}), 409, "outcome_unknown").await;
        }
        // Only the winner's own page has what confirms it.
        let mine = rig.phones[0].get("/me").await;
        let theirs = rig.phones[1].get("/me").await;
        let (me, other) = if mine["confirm"].is_null() { (&theirs, &mine) } else { (&mine, &theirs) };
        let confirm = &me["confirm"][0];
        assert_eq!(
            (&confirm["amount_fen"], &confirm["draw"], &confirm["mch_id"], &confirm["app_id"]),
            (&json!(188), &json!(draw), &json!("1900000109"), &json!("wx0000000000000000")),
            "{me}"
        );
        assert_eq!(confirm["until"].as_i64(), Some(rig.evening.app.now() / 1_000 * 1_000 + 24 * HOUR));
        assert!(other["confirm"].is_null(), "{other}");
        let package = confirm["package"].as_str().unwrap();
        let seen = [
            rig.one(&packet).await,
            rig.finance().get(&rig.path("/packets")).await,
            rig.host().get(&rig.path(&format!("/draws/{draw}"))).await,
        ];
        for page in &seen {
            let text = page.to_string();
            assert!(!text.contains(package) && !text.contains("oPayoutGuestNumber"), "{text}");
        }
        assert_eq!(seen[0]["calls"][0]["outcome"], "confirming", "{}", seen[0]);
        rig.confirm(&packet).await;
        // The callback makes us ask at once: no time passes.
        let paid = rig.becomes(&packet, "received").await;
        assert_eq!((&paid["sends"], rig.paid(&packet["bill_no"]).await), (&json!(1), 1), "{paid}");
        rig.books(0, 188).await;
        assert_eq!(rig.logged(draw).await, [(1, 1, "sent".into())]);
        assert!(rig.phones[0].get("/me").await["confirm"].is_null());
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_repeated_with_the_same_number_and_bytes() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.transfer_budget(1_000).await;
        for (fault, reason) in [("drop_after", "broken"), ("bad_signature", "bad_signature")] {
            rig.fault(json!({ "kind": fault })).await;
            let draw = rig.win(1, 100).await;
            let first = rig.until(draw, "unknown").await[0].clone();
            assert_eq!(first["reason"], reason, "{first}");
            rig.books(100, if reason == "broken" { 0 } else { 100 }).await;
            let packet = rig.until(draw, "confirming").await[0].clone();
            assert_eq!((&packet["bill_no"], &packet["sends"]), (&first["bill_no"], &json!(2)), "{packet}");
            let one = rig.one(&packet).await;
            // What came is kept, whether it was believed or not.
            let kept = one["calls"][0]["raw"].as_str().unwrap().contains("WAIT_USER_CONFIRM");
            assert_eq!(kept, fault == "bad_signature", "{one}");
            rig.confirm(&packet).await;
            rig.until(draw, "received").await;
            assert_eq!(rig.paid(&packet["bill_no"]).await, 1);
        }
        rig.books(0, 200).await;
        let books = rig.far().get("/sandbox/packets").await;
        let sends: Vec<_> = books["packets"].as_array().unwrap().iter().map(|one| &one["sends"]).collect();
        assert_eq!(sends, [2, 2], "{books}");
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_did_not_come_is_fetched_with_the_same_number() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.transfer_budget(1_000).await;
    rig.fault(json!({ "kind": "no_package" })).await;
    let draw = rig.win(1, 100).await;
    let packet = rig.until(draw, "confirming").await[0].clone();
    assert_eq!(packet["reason"], "NO_TICKET", "{packet}");
    assert!(rig.phones[0].get("/me").await["confirm"].is_null(), "nothing to confirm with");
    let confirm = rig
        .evening
        .eventually("there is something to confirm with", async || {
            rig.pass(2_000);
            rig.phones[0].get("/me").await["confirm"].get(0).cloned()
        })
        .await;
    // The sandbox's page stands for WeChat's own.
    let page = confirm["page"].as_str().unwrap();
    let html = reqwest::get(page).await.unwrap().text().await.unwrap();
    assert!(html.contains("1.00 元") && html.contains("确认收款"), "{html}");
    let form = page.replace("/sandbox/confirm/", "/sandbox/form/confirm/");
    let done = reqwest::Client::new().post(form).send().await.unwrap();
    assert!(done.text().await.unwrap().contains("已收款"));
    let paid = rig.becomes(&packet, "received").await;
    assert_eq!(paid["sends"], 2, "{paid}");
    rig.books(0, 100).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_ends_only_by_the_payers_books_and_may_then_be_reissued() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.transfer_budget(100).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "confirming").await[0].clone();
        rig.far_says(&old, "FAILED").await;
        let once = rig
            .evening
            .eventually("the payer has said it once", async || {
                let one = rig.one(&old).await;
                (one["reason"] == "failed_once").then_some(one)
            })
            .await;
        assert_eq!(once["state"], "confirming", "once is no proof");
        rig.books(100, 0).await;
        let dead = rig.until(draw, "failed").await[0].clone();
        assert_eq!(dead["reason"], "lapsed", "{dead}");
        rig.books(0, 0).await;
        let path = rig.path(&format!("/packets/{}/reissue", old["bill_no"].as_str().unwrap()));
        let new = rig.finance().post(&path, json!({})).await;
        assert_eq!((&new["attempt"], &new["channel"]), (&json!(2), &json!("transfer_v3")), "{new}");
        let new = rig.becomes(&new, "confirming").await;
        rig.confirm(&new).await;
        rig.becomes(&new, "received").await;
        assert_eq!((rig.paid(&old["bill_no"]).await, rig.paid(&new["bill_no"]).await), (0, 1));
        rig.books(0, 100).await;
        assert_eq!(rig.logged(draw).await, [(1, 1, "failed".into()), (1, 2, "sent".into())]);
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_clock_ends_nothing_and_a_paused_sender_still_asks() {
    let rig = Rig::new(Backend::Light, 2).await;
    rig.transfer_budget(1_000).await;
    let draw = rig.win(2, 100).await;
    let packets = rig.until(draw, "confirming").await;
    // The payer lags: it still waits a day and more after it should have been closed.
    rig.fault(json!({ "kind": "code", "on": "query", "code": "SYSTEM_ERROR", "count": 1_000 })).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    rig.confirm(&packets[0]).await;
    rig.evening
        .eventually("a day and a half is over", async || {
            rig.pass(HOUR);
            let packets = rig.packets(draw).await;
            assert!(packets.iter().all(|packet| packet["state"] == "confirming"), "{packets:?}");
            (rig.evening.app.now() >= super::NOON + 36 * HOUR).then_some(())
        })
        .await;
    rig.books(200, 0).await;
    rig.evening.app.clock().advance(0);
    let cleared = reqwest::Client::new().delete(format!("{}/sandbox/faults", rig.evening.sandbox));
    assert!(cleared.send().await.unwrap().status().is_success());
    // One was confirmed in time, the other was not: the payer's books say which.
    rig.evening
        .eventually("both have come to their end", async || {
            rig.pass(10 * 60_000);
            let (one, other) = (rig.one(&packets[0]).await, rig.one(&packets[1]).await);
            (one["state"] == "received" && other["state"] == "failed" && other["reason"] == "lapsed")
                .then_some(())
        })
        .await;
    rig.books(0, 100).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_only_makes_us_ask_and_only_once() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.transfer_budget(1_000).await;
        let draw = rig.win(1, 100).await;
        let packet = rig.until(draw, "confirming").await[0].clone();
        let path = format!("/sandbox/transfers/{}/callback", packet["bill_no"].as_str().unwrap());
        let fire = async |body: Value| rig.far().post(&path, body).await["answers"].clone();
        assert_eq!(fire(json!({ "forged": true })).await, json!([401]));
        assert_eq!(fire(json!({ "age_s": 301 })).await, json!([401]));
        let before = rig.one(&packet).await;
        assert_eq!(before["queries"], packet["queries"], "what is not genuine does nothing");
        assert_eq!(fire(json!({ "copies": 3 })).await, json!([204, 204, 204]));
        // It says "finished" of a transfer that still waits: the query is what counts.
        let after = rig
            .evening
            .eventually("it was asked for", async || {
                let one = rig.one(&packet).await;
                (one["queries"] != before["queries"]).then_some(one)
            })
            .await;
        assert_eq!(after["queries"].as_i64(), before["queries"].as_i64().map(|queries| queries + 1));
        assert_eq!(after["state"], "confirming");
        rig.books(100, 0).await;
        let bare = reqwest::Client::new().post(format!("{}/wechat/transfer", rig.evening.base));
        for body in ["", "{}", "not json"] {
            let refused = bare.try_clone().unwrap().body(body).send().await.unwrap();
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
            // In the payer's own form, not in ours.
            assert_eq!(refused.json::<Value>().await.unwrap()["code"], "FAIL");
        }
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_packet_by_transfer_is_confirmed_on_the_persons_own_page() {
    let rig = Rig::new(Backend::Light, 1).await;
    let body = json!({ "person_id": rig.person(0).await, "channel": "transfer_v3" });
    let sent = rig.finance().post(&rig.path("/trials"), body).await;
    assert_eq!((&sent["trial"], &sent["channel"]), (&json!(true), &json!("transfer_v3")), "{sent}");
    let packet = rig.becomes(&sent, "confirming").await;
    let me = rig.phones[0].get("/me").await;
    assert_eq!((&me["confirm"][0]["trial"], &me["confirm"][0]["draw"]), (&json!(true), &json!(0)), "{me}");
    rig.confirm(&packet).await;
    rig.becomes(&packet, "received").await;
    assert_eq!(rig.paid(&sent["bill_no"]).await, 1);
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_not_configured_is_refused_with_what_to_do() {
    let none = json!({ "transfer": { "mch_id": "" } });
    let rig = Rig::in_hall(TestApp::start(Backend::Light, none).await, 1).await;
    let new = json!({ "name": "转账", "cap_fen": 100, "channel": "transfer_v3" });
    let refusal = rig.finance().refused(&rig.path("/budgets"), new, 409, "channel_unset").await;
    assert!(refusal["detail"].as_str().unwrap().contains("transfer.mch_id"), "{refusal}");
    let trial = json!({ "person_id": rig.person(0).await, "channel": "transfer_v3" });
    rig.finance().refused(&rig.path("/trials"), trial, 409, "sender_off").await;
    let odd = json!({ "name": "转账", "cap_fen": 100, "channel": "cheque" });
    rig.finance().refused(&rig.path("/budgets"), odd, 422, "invalid").await;
    let (status, _) =
        answer(reqwest::Client::new().post(format!("{}/wechat/transfer", rig.evening.base))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    rig.evening.stop().await;

    // A merchant who has nothing else pays by transfers without anybody saying so.
    let alone = json!({ "pay": { "mch_id": "" } });
    let rig = Rig::in_hall(TestApp::start(Backend::Light, alone).await, 1).await;
    let made = rig.finance().post(&rig.path("/budgets"), json!({ "name": "奖金", "cap_fen": 100 })).await;
    assert_eq!(made["channel"], "transfer_v3", "{made}");
    assert_eq!(rig.finance().get("/api/sender").await["channels"], json!(["transfer_v3"]));
    rig.evening.stop().await;
}
