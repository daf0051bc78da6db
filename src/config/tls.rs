//! `[tls]`: the certificate that clients see, read and tried at start, so that what cannot work is told before anybody
//! connects.

use super::error::ConfigError;
use super::files::{Files, Named, read};
use super::raw::RawTls;
use super::source::Source;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;

/// What clients may speak over TLS, in the order of our preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
const CERTIFICATES: &str = "a PEM file with the server's certificate first, then those that signed it";
const KEYS: &str = "a PEM file with one private key (PKCS#8, RSA or EC), not encrypted";
const ROOTS: &str = "a PEM file with the certificates that may sign clients' certificates";

/// Builds what the live threads serve with.
pub(super) fn tls(
    source: &Source<'_>,
    raw: &RawTls,
    base: &Path,
    files: Files<'_>,
    warnings: &mut Vec<String>,
) -> Result<Arc<ServerConfig>, ConfigError> {
    let read = |text, allowed| read(source, text, base, files, allowed);
    let cert = read(&raw.cert, CERTIFICATES)?;
    let chain = certificates(source, &cert, CERTIFICATES)?;
    let key_file = read(&raw.key, KEYS)?;
    let key = private_key(source, &key_file)?;
    if key_file.found.mode & 0o077 != 0 {
        let (path, mode) = (key_file.path.display(), key_file.found.mode & 0o7777);
        warnings.push(format!("[tls] key: others can read {path} (mode {mode:04o}): chmod 600 {path}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| cert.error(source, format!("cannot be used: {error}"), CERTIFICATES);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(unusable)?;
    let builder = match &raw.client_ca {
        None => builder.with_no_client_auth(),
        Some(text) => {
            let file = read(text, ROOTS)?;
            let mut roots = RootCertStore::empty();
            for root in certificates(source, &file, ROOTS)? {
                let refused = |error| file.error(source, format!("holds a bad certificate: {error}"), ROOTS);
                roots.add(root).map_err(refused)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(
                verifier.map_err(|error| file.error(source, format!("cannot be used: {error}"), ROOTS))?,
            )
        }
    };
    let mut server = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let message = format!("does not belong to the first certificate of {}", cert.path.display());
            key_file.error(source, message, "the key that the certificate was made for")
        }
        rustls::Error::General(why) => key_file.error(source, format!("cannot be used: {why}"), KEYS),
        other => unusable(other),
    })?;
    server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(server))
}

fn certificates(
    source: &Source<'_>,
    file: &Named<'_>,
    allowed: &str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.found.bytes).collect();
    match list {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err(file.error(source, "holds no certificate in PEM", allowed)),
        Err(error) => Err(file.error(source, format!("is not PEM: {error}"), allowed)),
    }
}

fn private_key(source: &Source<'_>, file: &Named<'_>) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let encrypted = memchr::memmem::find(&file.found.bytes, b"BEGIN ENCRYPTED PRIVATE KEY").is_some();
    match PrivateKeyDer::from_pem_slice(&file.found.bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if encrypted => Err(file.error(source, "is encrypted", KEYS)),
        Err(pem::Error::NoItemsFound) => Err(file.error(source, "holds no private key in PEM", KEYS)),
        Err(error) => Err(file.error(source, format!("is not PEM: {error}"), KEYS)),
    }
}
