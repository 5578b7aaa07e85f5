//! The service account and the SMS gateway.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use kaijiang::wechat::account::AccountError;
use kaijiang::wechat::callback::{CallbackQuery, Callbacks, Event, Message};
use kaijiang::wechat::safe_mode::AesKey;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{AES_KEY, APP_ID, Far, OPENID, TOKEN, folder};

#[tokio::test]
async fn a_code_works_once_and_five_minutes() {
    let dir = folder();
    let far = Far::start(&dir).await;
    let account = far.account();
    let code = far.authorize(OPENID, "").await;
    let user = account.exchange_code(&code).await.expect("a person");
    assert_eq!((user.openid.as_str(), user.is_snapshot), (OPENID, false));
    let again = account.exchange_code(&code).await.err();
    assert_eq!(again, Some(AccountError::RestartLogin { errcode: 40163 }));
    assert_eq!(account.exchange_code("no").await.err(), Some(AccountError::RestartLogin { errcode: 40029 }));
    let late = far.authorize(OPENID, "").await;
    far.clock.advance(5 * 60_000);
    assert_eq!(account.exchange_code(&late).await.err(), Some(AccountError::RestartLogin { errcode: 42003 }));
    let snapshot = far.authorize(OPENID, "&snapshot=1").await;
    let nobody = account.exchange_code(&snapshot).await.expect("a virtual account");
    assert!(nobody.is_snapshot);
    assert_ne!(nobody.openid, OPENID);
}

#[tokio::test]
async fn the_server_api_wants_its_token() {
    let dir = folder();
    let far = Far::start(&dir).await;
    let account = far.account();
    let token = account.stable_token().await.expect("a token");
    let same = account.stable_token().await.expect("a token");
    assert_eq!(far.get("/sandbox/people?openid=nobody").await, json!([]));
    assert_eq!(token.token.expose_secret(), same.token.expose_secret());
    assert!(!account.user_info(&token.token, OPENID).await.expect("known").subscribe);
    far.authorize("o2", "&follow=1").await;
    assert!(account.user_info(&token.token, "o2").await.expect("known").subscribe);
    let wrong = account.user_info(&"wrong".into(), OPENID).await;
    assert_eq!(wrong, Err(AccountError::TokenExpired { errcode: 40001 }));
    let unknown = account.user_info(&token.token, "o3").await;
    assert_eq!(unknown, Err(AccountError::User { errcode: 40003 }));
    let closed = account.send_text(&token.token, OPENID, "你好").await;
    assert_eq!(closed, Err(AccountError::User { errcode: 45015 }));
    assert!(account.js_ticket(&token.token).await.is_ok());
    assert!(account.create_qr(&token.token, "batch-7", 60).await.is_ok());
}

type Heard = mpsc::UnboundedSender<Message>;

