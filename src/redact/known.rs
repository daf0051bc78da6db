//! Secrets that a whole text gives away by what stands around them, cut out of pieces that lost their surroundings: the
//! value of `<input name="csrf" value="…">` alone does not say what it is.

use super::{Redactor, markup, names, shapes};

/// Shorter secrets are cut only where they are all of a value: within others they would be everywhere.
const WITHIN: usize = 6;

/// What a text's own redaction would cut, as it reads there and as it reads decoded.
#[derive(Clone, Debug, Default)]
pub struct Known(Vec<String>);

impl Redactor {
    /// The secrets in a text of markup.
    pub fn known(&self, text: &str) -> Known {
        let tokens = shapes::tokens(text);
        let mut spans = Vec::new();
        shapes::find(text, self.email, &mut spans);
        names::find(text, &|name| self.is_secret_name(name), &tokens, &mut spans);
        markup::find(text, &|name| self.is_secret_name(name), &mut spans);
        let mut secrets = Vec::new();
        for span in spans {
            let raw = text.get(span.from..span.to).unwrap_or_default();
            let read = characters(raw);
            secrets.push(read.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            secrets.push(read);
            secrets.push(raw.to_owned());
        }
        secrets.retain(|secret| !secret.trim().is_empty() && !shapes::is_token(secret));
        // the longest first: one may be part of another
        secrets.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Known(secrets)
    }

    /// A JSON text without those secrets.
    pub fn without(&self, json: &str, known: &Known) -> String {
        let mut out = json.to_owned();
        for secret in &known.0 {
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            let whole = if secret.len() < WITHIN { quoted.as_str() } else { inner };
            if !out.contains(whole) {
                continue;
            }
            let token = self.token("secret", secret);
            let token = if secret.len() < WITHIN { format!("\"{token}\"") } else { token };
            out = out.replace(whole, &token);
        }
        out
    }
}

/// Markup's references to characters as what they stand for: those that need to be written, and numbers.
fn characters(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let known = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        match known {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => {}
    }
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    code.ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::super::RedactOptions;
    use super::*;

    #[test]
    fn a_value_is_known_by_its_page() {
        let redactor = Redactor::new(RedactOptions::default(), [7; 32]);
        let page = r#"<form><input type=hidden name="csrf_token" value="a&#43;b&amp;cdefgh"><meta name=api-key content=x1>
            <password> hunter2 </password><p>x1 of y</p>"#;
        let known = redactor.known(page);
        for (value, kept) in [
            (r#""a+b&cdefgh""#, false),
            (r#"{"input":[],"input@name":"csrf_token","input@value":"a+b&cdefgh"}"#, false),
            (r#"["hunter2"]"#, false),
            (r#""x1""#, false),
            (r#""x1 of y""#, true),
            (r#""y""#, true),
        ] {
            let out = redactor.without(value, &known);
            assert_eq!(out == value, kept, "{out}");
            assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
            assert_eq!(redactor.without(&out, &known), out);
        }
    }
}
