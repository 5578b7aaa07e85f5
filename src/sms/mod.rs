//! Sending log-in codes by SMS. Never repeated by itself: a repeat may deliver twice and costs twice.

mod aliyun;

use anyhow::{Context, bail};

use self::aliyun::Aliyun;
use crate::{
    clock::Ms,
    config::{Config, SmsProvider},
    phone::Phone,
};

/// Who sends.
#[derive(Clone, Debug)]
pub enum Sms {
    /// Aliyun Dysmsapi.
    Aliyun(Aliyun),
    /// Writes the code to the log: development only.
    Log,
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
    /// Signature, template or key is wrong: nothing works until a person acts.
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
            SmsProvider::Tencent => {
                bail!(
                    "sms.provider = \"tencent\" comes in a later version; use \"aliyun\", or \"log\" for development"
                )
            }
        }
    }

    /// Sends a code. `now` is the moment of the signature.
    pub async fn send(&self, phone: &Phone, code: &str, now: Ms) -> Result<(), SmsError> {
        match self {
            Self::Aliyun(aliyun) => aliyun.send(phone, code, now).await,
            Self::Log => {
                tracing::warn!(phone = %phone, code, "sms.provider is \"log\": nothing is sent");
                Ok(())
            }
        }
    }
}
