//! Which certificates are trusted: the system's, or those compiled in where the
//! system has none, or those of `[sync] ca_file` and no others.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use super::SetupError;

/// The most bytes of a certificate file.
const MAX_CA_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn roots(ca_file: Option<&Path>) -> Result<RootCerts, SetupError> {
    let Some(path) = ca_file else {
        // On a bare container the system has no certificates, and a verifier
        // without any cannot be made.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        return Ok(match rustls_platform_verifier::Verifier::new(provider) {
            Ok(_) => RootCerts::PlatformVerifier,
            Err(_) => RootCerts::WebPki,
        });
    };
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
    Ok(RootCerts::from(certificates))
}
