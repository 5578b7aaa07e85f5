//! The two RSA keys of a merchant: its own, which signs, and the payer's, which proves what the payer says.

use std::fmt;

use ring::{
    rand::SystemRandom,
    signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer, pem::PemObject};
use x509_parser::{prelude::FromDer, x509::SubjectPublicKeyInfo};

/// Why a key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a private RSA key of at least 2048 bits.
    #[error("not a private RSA key of at least 2048 bits in PEM")]
    Private,
    /// Neither a public RSA key nor a certificate.
    #[error("neither a public key nor a certificate with an RSA key in PEM")]
    Public,
}

/// A key that signs; `apiclient_key.pem` of a merchant.
pub struct MerchantKey(RsaKeyPair);

impl fmt::Debug for MerchantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MerchantKey")
    }
}

impl MerchantKey {
    /// Reads a PEM text, PKCS#8 or PKCS#1.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let key = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError::Private)? {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(KeyError::Private),
        };
        key.map(Self).map_err(|_| KeyError::Private)
    }

    /// SHA256-RSA of a text, PKCS#1 v1.5.
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let done = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
        // Only a buffer of another length fails; nobody believes an empty signature.
        if done.is_ok() { signature } else { Vec::new() }
    }

    /// The key that proves what this one signs, under a serial.
    pub fn public(&self, id: &str) -> PayerKey {
        PayerKey { id: id.into(), der: self.0.public_key().as_ref().to_vec() }
    }
}

/// A key that proves what its owner signed, and its serial.
#[derive(Clone, Debug)]
pub struct PayerKey {
    id: String,
    /// PKCS#1.
    der: Vec<u8>,
}

impl PayerKey {
    /// Reads a PEM text: the payer's public key, or a platform certificate as older merchants have it.
    pub fn from_pem(id: &str, pem: &[u8]) -> Result<Self, KeyError> {
        let spki = if let Ok(der) = SubjectPublicKeyInfoDer::from_pem_slice(pem) {
            der.as_ref().to_vec()
        } else {
            let der = CertificateDer::from_pem_slice(pem).map_err(|_| KeyError::Public)?;
            let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|_| KeyError::Public)?;
            certificate.public_key().raw.to_vec()
        };
        let (_, spki) = SubjectPublicKeyInfo::from_der(&spki).map_err(|_| KeyError::Public)?;
        if !matches!(spki.parsed(), Ok(x509_parser::public_key::PublicKey::RSA(_))) {
            return Err(KeyError::Public);
        }
        Ok(Self { id: id.into(), der: spki.subject_public_key.data.to_vec() })
    }

    /// Its serial, as in `Wechatpay-Serial`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether its owner signed this text.
    pub fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der).verify(text, signature).is_ok()
    }
}
