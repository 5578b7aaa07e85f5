//! Winners travel sealed before they are told: nobody reads them earlier, and all read the same.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};

use super::{
    Hall,
    servers::second,
    socket::{Door, Socket},
};
use crate::{harness::Backend, store::redis_url};

/// A hall whose meeting is a rehearsal with one round of three seats, so that it has people who can win.
async fn rehearsal(backend: Backend, overrides: Value) -> (Hall, String) {
    let dice = json!([{ "s": "dice", "sides": 10, "count": 12 }]);
    rehearsal_of(backend, overrides, ("A1", dice)).await
}

/// The same with other randomness, which is of this level.
async fn rehearsal_of(backend: Backend, overrides: Value, (level, sources): (&str, Value)) -> (Hall, String) {
    let mut hall = Hall::on(backend, overrides).await;
    let host = hall.evening.staff("host");
    let root = format!("/api/meetings/{}", hall.meeting);
    let prize = json!({ "name": "一等奖", "kind": "goods", "goods": "电视机" });
    let prize = host.post(&format!("{root}/prizes"), prize).await;
    let settings = json!({ "commit_show_ms": 0, "min_level": level });
    let mut tx = hall.evening.app.db().begin().await.unwrap();
    sqlx::query("update meeting set settings = $1 where id = $2")
        .bind(settings.to_string())
        .bind(&hall.meeting)
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let round = json!({ "prize_id": prize["id"], "seats": 3, "sources": sources });
    host.post(&format!("{root}/rounds"), round).await;
    let new = json!({ "name": "彩排", "rehearsal_of": hall.meeting, "settings": settings });
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    hall.meeting = id(&host.post("/api/meetings", new).await);
    let root = format!("/api/meetings/{}", hall.meeting);
    let pairing = host.post(&format!("{root}/pairing"), json!({})).await;
    let ticket = host.post(&format!("{root}/screens"), json!({ "code": pairing["code"] })).await;
    hall.ticket = ticket["ticket"].as_str().unwrap().to_owned();
    let rounds = host.get(&format!("{root}/rounds")).await;
    let round = id(&rounds[0]);
    (hall, round)
}

fn opener(hall: &Hall) -> Door {
    let mut door = hall.screen();
    door.query.push_str("&sealed=true");
    door
}

/// Commits and closes the only source.
async fn close(hall: &Hall, round: &str) {
    let host = hall.evening.staff("host");
    let root = format!("/api/meetings/{}", hall.meeting);
    let made = host.post(&format!("{root}/rounds/{round}/commit"), json!({})).await;
    assert_eq!(made["draw"], 1);
    let value = json!({ "rolls": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] });
    let closed = host.post(&format!("{root}/draws/1/entropy"), json!({ "i": 0, "value": value })).await;
    assert_eq!((&closed["state"], &closed["winners"]), (&json!("closed"), &json!([])));
}

async fn reveal(hall: &Hall) -> Value {
    let path = format!("/api/meetings/{}/draws/1/result", hall.meeting);
    hall.evening.staff("host").post(&path, json!({})).await["winners"].clone()
}

/// Reads until the draw has its result, and gives everything before it and that message.
async fn until_result(socket: &mut Socket) -> (Vec<Value>, Value) {
    let mut before = Vec::new();
    loop {
        let message = socket.read().await;
        if message["data"]["draw"]["state"] == "revealed" {
            return (before, message);
        }
        before.push(message);
    }
}

