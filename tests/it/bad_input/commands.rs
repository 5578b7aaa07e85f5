//! Commands: amounts, repeats, versions, things of other meetings.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, id, refusal, send};
use crate::harness::{Backend, Phone, answer};

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_whole_fen_within_limits() {
    let desk = Desk::open(Backend::Light).await;
    let before = desk.state().await;
    let fixed = |fen: &str| {
        format!(r#"{{"prize_id":"{}","seats":1,"award":{{"mode":"fixed","fen":{fen}}}}}"#, desk.prize)
    };
    let budget = |fen: &str| format!(r#"{{"name":"奖金","cap_fen":{fen}}}"#);
    let many = r#"{"mode":"split","fen":100000,"min_fen":100}"#;
    let cases = [
        ("0", "amount_range"),
        ("-1", "amount_range"),
        ("1e20", "amount_range"),
        ("9223372036854775808", "amount_range"),
        ("\"NaN\"", "amount_range"),
        ("null", "amount_range"),
        ("0.99", "amount_precision"),
        ("188.5", "amount_precision"),
    ];
    for (fen, code) in cases {
        for (path, body) in [("/rounds", fixed(fen)), ("/budgets", budget(fen))] {
            let api = if path == "/rounds" { &desk.host } else { &desk.finance };
            let request =
                api.request(Method::POST, &desk.path(path)).header("content-type", "application/json");
            let found = refusal(request.body(body)).await;
            assert_eq!((found.0, found.1.as_str()), (422, code), "{path} {fen}");
            assert!(found.2.contains("fen") || found.2.contains("award"), "{path} {fen}: field {}", found.2);
        }
    }
    for fen in ["99", "20001", "1000000000"] {
        let body: Value = serde_json::from_str(&fixed(fen)).unwrap();
        desk.host.refused(&desk.path("/rounds"), body, 422, "amount_range").await;
    }
    let split = format!(r#"{{"prize_id":"{}","seats":2,"award":{many}}}"#, desk.prize);
    desk.host
        .refused(&desk.path("/rounds"), serde_json::from_str(&split).unwrap(), 422, "amount_range")
        .await;
    let nan =
        desk.host.request(Method::POST, &desk.path("/rounds")).header("content-type", "application/json");
    assert_eq!(refusal(nan.body(fixed("NaN"))).await.1, "json");
    assert_eq!(desk.state().await, before);
    desk.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_needs_a_key_says_so() {
    let desk = Desk::open(Backend::Light).await;
    let owner = desk.evening.staff("owner");
    let document = owner.get("/api/openapi.json").await;
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array();
            let key = |one: &Value| one["name"] == "Idempotency-Key" && one["required"] == true;
            if !parameters.is_some_and(|all| all.iter().any(key)) {
                continue;
            }
            seen += 1;
            let path = path.replace("{meeting}", &desk.meeting).replace("{draw}", "1").replace("{rank}", "1");
            let path = path.replace(['{', '}'], "");
            let request = |key: Option<&'static [u8]>| {
                let request = owner.request(method.to_uppercase().parse().unwrap(), &path).json(&json!({}));
                match key {
                    Some(key) => request
                        .header("idempotency-key", reqwest::header::HeaderValue::from_bytes(key).unwrap()),
                    None => request,
                }
            };
            assert_eq!(refusal(request(None)).await.1, "idempotency_key_missing", "{method} {path}");
            assert_eq!(refusal(request(Some(b""))).await.1, "idempotency_key", "{method} {path}");
            assert_eq!(refusal(request(Some("键".as_bytes()))).await.1, "idempotency_key", "{method} {path}");
            assert_eq!(refusal(request(Some(&[b'k'; 129]))).await.1, "idempotency_key", "{method} {path}");
        }
    }
    assert!(seen >= 10, "{seen} operations need a key");
    desk.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gives_the_first_answer_and_does_nothing() {
    for backend in crate::harness::both() {
        repeat(backend).await;
    }
}

async fn repeat(backend: Backend) {
    let desk = Desk::open(backend).await;
    let commit = desk.path(&format!("/rounds/{}/commit", desk.round));
    desk.host.refused(&commit, json!({}), 422, "not_enough_eligible").await;
    Phone::enter(&desk.evening, &desk.meeting, "oBadInputGuestNumber01", "13800138000").await;
    desk.host.refused(&commit, json!({}), 422, "budget").await;
    let approve = desk.path(&format!("/budgets/{}/approve", desk.budget));
    let (status, approved) = desk.finance.post_with_key(&approve, json!({ "version": 1 }), "one").await;
    super::is_ok(status, "approve");
    assert_eq!(
        desk.finance.post_with_key(&approve, json!({ "version": 1 }), "one").await,
        (status, approved)
    );
    let other = desk.finance.post_with_key(&approve, json!({ "version": 2 }), "one").await;
    assert_eq!((other.0.as_u16(), &other.1["code"]), (409, &json!("idempotency_mismatch")));

    // A refusal changed nothing, so its key is free; scopes are the caller's and the route's own.
    let first = desk.host.post_with_key(&commit, json!({}), "one").await;
    super::is_ok(first.0, "commit");
    assert_eq!(desk.host.post_with_key(&commit, json!({}), "one").await, first);
    let again = desk.evening.staff("owner").post_with_key(&commit, json!({}), "one").await;
    assert_eq!((again.0.as_u16(), &again.1["code"]), (409, &json!("already_drawn")));
    let mismatch = desk.host.post_with_key(&commit, json!({ "x": 1 }), "one").await;
    assert_eq!((mismatch.0.as_u16(), &mismatch.1["code"]), (409, &json!("idempotency_mismatch")));
    assert_eq!(desk.host.get(&desk.path("/draws")).await.as_array().unwrap().len(), 1);

    let draw = desk.path(&format!("/draws/{}", first.1["draw"]));
    for (body, status, code) in [
        (json!({ "i": 1, "value": { "rolls": [1] } }), 409, "entropy_order"),
        (json!({ "i": 3 }), 409, "entropy_order"),
        (json!({ "i": 0, "value": { "rolls": [1] } }), 422, "entropy_value"),
        (json!({ "i": 0, "value": { "words": 3 } }), 422, "invalid"),
    ] {
        let found = refusal(send(&desk.host, Method::POST, &format!("{draw}/entropy"), &body)).await;
        assert_eq!((found.0, found.1.as_str()), (status, code), "{body}");
    }
    desk.host.post(&format!("{draw}/entropy"), json!({ "i": 0 })).await;
    for rolls in [vec![0; 11], vec![10; 12], vec![-1; 12], vec![0; 13]] {
        let body = json!({ "i": 1, "value": { "rolls": rolls } });
        desk.host.refused(&format!("{draw}/entropy"), body, 422, "entropy_value").await;
    }
    desk.host.post(&format!("{draw}/entropy"), json!({ "i": 1, "value": { "rolls": vec![0; 12] } })).await;
    let result = format!("{draw}/result");
    let winners = desk.host.post_with_key(&result, json!({}), "two").await;
    assert_eq!(desk.host.post_with_key(&result, json!({}), "two").await, winners);
    let anew = desk.host.post(&result, json!({})).await;
    assert_eq!(anew["winners"], winners.1["winners"], "a new key changes no winner");
    desk.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_saw_an_older_version_is_refused() {
    let desk = Desk::open(Backend::Light).await;
    let before = desk.state().await;
    let meeting = desk.host.get(&desk.path("")).await;
    let award = json!({ "mode": "fixed", "fen": 100 });
    let edits = [
        (String::new(), json!({ "name": "改", "settings": meeting["settings"] })),
        (format!("/prizes/{}", desk.prize), json!({ "name": "改", "ord": 0 })),
        (format!("/rounds/{}", desk.round), json!({ "prize_id": desk.prize, "seats": 1, "award": award })),
        (format!("/people/{}", desk.person), json!({ "name": "改" })),
        (format!("/budgets/{}", desk.budget), json!({ "name": "改", "cap_fen": 5 })),
    ];
    let owner = desk.evening.staff("owner");
    for (path, body) in edits {
        for version in [0, 99, -1, i64::MAX] {
            let mut body = body.clone();
            body["version"] = version.into();
            let found = refusal(send(&owner, Method::PATCH, &desk.path(&path), &body)).await;
            assert_eq!((found.0, found.1.as_str()), (409, "stale"), "{path} {version}");
        }
        let found = refusal(send(&owner, Method::PATCH, &desk.path(&path), &body)).await;
        assert_eq!(found.0, 422, "{path} without a version: {found:?}");
    }
    let approve = desk.path(&format!("/budgets/{}/approve", desk.budget));
    desk.finance.refused(&approve, json!({ "version": 99 }), 409, "stale").await;
    assert_eq!(desk.state().await, before);
    desk.finance.post(&approve, json!({ "version": 1 })).await;
    let change = json!({ "version": 2, "name": "改", "cap_fen": 5_000 });
    let path = desk.path(&format!("/budgets/{}", desk.budget));
    let found = refusal(send(&desk.finance, Method::PATCH, &path, &change)).await;
    assert_eq!((found.0, found.1.as_str()), (409, "approval_void"));
    desk.evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn things_of_another_meeting_do_not_exist() {
    let desk = Desk::open(Backend::Light).await;
    let owner = desk.evening.staff("owner");
    let other = id(&owner.post("/api/meetings", json!({ "name": "另一场" })).await);
    let file = "姓名,手机\n王五,13800138009\n";
    let import = id(&owner.import(&desk.meeting, "a.csv", file.into()).await);
    let before = desk.state().await;
    let award = json!({ "mode": "fixed", "fen": 100 });
    let round = json!({ "version": 1, "prize_id": desk.prize, "seats": 1, "award": award });
    let nothing = json!({});
    let (prize, budget, person) = (&desk.prize, &desk.budget, &desk.person);
    let cases = [
        (Method::PATCH, format!("prizes/{prize}"), json!({ "version": 1, "name": "改", "ord": 0 })),
        (Method::DELETE, format!("prizes/{prize}"), nothing.clone()),
        (Method::PATCH, format!("rounds/{}", desk.round), round),
        (Method::DELETE, format!("rounds/{}", desk.round), nothing.clone()),
        (Method::GET, format!("rounds/{}/readiness", desk.round), nothing.clone()),
        (Method::POST, format!("rounds/{}/commit", desk.round), nothing.clone()),
        (Method::PATCH, format!("people/{person}"), json!({ "version": 1, "name": "改" })),
        (Method::DELETE, format!("people/{person}"), nothing.clone()),
        (Method::POST, format!("people/{person}/unbind"), nothing.clone()),
        (Method::PATCH, format!("budgets/{budget}"), json!({ "version": 1, "name": "改", "cap_fen": 5 })),
        (Method::POST, format!("budgets/{budget}/approve"), nothing.clone()),
        (Method::GET, format!("imports/{import}"), nothing.clone()),
        (Method::POST, format!("imports/{import}/accept"), nothing.clone()),
        (Method::GET, "draws/1".to_owned(), nothing.clone()),
        (Method::GET, "draws/-1/proof".to_owned(), nothing.clone()),
        (Method::GET, "draws/99999999999999999999/pool".to_owned(), nothing.clone()),
        (Method::POST, "draws/1/result".to_owned(), nothing.clone()),
        (Method::GET, "packets/190000010920261123000000001".to_owned(), nothing.clone()),
        (Method::POST, "packets/x/cancel".to_owned(), nothing.clone()),
    ];
    for (method, rest, body) in cases {
        for meeting in [other.as_str(), "nowhere", "%00", "..%2f", "%ff"] {
            let path = format!("/api/meetings/{meeting}/{rest}");
            let (status, answer) = answer(send(&owner, method.clone(), &path, &body)).await;
            assert_eq!(
                (status.as_u16(), &answer["code"]),
                (404, &json!("not_found")),
                "{method} {path}: {answer}"
            );
        }
    }
    let foreign = json!({ "prize_id": prize, "seats": 1, "award": award });
    let path = format!("/api/meetings/{other}/rounds");
    assert!(refusal(send(&owner, Method::POST, &path, &foreign)).await.0 >= 404, "another meeting's prize");
    assert_eq!(desk.state().await, before);
    desk.evening.stop().await;
}
