//! A body as received into the bytes and the text that it means: content codings undone, charset read, byte order mark
//! taken off. Every stage is bounded, and nothing is replaced: what does not decode says so.

use encoding_rs::{Encoding, UTF_8};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use std::borrow::Cow;
use std::io::Read;

/// How a body is to be read, by its Content-Type alone: a text/plain body that looks like JSON is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// `application/json`, `text/json`, `…+json`.
    Json,
    /// `text/*` and its kin that are not one of the others.
    Text,
    /// `text/html`.
    Html,
    /// `application/xml`, `text/xml`, `…+xml` (XHTML too: what is wrong with it is an error to whoever reads it as that).
    Xml,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Anything else.
    Bytes,
    /// There is no Content-Type.
    None,
}

impl Media {
    /// The word used in value shapes.
    pub fn as_str(self) -> &'static str {
        match self {
            Media::Json => "json",
            Media::Text => "text",
            Media::Html => "html",
            Media::Xml => "xml",
            Media::Form => "form",
            Media::Bytes => "bytes",
            Media::None => "none",
        }
    }

    /// The reading that a type (`application/json`, without parameters, any case) asks for.
    pub fn of(essence: &str) -> Media {
        let essence = essence.trim().to_ascii_lowercase();
        match essence.as_str() {
            "" => Media::None,
            "application/json" | "text/json" | "text/x-json" => Media::Json,
            "text/html" => Media::Html,
            "application/xml" | "text/xml" => Media::Xml,
            "application/x-www-form-urlencoded" => Media::Form,
            "application/javascript"
            | "application/x-javascript"
            | "application/ecmascript"
            | "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/yaml"
            | "application/x-yaml"
            | "application/toml"
            | "application/sql"
            | "application/graphql" => Media::Text,
            other if other.ends_with("+json") => Media::Json,
            other if other.ends_with("+xml") => Media::Xml,
            other if other.ends_with("+yaml") || other.starts_with("text/") => Media::Text,
            _ => Media::Bytes,
        }
    }
}

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is, or decodes to, more bytes than the cap.
    #[error("the body decodes to more bytes than the judge reads")]
    TooLarge,
    /// A content coding that is unknown, damaged, cut short or followed by more.
    #[error("the body's content coding does not decode: {0}")]
    Corrupt(&'static str),
}

/// A body with its content codings undone.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    /// The decoded bytes. Where `text` is known they are that text in UTF-8, without a byte order mark; otherwise they are
    /// what the content codings gave.
    pub bytes: Cow<'a, [u8]>,
    /// How the body is to be read.
    pub media: Media,
    /// What its Content-Type says, where it was read as something else.
    pub named: Media,
    /// The text, for every media but [`Media::Bytes`]; `None` where the bytes are malformed in the charset, or the charset
    /// is unknown: then they can only be compared as bytes, so that `0xFF` and `0xFE` stay different.
    pub text: Option<Cow<'a, str>>,
    /// True where a content coding was undone.
    pub encoded: bool,
}

/// More codings on one body than this are taken for an attack (each could multiply the size).
const MAX_CODINGS: usize = 4;
/// Bytes looked through for a charset declared in the document itself, as browsers do.
const PRESCAN: usize = 1024;
/// The largest zstd window that a browser accepts (RFC 9659): 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Decodes a whole body: content codings (gzip, deflate, br, zstd, chained), then charset and byte order mark.
///
/// `cap` bounds the bytes after every stage, while they are made. An empty body is empty whatever its headers say (HEAD).
pub fn decode<'a>(body: Cow<'a, [u8]>, headers: &HeaderMap, cap: usize) -> Result<Decoded<'a>, DecodeError> {
    decode_as(body, headers, cap, None)
}

