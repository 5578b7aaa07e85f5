//! The sandbox's own routes: what programs and the page use to look behind the curtain.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::back_to_page;
use super::books::Status;
use super::callbacks;
use super::faults::{Fault, FaultKind, MAX_FAULTS};
use super::input::Input;
use super::lang::Lang;
use super::page;
use super::settings::Settings;
use super::sms::bare_phone;
use super::state::Shared;
use super::transfer_callback;

/// The routes below `/sandbox`.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sandbox", get(overview))
        .route("/sandbox/", get(overview))
        .route("/sandbox/packets", get(packets))
        .route("/sandbox/packets/{bill_no}/open", post(open))
        .route("/sandbox/packets/{bill_no}/status", post(decide))
        .route("/sandbox/sms", get(sms))
        .route("/sandbox/people", get(people))
        .route("/sandbox/messages", get(messages))
        .route("/sandbox/settings", get(settings).post(change_settings))
        .route("/sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/sandbox/confirm/{package}", get(confirm))
        .route("/sandbox/form/confirm/{package}", post(form_confirm))
        .route("/sandbox/form/open/{bill_no}", post(form_open))
        .route("/sandbox/form/follow/{openid}", post(form_follow))
        .route("/sandbox/form/faults", post(form_clear))
        .route("/sandbox/form/fault", post(form_add_fault))
        .route("/sandbox/form/balance", post(form_balance))
}

fn bad_request(text: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": text }))).into_response()
}

fn not_found(text: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": text }))).into_response()
}

/// The meeting that the crowd's form proposes.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Proposed {
    meeting: String,
}

