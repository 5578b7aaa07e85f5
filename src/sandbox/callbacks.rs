//! The account's calls to our server: made on request, signed, in safe mode when a key is set.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::account::random_hex;
use super::input::Input;
use super::people::is_openid;
use super::state::{Entry, Inner, Sandbox, Shared};
use crate::clock::Ms;
use crate::wechat::callback::signature;
use crate::wechat::safe_mode::AesKey;
use crate::wechat::xml;

/// Original id of the sandbox's account.
const ACCOUNT: &str = "gh_kaijiangsand";
/// After a follow or a scan so many messages may be written within [`SHORT_WINDOW`].
const SHORT_WINDOW: (u32, Ms) = (3, 60_000);
/// After a text so many within this time.
const LONG_WINDOW: (u32, Ms) = (5, 48 * 3_600_000);

/// The route for programs.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/sandbox/callbacks", post(fire).get(list))
}

/// What to make the account say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fire {
    #[serde(default)]
    pub(super) openid: String,
    /// `subscribe`, `unsubscribe`, `SCAN`, `text`, or `verify` for the address check.
    pub(super) event: String,
    /// Scene of a parametric QR code, or the ticket of one that the sandbox made.
    #[serde(default)]
    pub(super) key: String,
    /// What a text says.
    #[serde(default)]
    pub(super) content: String,
    /// Deliver the very same message this many times (WeChat: up to three).
    #[serde(default)]
    pub(super) copies: Option<u32>,
    /// Sign with a wrong token.
    #[serde(default)]
    pub(super) forged: bool,
    /// Instead of the configured address.
    #[serde(default)]
    pub(super) url: Option<Url>,
}

/// What our server answered.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fired {
    pub(super) status: u16,
    /// The answer, decrypted when it came sealed.
    pub(super) body: String,
}

/// Why a callback could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum FireError {
    #[error("no callback address is configured: give \"url\"")]
    NoUrl,
    #[error("event must be subscribe, unsubscribe, SCAN, text or verify, with a plain openid")]
    BadEvent,
    #[error("the sandbox's AES key is not an EncodingAESKey")]
    BadKey,
    #[error("our server did not answer: {0}")]
    Unreachable(String),
}

async fn list(State(sandbox): State<Shared>) -> Response {
    Json(sandbox.with(|inner| inner.callbacks.clone())).into_response()
}

