//! Who may connect, and what a socket may do.

use kaijiang::wire::Body;
use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::{Hall, socket::Door};

#[tokio::test]
async fn only_those_who_may_connect() {
    let hall = Hall::open(json!({})).await;
    let (base, meeting) = (hall.evening.base.clone(), hall.meeting.clone());
    let refused = async |door: Door| door.try_open().await.err();
    assert_eq!(refused(hall.screen().with("origin", "https://evil.example")).await, Some(403));
    assert_eq!(refused(hall.phone("o").with("origin", "https://evil.example")).await, Some(403));
    let mut without_origin = hall.phone("o");
    without_origin.headers.retain(|(name, _)| *name != "origin");
    assert_eq!(refused(without_origin).await, Some(403), "a cookie needs an Origin");
    assert_eq!(refused(Door::bearer(&base, &meeting, "screen", "wrong")).await, Some(401));
    assert_eq!(refused(Door::bearer(&base, &meeting, "control", &hall.ticket)).await, Some(401));
    let mut nobody = hall.screen();
    nobody.headers.clear();
    assert_eq!(refused(nobody).await, Some(401));
    assert_eq!(refused(Door::bearer(&base, &meeting, "king", &hall.ticket)).await, Some(422));
    let host = Door::bearer(&base, "nowhere", "control", "token-of-host-for-tests");
    assert_eq!(refused(host.clone()).await, Some(404));
    assert_eq!(refused(Door { meeting: meeting.clone(), ..host.clone() }).await, None);
    let other = hall.evening.staff("host").post("/api/meetings", json!({ "name": "另一场" })).await;
    let elsewhere = Door::bearer(&base, other["id"].as_str().unwrap(), "screen", &hall.ticket);
    assert_eq!(refused(elsewhere).await, Some(403), "the ticket is another meeting's");
    let plain =
        hall.evening.staff("host").request(reqwest::Method::GET, &format!("/ws/{meeting}?role=control"));
    assert_eq!(plain.send().await.unwrap().status().as_u16(), 426);
    hall.evening.stop().await;
}

fn raw(opcode: Data, payload: &'static [u8]) -> Message {
    Message::Frame(Frame::message(Bytes::from_static(payload), OpCode::Data(opcode), true))
}

#[tokio::test]
async fn each_fault_of_a_client_closes_with_its_code() {
    let hall = Hall::open(json!({})).await;
    let mut large = hall.screen().open().await;
    large.send(Message::text("x".repeat(4097))).await;
    assert_eq!(large.closed().await, Some(1009));
    let mut binary = hall.screen().open().await;
    binary.send(Message::binary("{}")).await;
    assert_eq!(binary.closed().await, Some(1008));
    let mut not_text = hall.screen().open().await;
    not_text.send(raw(Data::Text, b"\xFF\xFE")).await;
    assert_eq!(not_text.closed().await, Some(1007));
    let mut not_json = hall.screen().open().await;
    not_json.send(Message::text("hello")).await;
    assert_eq!(not_json.closed().await, Some(1008));
    let mut many = hall.screen().open().await;
    for _ in 0..11 {
        many.send(Message::text("{}")).await;
    }
    assert_eq!(many.closed().await, Some(1008));
    let mut polite = hall.screen().open().await;
    polite.send(Message::Close(None)).await;
    polite.closed().await;
    hall.evening
        .eventually("all sockets are gone", async || (hall.evening.app.hub().open() == 0).then_some(()))
        .await;
    hall.evening.stop().await;
}

#[tokio::test]
async fn a_session_has_only_so_many_sockets() {
    let hall = Hall::open(json!({ "limits": { "sockets": 3, "sockets_per_session": 2 } })).await;
    let first = hall.screen().open().await;
    let _second = hall.screen().open().await;
    assert_eq!(hall.screen().try_open().await.err(), Some(429));
    let _phone = hall.phone("o").open().await;
    assert_eq!(hall.phone("p").try_open().await.err(), Some(503), "the server is full");
    drop(first);
    hall.evening.eventually("a place is free", async || hall.screen().try_open().await.ok()).await;
    hall.evening.stop().await;
}

/// Tickets are for many at once; one phone cannot take the places of all others.
#[tokio::test]
async fn a_phone_has_only_twenty_sockets_whatever_a_ticket_has() {
    let hall = Hall::open(json!({ "limits": { "sockets": 100, "sockets_per_session": 100 } })).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(hall.phone("o").open().await);
    }
    assert_eq!(hall.phone("o").try_open().await.err(), Some(429));
    open.push(hall.phone("p").open().await);
    for _ in 0..21 {
        open.push(hall.screen().open().await);
    }
    hall.evening.stop().await;
}

