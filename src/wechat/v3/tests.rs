use serde_json::Value;

use super::*;
use crate::wechat::{rsa_key, vectors};

const NOW: i64 = 1_795_420_800;

fn v3() -> Value {
    vectors::all()["v3"].clone()
}

#[test]
fn the_shared_vectors_hold() {
    let v3 = v3();
    let text = |name: &str| vectors::text(&v3[name]).to_owned();
    let body = text("request_body");
    let request = Request { method: "POST", path: "/v3/fund-app/mch-transfer/transfer-bills", body: &body };
    let string = request.text("1795420800", "593BEC0C930BF1AFEB40B4A08C8FB242");
    assert_eq!(string, text("string_to_sign"));
    let key = PayerKey::from_pem("PUB_KEY_ID_1", text("public_key_pem").as_bytes()).unwrap();
    let signature = STANDARD.decode(text("signature_base64_for_verify_path")).unwrap();
    assert!(key.verify(string.as_bytes(), &signature));
    assert!(!key.verify(string.replace("100", "101").as_bytes(), &signature));
    let sealed = Resource {
        algorithm: ALGORITHM.into(),
        ciphertext: text("ciphertext"),
        associated_data: text("associated_data"),
        nonce: text("nonce"),
        original_type: String::new(),
    };
    assert_eq!(sealed.open(&text("apiv3_key")).unwrap(), text("plaintext").as_bytes());
    for wrong in [
        Resource { associated_data: "x".into(), ..sealed.clone() },
        Resource { nonce: "fdasflkja485".into(), ..sealed.clone() },
        Resource { nonce: String::new(), ..sealed.clone() },
        Resource { algorithm: "none".into(), ..sealed.clone() },
        Resource { ciphertext: "AAAA".into(), ..sealed.clone() },
        Resource { ciphertext: "?".into(), ..sealed.clone() },
    ] {
        assert_eq!(wrong.open(&text("apiv3_key")), Err(V3Error::Sealed));
    }
    assert_eq!(sealed.open("short"), Err(V3Error::Sealed));
}

#[test]
fn only_a_fresh_signature_of_the_known_key_is_believed() {
    let pair = rsa_key::make().unwrap();
    let (ours, theirs) = (MerchantKey::from_pem(pair.private_pem.as_bytes()).unwrap(), pair.public_pem);
    let key = PayerKey::from_pem("K1", theirs.as_bytes()).unwrap();
    let signed = Signed::make(&ours, "K1", (NOW, "n"), b"{}");
    assert_eq!(signed.verify(&key, b"{}", NOW), Ok(()));
    assert_eq!(signed.verify(&key, b"{}", NOW + 300), Ok(()));
    assert_eq!(signed.verify(&key, b"{}", NOW + 301), Err(V3Error::Time));
    assert_eq!(signed.verify(&key, b"{}", NOW - 301), Err(V3Error::Time));
    assert_eq!(signed.verify(&key, b"{ }", NOW), Err(V3Error::Signature));
    let with = |change: fn(&mut Signed)| {
        let mut changed = signed.clone();
        change(&mut changed);
        changed.verify(&key, b"{}", NOW)
    };
    assert_eq!(with(|signed| signed.serial = "K2".into()), Err(V3Error::Serial));
    assert_eq!(with(|signed| signed.timestamp = "1795420801".into()), Err(V3Error::Signature));
    assert_eq!(with(|signed| signed.timestamp = "soon".into()), Err(V3Error::Time));
    assert_eq!(with(|signed| signed.nonce = "m".into()), Err(V3Error::Signature));
    assert_eq!(with(|signed| signed.signature.insert_str(0, "WECHATPAY/SIGNTEST/")), Err(V3Error::Signature));
    assert_eq!(with(|signed| signed.signature.clear()), Err(V3Error::Unsigned));
    assert!(Signed::default().is_absent());
}

#[test]
fn a_request_is_signed_whole() {
    let pair = rsa_key::make().unwrap();
    let ours = MerchantKey::from_pem(pair.private_pem.as_bytes()).unwrap();
    let public = ours.public("");
    let request = Request { method: "POST", path: "/v3/a?b=c", body: "{\"x\":1}" };
    let header = request.authorize(&ours, ("1900000109", "S1"), (NOW, "n1"));
    let is = |request: &Request<'_>, header: &str, mch_id: &str, now| {
        request.is_authorized(header, (&public, mch_id, "S1"), now)
    };
    assert!(is(&request, &header, "1900000109", NOW));
    assert!(!is(&Request { method: "GET", ..request }, &header, "1900000109", NOW));
    assert!(!is(&Request { path: "/v3/a", ..request }, &header, "1900000109", NOW));
    assert!(!is(&Request { body: "", ..request }, &header, "1900000109", NOW));
    assert!(!is(&request, &header, "1900000110", NOW));
    assert!(!is(&request, &header, "1900000109", NOW + 301));
    assert!(!is(&request, &header.replace("S1", "S2"), "1900000109", NOW));
    assert!(!is(&request, "Bearer x", "1900000109", NOW));
}

#[test]
fn keys_that_are_none_are_refused() {
    assert!(MerchantKey::from_pem(b"nonsense").is_err());
    assert!(PayerKey::from_pem("K", b"nonsense").is_err());
    let curve = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    assert!(MerchantKey::from_pem(curve.signing_key.serialize_pem().as_bytes()).is_err());
    assert!(PayerKey::from_pem("K", curve.cert.pem().as_bytes()).is_err());
}
