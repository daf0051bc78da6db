//! The candidate's sessions: a jar for each client, in memory only, bounded, never stored and never logged.
//!
//! A client's session is known by a keyed hash of the primary's session cookie. The candidate gets to know it in one of two
//! ways: a log-in is mirrored and the candidate's own cookies are kept (`establish`), or the primary's session is exchanged
//! once, on first use (`bridge`). Live threads only look up and note; whoever asks the candidate is on the shadow thread.

mod bridge;
mod cookies;
mod entry;

pub(super) use bridge::Passport;
pub(super) use cookies::{Jar, value_of};
pub(super) use entry::Session;

use crate::config;
use entry::Asking;
use http::HeaderMap;
use lru::LruCache;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Names a client's session without its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey(u128);

/// What has been done about sessions since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Sessions remembered now.
    pub known: u64,
    /// Log-ins after which the candidate's cookies were kept.
    pub established: u64,
    /// Exchanges that gave a credential.
    pub bridged: u64,
    /// Exchanges that the candidate refused: the session is dead.
    pub refused: u64,
    /// Exchanges and log-ins that came to nothing.
    pub failed: u64,
    /// Sessions forgotten to make room for others.
    pub evicted: u64,
}

/// Counters behind [`SessionCounts`].
#[derive(Default)]
pub(super) struct Tally {
    pub(super) established: AtomicU64,
    pub(super) bridged: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failed: AtomicU64,
    evicted: AtomicU64,
}

type Known = LruCache<SessionKey, Arc<Session>>;

/// Every session that the tee remembers.
pub(super) struct Sessions {
    pub(super) config: config::Session,
    key: [u8; 32],
    known: Arc<Mutex<Known>>,
    pub(super) tally: Arc<Tally>,
}

/// What a request had to do with sessions, for whoever sees the answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The client's session, where the request carried one.
    pub session: Option<SessionKey>,
    /// Its method changes nothing: a session that its answer clears was dead before.
    pub safe: bool,
}

/// What an exchange has to do with sessions; made on the live path, used on the shadow side.
#[derive(Default)]
pub struct Ticket {
    session: Option<Arc<Session>>,
    /// The primary's answer took the client's session cookie away.
    cleared: bool,
    /// The primary's answer began a session: what the candidate makes of this log-in is awaited.
    establishing: Option<Asking>,
    /// The request is a log-in.
    establishes: bool,
}

