//! One-to-one ids over a session or a run: holds every judgement's claims against those before it.
//!
//! Claims are edges between the primary's ids and the candidate's. One is broken where either of its ends has another edge,
//! so which are broken does not depend on the order of the claims. Of an id its first partner is remembered, and whether it
//! has had another: while both ends of an edge have no other, its places are kept with it, to be told when that changes; from
//! then on every claim of it is told at once. So each claim of a broken edge is told exactly once, whichever came first.
//!
//! All of it is bounded, and what is forgotten is counted: a break can be missed over the bounds, never invented.

use crate::compare::{Difference, Kind, Place, Severity};
use crate::judge::{IdClaim, IdClaims, general_path};
use crate::rules::IdScope;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Names a client's session; a keyed hash, made outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionName(pub u128);

/// What was done about ids since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdCounts {
    /// Ids remembered now, of both sides.
    pub known: u64,
    /// Sessions remembered now.
    pub sessions: u64,
    /// Claims that were told since they break a map.
    pub broken: u64,
    /// Ids not remembered, or not with all of their places, since there are too many.
    pub ids_forgotten: u64,
    /// Sessions forgotten, with their ids, to make room for others.
    pub sessions_forgotten: u64,
    /// Claims of one answer beyond the judge's limit.
    pub left_out: u64,
    /// Equal answers that were too large to be read for their ids.
    pub unread: u64,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Ids of the run.
    pub(super) of_run: usize,
    /// Ids of all sessions together.
    pub(super) of_sessions: usize,
    /// Ids of one session.
    pub(super) of_session: usize,
    /// Sessions.
    pub(super) sessions: usize,
    /// Places (a route and a general path).
    pub(super) places: usize,
    /// Places of one pair of ids.
    pub(super) places_of_pair: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            of_run: 100_000,
            of_sessions: 100_000,
            of_session: 10_000,
            sessions: 10_000,
            places: 10_000,
            places_of_pair: 8,
        }
    }
}

/// The exchange whose claims are added.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) route: &'a Arc<str>,
    pub(super) inferred: bool,
    pub(super) received_at_ms: u64,
    /// The client's session; without one the session is the run.
    pub(super) session: Option<SessionName>,
}

/// Claims that break a map, at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Broken {
    pub(super) route: Arc<str>,
    pub(super) inferred: bool,
    pub(super) difference: Difference,
    /// An earlier exchange claimed it, not this one.
    pub(super) elsewhere: bool,
    /// How many; none where it is only told beside those of another place.
    pub(super) count: u64,
    pub(super) first_seen_ms: u64,
    pub(super) last_seen_ms: u64,
}

/// A place at which ids were claimed, with the first pointer that was seen of it.
struct Known {
    route: Arc<str>,
    inferred: bool,
    path: String,
}

/// Claims of one pair at one place.
struct Sighting {
    place: u32,
    count: u64,
    first_ms: u64,
    last_ms: u64,
}

/// An id of the primary.
struct Forth {
    partner: u128,
    /// It has had another partner.
    broken: bool,
    /// Where the first pair was claimed; empty once that has been told.
    seen: SmallVec<[Sighting; 1]>,
    /// Of the first pair: its first place, and both ids to be shown.
    first: Option<u32>,
    values: [Box<str>; 2],
}

/// An id of the candidate.
struct Back {
    partner: u128,
    broken: bool,
}

/// Which id is which in one space.
#[derive(Default)]
struct Map {
    forth: HashMap<u128, Forth>,
    back: HashMap<u128, Back>,
}

/// The maps of one session, or of the run.
#[derive(Default)]
struct Book {
    maps: HashMap<Arc<str>, Map>,
    ids: usize,
    used: u64,
}

impl Book {
    /// How many of the two ids are not known.
    fn unknown(&self, claim: &IdClaim) -> usize {
        self.maps.get(&claim.space).map_or(2, |map| {
            usize::from(!map.forth.contains_key(&claim.primary)) + usize::from(!map.back.contains_key(&claim.candidate))
        })
    }
}

