//! The crowd against a small server that keeps to our contract: it sends its codes through our own SMS client and
//! exchanges its codes through our own account client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use figment::providers::{Format as _, Toml};
use kaijiang::config::{Config, DEFAULTS};
use kaijiang::phone::Phone;
use kaijiang::sms::Sms;
use kaijiang::wechat::account::{Account, Scope};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{CROWD_PHONE, Far, folder};

/// What the small server saw: codes by phone, binds by openid, taps by openid.
#[derive(Default)]
struct Seen {
    codes: HashMap<String, String>,
    binds: HashMap<String, String>,
    taps: Vec<(String, i64)>,
}

struct Server {
    base: Url,
    account: Account,
    sms: Sms,
    now: i64,
    seen: Mutex<Seen>,
    taps: watch::Sender<usize>,
}

type Shared = Arc<Server>;

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get(header::COOKIE)?.to_str().ok()?;
    all.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

fn redirect(to: &str, set_cookie: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to.to_owned()), (header::SET_COOKIE, set_cookie.to_owned())])
        .into_response()
}

async fn login(State(server): State<Shared>) -> Response {
    let back = server.base.join("/m/gala/callback").expect("a url");
    redirect(&server.account.authorize_url(&back, Scope::Base, "st4te"), "kj_oauth=st4te; HttpOnly; Path=/")
}

async fn back(
    State(server): State<Shared>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    assert_eq!(cookie(&headers, "kj_oauth").as_ref(), query.get("state"));
    let user = server.account.exchange_code(&query["code"]).await.expect("a person");
    redirect("/m/gala", &format!("kj_me={}; HttpOnly; Path=/", user.openid))
}

async fn me(State(server): State<Shared>, headers: HeaderMap) -> Response {
    let Some(openid) = cookie(&headers, "kj_me") else { return StatusCode::UNAUTHORIZED.into_response() };
    let bound = server.seen.lock().expect("whole").binds.contains_key(&openid);
    Json(json!({ "step": if bound { "in" } else { "bind" } })).into_response()
}

async fn code(State(server): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    assert_eq!(headers[header::ORIGIN], server.base.origin().ascii_serialization());
    assert_eq!(body["consent"], true);
    let phone = body["phone"].as_str().expect("a phone").to_owned();
    server.seen.lock().expect("whole").codes.insert(phone.clone(), "381442".to_owned());
    let dialled = Phone::parse(&phone).expect("a phone");
    server.sms.send(&dialled, "381442", server.now).await.expect("the sandbox takes it");
    StatusCode::ACCEPTED
}

async fn bind(State(server): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    let openid = cookie(&headers, "kj_me").expect("a session");
    let phone = body["phone"].as_str().expect("a phone").to_owned();
    let mut seen = server.seen.lock().expect("whole");
    if seen.codes.get(&phone).map(String::as_str) != body["code"].as_str() {
        return StatusCode::BAD_REQUEST;
    }
    assert_eq!(body["salt"].as_str().map(str::len), Some(64));
    seen.binds.insert(openid, phone);
    StatusCode::OK
}

async fn draws() -> Json<Value> {
    let pool = json!({"n": 1, "tickets": 1, "eligible": 1, "max": 1, "root": ""});
    Json(json!([{
        "draw": 3, "round_id": "r", "kind": "main", "parent": 0, "prize": "一等奖", "goods": "",
        "state": "committed", "k": 1, "pool": pool, "sources": [{"s": "words", "count": 1}, {"s": "audience"}],
        "values": [{"words": ["龙"]}], "taps": 0, "commit_seq": 1, "commit_head": "", "commit_code": "",
        "committed_at": 0, "randomness_at": 0, "revealed_at": null, "level": "A2", "seed": null,
        "void_reason": "", "winners": [],
    }]))
}

async fn tap(State(server): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    assert_eq!(body["r"].as_str().map(str::len), Some(64));
    let openid = cookie(&headers, "kj_me").expect("a session");
    let mut seen = server.seen.lock().expect("whole");
    seen.taps.push((openid, body["draw"].as_i64().expect("a number")));
    server.taps.send_replace(seen.taps.len());
    StatusCode::OK
}

fn sms(base: &str) -> Sms {
    let own = format!(
        "[sms]\nprovider = \"aliyun\"\napi_base = \"{base}\"\naccess_key = \"testAccessKeyId\"\n\
         secret = \"testAccessKeySecret\"\nsign_name = \"天虹百货\"\ntemplate = \"SMS_123456789\"\n"
    );
    let layers = figment::Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(&own));
    Sms::open(&Config::extract(&layers).expect("a configuration")).expect("a client")
}

async fn start(far: &Far) -> (Shared, DropGuard) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let server = Arc::new(Server {
        base: base.parse().expect("a url"),
        account: far.account(),
        sms: sms(&far.running.base()),
        now: far.clock.now(),
        seen: Mutex::default(),
        taps: watch::channel(0).0,
    });
    let routes = Router::new()
        .route("/wechat/callback", post(async || "success"))
        .route("/m/gala/login", get(login))
        .route("/m/gala/callback", get(back))
        .route("/api/meetings/gala/me", get(me))
        .route("/api/meetings/gala/me/code", post(code))
        .route("/api/meetings/gala/me/bind", post(bind))
        .route("/api/meetings/gala/me/tap", post(tap))
        .route("/api/meetings/gala/draws", get(draws))
        .with_state(Arc::clone(&server));
    let stop = CancellationToken::new();
    let serve = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio_util::task::TaskTracker::new().spawn(async move { serve.await });
    (server, stop.drop_guard())
}

#[tokio::test]
async fn a_made_up_phone_follows_logs_in_binds_and_taps() {
    let dir = folder();
    let far = Far::start(&dir).await;
    let (server, _stop) = start(&far).await;
    let mut taps = server.taps.subscribe();
    let asked = json!({"base": server.base, "meeting": "gala", "count": 5});
    let (status, progress) = far.post("/sandbox/crowd", asked.clone()).await;
    assert_eq!((status, &progress["wanted"]), (202, &json!(1)), "one person is on the roster");
    taps.wait_for(|taps| *taps == 1).await.expect("the server lives");
    {
        let seen = server.seen.lock().expect("whole");
        let (openid, phone) = seen.binds.iter().next().expect("bound");
        assert_eq!(phone, CROWD_PHONE);
        assert_eq!(seen.taps, [(openid.clone(), 3)]);
    }
    let people = far.get(&format!("/sandbox/people?phone={CROWD_PHONE}")).await;
    assert_eq!(people[0]["subscribe"], true);
    let progress = far.get("/sandbox/crowd").await;
    for name in ["followed", "logged_in", "bound"] {
        assert_eq!(progress[name], 1, "{name}: {progress}");
    }
    assert_eq!((&progress["failed"], &progress["running"]), (&json!(0), &json!(false)));

    // The page proposes the same meeting for the next ones.
    let page = far.http.get(format!("{}/sandbox", far.running.base())).send().await.expect("an answer");
    assert!(page.headers().get("refresh").is_none(), "nobody is on the way");
    assert!(page.text().await.expect("a page").contains("name=\"meeting\" required value=\"gala\""));

    // Somebody who is bound already needs no second code.
    far.post("/sandbox/crowd", asked).await;
    taps.wait_for(|taps| *taps == 2).await.expect("the server lives");
    let found = far.get(&format!("/sandbox/sms?phone={CROWD_PHONE}")).await;
    assert_eq!(found["messages"].as_array().map(Vec::len), Some(1));
}