/// The same, for a body that is to be read as `reading` whatever its Content-Type says; its charset is still what that says.
pub fn decode_as<'a>(
    body: Cow<'a, [u8]>,
    headers: &HeaderMap,
    cap: usize,
    reading: Option<Media>,
) -> Result<Decoded<'a>, DecodeError> {
    if body.len() > cap {
        return Err(DecodeError::TooLarge);
    }
    let mut bytes = body;
    let mut encoded = false;
    if !bytes.is_empty() {
        // The coding that was applied last is named last.
        for coding in codings(headers)?.into_iter().rev() {
            bytes = Cow::Owned(coding.undo(&bytes, cap)?);
            encoded = true;
        }
    }
    let content_type = headers.get(CONTENT_TYPE).map_or(Cow::Borrowed(""), |value| latin1(value.as_bytes()));
    let essence = content_type.split(';').next().unwrap_or_default();
    let named = Media::of(essence);
    let media = reading.unwrap_or(named);
    if media == Media::Bytes {
        return Ok(Decoded { bytes, media, named, text: None, encoded });
    }
    let (bytes, text) = with_text(bytes, media, charset_label(&content_type).as_deref());
    Ok(Decoded { bytes, media, named, text, encoded })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, DecodeError> {
    let mut all = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in latin1(value.as_bytes()).split(',') {
            let name = name.trim();
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            all.push(Coding::named(name).ok_or(DecodeError::Corrupt("unknown content coding"))?);
            if all.len() > MAX_CODINGS {
                return Err(DecodeError::Corrupt("too many content codings"));
            }
        }
    }
    Ok(all)
}

impl Coding {
    fn named(name: &str) -> Option<Coding> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        }
    }

    fn undo(self, input: &[u8], cap: usize) -> Result<Vec<u8>, DecodeError> {
        match self {
            Coding::Gzip => read_all(flate2::bufread::MultiGzDecoder::new(input), cap, "gzip"),
            Coding::Brotli => unbrotli(input, cap),
            Coding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input)
                    .and_then(|mut decoder| decoder.window_log_max(ZSTD_WINDOW_LOG).map(|()| decoder))
                    .map_err(|_| DecodeError::Corrupt("zstd"))?;
                read_all(&mut decoder, cap, "zstd")
            }
            // Servers send both: the zlib wrapper that the standard means, and the bare stream.
            Coding::Deflate => match inflate(input, true, cap) {
                Err(DecodeError::Corrupt(_)) => inflate(input, false, cap),
                other => other,
            },
        }
    }
}

fn read_all(reader: impl Read, cap: usize, name: &'static str) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    reader
        .take((cap as u64).saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|_| if out.len() > cap { DecodeError::TooLarge } else { DecodeError::Corrupt(name) })?;
    if out.len() > cap { Err(DecodeError::TooLarge) } else { Ok(out) }
}