impl Sessions {
    /// Nobody is known yet.
    pub(super) fn new(config: config::Session, key: &[u8; 32]) -> Sessions {
        let known = Arc::new(Mutex::new(LruCache::new(config.max_sessions)));
        let key = blake3::derive_key("paritee 2026-11-24 session names v1", key);
        Sessions { config, key, known, tally: Arc::default() }
    }
    /// The same sessions under other settings; under another cookie's name they are others.
    pub(super) fn again(&self, config: config::Session) -> Sessions {
        let Sessions { key, tally, .. } = self;
        let known = if config.cookie == self.config.cookie {
            self.known.lock().resize(config.max_sessions);
            self.known.clone()
        } else {
            Arc::new(Mutex::new(LruCache::new(config.max_sessions)))
        };
        Sessions { config, key: *key, known, tally: tally.clone() }
    }
    /// The client's session, where the request carries one.
    pub(super) fn key_of(&self, request: &HeaderMap) -> Option<SessionKey> {
        value_of(request, &self.config.cookie).map(|value| self.named(value))
    }
    /// What has been done so far.
    pub(super) fn counts(&self) -> SessionCounts {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        SessionCounts {
            known: self.known.lock().len() as u64,
            established: read(&self.tally.established),
            bridged: read(&self.tally.bridged),
            refused: read(&self.tally.refused),
            failed: read(&self.tally.failed),
            evicted: read(&self.tally.evicted),
        }
    }
    /// The ticket of a request that is mirrored.
    pub(super) fn ticket(&self, key: Option<SessionKey>, establishes: bool) -> Ticket {
        Ticket { session: key.map(|key| self.session(key)), establishes, ..Ticket::default() }
    }
    /// Notes what the primary's answer does to the client's session; `ticket` where the exchange is mirrored. Called before
    /// the client sees the answer, so that nothing it sends next can overtake this.
    pub(super) fn answered(&self, asked: Asked, answer: &HeaderMap, mut ticket: Option<&mut Ticket>) {
        let Some(value) = cookies::set_by(answer, &self.config.cookie) else { return };
        let Asked { session: asked, safe } = asked;
        if value.is_empty() {
            ticket.iter_mut().for_each(|ticket| ticket.cleared = true);
            return match asked {
                // It was dead before this request, and is for others that carry it.
                Some(key) if safe => self.session(key).refuse(Instant::now()),
                Some(key) => self.forget(key),
                None => {}
            };
        }
        let key = self.named(value.as_bytes());
        if asked == Some(key) {
            return;
        }
        match ticket.filter(|ticket| ticket.establishes) {
            Some(ticket) => {
                ticket.establishing = self.session(key).ask();
                asked.into_iter().for_each(|key| self.forget(key));
            }
            // The session goes on under another name. With a bridge the new one is exchanged on its own.
            None if self.config.bridge.is_none() => {
                let mut known = self.known.lock();
                let same = asked.and_then(|asked| known.pop(&asked));
                same.into_iter().for_each(|session| self.remember(&mut known, key, session));
            }
            None => {}
        }
    }
    fn named(&self, value: &[u8]) -> SessionKey {
        let mut name = [0; 16];
        blake3::Hasher::new_keyed(&self.key).update(value).finalize_xof().fill(&mut name);
        SessionKey(u128::from_le_bytes(name))
    }
    fn session(&self, key: SessionKey) -> Arc<Session> {
        let mut known = self.known.lock();
        if let Some(session) = known.get(&key) {
            return session.clone();
        }
        let session = Session::new();
        self.remember(&mut known, key, session.clone());
        session
    }
    fn remember(&self, known: &mut Known, key: SessionKey, session: Arc<Session>) {
        if known.push(key, session).is_some_and(|(other, _)| other != key) {
            self.tally.evicted.fetch_add(1, Relaxed);
        }
    }
    fn forget(&self, key: SessionKey) {
        if let Some(session) = self.known.lock().pop(&key) {
            session.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{COOKIE, SET_COOKIE};
    use std::num::NonZeroUsize;
    use std::time::Duration;

    fn sessions(most: usize, bridge: bool) -> Sessions {
        let bridge = bridge.then(|| config::Bridge { method: http::Method::POST, path: "/b".into() });
        let config = config::Session {
            cookie: "sessionid".into(),
            bridge,
            max_sessions: NonZeroUsize::new(most).unwrap(),
            expires_after: Duration::from_secs(60),
        };
        Sessions::new(config, &[7; 32])
    }
    fn map(name: http::HeaderName, line: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(line).unwrap())])
    }
    fn carrying(sessions: &Sessions, value: &str) -> SessionKey {
        sessions.key_of(&map(COOKIE, &format!("theme=dark; sessionid={value}"))).unwrap()
    }

    #[test]
    fn a_session_is_known_by_its_cookie_and_forgotten_with_it() {
        let sessions = sessions(10, true);
        let key = carrying(&sessions, "a");
        assert!(key == carrying(&sessions, "a") && key != carrying(&sessions, "b"));
        assert_eq!(sessions.key_of(&map(COOKIE, "xsessionid=a; sessionid=")), None);
        let mut ticket = sessions.ticket(Some(key), false);
        let out = Asked { session: Some(key), safe: false };
        sessions.answered(out, &map(SET_COOKIE, "sessionid=\"\"; Max-Age=0"), Some(&mut ticket));
        assert!(ticket.cleared && ticket.session.is_some_and(|session| session.has_ended()));
        assert_eq!(sessions.counts().known, 0);
    }

    /// A request that is answered while another of the same dead session is on the bridge must not make that one look as if
    /// it had been logged out meanwhile: both carry a credential that counts for nothing.
    #[test]
    fn a_session_that_was_dead_before_is_refused_and_has_not_ended() {
        let sessions = sessions(10, true);
        let key = carrying(&sessions, "expired");
        let other = sessions.session(key);
        let on_the_bridge = other.ask().unwrap();
        let mut ticket = sessions.ticket(Some(key), false);
        let read = Asked { session: Some(key), safe: true };
        sessions.answered(read, &map(SET_COOKIE, "sessionid=; Max-Age=0"), Some(&mut ticket));
        assert!(ticket.cleared && !other.has_ended());
        drop(on_the_bridge);
        assert!(matches!(other.standing(Instant::now()), entry::Standing::Refused));
        assert!(Arc::ptr_eq(&other, &sessions.session(key)), "and is known for it");
    }

    #[test]
    fn a_log_in_is_awaited_before_the_client_has_its_answer() {
        let sessions = sessions(10, true);
        let mut ticket = sessions.ticket(None, true);
        let log_in = Asked { session: None, safe: false };
        sessions.answered(log_in, &map(SET_COOKIE, "sessionid=new; HttpOnly"), Some(&mut ticket));
        assert!(ticket.establishing.is_some());
        let next = sessions.ticket(Some(carrying(&sessions, "new")), false);
        assert!(next.session.unwrap().ask().is_none(), "the log-in asks already");
    }

    #[test]
    fn a_renamed_session_is_the_same_where_no_bridge_tells() {
        let sessions = sessions(10, false);
        let (old, new) = (carrying(&sessions, "old"), carrying(&sessions, "new"));
        let mut ticket = sessions.ticket(Some(old), false);
        let read = Asked { session: Some(old), safe: true };
        sessions.answered(read, &map(SET_COOKIE, "sessionid=new"), Some(&mut ticket));
        assert!(Arc::ptr_eq(&ticket.session.unwrap(), &sessions.session(new)));
        assert_eq!(sessions.counts().known, 1);
    }

    #[test]
    fn sessions_are_bounded_and_the_longest_unused_goes() {
        let sessions = sessions(2, true);
        let keys: Vec<_> = ["a", "b", "c"].map(|value| carrying(&sessions, value)).into();
        let (a, _b) = (sessions.session(keys[0]), sessions.session(keys[1]));
        assert!(Arc::ptr_eq(&a, &sessions.session(keys[0])));
        sessions.session(keys[2]);
        assert!(Arc::ptr_eq(&a, &sessions.session(keys[0])), "used last but one");
        assert_eq!((sessions.counts().known, sessions.counts().evicted), (2, 1));
    }
}
