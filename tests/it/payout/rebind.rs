//! A winner's phone changes before the money has left: it goes to the person, on the new phone, once.

use serde_json::{Value, json};

use super::Rig;
use crate::{
    harness::{Backend, Phone, both},
    people::code,
};

async fn wins_follow(backend: Backend) {
    let rig = Rig::new(backend, 1).await;
    let people = kaijiang::people::xlsx_out::demo_people(2);
    rig.budget(1_000).await;
    rig.finance().post("/api/sender/pause", json!({})).await;
    let draw = rig.win(1, 300).await;
    let listed = rig.host().get(&rig.path(&format!("/people?search={}", people[0].phone))).await;
    let id = listed["people"][0]["id"].as_str().unwrap().to_owned();
    let unbind = rig.path(&format!("/people/{id}/unbind"));
    rig.host().refused(&unbind, json!({}), 403, "role").await;

    // Whoever owns the number cannot move a win alone.
    let mut next = Phone::new(&rig.evening, &rig.meeting, "oPayoutNextPhone000001");
    next.follow().await;
    next.log_in().await;
    rig.evening.app.clock().advance(61_000);
    let digits = next.code(&people[0].phone).await;
    assert_eq!(code(&next.try_bind(&people[0].phone, &digits).await), (409, "already_bound"));

    rig.evening.staff("reviewer").post(&unbind, json!({})).await;
    rig.evening.app.clock().advance(61_000);
    // The old phone becomes somebody else's: they see nothing of it.
    let old = &rig.phones[0];
    let digits = old.code(&people[1].phone).await;
    let (_, bound) = old.try_bind(&people[1].phone, &digits).await;
    assert_eq!(bound["place"]["index"], 0, "{bound}");
    assert_eq!(old.get("/me").await["wins"], json!([]));
    rig.finance().post("/api/sender/resume", json!({})).await;
    // Nobody to pay yet: it waits, and nothing leaves.
    rig.until_all(draw, "held", |packets| {
        !packets.is_empty() && packets.iter().all(|packet| packet["reason"] == "no_openid")
    })
    .await;
    rig.books(300, 0).await;
    assert_eq!(rig.paid_fen().await, 0);

    rig.evening.app.clock().advance(61_000);
    let digits = next.code(&people[0].phone).await;
    let (_, bound) = next.try_bind(&people[0].phone, &digits).await;
    assert_eq!(bound["place"]["index"], 1, "{bound}");
    let wins = next.get("/me").await["wins"].clone();
    assert_eq!((wins.as_array().map(Vec::len), &wins[0]["draw"]), (Some(1), &json!(draw)), "{wins}");
    let packets = rig.until(draw, "received").await;
    assert_eq!(packets.len(), 1);
    let books = crate::harness::Api::new(&rig.evening.sandbox, String::new()).get("/sandbox/packets").await;
    let paid: Vec<&Value> =
        books["packets"].as_array().unwrap().iter().map(|packet| &packet["openid"]).collect();
    assert_eq!(paid, [&json!("oPayoutNextPhone000001")], "{books}");
    rig.books(0, 300).await;
    assert_eq!(rig.paid_fen().await, 300);
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_win_goes_with_the_person_to_the_new_phone_and_is_paid_once() {
    for backend in both() {
        wins_follow(backend).await;
    }
}
