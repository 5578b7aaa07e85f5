//! The service account's platform: web authorization and the server API.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::input::Input;
use super::lang::Lang;
use super::page;
use super::people::{is_openid, openid_of};
use super::state::{Inner, Sandbox, Shared};
use crate::clock::Ms;

/// A code lives this long.
const CODE_LIFE: Ms = 5 * 60_000;
/// An access token lives this long.
const TOKEN_LIFE: Ms = 7_200_000;
/// Old and new token are both good for this long.
const TOKEN_OVERLAP: Ms = 5 * 60_000;

/// Codes and tokens that were given out.
#[derive(Default)]
pub(super) struct Codes {
    open: HashMap<String, Code>,
    /// Tokens and when they end, newest last.
    tokens: Vec<(String, Ms)>,
    /// Calls of `stable_token` and of `getticket`.
    pub(super) token_calls: u32,
    pub(super) ticket_calls: u32,
}

impl Codes {
    /// Every token that was given out stops working, as when a secret was changed.
    pub(super) fn revoke(&mut self) {
        self.tokens.clear();
    }
}

struct Code {
    openid: String,
    snapshot: bool,
    ends_ms: Ms,
    used: bool,
}

/// The routes below `oauth_base` and `api_base`.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/connect/oauth2/authorize", get(authorize))
        .route("/sns/oauth2/access_token", get(access_token))
        .route("/cgi-bin/stable_token", post(stable_token))
        .route("/cgi-bin/user/info", get(user_info))
        .route("/cgi-bin/qrcode/create", post(create_qr))
        .route("/cgi-bin/ticket/getticket", get(ticket))
}

/// Random bytes as hex.
pub(super) fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // Without randomness nothing of this process works; the sandbox may then repeat itself.
    let _ = getrandom::fill(&mut buffer);
    hex::encode(buffer)
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Authorize {
    pub(super) appid: String,
    pub(super) redirect_uri: String,
    pub(super) response_type: String,
    pub(super) scope: String,
    pub(super) state: String,
    #[serde(rename = "as")]
    openid: String,
    /// Name for a new person.
    name: String,
    /// 1: through a snapshot page.
    snapshot: String,
    /// 1: the person follows.
    follow: String,
}

impl Authorize {
    /// What is wrong with the request, as a page at WeChat would say.
    fn complaint(&self, lang: Lang, sandbox: &Sandbox) -> Option<&'static str> {
        let web = Url::parse(&self.redirect_uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        let state = self.state.len() <= 128 && self.state.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.appid != sandbox.config.app_id {
            Some(lang.say("AppID 参数错误（40013）", "wrong AppID (40013)"))
        } else if !web {
            Some(lang.say("redirect_uri 参数错误（10003）", "wrong redirect_uri (10003)"))
        } else if self.response_type != "code" {
            Some(lang.say("response_type 必须是 code", "response_type must be code"))
        } else if !matches!(self.scope.as_str(), "snsapi_base" | "snsapi_userinfo") {
            Some(lang.say("Scope 参数错误（10005）", "wrong scope (10005)"))
        } else if !state {
            Some(
                lang.say(
                    "state 只能是字母和数字，最多 128 字节",
                    "state: letters and digits, at most 128 bytes",
                ),
            )
        } else {
            None
        }
    }
}

async fn authorize(State(sandbox): State<Shared>, lang: Lang, Query(asked): Query<Authorize>) -> Response {
    let refused = lang.say("网页授权失败", "The log-in failed");
    if let Some(complaint) = asked.complaint(lang, &sandbox) {
        return (StatusCode::BAD_REQUEST, Html(page::message(lang, refused, complaint))).into_response();
    }
    if asked.openid.is_empty() && asked.name.is_empty() {
        let people = sandbox.with(|inner| inner.people.all().cloned().collect::<Vec<_>>());
        return Html(page::who_are_you(lang, &asked, &people)).into_response();
    }
    let openid = if asked.openid.is_empty() { openid_of(&random_hex(8)) } else { asked.openid.clone() };
    let Ok(mut back) = Url::parse(&asked.redirect_uri) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !is_openid(&openid) {
        return (
            StatusCode::BAD_REQUEST,
            Html(page::message(lang, refused, lang.say("openid 不合法", "this is no openid"))),
        )
            .into_response();
    }
    let code = random_hex(16);
    let now = sandbox.now();
    sandbox.with(|inner| {
        let mut person = inner.people.ensure(&openid, &asked.name);
        if asked.follow == "1" {
            (person.subscribe, person.subscribe_ms) = (true, now);
            person.scene.clear();
            inner.people.put(person);
        }
        inner.codes.open.retain(|_, code| code.ends_ms + CODE_LIFE > now);
        let entry = Code { openid, snapshot: asked.snapshot == "1", ends_ms: now + CODE_LIFE, used: false };
        inner.codes.open.insert(code.clone(), entry);
    });
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked.state);
    // 302 as WeChat does, so that a GET stays a GET everywhere.
    (StatusCode::FOUND, [(header::LOCATION, String::from(back))]).into_response()
}

/// JSON as WeChat sends it: HTTP 200 and `text/plain`.
pub(super) fn plain(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], value.to_string()).into_response()
}

pub(super) fn fail(errcode: i64, errmsg: &str) -> Response {
    plain(&json!({ "errcode": errcode, "errmsg": format!("{errmsg} rid: {}", random_hex(8)) }))
}

