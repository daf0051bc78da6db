//! What is in force: one config, and everything that is made from it. It never changes; a reload makes the next one and puts
//! it in its place.
//!
//! An exchange belongs to what was in force when its head was complete, to its end: a route is a position in that config's
//! table and in no other. Its permit holds it, so that this costs the live path nothing.

use super::back_off::BackOff;
use super::breaker::Breaker;
use super::budget::InUse;
use super::naming::Naming;
use super::session::{Passport, Sessions};
use crate::config::{Config, Rate, RouteIndex, Upstream};
use crate::exchange::Request;
use crate::judge::Branch;
use crate::principal::{Caller, Claims, Credential};
use crate::redact::{RedactOptions, Redactor};
use crate::rules::RuleSet;
use crate::upstream::Reach;
use governor::DefaultDirectRateLimiter;
use std::sync::Arc;

/// A config and what is made from it.
pub struct InForce {
    /// Counts up from 1 with each reload.
    pub(super) number: u64,
    pub(super) config: Arc<Config>,
    pub(super) ways: Ways,
    /// What may be stored, and how.
    pub(super) redactor: Redactor,
    pub(super) breaker: Arc<Breaker>,
    /// Control windows, and the share that they leave.
    pub(super) back_off: Arc<BackOff>,
    /// What is in flight, whatever config it was admitted under.
    pub(super) in_use: Arc<InUse>,
    pub(super) limiter: Option<Arc<DefaultDirectRateLimiter>>,
    /// The candidate's sessions, where the config says how it gets to know them.
    pub(super) sessions: Option<Sessions>,
    /// Clients by name, where some rule's ids map one to one over more than a document.
    pub(super) naming: Option<Naming>,
}

/// How each side is reached. Live threads and the shadow thread look names up apart, since neither may wait for the other.
pub(super) struct Ways {
    pub(super) primary: Arc<Reach>,
    /// For requests of clients.
    pub(super) candidate: Option<Arc<Reach>>,
    /// For copies.
    pub(super) copies: Option<Arc<Reach>>,
    pub(super) secondary: Option<Arc<Reach>>,
    /// For asking the primary again.
    pub(super) again: Option<Arc<Reach>>,
}

impl Ways {
    /// A way is kept where its connections serve on.
    fn new(config: &Config, before: Option<&InForce>) -> Ways {
        let way = |name, side: &Upstream, was: Option<(&Upstream, &Arc<Reach>)>| match was {
            Some((was, reach)) if side.shares_connections(was) => reach.clone(),
            _ => Reach::new(name, side),
        };
        let candidate = |of: fn(&Ways) -> Option<&Arc<Reach>>| {
            let was = before.and_then(|before| before.config.candidate.as_ref().zip(of(&before.ways)));
            config.candidate.as_ref().map(|side| way("candidate", side, was))
        };
        let secondary = before.and_then(|before| before.config.secondary.as_ref().zip(before.ways.secondary.as_ref()));
        Ways {
            primary: way(
                "primary",
                &config.primary,
                before.map(|before| (&before.config.primary, &before.ways.primary)),
            ),
            candidate: candidate(|ways| ways.candidate.as_ref()),
            copies: candidate(|ways| ways.copies.as_ref()),
            again: config.confirm.as_ref().map(|_| {
                let was = before.and_then(|before| Some((&before.config.primary, before.ways.again.as_ref()?)));
                way("primary", &config.primary, was)
            }),
            secondary: config.secondary.as_ref().map(|side| way("secondary", side, secondary)),
        }
    }
}

