//! What WeChat tells us: signed, fresh, once; plain and in safe mode.

use kaijiang::wechat::{
    callback::{Callbacks, signature},
    safe_mode::AesKey,
    xml,
};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::Row;

use crate::harness::{Backend, TestApp, both};

const TOKEN: &str = "kaijiangdemo";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const OPENID: &str = "oCallbackGuest00000001";

fn event(name: &str, created_s: i64) -> String {
    let stamp = created_s.to_string();
    xml::write([
        ("ToUserName", "gh_1"),
        ("FromUserName", OPENID),
        ("CreateTime", stamp.as_str()),
        ("MsgType", "event"),
        ("Event", name),
        ("EventKey", ""),
    ])
}

async fn send(evening: &TestApp, body: String, timestamp: i64, token: &str) -> (StatusCode, String) {
    let stamp = timestamp.to_string();
    let mut query = vec![
        ("signature", signature(&[token, &stamp, "77"])),
        ("timestamp", stamp.clone()),
        ("nonce", "77".to_owned()),
    ];
    let sealed = xml::parse(body.as_bytes()).ok();
    if let Some(encrypted) = sealed.as_ref().and_then(|fields| fields.get("Encrypt")) {
        query.push(("encrypt_type", "aes".to_owned()));
        query.push(("msg_signature", signature(&[token, &stamp, "77", encrypted])));
    }
    kaijiang::wechat::tls::install_ring();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{}/wechat/callback", evening.base)).query(&query);
    let response = request.header("content-type", "text/xml").body(body).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

async fn follows(evening: &TestApp) -> Option<i64> {
    let row = sqlx::query("select subscribed from follower where openid = $1")
        .bind(OPENID)
        .fetch_optional(evening.app.db().read())
        .await
        .unwrap();
    row.map(|row| row.try_get(0).unwrap())
}

async fn open_meeting(evening: &TestApp) -> String {
    let made = evening.staff("host").post("/api/meetings", json!({ "name": "<年会>" })).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn plain(backend: Backend) {
    let evening = TestApp::start(backend, json!({})).await;
    let meeting = open_meeting(&evening).await;
    let now = evening.app.now() / 1000;
    assert_eq!(send(&evening, event("subscribe", now), now, "another").await.0, StatusCode::FORBIDDEN);
    assert_eq!(send(&evening, event("subscribe", now), now - 601, TOKEN).await.0, StatusCode::FORBIDDEN);
    assert_eq!(follows(&evening).await, None, "a refused callback changes nothing");
    let (status, welcome) = send(&evening, event("subscribe", now), now, TOKEN).await;
    assert_eq!(status, StatusCode::OK);
    let reply = xml::parse(welcome.as_bytes()).unwrap();
    assert!(
        reply.text("Content").contains("<年会>") && reply.text("Content").contains(&meeting),
        "{welcome}"
    );
    assert_eq!(reply.text("ToUserName"), OPENID);
    assert_eq!(
        send(&evening, event("subscribe", now), now, TOKEN).await.1,
        "success",
        "a repeat is not answered twice"
    );
    assert_eq!(follows(&evening).await, Some(1));
    assert_eq!(send(&evening, event("unsubscribe", now + 2), now, TOKEN).await.1, "success");
    assert_eq!(follows(&evening).await, Some(0));
    send(&evening, event("SCAN", now + 1), now, TOKEN).await;
    assert_eq!(follows(&evening).await, Some(0), "older news do not replace newer ones");
    let large = format!("<xml><A>{}</A></xml>", "x".repeat(70_000));
    assert_eq!(send(&evening, large, now, TOKEN).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(&evening, "<xml><A>1</A></xml>".into(), now, TOKEN).await.0, StatusCode::FORBIDDEN);
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_are_known_from_signed_callbacks_only() {
    for backend in both() {
        plain(backend).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_mode_takes_and_gives_sealed_messages_only() {
    let evening = TestApp::start(Backend::Light, json!({ "wechat": { "aes_key": AES_KEY } })).await;
    open_meeting(&evening).await;
    let now = evening.app.now() / 1000;
    assert_eq!(send(&evening, event("subscribe", now), now, TOKEN).await.0, StatusCode::FORBIDDEN);
    let key = || AesKey::parse(AES_KEY).unwrap();
    let theirs = Callbacks::new(TOKEN.into(), "wx0000000000000000".to_owned(), vec![key()]);
    let sealed = theirs.seal(&event("subscribe", now), now, "77", [5; 16]).unwrap();
    let (status, answer) = send(&evening, sealed, now, TOKEN).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(follows(&evening).await, Some(1));
    let fields = xml::parse(answer.as_bytes()).unwrap();
    let reply = key().decrypt(fields.text("Encrypt"), "wx0000000000000000").unwrap();
    assert!(reply.contains("年会"), "{reply}");
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_of_the_key_the_former_one_still_opens_messages() {
    const NEW: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
    let keys = json!({ "wechat": { "aes_key": NEW, "aes_key_before": AES_KEY } });
    let evening = TestApp::start(Backend::Light, keys).await;
    open_meeting(&evening).await;
    let now = evening.app.now() / 1000;
    let sealed_with = |key: &str, name: &str| {
        let key = AesKey::parse(key).unwrap();
        let theirs = Callbacks::new(TOKEN.into(), "wx0000000000000000".to_owned(), vec![key]);
        theirs.seal(&event(name, now), now, "77", [5; 16]).unwrap()
    };
    let (status, answer) = send(&evening, sealed_with(AES_KEY, "subscribe"), now, TOKEN).await;
    assert_eq!((status, follows(&evening).await), (StatusCode::OK, Some(1)), "{answer}");
    let fields = xml::parse(answer.as_bytes()).unwrap();
    let reply = AesKey::parse(NEW).unwrap().decrypt(fields.text("Encrypt"), "wx0000000000000000");
    assert!(reply.unwrap().contains("年会"), "answers are sealed with the present one");
    let (status, _) = send(&evening, sealed_with(NEW, "unsubscribe"), now, TOKEN).await;
    assert_eq!((status, follows(&evening).await), (StatusCode::OK, Some(0)));
    evening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_check_answers_the_echo() {
    let evening = TestApp::start(Backend::Light, json!({})).await;
    kaijiang::wechat::tls::install_ring();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let stamp = (evening.app.now() / 1000).to_string();
    let ask = async |token: &str| {
        let query = [("signature", signature(&[token, &stamp, "77"])), ("timestamp", stamp.clone())];
        let request = http.get(format!("{}/wechat/callback", evening.base)).query(&query);
        let response =
            request.query(&[("nonce", "77"), ("echostr", "5837397520665436492")]).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    };
    assert_eq!(ask(TOKEN).await, (StatusCode::OK, "5837397520665436492".to_owned()));
    assert_eq!(ask("another").await.0, StatusCode::FORBIDDEN);
    evening.stop().await;
}
