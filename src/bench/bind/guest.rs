//! One person's phone: the same requests as the page makes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};
use url::Url;

use crate::keys;

/// What is timed.
pub(super) const STEPS: [&str; 4] = ["log-in with OAuth", "asking for a code", "the SMS", "binding"];

/// Where everybody goes.
pub(super) struct Way {
    pub(super) http: Client,
    pub(super) base: String,
    pub(super) sandbox: String,
    pub(super) meeting: String,
}

/// How long each step took.
pub(super) struct Times {
    pub(super) steps: [Duration; 4],
}

impl Times {
    pub(super) fn whole(&self) -> Duration {
        self.steps.iter().sum()
    }
}

/// One person.
pub(super) struct Guest {
    way: Arc<Way>,
    openid: String,
    phone: String,
}

impl Guest {
    pub(super) fn new(way: Arc<Way>, openid: &str, phone: &str) -> Self {
        Self { way, openid: openid.to_owned(), phone: phone.to_owned() }
    }

    /// From the link to the place in the pool.
    pub(super) async fn enter(self) -> anyhow::Result<Times> {
        let mut last = Instant::now();
        let mut lap = || {
            let begun = std::mem::replace(&mut last, Instant::now());
            last.duration_since(begun)
        };
        let cookie = self.log_in().await?;
        let logged_in = lap();
        let ask = json!({ "phone": self.phone, "consent": true });
        let status = self.post(&cookie, "/me/code", &ask).await?.status();
        ensure!(status == StatusCode::ACCEPTED, "a request for a code was answered {status}");
        let asked = lap();
        let code = self.code().await?;
        let came = lap();
        let salt = hex::encode(keys::random::<32>());
        let bind = json!({ "phone": self.phone, "code": code, "salt": salt });
        let bound = self.post(&cookie, "/me/bind", &bind).await?;
        let status = bound.status();
        ensure!(status == StatusCode::OK, "a binding was answered {status}: {}", bound.text().await?);
        Ok(Times { steps: [logged_in, asked, came, lap()] })
    }

    /// The way through WeChat and back; the cookie.
    async fn log_in(&self) -> anyhow::Result<String> {
        let Way { http, base, meeting, .. } = &*self.way;
        let first = http.get(format!("{base}/m/{meeting}/login")).send().await?;
        let state = cookie(&first, "kj_oauth")?;
        let mut authorize = location(&first)?;
        authorize.set_fragment(None);
        authorize.query_pairs_mut().append_pair("as", &self.openid);
        let back = location(&http.get(authorize).send().await?)?;
        let third = http.get(back).header(header::COOKIE, state).send().await?;
        cookie(&third, "kj_me")
    }

    async fn post(&self, cookie: &str, path: &str, body: &Value) -> anyhow::Result<Response> {
        let Way { http, base, meeting, .. } = &*self.way;
        let request = http.post(format!("{base}/api/meetings/{meeting}{path}"));
        Ok(request.header(header::COOKIE, cookie).header(header::ORIGIN, base).json(body).send().await?)
    }

    /// Reads the SMS as soon as it is there.
    async fn code(&self) -> anyhow::Result<String> {
        let address = format!("{}/sandbox/sms?phone={}", self.way.sandbox, self.phone);
        let told: Value = self.way.http.get(address).send().await?.json().await?;
        Ok(told["latest"].as_str().context("no SMS came")?.to_owned())
    }
}

fn location(response: &Response) -> anyhow::Result<Url> {
    let status = response.status();
    let to = response.headers().get(header::LOCATION).with_context(|| format!("no way on: {status}"))?;
    Ok(response.url().join(to.to_str()?)?)
}

fn cookie(response: &Response, name: &str) -> anyhow::Result<String> {
    let all = response.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.filter_map(|value| value.split(';').next());
    let found = pairs.find(|pair| pair.starts_with(name));
    Ok(found.with_context(|| format!("no cookie {name}: {}", response.status()))?.to_owned())
}
