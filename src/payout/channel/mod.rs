//! Ways to pay. A closed set: fakes are servers at a configured address. Nothing outside of this folder knows what is
//! special about one of them.

mod answer;
mod call;
pub mod callback;
mod red_packet;
mod transfer;
mod transfer_answer;

#[cfg(test)]
mod hostile;

use std::ops::RangeInclusive;

pub use answer::{read_query, read_send};
pub use red_packet::RedPacket;
pub use transfer::Transfer;

use super::{bill_no::MERCHANT_CHARS, next::Outcome};
use crate::{clock::Ms, config::Config, wechat::v3::Signed, wire::PayChannel};

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
    /// What time it was at the far end, ms, where it said so.
    pub date: Option<Ms>,
    /// The headers of the payer's signature; empty where a channel has none.
    pub signed: Signed,
}

/// A way to pay.
#[derive(Debug)]
pub enum Channel {
    /// WeChat Pay v2 red packets.
    RedPacket(Box<RedPacket>),
    /// WeChat Pay v3 merchant transfers.
    Transfer(Box<Transfer>),
}

impl Channel {
    /// The complete request: made once, stored, and sent again byte for byte.
    pub fn freeze(&self, order: &Order) -> String {
        match self {
            Self::RedPacket(payer) => payer.freeze(order),
            Self::Transfer(payer) => payer.freeze(order),
        }
    }

    /// Sends a frozen request at `now`.
    pub async fn send(&self, request: String, now: Ms) -> Answer {
        match self {
            Self::RedPacket(payer) => payer.send(request).await,
            Self::Transfer(payer) => payer.send(request, now).await,
        }
    }

    /// Asks for a bill number at `now`.
    pub async fn query(&self, bill: &str, now: Ms) -> Answer {
        match self {
            Self::RedPacket(payer) => payer.query(bill).await,
            Self::Transfer(payer) => payer.query(bill, now).await,
        }
    }

    /// Reads an answer to [`Self::send`] that came at `now`.
    pub fn read_send(&self, answer: &Answer, order: &Order, now: Ms) -> Outcome {
        match self {
            Self::RedPacket(payer) => payer.read_send(answer, order),
            Self::Transfer(payer) => payer.read_send(answer, order, now),
        }
    }

    /// Reads an answer to [`Self::query`] that came at `now`.
    pub fn read_query(&self, answer: &Answer, order: &Order, now: Ms) -> Outcome {
        match self {
            Self::RedPacket(payer) => payer.read_query(answer, order),
            Self::Transfer(payer) => payer.read_query(answer, order, now),
        }
    }

    /// When the certificate ends that it shows the payer, ms; `None` where it shows none.
    pub fn certificate_ends(&self) -> Option<Ms> {
        match self {
            Self::RedPacket(payer) => payer.certificate_ends(),
            Self::Transfer(_) => None,
        }
    }

    /// Amounts that it can pay, fen, whatever else limits them.
    pub fn amounts(&self) -> RangeInclusive<i64> {
        match self {
            Self::RedPacket(_) => 1..=i64::MAX,
            Self::Transfer(_) => transfer::AMOUNTS,
        }
    }
}

/// The ways to pay that are configured.
#[derive(Debug)]
pub struct Channels {
    red_packet: Option<Channel>,
    transfer: Option<Channel>,
}

