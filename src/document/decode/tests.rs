//! Every coding, whole, cut, lengthened and as a bomb; every charset path.

use super::*;
use std::io::Write;

const CAP: usize = 1 << 20;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, http::HeaderValue::from_static(value));
    }
    map
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
fn br(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(bytes).unwrap();
    out
}
fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

type Encoder = fn(&[u8]) -> Vec<u8>;
const ALL: [(&str, Encoder); 5] =
    [("gzip", gzip), ("deflate", zlib), ("deflate", raw_deflate), ("br", br), ("zstd", zst)];

fn undo(coding: &'static str, bytes: Vec<u8>, cap: usize) -> Result<Vec<u8>, DecodeError> {
    let map = headers(&[("content-type", "text/plain"), ("content-encoding", coding)]);
    decode(Cow::Owned(bytes), &map, cap).map(|decoded| {
        assert!(decoded.encoded);
        decoded.bytes.into_owned()
    })
}

#[test]
fn every_coding_is_undone() {
    let text: Vec<u8> = (0..5000u32).flat_map(|i| format!("line {i} of the body\n").into_bytes()).collect();
    for (name, encode) in ALL {
        assert_eq!(undo(name, encode(&text), CAP).unwrap(), text, "{name}");
        assert_eq!(undo(name, encode(b"x"), CAP).unwrap(), b"x", "{name}");
        assert_eq!(undo(name, encode(b""), CAP).unwrap(), b"", "{name}");
    }
}

#[test]
fn a_stream_cut_short_or_lengthened_is_corrupt() {
    let text: Vec<u8> = (0..300u32).flat_map(|i| format!("line {i} {}\n", i * 7919).into_bytes()).collect();
    for (name, encode) in ALL {
        let whole = encode(&text);
        for cut in [1, 2, whole.len() / 2, whole.len() - 1] {
            let got = undo(name, whole[..cut].to_vec(), CAP);
            assert!(matches!(got, Err(DecodeError::Corrupt(_))), "{name} cut at {cut}");
        }
        let longer = [whole.as_slice(), b"garbage"].concat();
        assert!(matches!(undo(name, longer, CAP), Err(DecodeError::Corrupt(_))), "{name} lengthened");
    }
}

#[test]
fn a_bomb_stops_at_the_cap() {
    let zeros = vec![0u8; 8 << 20];
    for (name, encode) in ALL {
        let bomb = encode(&zeros);
        assert!(bomb.len() < CAP, "{name}");
        assert_eq!(undo(name, bomb, CAP), Err(DecodeError::TooLarge), "{name}");
        assert_eq!(
            undo(name, encode(&zeros[..CAP]), CAP).unwrap().len(),
            CAP,
            "{name}: exactly the cap is not too large"
        );
    }
    assert_eq!(decode(Cow::Borrowed(&zeros), &HeaderMap::new(), CAP).unwrap_err(), DecodeError::TooLarge);
}

#[test]
fn chains_are_undone_from_the_last() {
    let body = br(&gzip(b"twice"));
    assert_eq!(undo("gzip, br", body.clone(), CAP).unwrap(), b"twice");
    let map = headers(&[("content-encoding", "gzip"), ("content-encoding", "identity, BR")]);
    assert_eq!(&*decode(Cow::Owned(body), &map, CAP).unwrap().bytes, b"twice");
    let map = headers(&[("content-encoding", "gzip,gzip,gzip,gzip,gzip")]);
    assert!(matches!(decode(Cow::Borrowed(b"x"), &map, CAP), Err(DecodeError::Corrupt(_))));
    let map = headers(&[("content-encoding", "snappy")]);
    assert!(matches!(decode(Cow::Borrowed(b"x"), &map, CAP), Err(DecodeError::Corrupt(_))));
    assert!(decode(Cow::Borrowed(b""), &map, CAP).unwrap().bytes.is_empty());
}

