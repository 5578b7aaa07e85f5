//! Messages to winners: in the chat while WeChat allows it, else by template; what did not arrive is shown.

use kaijiang::clock::Clock;
use serde_json::{Value, json};

use crate::{
    harness::{Api, Backend, Phone, TestApp, both},
    people::add,
};

const START: i64 = 1_795_406_400_000;

fn far(evening: &TestApp) -> Api {
    Api::new(&evening.sandbox, String::new())
}

async fn meeting(host: &Api, notify: Value) -> String {
    let settings =
        json!({ "commit_show_ms": 0, "require_follow": false, "min_level": "A0", "notify": notify });
    let made = host.post("/api/meetings", json!({ "name": "年会", "settings": settings })).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Everybody wins a thing.
async fn all_win(host: &Api, meeting: &str, people: usize) {
    let prize = json!({ "name": "一等奖", "kind": "goods", "goods": "一本书" });
    let prize = host.post(&format!("/api/meetings/{meeting}/prizes"), prize).await;
    let round =
        json!({ "prize_id": prize["id"], "seats": people, "sources": [{ "s": "words", "count": 1 }] });
    let round = host.post(&format!("/api/meetings/{meeting}/rounds"), round).await;
    let commit = format!("/api/meetings/{meeting}/rounds/{}/commit", round["id"].as_str().unwrap());
    host.post(&commit, json!({})).await;
    let draw = format!("/api/meetings/{meeting}/draws/1");
    host.post(&format!("{draw}/entropy"), json!({ "i": 0, "value": { "words": ["春天"] } })).await;
    host.post(&format!("{draw}/result"), json!({})).await;
}

async fn guests(evening: &TestApp, host: &Api, meeting: &str, count: usize) -> Vec<Phone> {
    let mut phones = Vec::new();
    for nth in 0..count {
        let number = format!("138001380{nth:02}");
        add(host, meeting, &format!("第{nth}人"), &number).await;
        phones.push(Phone::enter(evening, meeting, &format!("oNoticeGuestNumber{nth:04}"), &number).await);
    }
    phones
}

async fn sent(evening: &TestApp, phone: &Phone) -> Vec<Value> {
    let found = far(evening).get(&format!("/sandbox/messages?openid={}", phone.openid)).await;
    found.as_array().unwrap().clone()
}

async fn fire(evening: &TestApp, phone: &Phone, event: Value) {
    let mut body = event;
    body["openid"] = json!(phone.openid);
    far(evening).post("/sandbox/callbacks", body).await;
}

async fn ways(backend: Backend) {
    let clock = Clock::fixed(START);
    let evening = TestApp::start_at(backend, json!({}), clock.clone()).await;
    let host = evening.staff("host");
    let meeting = meeting(&host, json!({ "winners": true, "template": "T1" })).await;
    let phones = guests(&evening, &host, &meeting, 4).await;
    // The minute after a follow is over; one writes to the account, one leaves it.
    clock.advance(61_000);
    fire(&evening, &phones[0], json!({ "event": "text", "content": "你好" })).await;
    fire(&evening, &phones[2], json!({ "event": "unsubscribe" })).await;
    all_win(&host, &meeting, 4).await;
    let path = format!("/api/meetings/{meeting}/notices");
    let settled = evening
        .eventually("all messages are settled", async || {
            let page = host.get(&path).await;
            (page["sent"] == 3 && page["failed"] == 1).then_some(page)
        })
        .await;
    assert_eq!(settled["open"][0]["why"], "not_following", "{settled}");
    assert_eq!(settled["open"][0]["name"], "第2人");
    let chat = sent(&evening, &phones[0]).await;
    assert_eq!((chat.len(), &chat[0]["kind"]), (1, &json!("custom")));
    let text = chat[0]["content"]["text"]["content"].as_str().unwrap();
    assert!(text.contains("一等奖") && text.contains(&format!("/m/{meeting}")), "{text}");
    for phone in [&phones[1], &phones[3]] {
        let messages = sent(&evening, phone).await;
        assert_eq!((messages.len(), &messages[0]["kind"]), (1, &json!("template")));
        assert_eq!(messages[0]["content"]["data"]["thing2"]["value"], "一等奖");
    }
    // Later the platform says that one of them has blocked the account.
    let number = sent(&evening, &phones[3]).await[0]["content"]["msgid"].to_string();
    let done = json!({ "event": "TEMPLATESENDJOBFINISH", "key": number, "content": "failed:user block" });
    fire(&evening, &phones[3], done).await;
    let page = host.get(&path).await;
    assert_eq!((&page["sent"], &page["failed"]), (&json!(2), &json!(2)), "{page}");
    assert!(page["open"].as_array().unwrap().iter().any(|open| open["why"] == "declined"), "{page}");
    // Whoever came back gets it after a retry; those who had theirs get no second one.
    fire(&evening, &phones[2], json!({ "event": "subscribe" })).await;
    assert_eq!(host.post(&format!("{path}/retry"), json!({})).await["count"], 2);
    evening
        .eventually("the retry is settled", async || (host.get(&path).await["sent"] == 4).then_some(()))
        .await;
    for phone in [&phones[0], &phones[1]] {
        assert_eq!(sent(&evening, phone).await.len(), 1);
    }
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn winners_are_told_once_in_the_way_that_is_open() {
    for backend in both() {
        ways(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_template_is_shown_and_a_silent_meeting_says_nothing() {
    let clock = Clock::fixed(START);
    let evening = TestApp::start_at(Backend::Light, json!({}), clock.clone()).await;
    let host = evening.staff("host");
    let wrong = meeting(&host, json!({ "winners": true, "template": "bad1" })).await;
    guests(&evening, &host, &wrong, 1).await;
    clock.advance(61_000);
    all_win(&host, &wrong, 1).await;
    let path = format!("/api/meetings/{wrong}/notices");
    let page = evening
        .eventually("the refusal is shown", async || {
            let page = host.get(&path).await;
            (page["failed"] == 1).then_some(page)
        })
        .await;
    assert_eq!(page["open"][0]["why"], "config");
    clock.advance(61_000);
    let silent = meeting(&host, json!({})).await;
    let phones = guests(&evening, &host, &silent, 1).await;
    all_win(&host, &silent, 1).await;
    clock.advance(61_000);
    // The worker has looked at the other meeting again since.
    host.post(&format!("{path}/retry"), json!({})).await;
    evening
        .eventually("the worker came by", async || (host.get(&path).await["failed"] == 1).then_some(()))
        .await;
    assert_eq!(sent(&evening, &phones[0]).await, Vec::<Value>::new());
    let none = host.get(&format!("/api/meetings/{silent}/notices")).await;
    assert_eq!((&none["due"], &none["sent"], &none["failed"]), (&json!(0), &json!(0), &json!(0)));
    evening.stop().await;
}
