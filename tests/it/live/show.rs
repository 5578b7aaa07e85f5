//! How the screen looks, and whose names it moves.

use reqwest::{Method, header};
use serde_json::{Value, json};

use super::Hall;
use crate::harness::{Api, Backend, Phone, answer, both};

/// A look that differs from the one that comes by itself.
pub(crate) fn look(version: i64) -> Value {
    json!({
        "style": "slot", "theme": "night", "music": "festive", "volume": 35, "logo": "星河", "prizes": {},
        "version": version,
    })
}

#[tokio::test]
async fn a_look_reaches_every_screen_and_stays() {
    for backend in both() {
        let hall = Hall::on(backend, json!({})).await;
        let host = hall.evening.staff("host");
        let path = format!("/api/meetings/{}/show", hall.meeting);
        let mut screen = hall.screen().open().await;
        let first = screen.read().await["data"]["show"].clone();
        let plain = json!({
            "style": "sphere", "theme": "red", "music": "off", "volume": 60, "logo": "", "prizes": {}, "version": 1,
        });
        assert_eq!(first, plain);

        let told = host.post(&path, look(1)).await;
        assert_eq!(told, look(2), "the next version");
        let event = screen.event().await;
        assert_eq!((event["type"].as_str(), &event["data"]), (Some("show"), &told));
        let mut late = hall.screen().open().await;
        assert_eq!(late.read().await["data"]["show"], told, "a late screen gets the same");

        host.refused(&path, look(1), 409, "stale").await;
        assert_eq!(host.post(&path, look(2)).await["version"], 3);
        hall.evening.stop().await;
    }
}

#[tokio::test]
async fn single_prizes_have_styles_of_their_own_while_they_exist() {
    let hall = Hall::open(json!({})).await;
    let host = hall.evening.staff("host");
    let root = format!("/api/meetings/{}", hall.meeting);
    let prize = host.post(&format!("{root}/prizes"), json!({ "name": "一等奖", "kind": "cash" })).await;
    let code = prize["code"].as_str().unwrap();
    let mut wanted = look(1);
    wanted["prizes"] = json!({ code: "cards", "gone": "scroll" });
    let told = host.post(&format!("{root}/show"), wanted).await;
    assert_eq!(told["prizes"], json!({ code: "cards" }));

    // A rehearsal looks like the evening: its prizes have the same codes.
    let new = json!({ "name": "彩排", "rehearsal_of": hall.meeting });
    let rehearsal = host.post("/api/meetings", new).await["id"].as_str().unwrap().to_owned();
    let pairing = host.post(&format!("/api/meetings/{rehearsal}/pairing"), json!({})).await;
    let paired =
        host.post(&format!("/api/meetings/{rehearsal}/screens"), json!({ "code": pairing["code"] })).await;
    let ticket = paired["ticket"].as_str().unwrap();
    let door = super::socket::Door::bearer(&hall.evening.base, &rehearsal, "screen", ticket);
    assert_eq!(door.open().await.read().await["data"]["show"], told);
    hall.evening.stop().await;
}

#[tokio::test]
async fn a_bad_look_changes_nothing() {
    let hall = Hall::open(json!({})).await;
    let path = format!("/api/meetings/{}/show", hall.meeting);
    let host = hall.evening.staff("host");
    let many: serde_json::Map<_, _> = (0..201).map(|n| (format!("p{n}"), json!("slot"))).collect();
    for (field, value, code) in [
        ("style", json!("spiral"), "invalid"),
        ("theme", json!("pink"), "invalid"),
        ("music", json!("loud"), "invalid"),
        ("volume", json!(101), "invalid"),
        ("volume", json!(-1), "invalid"),
        ("volume", json!(50.5), "invalid"),
        ("logo", json!("会".repeat(21)), "text"),
        ("logo", json!("a\u{0}"), "text"),
        ("prizes", json!({ "p1": "none" }), "invalid"),
        ("prizes", json!(many), "invalid"),
    ] {
        let mut wanted = look(1);
        wanted[field] = value;
        let answer = host.refused(&path, wanted, 422, code).await;
        assert!(answer["field"].as_str().unwrap_or("").starts_with(field), "{field}: {answer}");
    }
    for role in ["finance", "auditor"] {
        hall.evening.staff(role).refused(&path, look(1), 403, "role").await;
    }
    let nowhere = "/api/meetings/nowhere/show";
    host.refused(nowhere, look(1), 404, "not_found").await;
    assert_eq!(hall.screen().open().await.read().await["data"]["show"]["version"], 1);
    hall.evening.stop().await;
}

