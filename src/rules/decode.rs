//! `decode`: two strings that hold the same content in another wrapping: embedded JSON in another order, base64 with other
//! padding, gzip at another level. What does not decode on a side is left as it is.

use super::Codec;
use super::value::Operand;
use crate::document::json::{Document, ParseOptions};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::io::Read;

/// Bytes that one string may unpack to.
const UNPACKED: u64 = 4 << 20;
/// Levels of an embedded document.
const DEPTH: usize = 512;
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(false);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

#[derive(Clone, Debug)]
pub(super) struct Compiled {
    codecs: Vec<Codec>,
}

impl Compiled {
    pub(super) fn new(codecs: &[Codec]) -> Result<Compiled, String> {
        let json = codecs.iter().position(|codec| *codec == Codec::Json);
        if codecs.is_empty() || codecs.len() > 4 {
            return Err("name one to four wrappings, from the outside in: base64, gzip, json".into());
        }
        if json.is_some_and(|at| at + 1 < codecs.len()) {
            return Err("json is what is inside: it comes last".into());
        }
        if codecs.first() == Some(&Codec::Gzip) {
            return Err("a string holds gzip in base64: [\"base64\", \"gzip\"]".into());
        }
        Ok(Compiled { codecs: codecs.to_vec() })
    }
    pub(super) fn accepts(&self, primary: &Operand<'_>, candidate: &Operand<'_>) -> bool {
        let (Some(a), Some(b)) = (self.unpack(primary), self.unpack(candidate)) else { return false };
        if self.codecs.last() != Some(&Codec::Json) {
            return a == b;
        }
        let options = ParseOptions::new(DEPTH, 0x0dec_0de5);
        match (Document::parse(&a, &options), Document::parse(&b, &options)) {
            (Ok(a), Ok(b)) => a.hash(a.root()) == b.hash(b.root()),
            _ => false,
        }
    }
    pub(super) fn could_accept(&self, value: &Operand<'_>) -> bool {
        self.unpack(value).is_some()
    }
    /// What is inside, the JSON still as text.
    fn unpack(&self, value: &Operand<'_>) -> Option<Vec<u8>> {
        let mut content = value.text()?.as_bytes().to_vec();
        for codec in &self.codecs {
            content = match codec {
                Codec::Json => content,
                Codec::Base64 => {
                    content.retain(|byte| !byte.is_ascii_whitespace());
                    STANDARD.decode(&content).or_else(|_| URL_SAFE.decode(&content)).ok()?
                }
                Codec::Gzip => {
                    let mut out = Vec::new();
                    let mut reader = flate2::read::GzDecoder::new(content.as_slice()).take(UNPACKED + 1);
                    reader.read_to_end(&mut out).ok().filter(|length| *length as u64 <= UNPACKED)?;
                    out
                }
            };
        }
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(codecs: &[Codec], a: &str, b: &str) -> bool {
        let rule = Compiled::new(codecs).unwrap();
        let (a, b) = (Operand::Text(a.as_bytes().into()), Operand::Text(b.as_bytes().into()));
        assert_eq!(rule.accepts(&a, &b), rule.accepts(&b, &a));
        rule.accepts(&a, &b)
    }

    fn gzip(content: &str, level: u32) -> String {
        let mut out = Vec::new();
        flate2::read::GzEncoder::new(content.as_bytes(), flate2::Compression::new(level))
            .read_to_end(&mut out)
            .unwrap();
        STANDARD.encode(out)
    }

    #[test]
    fn the_same_content_in_another_wrapping() {
        use Codec::*;
        assert!(same(&[Json], r#"{"a":1,"b":[2]}"#, r#"{ "b": [2.0], "a": 1 }"#));
        assert!(!same(&[Json], r#"{"a":1}"#, r#"{"a":2}"#) && !same(&[Json], "{", "{") && !same(&[Json], "1", "one"));
        assert!(same(&[Base64], "YWI/Pw==", "YWI_Pw") && same(&[Base64], "YW\nI=", "YWI"));
        assert!(!same(&[Base64], "YWI=", "YWM=") && !same(&[Base64], "YWI=", "not base64!"));
        assert!(same(&[Base64, Gzip, Json], &gzip(r#"{"a":1,"b":2}"#, 0), &gzip(r#"{"b":2,"a":1}"#, 9)));
        assert!(!same(&[Base64, Gzip], &gzip("a", 1), &gzip("b", 1)));
        let bomb = gzip(&"0".repeat(UNPACKED as usize + 1), 9);
        assert!(!same(&[Base64, Gzip], &bomb, &bomb.clone()), "what is too large is left as it is");
    }

    #[test]
    fn senseless_wrappings_are_refused() {
        for codecs in [&[][..], &[Codec::Json, Codec::Base64], &[Codec::Gzip]] {
            assert!(Compiled::new(codecs).is_err(), "{codecs:?}");
        }
    }
}
