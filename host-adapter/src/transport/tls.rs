//! TLS for `https` endpoints: rustls with ring, the public authorities, and one file of the operator's.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The configuration of every TLS connection, trusting the authorities of Mozilla's list and those in `ca_file`.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        add_authorities(&mut roots, path)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new("the TLS versions", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// TLS cannot be set up: mostly because of the file with the operator's authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    of: String,
    reason: String,
}

impl TlsError {
    fn new(of: &str, reason: impl fmt::Display) -> Self {
        Self { of: of.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.of, self.reason)
    }
}

impl std::error::Error for TlsError {}

fn add_authorities(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let fault =
        |reason: &dyn fmt::Display| TlsError::new(&format!("egress.ca_file {}", path.display()), reason);
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fault(&error))? {
        let certificate = certificate.map_err(|error| fault(&error))?;
        roots.add(certificate).map_err(|error| fault(&error))?;
    }
    if roots.len() == before { Err(fault(&"it has no certificate in PEM form")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(content: &[u8]) -> Result<Arc<ClientConfig>, TlsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        client_config(Some(file.path()))
    }

    #[test]
    fn a_file_with_certificates_is_trusted() {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert!(load(key.cert.pem().as_bytes()).is_ok());
    }

    #[test]
    fn a_file_without_a_certificate_is_refused_by_name() {
        let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        for content in [b"".as_slice(), b"no PEM", broken] {
            assert!(load(content).unwrap_err().to_string().starts_with("egress.ca_file /"));
        }
        assert!(client_config(Some(Path::new("/nonexistent/ca.pem"))).is_err());
    }
}
