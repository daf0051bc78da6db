//! Keeping the store within its caps while a tee writes: looked at now and then, never for each batch, and done in parts
//! between batches, so that none of them waits long.
//!
//! The cap on bytes holds for all files together, also while an old and a new generation lie side by side. So what lives may
//! take [`LIVE`] of it, and a new generation is made when the files take [`FULL`] of it, or much more than what lives.

use super::applying::Together;
use super::applying::commit;
use super::disk::{Disk, Usage};
use super::index::Changed;
use super::making::Making;
use super::retire::Goal;
use super::state::{Change, State};
use super::{Caps, StoreError, generation, open};
use std::time::{Duration, Instant};

/// Of the cap on bytes, in percent: what may live, and to how much it is brought down when it is more.
const LIVE: (u64, u64) = (15, 12);
/// Of the cap on keys, likewise.
const KEYS: (u64, u64) = (90, 85);
/// Of the bound of signatures, likewise.
const SIGNATURES: (u64, u64) = (98, 90);
/// Of the cap on bytes, in percent: a new generation is made.
const FULL: u64 = 45;
/// Of the cap on bytes, in percent: it is finished at once.
const URGENT: u64 = 75;
/// Files may take this much more than what lives, in percent, and so much in any case.
const SLACK: (u64, u64) = (220, 16 << 20);
/// A copy takes about so much more than what lives, in percent, where none was made before.
const OVERHEAD: u64 = 160;
/// Between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// From the end of one copy to the begin of the next at least, while there is room.
const APART: Duration = Duration::from_secs(5);
/// After a copy that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(600);
/// How long it takes things away between two batches, unless there is far too much.
const RETIRING: Duration = Duration::from_millis(50);
/// Bytes copied between two batches at least.
const SLICE: u64 = 1 << 20;

/// What of the work has to be told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) changed: Changed,
    /// Something was written, or another generation is in use.
    pub(super) any: bool,
}

/// How far it is.
pub(super) struct Upkeep {
    caps: Caps,
    cache_bytes: u64,
    making: Option<Making>,
    /// More has to go.
    retiring: Option<Goal>,
    next_look: Instant,
    /// What was written when it was looked at last, or when a part was copied last.
    looked_at: u64,
    copied_at: u64,
    /// A copy that failed is not tried again before.
    not_before: Option<Instant>,
    /// What the files took when the generation in use was made, and what lived in it.
    fresh: Option<(u64, u64)>,
    made_at: Option<Instant>,
    /// Generations made by this process.
    pub(super) made: u64,
    /// What the files took when it was looked at last.
    pub(super) size: u64,
}

fn percent(of: u64, percent: u64) -> u64 {
    (u128::from(of) * u128::from(percent) / 100) as u64
}

/// Keys and bytes that may live.
pub(super) fn most(caps: &Caps) -> Usage {
    Usage { keys: percent(caps.max_keys, KEYS.0), bytes: percent(caps.max_bytes, LIVE.0) }
}

