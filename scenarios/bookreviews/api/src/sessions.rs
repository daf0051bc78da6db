//! Sessions of this service's own: a JWT in the cookie `api_session` says who the client is, so that no store is asked.
//!
//! One that was made from a session of the monolith is bound to it: it counts only beside the very cookie it was made from,
//! so that log-out and another log-in at the monolith take effect here, and it ends soon.

use crate::internal::User;
use anyhow::{Context, bail};
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto, get_current_timestamp};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// The cookie of this service.
pub(crate) const OWN_COOKIE: &str = "api_session";
/// The cookie of the monolith.
pub(crate) const MONOLITH_COOKIE: &str = "sessionid";

/// No key of the monolith's sessions has fewer characters.
pub(crate) const SHORTEST_KEY: usize = 8;

/// Two weeks, as the monolith's sessions last.
const LIFE: Duration = Duration::from_secs(1_209_600);
/// What was made from a session of the monolith is made anew so often, and until then not seen to have ended.
const BOUND_LIFE: Duration = Duration::from_secs(300);
/// A key shorter than the hash is weaker than it.
const KEY_BYTES: usize = 32;

/// What the token says.
#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    /// The user's id.
    sub: String,
    role: Role,
    iat: u64,
    exp: u64,
    /// The keyed hash of the monolith's session from which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

/// What the user may do beyond their own.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Reads every draft.
    Staff,
    /// Reads their own.
    User,
}

/// Who a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) user: i64,
    pub(crate) role: Role,
}

impl Session {
    /// Of a user whom the internal API named.
    pub(crate) fn of(user: &User) -> Session {
        Session { user: user.id, role: if user.staff { Role::Staff } else { Role::User } }
    }
}

/// Signs and reads session cookies.
pub(crate) struct Sessions {
    sign: EncodingKey,
    check: DecodingKey,
}

impl Sessions {
    /// With the key in this file, which several processes may share, or with a random one that ends with this process.
    pub(crate) fn new(key_file: Option<&Path>) -> anyhow::Result<Sessions> {
        let key = match key_file {
            Some(file) => std::fs::read(file).with_context(|| format!("read --session-key-file {}", file.display()))?,
            None => {
                let mut key = [0; KEY_BYTES];
                getrandom::fill(&mut key).context("a random key")?;
                key.to_vec()
            }
        };
        if key.len() < KEY_BYTES {
            bail!("--session-key-file holds {} bytes; {KEY_BYTES} or more are needed", key.len());
        }
        let sessions = Sessions { sign: EncodingKey::from_secret(&key), check: DecodingKey::from_secret(&key) };
        // The library finds its cryptography at the first use: better now than at the first log-in.
        let session = Session { user: 1, role: Role::User };
        let token = sessions.token(session, Some("start"), BOUND_LIFE)?;
        match sessions.read(&token, Some("start")) {
            Some(read) if read == session => Ok(sessions),
            _ => bail!("a session that was just signed does not read"),
        }
    }

    /// The cookie of a log-in at this service.
    pub(crate) fn cookie(&self, session: Session, flags: CookieFlags) -> anyhow::Result<HeaderValue> {
        set_cookie(&self.token(session, None, LIFE)?, LIFE, flags)
    }

    /// The cookie that stands for a session of the monolith.
    pub(crate) fn bound_cookie(&self, session: Session, key: &str) -> anyhow::Result<HeaderValue> {
        set_cookie(&self.token(session, Some(key), BOUND_LIFE)?, BOUND_LIFE, CookieFlags::Guarded)
    }

    /// Whom a token names; `None` when it is forged, over, or made from another session of the monolith than this.
    pub(crate) fn read(&self, token: &str, monolith_key: Option<&str>) -> Option<Session> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = 0;
        rules.set_required_spec_claims(&["exp", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &self.check, &rules).ok()?.claims;
        if let Some(sid) = &claims.sid {
            let bound = crypto::verify(sid, &binding(monolith_key?), &self.check, Algorithm::HS256);
            bound.ok().filter(|bound| *bound)?;
        }
        Some(Session { user: claims.sub.parse().ok()?, role: claims.role })
    }

    fn token(&self, session: Session, monolith_key: Option<&str>, life: Duration) -> anyhow::Result<String> {
        let sid = monolith_key.map(|key| crypto::sign(&binding(key), &self.sign, Algorithm::HS256)).transpose()?;
        let iat = get_current_timestamp();
        let claims = Claims { sub: session.user.to_string(), role: session.role, iat, exp: iat + life.as_secs(), sid };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign)?)
    }
}

