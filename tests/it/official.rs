//! The service account as all servers use it: one token, one ticket, the menu, QR codes, signatures.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{Json, Router, extract::State, http::Uri};
use futures_util::future::join_all;
use kaijiang::{app::App, clock::Clock, people::follow, wechat::jssdk};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    harness::{Api, Backend, Phone, TestApp, answer, both},
    people::meeting,
};

fn far(evening: &TestApp) -> Api {
    Api::new(&evening.sandbox, String::new())
}

async fn token_calls(evening: &TestApp) -> i64 {
    far(evening).get("/sandbox/account").await["token_calls"].as_i64().unwrap()
}

/// Asks the account about a person twenty times at once on each server.
async fn rush(servers: &[App], openid: &str) {
    let asked = servers.iter().flat_map(|app| (0..20).map(move |_| follow::check(app, openid)));
    for answer in join_all(asked).await {
        answer.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_fetch_one_token_and_refresh_it_once() {
    let evening = TestApp::start(Backend::Heavy, json!({})).await;
    let servers = [evening.app.clone(), evening.another().await];
    let host = evening.staff("host");
    let meeting = meeting(&host, true).await;
    Phone::new(&evening, &meeting, "oTokenGuestNumber00001").follow().await;
    rush(&servers, "oTokenGuestNumber00001").await;
    assert_eq!(token_calls(&evening).await, 1);
    // The platform ends it before its time: everybody finds out at once.
    let revoked = far(&evening).request(Method::DELETE, "/sandbox/tokens").send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::OK);
    rush(&servers, "oTokenGuestNumber00001").await;
    assert_eq!(token_calls(&evening).await, 2);
    assert!(follow::check(&servers[1], "oTokenGuestNumber00001").await.unwrap());
    servers[1].stop().await;
    evening.stop().await;
}

async fn put(api: &Api, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = api.request(Method::PUT, path).json(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn menu(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let host = evening.staff("host");
    let first = host.get("/api/official/menu").await;
    assert_eq!(first["buttons"][0]["url"], format!("{}/m", evening.base));
    let menu = json!({ "buttons": [
        { "name": "参加活动", "url": "https://a.example/m" },
        { "name": "关于", "buttons": [{ "name": "公司", "url": "https://a.example/" }] },
    ] });
    assert_eq!(put(&host, "/api/official/menu", &menu).await.0, StatusCode::OK);
    let made = far(&evening).get("/sandbox/account").await["menu"].clone();
    assert_eq!(
        made["button"][0],
        json!({ "type": "view", "name": "参加活动", "url": "https://a.example/m" })
    );
    assert_eq!(made["button"][1]["sub_button"][0]["name"], "公司");
    assert_eq!(host.get("/api/official/menu").await["buttons"][1]["buttons"][0]["name"], "公司");
    for wrong in [
        json!({ "buttons": [] }),
        json!({ "buttons": [{ "name": "一二三四五六", "url": "https://a.example/" }] }),
        json!({ "buttons": [{ "name": "去", "url": "javascript:alert(1)" }] }),
    ] {
        let (status, body) = put(&host, "/api/official/menu", &wrong).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("menu")), "{wrong}");
    }
    let (status, _) = put(&evening.staff("finance"), "/api/official/menu", &menu).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_is_made_from_what_was_saved() {
    for backend in both() {
        menu(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meetings_code_leads_to_that_meeting() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let older = meeting(&host, true).await;
    let newer = meeting(&host, true).await;
    let path = format!("/api/meetings/{older}/qr");
    let code = host.get(&path).await;
    assert_eq!(code["scene"], format!("m_{older}"));
    assert_eq!(host.get(&path).await, code, "one code for as long as it lives");
    let ticket = code["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    for (event, key, leads) in
        [("subscribe", ticket.as_str(), &older), ("SCAN", ticket.as_str(), &older), ("subscribe", "", &newer)]
    {
        let openid = format!("oScanGuest{event}{}", key.len());
        let body = json!({ "openid": openid, "event": event, "key": key });
        let answer = far(&evening).post("/sandbox/callbacks", body).await;
        let welcome = answer["body"].as_str().unwrap();
        assert!(welcome.contains(&format!("/m/{leads}")), "{event} {key}: {welcome}");
    }
    let http =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let to = http.get(format!("{}/m", evening.base)).send().await.unwrap();
    assert_eq!(to.headers()["location"], format!("/m/{newer}"));
    evening.stop().await;
}

/// Whoever opens the page without following is shown where to.
#[tokio::test(flavor = "multi_thread")]
async fn a_hall_that_does_not_follow_yet_gets_one_code_and_costs_one_call() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, true).await;
    let nobody = Phone::new(&evening, &meeting, "oHallGuestNumber000000");
    let refused = nobody.request(Method::GET, "/me/follow").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let mut hall: Vec<Phone> = (1..=30)
        .map(|guest| Phone::new(&evening, &meeting, &format!("oHallGuestNumber{guest:06}")))
        .collect();
    join_all(hall.iter_mut().map(Phone::log_in)).await;
    let codes = join_all(hall.iter().map(|phone| phone.get("/me/follow"))).await;
    assert_eq!(codes[0]["scene"], format!("m_{meeting}"));
    assert!(codes.iter().all(|code| code == &codes[0]), "each call makes another one: {codes:?}");
    evening.stop().await;
}

/// A platform that gives tokens and refuses codes.
async fn refusing(State(asked): State<Arc<AtomicUsize>>, uri: Uri) -> Json<Value> {
    if !uri.path().ends_with("/qrcode/create") {
        return Json(json!({ "access_token": "a-token", "expires_in": 7200 }));
    }
    asked.fetch_add(1, SeqCst);
    Json(json!({ "errcode": 45009, "errmsg": "reach max api daily quota limit" }))
}

/// A code that is kept is given also while the platform refuses others.
#[tokio::test(flavor = "multi_thread")]
async fn a_hall_that_is_refused_a_code_asks_again_only_after_a_pause() {
    let clock = Clock::fixed(1_800_000_000_000);
    let mut evening = TestApp::start_at(Backend::Heavy, json!({}), clock.clone()).await;
    let host = evening.staff("host");
    let (known, new) = (meeting(&host, true).await, meeting(&host, true).await);
    let mut phones: Vec<Phone> =
        (0..20).map(|guest| Phone::new(&evening, &new, &format!("oRefusedGuestNumber{guest:03}"))).collect();
    phones.push(Phone::new(&evening, &known, "oRefusedGuestOfAnother"));
    join_all(phones.iter_mut().map(Phone::log_in)).await;
    let other = phones.pop().unwrap();
    let code = other.get("/me/follow").await;

    let asked = Arc::new(AtomicUsize::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    let routes = Router::new().fallback(refusing).with_state(asked.clone());
    tasks.spawn(async move { axum::serve(listener, routes).await });
    evening.restart_with(&json!({ "wechat": { "api_base": far } })).await;
    let ask = || join_all(phones.iter().map(|phone| answer(phone.request(Method::GET, "/me/follow"))));
    for (ms, calls) in [(0, 1), (4_000, 1), (1_000, 2)] {
        clock.advance(ms);
        for (status, body) in ask().await {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        }
        assert_eq!(asked.load(SeqCst), calls, "after another {ms} ms");
        assert_eq!(other.get("/me/follow").await, code);
    }
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_pages_are_signed_and_the_ticket_is_fetched_once() {
    let evening = TestApp::start(Backend::Heavy, json!({})).await;
    let anybody = far(&evening);
    let visitor = Api::new(&evening.base, String::new());
    let page = format!("{}/m/abc?from=x", evening.base);
    let sign = |page: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("url", page).finish();
        format!("/api/official/jssdk?{query}")
    };
    let path = sign(&page);
    let signed = join_all((0..20).map(|_| visitor.get(&path))).await;
    let ticket = evening.app.store().get("wechat:ticket").await.unwrap().unwrap();
    for one in &signed {
        let (nonce, stamp) = (one["nonce"].as_str().unwrap(), one["timestamp"].as_i64().unwrap());
        assert_eq!(one["signature"], jssdk::signature(&ticket, nonce, stamp, &page));
    }
    assert_eq!(anybody.get("/sandbox/account").await["ticket_calls"], 1);
    let host = evening.base.trim_start_matches("http://");
    for foreign in [
        "https://evil.example/m/abc".to_owned(),
        format!("http://{host}.evil.example/"),
        format!("http://{host}@evil.example/"),
        format!("https://{host}/m/abc"),
        "nonsense".to_owned(),
    ] {
        let request = visitor.request(Method::GET, &sign(&foreign));
        let (status, body) = crate::harness::answer(request).await;
        assert_eq!((status.as_u16(), body["code"].as_str()), (422, Some("url_foreign")), "{foreign}");
    }
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_whose_callback_was_lost_is_asked_for() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, true).await;
    let mut me = Phone::new(&evening, &meeting, "oLostFollowGuest000001");
    me.log_in().await;
    assert_eq!(me.get("/me").await["step"], "follow");
    // WeChat knows the follower; its call went to nobody.
    let nobody = format!("{}/sandbox/settings", evening.sandbox);
    let lost = json!({ "openid": me.openid, "event": "subscribe", "url": nobody });
    far(&evening).post("/sandbox/callbacks", lost).await;
    evening
        .eventually("the page goes on", async || (me.get("/me").await["step"] == "bind").then_some(()))
        .await;
    evening.stop().await;
}
