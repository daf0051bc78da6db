//! The claims of a JSON Web Token, read and not verified: they label evidence and decide nothing else. Whoever forges a token
//! mislabels his own requests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use serde_json::{Map, Value};
use std::fmt;

/// Bytes of a token at most; what is longer is not looked at.
const TOKEN_BYTES: usize = 8 << 10;

/// What a token says of its bearer. Never printed.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} claims", self.0.len())
    }
}

impl Claims {
    /// The claims of a token in its compact form (RFC 7519); `None` for anything else.
    pub fn of_token(token: &str) -> Option<Claims> {
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let shaped =
            token.len() <= TOKEN_BYTES && parts.next().is_none() && !header.is_empty() && !signature.is_empty();
        if !shaped || !header.starts_with("eyJ") {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        match serde_json::from_slice(&payload).ok()? {
            Value::Object(claims) => Some(Claims(claims)),
            _ => None,
        }
    }
    /// The claims of the token that a client sends: as a bearer token, else as the first cookie that is one.
    pub fn of_request(headers: &HeaderMap) -> Option<Claims> {
        let bearer = headers.get(AUTHORIZATION).and_then(|line| line.to_str().ok()).and_then(bearer);
        bearer.and_then(Claims::of_token).or_else(|| {
            let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
            let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
            values.find_map(|(_, value)| Claims::of_token(value.trim().trim_matches('"')))
        })
    }
    /// A claim as text: strings as they are, numbers and booleans as JSON spells them; `None` for anything else.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn bearer(line: &str) -> Option<&str> {
    let (scheme, token) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
pub(crate) fn token_of(claims: &str) -> String {
    format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_bearer_token_comes_before_a_cookie() {
        let (one, other) = (token_of(r#"{"sub":"1","staff":true,"n":7}"#), token_of(r#"{"sub":"2"}"#));
        let mut headers = HeaderMap::new();
        let cookies = format!("theme=a.b.c; session={other}");
        headers.insert(COOKIE, HeaderValue::from_str(&cookies).unwrap());
        assert_eq!(Claims::of_request(&headers).unwrap().text("sub").as_deref(), Some("2"));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("bearer {one}")).unwrap());
        let claims = Claims::of_request(&headers).unwrap();
        let text = |name| claims.text(name);
        assert_eq!(
            (text("sub"), text("staff"), text("n"), text("no")),
            (Some("1".into()), Some("true".into()), Some("7".into()), None)
        );
        assert_eq!(format!("{claims:?}"), "3 claims");
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        let long = token_of(&format!(r#"{{"a":"{}"}}"#, "x".repeat(TOKEN_BYTES)));
        let list = token_of("[1]");
        for token in ["", "a.b.c", "eyJ.eyJ", "eyJ.!.x", "eyJ.e30.", "eyJ.e30.x.y", &long, &list] {
            assert_eq!(Claims::of_token(token), None, "{token}");
        }
    }
}