impl Channels {
    /// Those of the configuration. An error says which setting is wrong.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let opened = |wanted: PayChannel| -> anyhow::Result<Option<Channel>> {
            let mch_id = config.merchant(wanted);
            if mch_id.is_empty() {
                return Ok(None);
            }
            let section = match wanted {
                PayChannel::RedPacketV2 => "pay",
                PayChannel::TransferV3 => "transfer",
            };
            let fits = mch_id.len() <= MERCHANT_CHARS && mch_id.bytes().all(|byte| byte.is_ascii_digit());
            anyhow::ensure!(fits, "{section}.mch_id must be at most {MERCHANT_CHARS} digits");
            anyhow::ensure!(
                !config.wechat.app_id.is_empty(),
                "{section}.mch_id is set, but wechat.app_id is not"
            );
            Ok(Some(match wanted {
                PayChannel::RedPacketV2 => Channel::RedPacket(Box::new(RedPacket::open(config)?)),
                PayChannel::TransferV3 => Channel::Transfer(Box::new(Transfer::open(config)?)),
            }))
        };
        Ok(Self { red_packet: opened(PayChannel::RedPacketV2)?, transfer: opened(PayChannel::TransferV3)? })
    }

    /// One of them, when it is configured.
    pub fn of(&self, channel: PayChannel) -> Option<&Channel> {
        match channel {
            PayChannel::RedPacketV2 => self.red_packet.as_ref(),
            PayChannel::TransferV3 => self.transfer.as_ref(),
        }
    }

    /// Those that are configured.
    pub fn all(&self) -> impl Iterator<Item = (PayChannel, &Channel)> {
        PayChannel::ALL.into_iter().filter_map(|channel| Some((channel, self.of(channel)?)))
    }

    /// Why nothing can be sent, as the sender's reason.
    pub fn off(&self) -> Option<&'static str> {
        self.all().next().is_none().then_some("not_configured")
    }
}

/// For `check-config`: a sentence about each channel, or why one cannot work.
pub fn check_config(config: &Config) -> anyhow::Result<String> {
    let channels = Channels::open(config)?;
    let sentences = channels.all().map(|(channel, _)| match channel {
        PayChannel::RedPacketV2 => "red packets (WeChat Pay v2) are configured",
        PayChannel::TransferV3 => "merchant transfers (WeChat Pay v3) are configured",
    });
    let sentences: Vec<&str> = sentences.collect();
    if sentences.is_empty() {
        return Ok("no merchant is configured: awards wait, nothing is paid".into());
    }
    Ok(sentences.join("; "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use figment::{
        Figment,
        providers::{Format, Serialized, Toml},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::DEFAULTS,
        wechat::rsa_key::{self, Pair},
    };

    /// A whole configuration of transfers, with one pair of keys for both sides.
    pub(super) fn whole(folder: &Path, pair: &Pair) -> Value {
        std::fs::write(folder.join("key.pem"), &pair.private_pem).unwrap();
        std::fs::write(folder.join("public.pem"), &pair.public_pem).unwrap();
        json!({
            "wechat": { "app_id": "wx0000000000000000" },
            "transfer": {
                "mch_id": "1900000109", "serial_no": "S", "key_pem": folder.join("key.pem"),
                "api_v3_key": "0123456789abcdef0123456789ABCDEF", "public_key_id": "PUB_KEY_ID_1",
                "public_key_pem": folder.join("public.pem"), "api_base": "http://127.0.0.1:1",
            },
        })
    }

    pub(super) fn opened(values: &Value) -> Result<Channels, String> {
        let figment = Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values));
        Channels::open(&Config::extract(&figment).unwrap()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_transfer_setting_that_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let whole = whole(folder.path(), &rsa_key::make().unwrap());
        let channels = opened(&whole).unwrap();
        assert_eq!(channels.all().map(|(channel, _)| channel).collect::<Vec<_>>(), [PayChannel::TransferV3]);
        assert_eq!(channels.off(), None);
        let odd = folder.path().join("odd.pem");
        std::fs::write(&odd, "no key").unwrap();
        for (key, value) in [
            ("mch_id", json!("19-0")),
            ("serial_no", json!("")),
            ("key_pem", json!(odd)),
            ("key_pem", json!("/nowhere.pem")),
            ("api_v3_key", json!("short")),
            ("public_key_id", json!("")),
            ("public_key_pem", json!(odd)),
            ("scene_id", json!("")),
        ] {
            let mut wrong = whole.clone();
            wrong["transfer"][key] = value;
            let error = opened(&wrong).unwrap_err();
            assert!(error.contains(&format!("transfer.{key}")), "{key}: {error}");
        }
        let mut alone = whole;
        alone["wechat"]["app_id"] = "".into();
        assert!(opened(&alone).unwrap_err().contains("wechat.app_id"));
        assert_eq!(opened(&json!({})).unwrap().off(), Some("not_configured"));
    }
}
