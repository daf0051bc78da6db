//! Stand-in until the real decoder is merged: media by content type, no content-encoding, UTF-8 only.

use http::HeaderMap;
use std::borrow::Cow;

/// A decoded body.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    /// The bytes without content-encoding.
    pub bytes: Cow<'a, [u8]>,
    /// What the content type says they are.
    pub media: Media,
    /// The text by its charset, for text media only.
    pub text: Option<Cow<'a, str>>,
    /// True when a content-encoding was undone.
    pub encoded: bool,
}

/// What a body is, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`, `…+json`.
    Json,
    /// `text/plain` and other text.
    Text,
    /// `text/html`.
    Html,
    /// `…/xml`, `…+xml`.
    Xml,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Anything else.
    Bytes,
    /// No content type.
    None,
}

/// Why a body could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Larger than the cap.
    #[error("larger than the cap when decoded")]
    TooLarge,
    /// Not what its headers say.
    #[error("{0}")]
    Corrupt(&'static str),
}

/// Decodes a body by its headers.
pub fn decode<'a>(body: Cow<'a, [u8]>, headers: &HeaderMap, cap: usize) -> Result<Decoded<'a>, DecodeError> {
    if body.len() > cap {
        return Err(DecodeError::TooLarge);
    }
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = match kind.map(|kind| kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase()) {
        None => Media::None,
        Some(kind) if kind == "application/json" || kind.ends_with("+json") => Media::Json,
        Some(kind) if kind == "text/html" => Media::Html,
        Some(kind) if kind.ends_with("/xml") || kind.ends_with("+xml") => Media::Xml,
        Some(kind) if kind.starts_with("text/") => Media::Text,
        Some(kind) if kind == "application/x-www-form-urlencoded" => Media::Form,
        Some(_) => Media::Bytes,
    };
    let text = match media {
        Media::Text | Media::Html | Media::Xml | Media::Form => match &body {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes.clone()).ok().map(Cow::Owned),
        },
        _ => None,
    };
    Ok(Decoded { bytes: body, media, text, encoded: false })
}