/// GET of the names: status, entity tag, body.
async fn names(api: &Api, meeting: &str, known: &str) -> (u16, String, Value) {
    let path = format!("/api/meetings/{meeting}/wall");
    let request = api.request(Method::GET, &path).header(header::IF_NONE_MATCH, known);
    let response = request.send().await.unwrap();
    let tag = response.headers().get(header::ETAG).map_or("", |tag| tag.to_str().unwrap()).to_owned();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, tag, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_screen_gets_the_names_in_the_pool() {
    for backend in both() {
        let settings = json!({ "require_follow": false });
        let hall = Hall::on(backend, json!({})).await;
        let host = hall.evening.staff("host");
        let root = format!("/api/meetings/{}", hall.meeting);
        let edit = json!({ "version": 1, "name": "年会", "settings": settings });
        let (status, _) = answer(host.request(Method::PATCH, &root).json(&edit)).await;
        assert!(status.is_success());
        let screen = Api::new(&hall.evening.base, hall.ticket.clone());
        let (status, empty, body) = names(&screen, &hall.meeting, "").await;
        assert_eq!((status, &body), (200, &json!({ "people": [], "more": false })));

        for (name, phone) in [("欧阳娜娜", "13800138001"), ("Nguyễn Thị Minh Khai", "13800138002")] {
            host.post(&format!("{root}/people"), json!({ "name": name, "phone": phone })).await;
            Phone::enter(&hall.evening, &hall.meeting, &format!("openid-{phone}-0000000"), phone).await;
        }
        let (status, tag, body) = names(&screen, &hall.meeting, &empty).await;
        let people = json!([{ "no": 1, "name": "欧阳娜娜" }, { "no": 2, "name": "Nguyễn Thị Minh Khai" }]);
        assert_eq!((status, &body["people"], &body["more"]), (200, &people, &json!(false)));
        assert_ne!(tag, empty);
        assert_eq!(names(&screen, &hall.meeting, &tag).await, (304, tag.clone(), Value::Null));
        assert_eq!(names(&screen, &hall.meeting, &format!("W/{tag}")).await.0, 304, "compressed on the way");
        hall.evening.stop().await;
    }
}

#[tokio::test]
async fn names_are_for_screens_of_the_meeting() {
    let hall = Hall::on(Backend::Light, json!({})).await;
    let path = format!("/api/meetings/{}/wall", hall.meeting);
    let ask = async |token: &str, path: &str| {
        let api = Api::new(&hall.evening.base, token.to_owned());
        let (status, body) = answer(api.request(Method::GET, path)).await;
        (status.as_u16(), body["code"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(ask("nothing", &path).await, (401, "pairing".into()));
    // Who may read the roster may look at a preview of the screen.
    for role in ["host", "owner", "finance", "auditor"] {
        assert_eq!(ask(&format!("token-of-{role}-for-tests"), &path).await, (200, String::new()), "{role}");
    }
    assert_eq!(ask("token-of-reviewer-for-tests", &path).await, (403, "role".into()));
    assert_eq!(ask("token-of-host-for-tests", "/api/meetings/nowhere/wall").await, (404, "not_found".into()));
    assert_eq!(ask(&hall.ticket, "/api/meetings/nowhere/wall").await, (403, "pairing".into()));
    let host = hall.evening.staff("host");
    let other = host.post("/api/meetings", json!({ "name": "另一场" })).await;
    let other = format!("/api/meetings/{}/wall", other["id"].as_str().unwrap());
    assert_eq!(ask(&hall.ticket, &other).await, (403, "pairing".into()));
    hall.evening.stop().await;
}
