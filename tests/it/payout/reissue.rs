//! A new bill number is given only when the old one is proved dead, and then pays once.

use serde_json::{Value, json};

use super::Rig;
use crate::harness::{Api, Phone, both};

const TEN_MINUTES: i64 = 10 * 60_000;
const DAY: i64 = 24 * 3_600_000;

impl Rig {
    fn reissue(&self, packet: &Value) -> String {
        self.path(&format!("/packets/{}/reissue", packet["bill_no"].as_str().unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_refusal_is_reissued_after_two_looks_and_paid_once() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "openid_error" })).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "refused").await[0].clone();
        let (finance, path) = (rig.finance(), rig.reissue(&old));
        rig.host().refused(&path, json!({}), 403, "role").await;
        finance.refused(&path, json!({}), 409, "ask_again").await;
        finance.refused(&path, json!({}), 409, "ask_again").await;
        rig.pass(TEN_MINUTES);
        let new = finance.post(&path, json!({})).await;
        assert_ne!(new["bill_no"], old["bill_no"]);
        assert_eq!((&new["attempt"], &new["award_id"]), (&json!(2), &old["award_id"]));
        finance.refused(&path, json!({}), 409, "reissued").await;
        rig.paid_anew(draw, 2).await;
        assert_eq!((rig.paid(&old["bill_no"]).await, rig.paid(&new["bill_no"]).await), (0, 1));
        rig.books(0, 100).await;
        assert_eq!(rig.logged(draw).await, [(1, 1, "failed".into()), (1, 2, "sent".into())]);
        rig.evening.stop().await;
    }
}

/// Refused as the openid was wrong: the person binds the right one, and the new number goes there.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_number_goes_to_the_wechat_that_its_person_has_bound_now() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "openid_error" })).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "refused").await[0].clone();
        let (finance, path) = (rig.finance(), rig.reissue(&old));
        finance.refused(&path, json!({}), 409, "ask_again").await;
        let phone = &kaijiang::people::xlsx_out::demo_people(1)[0].phone;
        let listed = rig.host().get(&rig.path(&format!("/people?search={phone}"))).await;
        let id = listed["people"][0]["id"].as_str().unwrap().to_owned();
        rig.evening.staff("reviewer").post(&rig.path(&format!("/people/{id}/unbind")), json!({})).await;
        rig.pass(TEN_MINUTES);
        finance.post(&path, json!({})).await;
        // Nobody is bound: the new number waits, and goes nowhere near the old openid.
        let waits = |packet: &Value| packet["attempt"] == 2 && packet["reason"] == "no_openid";
        rig.until_all(draw, "waits for a binding", |packets| packets.iter().any(waits)).await;
        Phone::enter(&rig.evening, &rig.meeting, "oPayoutRightPhone00001", phone).await;
        rig.paid_anew(draw, 2).await;
        let books = Api::new(&rig.evening.sandbox, String::new()).get("/sandbox/packets").await;
        let paid: Vec<&Value> =
            books["packets"].as_array().unwrap().iter().map(|one| &one["openid"]).collect();
        assert_eq!(paid, [&json!("oPayoutRightPhone00001")], "{books}");
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_open_or_not_known_keeps_its_number() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "notenough" })).await;
        let draw = rig.win(1, 100).await;
        let packet = rig.until(draw, "blocked").await[0].clone();
        let (finance, path) = (rig.finance(), rig.reissue(&packet));
        finance.refused(&path, json!({}), 409, "outcome_unknown").await;
        finance.post("/api/sender/resume", json!({})).await;
        rig.until(draw, "received").await;
        finance.refused(&path, json!({}), 409, "already_paid").await;
        let nowhere = rig.path("/packets/190000010920261123AAAAAAAAAA/reissue");
        finance.refused(&nowhere, json!({}), 404, "not_found").await;
        assert_eq!(rig.packets(draw).await.len(), 1);
        rig.evening.stop().await;
    }
}

