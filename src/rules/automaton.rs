//! All selectors of a rule set in one automaton: a trie over segments, walked with a set of active states.
//!
//! A step costs one look-up for each active state, not for each rule, so rules that do not apply cost next to nothing.

use super::acting::Acting;
use super::selector::{Pick, Selector};
use super::set::Entry;
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use std::collections::HashMap;

/// A state: what is next, and the rules that act where it is reached.
#[derive(Clone, Debug, Default)]
struct State {
    names: HashMap<Box<[u8]>, u32, FixedState>,
    indices: HashMap<i64, u32>,
    wild: Option<u32>,
    /// Entered together with this state, and kept at every depth below.
    descendant: Option<u32>,
    kept: bool,
    rules: Vec<u32>,
}

/// The compiled selectors.
#[derive(Clone, Debug)]
pub(super) struct Automaton {
    states: Vec<State>,
}

impl Automaton {
    pub(super) fn new() -> Automaton {
        Automaton { states: vec![State::default()] }
    }

    pub(super) fn add(&mut self, selector: &Selector, rule: u32) {
        let mut at = 0;
        for segment in &selector.segments {
            if segment.descendant {
                at = match self.states[at as usize].descendant {
                    Some(next) => next,
                    None => {
                        let next = self.fresh(State { kept: true, ..State::default() });
                        self.states[at as usize].descendant = Some(next);
                        next
                    }
                };
            }
            let known = match &segment.pick {
                Pick::Name(name) => self.states[at as usize].names.get(name.as_slice()).copied(),
                Pick::Index(index) => self.states[at as usize].indices.get(index).copied(),
                Pick::Wild => self.states[at as usize].wild,
            };
            at = match known {
                Some(next) => next,
                None => {
                    let next = self.fresh(State::default());
                    let state = &mut self.states[at as usize];
                    match &segment.pick {
                        Pick::Name(name) => drop(state.names.insert(name.as_slice().into(), next)),
                        Pick::Index(index) => drop(state.indices.insert(*index, next)),
                        Pick::Wild => state.wild = Some(next),
                    }
                    next
                }
            };
        }
        self.states[at as usize].rules.push(rule);
    }

    fn fresh(&mut self, state: State) -> u32 {
        self.states.push(state);
        (self.states.len() - 1) as u32
    }

    fn state(&self, at: u32) -> &State {
        // states are only named by this automaton
        &self.states[at as usize]
    }

    fn enter(&self, at: u32, into: &mut Active) {
        into.push(at);
        if let Some(below) = self.state(at).descendant {
            into.push(below);
        }
    }
}

type Active = SmallVec<[u32; 4]>;

/// A set of active states, by its position in a [`Walker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Here(u32);

/// One step of a walk.
#[derive(Clone, Copy, Debug)]
pub enum Down<'n> {
    /// To a member.
    Name(&'n [u8]),
    /// To an element of an array of `length`.
    Index {
        /// Position from the start.
        at: usize,
        /// Elements in all.
        length: usize,
    },
}

#[derive(Clone, Debug)]
struct Known {
    active: Active,
    acting: Acting,
    below: bool,
    by_index: bool,
}

/// Follows a walk through a document: which rules act where. State sets are made once and remembered.
#[derive(Clone, Debug)]
pub struct Walker<'r> {
    automaton: &'r Automaton,
    entries: &'r [Entry],
    known: Vec<Known>,
    positions: HashMap<Active, u32, FixedState>,
}

impl<'r> Walker<'r> {
    /// Nowhere: no rule acts here or below.
    pub const NOWHERE: Here = Here(0);

    pub(super) fn new(automaton: &'r Automaton, entries: &'r [Entry]) -> Walker<'r> {
        let mut walker = Walker { automaton, entries, known: Vec::new(), positions: HashMap::default() };
        walker.intern(Active::new());
        walker
    }
    /// At the root.
    pub fn root(&mut self) -> Here {
        let mut active = Active::new();
        if !self.entries.is_empty() {
            self.automaton.enter(0, &mut active);
        }
        self.intern(active)
    }
    /// The rules that act here, each kind's most specific one.
    pub fn acting(&self, here: Here) -> Acting {
        self.known.get(here.0 as usize).map(|known| known.acting).unwrap_or_default()
    }
    /// True where a rule could act further down.
    pub fn below(&self, here: Here) -> bool {
        self.known.get(here.0 as usize).is_some_and(|known| known.below)
    }
    /// True where elements of one array may have different rules.
    pub fn by_index(&self, here: Here) -> bool {
        self.known.get(here.0 as usize).is_some_and(|known| known.by_index)
    }
    /// One step down.
    pub fn down(&mut self, here: Here, step: Down<'_>) -> Here {
        let Some(known) = self.known.get(here.0 as usize) else { return Walker::NOWHERE };
        if !known.below {
            return Walker::NOWHERE;
        }
        let mut next = Active::new();
        for at in &known.active {
            let state = self.automaton.state(*at);
            if state.kept {
                next.push(*at);
            }
            if let Some(to) = state.wild {
                self.automaton.enter(to, &mut next);
            }
            match step {
                Down::Name(name) => {
                    if let Some(to) = state.names.get(name) {
                        self.automaton.enter(*to, &mut next);
                    }
                }
                Down::Index { at, length } if !state.indices.is_empty() => {
                    for index in [at as i64, at as i64 - length as i64] {
                        if let Some(to) = state.indices.get(&index) {
                            self.automaton.enter(*to, &mut next);
                        }
                    }
                }
                Down::Index { .. } => {}
            }
        }
        // most members lead nowhere
        if next.is_empty() { Walker::NOWHERE } else { self.intern(next) }
    }

    fn intern(&mut self, mut active: Active) -> Here {
        if active.len() > 1 {
            active.sort_unstable();
            active.dedup();
        }
        if let Some(at) = self.positions.get(&active) {
            return Here(*at);
        }
        let states = || active.iter().map(|at| self.automaton.state(*at));
        let acting = Acting::of(self.entries, states().flat_map(|state| state.rules.iter().copied()));
        let below = states().any(|s| {
            s.kept || s.wild.is_some() || s.descendant.is_some() || !s.names.is_empty() || !s.indices.is_empty()
        });
        let by_index = states().any(|state| !state.indices.is_empty());
        let at = self.known.len() as u32;
        self.known.push(Known { active: active.clone(), acting, below, by_index });
        self.positions.insert(active, at);
        Here(at)
    }
}
