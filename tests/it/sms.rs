//! Codes by SMS: both providers, what their refusals mean to the person, and that nothing is sent twice or without end.

use std::time::Duration;

use kaijiang::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    harness::{Api, Backend, Phone, TestApp, both, force},
    people::{add, code, meeting},
};

const NUMBER: &str = "13800138000";
const START: i64 = 1_795_406_400_000;

fn tencent() -> Value {
    json!({ "sms": { "provider": "tencent", "template": "1110", "app_id": "1400006666" } })
}

async fn ask(me: &Phone, number: &str) -> (StatusCode, Value) {
    me.try_post("/me/code", json!({ "phone": number, "consent": true })).await
}

async fn guest(evening: &TestApp, meeting: &str, number: u32) -> Phone {
    let mut me = Phone::new(evening, meeting, &format!("oSmsGuestNumber{number:08}"));
    me.log_in().await;
    me
}

async fn sent_to(evening: &TestApp, number: &str) -> Vec<Value> {
    let far = Api::new(&evening.sandbox, String::new());
    let found = far.get(&format!("/sandbox/sms?phone={}", number.replace('+', "%2B"))).await;
    found["messages"].as_array().unwrap().clone()
}

/// What became of every SMS, oldest first.
async fn outcomes(evening: &TestApp) -> Vec<String> {
    let rows = sqlx::query("select outcome from sms_send order by at, id")
        .fetch_all(evening.app.db().read())
        .await
        .unwrap();
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

async fn fault(evening: &TestApp, fault: Value) {
    Api::new(&evening.sandbox, String::new()).post("/sandbox/faults", fault).await;
}

async fn by(backend: Backend, provider: Value, template: &str) {
    let evening = TestApp::start(backend, provider).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    for (nth, number) in ["13800138000", "+85261234567", "+886912345678", "+85366123456", "+14155550123"]
        .into_iter()
        .enumerate()
    {
        add(&host, &meeting, &format!("第{nth}人"), number).await;
        let me = guest(&evening, &meeting, u32::try_from(nth).unwrap()).await;
        assert_eq!(ask(&me, number).await.0, StatusCode::ACCEPTED);
        let messages = sent_to(&evening, number).await;
        assert_eq!(messages.len(), 1, "{number}: {messages:?}");
        assert_eq!(messages[0]["template"], template);
        let digits = messages[0]["code"].as_str().unwrap();
        assert_eq!(me.try_bind(number, digits).await.0, StatusCode::OK);
    }
    let kept = evening
        .eventually("all outcomes are kept", async || {
            let kept = outcomes(&evening).await;
            kept.iter().all(|word| word == "sent").then_some(kept.len())
        })
        .await;
    assert_eq!(kept, 5);
    let row = sqlx::query("select openid_index from sms_send limit 1")
        .fetch_one(evening.app.db().read())
        .await
        .unwrap();
    let stored: String = row.try_get(0).unwrap();
    assert!(stored.len() == 64 && !stored.contains("oSmsGuest"), "an openid stands in the open: {stored}");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_providers_carry_codes_at_home_and_abroad() {
    for backend in both() {
        by(backend, json!({}), "SMS_000000000").await;
        by(backend, tencent(), "1110").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_a_matter_of_the_operator() {
    for mut provider in [json!({ "sms": {} }), tencent()] {
        provider["sms"]["secret"] = json!("another-secret");
        let evening = TestApp::start(Backend::Light, provider).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        add(&host, &meeting, "张三", NUMBER).await;
        let me = guest(&evening, &meeting, 1).await;
        assert_eq!(ask(&me, NUMBER).await.0, StatusCode::ACCEPTED);
        let problem = trouble(&evening, &me).await;
        assert_eq!(problem["code"], "unavailable");
        // Sending is stopped for everybody, invited or not.
        let other = guest(&evening, &meeting, 2).await;
        assert_eq!(code(&ask(&other, "13700137000").await), (503, "unavailable"));
        evening.stop().await;
    }
}

/// What the person's page says about the code, once it says something.
async fn trouble(evening: &TestApp, me: &Phone) -> Value {
    evening
        .eventually("the page says what is wrong", async || {
            let page = me.get("/me").await;
            page.get("code_problem").cloned()
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_says_of_the_account_is_told_to_all_and_of_a_number_to_nobody() {
    let cases = [
        (json!({}), "isv.BUSINESS_LIMIT_CONTROL", "wait"),
        (json!({}), "isv.MOBILE_NUMBER_ILLEGAL", "number"),
        (json!({}), "isv.AMOUNT_NOT_ENOUGH", "stopped"),
        (json!({}), "isv.NEVER_HEARD_OF", "unknown"),
        (tencent(), "LimitExceeded.PhoneNumberDailyLimit", "wait"),
        (tencent(), "FailedOperation.PhoneNumberInBlacklist", "number"),
        (tencent(), "FailedOperation.InsufficientBalanceInSmsPackage", "stopped"),
        (tencent(), "FailedOperation.NeverHeardOf", "unknown"),
    ];
    for (provider, refusal, kept) in cases {
        let clock = Clock::fixed(START);
        let evening = TestApp::start_at(Backend::Light, provider, clock.clone()).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        add(&host, &meeting, "张三", NUMBER).await;
        let (me, other) = (guest(&evening, &meeting, 1).await, guest(&evening, &meeting, 2).await);
        // Not invited: nobody calls the provider for it.
        assert_eq!(ask(&other, "13700137000").await.0, StatusCode::ACCEPTED);
        fault(&evening, json!({ "kind": "code", "code": refusal, "on": "sms" })).await;
        assert_eq!(ask(&me, NUMBER).await.0, StatusCode::ACCEPTED, "the answer is everybody's");
        evening
            .eventually("the outcome is kept", async || (outcomes(&evening).await == [kept]).then_some(()))
            .await;
        if kept == "stopped" {
            assert_eq!(trouble(&evening, &me).await["code"], "unavailable");
        }
        for _ in 0..2 {
            let (mine, theirs) = (me.get("/me").await, other.get("/me").await);
            assert_eq!(mine["code_problem"], theirs["code_problem"], "{refusal} tells who is invited");
            clock.advance(61_000);
        }
        let late = me.get("/me").await["code_problem"].clone();
        assert_eq!(late["code"], "code_late", "{refusal}");
        assert!(late["detail"].as_str().unwrap().ends_with('。'), "{late}");
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_abroad_stops_nobody_at_home() {
    let cases = [
        (json!({ "sms": { "template": "SMS_HOME" } }), "SMS_GLOBAL", "config"),
        (
            json!({ "sms": { "provider": "tencent", "app_id": "1400006666", "template": "HOME1110" } }),
            "GLOBAL2220",
            "number",
        ),
    ];
    for (mut provider, global, refused) in cases {
        for configured in [false, true] {
            if configured {
                provider["sms"]["template_global"] = json!(global);
                provider["sms"]["sign_name_global"] = json!("Kaijiang");
            }
            let evening = TestApp::start(Backend::Light, provider.clone()).await;
            let host = evening.staff("host");
            let meeting = meeting(&host, false).await;
            add(&host, &meeting, "陈大文", "+85261234567").await;
            add(&host, &meeting, "张三", NUMBER).await;
            let (away, home) = (guest(&evening, &meeting, 1).await, guest(&evening, &meeting, 2).await);
            assert_eq!(ask(&away, "+85261234567").await.0, StatusCode::ACCEPTED);
            let word = if configured { "sent" } else { refused };
            evening
                .eventually("the one abroad", async || (outcomes(&evening).await == [word]).then_some(()))
                .await;
            assert_eq!(ask(&home, NUMBER).await.0, StatusCode::ACCEPTED, "stopped by a number abroad");
            let sent = evening
                .eventually("the one at home", async || sent_to(&evening, NUMBER).await.first().cloned())
                .await;
            assert_eq!(
                (&sent["template"], &sent["sign_name"]),
                (&provider["sms"]["template"], &json!("开奖"))
            );
            if configured {
                let sent = sent_to(&evening, "+85261234567").await;
                assert_eq!(
                    (&sent[0]["template"], &sent[0]["sign_name"]),
                    (&json!(global), &json!("Kaijiang"))
                );
            }
            evening.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_code_that_was_lost_is_told_so() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    add(&host, &meeting, "张三", NUMBER).await;
    let me = guest(&evening, &meeting, 1).await;
    force(evening.app.db(), "drop table sms_send", &[]).await;
    assert_eq!(ask(&me, NUMBER).await.0, StatusCode::ACCEPTED);
    assert_eq!(trouble(&evening, &me).await["code"], "unavailable");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_can_read_is_never_tried_again() {
    for provider in [json!({}), tencent()] {
        let evening = TestApp::start(Backend::Light, provider).await;
        let host = evening.staff("host");
        let meeting = meeting(&host, false).await;
        add(&host, &meeting, "张三", NUMBER).await;
        // A second call would go well, and be seen.
        fault(&evening, json!({ "kind": "garbage", "on": "sms" })).await;
        let me = guest(&evening, &meeting, 1).await;
        assert_eq!(ask(&me, NUMBER).await.0, StatusCode::ACCEPTED);
        evening
            .eventually("the outcome is kept", async || {
                (outcomes(&evening).await == ["unknown"]).then_some(())
            })
            .await;
        assert_eq!(sent_to(&evening, NUMBER).await, Vec::<Value>::new());
        assert!(me.get("/me").await.get("code_problem").is_none(), "it may have arrived");
        evening.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_does_not_wait_for_the_provider() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    add(&host, &meeting, "张三", NUMBER).await;
    fault(&evening, json!({ "kind": "timeout", "on": "sms" })).await;
    let me = guest(&evening, &meeting, 1).await;
    // The provider would keep an invited phone waiting for eight seconds; one that is not invited never waits.
    let asked = tokio::time::timeout(Duration::from_secs(5), ask(&me, NUMBER)).await;
    assert_eq!(asked.expect("who is invited shows in the time of the answer").0, StatusCode::ACCEPTED);
    evening.stop().await;
}

async fn allowance(backend: Backend) {
    let clock = Clock::fixed(START);
    let evening = TestApp::start_at(backend, json!({}), clock.clone()).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, false).await;
    for nth in 0..3 {
        add(&host, &meeting, "张三", &format!("1380013800{nth}")).await;
    }
    // Three are invited: six SMS. Asking for others costs nothing.
    let mut guests = 0;
    for sent in [3, 6] {
        for number in ["13700137000", "13800138000", "13800138001", "13800138002"] {
            guests += 1;
            let me = guest(&evening, &meeting, guests).await;
            assert_eq!(ask(&me, number).await.0, StatusCode::ACCEPTED);
        }
        // The provider has a minute of its own for each number: it begins when the SMS is sent, not when it was asked for.
        evening
            .eventually("all were sent", async || {
                (outcomes(&evening).await == vec!["sent"; sent]).then_some(())
            })
            .await;
        clock.advance(61_000);
    }
    for number in ["13700137000", "13800138000"] {
        guests += 1;
        let me = guest(&evening, &meeting, guests).await;
        assert_eq!(code(&ask(&me, number).await), (429, "sms_allowance"), "{number}");
    }
    assert_eq!(outcomes(&evening).await.len(), 6);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_spends_twice_as_many_sms_as_it_invited_people() {
    for backend in both() {
        allowance(backend).await;
    }
}