impl Upkeep {
    pub(super) fn new(caps: Caps, cache_bytes: u64) -> Upkeep {
        Upkeep {
            caps,
            cache_bytes: cache_bytes.min(8 << 20),
            making: None,
            retiring: None,
            next_look: Instant::now(),
            looked_at: 0,
            copied_at: 0,
            not_before: None,
            fresh: None,
            made_at: None,
            made: 0,
            size: 0,
        }
    }
    /// When there is something to do although nothing was written.
    pub(super) fn wake_at(&self) -> Instant {
        self.next_look
    }
    /// True while it has more to do at once.
    pub(super) fn is_busy(&self) -> bool {
        self.making.is_some() || self.retiring.is_some()
    }
    /// What was applied to the generation in use; a copy that cannot follow is given up, and the store goes on.
    pub(super) fn follow(&mut self, change: &Change) {
        let Some(making) = &self.making else { return };
        if let Err(error) = making.follow(&change.ahead).and_then(|()| making.follow(&change.operations)) {
            self.give_up(&error);
        }
    }
    /// Gives up what is not finished: the store is closed, or is opened anew.
    pub(super) fn abandon(&mut self) {
        (self.retiring, self.looked_at, self.copied_at) = (None, 0, 0);
        self.making.take().into_iter().for_each(Making::abandon);
    }
    fn give_up(&mut self, error: &StoreError) {
        tracing::warn!(%error, "a new generation of the store could not be made; the old one goes on");
        self.not_before = Some(Instant::now() + AFTER_FAILURE);
        self.abandon();
    }
    /// True where so much was written that a part of the work comes before the next batch.
    pub(super) fn is_pressed(&self, disk: &Disk) -> bool {
        let written = disk.written().saturating_sub(self.looked_at.max(self.copied_at));
        let over = disk.usage().is_some_and(|usage| self.is_over(usage));
        over || written > self.part()
    }
    /// Bytes between two looks, where much is written.
    fn part(&self) -> u64 {
        (self.caps.max_bytes / 64).clamp(1 << 18, 16 << 20)
    }
    /// How much of what waits may be written at once: a small part of what the caps leave.
    pub(super) fn together(&self) -> Together {
        let Together { operations, bytes } = Together::MOST;
        let keys = usize::try_from(self.caps.max_keys / 20).unwrap_or(operations);
        Together { operations: keys.clamp(100, operations), bytes: bytes.min(self.part() as usize / 2) }
    }
    fn is_due(&self, disk: &Disk, bound: usize, signatures: usize) -> bool {
        self.is_pressed(disk) || signatures >= bound || Instant::now() >= self.next_look
    }
    fn is_over(&self, usage: Usage) -> bool {
        let most = most(&self.caps);
        usage.bytes > most.bytes || usage.keys > most.keys
    }
    /// What is to be reached: nothing goes for want of room while there is some.
    fn goal(&self, usage: Usage, signatures: usize, bound: usize, now_ms: u64) -> Goal {
        let most = match self.is_over(usage) {
            true => Usage { keys: percent(self.caps.max_keys, KEYS.1), bytes: percent(self.caps.max_bytes, LIVE.1) },
            false => most(&self.caps),
        };
        let kept = if signatures as u64 >= percent(bound as u64, SIGNATURES.0) { SIGNATURES.1 } else { 100 };
        Goal::new(&self.caps, now_ms, most, percent(bound as u64, kept) as usize)
    }

    /// Does the next part. The disk is exchanged where another generation is put in use.
    pub(super) fn turn(&mut self, disk: &mut Disk, state: &mut State, now_ms: u64) -> Result<Told, StoreError> {
        let mut told = Told::default();
        let (signatures, bound) = (state.signatures.len(), state.bounds.signatures);
        if self.making.is_some() {
            told.any = self.copy_on(disk)?;
            return Ok(told);
        }
        if self.is_due(disk, bound, signatures) {
            self.next_look = Instant::now() + EVERY;
            self.looked_at = disk.written();
            self.size = generation::size(disk.dir());
            self.retiring = Some(self.goal(disk.usage().unwrap_or_default(), signatures, bound, now_ms));
        } else if self.retiring.is_none() {
            return Ok(told);
        }
        told.any = true;
        if self.retire(disk, state, &mut told.changed)? {
            self.retiring = None;
            if self.wants_another(disk) {
                self.begin(disk);
            }
        }
        Ok(told)
    }

