//! The sandbox's own certificates: an authority, a server certificate and a merchant certificate.
//!
//! Made once and kept, so that a restart does not ask anybody to change a configuration.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, SigningKey};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Where the five files lie.
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    pub(super) ca: PathBuf,
    pub(super) client_cert: PathBuf,
    pub(super) client_key: PathBuf,
    server_cert: PathBuf,
    server_key: PathBuf,
}

impl Certificates {
    /// Finds the files in `dir`, or makes all of them.
    pub(super) fn ensure(dir: &Path) -> Result<Self> {
        let files = Self {
            ca: dir.join("sandbox-ca.pem"),
            client_cert: dir.join("sandbox-client-cert.pem"),
            client_key: dir.join("sandbox-client-key.pem"),
            server_cert: dir.join("sandbox-server-cert.pem"),
            server_key: dir.join("sandbox-server-key.pem"),
        };
        // The authority is written last: where it is, the others are too.
        if !files.ca.exists() {
            files.make().context("cannot make the sandbox's certificates")?;
        }
        Ok(files)
    }

    fn make(&self) -> Result<()> {
        let ca_key = KeyPair::generate()?;
        let mut ca = named("Kaijiang sandbox authority", &[])?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let ca_pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);
        let server = leaf(&issuer, "Kaijiang sandbox", ExtendedKeyUsagePurpose::ServerAuth)?;
        let client = leaf(&issuer, "Kaijiang sandbox merchant", ExtendedKeyUsagePurpose::ClientAuth)?;
        write_private(&self.server_cert, &server.0)?;
        write_private(&self.server_key, &server.1)?;
        write_private(&self.client_cert, &client.0)?;
        write_private(&self.client_key, &client.1)?;
        write_private(&self.ca, &ca_pem)
    }

    /// The TLS side of the pay server. A client certificate is asked for, not required: WeChat answers a page to
    /// those who bring none, and the handler does the same.
    pub(super) fn server_config(&self) -> Result<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca)?)?;
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build()?;
        let chain = vec![CertificateDer::from_pem_file(&self.server_cert)?];
        let key = PrivateKeyDer::from_pem_file(&self.server_key)?;
        let mut config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .context("the sandbox's certificate and key do not fit: delete sandbox-*.pem and start again")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn named(common_name: &str, hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn leaf(
    issuer: &Issuer<'_, impl SigningKey>,
    common_name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let mut params = named(common_name, &["localhost", "127.0.0.1", "::1"])?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok((params.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn made_once_private_and_usable() {
        crate::wechat::tls::install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let files = Certificates::ensure(dir.path()).expect("made");
        let before = fs::read(&files.ca).expect("written");
        let again = Certificates::ensure(dir.path()).expect("found");
        assert_eq!(fs::read(&again.ca).expect("kept"), before);
        let mode = fs::metadata(&files.client_key).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(files.server_config().is_ok());
    }
}
