//! Which certificates are trusted: the system's, or those compiled in where the
//! system has none, or those of `[sync] ca_file` and no others.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use super::SetupError;

/// The most bytes of a certificate file.
const MAX_CA_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn roots(ca_file: Option<&Path>) -> Result<RootCerts, SetupError> {
    let Some(path) = ca_file else {
        return Ok(match of_the_system() {
            Some(_) => RootCerts::PlatformVerifier,
            None => RootCerts::WebPki,
        });
    };
    Ok(RootCerts::from(certificates_in(path)?))
}

/// The same trust for a connection of our own.
pub(super) fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?;
    let mut store = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let certificates = certificates_in(path)?;
            let der = certificates.iter();
            store.add_parsable_certificates(der.map(|one| CertificateDer::from(one.der())));
        }
        None => match of_the_system() {
            Some(verifier) => {
                // The name warns of verifiers that do not verify; this one does.
                let builder = builder.dangerous();
                let builder = builder.with_custom_certificate_verifier(Arc::new(verifier));
                return Ok(builder.with_no_client_auth());
            }
            None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        },
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// On a bare container the system has no certificates, and a verifier without
/// any cannot be made.
fn of_the_system() -> Option<rustls_platform_verifier::Verifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls_platform_verifier::Verifier::new(provider).ok()
}

fn certificates_in(path: &Path) -> Result<Vec<Certificate<'static>>, SetupError> {
    let bad = |source| SetupError::CaFile {
        path: path.to_owned(),
        source,
    };
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_CA_BYTES).read_to_end(&mut pem))
        .map_err(bad)?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let empty = io::Error::new(io::ErrorKind::InvalidData, "no certificate in it");
        return Err(bad(empty));
    }
    Ok(certificates)
}
