//! What the host's desk knows beside the evening itself: who else is there, numbers for charts, a meeting that begins
//! with what another one has.

use kaijiang::clock::Clock;
use serde_json::{Value, json};

use crate::{
    harness::{By, Phone, TestApp, Viewer, both},
    people::{add, meeting},
};

/// 2026-11-23 12:00 in Beijing.
const NOON: i64 = 1_795_406_400_000;

/// Who is at the desk, as a viewer was last told.
fn users(message: &Value) -> Vec<&str> {
    let people = message["data"]["people"].as_array().unwrap();
    people.iter().map(|one| one["user"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_see_each_other_and_screens_see_neither() {
    for backend in both() {
        let evening = TestApp::start(backend, json!({})).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        let token = |user: &str| format!("token-of-{user}-for-tests");
        let (host_token, owner_token) = (token("host"), token("owner"));
        let pairing = host.post(&format!("/api/meetings/{meeting}/pairing"), json!({})).await;
        let paired =
            host.post(&format!("/api/meetings/{meeting}/screens"), json!({ "code": pairing["code"] })).await;
        let ticket = paired["ticket"].as_str().unwrap();
        let mut screen = Viewer::open(&evening, &meeting, "screen", By::Bearer(ticket)).await;
        let mut first = Viewer::open(&evening, &meeting, "control", By::Bearer(&host_token)).await;
        let alone = |message: &Value| message["type"] == "desk" && users(message) == ["host"];
        let told = first.until("the own name", alone).await;
        assert!(told["seq"].is_null(), "no event: nobody has to hear of it twice");
        assert!(told["data"]["people"][0]["since"].as_i64().unwrap() > 0);

        let mut second = Viewer::open(&evening, &meeting, "control", By::Bearer(&owner_token)).await;
        let both = |message: &Value| message["type"] == "desk" && users(message) == ["host", "owner"];
        first.until("the second host", both).await;
        second.until("the first host", both).await;
        // The same person with two pages is one.
        let again = Viewer::open(&evening, &meeting, "control", By::Bearer(&owner_token)).await;
        drop(again);

        drop(second);
        first.seen.clear();
        first.until("the second host leave", alone).await;
        // What everybody is told comes after all that: the screen has heard of no desk.
        host.post(&format!("/api/meetings/{meeting}/scene"), json!({ "name": "pause", "text": "茶歇" }))
            .await;
        screen.until("the pause", |message| message["type"] == "scene").await;
        assert!(screen.seen.iter().all(|message| message["type"] != "desk"), "{:?}", screen.seen);
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_count_each_person_in_their_minute() {
    for backend in both() {
        let clock = Clock::fixed(NOON);
        let evening = TestApp::start_at(backend, json!({}), clock.clone()).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        let path = format!("/api/meetings/{meeting}/stats/entries");
        assert_eq!(host.get(&path).await, json!({ "minutes": [] }));
        for (nth, name) in ["甲", "乙", "丙"].iter().enumerate() {
            add(&host, &meeting, name, &format!("1380013800{nth}")).await;
        }
        Phone::enter(&evening, &meeting, "oDeskGuestNumber0000", "13800138000").await;
        Phone::enter(&evening, &meeting, "oDeskGuestNumber0001", "13800138001").await;
        clock.advance(180_000);
        Phone::enter(&evening, &meeting, "oDeskGuestNumber0002", "13800138002").await;
        let minutes = json!([{ "at": NOON, "count": 2 }, { "at": NOON + 180_000, "count": 1 }]);
        assert_eq!(host.get(&path).await["minutes"], minutes);
        let payouts = format!("/api/meetings/{meeting}/stats/payouts");
        assert_eq!(host.get(&payouts).await, json!({ "states": [], "minutes": [] }));
        evening.staff("reviewer").refused_get(&payouts, 403, "role").await;
        host.refused_get("/api/meetings/nowhere/stats/entries", 404, "not_found").await;
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_begins_with_prizes_rounds_and_settings_and_takes_the_roster_when_asked() {
    for backend in both() {
        let evening = TestApp::start(backend, json!({})).await;
        let host = evening.staff("host");
        let old = meeting(&host, false).await;
        let root = format!("/api/meetings/{old}");
        let prize = json!({ "name": "一等奖", "kind": "goods", "goods": "平板电脑" });
        let prize = host.post(&format!("{root}/prizes"), prize).await;
        let round = json!({ "prize_id": prize["id"], "seats": 2, "sources": [{ "s": "dice", "sides": 10, "count": 12 }] });
        host.post(&format!("{root}/rounds"), round).await;
        host.post(&format!("{root}/show"), crate::live::show::look(1)).await;
        for (nth, name) in ["甲", "乙", "丙"].iter().enumerate() {
            add(&host, &old, name, &format!("1380013800{nth}")).await;
        }

        let made = host.post("/api/meetings", json!({ "name": "明年", "copy_of": old })).await;
        assert_eq!(made["rehearsal"], false);
        assert_eq!(made["settings"]["require_follow"], false, "settings come along");
        let new = made["id"].as_str().unwrap();
        let rounds = host.get(&format!("/api/meetings/{new}/rounds")).await;
        assert_eq!((&rounds[0]["seats"], &rounds[0]["status"]), (&json!(2), &json!("ready")));
        let prizes = host.get(&format!("/api/meetings/{new}/prizes")).await;
        assert_eq!(prizes[0]["goods"], "平板电脑");
        assert_ne!(prizes[0]["id"], prize["id"]);
        assert_eq!(host.get(&format!("/api/meetings/{new}/people")).await["total"], 0, "nobody comes along");

        // One is there already, under another name: the report says so, and nothing is stored before it is accepted.
        add(&host, new, "改名", "13800138001").await;
        let report = host.post(&format!("/api/meetings/{new}/imports/copy"), json!({ "from": old })).await;
        assert_eq!((&report["new"], &report["update"], &report["errors"]), (&json!(2), &json!(1), &json!(0)));
        assert_eq!(host.get(&format!("/api/meetings/{new}/people")).await["total"], 1);
        let accept = format!("/api/meetings/{new}/imports/{}/accept", report["id"].as_str().unwrap());
        host.post(&accept, json!({})).await;
        assert_eq!(host.get(&format!("/api/meetings/{new}/people")).await["total"], 3);
        // The copied number is the person's own: they can be bound by it.
        Phone::enter(&evening, new, "oDeskGuestNumber0000", "13800138000").await;

        let both = json!({ "name": "明年", "copy_of": old, "rehearsal_of": old });
        assert_eq!(host.refused("/api/meetings", both, 422, "invalid").await["field"], "copy_of");
        let none = json!({ "name": "明年", "copy_of": "nowhere" });
        assert_eq!(host.refused("/api/meetings", none, 422, "invalid").await["field"], "copy_of");
        let none = json!({ "from": "nowhere" });
        host.refused(&format!("/api/meetings/{new}/imports/copy"), none.clone(), 422, "invalid").await;
        let finance = evening.staff("finance");
        finance.refused(&format!("/api/meetings/{new}/imports/copy"), none, 403, "role").await;
        evening.stop().await;
    }
}
