//! A result on its way before its moment. Once all sources are closed the winners are fixed but not told; they go out
//! sealed, and the result's event then carries only the key: phones behind a slow network have the names by then, and
//! nobody can read them earlier. Who did not get them sealed gets the whole event.
//!
//! The same winners always make the same box under the same master key, so any server can open what another one sent.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::encode;
use crate::{
    keys::{Keys, Purpose, seal_once},
    wire::{Body, DrawEvent, Message, OpenedEvent, SealedWinners, SeatView},
};

/// Sealed texts have lengths that are multiples of this: how long the winners' names are tells something of them.
const BLOCK: usize = 1024;

/// The winners of a draw in a box, and its key.
pub struct Sealed {
    /// Names the box.
    pub(super) id: u64,
    draw: i64,
    key: [u8; 32],
    plain: Vec<u8>,
}

impl Sealed {
    /// Of the winners as the draw's view will show them.
    pub fn of(keys: &Keys, meeting: &str, draw: i64, winners: &[SeatView]) -> Self {
        let mut plain = serde_json::to_vec(winners).unwrap_or_default();
        plain.resize(plain.len().next_multiple_of(BLOCK), b' ');
        let number = draw.to_be_bytes();
        let derived = |part: &[u8]| keys.mac(Purpose::Result, &[part, meeting.as_bytes(), &number, &plain]);
        let key = derived(b"key");
        let id = derived(b"id").first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight));
        Self { id, draw, key, plain }
    }

    fn name(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// What goes out ahead.
    pub(super) fn ahead(&self) -> Body {
        let text = STANDARD.encode(seal_once(&self.key, self.plain.clone()));
        Body::Sealed(SealedWinners { draw: self.draw, id: self.name(), text })
    }

    /// The text that stands for the event of the result with those who have the box; `None` for other messages.
    pub(super) fn opening(&self, message: &Message) -> Option<String> {
        let Body::Draw(event) = &message.body else { return None };
        let DrawEvent { draw, log, code } = event.as_ref();
        if draw.draw != self.draw {
            return None;
        }
        let mut draw = draw.clone();
        draw.winners.clear();
        let (log, code, key) = (log.clone(), code.clone(), hex::encode(self.key));
        let opened = OpenedEvent { draw, log, code, id: self.name(), key };
        Some(encode(&Message { seq: message.seq, at: message.at, body: Body::Opened(Box::new(opened)) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sealed_as_pages_open_it() {
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let sealed = seal_once(&key, r#"[{"name":"王"}]  "#.into());
        // The same bytes stand in `web/src/shared/sealed.test.ts`.
        let wanted = "43c3605fcc8bc3f32943bbef2461337ad891e55df691ffb7869af3216b5024411b6f";
        assert_eq!(hex::encode(sealed), wanted);
    }
}
