//! WeChat Pay v3: what is signed, how answers and callbacks are proved genuine, and their sealed contents. Pure, and
//! used from both ends.

mod keys;

pub use keys::{KeyError, MerchantKey, PayerKey};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// Longest difference between the payer's clock and ours, seconds.
pub const SKEW_S: i64 = 300;
/// The only way in which contents are sealed.
pub const ALGORITHM: &str = "AEAD_AES_256_GCM";
/// Bytes of an API v3 key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce of AES-GCM.
const NONCE_BYTES: usize = 12;
/// The scheme of the `Authorization` header.
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// Why something that claims to be the payer's is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum V3Error {
    /// A header of the signature is absent.
    #[error("a header of the signature is absent")]
    Unsigned,
    /// Signed with a key that is not the one we know.
    #[error("the serial is not transfer.public_key_id")]
    Serial,
    /// Signed too long ago, or in the future.
    #[error("the timestamp is more than five minutes away")]
    Time,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// The contents do not open with our key.
    #[error("the contents do not open with transfer.api_v3_key")]
    Sealed,
}

/// The headers of a signed answer or callback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// `Wechatpay-Timestamp`, seconds.
    pub timestamp: String,
    /// `Wechatpay-Nonce`
    pub nonce: String,
    /// `Wechatpay-Serial`: which key signed.
    pub serial: String,
    /// `Wechatpay-Signature`, base64.
    pub signature: String,
}

/// Names of the four headers.
pub const HEADERS: [&str; 4] =
    ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature"];

impl Signed {
    /// The four headers; absent ones are empty.
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let [timestamp, nonce, serial, signature] = HEADERS.map(text);
        Self { timestamp, nonce, serial, signature }
    }

    /// None of the headers is there.
    pub fn is_absent(&self) -> bool {
        *self == Self::default()
    }

    /// Signs a body as the payer does.
    pub fn make(key: &MerchantKey, serial: &str, (at_s, nonce): (i64, &str), body: &[u8]) -> Self {
        let timestamp = at_s.to_string();
        let signature = key.sign(&signed_text(&timestamp, nonce, body));
        Self { timestamp, nonce: nonce.into(), serial: serial.into(), signature: STANDARD.encode(signature) }
    }

    /// Whether this is the payer's signature of `body`, made about now.
    pub fn verify(&self, key: &PayerKey, body: &[u8], now_s: i64) -> Result<(), V3Error> {
        if [&self.timestamp, &self.nonce, &self.serial, &self.signature].iter().any(|part| part.is_empty()) {
            return Err(V3Error::Unsigned);
        }
        if self.serial != key.id() {
            return Err(V3Error::Serial);
        }
        let at: i64 = self.timestamp.parse().map_err(|_| V3Error::Time)?;
        if now_s.abs_diff(at) > SKEW_S.unsigned_abs() {
            return Err(V3Error::Time);
        }
        let signature = STANDARD.decode(&self.signature).map_err(|_| V3Error::Signature)?;
        if key.verify(&signed_text(&self.timestamp, &self.nonce, body), &signature) {
            Ok(())
        } else {
            Err(V3Error::Signature)
        }
    }
}

fn signed_text(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat()
}

/// A request as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Path with query, from the slash on.
    pub path: &'a str,
    /// The body as sent; empty for GET.
    pub body: &'a str,
}

impl Request<'_> {
    fn text(&self, timestamp: &str, nonce: &str) -> String {
        format!("{}\n{}\n{timestamp}\n{nonce}\n{}\n", self.method, self.path, self.body)
    }

    /// The `Authorization` header.
    pub fn authorize(
        &self,
        key: &MerchantKey,
        (mch_id, serial): (&str, &str),
        (at_s, nonce): (i64, &str),
    ) -> String {
        let timestamp = at_s.to_string();
        let signature = STANDARD.encode(key.sign(self.text(&timestamp, nonce).as_bytes()));
        format!(
            "{SCHEME} mchid=\"{mch_id}\",nonce_str=\"{nonce}\",timestamp=\"{timestamp}\",serial_no=\"{serial}\",\
             signature=\"{signature}\""
        )
    }

    /// Whether a header is the merchant's signature of this request, made about now: the payer's side.
    pub fn is_authorized(
        &self,
        header: &str,
        (key, mch_id, serial): (&PayerKey, &str, &str),
        now_s: i64,
    ) -> bool {
        let Some(fields) = header.strip_prefix(SCHEME) else { return false };
        let field = |name: &str| {
            let value = fields.trim().split(',').find_map(|pair| pair.trim().strip_prefix(name));
            value.and_then(|value| value.strip_prefix("=\"")).and_then(|value| value.strip_suffix('"'))
        };
        let (Some(nonce), Some(timestamp), Some(signature)) =
            (field("nonce_str"), field("timestamp"), field("signature"))
        else {
            return false;
        };
        let fresh = timestamp.parse::<i64>().is_ok_and(|at| now_s.abs_diff(at) <= SKEW_S.unsigned_abs());
        let signature = STANDARD.decode(signature).unwrap_or_default();
        fresh
            && field("mchid") == Some(mch_id)
            && field("serial_no") == Some(serial)
            && key.verify(self.text(timestamp, nonce).as_bytes(), &signature)
    }
}

/// The sealed contents of a callback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// [`ALGORITHM`]
    pub algorithm: String,
    /// Base64, the tag at its end.
    pub ciphertext: String,
    /// May be empty.
    #[serde(default)]
    pub associated_data: String,
    /// Twelve characters.
    pub nonce: String,
    /// What kind of thing it is; `mch_payment`.
    #[serde(default)]
    pub original_type: String,
}

impl Resource {
    /// Opens it.
    pub fn open(&self, key: &str) -> Result<Vec<u8>, V3Error> {
        let nonce: [u8; NONCE_BYTES] = self.nonce.as_bytes().try_into().map_err(|_| V3Error::Sealed)?;
        let sealed = STANDARD.decode(&self.ciphertext).map_err(|_| V3Error::Sealed)?;
        let cipher = Aes256Gcm::new_from_slice(key.as_bytes()).map_err(|_| V3Error::Sealed)?;
        let payload = Payload { msg: &sealed, aad: self.associated_data.as_bytes() };
        if self.algorithm != ALGORITHM {
            return Err(V3Error::Sealed);
        }
        cipher.decrypt(&Nonce::from(nonce), payload).map_err(|_| V3Error::Sealed)
    }

    /// Seals contents as the payer does; the nonce has twelve bytes.
    pub fn seal(key: &str, nonce: &str, plain: &[u8]) -> Result<Self, V3Error> {
        const KIND: &str = "mch_payment";
        let bytes: [u8; NONCE_BYTES] = nonce.as_bytes().try_into().map_err(|_| V3Error::Sealed)?;
        let cipher = Aes256Gcm::new_from_slice(key.as_bytes()).map_err(|_| V3Error::Sealed)?;
        let payload = Payload { msg: plain, aad: KIND.as_bytes() };
        let sealed = cipher.encrypt(&Nonce::from(bytes), payload).map_err(|_| V3Error::Sealed)?;
        Ok(Self {
            algorithm: ALGORITHM.into(),
            ciphertext: STANDARD.encode(sealed),
            associated_data: KIND.into(),
            nonce: nonce.into(),
            original_type: KIND.into(),
        })
    }
}

#[cfg(test)]
mod tests;
