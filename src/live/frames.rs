//! WebSocket frames (RFC 6455). Frames of a server carry no mask, so one encoded frame serves every socket; what a
//! client may send is so little that reading it takes no library and no buffer while it is silent.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};

use super::{
    envelope::{Ahead, Told},
    wants::To,
};

/// Largest message of a client, bytes.
pub(super) const MESSAGE_MAX: usize = 4096;
/// Largest payload of a control frame.
const CONTROL_MAX: usize = 125;

/// What a frame has to do with a box of winners that are told later.
#[derive(Clone, Debug)]
pub(super) enum Boxed {
    /// Nothing.
    No,
    /// It is the box.
    Is(u64),
    /// Whoever has the box gets these bytes in its place.
    Opens(Arc<(u64, Bytes)>),
}

/// An encoded frame, shared by all sockets.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Number of the event; 0 for messages without one.
    pub seq: i64,
    /// Who gets it.
    pub(super) to: To,
    /// A number for show, which a newer one replaces: left out for a socket that is behind already.
    pub(super) passing: bool,
    /// Header and payload.
    pub bytes: Bytes,
    /// The box.
    pub(super) boxed: Boxed,
}

impl Frame {
    /// A text message.
    pub fn text(seq: i64, text: &str) -> Self {
        Self::new(seq, To::All, encode(0x1, text.as_bytes()))
    }

    fn new(seq: i64, to: To, bytes: Bytes) -> Self {
        Self { seq, to, passing: false, bytes, boxed: Boxed::No }
    }

    /// A box.
    pub(super) fn ahead(ahead: &Ahead) -> Self {
        let bytes = encode(0x1, ahead.text.as_bytes());
        Self { boxed: Boxed::Is(ahead.id), ..Self::new(0, To::Openers, bytes) }
    }

    /// An event.
    pub(super) fn event(told: &Told) -> Self {
        let boxed = told.opens.as_ref().map_or(Boxed::No, |opens| {
            Boxed::Opens(Arc::new((opens.id, encode(0x1, opens.text.as_bytes()))))
        });
        Self { boxed, ..Self::text(told.seq, &told.text) }
    }

    /// The bytes for a socket that has this box (0: none).
    pub(super) fn for_holder(&self, of: u64) -> &Bytes {
        match &self.boxed {
            Boxed::Opens(opens) if opens.0 == of => &opens.1,
            _ => &self.bytes,
        }
    }

    /// Several text messages, written as one; `None` when there are none.
    pub fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut all = BytesMut::new();
        for text in texts {
            all.extend_from_slice(&encode(0x1, text.as_bytes()));
        }
        (!all.is_empty()).then(|| Self::new(0, To::All, all.freeze()))
    }

    /// A message for show.
    pub(super) fn passing(to: To, text: &str) -> Self {
        Self { to, passing: true, ..Self::text(0, text) }
    }

    pub(super) fn desk(text: &str) -> Self {
        Self::new(0, To::Desk, encode(0x1, text.as_bytes()))
    }

    pub(super) fn ping() -> Self {
        Self::new(0, To::All, encode(0x9, b""))
    }

    pub(super) fn pong(payload: &[u8]) -> Self {
        Self::new(0, To::All, encode(0xA, payload))
    }

    pub(super) fn close(code: u16) -> Self {
        Self::new(0, To::All, encode(0x8, &code.to_be_bytes()))
    }
}

fn encode(opcode: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 10);
    out.put_u8(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if short < 126 => out.put_u8(short),
        (_, Ok(middle)) => {
            out.put_u8(126);
            out.put_u16(middle);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(u64::try_from(payload.len()).unwrap_or(u64::MAX));
        }
    }
    out.put_slice(payload);
    out.freeze()
}

/// Something that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A text message, a JSON object; there is none yet that we act on.
    Text,
    /// To be answered with the same payload.
    Ping(Vec<u8>),
    /// An answer to our ping.
    Pong,
    /// The client closes.
    Close,
}

/// Reads frames from whatever pieces arrive.
#[derive(Debug, Default)]
pub(super) struct Reader {
    held: Vec<u8>,
    message: Vec<u8>,
    open: bool,
}

