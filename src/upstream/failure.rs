//! How the errors of hyper, of TLS and of the system become failures with a name, and words that say what to do.

use crate::exchange::{Failure, FailureKind};
use http_body::Body;
use hyper::body::Incoming;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription as Alert, CertificateError};
use std::error::Error as _;
use std::io;
use std::time::Duration;

/// A failure before any head.
pub(super) fn untold(kind: FailureKind, message: String) -> Failure {
    Failure { kind, status: None, message }
}

/// No head came in time.
pub fn unanswered(patience: Duration) -> Failure {
    untold(FailureKind::Timeout, format!("no answer within {patience:?}"))
}

/// A failure before or after the head, from an error of the connection. Holds no part of any body.
pub fn failure_of(error: &hyper::Error, status: Option<http::StatusCode>) -> Failure {
    let (kind, told) = told_of(error);
    Failure { kind, status, message: told.unwrap_or_else(|| error.to_string()) }
}

/// A failure of the connection itself.
pub(super) fn of_wire(error: &io::Error, status: Option<http::StatusCode>) -> Failure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (kind, message) = match tls {
        Some(error) => (FailureKind::Tls, of_tls(error, None)),
        None => (FailureKind::Reset, format!("connection error: {error}")),
    };
    Failure { kind, status, message }
}

/// The failure of an answer over HTTP/2 that has no more frames and no end either: its stream was reset with `NO_ERROR`, which
/// hyper takes for the end of a body. A side may stop an upload so, but only after its whole answer (RFC 9113, 8.1).
pub fn stopped(version: http::Version, body: &Incoming, status: http::StatusCode) -> Option<Failure> {
    let over = version != http::Version::HTTP_2 || body.is_end_stream();
    let message = "the answer's stream was reset before its end".to_owned();
    (!over).then_some(Failure { kind: FailureKind::Reset, status: Some(status), message })
}

/// True where the side has said that it did nothing with the request: it may be sent once more, whatever it is.
pub(super) fn is_unprocessed(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<h2::Error>() {
            // `h2` gives a GOAWAY to the streams behind its last one alone; the others go on (RFC 9113, 6.8 and 8.7).
            return error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM));
        }
        cause = inner.source();
    }
    false
}

/// The kind of failure that an error of a connection is, and words for it where hyper's own say too little.
fn told_of(error: &hyper::Error) -> (FailureKind, Option<String>) {
    if error.is_parse_too_large() {
        return (FailureKind::TooLarge, None);
    }
    if error.is_parse() {
        return (FailureKind::Protocol, None);
    }
    if error.is_timeout() {
        return (FailureKind::Timeout, None);
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<h2::Error>() {
            return of_h2(error);
        }
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return (FailureKind::Tls, Some(of_tls(error, None)));
            }
            // A body that breaks its framing comes as an IO error of kind InvalidData or InvalidInput.
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) {
                return (FailureKind::Protocol, None);
            }
        }
        cause = inner.source();
    }
    (FailureKind::Reset, None)
}

fn of_h2(error: &h2::Error) -> (FailureKind, Option<String>) {
    let kind = match error.reason() {
        Some(h2::Reason::HTTP_1_1_REQUIRED) => {
            return (FailureKind::Protocol, Some("it wants HTTP/1.1 for this: set http2 = false".to_owned()));
        }
        _ if error.is_remote() || error.is_io() => FailureKind::Reset,
        // Ours to notice: a frame that breaks the protocol, or none at all.
        _ => FailureKind::Protocol,
    };
    let hint = if kind == FailureKind::Protocol { " (where no HTTP/2 is spoken: http2 = false)" } else { "" };
    (kind, Some(format!("HTTP/2: {error}{hint}")))
}

/// A TLS handshake that came to nothing.
pub(super) fn of_handshake(error: &io::Error, name: &ServerName<'_>) -> Failure {
    let message = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => of_tls(error, Some(name)),
        None => format!("the connection ended during the TLS handshake: {error}"),
    };
    untold(FailureKind::Tls, message)
}

/// What is wrong, and what to do.
fn of_tls(error: &rustls::Error, name: Option<&ServerName<'_>>) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => of_certificate(why, name),
        rustls::Error::AlertReceived(Alert::CertificateRequired) => {
            "it wants a certificate of this tee: name `cert` and `key`".to_owned()
        }
        // Older servers have no word of its own for a certificate that is missing.
        rustls::Error::AlertReceived(alert @ (Alert::HandshakeFailure | Alert::BadCertificate)) => {
            format!(
                "it broke the TLS handshake off ({alert:?}): it may want another certificate of this tee, or none of its ciphers is ours"
            )
        }
        rustls::Error::AlertReceived(alert @ (Alert::UnknownCA | Alert::CertificateUnknown | Alert::AccessDenied)) => {
            format!("it does not accept this tee's certificate ({alert:?}): look at `cert`")
        }
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => {
            "it serves no such name: name in `server_name` one that it serves".to_owned()
        }
        rustls::Error::AlertReceived(Alert::NoApplicationProtocol) => {
            "it speaks none of the protocols that were offered: try the other value of `http2`".to_owned()
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port: ask it over http".to_owned(),
        other => format!("TLS: {other}"),
    }
}

fn of_certificate(why: &CertificateError, name: Option<&ServerName<'_>>) -> String {
    match why {
        // A CA that was made anew under its old name signs otherwise.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody whom this tee trusts has signed its certificate: name its CA in `ca`".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let name = name.map_or("this name".into(), ServerName::to_str);
            format!("its certificate is not for `{name}`: name in `server_name` whom it is for")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired: renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: look at both clocks".to_owned()
        }
        // So says the verifier, in a word that only its own crate could read.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is one that signs others (CA:TRUE), which no server may show: give it one without"
                .to_owned()
        }
        other => format!("its certificate is refused ({other})"),
    }
}
