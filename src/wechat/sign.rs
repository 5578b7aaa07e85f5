//! The v2 signature of WeChat Pay: MD5 over the sorted, non-empty fields and the merchant's API key.

use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// Name of the field that carries the signature; it is never signed itself.
pub const SIGN_FIELD: &str = "sign";

/// The text that is hashed: `name=value` pairs joined by `&`, ordered by the bytes of the name, without `sign` and
/// without empty values (the text `0` is not empty), then `&key=` and the API key. Values are taken raw.
fn string_to_sign<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>, key: &SecretString) -> String {
    let mut pairs: Vec<(&str, &str)> =
        fields.into_iter().filter(|(name, value)| *name != SIGN_FIELD && !value.is_empty()).collect();
    pairs.sort_unstable();
    let mut text = String::new();
    for (name, value) in pairs {
        text.push_str(name);
        text.push('=');
        text.push_str(value);
        text.push('&');
    }
    text.push_str("key=");
    text.push_str(key.expose_secret());
    text
}

/// Signs the fields: 32 upper-case hex digits.
pub fn sign<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>, key: &SecretString) -> String {
    hex::encode_upper(Md5::digest(string_to_sign(fields, key).as_bytes()))
}

/// Whether `given` is the signature of the fields. Unknown fields count, since they are signed too. The comparison
/// takes the same time wherever the first difference is.
pub fn verify<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    key: &SecretString,
    given: &str,
) -> bool {
    sign(fields, key).as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    fn case_fields(case: &serde_json::Value) -> Vec<(&str, &str)> {
        let params = case["params"].as_object().expect("params");
        params.iter().map(|(name, value)| (name.as_str(), vectors::text(value))).collect()
    }

    #[test]
    fn every_vector_signs_and_verifies() {
        let all = vectors::all();
        let cases = all["v2_sign"].as_array().expect("a list");
        assert!(cases.len() >= 5);
        for case in cases {
            let key = SecretString::from(vectors::text(&case["key"]));
            let fields = case_fields(case);
            assert_eq!(string_to_sign(fields.clone(), &key), vectors::text(&case["string_to_sign"]));
            let signature = sign(fields.clone(), &key);
            assert_eq!(signature, vectors::text(&case["md5"]), "{}", case["name"]);
            assert!(verify(fields.clone(), &key, &signature));
            assert!(!verify(fields.clone(), &key, &signature.to_lowercase()));
            assert!(!verify(fields, &key, &signature[..31]));
        }
    }

    #[test]
    fn the_signature_itself_is_not_signed_and_unknown_fields_are() {
        let key = SecretString::from("8934e7d15453e97507ef794cf7b0519d");
        let bare = sign([("a", "1")], &key);
        assert_eq!(sign([("sign", "X"), ("a", "1")], &key), bare);
        assert_ne!(sign([("a", "1"), ("new_field", "x")], &key), bare);
    }
}
