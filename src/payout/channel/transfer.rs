//! WeChat Pay v3: a merchant transfer that its receiver confirms (`transfer-bills`), signed with the merchant's key.

use std::ops::RangeInclusive;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    Answer, Order,
    call::{call, client, file},
    transfer_answer::{read_query, read_send},
};
use crate::{
    clock::Ms,
    config::Config,
    keys::random,
    payout::next::Outcome,
    wechat::v3::{KEY_BYTES, MerchantKey, PayerKey, Request, Resource, Signed, V3Error},
};

/// From 2,000 yuan on the payer wants the receiver's name, which we do not have for certain; below 0.10 it pays nothing.
pub(super) const AMOUNTS: RangeInclusive<i64> = 10..=199_999;
/// Characters of a remark, and of each text that the scene asks for.
const TEXT_CHARS: usize = 32;
/// Where it all lies.
const BILLS: &str = "/v3/fund-app/mch-transfer/transfer-bills";
/// The payer refuses calls of clients without a name.
const AGENT: &str = concat!("kaijiang/", env!("CARGO_PKG_VERSION"));

/// Where the payer's callbacks come to, on our side.
const NOTIFY_PATH: &str = "/wechat/transfer";

/// The client.
pub struct Transfer {
    http: reqwest::Client,
    base: String,
    mch_id: String,
    app_id: String,
    serial_no: String,
    scene_id: String,
    notify_url: String,
    key: MerchantKey,
    payer: PayerKey,
    sealing: SecretString,
}

impl std::fmt::Debug for Transfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer").field("mch_id", &self.mch_id).finish_non_exhaustive()
    }
}

impl Transfer {
    /// Reads the keys and makes the client.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let ours = &config.transfer;
        let text = |value: &str, key: &str| {
            anyhow::ensure!(!value.is_empty(), "transfer.mch_id is set, but transfer.{key} is not");
            Ok(value.to_owned())
        };
        let sealing = ours.api_v3_key.expose();
        anyhow::ensure!(sealing.len() == KEY_BYTES, "transfer.api_v3_key must have {KEY_BYTES} characters");
        let key =
            MerchantKey::from_pem(&file(&ours.key_pem, "transfer.key_pem")?).context("transfer.key_pem")?;
        let id = text(&ours.public_key_id, "public_key_id")?;
        let payer = PayerKey::from_pem(&id, &file(&ours.public_key_pem, "transfer.public_key_pem")?)
            .context("transfer.public_key_pem")?;
        let base = ours.api_base.trim_end_matches('/').to_owned();
        Ok(Self {
            http: client(config, &base, None).context("transfer.api_base")?,
            mch_id: ours.mch_id.clone(),
            app_id: config.wechat.app_id.clone(),
            serial_no: text(&ours.serial_no, "serial_no")?,
            scene_id: text(&ours.scene_id, "scene_id")?,
            notify_url: notify_url(config),
            key,
            payer,
            sealing: SecretString::from(sealing),
            base,
        })
    }

    /// The body of a request.
    pub fn freeze(&self, order: &Order) -> String {
        let info = |kind: &str, text: &str| json!({ "info_type": kind, "info_content": shortened(text) });
        let mut body = json!({
            "appid": self.app_id,
            "out_bill_no": order.bill,
            "transfer_scene_id": self.scene_id,
            "openid": order.openid,
            "transfer_amount": order.fen,
            "transfer_remark": shortened(&order.remark),
            // What the scene of cash for campaigns (1000) asks for, both.
            "transfer_scene_report_infos": [info("活动名称", &order.act_name), info("奖励说明", &order.wishing)],
        });
        if !self.notify_url.is_empty() {
            body["notify_url"] = self.notify_url.clone().into();
        }
        body.to_string()
    }

    /// Sends a frozen request.
    pub async fn send(&self, body: String, now: Ms) -> Answer {
        let request = self.signed(Request { method: "POST", path: BILLS, body: &body }, now);
        call(request.header("content-type", "application/json").body(body)).await
    }

    /// Asks for a bill number.
    pub async fn query(&self, bill: &str, now: Ms) -> Answer {
        let path = format!("{BILLS}/out-bill-no/{bill}");
        call(self.signed(Request { method: "GET", path: &path, body: "" }, now)).await
    }

    fn signed(&self, request: Request<'_>, now: Ms) -> reqwest::RequestBuilder {
        let url = format!("{}{}", self.base, request.path);
        let nonce = hex::encode_upper(random::<16>());
        // What is signed is the path that the far end sees, also where the configured base has one of its own.
        let path =
            reqwest::Url::parse(&url).map_or_else(|_| request.path.to_owned(), |url| url.path().to_owned());
        let signed = Request { path: &path, ..request };
        let authorization =
            signed.authorize(&self.key, (&self.mch_id, &self.serial_no), (now / 1_000, &nonce));
        let builder = if request.method == "GET" { self.http.get(url) } else { self.http.post(url) };
        builder
            .header("accept", "application/json")
            .header("user-agent", AGENT)
            .header("authorization", authorization)
            .header("wechatpay-serial", self.payer.id())
    }

    /// Reads an answer to [`Self::send`].
    pub fn read_send(&self, answer: &Answer, order: &Order, now: Ms) -> Outcome {
        read_send(answer, order, (&self.payer, now))
    }

    /// Reads an answer to [`Self::query`].
    pub fn read_query(&self, answer: &Answer, order: &Order, now: Ms) -> Outcome {
        read_query(answer, order, &self.mch_id, (&self.payer, now))
    }

    /// Proves a callback genuine.
    pub fn proved(&self, signed: &Signed, body: &[u8], now: Ms) -> Result<(), V3Error> {
        signed.verify(&self.payer, body, now / 1_000)
    }

    /// Opens what a callback holds.
    pub fn opened(&self, resource: &Resource) -> Result<Vec<u8>, V3Error> {
        resource.open(self.sealing.expose_secret())
    }
}

/// The configured address for callbacks, else our own where it is one that the payer takes; callbacks only make it
/// faster.
fn notify_url(config: &Config) -> String {
    let (wanted, own) = (&config.transfer.notify_url, &config.server.public_url);
    if wanted.is_empty() && own.starts_with("https://") {
        return format!("{own}{NOTIFY_PATH}");
    }
    wanted.clone()
}

/// The beginning of a text; never empty.
fn shortened(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect();
    if text.trim().is_empty() { "-".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn texts_are_cut_by_characters() {
        assert_eq!(shortened(&"奖".repeat(40)).chars().count(), 32);
        assert_eq!(shortened("年会\n抽奖"), "年会抽奖");
        assert_eq!(shortened(" "), "-");
    }
}
