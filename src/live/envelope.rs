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
    /// Events.
    Events(Vec<Told>),
    /// A box with winners that are told later.
    Sealed(Ahead),
    /// A message without number, for all.
    Ephemeral(Box<Body>),
    /// A [`Private`], sealed: openids do not travel in clear.
    Private(String),
}

/// An event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// Its number.
    pub(super) seq: i64,
    /// Its text.
    pub(super) text: String,
    /// What those get in its place who have the box that it opens.
    pub(super) opens: Option<Ahead>,
}

/// A box, or what opens it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ahead {
    /// Names the box.
    pub(super) id: u64,
    /// Text of the message.
    pub(super) text: String,
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