impl Rig {
    /// Until the newest number of the draw's only award is paid.
    async fn paid_anew(&self, draw: i64, attempt: i64) {
        let paid = |packet: &Value| packet["attempt"] == attempt && packet["state"] == "received";
        self.until_all(draw, "paid anew", |packets| packets.iter().any(paid)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_number_is_reissued_from_the_same_budget() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        let budget = rig.budget(100).await;
        rig.fault(json!({ "kind": "send_failed" })).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "failed").await[0].clone();
        rig.books(0, 0).await;
        let (finance, path) = (rig.finance(), rig.reissue(&old));
        // The payer is asked at that moment: no answer, or another one, proves nothing.
        rig.fault(json!({ "kind": "still_sending" })).await;
        finance.refused(&path, json!({}), 409, "not_dead").await;
        rig.fault(json!({ "kind": "not_found" })).await;
        finance.refused(&path, json!({}), 409, "ask_again").await;
        // Its money is free meanwhile: without it there is no new number.
        let one = rig.path(&format!("/budgets/{budget}"));
        let version = finance.get(&rig.path("/budgets")).await[0]["version"].clone();
        let lowered = finance.post(&format!("{one}/cap"), json!({ "version": version, "cap_fen": 99 })).await;
        finance.refused(&path, json!({}), 422, "budget").await;
        let version = &lowered["version"];
        finance.post(&format!("{one}/cap"), json!({ "version": version, "cap_fen": 100 })).await;
        let new = finance.post(&path, json!({})).await;
        assert_eq!((&new["attempt"], &new["amount_fen"]), (&json!(2), &json!(100)));
        rig.paid_anew(draw, 2).await;
        assert_eq!((rig.paid(&old["bill_no"]).await, rig.paid(&new["bill_no"]).await), (0, 1));
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_unopened_is_sent_again_under_a_new_number() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(100).await;
        rig.fault(json!({ "kind": "unopened" })).await;
        let draw = rig.win(1, 100).await;
        rig.until(draw, "sent").await;
        rig.pass(DAY + 60_000);
        let old = rig.until(draw, "refunded").await[0].clone();
        rig.books(0, 0).await;
        // Held back, so that the reservation can be seen.
        rig.finance().post("/api/sender/pause", json!({})).await;
        let new = rig.finance().post(&rig.reissue(&old), json!({})).await;
        rig.books(100, 0).await;
        rig.finance().post("/api/sender/resume", json!({})).await;
        rig.paid_anew(draw, 2).await;
        // The payer's books: both went out, one came back.
        assert_eq!((rig.paid(&old["bill_no"]).await, rig.paid(&new["bill_no"]).await), (1, 1));
        assert_eq!(
            rig.logged(draw).await,
            [(1, 1, "refunded".into()), (1, 1, "sent".into()), (1, 2, "sent".into())]
        );
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_reissue_at_once_make_one_new_number() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.fault(json!({ "kind": "send_failed" })).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "failed").await[0].clone();
        let path = rig.reissue(&old);
        let (one, two) = (rig.finance(), rig.evening.staff("owner"));
        let (a, b) = tokio::join!(one.try_post(&path, json!({})), two.try_post(&path, json!({})));
        assert_eq!(usize::from(a.0.is_success()) + usize::from(b.0.is_success()), 1, "{a:?} {b:?}");
        let (status, lost) = if a.0.is_success() { &b } else { &a };
        assert_eq!(status.as_u16(), 409, "{lost}");
        rig.paid_anew(draw, 2).await;
        assert_eq!((rig.packets(draw).await.len(), rig.paid_fen().await), (2, 100));
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

/// The payer takes back that it failed, after its money was released.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_success_is_paid_from_money_of_its_own_or_waits_for_some() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        let budget = rig.budget(100).await;
        rig.fault(json!({ "kind": "send_failed" })).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "failed").await[0].clone();
        let (finance, bill) = (rig.finance(), old["bill_no"].as_str().unwrap());
        let cap = async |fen: i64| {
            let version = finance.get(&rig.path("/budgets")).await[0]["version"].clone();
            let path = rig.path(&format!("/budgets/{budget}/cap"));
            finance.post(&path, json!({ "version": version, "cap_fen": fen })).await;
        };
        // Meanwhile there is nothing left in its budget.
        cap(99).await;
        let far = Api::new(&rig.evening.sandbox, String::new());
        far.post(&format!("/sandbox/packets/{bill}/status"), json!({ "status": "SENT" })).await;
        let (status, answer) = finance.try_post(&rig.reissue(&old), json!({})).await;
        assert_eq!(status.as_u16(), 409, "{answer}");
        let waits = rig.packets(draw).await[0].clone();
        assert_eq!((&waits["state"], &waits["reason"]), (&json!("needs_human"), &json!("late_success")));
        let ask = rig.path(&format!("/packets/{bill}/ask"));
        rig.pass(11_000);
        finance.post(&ask, json!({})).await;
        let waits = rig.packets(draw).await[0].clone();
        assert_eq!((&waits["state"], &waits["reason"]), (&json!("needs_human"), &json!("late_success")));
        rig.books(0, 0).await;
        cap(100).await;
        rig.pass(11_000);
        finance.post(&ask, json!({})).await;
        assert_ne!(rig.packets(draw).await[0]["state"], "needs_human");
        rig.books(0, 100).await;
        assert_eq!(rig.paid(&old["bill_no"]).await, 1);
        rig.evening.stop().await;
    }
}
