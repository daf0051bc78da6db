//! Secrets known by the name before them.

use super::Span;
use super::shapes::regex;
use regex::Regex;
use std::sync::LazyLock;

/// True for names of secrets, in any case and with any of `-`, `_` and `.` between words: `X-Api-Key`, `accessToken`; for an
/// attribute of markup (`user@session-id`) by its own name too.
pub(super) fn is_secret(name: &str) -> bool {
    is_plain_secret(name) || name.rsplit_once('@').is_some_and(|(_, attribute)| is_plain_secret(attribute))
}

fn is_plain_secret(name: &str) -> bool {
    const EXACT: &[&str] = &[
        "authorization",
        "proxyauthorization",
        "cookie",
        "setcookie",
        "sessionid",
        "jsessionid",
        "phpsessid",
        "pwd",
        "pass",
        "passphrase",
        "privatekey",
        "credential",
        "credentials",
        "tokens",
        "otp",
        "cvv",
        "cvc",
    ];
    const ENDS: &[&str] = &["token", "secret", "secrets", "apikey", "authkey", "accesskey"];
    const CONTAINS: &[&str] = &["password", "passwd", "secretkey", "secretaccesskey", "clientsecret"];
    if name.len() < 3 || name.len() > 128 {
        return false;
    }
    let plain: String =
        name.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).map(|c| c.to_ascii_lowercase()).collect();
    let plain = plain.trim_end_matches("[]");
    EXACT.contains(&plain)
        || ENDS.iter().any(|end| plain.ends_with(end))
        || CONTAINS.iter().any(|part| plain.contains(part))
}

/// A name, then `=` or `:`, in the middle of text; quotes may be escaped, as in JSON within a string.
static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r#"([A-Za-z0-9_.\[\]-]{3,128})(\\*["'])?[ \t]*(?:=>|[=:])[ \t]*"#));

/// Adds the values that follow a secret's name. Names within a token are not names.
pub(super) fn find(text: &str, is_secret: &dyn Fn(&str) -> bool, tokens: &[(usize, usize)], spans: &mut Vec<Span>) {
    if !text.contains(['=', ':']) {
        return;
    }
    for found in KEY.iter().flat_map(|regex| regex.captures_iter(text)) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { continue };
        let within = tokens.iter().any(|(from, to)| name.start() < *to && *from < name.end());
        if within || !is_secret(name.as_str()) {
            continue;
        }
        let (from, to) = value(text, whole.end(), name.as_str(), tokens);
        if from < to {
            spans.push(Span { from, to, class: "secret" });
        }
    }
}

/// The bounds of the value that begins here.
fn value(text: &str, from: usize, name: &str, tokens: &[(usize, usize)]) -> (usize, usize) {
    if let Some((from, to)) = tokens.iter().find(|(token, _)| *token == from) {
        return (*from, *to);
    }
    let rest = text.get(from..).unwrap_or_default();
    let slashes = rest.bytes().take_while(|b| *b == b'\\').count();
    let after = rest.get(slashes..).unwrap_or_default();
    if let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = from + slashes + 1;
        let closing = format!("{}{quote}", "\\".repeat(slashes));
        return (inner, inner + quoted(text.get(inner..).unwrap_or_default(), &closing, slashes == 0));
    }
    let ends: &[char] = match name.to_ascii_lowercase().as_str() {
        // A header line: a scheme, spaces and pairs belong to it.
        "authorization" | "proxy-authorization" | "cookie" | "set-cookie" => &['\r', '\n', '"', '\''],
        _ => &[' ', '\t', '\r', '\n', '&', ';', ',', '"', '\'', '<', '>', ')', '}', ']', '#', '|'],
    };
    // A token within a value keeps its bracket.
    let mut length = 0;
    while let Some(at) = rest.get(length..).and_then(|rest| rest.find(ends)) {
        let at = length + at;
        match tokens.iter().find(|(token, to)| (*token..*to).contains(&(from + at))) {
            Some((_, to)) => length = to - from,
            None => return (from, from + at),
        }
    }
    (from, text.len())
}

/// Bytes up to the closing quote; to the end where there is none.
fn quoted(text: &str, closing: &str, escapes: bool) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(closing) {
            return at;
        }
        let mut chars = rest.chars();
        at += match chars.next() {
            Some('\\') if escapes => 1 + chars.next().map_or(0, char::len_utf8),
            Some(c) => c.len_utf8(),
            None => 0,
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_compiles() {
        assert!(KEY.is_some());
    }

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "Password1",
            "old_password",
            "token",
            "accessToken",
            "refresh_token",
            "X-Api-Key",
            "api_key",
            "client_secret",
            "csrfmiddlewaretoken",
            "x-auth-token",
            "AWS_SECRET_ACCESS_KEY",
            "sessionid",
            "tokens[]",
            "user@session-id",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["pass_rate", "secretary", "total_tokens_used", "title", "path", "id", "key", "isbn", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
