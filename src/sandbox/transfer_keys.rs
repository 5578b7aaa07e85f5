//! The sandbox's own keys for transfers: the merchant's, and the payer's with its public half.
//!
//! Made once and kept like the certificates. Sandboxes of one process that find none share what was made first: RSA keys
//! take a moment, and these guard nothing.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use super::TransferMerchant;
use crate::wechat::rsa_key::{self, Pair};
use crate::wechat::v3::{MerchantKey, PayerKey};

/// The keys, and where two of them lie for our own server.
#[derive(Debug)]
pub(super) struct TransferKeys {
    /// The merchant's private key.
    pub(super) merchant_pem: PathBuf,
    /// The payer's public key.
    pub(super) public_pem: PathBuf,
    /// Proves what the merchant signed.
    pub(super) merchant: PayerKey,
    /// Signs for the payer.
    pub(super) payer: MerchantKey,
}

impl TransferKeys {
    /// Finds the files in `dir`, or makes all of them.
    pub(super) fn ensure(dir: &Path, merchant: &TransferMerchant) -> Result<Self> {
        let merchant_pem = dir.join("sandbox-transfer-key.pem");
        let (public_pem, payer_pem) =
            (dir.join("sandbox-transfer-public.pem"), dir.join("sandbox-transfer-payer-key.pem"));
        // The public key is written last: where it is, the others are too.
        if !public_pem.exists() {
            let (ours, theirs) = pairs().context("cannot make the sandbox's keys for transfers")?;
            write_private(&merchant_pem, &ours.private_pem)?;
            write_private(&payer_pem, &theirs.private_pem)?;
            write_private(&public_pem, &theirs.public_pem)?;
        }
        let read = |file: &Path| {
            let pem = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            MerchantKey::from_pem(&pem).with_context(|| format!("{}", file.display()))
        };
        let (ours, payer) = (read(&merchant_pem)?, read(&payer_pem)?);
        Ok(Self { merchant: ours.public(&merchant.serial_no), payer, merchant_pem, public_pem })
    }
}

fn pairs() -> Option<&'static (Pair, Pair)> {
    static PAIRS: OnceLock<Option<(Pair, Pair)>> = OnceLock::new();
    PAIRS.get_or_init(|| Some((rsa_key::make()?, rsa_key::make()?))).as_ref()
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
