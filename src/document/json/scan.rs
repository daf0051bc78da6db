//! A place in a text, and the inner loops over it: strings and numbers, checked by RFC 8259.

use super::string::hex_digit;

/// Why a text cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    TooDeep,
    Syntax(&'static str),
}

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }
    /// What lies between an earlier place and this one.
    #[inline]
    pub(super) fn since(&self, from: usize) -> &'a [u8] {
        self.bytes.get(from..self.at).unwrap_or(&[])
    }
    /// From here on past this word; false where something else stands here.
    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) -> bool {
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if found {
            self.at += word.len();
        }
        found
    }
    /// From the opening quote past the closing one; true where there is a backslash.
    #[inline]
    pub(super) fn string(&mut self) -> Result<bool, Stop> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                Some(_) => return Err(Stop::Syntax("a control character must be escaped in a string")),
                None => return Err(Stop::Syntax("the text ends within a string")),
            }
        }
    }

    /// Up to the next quote, backslash or control character, eight bytes at a time.
    #[inline]
    pub(super) fn skip_plain(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        while let Some(chunk) = self.bytes.get(self.at..self.at + 8) {
            let Ok(chunk) = <[u8; 8]>::try_from(chunk) else { break };
            let word = u64::from_le_bytes(chunk);
            // the lowest set bit is exact: borrows only run upwards
            let zero_in = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
            let quote = zero_in(word ^ (ONES * u64::from(b'"')));
            let slash = zero_in(word ^ (ONES * u64::from(b'\\')));
            let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
            let stop = quote | slash | control;
            if stop != 0 {
                self.at += (stop.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while let Some(byte) = self.peek() {
            if byte == b'"' || byte == b'\\' || byte < 0x20 {
                return;
            }
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), Stop> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                for _ in 0..4 {
                    self.at += 1;
                    if self.peek().and_then(hex_digit).is_none() {
                        return Err(Stop::Syntax("expected four hex digits after `\\u`"));
                    }
                }
                self.at += 1;
                Ok(())
            }
            _ => Err(Stop::Syntax("no such escape")),
        }
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<(), Stop> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(Stop::Syntax("expected a digit")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }
    fn some_digits(&mut self) -> Result<(), Stop> {
        let from = self.at;
        self.digits();
        if self.at == from { Err(Stop::Syntax("expected a digit")) } else { Ok(()) }
    }
    #[inline]
    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }
}

/// True for a text that is one JSON number and nothing else.
pub fn is_json_number(text: &str) -> bool {
    let mut cursor = Cursor::new(text.as_bytes());
    cursor.number().is_ok() && cursor.at == text.len()
}