/// Why a socket must be closed: the code of the close frame.
pub(super) type CloseCode = u16;
/// The client closed.
pub(super) const NORMAL: CloseCode = 1000;
/// Goodbye for a while: the server stops.
pub(super) const GOING_AWAY: CloseCode = 1001;
/// Not the protocol.
pub(super) const PROTOCOL: CloseCode = 1002;
/// Not UTF-8.
pub(super) const NOT_TEXT: CloseCode = 1007;
/// Too many messages, none that we know the kind of, or the permission ended.
pub(super) const POLICY: CloseCode = 1008;
/// Message too large.
pub(super) const TOO_LARGE: CloseCode = 1009;
/// Try again later: the socket fell behind.
pub(super) const BEHIND: CloseCode = 1013;

impl Reader {
    /// Takes what arrived and gives the whole things in it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Incoming>, CloseCode> {
        self.held.extend_from_slice(bytes);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((head, payload)) = frame(&self.held[at..])? {
            at += head.size();
            if let Some(incoming) = self.one(&head, payload)? {
                found.push(incoming);
            }
        }
        self.held.drain(..at);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(found)
    }

    fn one(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Incoming>, CloseCode> {
        match head.opcode {
            0x0 | 0x1 => {
                if self.open != (head.opcode == 0) {
                    return Err(PROTOCOL);
                }
                self.message.extend(payload);
                if self.message.len() > MESSAGE_MAX {
                    return Err(TOO_LARGE);
                }
                self.open = !head.last;
                if self.open {
                    return Ok(None);
                }
                let message = std::mem::take(&mut self.message);
                let text = std::str::from_utf8(&message).map_err(|_| NOT_TEXT)?;
                let _: Map<String, Value> = serde_json::from_str(text).map_err(|_| POLICY)?;
                Ok(Some(Incoming::Text))
            }
            0x2 => Err(POLICY),
            0x8 => Ok(Some(Incoming::Close)),
            0x9 => Ok(Some(Incoming::Ping(payload))),
            0xA => Ok(Some(Incoming::Pong)),
            _ => Err(PROTOCOL),
        }
    }
}

struct Head {
    last: bool,
    opcode: u8,
    header: usize,
    length: usize,
}

impl Head {
    fn size(&self) -> usize {
        self.header + self.length
    }
}

/// The first frame of `bytes`, unmasked, when it is there whole.
fn frame(bytes: &[u8]) -> Result<Option<(Head, Vec<u8>)>, CloseCode> {
    let Some(head) = head(bytes)? else { return Ok(None) };
    let Some(masked) = bytes.get(head.header..head.size()) else { return Ok(None) };
    let mask = &bytes[head.header - 4..head.header];
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    Ok(Some((head, payload)))
}

