//! Cookies as the mirror needs them: the client's as sent, the candidate's as set. Values are secrets: nothing here prints one.

use crate::compare::{Lifetime, SetCookie};
use crate::principal::Claims;
use http::header::{COOKIE, DATE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// Cookies of one session at the candidate, and bytes of one: what browsers keep at least (RFC 6265, 6.1).
const MOST: usize = 50;
const BYTES: usize = 4 << 10;

/// The value of a cookie that a request carries; the first where there are several, `None` where it is empty.
pub(in crate::mirror) fn value_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    pairs(headers)
        .find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .filter(|value| !value.is_empty())
}

/// The cookies of a request, each as it is spelled.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(COOKIE).iter();
    lines.flat_map(|line| line.as_bytes().split(|b| *b == b';')).map(<[u8]>::trim_ascii)
}

/// What an answer does to a cookie: its new value, or an empty one where it takes the cookie away.
pub(super) fn set_by(headers: &HeaderMap, name: &str) -> Option<String> {
    // The last line counts, as it does in a browser.
    let cookie = lines(headers).filter(|cookie| cookie.name == name).last()?;
    Some(if cookie.lifetime == Lifetime::Deleted { String::new() } else { cookie.value })
}

fn lines(headers: &HeaderMap) -> impl Iterator<Item = SetCookie> {
    let now = headers.get(DATE).and_then(|line| crate::compare::http_date(line.to_str().ok()?));
    let texts = headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    texts.map(move |line| SetCookie::parse(line, now))
}

/// A cookie of the candidate's.
#[derive(Clone)]
struct Kept {
    name: String,
    value: String,
    path: String,
}

/// The candidate's cookies for one session.
#[derive(Clone, Default)]
pub(in crate::mirror) struct Jar(Vec<Kept>);

impl Jar {
    /// Takes what an answer sets and drops what it takes away. Gives for how long the shortest-lived cookie it set is good,
    /// where one says so; `None` where the answer changes nothing.
    pub(super) fn take(&mut self, answer: &HeaderMap) -> Option<Option<Duration>> {
        let (mut changed, mut shortest) = (false, None);
        for cookie in lines(answer) {
            changed = true;
            self.0.retain(|kept| kept.name != cookie.name || kept.path != cookie.path);
            let fits = cookie.name.len() + cookie.value.len() <= BYTES && self.0.len() < MOST;
            if cookie.lifetime == Lifetime::Deleted || !fits {
                continue;
            }
            if let Lifetime::For(seconds) = cookie.lifetime {
                let left = Duration::from_secs(seconds.unsigned_abs());
                shortest = Some(shortest.map_or(left, |shortest: Duration| shortest.min(left)));
            }
            self.0.push(Kept { name: cookie.name, value: cookie.value, path: cookie.path });
        }
        changed.then_some(shortest)
    }
    /// True where there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The claims of the first cookie that is a token.
    pub(super) fn claims(&self) -> Option<Claims> {
        self.0.iter().find_map(|kept| Claims::of_token(&kept.value))
    }
    /// Puts these cookies beside the client's own, and in place of those that have the same name.
    pub(in crate::mirror) fn put_into(&self, headers: &mut HeaderMap, path: &str) {
        let mine: Vec<&Kept> = self.0.iter().filter(|kept| path_matches(path, &kept.path)).collect();
        if mine.is_empty() {
            return;
        }
        let mut line: Vec<u8> = Vec::new();
        let mut put = |name: &[u8], value: &[u8]| {
            if !line.is_empty() {
                line.extend_from_slice(b"; ");
            }
            if !name.is_empty() {
                line.extend_from_slice(name);
                line.push(b'=');
            }
            line.extend_from_slice(value);
        };
        for pair in pairs(headers).filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|b| *b == b'=');
            let (name, value) = at.map_or((&b""[..], pair), |at| (&pair[..at], &pair[at + 1..]));
            if !mine.iter().any(|kept| kept.name.as_bytes() == name) {
                put(name, value);
            }
        }
        mine.iter().for_each(|kept| put(kept.name.as_bytes(), kept.value.as_bytes()));
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            headers.insert(COOKIE, value);
        }
    }
}

/// RFC 6265, 5.1.4. A cookie without a path is sent everywhere: what it was set for says little behind a tee.
fn path_matches(path: &str, cookie: &str) -> bool {
    match path.strip_prefix(cookie) {
        _ if cookie.is_empty() => true,
        Some(rest) => rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: &[&str]) -> HeaderMap {
        HeaderMap::from_iter(lines.iter().map(|line| (SET_COOKIE, HeaderValue::from_str(line).unwrap())))
    }

    fn sent(jar: &Jar, client: &str, path: &str) -> String {
        let mut headers = HeaderMap::new();
        if !client.is_empty() {
            headers.insert(COOKIE, HeaderValue::from_str(client).unwrap());
        }
        jar.put_into(&mut headers, path);
        headers.get(COOKIE).map_or(String::new(), |line| line.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_jar_wins_over_the_clients_cookie_of_the_same_name_and_leaves_the_others() {
        let mut jar = Jar::default();
        assert_eq!(
            jar.take(&answer(&["s=1; Path=/; Max-Age=60", "a=2; Path=/api"])),
            Some(Some(Duration::from_secs(60)))
        );
        assert_eq!(sent(&jar, "theme=dark; s=old; sessionid=x", "/api/b"), "theme=dark; sessionid=x; s=1; a=2");
        assert_eq!(sent(&jar, "", "/apix"), "s=1");
        assert_eq!(sent(&Jar::default(), "a=b", "/"), "a=b");
        assert_eq!(jar.take(&answer(&["s=; Max-Age=0; Path=/"])), Some(None));
        assert_eq!(sent(&jar, "", "/api"), "a=2");
        assert_eq!(jar.take(&answer(&[])), None);
    }

    #[test]
    fn a_jar_is_bounded() {
        let mut jar = Jar::default();
        let many: Vec<String> = (0..200).map(|n| format!("c{n}=x")).collect();
        jar.take(&answer(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(jar.0.len(), MOST);
        let mut jar = Jar::default();
        jar.take(&answer(&[&format!("big={}", "x".repeat(BYTES))]));
        assert!(jar.is_empty());
    }

    #[test]
    fn what_an_answer_does_to_a_cookie() {
        let of = |lines: &[&str]| set_by(&answer(lines), "sessionid");
        assert_eq!(of(&["other=1"]), None);
        assert_eq!(of(&["sessionid=a", "sessionid=b; HttpOnly"]).as_deref(), Some("b"));
        assert_eq!(of(&["sessionid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"]).as_deref(), Some(""));
    }
}
