//! What somebody without an account, or with one phone, may use up: never what others need.

use futures_util::future::join_all;
use kaijiang::clock::Clock;
use reqwest::{StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    harness::{Api, Backend, Phone, TestApp, both},
    people::{add, code, meeting},
};

const START: i64 = 1_795_406_400_000;
const VICTIM: &str = "13800138000";
const PASSWORD: &str = "a long enough password";

async fn phone(evening: &TestApp, meeting: &str, number: u32) -> Phone {
    let mut me = Phone::new(evening, meeting, &format!("oLimitGuestNumber{number:07}"));
    me.log_in().await;
    me
}

async fn ask(me: &Phone, number: &str) -> (StatusCode, Value) {
    me.try_post("/me/code", json!({ "phone": number, "consent": true })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_codes_left_keeps_nobody_else_from_theirs() {
    for backend in both() {
        let evening = TestApp::start_at(backend, json!({}), Clock::fixed(START)).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        add(&host, &meeting, "张三", VICTIM).await;
        let attacker = phone(&evening, &meeting, 1).await;
        for nth in 0..5 {
            assert_eq!(ask(&attacker, &format!("1370013700{nth}")).await.0, StatusCode::ACCEPTED);
        }
        for _ in 0..12 {
            assert_eq!(code(&ask(&attacker, VICTIM).await), (429, "code_throttled"));
        }
        let victim = phone(&evening, &meeting, 2).await;
        assert_eq!(ask(&victim, VICTIM).await.0, StatusCode::ACCEPTED);
        // What the phone's own limit refuses is not taken from the account's.
        for _ in 0..10 {
            assert_eq!(code(&ask(&victim, VICTIM).await), (429, "code_throttled"));
        }
        evening.app.clock().advance(60_000);
        assert_eq!(ask(&victim, VICTIM).await.0, StatusCode::ACCEPTED);
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_without_a_code_are_not_counted_against_the_phone() {
    for backend in both() {
        let evening = TestApp::start_at(backend, json!({}), Clock::fixed(START)).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        add(&host, &meeting, "张三", VICTIM).await;
        let attacker = phone(&evening, &meeting, 1).await;
        for _ in 0..15 {
            assert_eq!(code(&attacker.try_bind(VICTIM, "123456").await), (400, "code_expired"));
        }
        let victim = phone(&evening, &meeting, 2).await;
        let digits = victim.code(VICTIM).await;
        assert_eq!(victim.try_bind(VICTIM, &digits).await.0, StatusCode::OK);
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_twenty_tries_an_hour_over_all_phones() {
    for backend in both() {
        let evening = TestApp::start_at(backend, json!({}), Clock::fixed(START)).await;
        let meeting = meeting(&evening.staff("host"), false).await;
        let attacker = phone(&evening, &meeting, 1).await;
        let mut tried = Vec::new();
        for nth in 0..5 {
            let number = format!("1370013700{nth}");
            assert_eq!(ask(&attacker, &number).await.0, StatusCode::ACCEPTED);
            for _ in 0..5 {
                // Not the code, but for one in a million.
                tried.push(attacker.try_bind(&number, "000000").await.0.as_u16());
            }
        }
        assert_eq!(tried[..20], [400; 20]);
        assert_eq!(tried[20..], [429; 5]);
        evening.stop().await;
    }
}

async fn login(evening: &TestApp, user: &str, password: &str) -> (u16, String) {
    let stranger = Api::new(&evening.base, String::new());
    let body = json!({ "user": user, "password": password });
    let (status, body) = stranger.post_from_page("/api/login", body).await;
    (status.as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_log_ins_at_once_compare_no_more_passwords_than_one_after_the_other() {
    for backend in both() {
        let evening = TestApp::start_at(backend, json!({}), Clock::fixed(START)).await;
        let owner = evening.staff("owner");
        let link = owner.post("/api/staff/links", json!({ "roles": ["host"], "note": "" })).await;
        let joined = json!({
            "code": link["url"].as_str().unwrap().split("#join=").nth(1).unwrap(), "user": "小王", "password": PASSWORD,
        });
        let stranger = Api::new(&evening.base, String::new());
        assert!(stranger.post_from_page("/api/join", joined).await.0.is_success());
        let answers = join_all((0..200).map(|_| login(&evening, "小王", "wrong wrong wrong"))).await;
        let compared = answers.iter().filter(|(_, code)| code == "login_failed").count();
        assert_eq!(compared, 5, "{answers:?}");
        assert!(answers.iter().all(|(_, code)| code == "login_failed" || code == "login_throttled"));
        assert_eq!(login(&evening, "小王", PASSWORD).await.1, "login_throttled", "right as it is");
        evening.app.clock().advance(15 * 60_000 + 1);
        // Who is let in has failed at nothing, however often.
        for _ in 0..8 {
            assert_eq!(login(&evening, "小王", PASSWORD).await, (200, String::new()));
        }
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_fails_so_often_a_minute_and_still_lets_others_in() {
    let evening = TestApp::start_at(Backend::Light, json!({}), Clock::fixed(START)).await;
    let mut codes = Vec::new();
    for round in 0..13 {
        let names: Vec<String> = (0..10).map(|nth| format!("nobody{round}x{nth}")).collect();
        codes.extend(join_all(names.iter().map(|name| login(&evening, name, "wrong wrong wrong"))).await);
    }
    let compared = codes.iter().filter(|(_, code)| code == "login_failed").count();
    assert_eq!(compared, 120, "the rest cost nothing");
    evening.app.clock().advance(60_000);
    assert_eq!(login(&evening, "somebody else", "wrong wrong wrong").await.1, "login_failed");
    evening.stop().await;
}

/// A browser that comes to one of the log-in's addresses.
async fn open(address: &str, cookie: &str, accept: &str) -> (u16, String, Value) {
    kaijiang::wechat::tls::install_ring();
    let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let request = http.get(address).header("accept", accept).header("cookie", cookie);
    let response = request.send().await.unwrap();
    let to = response.headers().get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
    (response.status().as_u16(), to, response.json().await.unwrap_or_default())
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_cannot_log_in_comes_to_a_page_that_says_why() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let meeting = meeting(&evening.staff("host"), false).await;
    let page = format!("/m/{meeting}");
    let back = format!("{}{page}/callback?code=1&state=2", evening.base);
    let (status, to, _) = open(&back, "", BROWSER).await;
    assert_eq!((status, to), (302, format!("{page}#login=restart")));
    let (status, to, body) = open(&back, "", "*/*").await;
    assert_eq!(
        (status, to.as_str(), &body["code"]),
        (400, "", &json!("login_restart")),
        "programs read codes"
    );
    // Who is logged in already goes where they wanted to.
    let me = phone(&evening, &meeting, 1).await;
    assert_eq!(open(&back, &me.cookie, BROWSER).await.1, page);
    assert_eq!(open(&back, "kj_me=planted", BROWSER).await.1, format!("{page}#login=restart"));
    let nowhere = format!("{}/m/nowhere/login", evening.base);
    assert_eq!(open(&nowhere, "", BROWSER).await.1, "/m/nowhere#login=unknown");
    let (status, _, body) =
        open(&format!("{}/m/a%2F..%2Fb/callback?code=1&state=2", evening.base), "", BROWSER).await;
    assert_eq!((status, &body["code"]), (404, &json!("not_found")), "no address is made of that");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_begins_and_fails_only_so_many_log_ins_a_minute() {
    let limits = json!({ "limits": { "oauth_per_minute": 20 } });
    let evening = TestApp::start_at(Backend::Light, limits, Clock::fixed(START)).await;
    let meeting = meeting(&evening.staff("host"), false).await;
    let login = format!("{}/m/{meeting}/login", evening.base);
    for _ in 0..20 {
        assert_eq!(open(&login, "", "*/*").await.0, 302);
    }
    assert_eq!(open(&login, "", "*/*").await.2["code"], "login_busy");
    assert_eq!(open(&login, "", BROWSER).await.1, format!("/m/{meeting}#login=busy"));
    evening.app.clock().advance(60_000);
    assert_eq!(open(&login, "", "*/*").await.0, 302);
    evening.stop().await;
}

/// A browser that came back from WeChat to `login`: its cookie, and where its code is taken.
async fn sent_away(login: &str) -> (String, String) {
    kaijiang::wechat::tls::install_ring();
    let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let begin = http.get(login).send().await.unwrap();
    let cookie = begin.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let to = url::Url::parse(begin.headers()["location"].to_str().unwrap()).unwrap();
    let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    (cookie, format!("{}?state={state}", login.replace("/login", "/callback")))
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_wechat_refuses_end_before_they_cost_much_and_what_came_twice_costs_nothing() {
    let limits = json!({ "limits": { "oauth_per_minute": 50 } });
    let evening = TestApp::start_at(Backend::Light, limits, Clock::fixed(START)).await;
    let meeting = meeting(&evening.staff("host"), false).await;
    let login = format!("{}/m/{meeting}/login", evening.base);
    let (cookie, back) = sent_away(&login).await;
    let refused = async |cookie: &str, address: &str| open(address, cookie, "*/*").await.2["code"].clone();
    // The same state once more, from one whose code WeChat refused: however often, nobody else is kept out.
    for _ in 0..20 {
        assert_eq!(refused(&cookie, &format!("{back}&code=made-up")).await, "login_restart");
    }
    for nth in 0..6 {
        let (cookie, back) = sent_away(&login).await;
        let expected = if nth < 4 { "login_restart" } else { "login_busy" };
        assert_eq!(refused(&cookie, &format!("{back}&code=made-up-{nth}")).await, expected, "{nth}");
    }
    evening.stop().await;
}
