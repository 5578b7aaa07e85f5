//! Cookies, tickets, tokens and raw requests of strangers against a real server: never in, never a fault of ours.

use kaijiang::auth::{self, Attendee};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use serde_json::json;

use crate::harness::{Backend, TestApp};

/// Tries of each kind; `KAIJIANG_FUZZ=50` makes it fifty times as many.
fn tries() -> usize {
    let times = std::env::var("KAIJIANG_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    times * 60
}

/// A header's value: the good one with damage, or anything else that a header can hold.
fn forged(good: &str) -> impl Strategy<Value = String> + use<> {
    let good = good.to_owned();
    let length = good.len().max(1);
    prop_oneof![
        4 => (0..length, "[ -~]{0,3}").prop_map(move |(at, new)| {
            let at = at.min(good.len());
            format!("{}{new}{}", &good[..at], good.get(at + 1..).unwrap_or_default())
        }),
        1 => "[!-~]{0,200}",
        1 => (0..6_000_usize).prop_map(|count| "A".repeat(count)),
    ]
}

/// Values of a strategy, the same ones in every run; a failure names the one that failed.
fn values(strategy: &impl Strategy<Value = String>, count: usize) -> Vec<String> {
    let same = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), same);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_cookie_ticket_or_token_opens_nothing() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let made = evening.staff("host").post("/api/meetings", json!({ "name": "年会" })).await;
    let meeting = made["id"].as_str().unwrap();
    let cookie = auth::attendee_cookie(&evening.app, &Attendee::new("oGuest".into(), false, None));
    let state = auth::oauth_cookie(&evening.app, "state");
    let http = Client::builder().no_proxy().build().unwrap();
    let me = format!("{}/api/meetings/{meeting}/me", evening.base);
    let good = format!("kj_me={}", cookie.value());
    assert!(status(http.get(&me).header(header::COOKIE, &good)).await.is_success(), "the good one is good");
    let no = [StatusCode::UNAUTHORIZED, StatusCode::BAD_REQUEST, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];
    for value in values(&forged(cookie.value()), tries()) {
        let request = http.get(&me).header(header::COOKIE, format!("kj_me={value}"));
        // A cookie's value ends at a semicolon: what stands before it may be the whole good one.
        let same = value.split(';').next().unwrap_or_default().trim().trim_matches('"') == cookie.value();
        let status = status(request).await;
        assert!(same || no.contains(&status), "{status} for kj_me={value}");
    }
    // Sealed by us, for another purpose.
    let other = format!("kj_me={}", state.value());
    assert_eq!(status(http.get(&me).header(header::COOKIE, other)).await, StatusCode::UNAUTHORIZED);
    for value in values(&forged("token-of-host-for-tests"), tries()) {
        if value.trim() == "token-of-host-for-tests" {
            continue;
        }
        let list = format!("{}/api/meetings", evening.base);
        let answers = [
            status(http.get(&list).header(header::AUTHORIZATION, format!("Bearer {value}"))).await,
            status(http.get(&list).header(header::COOKIE, format!("kj_staff={value}"))).await,
            status(http.get(format!("{}/api/meetings/{meeting}/wall", evening.base)).bearer_auth(&value))
                .await,
        ];
        assert!(answers.iter().all(|status| no.contains(status)), "{answers:?} for {value}");
    }
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_raw_request_is_a_fault_of_ours() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let made = evening.staff("host").post("/api/meetings", json!({ "name": "年会" })).await;
    let meeting = made["id"].as_str().unwrap();
    let host = evening.staff("host");
    let text = "(\\PC|[\\[{<\"\\\\]){0,60}";
    for (nth, body) in values(&text, 4 * tries()).into_iter().enumerate() {
        let (path, kind) = [
            ("/wechat/callback?signature=x&timestamp=1&nonce=1", "text/xml"),
            ("/wechat/transfer", "application/json"),
            ("/api/meetings", "application/json"),
            ("/imports", "multipart/form-data; boundary=x"),
        ][nth % 4];
        let path =
            if path == "/imports" { format!("/api/meetings/{meeting}{path}") } else { path.to_owned() };
        let body = if nth % 4 == 3 { format!("--x\r\n{body}\r\n--x--") } else { body };
        let request = host.request(Method::POST, &path).header(header::CONTENT_TYPE, kind).body(body.clone());
        let answer = request.send().await.unwrap();
        let (status, told) = (answer.status(), answer.headers()[header::CONTENT_TYPE].clone());
        assert!(status.is_client_error(), "{status} for {path}: {body}");
        assert!(
            !path.starts_with("/api") || told == "application/problem+json",
            "{path} is answered in {told:?}"
        );
    }
    evening.stop().await;
}
