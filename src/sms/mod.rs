//! Sending log-in codes by SMS. Never repeated by itself: a repeat may deliver twice and costs twice.

mod aliyun;
mod tencent;

use std::time::Duration;

use anyhow::Context;
use url::Url;

use self::{aliyun::Aliyun, tencent::Tencent};
use crate::{
    answer::ReadError,
    clock::Ms,
    config::{Config, SmsConfig, SmsProvider},
    phone::Phone,
    watch,
    wechat::tls,
};

/// A call that takes longer is given up; the person may ask again after a minute.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Answers are a few hundred bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// Who sends.
#[derive(Clone, Debug)]
pub enum Sms {
    /// Aliyun Dysmsapi.
    Aliyun(Aliyun),
    /// Tencent Cloud SMS.
    Tencent(Tencent),
    /// Writes the code to the log: development only.
    Log,
}

/// Signature and template of the mainland's numbers and of all others: the providers approve them apart.
#[derive(Clone, Debug)]
struct Wordings {
    home: Wording,
    abroad: Wording,
}

#[derive(Clone, Debug)]
struct Wording {
    sign_name: String,
    template: String,
}

impl Wordings {
    fn of(config: &SmsConfig) -> Self {
        let own = |own: &String, usual: &String| if own.is_empty() { usual.clone() } else { own.clone() };
        let home = Wording { sign_name: config.sign_name.clone(), template: config.template.clone() };
        let abroad = Wording {
            sign_name: own(&config.sign_name_global, &home.sign_name),
            template: own(&config.template_global, &home.template),
        };
        Self { home, abroad }
    }

    fn of_phone(&self, phone: &Phone) -> &Wording {
        if phone.is_mainland() { &self.home } else { &self.abroad }
    }
}

/// A code that stands in no table of ours: whether anything was sent is not known, and a person should read it.
fn unlisted(code: String) -> SmsError {
    tracing::error!(code, "the SMS provider answered with a code that is not known here");
    SmsError::Unknown(code)
}

/// Why no code is on its way, sorted by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmsError {
    /// The provider's limit for this number: the person has to wait.
    #[error("the provider's limit for this number ({0})")]
    Wait(String),
    /// The provider does not take this number.
    #[error("the provider refuses this number ({0})")]
    Number(String),
    /// Signature, template or key is wrong: nothing of this kind of number works until a person acts.
    #[error("the SMS configuration is refused ({0})")]
    Config(String),
    /// The account is out of money or stopped: sending more is pointless.
    #[error("the SMS account is stopped ({0})")]
    Stopped(String),
    /// No usable answer: it may have been sent.
    #[error("no usable answer from the SMS provider ({0})")]
    Unknown(String),
}

impl SmsError {
    /// One word for the record of sends.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Wait(_) => "wait",
            Self::Number(_) => "number",
            Self::Config(_) => "config",
            Self::Stopped(_) => "stopped",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl Sms {
    /// Opens the provider that the configuration names.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        match config.sms.provider {
            SmsProvider::Log => Ok(Self::Log),
            SmsProvider::Aliyun => Aliyun::open(&config.sms).map(Self::Aliyun).context("[sms]"),
            SmsProvider::Tencent => Tencent::open(&config.sms).map(Self::Tencent).context("[sms]"),
        }
    }

    /// Sends a code. `now` is the moment of the signature.
    pub async fn send(&self, phone: &Phone, code: &str, now: Ms) -> Result<(), SmsError> {
        let sent = match self {
            Self::Aliyun(aliyun) => aliyun.send(phone, code, now).await,
            Self::Tencent(tencent) => tencent.send(phone, code, now).await,
            Self::Log => {
                tracing::warn!(phone = %phone, code, "sms.provider is \"log\": nothing is sent");
                Ok(())
            }
        };
        metrics::counter!(watch::SMS, "outcome" => sent.as_ref().map_or_else(SmsError::word, |()| "sent"))
            .increment(1);
        sent
    }

    /// Messages that are paid for and left, where the provider tells it: Tencent Cloud of packages, nobody else.
    pub async fn left(&self, now: Ms) -> Result<Option<i64>, SmsError> {
        match self {
            Self::Tencent(tencent) => tencent.left(now).await,
            Self::Aliyun(_) | Self::Log => Ok(None),
        }
    }
}

/// A client for the provider at `configured`, or at its own address when nothing is configured. It neither follows
/// redirects nor repeats a call.
fn client(configured: &str, own: &str) -> anyhow::Result<(reqwest::Client, Url)> {
    let text = if configured.is_empty() { own } else { configured };
    let base: Url = text.parse().context("api_base is not an address")?;
    tls::install_ring();
    let builder = reqwest::Client::builder()
        .timeout(CALL_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    // A stand-in on plain HTTP must not need the platform's certificate store.
    let builder = if base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
    Ok((builder.build().context("no TLS on this machine")?, base))
}

/// No answer: a code may be on its way all the same.
fn transport(error: &reqwest::Error) -> SmsError {
    SmsError::Unknown(if error.is_timeout() { "timeout" } else { "connection" }.to_owned())
}

/// An answer that broke off, or has no end.
fn unread(error: ReadError) -> SmsError {
    match error {
        ReadError::Broken(error) => transport(&error),
        ReadError::TooLong(_) => SmsError::Unknown("too long".to_owned()),
    }
}

fn host(base: &Url) -> String {
    let name = base.host_str().unwrap_or_default();
    base.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}