/// The evening goes on without some of its phones, not without its host.
#[tokio::test]
async fn the_last_sockets_are_kept_for_the_hall() {
    let hall = Hall::open(json!({ "limits": { "sockets": 100 } })).await;
    let mut phones = Vec::new();
    for number in 0..98 {
        phones.push(hall.phone(&format!("o{number}")).open().await);
    }
    assert_eq!(hall.phone("one more").try_open().await.err(), Some(503));
    let host = Door::bearer(&hall.evening.base, &hall.meeting, "control", "token-of-host-for-tests");
    let _control = host.open().await;
    let _screen = hall.screen().open().await;
    assert_eq!(hall.screen().try_open().await.err(), Some(503), "now it is full");
    drop(phones);
    hall.evening.eventually("phones come in again", async || hall.phone("o").try_open().await.ok()).await;
    hall.evening.stop().await;
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_hurts_nobody() {
    let hall = Hall::open(json!({})).await;
    let mut good = hall.screen().open().await;
    let view = good.read().await["data"]["meeting"].clone();
    let mut large: kaijiang::wire::MeetingView = serde_json::from_value(view).unwrap();
    large.name = "长".repeat(10_000);
    let _slow = Door { buffer: Some(4096), ..hall.screen() }.open().await;
    let app = &hall.evening.app;
    hall.evening.eventually("both are seated", async || (app.hub().open() == 2).then_some(())).await;
    let mut sent = 0;
    while app.hub().open() == 2 {
        assert!(sent < 4000, "the slow one is still served after {sent} messages");
        for _ in 0..100 {
            app.publish_ephemeral(&hall.meeting, Body::Meeting(large.clone()));
            sent += 1;
        }
        for _ in 0..100 {
            assert_eq!(good.read_type("meeting").await["data"]["name"], large.name.as_str());
        }
    }
    hall.pause("still here").await;
    assert_eq!(good.event().await["data"]["text"], "still here");
    hall.evening.stop().await;
}

#[tokio::test]
async fn a_code_pairs_one_screen() {
    let hall = Hall::open(json!({})).await;
    let host = hall.evening.staff("host");
    let path = |what: &str| format!("/api/meetings/{}/{what}", hall.meeting);
    let pairing = host.post(&path("pairing"), json!({})).await;
    let code = pairing["code"].as_str().unwrap();
    let spaced = format!("{} {}", &code[..4], &code[4..]);
    let ticket = host.post(&path("screens"), json!({ "code": spaced })).await;
    assert_eq!(ticket["ticket"].as_str().unwrap().len(), 64);
    host.refused(&path("screens"), json!({ "code": code }), 403, "pairing_code").await;
    host.refused("/api/meetings/nowhere/screens", json!({ "code": code }), 404, "not_found").await;
    hall.evening.staff("auditor").refused(&path("pairing"), json!({}), 403, "role").await;
    let mut last = 403;
    for _ in 0..20 {
        last = host.try_post(&path("screens"), json!({ "code": "00000000" })).await.0.as_u16();
    }
    assert_eq!(last, 429, "guessing is slowed down");
    hall.evening.stop().await;
}

#[tokio::test]
async fn a_scene_is_checked() {
    let hall = Hall::open(json!({})).await;
    let host = hall.evening.staff("host");
    let path = format!("/api/meetings/{}/scene", hall.meeting);
    let lobby = host.post(&path, json!({ "name": "lobby", "text": "left out", "draw": 3 })).await;
    assert_eq!(lobby, json!({ "name": "lobby" }));
    for wrong in [
        json!({ "name": "party" }),
        json!({ "name": "ready", "round_id": "nowhere" }),
        json!({ "name": "draw", "draw": 1 }),
        json!({ "name": "pause", "text": "长".repeat(81) }),
    ] {
        host.refused(&path, wrong, 422, "invalid").await;
    }
    let mut screen = hall.screen().open().await;
    assert_eq!(screen.read().await["data"]["scene"], json!({ "name": "lobby" }));
    hall.evening.stop().await;
}

#[tokio::test]
async fn a_control_socket_ends_with_its_session() {
    let hall = Hall::open(json!({})).await;
    let host = Door::bearer(&hall.evening.base, &hall.meeting, "control", "token-of-host-for-tests");
    let mut control = host.open().await;
    assert_eq!(control.read().await["type"], "snapshot");
    let mut tx = hall.evening.app.db().begin().await.unwrap();
    sqlx::query("update staff set disabled = 1 where username = 'host'").execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(control.closed().await, Some(1008));
    hall.evening.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_says_good_bye() {
    let hall = Hall::open(json!({})).await;
    let mut socket = hall.screen().open().await;
    assert_eq!(socket.read().await["type"], "snapshot");
    let reader = async {
        let bye = socket.read_type("bye").await;
        (bye, socket.closed().await)
    };
    let ((bye, code), ()) = tokio::join!(reader, hall.evening.stop());
    assert!(bye["data"]["within_ms"].as_i64().unwrap() > 0);
    assert_eq!(code, Some(1001));
}
