//! The far end of the alarms. Robots of 企业微信 and 钉钉 take the same text message; any other webhook gets it too.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::wechat::tls;

/// A robot that takes longer is tried again.
const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of an answer is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// A webhook.
pub(super) struct Robot {
    http: reqwest::Client,
    url: reqwest::Url,
}

impl Robot {
    pub(super) fn open(url: &str) -> anyhow::Result<Self> {
        tls::install_ring();
        let url: reqwest::Url = url.parse().context("it is not an address")?;
        anyhow::ensure!(matches!(url.scheme(), "http" | "https"), "it must begin with https:// or http://");
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        // A robot in the own network does not need the platform's certificates.
        let http = if url.scheme() == "http" { http.tls_certs_only([]) } else { http };
        Ok(Self { http: http.build()?, url })
    }

    /// Says something; an error is why it was not taken. The address is a secret and never part of it.
    pub(super) async fn say(&self, text: &str) -> Result<(), String> {
        let body = json!({ "msgtype": "text", "text": { "content": text } });
        let answer = self.http.post(self.url.clone()).json(&body).send().await;
        let mut answer = answer.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("HTTP {}", status.as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES {
                break;
            }
        }
        taken(&bytes)
    }
}

/// Both robots answer HTTP 200 also when they refuse, with a number; other webhooks answer what they like.
fn taken(answer: &[u8]) -> Result<(), String> {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return Ok(()) };
    match answer.get("errcode").and_then(Value::as_i64) {
        None | Some(0) => Ok(()),
        Some(code) => Err(format!("errcode {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_an_error_number_is_a_refusal() {
        assert_eq!(taken(br#"{"errcode":0,"errmsg":"ok"}"#), Ok(()));
        assert_eq!(taken(b"ok"), Ok(()));
        assert_eq!(taken(b""), Ok(()));
        assert!(taken(br#"{"errcode":45009,"errmsg":"api freq out of limit"}"#).is_err());
        assert!(Robot::open("ftp://x").is_err() && Robot::open("nonsense").is_err());
    }
}
