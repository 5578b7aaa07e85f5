//! Callbacks of the service account: what WeChat sends us when somebody follows, scans or writes.
//!
//! `signature` in the address does not cover the body: in plain mode whoever saw one address could post forged
//! events, so old timestamps are refused and safe mode is required once a key is set. Nothing here may decide about
//! money by itself.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::safe_mode::{AesKey, SafeModeError};
use super::xml::{self, Fields, XmlError};

/// A callback whose timestamp is further away than this is refused, seconds.
pub const MAX_AGE_S: i64 = 600;

/// The query parameters of a callback. All are optional here so that a bad call gets our refusal, not a framework's.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct CallbackQuery {
    /// SHA-1 over token, timestamp and nonce.
    pub signature: String,
    /// Unix seconds.
    pub timestamp: String,
    /// Random digits.
    pub nonce: String,
    /// Only on GET: to be answered unchanged.
    pub echostr: String,
    /// `aes` in safe mode.
    pub encrypt_type: String,
    /// SHA-1 over token, timestamp, nonce and the encrypted text.
    pub msg_signature: String,
}

/// Why a callback was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// Signed with another token, or not at all.
    #[error("the callback's signature is wrong")]
    BadSignature,
    /// The timestamp is not a number or too far from now.
    #[error("the callback's timestamp is too old")]
    Stale,
    /// A plain message although safe mode is configured.
    #[error("the callback is not encrypted although an AES key is configured")]
    NotEncrypted,
    /// An encrypted message that no configured key opens.
    #[error(transparent)]
    SafeMode(#[from] SafeModeError),
    /// A body that is not the flat XML of WeChat.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Well-formed, but sender, time or type is missing.
    #[error("the callback lacks a sender, a time or a type")]
    Incomplete,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Followed the account; `scene` when it was through a parametric QR code (without the prefix `qrscene_`).
    Subscribe {
        /// Text of the parametric QR code.
        scene: Option<String>,
    },
    /// Unfollowed. The platform wants the person's personal data deleted.
    Unsubscribe,
    /// A follower scanned a parametric QR code.
    Scan {
        /// Text of the parametric QR code.
        scene: String,
    },
    /// Wrote a text.
    Text {
        /// What was written, as it came.
        content: String,
    },
    /// What became of a template message that was taken earlier.
    TemplateDone {
        /// The platform's number of the message.
        msgid: String,
        /// `success`, `failed:user block`, `failed: system failed`.
        status: String,
    },
    /// Anything else: answered and otherwise ignored.
    Other,
}

/// A message or event that passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Openid of the person.
    pub openid: String,
    /// Original id of the account (`gh_…`): the sender of a passive reply.
    pub account: String,
    /// Unix seconds, by WeChat's clock.
    pub created_s: i64,
    /// What happened.
    pub event: Event,
    /// The same for every delivery of one message, 64 hex digits: insert it first (unique), then work.
    pub dedupe_key: String,
}

/// What is known about our own end: opens what comes in and seals what goes out.
#[derive(Clone)]
pub struct Callbacks {
    token: SecretString,
    app_id: String,
    keys: Vec<AesKey>,
}

/// The signature of an address (`parts`: token, timestamp, nonce) or of a message (and the encrypted text).
pub fn signature(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    hex::encode(Sha1::digest(sorted.concat().as_bytes()))
}

fn is_signed(parts: &[&str], given: &str) -> bool {
    signature(parts).as_bytes().ct_eq(given.as_bytes()).into()
}

impl Callbacks {
    /// `keys` are the present and, after a change, the former AES key; none means plain mode.
    pub fn new(token: SecretString, app_id: String, keys: Vec<AesKey>) -> Self {
        Self { token, app_id, keys }
    }

    /// Checks the address: signature and age.
    fn check_address(&self, query: &CallbackQuery, now_s: i64) -> Result<(), CallbackError> {
        let token = self.token.expose_secret();
        if !is_signed(&[token, &query.timestamp, &query.nonce], &query.signature) {
            return Err(CallbackError::BadSignature);
        }
        let stamp: i64 = query.timestamp.parse().map_err(|_| CallbackError::Stale)?;
        if now_s.abs_diff(stamp) > MAX_AGE_S.unsigned_abs() { Err(CallbackError::Stale) } else { Ok(()) }
    }

