//! Redaction of a JSON text in place: a lenient scanner that reads strings with their escapes, follows members by name
//! and path, and copies everything else as it stands. It never fails: what is cut short is read to where it ends.

use super::paths::State;
use super::{Redactor, names};

/// One open object or array.
struct Frame {
    is_object: bool,
    /// In an object: a name is due, not a value.
    expects_name: bool,
    index: usize,
    /// Of the frame itself.
    state: State,
    secret: bool,
    /// Of the value that comes next in an object.
    next: Option<(State, bool)>,
}

/// JSON within JSON strings is followed so deep.
const NESTED: usize = 3;

pub(super) fn redact(redactor: &Redactor, text: &str, state: State, secret: bool) -> String {
    redact_nested(redactor, text, state, secret, 0)
}

fn redact_nested(redactor: &Redactor, text: &str, state: State, secret: bool, nested: usize) -> String {
    let secret = secret || state.is_match();
    let mut scan = Scan {
        redactor,
        nested,
        out: String::with_capacity(text.len()),
        frames: Vec::new(),
        root: (state, secret),
        odd: false,
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let from = at;
        at += match byte {
            b'"' => string_length(bytes, at),
            b'{' | b'[' | b'}' | b']' | b',' | b':' => 1,
            _ => bytes.get(at..).map_or(1, |rest| {
                rest.iter().take_while(|b| !matches!(b, b'"' | b'{' | b'[' | b'}' | b']' | b',' | b':')).count()
            }),
        };
        let piece = text.get(from..at).unwrap_or_default();
        match byte {
            b'"' => scan.string(piece),
            b'{' | b'[' => scan.open(*byte == b'{'),
            b'}' | b']' => scan.close(*byte == b'}'),
            b',' => scan.comma(),
            b':' => scan.out.push(':'),
            _ => scan.other(piece),
        }
    }
    let odd = scan.odd || !scan.frames.is_empty();
    // What is no JSON may hold names and values that the scanner took for something else.
    if odd { redactor.text(&scan.out) } else { scan.out }
}

/// Bytes of a string with its quotes; to the end of the text where it is not closed.
fn string_length(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1 - from,
            _ => at += 1,
        }
    }
    bytes.len() - from
}

struct Scan<'a> {
    redactor: &'a Redactor,
    nested: usize,
    out: String,
    frames: Vec<Frame>,
    root: (State, bool),
    /// Something was not JSON.
    odd: bool,
}

impl Scan<'_> {
    /// Where the value that comes now stands, and whether it is a secret.
    fn place(&mut self) -> (State, bool) {
        let selectors = &self.redactor.selectors;
        match self.frames.last_mut() {
            None => self.root.clone(),
            Some(frame) if frame.is_object => frame.next.take().unwrap_or_else(|| (State::default(), frame.secret)),
            Some(frame) => {
                let state = selectors.step(&frame.state, "", Some(frame.index));
                let secret = frame.secret || state.is_match();
                (state, secret)
            }
        }
    }

    fn open(&mut self, is_object: bool) {
        let (state, secret) = self.place();
        self.out.push(if is_object { '{' } else { '[' });
        self.frames.push(Frame { is_object, expects_name: is_object, index: 0, state, secret, next: None });
    }

    fn close(&mut self, is_object: bool) {
        self.out.push(if is_object { '}' } else { ']' });
        let frame = self.frames.pop();
        self.odd |= frame.is_none_or(|frame| frame.is_object != is_object);
    }

    fn comma(&mut self) {
        self.out.push(',');
        match self.frames.last_mut() {
            Some(frame) => {
                frame.index += 1;
                frame.expects_name = frame.is_object;
            }
            None => self.odd = true,
        }
    }

    fn string(&mut self, raw: &str) {
        let decoded = match serde_json::from_str::<String>(raw) {
            Ok(decoded) => decoded,
            Err(_) => {
                self.odd = true;
                lenient(raw)
            }
        };
        let redactor = self.redactor;
        if let Some(frame) = self.frames.last_mut().filter(|frame| frame.expects_name) {
            frame.expects_name = false;
            let state = redactor.selectors.step(&frame.state, &decoded, None);
            let secret = frame.secret || state.is_match() || names::is_secret(&decoded);
            frame.next = Some((state, secret));
            let redacted = redactor.text(&decoded);
            return self.write(raw, &decoded, &redacted);
        }
        let (_, secret) = self.place();
        let redacted = if secret {
            redactor.token("secret", &decoded)
        } else if self.nested < NESTED
            && decoded.trim_start().starts_with(['{', '['])
            && !super::shapes::is_token(&decoded)
        {
            let inner = redact_nested(redactor, &decoded, State::default(), false, self.nested + 1);
            redactor.text(&inner)
        } else {
            redactor.text(&decoded)
        };
        self.write(raw, &decoded, &redacted);
    }

    /// As received where nothing was cut.
    fn write(&mut self, raw: &str, decoded: &str, redacted: &str) {
        if decoded == redacted {
            self.out.push_str(raw);
        } else {
            self.out.push_str(&serde_json::Value::from(redacted).to_string());
        }
    }

    /// A number, a literal, white space, or what is no JSON.
    fn other(&mut self, piece: &str) {
        let value = piece.trim();
        if value.is_empty() {
            return self.out.push_str(piece);
        }
        let (_, secret) = self.place();
        let is_number = value.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            && value.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        let redacted = match value {
            "null" | "true" | "false" => None,
            _ if is_number && secret => Some(self.redactor.token("secret", value)),
            _ if is_number => Some(self.redactor.text(value)).filter(|text| text != value),
            _ => {
                self.odd = true;
                if secret { Some(self.redactor.token("secret", value)) } else { None }
            }
        };
        match redacted {
            Some(redacted) if !super::shapes::is_token(value) => {
                let json = serde_json::Value::from(redacted).to_string();
                self.out.push_str(&piece.replacen(value, &json, 1));
            }
            _ => self.out.push_str(piece),
        }
    }
}

/// A string that is no JSON string (cut short, a lone surrogate, a raw control character) with the escapes that are right
/// undone and the rest left out of the way.
fn lenient(raw: &str) -> String {
    let inner = raw.strip_prefix('"').unwrap_or(raw);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.clone().next() } else { None }) {
            ('\\', Some('u')) => {
                let hex = chars.as_str().get(1..5).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match hex {
                    Some(unit) => {
                        out.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
                        chars = chars.as_str().get(5..).unwrap_or_default().chars();
                    }
                    None => out.push(c),
                }
            }
            ('\\', Some(escaped)) => {
                out.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                });
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}