/// Not by `brotli`'s reader: it takes what follows the stream for granted and windows of up to 1 GiB.
fn unbrotli(input: &[u8], cap: usize) -> Result<Vec<u8>, DecodeError> {
    use brotli::enc::StandardAlloc;
    let mut state =
        brotli::BrotliState::new_strict(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
    let (mut unread, mut read, mut total) = (input.len(), 0, 0);
    let mut out = Vec::new();
    let mut window = vec![0; 16 << 10];
    loop {
        let (mut room, mut written) = (window.len(), 0);
        let status = brotli::BrotliDecompressStream(
            &mut unread,
            &mut read,
            input,
            &mut room,
            &mut written,
            &mut window,
            &mut total,
            &mut state,
        );
        out.extend_from_slice(window.get(..written).unwrap_or_default());
        if out.len() > cap {
            return Err(DecodeError::TooLarge);
        }
        match status {
            brotli::BrotliResult::NeedsMoreOutput => {}
            brotli::BrotliResult::ResultSuccess if unread == 0 => return Ok(out),
            _ => return Err(DecodeError::Corrupt("br")),
        }
    }
}

/// Not by `flate2`'s readers: they end quietly on a stream that was cut short.
fn inflate(input: &[u8], zlib: bool, cap: usize) -> Result<Vec<u8>, DecodeError> {
    const CORRUPT: DecodeError = DecodeError::Corrupt("deflate");
    let mut state = flate2::Decompress::new(zlib);
    let mut out = Vec::with_capacity(input.len().saturating_mul(2).min(cap).max(64));
    loop {
        let rest = usize::try_from(state.total_in()).ok().and_then(|at| input.get(at..)).ok_or(CORRUPT)?;
        let before = (state.total_in(), state.total_out());
        let status = state.decompress_vec(rest, &mut out, flate2::FlushDecompress::None).map_err(|_| CORRUPT)?;
        if out.len() > cap {
            return Err(DecodeError::TooLarge);
        }
        if status == flate2::Status::StreamEnd {
            return if state.total_in() == input.len() as u64 { Ok(out) } else { Err(CORRUPT) };
        }
        if out.len() == out.capacity() {
            out.reserve(out.len().min(cap.saturating_add(1) - out.len()).max(64));
        } else if before == (state.total_in(), state.total_out()) {
            return Err(CORRUPT); // room to write, nothing read, nothing written: cut short
        }
    }
}

/// Reads the charset. A byte order mark wins over the label, the label over what the document says of itself.
fn with_text<'a>(bytes: Cow<'a, [u8]>, media: Media, label: Option<&str>) -> (Cow<'a, [u8]>, Option<Cow<'a, str>>) {
    let (encoding, skip) = match (Encoding::for_bom(&bytes), label) {
        (Some((encoding, length)), _) => (Some(encoding), length),
        (None, Some(label)) => (Encoding::for_label(label.as_bytes()), 0),
        (None, None) => (Some(declared(&bytes, media).unwrap_or(UTF_8)), 0),
    };
    let Some(encoding) = encoding else {
        return (bytes, None);
    };
    if media == Media::Json && skip > 0 && bytes.get(skip..).and_then(Encoding::for_bom).is_some() {
        // one mark is tolerated; after a second no parser finds a document
        return (bytes, None);
    }
    if encoding == UTF_8 {
        return utf8(bytes, skip);
    }
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(bytes.get(skip..).unwrap_or_default())
        .map(Cow::into_owned);
    match text {
        Some(text) => (Cow::Owned(text.clone().into_bytes()), Some(Cow::Owned(text))),
        None => (bytes, None),
    }
}

fn utf8(bytes: Cow<'_, [u8]>, skip: usize) -> (Cow<'_, [u8]>, Option<Cow<'_, str>>) {
    match bytes {
        Cow::Borrowed(all) => match std::str::from_utf8(all) {
            Ok(text) => {
                let text = text.get(skip..).unwrap_or_default();
                (Cow::Borrowed(text.as_bytes()), Some(Cow::Borrowed(text)))
            }
            Err(_) => (Cow::Borrowed(all), None),
        },
        Cow::Owned(all) => match String::from_utf8(all) {
            Ok(mut text) => {
                text.drain(..skip);
                (Cow::Owned(text.as_bytes().to_vec()), Some(Cow::Owned(text)))
            }
            Err(error) => (Cow::Owned(error.into_bytes()), None),
        },
    }
}

/// The charset that an HTML or XML document names in its first bytes.
fn declared(bytes: &[u8], media: Media) -> Option<&'static Encoding> {
    let key = match media {
        Media::Html => "charset",
        Media::Xml => "encoding",
        _ => return None,
    };
    let head = latin1(bytes.get(..PRESCAN.min(bytes.len()))?).to_ascii_lowercase();
    let head = if media == Media::Xml { head.strip_prefix("<?xml")?.split("?>").next()? } else { &head };
    let after = head.get(head.find(key)? + key.len()..)?.trim_start().strip_prefix('=')?.trim_start();
    let label: String = after
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c))
        .collect();
    // A document that says so in single bytes is not in UTF-16, whatever it says.
    Encoding::for_label(label.as_bytes()).map(|e| if e.is_ascii_compatible() { e } else { UTF_8 })
}

/// The `charset` parameter of a Content-Type, unquoted.
fn charset_label(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    })
}

/// Header bytes as text, one character a byte: lossless, so that two malformed values stay different.
pub(crate) fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

#[cfg(test)]
mod tests;
