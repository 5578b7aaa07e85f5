//! Certificates for calls to WeChat: a PEM pair of the merchant, and an authority of one's own for a stand-in.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why a PEM file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate and the key could not be read, or do not belong to each other.
    #[error("the certificate or its key is not readable PEM: {0}")]
    Identity(String),
    /// The authority's file could not be read.
    #[error("the authority's certificate is not readable PEM: {0}")]
    Authority(String),
}

/// Makes *ring* the process's TLS backend. Needed once before the first client or server; more calls do nothing.
pub fn install_ring() {
    // An error only says that a backend is already there.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The client certificate for calls, from the texts of `apiclient_cert.pem` and `apiclient_key.pem`.
pub fn identity(cert_pem: &[u8], key_pem: &[u8]) -> Result<reqwest::Identity, TlsError> {
    let mut both = cert_pem.to_vec();
    both.push(b'\n');
    both.extend_from_slice(key_pem);
    reqwest::Identity::from_pem(&both).map_err(|error| TlsError::Identity(error.to_string()))
}

/// The certificates of an authority that is trusted instead of the platform's.
pub fn authorities(ca_pem: &[u8]) -> Result<Vec<reqwest::Certificate>, TlsError> {
    let found = reqwest::Certificate::from_pem_bundle(ca_pem)
        .map_err(|error| TlsError::Authority(error.to_string()))?;
    if found.is_empty() {
        return Err(TlsError::Authority("no certificate in the file".to_owned()));
    }
    Ok(found)
}

/// When the first certificate of a PEM text ends, milliseconds UTC. WeChat's merchant certificates live five years;
/// warn sixty days before.
pub fn not_after_ms(cert_pem: &[u8]) -> Result<i64, TlsError> {
    let der =
        CertificateDer::from_pem_slice(cert_pem).map_err(|error| TlsError::Identity(error.to_string()))?;
    ends_ms(&der)
}

/// The same of a certificate as it comes over the wire.
pub fn ends_ms(der: &[u8]) -> Result<i64, TlsError> {
    let (_, certificate) =
        x509_parser::parse_x509_certificate(der).map_err(|error| TlsError::Identity(error.to_string()))?;
    Ok(certificate.validity().not_after.timestamp().saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_read_and_its_end_known() {
        install_ring();
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let (cert, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        assert!(identity(cert.as_bytes(), key.as_bytes()).is_ok());
        assert!(identity(b"nonsense", key.as_bytes()).is_err());
        assert_eq!(authorities(cert.as_bytes()).expect("one").len(), 1);
        assert!(authorities(b"").is_err());
        // rcgen's default end is the year 4096.
        assert!(not_after_ms(cert.as_bytes()).expect("an end") > 4_000_000_000_000);
        assert!(not_after_ms(key.as_bytes()).is_err());
    }
}