async fn fire(State(sandbox): State<Shared>, Input(asked): Input<Fire>) -> Response {
    match run(&sandbox, &asked).await {
        Ok(answers) => {
            let last = answers.last();
            let status = last.map_or(0, |fired| fired.status);
            let body = last.map_or("", |fired| fired.body.as_str());
            Json(json!({ "status": status, "body": body, "answers": answers })).into_response()
        }
        Err(error @ FireError::Unreachable(_)) => {
            (StatusCode::BAD_GATEWAY, Json(json!({ "error": error.to_string() }))).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

/// Changes what the account knows, then tells our server; one answer per copy.
pub(super) async fn run(sandbox: &Sandbox, asked: &Fire) -> Result<Vec<Fired>, FireError> {
    let url = asked.url.clone().or_else(|| sandbox.config.callback_url.clone()).ok_or(FireError::NoUrl)?;
    let now = sandbox.now();
    if asked.event == "verify" {
        return verify(sandbox, asked, url, now).await.map(|fired| vec![fired]);
    }
    if !is_openid(&asked.openid) {
        return Err(FireError::BadEvent);
    }
    let body = sandbox.with(|inner| message(inner, asked, now)).ok_or(FireError::BadEvent)?;
    let (url, body) = seal(sandbox, asked, url, &body, now)?;
    let mut answers = Vec::new();
    for _ in 0..asked.copies.unwrap_or(1).clamp(1, 10) {
        let request = sandbox.http.post(url.clone()).header("content-type", "text/xml").body(body.clone());
        answers.push(deliver(sandbox, request).await?);
    }
    let statuses: Vec<u16> = answers.iter().map(|fired| fired.status).collect();
    let entry = Entry {
        at_ms: now,
        openid: asked.openid.clone(),
        kind: asked.event.clone(),
        content: json!({ "key": asked.key, "content": asked.content, "answers": statuses }),
    };
    sandbox.with(|inner| Inner::log(&mut inner.callbacks, entry));
    Ok(answers)
}

/// The message, and what it does to the person: `None` for an event that does not exist.
fn message(inner: &mut Inner, asked: &Fire, now: Ms) -> Option<String> {
    let mut person = inner.people.ensure(&asked.openid, "");
    let scene = inner.scenes.get(&asked.key).unwrap_or(&asked.key).clone();
    let window = if asked.event == "text" { LONG_WINDOW } else { SHORT_WINDOW };
    if asked.event != "TEMPLATESENDJOBFINISH" {
        (person.writes_left, person.write_until_ms) = (window.0, now + window.1);
    }
    let qr_key = if scene.is_empty() { String::new() } else { format!("qrscene_{scene}") };
    let stamp = (now / 1000).to_string();
    let id = format!("{now}{}", inner.callbacks.len());
    let mut pairs = vec![
        ("ToUserName", ACCOUNT),
        ("FromUserName", asked.openid.as_str()),
        ("CreateTime", stamp.as_str()),
    ];
    match asked.event.as_str() {
        "subscribe" => {
            person.subscribe = true;
            (person.subscribe_ms, person.scene) = (now, scene.clone());
            pairs.extend([("MsgType", "event"), ("Event", "subscribe"), ("EventKey", qr_key.as_str())]);
        }
        "unsubscribe" => {
            person.subscribe = false;
            (person.writes_left, person.write_until_ms) = (0, 0);
            pairs.extend([("MsgType", "event"), ("Event", "unsubscribe"), ("EventKey", "")]);
        }
        "SCAN" => {
            pairs.extend([("MsgType", "event"), ("Event", "SCAN"), ("EventKey", scene.as_str())]);
        }
        "text" => pairs.extend([("MsgType", "text"), ("Content", asked.content.as_str()), ("MsgId", &id)]),
        "TEMPLATESENDJOBFINISH" => pairs.extend([
            ("MsgType", "event"),
            ("Event", "TEMPLATESENDJOBFINISH"),
            ("MsgID", asked.key.as_str()),
            ("Status", asked.content.as_str()),
        ]),
        _ => return None,
    }
    let body = xml::write(pairs);
    inner.people.put(person);
    Some(body)
}

fn token(sandbox: &Sandbox, asked: &Fire) -> SecretString {
    if asked.forged { "forged".into() } else { sandbox.config.token.as_str().into() }
}

/// Signs the address and, in safe mode, encrypts the body.
fn seal(
    sandbox: &Sandbox,
    asked: &Fire,
    mut url: Url,
    body: &str,
    now: Ms,
) -> Result<(Url, String), FireError> {
    let token = token(sandbox, asked);
    let (stamp, nonce) = ((now / 1000).to_string(), random_hex(5));
    let signed = signature(&[token.expose_secret(), &stamp, &nonce]);
    url.query_pairs_mut()
        .append_pair("signature", &signed)
        .append_pair("timestamp", &stamp)
        .append_pair("nonce", &nonce)
        .append_pair("openid", &asked.openid);
    let Some(key) = &sandbox.config.aes_key else { return Ok((url, body.to_owned())) };
    let key = AesKey::parse(key).map_err(|_| FireError::BadKey)?;
    let mut random = [0; 16];
    // The random prefix only hides equal messages; zeros would still decrypt.
    let _ = getrandom::fill(&mut random);
    let encrypted = key.encrypt(random, body, &sandbox.config.app_id).map_err(|_| FireError::BadKey)?;
    let message_signature = signature(&[token.expose_secret(), &stamp, &nonce, &encrypted]);
    url.query_pairs_mut().append_pair("encrypt_type", "aes").append_pair("msg_signature", &message_signature);
    Ok((url, xml::write([("ToUserName", ACCOUNT), ("Encrypt", encrypted.as_str())])))
}

async fn verify(sandbox: &Sandbox, asked: &Fire, mut url: Url, now: Ms) -> Result<Fired, FireError> {
    let token = token(sandbox, asked);
    let (stamp, nonce, echo) = ((now / 1000).to_string(), random_hex(5), now.to_string());
    let signed = signature(&[token.expose_secret(), &stamp, &nonce]);
    url.query_pairs_mut()
        .append_pair("signature", &signed)
        .append_pair("timestamp", &stamp)
        .append_pair("nonce", &nonce)
        .append_pair("echostr", &echo);
    let fired = deliver(sandbox, sandbox.http.get(url)).await?;
    let told = if fired.body == echo { "echo" } else { "not the echo" };
    Ok(Fired { status: fired.status, body: told.to_owned() })
}

async fn deliver(sandbox: &Sandbox, request: reqwest::RequestBuilder) -> Result<Fired, FireError> {
    let unreachable = |error: reqwest::Error| FireError::Unreachable(error.without_url().to_string());
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status().as_u16();
    let body = answer.text().await.map_err(unreachable)?;
    Ok(Fired { status, body: unseal(sandbox, body) })
}

/// An answer in safe mode is opened for the reader; anything else stays as it is.
fn unseal(sandbox: &Sandbox, body: String) -> String {
    let opened = || {
        let key = AesKey::parse(sandbox.config.aes_key.as_deref()?).ok()?;
        let fields = xml::parse(body.as_bytes()).ok()?;
        let encrypted = fields.get("Encrypt")?;
        let parts = [&sandbox.config.token, fields.text("TimeStamp"), fields.text("Nonce"), encrypted];
        if signature(&parts) != fields.text("MsgSignature") {
            return None;
        }
        key.decrypt(encrypted, &sandbox.config.app_id).ok()
    };
    opened().unwrap_or(body)
}
