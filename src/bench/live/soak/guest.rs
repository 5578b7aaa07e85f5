//! A guest's way in, as a phone goes it.

use anyhow::{Context, ensure};
use reqwest::{Client, header::LOCATION, redirect::Policy};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::server::{LOOK, PATIENCE, Server};
use crate::keys;

/// Guests of an evening.
pub(super) const GUESTS: usize = 8;

fn to(answer: &reqwest::Response) -> anyhow::Result<String> {
    let location = answer.headers().get(LOCATION).context("no way on")?;
    Ok(location.to_str()?.to_owned())
}

/// Follows the account, logs in through it, and binds by SMS.
pub(super) async fn enter(server: &Server, meeting: &str, openid: &str, phone: &str) -> anyhow::Result<()> {
    let follow = json!({ "openid": openid, "event": "subscribe" });
    server.far(reqwest::Method::POST, "/callbacks", &follow).await?;
    let http = Client::builder().no_proxy().redirect(Policy::none()).cookie_store(true);
    let http = http.pool_max_idle_per_host(0).build()?;
    let login = http.get(format!("{}/m/{meeting}/login", server.base)).send().await?;
    let mut authorize = url::Url::parse(&to(&login)?)?;
    authorize.set_fragment(None);
    authorize.query_pairs_mut().append_pair("as", openid);
    let back = to(&http.get(authorize).send().await?)?;
    http.get(back).send().await?;
    let me = |path: &str, body: &Value| {
        let request = http.post(format!("{}/api/meetings/{meeting}/me/{path}", server.base));
        request.header("origin", &server.base).json(body).send()
    };
    me("code", &json!({ "phone": phone, "consent": true })).await?.error_for_status()?;
    let code = code(server, phone).await?;
    let salt = hex::encode(keys::random::<32>());
    me("bind", &json!({ "phone": phone, "code": code, "salt": salt })).await?.error_for_status()?;
    Ok(())
}

/// It is sent after the request for it was answered.
async fn code(server: &Server, phone: &str) -> anyhow::Result<String> {
    let begun = Instant::now();
    loop {
        let path = format!("/sms?phone={phone}");
        let told = server.far(reqwest::Method::GET, &path, &Value::Null).await?;
        if let Some(code) = told["latest"].as_str() {
            return Ok(code.to_owned());
        }
        ensure!(begun.elapsed() < PATIENCE, "no code came");
        sleep(LOOK).await;
    }
}