pub(super) fn fine() -> Response {
    plain(&json!({ "errcode": 0, "errmsg": "ok" }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Exchange {
    appid: String,
    secret: String,
    code: String,
    grant_type: String,
}

async fn access_token(State(sandbox): State<Shared>, Query(asked): Query<Exchange>) -> Response {
    if asked.appid != sandbox.config.app_id {
        return fail(40013, "invalid appid");
    }
    if asked.secret != sandbox.config.app_secret {
        return fail(40125, "invalid appsecret");
    }
    if asked.grant_type != "authorization_code" {
        return fail(40002, "invalid grant_type");
    }
    if asked.code.is_empty() {
        return fail(41008, "missing code");
    }
    let now = sandbox.now();
    let taken = sandbox.with(|inner| match inner.codes.open.get_mut(&asked.code) {
        None => Err((40029, "invalid code")),
        Some(code) if code.used => Err((40163, "code been used")),
        Some(code) if code.ends_ms <= now => Err((42003, "code expired")),
        Some(code) => {
            code.used = true;
            Ok((code.openid.clone(), code.snapshot))
        }
    });
    match taken {
        Err((errcode, errmsg)) => fail(errcode, errmsg),
        Ok((openid, snapshot)) => {
            let mut answer = json!({
                "access_token": random_hex(32),
                "expires_in": 7200,
                "refresh_token": random_hex(32),
                "openid": openid,
                "scope": "snsapi_base",
            });
            if snapshot {
                // A virtual account: the openid is nobody's.
                answer["openid"] = json!(openid_of(&format!("snapshot {openid}")));
                answer["is_snapshotuser"] = json!(1);
            }
            plain(&answer)
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StableToken {
    grant_type: String,
    appid: String,
    secret: String,
    force_refresh: bool,
}

async fn stable_token(State(sandbox): State<Shared>, body: String) -> Response {
    let Ok(asked) = serde_json::from_str::<StableToken>(&body) else {
        return fail(47001, "data format error");
    };
    if asked.appid != sandbox.config.app_id {
        return fail(40013, "invalid appid");
    }
    if asked.secret != sandbox.config.app_secret {
        return fail(40125, "invalid appsecret");
    }
    if asked.grant_type != "client_credential" {
        return fail(40002, "invalid grant_type");
    }
    let now = sandbox.now();
    let (token, ends) = sandbox.with(|inner| {
        inner.codes.token_calls += 1;
        let tokens = &mut inner.codes.tokens;
        if asked.force_refresh {
            tokens.clear();
        }
        tokens.retain(|(_, ends)| *ends > now);
        match tokens.last() {
            Some((token, ends)) if *ends > now + TOKEN_OVERLAP => (token.clone(), *ends),
            _ => {
                let fresh = (random_hex(48), now + TOKEN_LIFE);
                tokens.push(fresh.clone());
                fresh
            }
        }
    });
    plain(&json!({ "access_token": token, "expires_in": (ends - now) / 1000 }))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct WithToken {
    pub(super) access_token: String,
    openid: String,
    #[serde(rename = "type")]
    kind: String,
}

pub(super) fn has_token(inner: &Inner, token: &str, now: Ms) -> bool {
    inner.codes.tokens.iter().any(|(known, ends)| known == token && *ends > now)
}

pub(super) fn token_error() -> Response {
    fail(40001, "invalid credential, access_token is invalid or not latest")
}

async fn user_info(State(sandbox): State<Shared>, Query(asked): Query<WithToken>) -> Response {
    let now = sandbox.now();
    sandbox.with(|inner| {
        if !has_token(inner, &asked.access_token, now) {
            return token_error();
        }
        match inner.people.get(&asked.openid) {
            None => fail(40003, "invalid openid"),
            Some(person) if person.subscribe => plain(&json!({
                "subscribe": 1, "openid": person.openid, "language": "zh_CN", "remark": "", "groupid": 0,
                "subscribe_time": person.subscribe_ms / 1000, "qr_scene": 0, "qr_scene_str": person.scene,
                "subscribe_scene": if person.scene.is_empty() { "ADD_SCENE_OTHERS" } else { "ADD_SCENE_QR_CODE" },
            })),
            Some(person) => plain(&json!({ "subscribe": 0, "openid": person.openid })),
        }
    })
}

async fn ticket(State(sandbox): State<Shared>, Query(asked): Query<WithToken>) -> Response {
    let now = sandbox.now();
    if !sandbox.with(|inner| has_token(inner, &asked.access_token, now)) {
        return token_error();
    }
    sandbox.with(|inner| inner.codes.ticket_calls += 1);
    if asked.kind != "jsapi" {
        return fail(40097, "invalid args");
    }
    plain(&json!({ "errcode": 0, "errmsg": "ok", "ticket": random_hex(43), "expires_in": 7200 }))
}

async fn create_qr(
    State(sandbox): State<Shared>,
    Query(asked): Query<WithToken>,
    Input(body): Input<Value>,
) -> Response {
    let now = sandbox.now();
    sandbox.with(|inner| {
        if !has_token(inner, &asked.access_token, now) {
            return token_error();
        }
        let scene = &body["action_info"]["scene"];
        let text = match (scene["scene_str"].as_str(), scene["scene_id"].as_u64()) {
            (Some(text), _) if (1..=64).contains(&text.chars().count()) => text.to_owned(),
            (None, Some(number)) if number > 0 && u32::try_from(number).is_ok() => number.to_string(),
            _ => return fail(40053, "invalid action info"),
        };
        let ticket = random_hex(24);
        inner.scenes.insert(ticket.clone(), text);
        let life = body["expire_seconds"].as_i64().unwrap_or(60).clamp(1, 2_592_000);
        let url = format!("http://weixin.qq.com/q/{ticket}");
        plain(&json!({ "ticket": ticket, "expire_seconds": life, "url": url }))
    })
}

/// Sends a browser back to the sandbox's page after a form.
pub(super) fn back_to_page() -> Response {
    Redirect::to("/sandbox").into_response()
}