/// A server that opens what the account sends, as ours does.
async fn listen(clock_s: i64) -> (Url, mpsc::UnboundedReceiver<Message>, DropGuard) {
    async fn echo(
        State((ours, now, _)): State<(Arc<Callbacks>, i64, Heard)>,
        Query(query): Query<CallbackQuery>,
    ) -> String {
        ours.echo(&query, now).unwrap_or("refused").to_owned()
    }
    async fn take(
        State((ours, now, heard)): State<(Arc<Callbacks>, i64, Heard)>,
        Query(query): Query<CallbackQuery>,
        body: Bytes,
    ) -> (StatusCode, &'static str) {
        match ours.open(&query, &body, now) {
            Ok(message) => {
                heard.send(message).expect("the test listens");
                (StatusCode::OK, "success")
            }
            Err(_) => (StatusCode::FORBIDDEN, "refused"),
        }
    }
    let keys = vec![AesKey::parse(AES_KEY).expect("a key")];
    let ours = Arc::new(Callbacks::new(TOKEN.into(), APP_ID.to_owned(), keys));
    let (sender, heard) = mpsc::unbounded_channel();
    let routes = Router::new().route("/wechat/callback", get(echo).post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/wechat/callback", listener.local_addr().expect("an address"));
    let stop = CancellationToken::new();
    let serve = axum::serve(listener, routes.with_state((ours, clock_s, sender)))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio_util::task::TaskTracker::new().spawn(async move { serve.await });
    (Url::parse(&url).expect("a url"), heard, stop.drop_guard())
}

#[tokio::test]
async fn callbacks_come_signed_and_sealed() {
    let dir = folder();
    let (url, mut heard, _stop) = listen(1_795_420_800).await;
    let far = Far::start_with(&dir, Some(url)).await;
    let (status, answer) = far.post("/sandbox/callbacks", json!({"event": "verify"})).await;
    assert_eq!((status, &answer["body"]), (200, &json!("echo")));
    let asked = json!({"openid": OPENID, "event": "subscribe", "key": "batch-7", "copies": 2});
    let (status, answer) = far.post("/sandbox/callbacks", asked).await;
    assert_eq!((status, &answer["body"]), (200, &json!("success")));
    let (first, second) = (heard.recv().await.expect("heard"), heard.recv().await.expect("heard"));
    assert_eq!(first.event, Event::Subscribe { scene: Some("batch-7".to_owned()) });
    assert_eq!((&first.openid, first.dedupe_key), (&OPENID.to_owned(), second.dedupe_key));
    let asked = json!({"openid": OPENID, "event": "text", "content": " 签到 ", "forged": true});
    assert_eq!(far.post("/sandbox/callbacks", asked).await.1["status"], 403);
    let account = far.account();
    let token = account.stable_token().await.expect("a token").token;
    assert!(account.user_info(&token, OPENID).await.expect("known").subscribe);
    assert_eq!(account.send_text(&token, OPENID, "欢迎").await, Ok(()));
    assert_eq!(far.get("/sandbox/messages").await[0]["content"]["text"]["content"], "欢迎");
    let asked = json!({"openid": OPENID, "event": "unsubscribe"});
    assert_eq!(far.post("/sandbox/callbacks", asked).await.1["status"], 200);
    assert!(!account.user_info(&token, OPENID).await.expect("known").subscribe);
    assert_eq!(far.post("/sandbox/callbacks", json!({"openid": "o1", "event": "x"})).await.0, 400);
}

/// Calls the SMS gateway with the authorization given.
async fn sms(far: &Far, authorization: &str, date: &str) -> (u16, Value) {
    let mut url = Url::parse(&far.running.base()).expect("a url");
    url.query_pairs_mut()
        .append_pair("PhoneNumbers", "13800000000")
        .append_pair("SignName", "天虹百货")
        .append_pair("TemplateCode", "SMS_123456789")
        .append_pair("TemplateParam", "{\"code\":\"0381 *~\"}")
        .append_pair("OutId", "login-42");
    let answer = far
        .http
        .post(url)
        .header("host", "dysmsapi.aliyuncs.com")
        .header("x-acs-action", "SendSms")
        .header("x-acs-version", "2017-05-25")
        .header("x-acs-date", date)
        .header("x-acs-signature-nonce", "9f1c2d3e4b5a69788796a5b4c3d2e1f0")
        .header("x-acs-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        .header("authorization", authorization)
        .send()
        .await
        .expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn the_sms_gateway_checks_signature_date_and_nonce() {
    let dir = folder();
    let far = Far::start(&dir).await;
    let vectors: Value =
        serde_json::from_str(include_str!("../../vectors-wechat/wechat_vectors.json")).expect("JSON");
    let good = vectors["sms_aliyun_acs3"][1]["authorization"].as_str().expect("text");
    let date = "2026-11-23T08:00:00Z";
    let forged = good.replace("8c6d", "8c6e");
    let code = |answer: (u16, Value)| (answer.0, answer.1["Code"].as_str().unwrap_or_default().to_owned());
    let said = |status, text: &str| (status, text.to_owned());
    assert_eq!(code(sms(&far, &forged, date).await), said(400, "SignatureDoesNotMatch"));
    assert_eq!(code(sms(&far, "", date).await), said(400, "SignatureDoesNotMatch"));
    let stale = "2026-11-23T07:44:59Z";
    assert_eq!(code(sms(&far, good, stale).await), said(400, "InvalidTimeStamp.Expired"));
    assert_eq!(code(sms(&far, good, date).await), said(200, "OK"));
    assert_eq!(code(sms(&far, good, date).await), said(400, "SignatureNonceUsed"));
    let found = far.get("/sandbox/sms?phone=%2B8613800000000").await;
    assert_eq!((&found["latest"], &found["messages"][0]["code"]), (&json!("0381 *~"), &json!("0381 *~")));
    assert_eq!(far.get("/sandbox/sms?phone=13900000000").await["messages"], json!([]));
}
