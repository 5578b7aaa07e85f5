//! Where two persons are wanted, one alone moves no money.

use serde_json::{Value, json};

use super::Rig;
use crate::harness::{Api, Backend, answer, both};

const DAY: i64 = 86_400_000;
const TEN_MINUTES: i64 = 10 * 60_000;

impl Rig {
    fn second(&self) -> Api {
        self.evening.staff("finance2")
    }

    async fn two_persons(&self) {
        self.finance().post(&self.path("/four-eyes"), json!({ "on": true })).await;
    }

    /// A budget that the first person makes and the second approves.
    async fn two_budget(&self, fen: i64) -> (String, i64) {
        let made =
            self.finance().post(&self.path("/budgets"), json!({ "name": "奖金", "cap_fen": fen })).await;
        let one = self.path(&format!("/budgets/{}", made["id"].as_str().unwrap()));
        self.finance().refused(&format!("{one}/approve"), json!({}), 403, "second_person").await;
        let approved = self.second().post(&format!("{one}/approve"), json!({})).await;
        assert_eq!((&approved["status"], &approved["approved_by"]), (&json!("approved"), &json!("finance2")));
        (one, approved["version"].as_i64().unwrap())
    }

    async fn requests(&self) -> Vec<Value> {
        self.finance().get(&self.path("/requests")).await.as_array().unwrap().clone()
    }
}

fn confirm(request: &Value) -> String {
    format!("/api/requests/{}/confirm", request["id"].as_str().unwrap())
}

