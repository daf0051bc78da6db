//! Secrets in a request's target, header fields and forms.

use super::{Redactor, names, settle};
use crate::document::latin1;
use std::borrow::Cow;

impl Redactor {
    /// A target or URL: values of secret query keys and path parameters, and secrets by shape anywhere in it. Keys and
    /// values are read percent-decoded; what is redacted is written so.
    pub fn target(&self, target: &str) -> String {
        settle(target, |target| self.target_once(target))
    }

    fn target_once(&self, target: &str) -> String {
        let (rest, fragment) = split(target, '#');
        let (path, query) = split(rest, '?');
        let mut out: Vec<String> = Vec::new();
        for segment in path.split('/') {
            let mut parameters = segment
                .split(';')
                .enumerate()
                .map(|(at, part)| if at == 0 { self.component(part) } else { self.pair(part) });
            out.push(parameters.by_ref().collect::<Vec<_>>().join(";"));
        }
        let mut out = out.join("/");
        if let Some(query) = query {
            out.push('?');
            out.push_str(&self.form_once(query));
        }
        if let Some(fragment) = fragment {
            out.push('#');
            out.push_str(&self.form_once(fragment));
        }
        // Credentials before a host span what was split above.
        if out.contains("://") { self.text(&out) } else { out }
    }

    /// A form body or query: pairs joined by `&`.
    pub fn form(&self, form: &str) -> String {
        settle(form, |form| self.form_once(form))
    }

    fn form_once(&self, form: &str) -> String {
        form.split('&').map(|pair| self.pair(pair)).collect::<Vec<_>>().join("&")
    }

    fn pair(&self, pair: &str) -> String {
        match split_pair(pair) {
            Some((name, value)) if self.is_secret_key(&decoded(name)) => {
                format!("{name}={}", encoded(&self.token("secret", &decoded(value))))
            }
            Some((name, value)) => format!("{}={}", self.component(name), self.component(value)),
            None => self.component(pair),
        }
    }

    /// `user[password]` is a password.
    fn is_secret_key(&self, name: &str) -> bool {
        self.is_secret_name(name) || name.split(['[', ']']).any(|part| self.is_secret_name(part))
    }

    /// Kept as sent unless its decoded form holds a secret.
    fn component(&self, part: &str) -> String {
        let plain = decoded(part);
        let mut redacted = self.text(&plain);
        if plain.contains('%') {
            // Encoded twice, as in a link within a link.
            let twice = decoded(&redacted);
            let again = self.text(&twice);
            if again != *twice {
                redacted = again;
            }
        }
        if redacted == *plain { part.to_owned() } else { encoded(&redacted) }
    }

    /// A header field's value as it may be stored: credentials keep their scheme, cookies their names, Set-Cookie its
    /// attributes.
    pub fn header(&self, name: &str, value: &[u8]) -> String {
        let value = match std::str::from_utf8(value) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => latin1(value),
        };
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "authorization" | "proxy-authorization" => match value.trim().split_once(' ') {
                Some((scheme, rest)) if is_scheme(scheme) => {
                    format!("{scheme} {}", self.token("credential", rest.trim()))
                }
                _ => self.token("credential", value.trim()),
            },
            "cookie" => value.split(';').map(|pair| self.cookie(pair.trim())).collect::<Vec<_>>().join("; "),
            "set-cookie" => {
                let (pair, attributes) = split(&value, ';');
                let attributes = attributes.map(|text| format!(";{}", self.text(text))).unwrap_or_default();
                format!("{}{attributes}", self.cookie(pair.trim()))
            }
            _ if names::is_secret(&name) || self.headers.contains(&name) => self.token("secret", &value),
            "location" | "content-location" | "referer" | "origin" => self.target(&value),
            _ => self.text(&value),
        }
    }

    fn cookie(&self, pair: &str) -> String {
        match split_pair(pair) {
            // The name is no credential, but nothing keeps a client from putting one there.
            Some((name, value)) if !super::shapes::is_token(pair) => {
                format!("{}={}", self.text(name), self.token("cookie", value.trim()))
            }
            _ => self.token("cookie", pair),
        }
    }
}

/// At the first `=` that is not part of a token.
fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let tokens = super::shapes::tokens(pair);
    let within = |at: usize| tokens.iter().any(|(from, to)| (*from..*to).contains(&at));
    let (at, _) = pair.match_indices('=').find(|(at, _)| !within(*at))?;
    Some((pair.get(..at)?, pair.get(at + 1..)?))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Percent-decoded, `+` as a space; bytes that are no UTF-8 become one character each.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
        match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'+', ..) => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    match String::from_utf8(out) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(latin1(error.as_bytes()).into_owned()),
    }
}

/// Percent-encodes what would end a component or change in decoding; tokens stay readable.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' => out.push_str("%20"),
            '%' | '+' | '&' | '#' | '?' | ';' | '"' | '<' | '>' | '/' | '\\' => {
                out.push_str(&format!("%{:02X}", c as u32))
            }
            c if c.is_control() => out.push_str(&format!("%{:02X}", c as u32 & 0xff)),
            c => out.push(c),
        }
    }
    out
}