/// Every map of a run.
pub(super) struct Ids {
    bounds: Bounds,
    run: Book,
    sessions: HashMap<Option<SessionName>, Book>,
    /// Sessions by when they were last used.
    order: BTreeMap<u64, Option<SessionName>>,
    clock: u64,
    of_sessions: usize,
    places: Vec<Known>,
    by_place: HashMap<(Arc<str>, String), u32>,
    counts: IdCounts,
}

impl Ids {
    pub(super) fn new(bounds: Bounds) -> Ids {
        Ids {
            bounds,
            run: Book::default(),
            sessions: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
            of_sessions: 0,
            places: Vec::new(),
            by_place: HashMap::new(),
            counts: IdCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> IdCounts {
        let known = (self.run.ids + self.of_sessions) as u64;
        IdCounts { known, sessions: self.sessions.len() as u64, ..self.counts }
    }

    /// Adds what one judgement claims; gives what is broken by it, at every place that is known to have claimed it.
    pub(super) fn add(&mut self, at: At<'_>, claims: &IdClaims) -> Vec<Broken> {
        self.counts.left_out += claims.left_out;
        self.counts.unread += u64::from(claims.unread);
        let mut told = Vec::new();
        for claim in &claims.kept {
            let room = match claim.scope {
                IdScope::Session => self.room_in_session(at.session, claim),
                IdScope::Run | IdScope::Document => {
                    self.run.unknown(claim).min(self.bounds.of_run.saturating_sub(self.run.ids))
                }
            };
            let before = told.len();
            self.claim(at, claim, room, &mut told);
            self.counts.broken += told[before..].iter().map(|broken| broken.count).sum::<u64>();
        }
        told
    }

    /// How many of a claim's unknown ids may be remembered; others are forgotten for it where that helps.
    fn room_in_session(&mut self, session: Option<SessionName>, claim: &IdClaim) -> usize {
        self.clock += 1;
        let book = self.sessions.entry(session).or_default();
        self.order.remove(&book.used);
        book.used = self.clock;
        self.order.insert(self.clock, session);
        let unknown = book.unknown(claim).min(self.bounds.of_session.saturating_sub(book.ids));
        while self.sessions.len() > self.bounds.sessions || self.of_sessions + unknown > self.bounds.of_sessions {
            // the last one in the order is this session itself
            let Some((_, oldest)) = self.order.pop_first().filter(|(used, _)| *used != self.clock) else {
                self.order.insert(self.clock, session);
                break;
            };
            if let Some(book) = self.sessions.remove(&oldest) {
                self.of_sessions -= book.ids;
                self.counts.sessions_forgotten += 1;
            }
        }
        unknown.min(self.bounds.of_sessions.saturating_sub(self.of_sessions))
    }

    fn claim(&mut self, at: At<'_>, claim: &IdClaim, room: usize, told: &mut Vec<Broken>) {
        let place = self.place(at, claim);
        let (book, total) = match claim.scope {
            IdScope::Session => match self.sessions.get_mut(&at.session) {
                Some(book) => (book, Some(&mut self.of_sessions)),
                None => return,
            },
            IdScope::Run | IdScope::Document => (&mut self.run, None),
        };
        let map = book.maps.entry(claim.space.clone()).or_default();
        let before = map.forth.len() + map.back.len();
        let others = map.note(claim, place, room);
        let added = map.forth.len() + map.back.len() - before;
        book.ids += added;
        total.into_iter().for_each(|total| *total += added);
        let shape = shape_of(claim.scope);
        if map.is_broken(claim) {
            let difference = difference(&claim.path, claim.values.clone(), shape);
            let (route, inferred) = (at.route.clone(), at.inferred);
            let (first_seen_ms, last_seen_ms) = (at.received_at_ms, at.received_at_ms);
            told.push(Broken { route, inferred, difference, elsewhere: false, count: 1, first_seen_ms, last_seen_ms });
        } else if !map.see(claim, place, at.received_at_ms, self.bounds.places_of_pair) {
            self.counts.ids_forgotten += 1;
        }
        for (primary, candidate) in others {
            let Some(forth) = map.forth.get_mut(&primary).filter(|forth| forth.partner == candidate) else { continue };
            let seen = std::mem::take(&mut forth.seen);
            let beside = Sighting { place: 0, count: 0, first_ms: at.received_at_ms, last_ms: at.received_at_ms };
            let beside = forth.first.filter(|_| seen.is_empty()).map(|place| Sighting { place, ..beside });
            for sighting in seen.into_iter().chain(beside) {
                let Some(known) = self.places.get(sighting.place as usize) else { continue };
                told.push(Broken {
                    route: known.route.clone(),
                    inferred: known.inferred,
                    difference: difference(&known.path, forth.values.clone().map(String::from), shape),
                    elsewhere: true,
                    count: sighting.count,
                    first_seen_ms: sighting.first_ms,
                    last_seen_ms: sighting.last_ms,
                });
            }
        }
    }

    /// The number of a place; `None` where there are too many.
    fn place(&mut self, at: At<'_>, claim: &IdClaim) -> Option<u32> {
        let general = general_path(&difference(&claim.path, Default::default(), ""));
        let key = (at.route.clone(), general);
        if let Some(place) = self.by_place.get(&key) {
            return Some(*place);
        }
        if self.places.len() >= self.bounds.places {
            return None;
        }
        let place = self.places.len() as u32;
        self.places.push(Known { route: at.route.clone(), inferred: at.inferred, path: claim.path.clone() });
        self.by_place.insert(key, place);
        Some(place)
    }
}

impl Map {
    /// Remembers a pair, as far as there is room; gives the pairs that it contradicts.
    fn note(&mut self, claim: &IdClaim, place: Option<u32>, room: usize) -> SmallVec<[(u128, u128); 2]> {
        let (mut others, mut room) = (SmallVec::new(), room);
        match self.forth.get_mut(&claim.primary) {
            Some(forth) if forth.partner != claim.candidate => {
                forth.broken = true;
                others.push((claim.primary, forth.partner));
            }
            Some(_) => {}
            None if room > 0 => {
                room -= 1;
                let values = claim.values.clone().map(String::into_boxed_str);
                let (partner, seen) = (claim.candidate, SmallVec::new());
                self.forth.insert(claim.primary, Forth { partner, broken: false, seen, first: place, values });
            }
            None => {}
        }
        match self.back.get_mut(&claim.candidate) {
            Some(back) if back.partner != claim.primary => {
                back.broken = true;
                others.push((back.partner, claim.candidate));
            }
            Some(_) => {}
            None if room > 0 => {
                self.back.insert(claim.candidate, Back { partner: claim.primary, broken: false });
            }
            None => {}
        }
        others
    }

    fn is_broken(&self, claim: &IdClaim) -> bool {
        let forth = self.forth.get(&claim.primary);
        let back = self.back.get(&claim.candidate);
        forth.is_some_and(|forth| forth.broken || forth.partner != claim.candidate)
            || back.is_some_and(|back| back.broken || back.partner != claim.primary)
    }

    /// Keeps the place of a pair that is whole; false where not all of it can be remembered.
    fn see(&mut self, claim: &IdClaim, place: Option<u32>, at_ms: u64, most: usize) -> bool {
        let whole = self.back.contains_key(&claim.candidate);
        let (Some(forth), Some(place)) = (self.forth.get_mut(&claim.primary), place) else { return false };
        let full = forth.seen.len() >= most;
        match forth.seen.iter_mut().find(|sighting| sighting.place == place) {
            Some(sighting) => {
                sighting.count += 1;
                sighting.first_ms = sighting.first_ms.min(at_ms);
                sighting.last_ms = sighting.last_ms.max(at_ms);
            }
            None if !full => {
                forth.seen.push(Sighting { place, count: 1, first_ms: at_ms, last_ms: at_ms });
            }
            None => return false,
        }
        whole
    }
}

/// What such a difference's shape is: it says how far the map reaches that is broken.
fn shape_of(scope: IdScope) -> &'static str {
    match scope {
        IdScope::Session => "ids:session",
        IdScope::Run | IdScope::Document => "ids:run",
    }
}

fn difference(path: &str, [primary, candidate]: [String; 2], shape: &str) -> Difference {
    Difference {
        place: Place::Body,
        path: path.to_owned(),
        beside: None,
        kind: Kind::Value,
        detail: Some("same_id".into()),
        primary: Some(primary),
        candidate: Some(candidate),
        severity: Severity::Medium,
        shape: shape.into(),
    }
}

#[cfg(test)]
mod tests;
