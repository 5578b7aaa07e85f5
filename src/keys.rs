//! One master key file; every other key is derived from it with HKDF-SHA256 and a label of its own.
#![allow(clippy::missing_panics_doc, reason = "each expectation says why it always holds")]

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use anyhow::{Context, bail};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use ring::aead::{self, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;

/// What a derived key is for. Labels are part of stored data: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Phone numbers and pending imports at rest.
    Phone,
    /// Finding a person by phone.
    PhoneIndex,
    /// Bill numbers.
    BillNumber,
    /// SMS codes in the store.
    Otp,
    /// Sealed draw secrets.
    Draw,
    /// Cookies of phones and screens, OAuth state.
    Cookie,
    /// Digest of a pool's members.
    PoolDigest,
    /// Stored requests to the payer.
    Request,
    /// What a receiver confirms a transfer with.
    Ticket,
    /// Private messages between servers.
    Bus,
    /// Secrets of second factors.
    Totp,
    /// Results that are sent sealed before their moment.
    Result,
    /// Codes on badges.
    Badge,
    /// Changing codes on the screen.
    Checkin,
    /// Accounts that followed before their person's data was removed.
    Follower,
    /// Questions that a server asks itself from outside.
    Probe,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Phone => b"kaijiang/phone",
            Self::PhoneIndex => b"kaijiang/phone-index",
            Self::BillNumber => b"kaijiang/bill-number",
            Self::Otp => b"kaijiang/otp",
            Self::Draw => b"kaijiang/draw",
            Self::Cookie => b"kaijiang/cookie",
            Self::PoolDigest => b"kaijiang/pool-digest",
            Self::Request => b"kaijiang/request",
            Self::Ticket => b"kaijiang/ticket",
            Self::Bus => b"kaijiang/bus",
            Self::Totp => b"kaijiang/totp",
            Self::Result => b"kaijiang/result",
            Self::Badge => b"kaijiang/badge",
            Self::Checkin => b"kaijiang/checkin",
            Self::Follower => b"kaijiang/follower",
            Self::Probe => b"kaijiang/probe",
        }
    }
}

/// Derived keys, and what is done with them.
#[derive(Clone)]
pub struct Keys {
    root: Hkdf<Sha256>,
    fingerprint: String,
    file: PathBuf,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads the master key file, or makes it (mode 0600) when absent.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        if !file.exists() {
            make_key_file(file)?;
        }
        let text = Zeroizing::new(
            std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the master key file {}", file.display()))?,
        );
        let Ok(master) = hex::decode(text.trim()).map(Zeroizing::new) else {
            bail!("the master key file {} is not hexadecimal", file.display());
        };
        if master.len() != 32 {
            bail!("the master key file {} must hold 32 bytes in hexadecimal", file.display());
        }
        Ok(Self::from_master(&master, file))
    }

    fn from_master(master: &[u8], file: &Path) -> Self {
        let fingerprint = hex::encode(
            &Sha256::new().chain_update(b"kaijiang/fingerprint").chain_update(master).finalize()[..8],
        );
        Self { root: Hkdf::new(None, master), fingerprint, file: file.to_owned() }
    }

    /// Names the master key without revealing it; stands in SQL, so that another key refuses to start.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The file, for messages.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The derived key itself.
    pub fn key(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        self.root.expand(purpose.label(), out.as_mut_slice()).expect("32 bytes are within HKDF's range");
        out
    }

    /// HMAC-SHA256 of `parts`, each with its length, so that no two lists of parts look alike.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        self.macs(purpose).of(parts)
    }

    /// The same for many lists of parts: the key is derived once.
    pub fn macs(&self, purpose: Purpose) -> Macs {
        Macs(
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.key(purpose).as_slice())
                .expect("HMAC takes keys of any length"),
        )
    }

    /// Seals `plain` with AES-256-GCM under a fresh nonce; `context` (a row id) must be the same when opening.
    pub fn seal(&self, purpose: Purpose, context: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random();
        let mut out = nonce.to_vec();
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let sealed = self.cipher(purpose).encrypt(&Nonce::from(nonce), payload);
        out.extend(sealed.expect("AES-GCM seals anything below 64 GiB"));
        out
    }

    /// Opens what [`Self::seal`] made; `None` when it is damaged, of another key or of another context.
    pub fn unseal(&self, purpose: Purpose, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: body, aad: context.as_bytes() };
        self.cipher(purpose).decrypt(&Nonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    fn cipher(&self, purpose: Purpose) -> Aes256Gcm {
        Aes256Gcm::new_from_slice(self.key(purpose).as_slice()).expect("the key has 32 bytes")
    }
}