fn head(bytes: &[u8]) -> Result<Option<Head>, CloseCode> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    let (last, opcode) = (first & 0x80 != 0, first & 0x0F);
    if first & 0x70 != 0 || second & 0x80 == 0 {
        return Err(PROTOCOL);
    }
    let (length, lengths) = match second & 0x7F {
        126 => match bytes.get(2..4) {
            Some(&[high, low]) => (u64::from(u16::from_be_bytes([high, low])), 2),
            _ => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|eight| <[u8; 8]>::try_from(eight).ok()) {
            Some(eight) => (u64::from_be_bytes(eight), 8),
            None => return Ok(None),
        },
        short => (u64::from(short), 0),
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if opcode >= 8 && (length > CONTROL_MAX || !last) {
        return Err(PROTOCOL);
    }
    // Judged before it is read: nobody makes us hold more.
    if length > MESSAGE_MAX {
        return Err(TOO_LARGE);
    }
    Ok(Some(Head { last, opcode, header: 2 + lengths + 4, length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut out = vec![first];
        match u8::try_from(payload.len()) {
            Ok(short) if short < 126 => out.push(0x80 | short),
            _ => {
                out.push(0xFE);
                out.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        out
    }

    #[test]
    fn frames_arrive_in_any_pieces() {
        let text = r#"{"你":1}"#.as_bytes();
        let mut bytes = client(0x01, &text[..4]);
        bytes.extend(client(0x89, b"hi"));
        bytes.extend(client(0x80, &text[4..]));
        bytes.extend(client(0x81, format!("{{}}{}", " ".repeat(4094)).as_bytes()));
        bytes.extend(client(0x88, &[3, 232]));
        let wanted = [Incoming::Ping(b"hi".to_vec()), Incoming::Text, Incoming::Text, Incoming::Close];
        for piece in [1, 3, 7, bytes.len()] {
            let mut reader = Reader::default();
            let found: Vec<_> = bytes.chunks(piece).flat_map(|chunk| reader.take(chunk).unwrap()).collect();
            assert_eq!(found, wanted, "in pieces of {piece}");
            assert_eq!(reader.held.capacity(), 0, "nothing is held while the client is silent");
        }
    }

    #[test]
    fn each_fault_has_its_code() {
        let code = |bytes: &[u8]| Reader::default().take(bytes).unwrap_err();
        assert_eq!(code(&client(0x81, &[b'x'; 4097])), TOO_LARGE);
        assert_eq!(code(&[0x81, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0]), TOO_LARGE);
        assert_eq!(code(&client(0x82, b"x")), POLICY);
        assert_eq!(code(&client(0x81, &[0xFF])), NOT_TEXT);
        assert_eq!(code(&client(0x81, b"hello")), POLICY);
        assert_eq!(code(&[0x81, 0x01, b'x']), PROTOCOL, "no mask");
        assert_eq!(code(&client(0xC1, b"x")), PROTOCOL, "compressed");
        assert_eq!(code(&client(0x80, b"x")), PROTOCOL, "continues nothing");
        assert_eq!(code(&client(0x09, b"x")), PROTOCOL, "control in parts");
        let mut parts = client(0x01, &[b'x'; 4000]);
        parts.extend(client(0x80, &[b'x'; 97]));
        assert_eq!(code(&parts), TOO_LARGE);
    }

    #[test]
    fn lengths_are_encoded_as_the_protocol_says() {
        assert_eq!(&Frame::text(1, "hi").bytes[..], b"\x81\x02hi");
        assert_eq!(&Frame::text(1, &"x".repeat(300)).bytes[..4], &[0x81, 126, 1, 44]);
        assert_eq!(&Frame::text(1, &"x".repeat(70_000)).bytes[..10], &[0x81, 127, 0, 0, 0, 0, 0, 1, 17, 112]);
        assert_eq!(&Frame::close(1001).bytes[..], &[0x88, 2, 3, 233]);
    }
}

#[cfg(test)]
mod hostile {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::{Incoming, MESSAGE_MAX, Reader};
    use crate::hostile::{cases, damaged, quickly};

    /// Good frames, one after the other: text in two parts with a ping between, a pong, a close.
    fn frames() -> Vec<u8> {
        let frame = |first: u8, payload: &[u8]| {
            let length = 0x80 | u8::try_from(payload.len()).unwrap();
            [&[first, length, 0, 0, 0, 0][..], payload].concat()
        };
        [
            frame(0x01, b"{\"a\":"),
            frame(0x89, b"hi"),
            frame(0x80, b"[1,2]}"),
            frame(0x8a, b""),
            frame(0x81, b"{}"),
            frame(0x88, &[3, 232]),
        ]
        .concat()
    }

    fn read(bytes: &[u8], cuts: &[usize]) -> (Vec<Incoming>, Option<u16>) {
        let (mut reader, mut found, mut from) = (Reader::default(), Vec::new(), 0);
        for to in cuts.iter().copied().chain([bytes.len()]) {
            match reader.take(&bytes[from..to]) {
                Ok(some) => found.extend(some),
                Err(code) => return (found, Some(code)),
            }
            assert!(reader.held.len() <= MESSAGE_MAX + 14 && reader.message.len() <= MESSAGE_MAX);
            from = to;
        }
        (found, None)
    }

    proptest! {
        #![proptest_config(cases(900))]

        #[test]
        fn whatever_comes_is_read_alike_in_all_pieces_and_never_held_without_end(
            bytes in damaged(vec![frames()]),
            cuts in vec(any::<Index>(), 0..12),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let (_, whole) = quickly(|| read(&bytes, &[]));
            let (_, parts) = quickly(|| read(&bytes, &cuts));
            prop_assert_eq!(whole, parts);
        }
    }
}
