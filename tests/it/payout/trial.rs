//! A test packet before the evening: real in every step, and in no draw.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Rig;
use crate::harness::{Backend, answer, both};

impl Rig {
    pub(super) async fn person(&self, at: usize) -> String {
        let name = &kaijiang::people::xlsx_out::demo_people(at + 1)[at].name;
        let people = self.host().get(&self.path(&format!("/people?search={name}"))).await;
        people["people"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_packet_goes_the_whole_way_and_counts_in_no_draw() {
    for backend in both() {
        let rig = Rig::new(backend, 1).await;
        let path = rig.path("/trials");
        let body = json!({ "person_id": rig.person(0).await });
        rig.host().refused(&path, body.clone(), 403, "role").await;
        let sent = rig.finance().post(&path, body.clone()).await;
        assert_eq!(
            (&sent["trial"], &sent["draw"], &sent["amount_fen"]),
            (&json!(true), &json!(0), &json!(100)),
            "{sent}"
        );
        let bill = sent["bill_no"].as_str().unwrap();
        let one = rig.path(&format!("/packets/{bill}"));
        let done = rig
            .evening
            .eventually("it is received", async || {
                rig.pass(1_000);
                let packet = rig.finance().get(&one).await;
                (packet["state"] == "received").then_some(packet)
            })
            .await;
        let steps: Vec<&str> =
            done["timeline"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
        assert_eq!(steps[..4], ["budgeted", "issued", "hand", "called"], "{done}");
        assert_eq!((rig.paid(&sent["bill_no"]).await, rig.paid_fen().await), (1, 100));
        // Not among budgets, awards, draws or taxes; in the books it is.
        assert_eq!(rig.finance().get(&rig.path("/budgets")).await, json!([]));
        assert_eq!(rig.finance().get(&rig.path("/awards")).await, json!([]));
        let csv = rig.finance().bytes(&rig.path("/accounting?format=csv")).await;
        assert_eq!(String::from_utf8(csv).unwrap().lines().count(), 1);
        let books = rig.finance().get("/api/finance/books").await;
        assert_eq!(
            (&books["balanced"], &books["rows"][0]["paid_fen"]),
            (&json!(true), &json!(100)),
            "{books}"
        );
        assert_eq!(rig.finance().get(&rig.path("/packets?trial=true")).await["total"], 1);
        // Its money pays no winner.
        let round = rig.round(1, 100).await;
        rig.host().refused(&rig.path(&format!("/rounds/{round}/commit")), json!({}), 422, "budget").await;
        rig.budget(100).await;
        let draw = rig.win(1, 100).await;
        rig.until(draw, "received").await;
        assert_eq!(rig.logged(draw).await.len(), 1);
        rig.books(0, 100).await;
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_bound_gets_none_and_ten_are_enough() {
    let rig = Rig::new(Backend::Light, 1).await;
    let path = rig.path("/trials");
    let unbound = json!({ "person_id": rig.person(5).await });
    let refused = rig.finance().refused(&path, unbound, 422, "no_openid").await;
    assert_eq!(refused["field"], "person_id");
    rig.finance().refused(&path, json!({ "person_id": "nobody" }), 422, "no_openid").await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let body = json!({ "person_id": rig.person(0).await });
    for _ in 0..10 {
        rig.finance().post(&path, body.clone()).await;
    }
    rig.finance().refused(&path, body, 409, "trial_limit").await;
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_are_wanted_a_test_packet_needs_two() {
    let rig = Rig::new(Backend::Light, 1).await;
    rig.finance().post(&rig.path("/four-eyes"), json!({ "on": true })).await;
    let body = json!({ "person_id": rig.person(0).await });
    let asked = rig.finance().post(&rig.path("/trials"), body).await;
    assert_eq!((&asked["kind"], &asked["fen"]), (&json!("trial"), &json!(100)));
    assert_eq!(asked["name"], kaijiang::people::xlsx_out::demo_people(1)[0].name);
    let (status, page): (StatusCode, Value) =
        answer(rig.finance().request(Method::GET, &rig.path("/packets"))).await;
    assert_eq!((status, &page["total"]), (StatusCode::OK, &json!(0)));
    let confirm = format!("/api/requests/{}/confirm", asked["id"].as_str().unwrap());
    rig.evening.staff("finance2").post(&confirm, json!({})).await;
    assert_eq!(rig.finance().get(&rig.path("/packets?trial=true")).await["total"], 1);
    rig.evening.stop().await;
}