/// HMAC-SHA256 under one derived key, see [`Keys::macs`].
#[derive(Clone)]
pub struct Macs(Hmac<Sha256>);

impl Macs {
    /// The code of `parts`.
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Seals `plain` under a key that seals nothing else: ChaCha20-Poly1305 (RFC 8439) with a nonce of zeros.
pub fn seal_once(key: &[u8; 32], mut plain: Vec<u8>) -> Vec<u8> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes");
    let nonce = aead::Nonce::assume_unique_for_key([0; NONCE_BYTES]);
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut plain)
        .expect("it seals anything below 256 GiB");
    plain
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system gives random bytes");
    out
}

/// A random id of ten lower-case letters and digits that are not mistaken for each other: for addresses people see.
pub fn short_id() -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    random::<10>().iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
}

/// The first `length` characters that a code of [`Keys::mac`] makes, five bits each, of letters and digits that are not
/// mistaken for each other in print: without 0, O, 1 and I.
pub fn readable(mac: &[u8; 32], length: usize) -> String {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    mac.iter().take(length).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
}

/// A random id for rows: time-ordered, 32 hex digits.
pub fn row_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// SHA-256 in hex: for tokens that are stored only as hashes.
pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn make_key_file(file: &Path) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out =
        options.open(file).with_context(|| format!("cannot make the master key file {}", file.display()))?;
    writeln!(out, "{}", hex::encode(random::<32>()))?;
    out.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_only_in_its_place() {
        let keys = Keys::from_master(&[7; 32], Path::new("k"));
        let sealed = keys.seal(Purpose::Phone, "row", b"13800138000");
        assert_eq!(keys.unseal(Purpose::Phone, "row", &sealed).unwrap().as_slice(), b"13800138000");
        assert!(keys.unseal(Purpose::Phone, "other", &sealed).is_none());
        assert!(keys.unseal(Purpose::Draw, "row", &sealed).is_none());
        let mut damaged = sealed.clone();
        damaged[20] ^= 1;
        assert!(keys.unseal(Purpose::Phone, "row", &damaged).is_none());
    }

    #[test]
    fn the_key_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/master.key");
        let first = Keys::open(&file).unwrap();
        assert_eq!(first.fingerprint(), Keys::open(&file).unwrap().fingerprint());
    }
}

#[cfg(test)]
mod hostile {
    use std::{path::Path, sync::LazyLock};

    use proptest::prelude::*;

    use super::{Keys, Purpose};
    use crate::hostile::{cases, damaged};

    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::from_master(&[7; 32], Path::new("k")));
    static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| KEYS.seal(Purpose::Cookie, "kj_me", b"oGuest"));

    proptest! {
        #![proptest_config(cases(600))]

        #[test]
        fn only_the_very_bytes_that_we_sealed_open(bytes in damaged(vec![SEALED.clone()])) {
            let opened = KEYS.unseal(Purpose::Cookie, "kj_me", &bytes);
            prop_assert_eq!(opened.is_some(), bytes == *SEALED);
            prop_assert!(KEYS.unseal(Purpose::Cookie, "kj_oauth", &bytes).is_none());
        }
    }
}
