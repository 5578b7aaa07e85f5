//! Strangers at the two doors that WeChat comes in by: callbacks of the account, and signed messages of v3.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::sync::LazyLock;

use aes::{
    Aes256,
    cipher::{BlockModeEncrypt, KeyIvInit, block_padding::NoPadding},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::{
    callback::{CallbackQuery, Callbacks, Message, signature},
    rsa_key,
    safe_mode::AesKey,
    v3::{MerchantKey, Resource, Signed},
    xml,
};
use crate::hostile::{cases, damaged, damaged_text, quickly};

const NOW: i64 = 1_795_420_800;
const TOKEN: &str = "token-of-the-account";
const APP: &str = "wx0000000000000000";
/// All zeros but for the two spare bits.
const AES_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const V3_KEY: &str = "0123456789abcdef0123456789ABCDEF";

fn event() -> String {
    xml::write([
        ("ToUserName", "gh_1"),
        ("FromUserName", "oGuest"),
        ("CreateTime", "1795420800"),
        ("MsgType", "event"),
        ("Event", "subscribe"),
        ("EventKey", "qrscene_meeting"),
    ])
}

fn ours(safe: bool) -> Callbacks {
    let keys = if safe { vec![AesKey::parse(AES_KEY).unwrap()] } else { Vec::new() };
    Callbacks::new(TOKEN.into(), APP.into(), keys)
}

/// The address of a message, signed by whoever knows the token.
fn signed(encrypted: &str) -> CallbackQuery {
    let stamp = NOW.to_string();
    CallbackQuery {
        signature: signature(&[TOKEN, &stamp, "77"]),
        msg_signature: signature(&[TOKEN, &stamp, "77", encrypted]),
        timestamp: stamp,
        nonce: "77".into(),
        ..CallbackQuery::default()
    }
}

fn envelope(encrypted: &str) -> Vec<u8> {
    xml::write([("ToUserName", "gh_1"), ("Encrypt", encrypted)]).into_bytes()
}

/// What is inside of an encrypted message.
fn plain() -> Vec<u8> {
    let text = event();
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    let mut bytes = [&[7; 16][..], &length, text.as_bytes(), APP.as_bytes()].concat();
    let pad = 32 - bytes.len() % 32;
    bytes.resize(bytes.len() + pad, u8::try_from(pad).unwrap());
    bytes
}

/// Encrypts anything, as only somebody with our key could: the worst that can be inside.
fn encrypted(mut plain: Vec<u8>) -> String {
    plain.resize(plain.len().next_multiple_of(16), 16);
    let length = plain.len();
    cbc::Encryptor::<Aes256>::new(&[0; 32].into(), &[0; 16].into())
        .encrypt_padded::<NoPadding>(&mut plain, length)
        .unwrap();
    STANDARD.encode(plain)
}

static GENUINE: LazyLock<(CallbackQuery, Vec<u8>, Message)> = LazyLock::new(|| {
    let inside = encrypted(plain());
    let (query, body) = (signed(&inside), envelope(&inside));
    let message = ours(true).open(&query, &body, NOW).unwrap();
    (query, body, message)
});

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn a_damaged_safe_message_says_the_same_or_nothing(body in damaged(vec![GENUINE.1.clone(), event().into()])) {
        let (query, _, message) = &*GENUINE;
        if let Ok(read) = quickly(|| ours(true).open(query, &body, NOW)) {
            prop_assert_eq!(&read, message);
        }
    }

    #[test]
    fn nothing_inside_of_a_safe_message_makes_it_panic(plain in damaged(vec![plain()])) {
        let inside = encrypted(plain);
        let _ = quickly(|| ours(true).open(&signed(&inside), &envelope(&inside), NOW));
        let _ = quickly(|| AesKey::parse(AES_KEY).unwrap().decrypt(&inside, APP));
    }

    #[test]
    fn a_plain_message_has_a_sender_or_is_none(body in damaged(vec![event().into()])) {
        if let Ok(read) = quickly(|| ours(false).open(&signed(""), &body, NOW)) {
            prop_assert!(!read.openid.is_empty() && read.dedupe_key.len() == 64);
        }
    }

    #[test]
    fn nobody_guesses_an_address(
        signature in damaged_text(&[GENUINE.0.signature.as_str()]),
        timestamp in damaged_text(&[GENUINE.0.timestamp.as_str()]),
        nonce in damaged_text(&["77"]),
        msg_signature in damaged_text(&[GENUINE.0.msg_signature.as_str()]),
    ) {
        let (good, body, _) = &*GENUINE;
        // Token, timestamp and nonce are sorted and joined: the same text may be cut elsewhere.
        let guess = CallbackQuery { signature, timestamp, nonce, msg_signature, ..CallbackQuery::default() };
        let joined = |query: &CallbackQuery| super::callback::signature(&[TOKEN, &query.timestamp, &query.nonce]);
        let same = joined(&guess) == joined(good) && guess.signature == good.signature;
        prop_assert!(same || ours(true).open(&guess, body, NOW).is_err());
        prop_assert!(same || ours(true).echo(&guess, NOW).is_err());
    }
}

static PAYER: LazyLock<MerchantKey> =
    LazyLock::new(|| MerchantKey::from_pem(rsa_key::make().unwrap().private_pem.as_bytes()).unwrap());

fn resource() -> Resource {
    Resource::seal(V3_KEY, "fdasflkja484", br#"{"out_bill_no":"B1","state":"SUCCESS"}"#).unwrap()
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn only_the_very_bytes_that_the_payer_signed_are_its_own(body in damaged(vec![event().into()])) {
        let good = event().into_bytes();
        let signed = Signed::make(&PAYER, "K", (NOW, "n"), &good);
        prop_assert_eq!(signed.verify(&PAYER.public("K"), &body, NOW).is_ok(), body == good);
    }

    #[test]
    fn no_header_stands_in_for_a_signature(
        timestamp in damaged_text(&["1795420800"]),
        nonce in damaged_text(&["n"]),
        serial in damaged_text(&["K"]),
        signature in ".{0,400}",
    ) {
        let forged = Signed { timestamp, nonce, serial, signature };
        let judged = forged.verify(&PAYER.public("K"), b"body", NOW);
        prop_assert!(judged.is_err());
    }

    #[test]
    fn what_is_sealed_opens_whole_or_not_at_all(
        text in damaged(vec![serde_json::to_vec(&resource()).unwrap()]),
    ) {
        let Ok(read) = quickly(|| serde_json::from_slice::<Resource>(&text)) else { return Ok(()) };
        if let Ok(plain) = quickly(|| read.open(V3_KEY)) {
            prop_assert_eq!(plain, resource().open(V3_KEY).unwrap());
        }
    }
}
