//! Ways to pay. A closed set: fakes are servers at a configured address.

mod answer;
mod red_packet;

pub use answer::{read_query, read_send};
pub use red_packet::RedPacket;

use super::bill_no::MERCHANT_CHARS;
use crate::config::Config;

/// What is paid to whom; frozen into a request before the first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Bill number.
    pub bill: String,
    /// Receiver.
    pub openid: String,
    /// Fen.
    pub fen: i64,
    /// Sender's name, at most 31 bytes.
    pub send_name: String,
    /// Name of the activity, at most 31 bytes.
    pub act_name: String,
    /// Wish, at most 127 bytes.
    pub wishing: String,
    /// Remark, at most 255 bytes.
    pub remark: String,
}

/// What came back of one call, before anybody reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// The bytes, at most 64 KiB of them.
    pub raw: Vec<u8>,
    /// Why there is no whole answer: `not_sent`, `timeout`, `broken` or `unreadable`.
    pub failure: Option<&'static str>,
    /// The far end said that it is our sandbox.
    pub sandbox: bool,
}

/// A way to pay.
#[derive(Debug)]
pub enum Channel {
    /// WeChat Pay v2 red packets.
    RedPacket(Box<RedPacket>),
    /// WeChat Pay v3 merchant transfers. Comes in a later version: configured alone, the sender stays off.
    Transfer,
    /// Nothing is configured: awards wait.
    None,
}

impl Channel {
    /// The configured way. An error says which setting is wrong.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let pay = &config.pay;
        if pay.mch_id.is_empty() {
            return Ok(if config.transfer.mch_id.is_empty() { Self::None } else { Self::Transfer });
        }
        let fits = pay.mch_id.len() <= MERCHANT_CHARS && pay.mch_id.bytes().all(|byte| byte.is_ascii_digit());
        anyhow::ensure!(fits, "pay.mch_id must be at most {MERCHANT_CHARS} digits");
        anyhow::ensure!(!config.wechat.app_id.is_empty(), "pay.mch_id is set, but wechat.app_id is not");
        Ok(Self::RedPacket(Box::new(RedPacket::open(config)?)))
    }

    /// Name in the database and on pages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RedPacket(_) => "red_packet",
            Self::Transfer => "transfer",
            Self::None => "none",
        }
    }

    /// Why this channel cannot send, as the sender's reason.
    pub fn off(&self) -> Option<&'static str> {
        match self {
            Self::RedPacket(_) => None,
            Self::Transfer => Some("transfer_later"),
            Self::None => Some("not_configured"),
        }
    }
}

/// For `check-config`: one sentence about the channel, or why it cannot work.
pub fn check_config(config: &Config) -> anyhow::Result<&'static str> {
    Ok(match Channel::open(config)? {
        Channel::RedPacket(_) => "red packets (WeChat Pay v2) are configured",
        Channel::Transfer => {
            "merchant transfers (v3) come in a later version: with [transfer] alone the sender stays off"
        }
        Channel::None => "no merchant is configured: awards wait, nothing is paid",
    })
}