fn refuse(request: &Value) -> String {
    format!("/api/requests/{}/refuse", request["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_turns_it_off() {
    let rig = Rig::new(Backend::Light, 0).await;
    let path = rig.path("/four-eyes");
    assert_eq!(rig.finance().get(&path).await, json!({ "on": false, "fixed": false }));
    rig.host().refused(&path, json!({ "on": true }), 403, "role").await;
    rig.two_persons().await;
    rig.finance().refused(&path, json!({ "on": false }), 403, "role").await;
    // Not by the settings either.
    let meeting = rig.host().get(&rig.path("")).await;
    let mut settings = meeting["settings"].clone();
    assert_eq!(settings["four_eyes"], true);
    settings["four_eyes"] = json!(false);
    let edit = json!({ "version": meeting["version"], "name": "年会", "settings": settings });
    let (status, body) = answer(rig.host().request(reqwest::Method::PATCH, &rig.path("")).json(&edit)).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("role")));
    let off = rig.evening.staff("owner").post(&path, json!({ "on": false })).await;
    assert_eq!(off["on"], false);
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_holds_for_every_meeting() {
    let mut rig = Rig::new(Backend::Light, 0).await;
    rig.evening.restart_with(&json!({ "limits": { "four_eyes": true } })).await;
    let path = rig.path("/four-eyes");
    assert_eq!(rig.finance().get(&path).await, json!({ "on": true, "fixed": true }));
    rig.two_budget(500).await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_and_its_rise_need_a_second_person() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        rig.two_persons().await;
        let (one, version) = rig.two_budget(200).await;
        let cap = format!("{one}/cap");
        let round = rig.round(2, 200).await;
        let commit = rig.path(&format!("/rounds/{round}/commit"));
        rig.host().refused(&commit, json!({}), 422, "budget").await;
        rig.finance().refused(&cap, json!({ "version": version + 7, "cap_fen": 400 }), 409, "stale").await;
        let asked = rig.finance().post(&cap, json!({ "version": version, "cap_fen": 400 })).await;
        assert_eq!(
            (&asked["kind"], &asked["fen"], &asked["asked_by"], &asked["status"], &asked["name"]),
            (&json!("budget_raise"), &json!(400), &json!("finance"), &json!("open"), &json!("奖金"))
        );
        rig.host().refused(&commit, json!({}), 422, "budget").await;
        rig.second().refused(&cap, json!({ "version": version, "cap_fen": 500 }), 409, "request_open").await;
        rig.finance().refused(&confirm(&asked), json!({}), 403, "second_person").await;
        rig.host().refused(&confirm(&asked), json!({}), 403, "role").await;
        // Two who confirm at once do it once.
        let owner = rig.evening.staff("owner");
        let (second, path) = (rig.second(), confirm(&asked));
        let (a, b) = tokio::join!(second.try_post(&path, json!({})), owner.try_post(&path, json!({})));
        let mut statuses = [a.0.as_u16(), b.0.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{a:?} {b:?}");
        rig.host().post(&commit, json!({})).await;
        // Less is nobody's risk, but never less than what is promised already.
        let now = rig.finance().get(&rig.path("/budgets")).await[0].clone();
        assert_eq!((&now["cap_fen"], &now["changed_by"]), (&json!(400), &json!("finance")));
        let version = now["version"].as_i64().unwrap();
        let low = json!({ "version": version, "cap_fen": 399 });
        let low = rig.finance().refused(&cap, low, 422, "amount_range").await;
        assert_eq!(low["field"], "cap_fen");
        rig.books(400, 0).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reissue_waits_for_the_second_person_and_then_pays_once() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        rig.budget(1_000).await;
        rig.two_persons().await;
        rig.fault(json!({ "kind": "openid_error" })).await;
        let draw = rig.win(1, 100).await;
        let old = rig.until(draw, "refused").await[0].clone();
        let path = rig.path(&format!("/packets/{}/reissue", old["bill_no"].as_str().unwrap()));
        let asked = rig.finance().post(&path, json!({})).await;
        assert_eq!((&asked["kind"], &asked["fen"]), (&json!("reissue"), &json!(100)));
        assert_eq!(rig.packets(draw).await.len(), 1, "asking is not doing");
        // The payer is asked when it is done; a refusal leaves the request open.
        rig.second().refused(&confirm(&asked), json!({}), 409, "ask_again").await;
        rig.pass(TEN_MINUTES);
        let owner = rig.evening.staff("owner");
        let (second, path) = (rig.second(), confirm(&asked));
        let (a, b) = tokio::join!(second.try_post(&path, json!({})), owner.try_post(&path, json!({})));
        assert_eq!(usize::from(a.0.is_success()) + usize::from(b.0.is_success()), 1, "{a:?} {b:?}");
        for (status, body) in [&a, &b] {
            assert!(status.as_u16() < 500, "{body}");
        }
        rig.evening
            .eventually("the new number is paid", async || {
                rig.pass(1_000);
                let packets = rig.packets(draw).await;
                packets.iter().any(|packet| packet["state"] == "received").then_some(())
            })
            .await;
        let packets = rig.packets(draw).await;
        assert_eq!(packets.len(), 2, "{packets:?}");
        assert_eq!(rig.paid_fen().await, 100);
        // The story of the old number names both.
        let story =
            rig.finance().get(&rig.path(&format!("/packets/{}", old["bill_no"].as_str().unwrap()))).await;
        let steps = story["timeline"].as_array().unwrap();
        let hand = steps.iter().find(|step| step["step"] == "hand").unwrap();
        assert_eq!((&hand["what"], &hand["who"]), (&json!("reissue"), &json!("finance")));
        assert!(["finance2", "owner"].contains(&hand["second"].as_str().unwrap()), "{hand}");
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_refused_withdrawn_and_expire() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.budget(1_000).await;
    rig.two_persons().await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let draw = rig.win(1, 100).await;
    let bill = rig.packets(draw).await[0]["bill_no"].as_str().unwrap().to_owned();
    let cancel = rig.path(&format!("/packets/{bill}/cancel"));
    let ask = async || rig.finance().post(&cancel, json!({})).await;

    let first = ask().await;
    assert_eq!(rig.finance().post(&refuse(&first), json!({})).await["status"], "withdrawn");
    rig.second().refused(&confirm(&first), json!({}), 409, "request_closed").await;
    let second = ask().await;
    assert_eq!(rig.second().post(&refuse(&second), json!({})).await["status"], "refused");
    let third = ask().await;
    rig.pass(DAY);
    rig.second().refused(&confirm(&third), json!({}), 409, "request_closed").await;
    assert_eq!(rig.packets(draw).await[0]["state"], "queued");
    let fourth = ask().await;
    assert_eq!(rig.second().post(&confirm(&fourth), json!({})).await["status"], "confirmed");
    assert_eq!(rig.packets(draw).await[0]["state"], "cancelled");
    let told = rig.requests().await;
    let mut told: Vec<&str> = told.iter().map(|one| one["status"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ["confirmed", "expired", "refused", "withdrawn"]);
    rig.books(0, 0).await;
    rig.second().refused("/api/requests/nothing/confirm", json!({}), 404, "not_found").await;
    rig.evening.stop().await;
}