impl InForce {
    /// What this config makes of what was in force before, if anything was: what is known of a candidate goes on where it
    /// is the same one, and what is in flight stays counted.
    pub(super) fn new(config: Arc<Config>, key: &[u8; 32], before: Option<&InForce>) -> InForce {
        let place = |config: &Config| config.candidate.as_ref().map(Upstream::url);
        let same_candidate = before.filter(|before| place(&before.config) == place(&config));
        let settings = &config.mirror.breaker;
        let breaker = match same_candidate {
            Some(before) => {
                before.breaker.set(settings.clone());
                before.breaker.clone()
            }
            None => Arc::new(Breaker::new(settings.clone())),
        };
        let limiter =
            config.mirror.rate.map(|rate| match before.filter(|before| before.config.mirror.rate == Some(rate)) {
                // Else each reload would be worth a burst.
                Some(before) => before.limiter.clone().unwrap_or_else(|| limiter(rate)),
                None => limiter(rate),
            });
        // A candidate's cookies are for that candidate alone.
        let known = same_candidate.and_then(|before| before.sessions.as_ref());
        let session = config.mirror.session.clone();
        let sessions = session.map(|session| match known {
            Some(known) => known.again(session),
            None => Sessions::new(session, key),
        });
        let counts = before.and_then(|before| before.naming.as_ref()).map(Naming::counts).unwrap_or_default();
        let redact = config.redact.clone();
        let options = RedactOptions { headers: redact.headers, paths: redact.paths, shapes: redact.shapes };
        InForce {
            number: before.map_or(1, |before| before.number + 1),
            ways: Ways::new(&config, before),
            redactor: Redactor::new(options, *key),
            breaker,
            back_off: back_off(&config, before),
            in_use: before.map(|before| before.in_use.clone()).unwrap_or_default(),
            limiter,
            sessions,
            naming: Naming::new(&config, key, counts),
            config,
        }
    }
    /// The rules of a declared route, or those of every other.
    pub(super) fn rules(&self, place: Option<RouteIndex>) -> &RuleSet {
        place.map_or(&self.config.general_rules, |index| &self.config.routes.get(index).rules)
    }
    /// The declared branches of a route; one that nobody declared has none.
    pub(super) fn branches(&self, place: Option<RouteIndex>) -> &[Branch] {
        place.map_or(&[], |index| &self.config.routes.get(index).branches.declared)
    }
    /// Who asks: by a token that the client sends, else by the candidate's credential for its session.
    pub(super) fn caller(&self, request: &Request, passport: &Passport) -> Caller {
        let classifier = &self.config.classifier;
        if classifier.is_empty() {
            // No token need be read.
            return classifier.classify(passport.credential, None);
        }
        let own = Claims::of_request(&request.headers);
        let credential = match passport.credential {
            // A token in a cookie alone.
            Credential::None if own.is_some() => Credential::Accepted,
            credential => credential,
        };
        classifier.classify(credential, own.as_ref().or(passport.claims.as_deref()))
    }
    /// The routes that the candidate serves to clients.
    pub(super) fn owned(&self) -> impl Iterator<Item = String> + '_ {
        let has_candidate = self.config.candidate.is_some();
        let owned = self.config.routes.iter().filter(move |route| route.owned_by_candidate && has_candidate);
        owned.map(|route| route.route.name.to_string())
    }
}

/// Windows go on where they are held against the same primary by the same settings; else the share alone does.
fn back_off(config: &Config, before: Option<&InForce>) -> Arc<BackOff> {
    let settings = config.mirror.back_off;
    match before {
        None => Arc::new(BackOff::new(settings)),
        Some(before)
            if before.config.mirror.back_off == settings && before.config.primary.url() == config.primary.url() =>
        {
            before.back_off.clone()
        }
        Some(before) => Arc::new(BackOff::after(&before.back_off, settings)),
    }
}

