//! Safe mode of the service account's callbacks: AES-256-CBC around each message.
//!
//! Plaintext is 16 random bytes, a 4-byte big-endian length, the XML and the app id, padded as PKCS#7 does but to
//! blocks of 32 bytes, so that the usual 16-byte unpadding would refuse half of all messages.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

/// Padding goes up to this many bytes.
const PAD_BLOCK: usize = 32;
/// Random bytes before the length.
const RANDOM_BYTES: usize = 16;
/// Random bytes and the length.
const HEADER_BYTES: usize = RANDOM_BYTES + 4;

/// The 43rd character of an `EncodingAESKey` carries two spare bits that are usually not zero.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Why a message in safe mode was not opened. The reasons are told apart for the operator's log only: the sender
/// gets the same answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SafeModeError {
    /// The `EncodingAESKey` is not 43 characters of base64.
    #[error("the EncodingAESKey must be 43 letters and digits")]
    BadKey,
    /// Not base64, not whole blocks, bad padding or bad length.
    #[error("the message cannot be decrypted with this key")]
    Undecipherable,
    /// Decrypted, but for another app id.
    #[error("the message is for another app id")]
    WrongAppId,
}

/// The AES key behind an `EncodingAESKey`.
#[derive(Clone)]
pub struct AesKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for AesKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("AesKey(…)")
    }
}

impl AesKey {
    /// Reads the 43 characters of an `EncodingAESKey`.
    pub fn parse(encoding_aes_key: &str) -> Result<Self, SafeModeError> {
        let bytes = Zeroizing::new(
            KEY_BASE64.decode(format!("{encoding_aes_key}=")).map_err(|_| SafeModeError::BadKey)?,
        );
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| SafeModeError::BadKey)?;
        Ok(Self(Zeroizing::new(key)))
    }

    fn vector(&self) -> [u8; 16] {
        let mut vector = [0; 16];
        vector.copy_from_slice(&self.0[..16]);
        vector
    }

    /// Encrypts a message; `random` must be fresh for every message. The result is the base64 text of `<Encrypt>`.
    pub fn encrypt(
        &self,
        random: [u8; RANDOM_BYTES],
        xml: &str,
        app_id: &str,
    ) -> Result<String, SafeModeError> {
        let length = u32::try_from(xml.len()).map_err(|_| SafeModeError::Undecipherable)?;
        let mut buffer = Vec::with_capacity(HEADER_BYTES + xml.len() + app_id.len() + PAD_BLOCK);
        buffer.extend_from_slice(&random);
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(xml.as_bytes());
        buffer.extend_from_slice(app_id.as_bytes());
        let pad = PAD_BLOCK - buffer.len() % PAD_BLOCK;
        let pad_byte = u8::try_from(pad).map_err(|_| SafeModeError::Undecipherable)?;
        buffer.resize(buffer.len() + pad, pad_byte);
        let whole = buffer.len();
        let cipher = cbc::Encryptor::<Aes256>::new((&*self.0).into(), &self.vector().into());
        cipher.encrypt_padded::<NoPadding>(&mut buffer, whole).map_err(|_| SafeModeError::Undecipherable)?;
        Ok(STANDARD.encode(&buffer))
    }

    /// Decrypts the text of `<Encrypt>` and checks padding, length and app id.
    pub fn decrypt(&self, encrypted: &str, app_id: &str) -> Result<String, SafeModeError> {
        let mut buffer = STANDARD.decode(encrypted).map_err(|_| SafeModeError::Undecipherable)?;
        let cipher = cbc::Decryptor::<Aes256>::new((&*self.0).into(), &self.vector().into());
        let plain =
            cipher.decrypt_padded::<NoPadding>(&mut buffer).map_err(|_| SafeModeError::Undecipherable)?;
        let body = unpad(plain).ok_or(SafeModeError::Undecipherable)?;
        let (xml, owner) = split(body).ok_or(SafeModeError::Undecipherable)?;
        if owner != app_id.as_bytes() {
            return Err(SafeModeError::WrongAppId);
        }
        String::from_utf8(xml.to_vec()).map_err(|_| SafeModeError::Undecipherable)
    }
}

/// Takes the padding off; every pad byte is checked.
fn unpad(plain: &[u8]) -> Option<&[u8]> {
    let pad = usize::from(*plain.last()?);
    if pad == 0 || pad > PAD_BLOCK || pad > plain.len() {
        return None;
    }
    let (body, padding) = plain.split_at(plain.len() - pad);
    padding.iter().all(|byte| usize::from(*byte) == pad).then_some(body)
}

/// Splits random bytes, length, XML and app id; gives the last two.
fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = body.get(RANDOM_BYTES..HEADER_BYTES)?;
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    let rest = body.get(HEADER_BYTES..)?;
    (length <= rest.len()).then(|| rest.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;

    fn vector() -> serde_json::Value {
        vectors::all()["aes_safe_mode"].clone()
    }

    #[test]
    fn the_vector_opens_and_closes_to_the_same_bytes() {
        let case = vector();
        let key = AesKey::parse(vectors::text(&case["encoding_aes_key"])).expect("a key");
        assert_eq!(hex::encode(*key.0), vectors::text(&case["aes_key_hex"]));
        assert_eq!(hex::encode(key.vector()), vectors::text(&case["iv_hex"]));
        let (xml, app_id) = (vectors::text(&case["plaintext_xml"]), vectors::text(&case["appid"]));
        let random = vectors::text(&case["random16"]).as_bytes().try_into().expect("16 bytes");
        assert_eq!(key.encrypt(random, xml, app_id).expect("encrypts"), vectors::text(&case["encrypt"]));
        assert_eq!(key.decrypt(vectors::text(&case["encrypt"]), app_id).expect("decrypts"), xml);
        let canonical = AesKey::parse(vectors::text(&case["canonical_reencoding_of_key"])).expect("a key");
        assert_eq!(*canonical.0, *key.0);
    }

    #[test]
    fn every_pad_length_goes_there_and_back() {
        let key = AesKey::parse(vectors::text(&vector()["encoding_aes_key"])).expect("a key");
        for length in 0..70 {
            let xml = "x".repeat(length);
            let sealed = key.encrypt([7; 16], &xml, "wx1").expect("encrypts");
            assert_eq!(key.decrypt(&sealed, "wx1").as_deref(), Ok(xml.as_str()));
            assert_eq!(key.decrypt(&sealed, "wx2"), Err(SafeModeError::WrongAppId));
        }
    }

    #[test]
    fn damage_is_refused_without_panic() {
        let case = vector();
        let key = AesKey::parse(vectors::text(&case["encoding_aes_key"])).expect("a key");
        let sealed = STANDARD.decode(vectors::text(&case["encrypt"])).expect("base64");
        for cut in 0..sealed.len() {
            assert!(key.decrypt(&STANDARD.encode(&sealed[..cut]), "wx8888888888888888").is_err());
        }
        assert_eq!(key.decrypt("not base64!", "wx"), Err(SafeModeError::Undecipherable));
        assert!(AesKey::parse("short").is_err());
        assert!(split(&[0; HEADER_BYTES - 1]).is_none());
        let mut long = vec![0; HEADER_BYTES];
        long[RANDOM_BYTES..].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(split(&long).is_none());
    }
}
