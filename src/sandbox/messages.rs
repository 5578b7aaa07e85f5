//! What the account says by itself, and its menu: customer-service texts, template messages, `menu/create`.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::account::{WithToken, fail, fine, has_token, plain, token_error};
use super::input::Input;
use super::state::{Entry, Inner, Shared};

/// Longest customer-service text, bytes.
const TEXT_MAX: usize = 2048;
/// Longest content of a template field whose name begins with `thing`, characters.
const THING_MAX: usize = 20;

/// The routes below `api_base`, and those that show what the platform was told.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/cgi-bin/message/custom/send", post(send_custom))
        .route("/cgi-bin/message/template/send", post(send_template))
        .route("/cgi-bin/menu/create", post(create_menu))
        .route("/sandbox/account", get(account))
        .route("/sandbox/tokens", delete(revoke))
}

/// How often tokens and tickets were fetched, and the menu.
async fn account(State(sandbox): State<Shared>) -> Json<Value> {
    Json(sandbox.with(|inner| {
        json!({
            "token_calls": inner.codes.token_calls, "ticket_calls": inner.codes.ticket_calls, "menu": inner.menu,
        })
    }))
}

async fn revoke(State(sandbox): State<Shared>) -> Response {
    sandbox.with(|inner| inner.codes.revoke());
    Json(json!({})).into_response()
}

async fn create_menu(
    State(sandbox): State<Shared>,
    Query(asked): Query<WithToken>,
    Input(body): Input<Value>,
) -> Response {
    let now = sandbox.now();
    sandbox.with(|inner| {
        if !has_token(inner, &asked.access_token, now) {
            return token_error();
        }
        let buttons = body["button"].as_array().map(Vec::as_slice).unwrap_or_default();
        if buttons.is_empty() || buttons.len() > 3 {
            return fail(40017, "invalid button size");
        }
        if buttons
            .iter()
            .any(|button| button["name"].as_str().is_none_or(|name| name.is_empty() || name.len() > 16))
        {
            return fail(40018, "invalid button name size");
        }
        inner.menu = body.clone();
        fine()
    })
}

async fn send_custom(
    State(sandbox): State<Shared>,
    Query(asked): Query<WithToken>,
    Input(body): Input<Value>,
) -> Response {
    let now = sandbox.now();
    let openid = body["touser"].as_str().unwrap_or_default();
    sandbox.with(|inner| {
        if !has_token(inner, &asked.access_token, now) {
            return token_error();
        }
        let Some(mut person) = inner.people.get(openid).cloned() else {
            return fail(40003, "invalid openid");
        };
        let text = body["text"]["content"].as_str().unwrap_or_default();
        if body["msgtype"] == "text" && (text.is_empty() || text.len() > TEXT_MAX) {
            return fail(45002, "content size out of limit");
        }
        if person.write_until_ms <= now {
            return fail(45015, "response out of time limit or subscription is canceled");
        }
        if person.writes_left == 0 {
            return fail(45047, "out of response count limit");
        }
        person.writes_left -= 1;
        let entry =
            Entry { at_ms: now, openid: openid.to_owned(), kind: "custom".to_owned(), content: body.clone() };
        Inner::log(&mut inner.messages, entry);
        inner.people.put(person);
        fine()
    })
}

async fn send_template(
    State(sandbox): State<Shared>,
    Query(asked): Query<WithToken>,
    Input(body): Input<Value>,
) -> Response {
    let now = sandbox.now();
    let openid = body["touser"].as_str().unwrap_or_default();
    sandbox.with(|inner| {
        if !has_token(inner, &asked.access_token, now) {
            return token_error();
        }
        let Some(person) = inner.people.get(openid) else { return fail(40003, "invalid openid") };
        if !person.subscribe {
            return fail(43004, "require subscribe");
        }
        // Any id is a template here but those that begin with "bad".
        let template = body["template_id"].as_str().unwrap_or_default();
        if template.is_empty() || template.starts_with("bad") {
            return fail(40037, "invalid template_id");
        }
        let long = |(name, field): (&String, &Value)| {
            name.starts_with("thing")
                && field["value"].as_str().is_none_or(|text| text.chars().count() > THING_MAX)
        };
        if body["data"].as_object().is_none_or(|data| data.is_empty() || data.iter().any(long)) {
            return fail(47003, "argument invalid! data");
        }
        // A repeat with the same number of ours within ten minutes is the same message.
        let number = body["client_msg_id"].as_str().unwrap_or_default();
        let known = |entry: &&Entry| {
            !number.is_empty() && entry.at_ms > now - 600_000 && entry.content["client_msg_id"] == number
        };
        if let Some(entry) = inner.messages.iter().find(known) {
            return plain(&json!({ "errcode": 0, "errmsg": "ok", "msgid": entry.content["msgid"] }));
        }
        inner.last_msgid += 1;
        let msgid = 4_000_000_000 + inner.last_msgid;
        let mut content = body.clone();
        content["msgid"] = json!(msgid);
        let entry = Entry { at_ms: now, openid: openid.to_owned(), kind: "template".to_owned(), content };
        Inner::log(&mut inner.messages, entry);
        plain(&json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid }))
    })
}