fn limiter(rate: Rate) -> Arc<DefaultDirectRateLimiter> {
    let quota = governor::Quota::per_second(rate.per_second).allow_burst(rate.burst);
    Arc::new(governor::RateLimiter::direct(quota))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{Flags, SampleKey, load};

    /// What is in force with these changes to the config of two flags.
    pub(in crate::mirror) fn with(change: impl FnOnce(&mut Config), before: Option<&InForce>) -> Arc<InForce> {
        let side = |port: u16| Some(format!("http://127.0.0.1:{port}"));
        let flags = Flags { primary: side(9), candidate: side(10), ..Flags::default() };
        let mut config = load(None, &flags).unwrap();
        change(&mut config);
        Arc::new(InForce::new(Arc::new(config), &[7; 32], before))
    }
    fn session(config: &mut Config, most: usize) {
        config.mirror.session = Some(crate::config::Session {
            cookie: "sessionid".into(),
            bridge: None,
            max_sessions: std::num::NonZeroUsize::new(most).unwrap(),
            expires_after: std::time::Duration::from_secs(60),
        });
    }
    fn at(config: &mut Config, port: u16) {
        let side = with(|_| (), None).config.candidate.clone().unwrap();
        let endpoint = crate::config::Endpoint::Tcp { host: "127.0.0.1".into(), port, tls: None };
        config.candidate = Some(Upstream { endpoint, authority: format!("127.0.0.1:{port}"), ..side });
    }

    #[test]
    fn what_is_known_of_a_candidate_goes_on_while_it_is_the_same() {
        let first = with(|config| session(config, 10), None);
        let jar = |force: &InForce| force.sessions.as_ref().map(Sessions::counts).unwrap().known;
        let key = first.sessions.as_ref().unwrap().key_of(&http::HeaderMap::from_iter([(
            http::header::COOKIE,
            http::HeaderValue::from_static("sessionid=a"),
        )]));
        drop(first.sessions.as_ref().unwrap().ticket(key, false));
        let same = with(
            |config| {
                session(config, 20);
                config.mirror.key = SampleKey::Address;
            },
            Some(&first),
        );
        assert_eq!((same.number, jar(&same)), (2, 1));
        assert!(Arc::ptr_eq(&same.breaker, &first.breaker) && Arc::ptr_eq(&same.in_use, &first.in_use));
        assert!(Arc::ptr_eq(&same.ways.primary, &first.ways.primary));
        let reach = |force: &InForce| force.ways.copies.clone().unwrap();
        assert!(Arc::ptr_eq(&reach(&same), &reach(&first)));
        let other = with(
            |config| {
                session(config, 10);
                at(config, 11);
            },
            Some(&same),
        );
        assert_eq!(jar(&other), 0, "a credential must not be sent to another candidate");
        assert!(!Arc::ptr_eq(&other.breaker, &same.breaker) && Arc::ptr_eq(&other.in_use, &same.in_use));
        assert!(!Arc::ptr_eq(&reach(&other), &reach(&same)));
        assert!(Arc::ptr_eq(&other.ways.primary, &first.ways.primary));
    }

    #[test]
    fn the_share_goes_on_and_windows_only_against_the_same_primary_by_the_same_settings() {
        let settings = |slower_by| Some(crate::config::BackOff { slower_by, one_in: 500 });
        let first = with(|config| config.mirror.back_off = settings(1.1), None);
        first.back_off.back_to(2);
        let share = |force: &InForce| force.back_off.figures().map(|figures| figures.share);
        let same = with(|config| (config.mirror.back_off, config.mirror.max_body) = (settings(1.1), 7), Some(&first));
        assert!(Arc::ptr_eq(&same.back_off, &first.back_off));
        let looser = with(|config| config.mirror.back_off = settings(1.5), Some(&same));
        assert!(!Arc::ptr_eq(&looser.back_off, &same.back_off));
        assert_eq!((share(&looser), looser.back_off.basis_points(10_000)), (Some(0.25), 2_500));
        let elsewhere = |config: &mut Config| {
            config.mirror.back_off = settings(1.5);
            config.primary = config.candidate.clone().unwrap();
        };
        let moved = with(elsewhere, Some(&looser));
        assert!(!Arc::ptr_eq(&moved.back_off, &looser.back_off) && share(&moved) == Some(0.25));
        let off = with(|config| config.mirror.back_off = None, Some(&moved));
        assert_eq!((share(&off), off.back_off.basis_points(10_000)), (None, 10_000));
        let on = with(|config| config.mirror.back_off = settings(1.1), Some(&off));
        assert_eq!(share(&on), Some(1.0));
    }

    #[test]
    fn a_reload_is_not_worth_a_burst() {
        let one = std::num::NonZeroU32::MIN;
        let rate = |config: &mut Config| config.mirror.rate = Some(Rate { per_second: one, burst: one });
        let first = with(rate, None);
        assert!(first.limiter.as_ref().unwrap().check().is_ok());
        let second = with(rate, Some(&first));
        assert!(second.limiter.as_ref().unwrap().check().is_err());
    }
}