async fn overview(State(sandbox): State<Shared>, lang: Lang, Query(proposed): Query<Proposed>) -> Response {
    let page = (lang.cookie(), Html(page::overview(lang, &sandbox, &proposed.meeting)));
    if sandbox.with(|inner| inner.crowd.running) {
        // Whoever sent the crowd in sees it come.
        return ([(header::REFRESH, "1")], page).into_response();
    }
    page.into_response()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PacketFilter {
    openid: Option<String>,
    bill_no: Option<String>,
}

async fn packets(State(sandbox): State<Shared>, Query(filter): Query<PacketFilter>) -> Response {
    let now = sandbox.now();
    let mut found = sandbox.with(|inner| {
        let now = now + inner.settings.clock_ahead_ms;
        match &filter.bill_no {
            Some(bill_no) => inner.books.look(bill_no, now).into_iter().collect(),
            None => inner.books.list(now),
        }
    });
    if let Some(openid) = &filter.openid {
        found.retain(|packet| packet.openid == *openid);
    }
    let paid = found.iter().filter(|packet| packet.paid_ms.is_some());
    let paid_fen: i64 = paid.clone().map(|packet| packet.amount_fen).sum();
    Json(json!({ "packets": found, "paid_count": paid.count(), "paid_fen": paid_fen })).into_response()
}

async fn open(State(sandbox): State<Shared>, Path(bill_no): Path<String>) -> Response {
    let now = sandbox.now();
    let opened = sandbox.with(|inner| inner.books.open(&bill_no, now + inner.settings.clock_ahead_ms));
    match opened {
        Some(packet) => {
            transfer_callback::at_its_end(&sandbox, &packet);
            Json(packet).into_response()
        }
        None => {
            (StatusCode::CONFLICT, Json(json!({ "error": "no packet with this number waits to be opened" })))
                .into_response()
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decide {
    status: Status,
}

async fn decide(
    State(sandbox): State<Shared>,
    Path(bill_no): Path<String>,
    Input(asked): Input<Decide>,
) -> Response {
    let now = sandbox.now();
    let decided =
        sandbox.with(|inner| inner.books.decide(&bill_no, asked.status, now + inner.settings.clock_ahead_ms));
    match decided {
        Some(packet) => {
            transfer_callback::at_its_end(&sandbox, &packet);
            Json(packet).into_response()
        }
        None => (StatusCode::CONFLICT, Json(json!({ "error": "the packet cannot come to this status" })))
            .into_response(),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SmsFilter {
    phone: Option<String>,
}

/// A code is sent after its request was answered: whoever asks for a phone's messages waits so often, so long.
const SMS_LOOKS: (u32, Duration) = (50, Duration::from_millis(20));

async fn sms(State(sandbox): State<Shared>, Query(filter): Query<SmsFilter>) -> Response {
    if let Some(phone) = &filter.phone {
        for _ in 0..SMS_LOOKS.0 {
            let now = sandbox.now();
            if sandbox.with(|inner| inner.sms.is_fresh(phone, now)) {
                break;
            }
            tokio::time::sleep(SMS_LOOKS.1).await;
        }
    }
    let messages = sandbox.with(|inner| inner.sms.find(filter.phone.as_deref()));
    let latest = messages.last().map(|sms| sms.code.clone());
    Json(json!({ "messages": messages, "latest": latest })).into_response()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PeopleFilter {
    openid: Option<String>,
    phone: Option<String>,
}

async fn people(State(sandbox): State<Shared>, Query(filter): Query<PeopleFilter>) -> Response {
    let mut found: Vec<_> = sandbox.with(|inner| inner.people.all().cloned().collect());
    if let Some(openid) = &filter.openid {
        found.retain(|person| person.openid == *openid);
    }
    if let Some(phone) = filter.phone.as_deref().map(bare_phone) {
        found.retain(|person| bare_phone(&person.phone) == phone);
    }
    Json(found).into_response()
}

async fn messages(State(sandbox): State<Shared>, Query(filter): Query<PeopleFilter>) -> Response {
    let mut found = sandbox.with(|inner| inner.messages.clone());
    if let Some(openid) = &filter.openid {
        found.retain(|entry| entry.openid == *openid);
    }
    Json(found).into_response()
}

async fn settings(State(sandbox): State<Shared>) -> Json<Settings> {
    Json(sandbox.with(|inner| inner.settings.clone()))
}

async fn change_settings(State(sandbox): State<Shared>, Input(patch): Input<Value>) -> Response {
    let changed = sandbox.with(|inner| {
        let changed = inner.settings.changed(patch)?;
        inner.settings = changed.clone();
        Ok::<_, serde_json::Error>(changed)
    });
    match changed {
        Ok(settings) => Json(settings).into_response(),
        Err(error) => bad_request(&error.to_string()),
    }
}

/// Every kind with its sentence, and the faults that wait for a call.
async fn faults(State(sandbox): State<Shared>) -> Json<Value> {
    let kinds: Vec<Value> =
        FaultKind::ALL.iter().map(|kind| json!({ "kind": kind, "text": kind.sentence(Lang::Zh), "english": kind.sentence(Lang::En) })).collect();
    Json(json!({ "kinds": kinds, "active": sandbox.with(|inner| inner.faults.clone()) }))
}

async fn add_fault(State(sandbox): State<Shared>, Input(fault): Input<Fault>) -> Response {
    match push_fault(&sandbox, fault) {
        Ok(all) => (StatusCode::CREATED, Json(all)).into_response(),
        Err(complaint) => bad_request(complaint),
    }
}

fn push_fault(sandbox: &Shared, fault: Fault) -> Result<Vec<Fault>, &'static str> {
    if let Some(complaint) = fault.complaint() {
        return Err(complaint);
    }
    sandbox.with(|inner| {
        if inner.faults.len() >= MAX_FAULTS {
            return Err("too many faults wait already: clear them first");
        }
        inner.faults.push(fault);
        Ok(inner.faults.clone())
    })
}

/// What the page's form asks for.
#[derive(Deserialize)]
struct FormFault {
    kind: FaultKind,
    count: u32,
    #[serde(default)]
    openid: String,
}

async fn form_add_fault(State(sandbox): State<Shared>, lang: Lang, Form(asked): Form<FormFault>) -> Response {
    match push_fault(&sandbox, Fault::of_form(asked.kind, asked.count, &asked.openid)) {
        Ok(_) => back_to_page(),
        Err(complaint) => {
            let title = lang.say("故障没有设定", "The fault was not set");
            (StatusCode::BAD_REQUEST, Html(page::message(lang, title, complaint))).into_response()
        }
    }
}

/// The balance that the page's form asks for, whole yuan; empty is without end.
#[derive(Deserialize)]
struct FormBalance {
    yuan: String,
}

async fn form_balance(State(sandbox): State<Shared>, lang: Lang, Form(asked): Form<FormBalance>) -> Response {
    let yuan = asked.yuan.trim();
    let fen = match yuan.parse::<u32>() {
        Ok(yuan) => Some(i64::from(yuan) * 100),
        Err(_) if yuan.is_empty() => None,
        Err(_) => {
            let title = lang.say("余额没有改", "The balance was not changed");
            let text = lang
                .say("余额请填整数（元），留空表示不限。", "A balance is whole yuan; empty is without end.");
            return (StatusCode::BAD_REQUEST, Html(page::message(lang, title, text))).into_response();
        }
    };
    sandbox.with(|inner| inner.settings.balance_fen = fen);
    back_to_page()
}

async fn clear_faults(State(sandbox): State<Shared>) -> Json<Vec<Fault>> {
    sandbox.with(|inner| inner.faults.clear());
    Json(Vec::new())
}

async fn form_open(State(sandbox): State<Shared>, Path(bill_no): Path<String>) -> Response {
    open_it(&sandbox, &bill_no);
    back_to_page()
}

fn open_it(sandbox: &Shared, bill_no: &str) {
    let now = sandbox.now();
    let opened = sandbox.with(|inner| inner.books.open(bill_no, now + inner.settings.clock_ahead_ms));
    if let Some(packet) = opened {
        transfer_callback::at_its_end(sandbox, &packet);
    }
}

/// Where a receiver confirms a transfer: stands for WeChat's own page.
async fn confirm(State(sandbox): State<Shared>, lang: Lang, Path(package): Path<String>) -> Response {
    let now = sandbox.now();
    let found = sandbox.with(|inner| {
        let bill_no = inner.books.by_package(&package)?;
        inner.books.look(&bill_no, now + inner.settings.clock_ahead_ms)
    });
    match found {
        Some(packet) => Html(page::confirm(lang, &packet, &package)).into_response(),
        None => not_found("no transfer is confirmed with this"),
    }
}

async fn form_confirm(State(sandbox): State<Shared>, Path(package): Path<String>) -> Response {
    let Some(bill_no) = sandbox.with(|inner| inner.books.by_package(&package)) else {
        return not_found("no transfer is confirmed with this");
    };
    open_it(&sandbox, &bill_no);
    Redirect::to(&format!("/sandbox/confirm/{package}")).into_response()
}

async fn form_follow(State(sandbox): State<Shared>, lang: Lang, Path(openid): Path<String>) -> Response {
    let Some(person) = sandbox.with(|inner| inner.people.get(&openid).cloned()) else {
        return not_found("nobody has this openid");
    };
    let event = if person.subscribe { "unsubscribe" } else { "subscribe" };
    let asked = callbacks::Fire {
        openid,
        event: event.to_owned(),
        key: String::new(),
        content: String::new(),
        copies: None,
        forged: false,
        url: None,
    };
    match callbacks::run(&sandbox, &asked).await {
        Ok(_) => back_to_page(),
        Err(error) => {
            let text = error.to_string();
            let title = lang.say("回调没有送达", "The callback did not arrive");
            (StatusCode::BAD_GATEWAY, Html(page::message(lang, title, &text))).into_response()
        }
    }
}

async fn form_clear(State(sandbox): State<Shared>) -> Response {
    sandbox.with(|inner| inner.faults.clear());
    back_to_page()
}
