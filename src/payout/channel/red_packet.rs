//! WeChat Pay v2: `sendredpack` and `gethbinfo` with the merchant's certificate.

use anyhow::Context;
use secrecy::SecretString;

use super::{
    Answer, Order,
    call::{call, client, file},
    read_query, read_send,
};
use crate::{
    clock::Ms,
    config::Config,
    keys::random,
    payout::next::Outcome,
    wechat::{sign, tls, xml},
};

/// Outside of this range the payer wants to know the scene.
const PLAIN_RANGE: std::ops::RangeInclusive<i64> = 100..=20_000;

/// The client.
#[derive(Debug)]
pub struct RedPacket {
    http: reqwest::Client,
    base: String,
    mch_id: String,
    app_id: String,
    client_ip: String,
    scene_id: String,
    key: SecretString,
    certificate_ends: Option<Ms>,
}

impl RedPacket {
    /// Reads the certificates and makes the client.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let pay = &config.pay;
        let (identity, certificate_ends) = if pay.cert_pem.as_os_str().is_empty() {
            (None, None)
        } else {
            let (cert, key) = (file(&pay.cert_pem, "pay.cert_pem")?, file(&pay.key_pem, "pay.key_pem")?);
            let identity = tls::identity(&cert, &key).context("pay.cert_pem and pay.key_pem")?;
            (Some(identity), Some(tls::not_after_ms(&cert).context("pay.cert_pem")?))
        };
        let http = client(config, &pay.api_base, identity)?;
        Ok(Self {
            http,
            base: pay.api_base.trim_end_matches('/').to_owned(),
            mch_id: pay.mch_id.clone(),
            app_id: config.wechat.app_id.clone(),
            client_ip: pay.client_ip.clone(),
            scene_id: pay.scene_id.clone(),
            key: SecretString::from(pay.api_key.expose()),
            certificate_ends,
        })
    }

    /// When the merchant's certificate ends, ms.
    pub fn certificate_ends(&self) -> Option<Ms> {
        self.certificate_ends
    }

    /// The complete signed request: made once, stored, and sent again byte for byte.
    pub fn freeze(&self, order: &Order) -> String {
        let (fen, nonce) = (order.fen.to_string(), hex::encode(random::<16>()));
        let scene = if PLAIN_RANGE.contains(&order.fen) { "" } else { &self.scene_id };
        self.signed(&[
            ("nonce_str", &nonce),
            ("mch_billno", &order.bill),
            ("mch_id", &self.mch_id),
            ("wxappid", &self.app_id),
            ("send_name", &order.send_name),
            ("re_openid", &order.openid),
            ("total_amount", &fen),
            ("total_num", "1"),
            ("wishing", &order.wishing),
            ("client_ip", &self.client_ip),
            ("act_name", &order.act_name),
            ("remark", &order.remark),
            ("scene_id", scene),
        ])
    }

    fn signed(&self, fields: &[(&str, &str)]) -> String {
        // An empty value is not signed: it must not be sent either.
        let fields = || fields.iter().copied().filter(|(_, value)| !value.is_empty());
        let sign = sign::sign(fields(), &self.key);
        xml::write(fields().chain([(sign::SIGN_FIELD, sign.as_str())]))
    }

    /// Sends a frozen request.
    pub async fn send(&self, body: String) -> Answer {
        self.call("sendredpack", body).await
    }

    /// Asks for a bill number.
    pub async fn query(&self, bill: &str) -> Answer {
        let nonce = hex::encode(random::<16>());
        let body = self.signed(&[
            ("nonce_str", &nonce),
            ("mch_billno", bill),
            ("mch_id", &self.mch_id),
            ("appid", &self.app_id),
            ("bill_type", "MCHT"),
        ]);
        self.call("gethbinfo", body).await
    }

    /// Reads an answer to [`Self::send`].
    pub fn read_send(&self, answer: &Answer, order: &Order) -> Outcome {
        read_send(answer, order, &self.mch_id, &self.key)
    }

    /// Reads an answer to [`Self::query`].
    pub fn read_query(&self, answer: &Answer, order: &Order) -> Outcome {
        read_query(answer, order, &self.mch_id, &self.key)
    }

    async fn call(&self, name: &str, body: String) -> Answer {
        let url = format!("{}/mmpaymkttransfers/{name}", self.base);
        let request = self.http.post(url).header("content-type", "text/xml; charset=utf-8").body(body);
        call(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payout::channel::{Channel, tests::opened};
    use crate::wire::PayChannel;

    #[test]
    fn the_scene_is_said_where_the_payer_asks_for_it_and_nowhere_else() {
        let config = serde_json::json!({
            "wechat": { "app_id": "wx0000000000000000" },
            "pay": { "mch_id": "1900000109", "api_base": "http://127.0.0.1:1", "scene_id": "PRODUCT_4" },
        });
        let channels = opened(&config).unwrap();
        let payer: &Channel = channels.of(PayChannel::RedPacketV2).unwrap();
        for (fen, wanted) in [(99, "PRODUCT_4"), (100, ""), (20_000, ""), (20_001, "PRODUCT_4")] {
            let text = || "x".to_owned();
            let order = Order {
                bill: text(),
                openid: text(),
                fen,
                send_name: text(),
                act_name: text(),
                wishing: text(),
                remark: text(),
            };
            let request = xml::parse(payer.freeze(&order).as_bytes()).unwrap();
            assert_eq!(request.text("scene_id"), wanted, "{fen}");
            assert_eq!(request.get("scene_id").is_some(), !wanted.is_empty(), "an empty field is not sent");
        }
    }
}