/// What is hashed of the monolith's session; no token begins like it.
fn binding(monolith_key: &str) -> Vec<u8> {
    [b"session of the monolith ", monolith_key.as_bytes()].concat()
}

/// Whether scripts of a page may read a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieFlags {
    /// They may not.
    Guarded,
    /// They may: a mistake.
    Open,
}

fn set_cookie(token: &str, life: Duration, flags: CookieFlags) -> anyhow::Result<HeaderValue> {
    let guard = if flags == CookieFlags::Guarded { "; HttpOnly" } else { "" };
    let text = format!("{OWN_COOKIE}={token}{guard}; Max-Age={}; Path=/; SameSite=Lax", life.as_secs());
    text.parse().context("a token fits into a cookie")
}

/// Takes this service's cookie away.
pub(crate) const NO_COOKIE: HeaderValue =
    HeaderValue::from_static("api_session=\"\"; HttpOnly; Max-Age=0; Path=/; SameSite=Lax");

/// The value of a cookie; of several the last, as the monolith reads them.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.rfind(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Session = Session { user: 1, role: Role::Staff };

    fn sessions() -> Sessions {
        Sessions::new(None).unwrap()
    }

    #[test]
    fn a_token_names_its_user_to_whoever_has_the_key() {
        let ours = sessions();
        let token = ours.token(ADA, None, LIFE).unwrap();
        assert_eq!(ours.read(&token, None), Some(ADA));
        assert_eq!(ours.read(&token, Some("whichever")), Some(ADA));
        assert_eq!(sessions().read(&token, None), None, "signed with another key");
    }

    #[test]
    fn a_token_ends_on_time() {
        let ours = sessions();
        let now = get_current_timestamp();
        let at = |exp| {
            let claims = Claims { sub: "1".into(), role: Role::User, iat: now - 10, exp, sid: None };
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &ours.sign).unwrap()
        };
        assert!(ours.read(&at(now + 60), None).is_some());
        assert_eq!(ours.read(&at(now - 1), None), None);
    }

    #[test]
    fn a_forged_token_names_nobody() {
        let ours = sessions();
        let token = ours.token(ADA, None, LIFE).unwrap();
        let (head, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = head.split_once('.').unwrap();
        let other = ours.token(Session { user: 2, role: Role::User }, None, LIFE).unwrap();
        let claims_of_other = other.split('.').nth(1).unwrap();
        // {"alg":"none","typ":"JWT"}
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for forged in [
            format!("{header}.{claims_of_other}.{signature}"),
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{head}."),
            head.to_owned(),
            String::new(),
            "garbage".into(),
        ] {
            assert_eq!(ours.read(&forged, None), None, "{forged}");
        }
    }

    #[test]
    fn a_bound_token_counts_beside_its_own_session_alone() {
        let ours = sessions();
        let token = ours.token(ADA, Some("abc"), BOUND_LIFE).unwrap();
        assert_eq!(ours.read(&token, Some("abc")), Some(ADA));
        for other in [None, Some(""), Some("abd"), Some("abcd")] {
            assert_eq!(ours.read(&token, other), None, "{other:?}");
        }
        assert!(!token.contains("abc"));
    }

    #[test]
    fn cookies_are_guarded_and_last_as_long_as_the_token() {
        let shown = |cookie: HeaderValue| cookie.to_str().unwrap().split_once("; ").unwrap().1.to_owned();
        let ours = sessions();
        let own = ours.cookie(ADA, CookieFlags::Guarded).unwrap();
        assert_eq!(shown(own), "HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax");
        let bound = ours.bound_cookie(ADA, "abc").unwrap();
        assert_eq!(shown(bound), "HttpOnly; Max-Age=300; Path=/; SameSite=Lax");
    }

    #[test]
    fn of_several_cookies_of_a_name_the_last_counts() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; sessionid=one;sessionid = two"));
        headers.append(header::COOKIE, HeaderValue::from_static("b=2; xsessionid=three"));
        assert_eq!(cookie(&headers, MONOLITH_COOKIE), Some("two"));
        assert_eq!(cookie(&headers, "c"), None);
    }

    #[test]
    fn a_short_key_is_refused() {
        let file = std::env::temp_dir().join(format!("bookreviews-short-key-{}", std::process::id()));
        std::fs::write(&file, [7; KEY_BYTES - 1]).unwrap();
        let refused = Sessions::new(Some(&file)).err().map(|error| error.to_string());
        std::fs::remove_file(&file).unwrap();
        assert!(refused.unwrap().contains("31 bytes"));
    }
}
