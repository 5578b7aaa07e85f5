//! Calls back about transfers that came to their end: signed, sealed, and on request forged, old or repeated.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::random_hex;
use super::books::{Packet, Status};
use super::input::Input;
use super::state::{Entry, Inner, Sandbox, Shared};
use super::transfer_answer::{found, put, stamp};
use crate::wechat::v3::{Resource, Signed};

/// The route for programs.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/sandbox/transfers/{bill_no}/callback", post(fire))
}

/// What to make the payer say.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fire {
    /// Deliver the very same callback so often.
    copies: Option<u32>,
    /// Sign wrongly, as WeChat's probes do.
    forged: bool,
    /// Signed so many seconds ago.
    age_s: i64,
}

async fn fire(
    State(sandbox): State<Shared>,
    Path(bill_no): Path<String>,
    Input(asked): Input<Fire>,
) -> Response {
    let now = sandbox.now();
    let packet = sandbox.with(|inner| inner.books.look(&bill_no, now + inner.settings.clock_ahead_ms));
    let Some(packet) = packet.filter(|packet| packet.transfer.is_some()) else {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": "no transfer has this number" })))
            .into_response();
    };
    let Some(statuses) = deliver(&sandbox, &packet, asked).await else {
        let error = json!({ "error": "the transfer has no notify_url, or nobody answers there" });
        return (StatusCode::BAD_GATEWAY, Json(error)).into_response();
    };
    Json(json!({ "answers": statuses })).into_response()
}

/// A transfer that has just come to its end is called back about, once, in the background.
pub(super) fn at_its_end(sandbox: &Shared, packet: &Packet) {
    let ended = matches!(packet.status, Status::Received | Status::Failed | Status::Cancelled);
    let wanted = packet.transfer.as_ref().is_some_and(|ours| !ours.notify_url.is_empty());
    if ended && wanted {
        let (sandbox, packet) = (sandbox.clone(), packet.clone());
        sandbox.tracker.clone().spawn(async move {
            // Lost callbacks are part of life.
            deliver(&sandbox, &packet, Fire::default()).await;
        });
    }
}

/// The statuses that our server answered.
async fn deliver(sandbox: &Sandbox, packet: &Packet, asked: Fire) -> Option<Vec<u16>> {
    let url = packet.transfer.as_ref().map(|ours| ours.notify_url.clone()).filter(|url| !url.is_empty())?;
    let body = body(sandbox, packet)?;
    let at_s = sandbox.now() / 1_000 - asked.age_s;
    let key_id = &sandbox.config.transfer.public_key_id;
    let mut signed = Signed::make(&sandbox.keys.payer, key_id, (at_s, &random_hex(16)), body.as_bytes());
    if asked.forged {
        signed.signature.insert_str(0, "WECHATPAY/SIGNTEST/");
    }
    let mut headers = HeaderMap::new();
    put(&signed, |name, value| {
        headers.insert(name, value);
    });
    let mut answers = Vec::new();
    for _ in 0..asked.copies.unwrap_or(1).clamp(1, 10) {
        let request = sandbox.http.post(&url).header("content-type", "application/json");
        let request = request.headers(headers.clone()).body(body.clone());
        answers.push(request.send().await.ok()?.status().as_u16());
    }
    let entry = Entry {
        at_ms: sandbox.now(),
        openid: packet.openid.clone(),
        kind: "MCHTRANSFER.BILL.FINISHED".into(),
        content: json!({ "bill_no": packet.bill_no, "forged": asked.forged, "answers": answers }),
    };
    sandbox.with(|inner| Inner::log(&mut inner.callbacks, entry));
    Some(answers)
}

fn body(sandbox: &Sandbox, packet: &Packet) -> Option<String> {
    let plain: Value = found(packet, &sandbox.config);
    let key = &sandbox.config.transfer.api_v3_key;
    let nonce = random_hex(6);
    let resource = Resource::seal(key, &nonce, plain.to_string().as_bytes()).ok()?;
    let envelope = json!({
        "id": random_hex(16),
        "create_time": stamp(sandbox.now()),
        "resource_type": "encrypt-resource",
        "event_type": "MCHTRANSFER.BILL.FINISHED",
        "summary": "商家转账单据终态通知",
        "resource": resource,
    });
    Some(envelope.to_string())
}
