//! TLS towards a side: whom to trust, what to show, for whom the side's certificate must be. Read once, when the config is.

use super::error::ConfigError;
use super::raw::{RawUpstream, Text};
use super::resolve::Surroundings;
use super::source::Source;
use super::{Tls, files};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

const CA: &str = "a PEM file with the certificates that sign the side's own";
const CERT: &str = "a PEM file: this tee's certificate first, then those between it and its CA";
const KEY: &str = "a PEM file with the private key of `cert`";

/// The certificates that the system trusts; `Err` says why there are none.
pub(super) type Roots<'a> = &'a dyn Fn() -> Result<RootCertStore, String>;

/// The TLS of a side whose URL is `https`.
pub(super) fn tls(
    source: &Source<'_>,
    around: &Surroundings<'_>,
    name: &str,
    raw: Option<&RawUpstream>,
    host: &str,
    http2: bool,
) -> Result<Tls, ConfigError> {
    let roots = match raw.and_then(|raw| raw.ca.as_ref()) {
        Some(text) => of_file(source, around, text)?,
        None => (around.roots)().map_err(|why| {
            let message = format!("the {name} is asked over TLS, and this system trusts no certificate: {why}");
            ConfigError::plain(source.name, message)
                .allowing(format!("[upstreams.{name}] ca = \"ca.pem\", or the system's ca-certificates installed"))
        })?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::plain(source.name, format!("TLS cannot be used: {error}")))?
        .with_root_certificates(roots);
    let mut client = match (raw.and_then(|raw| raw.cert.as_ref()), raw.and_then(|raw| raw.key.as_ref())) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let chain = certificates(source, around, cert, CERT)?;
            let secret = private_key(source, around, key)?;
            builder.with_client_auth_cert(chain, secret).map_err(|error| {
                source.error(key.span(), format!("this key does not serve with `cert`: {error}")).allowing(KEY)
            })?
        }
        (Some(alone), None) => {
            return Err(source
                .error(alone.span(), "a certificate without its private key")
                .allowing("key = \"key.pem\" beside it"));
        }
        (None, Some(alone)) => {
            return Err(source
                .error(alone.span(), "a private key without its certificate")
                .allowing("cert = \"cert.pem\" beside it"));
        }
    };
    client.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    let server_name = server_name(source, raw, host)?;
    Ok(Tls { client: Arc::new(client), server_name })
}

fn server_name(source: &Source<'_>, raw: Option<&RawUpstream>, host: &str) -> Result<ServerName<'static>, ConfigError> {
    const NAMES: &str = "a host's name (api.example) or an address";
    let Some(text) = raw.and_then(|raw| raw.server_name.as_ref()) else {
        return ServerName::try_from(host.to_owned()).map_err(|_| {
            ConfigError::plain(source.name, format!("no certificate can be for `{host}`"))
                .allowing("server_name = \"api.example\" for the name that it is for")
        });
    };
    let name = source.expand(text)?;
    ServerName::try_from(name.clone())
        .map_err(|_| source.error(text.span(), format!("no certificate can be for `{name}`")).allowing(NAMES))
}

fn of_file(source: &Source<'_>, around: &Surroundings<'_>, text: &Text) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(source, around, text, CA)? {
        roots.add(certificate).map_err(|error| {
            source.error(text.span(), format!("a certificate cannot be read: {error}")).allowing(CA)
        })?;
    }
    Ok(roots)
}

fn read(source: &Source<'_>, around: &Surroundings<'_>, text: &Text, allowed: &str) -> Result<Vec<u8>, ConfigError> {
    files::read(source, text, around.base, around.files, allowed).map(|named| named.found.bytes)
}

fn certificates(
    source: &Source<'_>,
    around: &Surroundings<'_>,
    text: &Text,
    allowed: &str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = read(source, around, text, allowed)?;
    let broken = |message: String| source.error(text.span(), message).allowing(allowed);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(broken("there is no certificate in this file".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(broken(format!("this is not PEM: {error}"))),
    }
}

fn private_key(
    source: &Source<'_>,
    around: &Surroundings<'_>,
    text: &Text,
) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let bytes = read(source, around, text, KEY)?;
    // Says nothing of what it read: it may be half a key.
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let message = "there is no private key in this file that can be read without a pass phrase";
        source.error(text.span(), message).allowing(KEY)
    })
}