    /// The answer to the address check (GET): the `echostr`, which the service account sends plain even in safe mode.
    pub fn echo<'q>(&self, query: &'q CallbackQuery, now_s: i64) -> Result<&'q str, CallbackError> {
        self.check_address(query, now_s)?;
        Ok(&query.echostr)
    }

    /// Opens a message (POST). With a key configured only what was encrypted counts; plain fields beside it do not.
    pub fn open(&self, query: &CallbackQuery, body: &[u8], now_s: i64) -> Result<Message, CallbackError> {
        self.check_address(query, now_s)?;
        let outer = xml::parse(body)?;
        if self.keys.is_empty() {
            return message(&outer);
        }
        let encrypted = outer.get("Encrypt").ok_or(CallbackError::NotEncrypted)?;
        let token = self.token.expose_secret();
        if !is_signed(&[token, &query.timestamp, &query.nonce, encrypted], &query.msg_signature) {
            return Err(CallbackError::BadSignature);
        }
        let mut failure = SafeModeError::Undecipherable;
        for key in &self.keys {
            match key.decrypt(encrypted, &self.app_id) {
                Ok(inner) => return message(&xml::parse(inner.as_bytes())?),
                Err(SafeModeError::WrongAppId) => failure = SafeModeError::WrongAppId,
                Err(_) => {}
            }
        }
        Err(failure.into())
    }

    /// Wraps a reply as the mode wants it: unchanged in plain mode, encrypted and signed in safe mode. `nonce` and
    /// `random` must be fresh.
    pub fn seal(
        &self,
        reply: &str,
        timestamp_s: i64,
        nonce: &str,
        random: [u8; 16],
    ) -> Result<String, SafeModeError> {
        let Some(key) = self.keys.first() else { return Ok(reply.to_owned()) };
        let encrypted = key.encrypt(random, reply, &self.app_id)?;
        let stamp = timestamp_s.to_string();
        let signed = signature(&[self.token.expose_secret(), &stamp, nonce, &encrypted]);
        Ok(xml::write([
            ("Encrypt", encrypted.as_str()),
            ("MsgSignature", signed.as_str()),
            ("TimeStamp", stamp.as_str()),
            ("Nonce", nonce),
        ]))
    }
}

/// A passive text reply to a message, before [`Callbacks::seal`].
pub fn text_reply(to: &Message, content: &str, now_s: i64) -> String {
    let stamp = now_s.to_string();
    xml::write([
        ("ToUserName", to.openid.as_str()),
        ("FromUserName", to.account.as_str()),
        ("CreateTime", stamp.as_str()),
        ("MsgType", "text"),
        ("Content", content),
    ])
}

/// Reads a plain message.
fn message(fields: &Fields) -> Result<Message, CallbackError> {
    let openid = fields.text("FromUserName").to_owned();
    let created_s = fields.number("CreateTime").ok_or(CallbackError::Incomplete)?;
    let kind = fields.text("MsgType");
    if openid.is_empty() || kind.is_empty() {
        return Err(CallbackError::Incomplete);
    }
    let key = fields.text("EventKey");
    let event = match (kind, fields.text("Event")) {
        ("text", _) => Event::Text { content: fields.text("Content").to_owned() },
        ("event", "subscribe") => Event::Subscribe { scene: key.strip_prefix("qrscene_").map(str::to_owned) },
        ("event", "unsubscribe") => Event::Unsubscribe,
        ("event", "SCAN") => Event::Scan { scene: key.to_owned() },
        ("event", "TEMPLATESENDJOBFINISH") => Event::TemplateDone {
            msgid: fields.text("MsgID").to_owned(),
            status: fields.text("Status").to_owned(),
        },
        _ => Event::Other,
    };
    let dedupe_key = dedupe_key(fields, &openid, created_s);
    Ok(Message { openid, account: fields.text("ToUserName").to_owned(), created_s, event, dedupe_key })
}

