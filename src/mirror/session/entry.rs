//! One client's session as the candidate knows it: not yet, being asked for, held, or refused.

use super::cookies::Jar;
use crate::principal::Claims;
use http::HeaderMap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A refusal is believed for so long: a dead session stays dead, but a bridge may have been wrong.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// What came to nothing is not tried again before this: a candidate without a bridge is not asked for one all the time.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// A credential that the candidate turns down is not exchanged anew before it is so old: one mismatch is worth telling, a
/// storm of exchanges is not.
const RENEWED_AFTER: Duration = Duration::from_secs(10);

/// The candidate's credential for a session.
#[derive(Clone)]
pub(in crate::mirror) struct Held {
    /// What is sent.
    pub(in crate::mirror) jar: Arc<Jar>,
    /// What it says of its bearer.
    pub(in crate::mirror) claims: Option<Arc<Claims>>,
    since: Instant,
    until: Instant,
}

/// How a session stands at the candidate.
pub(super) enum Standing {
    /// Nobody has asked.
    Unknown,
    /// Somebody is asking: a log-in or an exchange is under way.
    Asking,
    /// There is a credential.
    Held(Held),
    /// The candidate has said no.
    Refused,
    /// Asking came to nothing, just now.
    Failed,
}

enum State {
    Unknown,
    Asking,
    Held(Held),
    Refused { until: Instant },
    Failed { until: Instant },
}

/// One client's session. The cookies in it are dropped with the last request that needs them.
pub(in crate::mirror) struct Session {
    state: Mutex<State>,
    changed: Notify,
    /// The primary has ended it: no new credential is asked for.
    ended: AtomicBool,
}

impl Session {
    pub(super) fn new() -> Arc<Session> {
        Arc::new(Session { state: Mutex::new(State::Unknown), changed: Notify::new(), ended: AtomicBool::new(false) })
    }
    /// How it stands now; what has run out is unknown again.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let mut state = self.state.lock();
        match &*state {
            State::Held(held) if now < held.until => Standing::Held(held.clone()),
            State::Refused { until } if now < *until => Standing::Refused,
            State::Failed { until } if now < *until => Standing::Failed,
            State::Asking => Standing::Asking,
            State::Unknown | State::Held(_) | State::Refused { .. } | State::Failed { .. } => {
                *state = State::Unknown;
                Standing::Unknown
            }
        }
    }
    /// Makes the caller the one who asks; `None` where somebody does already.
    pub(super) fn ask(self: &Arc<Self>) -> Option<Asking> {
        let mut state = self.state.lock();
        if matches!(*state, State::Asking) {
            return None;
        }
        *state = State::Asking;
        Some(Asking { session: self.clone() })
    }
    /// Told whenever somebody who asked has an answer.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }
    /// The primary has said that it is dead.
    pub(super) fn refuse(&self, now: Instant) {
        self.settle(State::Refused { until: now + REFUSED_FOR });
    }
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
    }
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }
    /// What the candidate's ordinary answers do to its cookies.
    pub(super) fn refresh(&self, answer: &HeaderMap, now: Instant, expires_after: Duration) {
        let mut state = self.state.lock();
        let State::Held(held) = &*state else { return };
        let mut jar = Jar::clone(&held.jar);
        if let Some(shortest) = jar.take(answer) {
            *state = if jar.is_empty() { State::Unknown } else { held_from(jar, shortest, now, expires_after) };
        }
    }
    /// The candidate turned its own credential down: the next request asks for a new one.
    pub(super) fn turned_down(&self, now: Instant) {
        let mut state = self.state.lock();
        if matches!(&*state, State::Held(held) if now >= held.since + RENEWED_AFTER) {
            *state = State::Unknown;
        }
    }
    fn settle(&self, settled: State) {
        *self.state.lock() = settled;
        self.changed.notify_waiters();
    }
}

fn held_from(jar: Jar, shortest: Option<Duration>, now: Instant, expires_after: Duration) -> State {
    let until = now + shortest.map_or(expires_after, |shortest| shortest.min(expires_after));
    let claims = jar.claims().map(Arc::new);
    State::Held(Held { jar: Arc::new(jar), claims, since: now, until })
}

/// The right, and the duty, to say how a session stands. Dropped without a word, it is unknown again.
pub(in crate::mirror) struct Asking {
    session: Arc<Session>,
}

impl Asking {
    /// The candidate has answered with cookies of its own. False where it set none: then asking came to nothing.
    pub(super) fn holds(self, answer: &HeaderMap, now: Instant, expires_after: Duration) -> bool {
        let mut jar = Jar::default();
        let shortest = jar.take(answer).flatten();
        if jar.is_empty() {
            self.failed(now);
            return false;
        }
        self.session.settle(held_from(jar, shortest, now, expires_after));
        true
    }
    /// The candidate has said no.
    pub(super) fn refused(self, now: Instant) {
        self.session.refuse(now);
    }
    /// No answer that says anything.
    pub(super) fn failed(self, now: Instant) {
        self.session.settle(State::Failed { until: now + FAILED_FOR });
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut state = self.session.state.lock();
        if matches!(*state, State::Asking) {
            *state = State::Unknown;
        }
        drop(state);
        self.session.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::SET_COOKIE;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn sets(line: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_static(line))])
    }

    fn word(session: &Session, now: Instant) -> &'static str {
        match session.standing(now) {
            Standing::Unknown => "unknown",
            Standing::Asking => "asking",
            Standing::Held(_) => "held",
            Standing::Refused => "refused",
            Standing::Failed => "failed",
        }
    }

    #[test]
    fn one_asks_at_a_time_and_silence_is_no_answer() {
        let (session, now) = (Session::new(), Instant::now());
        let asking = session.ask().unwrap();
        assert!(session.ask().is_none() && word(&session, now) == "asking");
        drop(asking);
        assert_eq!(word(&session, now), "unknown");
        session.ask().unwrap().refused(now);
        assert_eq!((word(&session, now), word(&session, now + REFUSED_FOR)), ("refused", "unknown"));
    }

    #[test]
    fn a_credential_ends_with_its_cookie_or_after_the_set_time() {
        let (session, now) = (Session::new(), Instant::now());
        assert!(!session.ask().unwrap().holds(&HeaderMap::new(), now, HOUR), "an answer without cookies holds nothing");
        assert_eq!((word(&session, now), word(&session, now + FAILED_FOR)), ("failed", "unknown"));
        assert!(session.ask().unwrap().holds(&sets("s=1; Max-Age=60"), now, HOUR));
        assert_eq!((word(&session, now), word(&session, now + Duration::from_secs(60))), ("held", "unknown"));
        assert!(session.ask().unwrap().holds(&sets("s=1"), now, HOUR));
        session.refresh(&sets("t=2; Max-Age=7200"), now, HOUR);
        assert_eq!((word(&session, now), word(&session, now + HOUR)), ("held", "unknown"));
    }

    #[test]
    fn a_cleared_or_refused_credential_is_asked_for_again() {
        let (session, now) = (Session::new(), Instant::now());
        assert!(session.ask().unwrap().holds(&sets("s=1"), now, HOUR));
        session.turned_down(now);
        assert_eq!(word(&session, now), "held", "too young to be renewed");
        session.turned_down(now + RENEWED_AFTER);
        assert_eq!(word(&session, now), "unknown");
        assert!(session.ask().unwrap().holds(&sets("s=1"), now, HOUR));
        session.refresh(&sets("s=; Max-Age=0"), now, HOUR);
        assert_eq!(word(&session, now), "unknown");
    }
}