fn open(sealed: &Value, opened: &Value) -> Value {
    assert_eq!(sealed["data"]["id"], opened["data"]["id"]);
    let key = hex::decode(opened["data"]["key"].as_str().unwrap()).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).unwrap());
    let mut text = STANDARD.decode(sealed["data"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text.len() % 1024, 16, "its length does not tell how long the names are");
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    serde_json::from_slice(key.open_in_place(nonce, Aad::empty(), &mut text).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_the_winners_before_the_moment() {
    let (hall, round) = rehearsal(Backend::Light, json!({})).await;
    let (mut early, mut plain) = (opener(&hall).open().await, hall.screen().open().await);
    close(&hall, &round).await;
    let sealed = early.read_type("sealed").await;
    assert!(sealed["seq"].is_null());
    let mut late = opener(&hall).open().await;
    let snapshot = late.read().await;
    assert_eq!(snapshot["data"]["draws"][0]["winners"], json!([]));
    assert_eq!(late.read_type("sealed").await["data"], sealed["data"], "who comes meanwhile gets it too");
    let proof = hall.evening.staff("host").get(&format!("/api/meetings/{}/proof", hall.meeting)).await;

    let winners = reveal(&hall).await;
    let (before, told) = until_result(&mut plain).await;
    assert_eq!((&told["type"], &told["data"]["draw"]["winners"]), (&json!("draw"), &winners));
    assert!(before.iter().all(|message| message["type"] != "sealed"), "who cannot open it does not get it");
    for socket in [&mut early, &mut late] {
        let (_, opened) = until_result(socket).await;
        assert_eq!((&opened["type"], &opened["seq"]), (&json!("opened"), &told["seq"]));
        assert_eq!(opened["data"]["draw"]["winners"], json!([]));
        assert_eq!(opened["data"]["log"], told["data"]["log"]);
        assert_eq!(open(&sealed, &opened), winners);
        let key = opened["data"]["key"].as_str().unwrap();
        for said in [&json!(before), &sealed, &snapshot, &proof] {
            let said = said.to_string();
            assert!(!said.contains(key), "the key was told before the moment");
            for winner in winners.as_array().unwrap() {
                assert!(
                    !said.contains(winner["pid"].as_str().unwrap()),
                    "a winner was told before the moment"
                );
            }
        }
    }

    // Who comes back gets it whole, and there is nothing sealed any more.
    let seq = told["seq"].as_i64().unwrap();
    let again = opener(&hall).after(seq - 1).open().await.event().await;
    assert_eq!((&again["type"], &again["data"]), (&json!("draw"), &told["data"]));
    let mut after = opener(&hall).open().await;
    assert_eq!(after.read().await["data"]["draws"][0]["winners"], winners);
    hall.pause("after").await;
    loop {
        let message = after.read().await;
        assert_ne!(message["type"], "sealed");
        if message["data"]["text"] == "after" {
            break;
        }
    }
    hall.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn winners_without_public_randomness_travel_sealed_too() {
    let (hall, round) = rehearsal_of(Backend::Light, json!({}), ("A0", json!([]))).await;
    let mut early = opener(&hall).open().await;
    let path = format!("/api/meetings/{}/rounds/{round}/commit", hall.meeting);
    let made = hall.evening.staff("host").post(&path, json!({})).await;
    assert_eq!(made["view"]["state"], "closed");
    let sealed = early.read_type("sealed").await;
    let winners = reveal(&hall).await;
    let (_, opened) = until_result(&mut early).await;
    assert_eq!((&opened["type"], open(&sealed, &opened)), (&json!("opened"), winners));
    hall.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_not_what_was_sealed_is_told_whole() {
    let (hall, round) = rehearsal(Backend::Light, json!({})).await;
    let mut socket = opener(&hall).open().await;
    close(&hall, &round).await;
    socket.read_type("sealed").await;
    // A name was put right meanwhile.
    let mut tx = hall.evening.app.db().begin().await.unwrap();
    sqlx::query("update person set name = 'Li' where meeting_id = $1")
        .bind(&hall.meeting)
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let winners = reveal(&hall).await;
    let (_, told) = until_result(&mut socket).await;
    assert_eq!((&told["type"], &told["data"]["draw"]["winners"]), (&json!("draw"), &winners));
    assert_eq!(winners[0]["name"], "Li");
    hall.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_sealed_another_one_opens() {
    let redis = json!({ "redis": { "url": redis_url(13) } });
    let (hall, round) = rehearsal(Backend::Heavy, redis).await;
    let (running, app, base) = second(&hall).await;
    let mut here = opener(&hall).open().await;
    let mut there = Door { base, ..opener(&hall) }.open().await;
    close(&hall, &round).await;
    let sealed = here.read_type("sealed").await;
    assert_eq!(there.read_type("sealed").await["data"], sealed["data"]);
    let told = kaijiang::round::reveal(&app, "host", &hall.meeting, 1).await.unwrap();
    for socket in [&mut here, &mut there] {
        let (_, opened) = until_result(socket).await;
        assert_eq!(open(&sealed, &opened), json!(told.winners));
    }
    running.stop().await.unwrap();
    hall.evening.stop().await;
}