#[test]
fn media_is_read_from_the_type_alone() {
    for (essence, media) in [
        ("application/JSON", Media::Json),
        ("application/problem+json", Media::Json),
        ("text/plain", Media::Text),
        ("text/html", Media::Html),
        ("application/atom+xml", Media::Xml),
        ("application/xhtml+xml", Media::Xml),
        ("application/x-www-form-urlencoded", Media::Form),
        ("application/x-ndjson", Media::Text),
        ("image/png", Media::Bytes),
        ("", Media::None),
    ] {
        assert_eq!(Media::of(essence), media, "{essence}");
    }
    let map = headers(&[("content-type", "text/plain")]);
    assert_eq!(decode(Cow::Borrowed(b"{}"), &map, CAP).unwrap().media, Media::Text);
}

fn text_of(content_type: &'static str, bytes: &[u8]) -> Option<String> {
    let map = headers(&[("content-type", content_type)]);
    let decoded = decode(Cow::Borrowed(bytes), &map, CAP).unwrap();
    if let Some(text) = &decoded.text {
        assert_eq!(text.as_bytes(), &*decoded.bytes, "bytes are the text in UTF-8");
    }
    decoded.text.map(Cow::into_owned)
}

#[test]
fn charsets_give_the_same_text() {
    assert_eq!(text_of("text/plain; charset=latin1", b"caf\xe9").unwrap(), "café");
    assert_eq!(text_of("text/plain; charset=\"UTF-8\"", "café".as_bytes()).unwrap(), "café");
    assert_eq!(text_of("application/json; charset=iso-8859-1", b"{\"a\":\"\xe9\"}").unwrap(), "{\"a\":\"é\"}");
    assert_eq!(text_of("application/json; charset=utf-16le", b"{\0}\0").unwrap(), "{}");
    assert_eq!(
        text_of("text/html", b"<meta charset=\"windows-1251\">\xc6").unwrap(),
        "<meta charset=\"windows-1251\">Ж"
    );
    assert_eq!(
        text_of("text/xml", b"<?xml version='1.0' encoding='latin1'?>\xe9").unwrap(),
        "<?xml version='1.0' encoding='latin1'?>é"
    );
    assert_eq!(text_of("text/plain; charset=utf-7", b"x"), None);
    // The same bytes under another charset are another text.
    assert_ne!(text_of("text/plain; charset=utf-8", b"\xc3\xa9"), text_of("text/plain; charset=latin1", b"\xc3\xa9"));
}

#[test]
fn malformed_sequences_stay_different() {
    for content_type in ["text/plain", "application/json", "text/plain; charset=utf-8"] {
        let map = headers(&[("content-type", content_type)]);
        let one = decode(Cow::Borrowed(b"\xff"), &map, CAP).unwrap();
        let other = decode(Cow::Borrowed(b"\xfe"), &map, CAP).unwrap();
        let replaced = decode(Cow::Borrowed("\u{fffd}".as_bytes()), &map, CAP).unwrap();
        assert_eq!((one.text, other.text), (None, None));
        assert_ne!(one.bytes, other.bytes);
        assert_ne!(one.bytes, replaced.bytes);
    }
    assert_eq!(text_of("text/plain; charset=utf-16le", b"\x00\xd8"), None, "a lone surrogate");
}

#[test]
fn a_byte_order_mark_is_taken_off() {
    assert_eq!(text_of("application/json", b"\xef\xbb\xbf{}").unwrap(), "{}");
    assert_eq!(text_of("text/plain; charset=utf-8", b"\xff\xfea\0").unwrap(), "a");
    assert_eq!(text_of("text/plain", b"\xef\xbb\xbf").unwrap(), "");
    let map = headers(&[("content-type", "application/json"), ("content-encoding", "gzip")]);
    let decoded = decode(Cow::Owned(gzip(b"\xef\xbb\xbf[1]")), &map, CAP).unwrap();
    assert_eq!((&*decoded.bytes, decoded.text.as_deref()), (&b"[1]"[..], Some("[1]")));
}

#[test]
fn a_plain_body_is_borrowed() {
    let map = headers(&[("content-type", "application/json")]);
    let decoded = decode(Cow::Borrowed(b"[1]"), &map, CAP).unwrap();
    assert!(matches!(decoded.bytes, Cow::Borrowed(_)));
    assert!(matches!(decoded.text, Some(Cow::Borrowed("[1]"))));
    assert!(!decoded.encoded);
}
