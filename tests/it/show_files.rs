//! What a host brings for the screen: people's photos, music, a picture of a pause; the order of prizes; who may win.

use image::ImageFormat;
use kaijiang::people::xlsx_out::demo_people;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    harness::{Api, Backend, TestApp, answer, both},
    live::show::look,
    payout::Rig,
    people::meeting,
    voucher::{encoded, photo, picture},
};

async fn send(host: &Api, (method, path): (Method, &str), bytes: Vec<u8>) -> (StatusCode, Value) {
    let request = host.request(method, path).header(header::CONTENT_TYPE, "application/octet-stream");
    answer(request.body(bytes)).await
}

async fn person(rig: &Rig, guest: usize) -> Value {
    let phone = &demo_people(guest + 1)[guest].phone;
    rig.host().get(&rig.path(&format!("/people?search={phone}"))).await["people"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_stands_on_the_winners_card_until_the_person_is_erased() {
    for backend in both() {
        let rig = Rig::new(backend, 2).await;
        let host = rig.host();
        rig.budget(1_000).await;
        let who = person(&rig, 0).await;
        let path = rig.path(&format!("/people/{}/photo", who["id"].as_str().unwrap()));
        let (status, first) = send(&host, (Method::PUT, &path), encoded(&picture(3), ImageFormat::Png)).await;
        assert_eq!(status, StatusCode::OK, "{first}");
        let (_, second) = send(&host, (Method::PUT, &path), photo(4)).await;
        let (old, id) = (first["photo"].as_str().unwrap(), second["photo"].as_str().unwrap());
        assert_ne!(old, id);
        host.refused_get(&format!("/api/pictures/{old}"), 404, "not_found").await;
        let made = image::load_from_memory(&host.bytes(&format!("/api/pictures/{id}")).await).unwrap();
        assert_eq!(made.width(), made.height(), "a square");
        assert_eq!(person(&rig, 0).await["photo"], json!(id), "the list shows it");

        let draw = rig.win(2, 188).await;
        let seats = async || {
            let view = rig.host().get(&rig.path(&format!("/draws/{draw}"))).await;
            view["winners"].as_array().unwrap().clone()
        };
        for seat in seats().await {
            let wanted = if seat["name"] == who["name"] { json!(id) } else { Value::Null };
            assert_eq!(seat.get("photo").cloned().unwrap_or_default(), wanted, "{seat}");
        }
        rig.until(draw, "received").await;
        let folder = rig.evening.dir.path().join("files/photos").join(id);
        assert!(folder.join("photo.jpg").is_file());
        let erase = rig.path(&format!("/people/{}/erase", who["id"].as_str().unwrap()));
        rig.evening.staff("owner").post(&erase, json!({ "confirm": who["name"] })).await;
        host.refused_get(&format!("/api/pictures/{id}"), 404, "not_found").await;
        assert!(!folder.join("photo.jpg").exists(), "{backend:?}: the file goes with the person");
        assert!(seats().await.iter().all(|seat| seat.get("photo").is_none()));
        rig.evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_a_picture_of_somebody_on_the_list() {
    let rig = Rig::new(Backend::Light, 1).await;
    let who = person(&rig, 0).await;
    let path = rig.path(&format!("/people/{}/photo", who["id"].as_str().unwrap()));
    let code = async |by: &Api, path: &str, bytes: Vec<u8>| {
        let (status, body) = send(by, (Method::PUT, path), bytes).await;
        (status.as_u16(), body["code"].as_str().unwrap_or("").to_owned())
    };
    let host = rig.host();
    assert_eq!(code(&host, &path, b"<svg/>".to_vec()).await, (415, "picture_type".into()));
    assert_eq!(code(&host, &rig.path("/people/nobody/photo"), photo(1)).await, (404, "not_found".into()));
    assert_eq!(code(&rig.finance(), &path, photo(1)).await, (403, "role".into()));
    assert_eq!(code(&host, &path, photo(1)).await, (200, String::new()));
    let (status, gone) = answer(host.request(Method::DELETE, &path)).await;
    assert_eq!((status, gone.get("photo")), (StatusCode::OK, None));
    rig.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn music_is_kept_by_phase_and_served_in_parts() {
    for backend in both() {
        let evening = TestApp::start(backend, json!({})).await;
        let host = evening.staff("host");
        let root = format!("/api/meetings/{}", meeting(&host, false).await);
        let song = [b"ID3\x04".to_vec(), vec![7; 996]].concat();
        let path = format!("{root}/tracks?name=%E5%BC%80%E5%9C%BA.mp3");
        let (status, made) = send(&host, (Method::POST, &path), song.clone()).await;
        assert_eq!((status, &made["name"]), (StatusCode::CREATED, &json!("开场.mp3")), "{made}");
        let (status, body) = send(&host, (Method::POST, &path), photo(1)).await;
        assert_eq!((status.as_u16(), &body["code"]), (415, &json!("track_type")));
        assert_eq!(host.get(&format!("{root}/tracks")).await, json!([made]));

        let id = made["id"].as_str().unwrap();
        let file = format!("/api/tracks/{id}");
        assert_eq!(host.bytes(&file).await, song);
        let part = host.request(Method::GET, &file).header(header::RANGE, "bytes=2-5").send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 2-5/1000");
        assert_eq!(part.headers()[header::CONTENT_TYPE], "audio/mpeg");
        assert_eq!(part.bytes().await.unwrap(), song[2..6]);
        host.refused_get("/api/tracks/nothing", 404, "not_found").await;

        let mut wanted = look(1);
        wanted["tracks"] = json!({ "joy": id, "calm": "" });
        let told = host.post(&format!("{root}/show"), wanted).await;
        assert_eq!(told["tracks"], json!({ "joy": id }));
        let mut wrong = look(2);
        wrong["tracks"] = json!({ "joy": "f".repeat(32) });
        let body = host.refused(&format!("{root}/show"), wrong, 422, "invalid").await;
        assert_eq!(body["field"], json!("tracks"));
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_may_have_a_picture() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let root = format!("/api/meetings/{}", meeting(&host, false).await);
    let path = format!("{root}/pictures?for=background");
    let (_, made) = send(&host, (Method::POST, &path), photo(1)).await;
    let scene = format!("{root}/scene");
    let told = host.post(&scene, json!({ "name": "pause", "text": "茶歇", "picture": made["id"] })).await;
    assert_eq!(told, json!({ "name": "pause", "text": "茶歇", "picture": made["id"] }));
    let wrong = json!({ "name": "pause", "picture": "f".repeat(32) });
    let body = host.refused(&scene, wrong, 422, "invalid").await;
    assert_eq!(body["field"], json!("picture"));
    // It belongs to no other scene.
    let told = host.post(&scene, json!({ "name": "lobby", "picture": made["id"] })).await;
    assert_eq!(told, json!({ "name": "lobby" }));
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prizes_are_put_in_order_all_at_once_or_not_at_all() {
    for backend in both() {
        let evening = TestApp::start(backend, json!({})).await;
        let host = evening.staff("host");
        let root = format!("/api/meetings/{}", meeting(&host, false).await);
        let mut ids = Vec::new();
        for name in ["三等奖", "二等奖", "一等奖"] {
            let made = host.post(&format!("{root}/prizes"), json!({ "name": name, "kind": "cash" })).await;
            ids.push(made["id"].as_str().unwrap().to_owned());
        }
        let order = format!("{root}/prizes/order");
        let wanted = [&ids[2], &ids[0], &ids[1]];
        let told = host.post(&order, json!({ "ids": wanted })).await;
        let listed = host.get(&format!("{root}/prizes")).await;
        assert_eq!(told, listed);
        let places = listed.as_array().unwrap().iter().map(|prize| prize["id"].as_str().unwrap());
        assert!(places.eq(wanted), "{listed}");
        for wrong in [json!([ids[0], ids[1]]), json!([ids[0], ids[1], ids[1]]), json!([ids[0], ids[1], "x"])]
        {
            host.refused(&order, json!({ "ids": wrong }), 409, "stale").await;
        }
        let finance = evening.staff("finance");
        finance.refused(&order, json!({ "ids": wanted }), 403, "role").await;
        assert_eq!(host.get(&format!("{root}/prizes")).await, listed);
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_for_few_says_how_few() {
    for backend in both() {
        let rig = Rig::new(backend, 6).await;
        rig.budget(10_000).await;
        let new = json!({ "prize_id": rig.prize, "seats": 1, "award": { "mode": "fixed", "fen": 188 } });
        let made = rig.host().post(&rig.path("/rounds"), new).await;
        let round = made["id"].as_str().unwrap();
        let eligible = async |round: &str| {
            rig.host().get(&rig.path(&format!("/rounds/{round}/eligible"))).await["eligible"]
                .as_i64()
                .unwrap()
        };
        assert_eq!(eligible(round).await, 6, "everybody who is bound, not the twenty on the list");
        let department = person(&rig, 0).await["department"].clone();
        let mut few = 0;
        for guest in 0..6 {
            few += i64::from(person(&rig, guest).await["department"] == department);
        }
        assert!((1..6).contains(&few), "the sample has departments");
        let new = json!({ "prize_id": rig.prize, "seats": 1, "award": { "mode": "fixed", "fen": 188 },
            "eligible": { "departments": [department], "groups": [] } });
        let made = rig.host().post(&rig.path("/rounds"), new).await;
        let only = made["id"].as_str().unwrap();
        assert_eq!(eligible(only).await, few);
        // Who won is out, and the commit says the same number.
        let draw = rig.win(1, 188).await;
        let ready = rig.host().get(&rig.path(&format!("/rounds/{round}/readiness"))).await;
        assert_eq!((eligible(round).await, &ready["eligible"]), (5, &json!(5)));
        rig.until(draw, "received").await;
        let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
        let path = rig.path(&format!("/rounds/{round}/eligible"));
        let refused = stranger.get(format!("{}{path}", rig.evening.base)).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        rig.evening.stop().await;
    }
}
