//! One call over HTTP, for every channel alike: no hidden repeat, no redirect, a limit on time and on bytes.

use std::time::Duration;

use anyhow::Context;
use http::{HeaderMap, header};
use reqwest::{Client, RequestBuilder};

use super::Answer;
use crate::{
    clock::Ms,
    config::Config,
    wechat::{tls, v3::Signed, xml},
};

/// A connection that takes longer is given up: nothing has left then.
const CONNECT: Duration = Duration::from_secs(5);
/// A call that takes longer is given up: its outcome is unknown.
const TOTAL: Duration = Duration::from_secs(15);
/// The far end says with this header that it is our sandbox.
const SANDBOX_HEADER: &str = "x-kaijiang-sandbox";

/// A client for a far end at `base`, which trusts only `pay.ca_pem` when that is set.
pub(super) fn client(
    config: &Config,
    base: &str,
    identity: Option<reqwest::Identity>,
) -> anyhow::Result<Client> {
    tls::install_ring();
    let mut http = Client::builder()
        .connect_timeout(CONNECT)
        .timeout(TOTAL)
        .redirect(reqwest::redirect::Policy::none())
        // No hidden second try: a connection is used once, and nothing is repeated but by us.
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .no_proxy()
        .http1_only();
    if let Some(identity) = identity {
        http = http.identity(identity);
    }
    let authority = &config.pay.ca_pem;
    if !authority.as_os_str().is_empty() {
        let only = tls::authorities(&file(authority, "pay.ca_pem")?).context("pay.ca_pem")?;
        http = http.tls_certs_only(only);
    } else if base.starts_with("http://") {
        // A stand-in without TLS needs nobody's certificates.
        http = http.tls_certs_only([]);
    }
    http.build().context(
        "the pay client cannot be made; without pay.ca_pem the platform's certificate store must exist",
    )
}

/// Reads a configured file; an error names its key.
pub(super) fn file(path: &std::path::Path, key: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{key}: cannot read {}", path.display()))
}

/// Makes the call.
pub(super) async fn call(request: RequestBuilder) -> Answer {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Answer { failure: Some(failure(&error)), ..Answer::default() },
    };
    let mut answer = Answer {
        status: Some(response.status().as_u16()),
        sandbox: response.headers().contains_key(SANDBOX_HEADER),
        date: date(response.headers()),
        signed: Signed::read(response.headers()),
        ..Answer::default()
    };
    loop {
        match response.chunk().await {
            Ok(Some(part)) if answer.raw.len() + part.len() > xml::MAX_BYTES => {
                let room = xml::MAX_BYTES - answer.raw.len();
                answer.raw.extend_from_slice(&part[..room]);
                answer.failure = Some("unreadable");
                return answer;
            }
            Ok(Some(part)) => answer.raw.extend_from_slice(&part),
            Ok(None) => return answer,
            Err(error) => {
                answer.failure = Some(failure(&error));
                return answer;
            }
        }
    }
}

/// The far end's clock.
fn date(headers: &HeaderMap) -> Option<Ms> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp().as_millisecond())
}

/// What kind of no answer. Only an error of connecting (name, TCP, TLS) is certain to come before the request.
fn failure(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "not_sent"
    } else if error.is_timeout() {
        "timeout"
    } else if error.is_builder() {
        "not_sent"
    } else {
        "broken"
    }
}