/// Messages have a number of their own; events are told apart by person, second, event and key, since one person may
/// cause two different events within a second.
fn dedupe_key(fields: &Fields, openid: &str, created_s: i64) -> String {
    let parts = match fields.get("MsgId") {
        Some(id) if !id.is_empty() => format!("message\n{openid}\n{id}"),
        _ => {
            // Several template messages may be told of within one second: they have numbers of their own.
            let (event, key) = (fields.text("Event"), fields.text("EventKey"));
            let number = fields.text("MsgID");
            format!("event\n{openid}\n{created_s}\n{event}\n{key}\n{number}")
        }
    };
    hex::encode(Sha256::digest(parts.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    const NOW: i64 = 1_795_420_800;

    fn callbacks(safe: bool) -> Callbacks {
        let case = vectors::all()["aes_safe_mode"].clone();
        let key = AesKey::parse(vectors::text(&case["encoding_aes_key"])).expect("a key");
        let keys = if safe { vec![key] } else { Vec::new() };
        Callbacks::new(vectors::text(&case["token"]).into(), vectors::text(&case["appid"]).to_owned(), keys)
    }

    fn query() -> CallbackQuery {
        let all = vectors::all();
        let (url, safe) = (&all["callback_signature"], &all["aes_safe_mode"]);
        CallbackQuery {
            signature: vectors::text(&url["signature"]).to_owned(),
            timestamp: vectors::text(&url["timestamp"]).to_owned(),
            nonce: vectors::text(&url["nonce"]).to_owned(),
            echostr: vectors::text(&url["echostr"]).to_owned(),
            encrypt_type: "aes".to_owned(),
            msg_signature: vectors::text(&safe["msg_signature"]).to_owned(),
        }
    }

    #[test]
    fn the_address_check_answers_the_echo() {
        let all = vectors::all();
        assert_eq!(
            callbacks(true).echo(&query(), NOW),
            Ok(vectors::text(&all["callback_signature"]["get_reply"]))
        );
        let wrong = CallbackQuery { nonce: "1".to_owned(), ..query() };
        assert_eq!(callbacks(true).echo(&wrong, NOW), Err(CallbackError::BadSignature));
        assert_eq!(callbacks(true).echo(&query(), NOW + MAX_AGE_S + 1), Err(CallbackError::Stale));
        assert_eq!(callbacks(true).echo(&CallbackQuery::default(), NOW), Err(CallbackError::BadSignature));
    }

    #[test]
    fn the_safe_mode_vector_opens() {
        let case = vectors::all()["aes_safe_mode"].clone();
        let body = vectors::text(&case["post_body"]).as_bytes();
        let message = callbacks(true).open(&query(), body, NOW).expect("opens");
        assert_eq!(message.openid, "oxTWIuGaIt6gTKsQRLau2M0yL16E");
        assert_eq!(message.account, "gh_1234567890ab");
        assert_eq!(message.event, Event::Subscribe { scene: Some("活动1".to_owned()) });
        let unsigned = CallbackQuery { msg_signature: String::new(), ..query() };
        assert_eq!(callbacks(true).open(&unsigned, body, NOW), Err(CallbackError::BadSignature));
    }

    #[test]
    fn a_plain_message_is_refused_in_safe_mode_and_read_in_plain_mode() {
        let body = xml::write([
            ("ToUserName", "gh_1"),
            ("FromUserName", "o1"),
            ("CreateTime", "1795420800"),
            ("MsgType", "text"),
            ("Content", " 签到 "),
            ("MsgId", "9007199254740993"),
        ]);
        assert_eq!(callbacks(true).open(&query(), body.as_bytes(), NOW), Err(CallbackError::NotEncrypted));
        let message = callbacks(false).open(&query(), body.as_bytes(), NOW).expect("opens");
        assert_eq!(message.event, Event::Text { content: " 签到 ".to_owned() });
        let later = body.replace("1795420800", "1795420801");
        let again = callbacks(false).open(&query(), later.as_bytes(), NOW).expect("opens");
        assert_eq!(again.dedupe_key, message.dedupe_key, "a message is known by its number");
    }

    #[test]
    fn two_events_of_one_second_are_two() {
        let event = |name, key| {
            let body = xml::write([
                ("FromUserName", "o1"),
                ("CreateTime", "1795420800"),
                ("MsgType", "event"),
                ("Event", name),
                ("EventKey", key),
            ]);
            callbacks(false).open(&query(), body.as_bytes(), NOW).expect("opens")
        };
        let (scan, left, other) = (event("SCAN", "batch-7"), event("unsubscribe", ""), event("LOCATION", ""));
        assert_eq!(scan.event, Event::Scan { scene: "batch-7".to_owned() });
        assert_eq!(left.event, Event::Unsubscribe);
        assert_eq!(other.event, Event::Other);
        assert_eq!(event("subscribe", "").event, Event::Subscribe { scene: None });
        assert_ne!(scan.dedupe_key, left.dedupe_key);
        assert_eq!(scan.dedupe_key, event("SCAN", "batch-7").dedupe_key);
    }

    #[test]
    fn replies_are_sealed_so_that_the_other_end_opens_them() {
        let ours = callbacks(true);
        let to = Message {
            openid: "o1".to_owned(),
            account: "gh_1".to_owned(),
            created_s: NOW,
            event: Event::Other,
            dedupe_key: String::new(),
        };
        let reply = text_reply(&to, "<欢迎>]]>", NOW);
        let sealed = ours.seal(&reply, NOW, "77", [3; 16]).expect("seals");
        let fields = xml::parse(sealed.as_bytes()).expect("readable");
        let token = ours.token.expose_secret();
        let parts = [token, fields.text("TimeStamp"), fields.text("Nonce"), fields.text("Encrypt")];
        assert!(is_signed(&parts, fields.text("MsgSignature")));
        assert_eq!(ours.keys[0].decrypt(fields.text("Encrypt"), &ours.app_id), Ok(reply.clone()));
        assert_eq!(xml::parse(reply.as_bytes()).expect("readable").text("Content"), "<欢迎>]]>");
        assert_eq!(callbacks(false).seal(&reply, NOW, "77", [3; 16]), Ok(reply));
    }
}
