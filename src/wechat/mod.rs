//! What the WeChat platforms speak: signatures, XML, callbacks, safe mode, web authorization.
//!
//! The pure parts (`sign`, `xml`, `callback`, `safe_mode`, `jssdk`, `v3`) know no clock, no network and no randomness: the
//! product and the sandbox use the same ones from both ends. [`account`] is the client of the service account.

pub mod account;
mod account_error;
pub mod callback;
pub mod jssdk;
pub mod rsa_key;
pub mod safe_mode;
pub mod sign;
pub mod tls;
pub mod v3;
pub mod xml;

#[cfg(test)]
mod hostile;

#[cfg(test)]
pub(crate) mod vectors {
    //! The shared test vectors, checked against two independent implementations when they were made.

    /// The whole vector file.
    pub(crate) fn all() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/vectors-wechat/wechat_vectors.json"))
            .expect("the vector file is JSON")
    }

    /// A text value of the vector file.
    pub(crate) fn text(value: &serde_json::Value) -> &str {
        value.as_str().expect("a text in the vector file")
    }
}