    /// Takes away what has to go, for a while, or as long as there is far too much; true when nothing more has to.
    fn retire(&self, disk: &Disk, state: &mut State, changed: &mut Changed) -> Result<bool, StoreError> {
        let Some(goal) = self.retiring else { return Ok(true) };
        let begun = Instant::now();
        let full = self.size > percent(self.caps.max_bytes, FULL);
        let far = |usage: Usage| {
            full || usage.bytes > percent(self.caps.max_bytes, LIVE.0 + 2)
                || usage.keys > percent(self.caps.max_keys, KEYS.0 + 2)
        };
        open::guarded(disk.dir(), || {
            let done = loop {
                let Some(change) = state.retire(&goal, disk)? else { break true };
                commit(disk, &change)?;
                changed.signatures.extend(change.signatures);
                changed.pairs |= change.pairs;
                if begun.elapsed() > RETIRING && !disk.usage().is_some_and(far) {
                    break false;
                }
            };
            disk.sync()?;
            Ok(done)
        })
    }

    fn wants_another(&self, disk: &Disk) -> bool {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        // a store of an earlier version does not say what lives in it: copying it tells
        let Some(usage) = disk.usage() else { return true };
        let fresh = self.fresh.map_or(0, |(size, _)| size + size / 2);
        let slack = percent(usage.bytes, SLACK.0) + SLACK.1;
        let lately = self.made_at.is_some_and(|at| at.elapsed() < APART);
        self.size > percent(self.caps.max_bytes, FULL) || (!lately && self.size > slack.max(fresh))
    }
    fn begin(&mut self, disk: &Disk) {
        let live = disk.usage().map_or(self.size, |usage| usage.bytes);
        let needed = match self.fresh {
            Some((size, lived)) if lived > 0 => (u128::from(live) * u128::from(size) / u128::from(lived)) as u64,
            _ => percent(live, OVERHEAD),
        };
        if generation::free(disk.dir()).is_some_and(|free| free < needed + needed / 4) {
            let message =
                "too little is free on its disk to make a new generation of the store: free some, or lower max_bytes";
            tracing::warn!(needed, dir = %disk.dir().display(), "{message}");
            self.not_before = Some(Instant::now() + AFTER_FAILURE);
            return;
        }
        self.copied_at = disk.written();
        match Making::begin(disk.dir(), self.cache_bytes) {
            Ok(making) => self.making = Some(making),
            Err(error) => self.give_up(&error),
        }
    }
    /// Copies more, the faster the more is written meanwhile; true when the copy is in use.
    fn copy_on(&mut self, disk: &mut Disk) -> Result<bool, StoreError> {
        let Some(making) = &mut self.making else { return Ok(false) };
        let written = disk.written().saturating_sub(self.copied_at);
        self.copied_at = disk.written();
        self.size = generation::size(disk.dir());
        let urgent = self.size > percent(self.caps.max_bytes, URGENT);
        let slice = if urgent { u64::MAX / 2 } else { SLICE.max(written.saturating_mul(4)) };
        match making.copy(disk, slice) {
            Ok(false) => Ok(false),
            Ok(true) => self.exchange(disk).map(|()| true),
            Err(error) => {
                self.give_up(&error);
                Ok(false)
            }
        }
    }
    /// An error leaves open which of the two is in use: both say the same, and nothing may be written before the store is
    /// opened again.
    fn exchange(&mut self, disk: &mut Disk) -> Result<(), StoreError> {
        let Some(making) = self.making.take() else { return Ok(()) };
        let before = self.size;
        let new = making.put_in_use().inspect_err(|_| self.not_before = Some(Instant::now() + AFTER_FAILURE))?;
        drop(std::mem::replace(disk, new));
        generation::sweep(disk.place());
        self.size = generation::size(disk.dir());
        let live = disk.usage().map_or(0, |usage| usage.bytes);
        (self.fresh, self.made_at) = (Some((self.size, live)), Some(Instant::now()));
        (self.made, self.looked_at) = (self.made + 1, disk.written());
        tracing::info!(before, after = self.size, live, "a new generation of the store is in use");
        Ok(())
    }
}

/// Nothing of a change is lost to a copy: it is applied to both.
pub(super) fn apply(disk: &Disk, upkeep: &mut Upkeep, change: &Change) -> Result<(), StoreError> {
    commit(disk, change)?;
    upkeep.follow(change);
    Ok(())
}
