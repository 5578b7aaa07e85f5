//! The far end of the source `drand`: the public beacon quicknet, by the HTTP interface of its relays.
//!
//! <https://docs.drand.love/dev-guide/API%20Documentation/>: `GET /{chain}/public/{round}` gives the round's
//! `signature`. A relay is not believed: a value only counts with the chain's signature (`draw::drand`).

use std::time::Duration;

use anyhow::Context as _;
use http::StatusCode;
use serde::Deserialize;

use crate::{
    answer,
    app::App,
    draw::{
        entropy::{QUICKNET, drand_due_ms},
        hash::DrandSig,
    },
    error::{ApiError, ApiResult},
    wechat::tls,
};

/// The hall waits for it.
const TIMEOUT: Duration = Duration::from_secs(8);
/// A beacon is a few hundred bytes.
const ANSWER_BYTES: usize = 16 * 1024;

/// What a relay says of a round; its randomness is the signature's hash and made anew.
#[derive(Deserialize)]
struct Beacon {
    round: u64,
    signature: String,
}

/// 409 `too_early` until the round is due.
pub(super) fn not_early(app: &App, round: u64) -> ApiResult<()> {
    let due = i64::try_from(drand_due_ms(round)).unwrap_or(i64::MAX);
    let wait = due.saturating_sub(app.now());
    if wait <= 0 {
        return Ok(());
    }
    let detail =
        format!("drand 第 {round} 轮还有 {} 秒才公布，请稍后再取。", wait.saturating_add(999) / 1000);
    Err(ApiError::conflict("too_early", detail))
}

/// Asks the relay for a round's signature: 503 `drand_unreachable` when it gives none, with what to do instead.
pub(super) async fn fetch(app: &App, round: u64) -> ApiResult<DrandSig> {
    let relay = &app.config().drand.url;
    if relay.is_empty() {
        return Err(unreachable(round, "本服务器没有设置 drand.url"));
    }
    let answer = ask(relay, round).await;
    answer.map_err(|error| {
        tracing::warn!(round, error = format!("{error:#}"), "the drand relay gave no beacon");
        unreachable(round, "现在取不到 drand 信标")
    })
}

fn unreachable(round: u64, why: &str) -> ApiError {
    let detail = format!(
        "{why}。请检查服务器的网络后重试；也可以在任何手机上打开 https://api.drand.sh/{QUICKNET}/public/{round} ，把其中 \
         signature 的内容粘贴到这里。"
    );
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "drand_unreachable", detail)
}

async fn ask(relay: &str, round: u64) -> anyhow::Result<DrandSig> {
    tls::install_ring();
    let url: reqwest::Url = format!("{}/{QUICKNET}/public/{round}", relay.trim_end_matches('/'))
        .parse()
        .context("drand.url is not an address")?;
    let client = reqwest::Client::builder().timeout(TIMEOUT);
    // A relay in the own network must not need the platform's certificate store.
    let client = if url.scheme() == "http" { client.tls_certs_only([]) } else { client };
    let answer = client.build()?.get(url).send().await?.error_for_status()?;
    let bytes = answer::read(answer, ANSWER_BYTES).await?;
    let beacon: Beacon = serde_json::from_slice(&bytes).context("the answer is no beacon")?;
    anyhow::ensure!(beacon.round == round, "the relay answered with round {}", beacon.round);
    beacon.signature.parse().ok().context("the signature has not the form of quicknet's")
}
