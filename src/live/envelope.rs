//! What goes over the bus between servers.

use serde::{Deserialize, Serialize};

use crate::{
    keys::{Keys, Purpose},
    wire::Body,
};

/// One thing published.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// The server that published it: it has delivered it to its own sockets already.
    pub(super) from: String,
    /// What.
    pub(super) what: What,
}

/// What is published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum What {
    /// Events, each with its number and text.
    Events(Vec<(i64, String)>),
    /// A message without number, for all.
    Ephemeral(Box<Body>),
    /// A [`Private`], sealed: openids do not travel in clear.
    Private(String),
}

/// A message to one person.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Private {
    /// Whose sockets.
    pub(super) openid: String,
    /// Text of the message.
    pub(super) text: String,
}

impl Private {
    pub(super) fn seal(&self, keys: &Keys, meeting: &str) -> String {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(keys.seal(Purpose::Bus, meeting, &plain))
    }

    pub(super) fn open(keys: &Keys, meeting: &str, sealed: &str) -> Option<Self> {
        let plain = keys.unseal(Purpose::Bus, meeting, &hex::decode(sealed).ok()?)?;
        serde_json::from_slice(&plain).ok()
    }
}
