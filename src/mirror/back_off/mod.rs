//! Backing off: a few requests are not mirrored (`control`), and where the primary is slower with the mirror than for them, a
//! part of the clients is not (`back_off`), until it no longer is.
//!
//! This file is what live threads touch: a window of control requests in a row is opened when the account of mirrored ones
//! allows it, one in 500 at most at every moment unless the config says otherwise. What is compared, and what follows, is the shadow thread's (`watching`).

mod compare;
mod slower;
mod watching;

pub(super) use watching::Watching;

use crate::config;
use parking_lot::Mutex;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Instant;

/// Control requests of a window at first …
const FIRST_SIZE: u32 = 10;
/// … and at most, where it takes longer until what the candidate still does has died down.
const LARGEST_SIZE: u32 = 640;

/// Shared by all threads. Without settings it does nothing.
pub(super) struct BackOff {
    settings: Option<config::BackOff>,
    /// The share is one in two to the power of this.
    level: AtomicU32,
    /// Control requests that the open window still takes.
    left: AtomicU32,
    /// Control requests that wait for the primary.
    under_way: AtomicU32,
    /// A window is open, or has not been taken yet.
    busy: AtomicBool,
    /// Names the window.
    window: AtomicU32,
    /// Exchanges in flight when it was opened.
    at_open: AtomicUsize,
    account: Mutex<Account>,
    ended: Mutex<Vec<Control>>,
    figures: Mutex<BackOffFigures>,
}

/// What windows may still be made of.
struct Account {
    /// Control requests that are paid for.
    credits: u32,
    /// Of the next window.
    size: u32,
}

/// The primary's latency of a control request.
struct Control {
    window: u32,
    us: u32,
    asked: Of,
}

/// Which route a control request is compared under.
pub enum Of {
    /// A declared one, by its name: an index would mean another one after a reload.
    Declared(Arc<str>),
    /// One to be inferred from this method and path.
    Undeclared(http::Method, String),
}

/// The comparison as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackOffFigures {
    /// The share of clients that are mirrored, of those that would be: 1, 1/2, … 1/64.
    pub share: f64,
    /// Control windows that were compared.
    pub compared: u64,
    /// Control windows in which too little could be.
    pub not_compared: u64,
    /// Of the window compared last: the share of mirrored requests that took longer by more than the factor.
    pub slower_share: f64,
    /// How near the windows together are to the decision that the primary is slower; 1 is the decision.
    pub evidence: f64,
    /// The median time to the head of the primary's answer beside control requests of the same route, microseconds.
    pub with_us: u32,
    /// The same of those control requests.
    pub without_us: u32,
}

impl Default for BackOffFigures {
    fn default() -> BackOffFigures {
        BackOffFigures {
            share: 1.0,
            compared: 0,
            not_compared: 0,
            slower_share: 0.0,
            evidence: 0.0,
            with_us: 0,
            without_us: 0,
        }
    }
}

impl BackOff {
    /// All is mirrored.
    pub(super) fn new(settings: Option<config::BackOff>) -> BackOff {
        BackOff {
            settings,
            level: AtomicU32::new(0),
            left: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
            busy: AtomicBool::new(false),
            window: AtomicU32::new(0),
            at_open: AtomicUsize::new(0),
            account: Mutex::new(Account { credits: 0, size: FIRST_SIZE }),
            ended: Mutex::default(),
            figures: Mutex::default(),
        }
    }
    /// With these settings after others, or for another primary: the share and what was counted go on, what was compared does
    /// not.
    pub(super) fn after(before: &BackOff, settings: Option<config::BackOff>) -> BackOff {
        let level = settings.map_or(0, |_| before.level.load(Relaxed));
        let BackOffFigures { compared, not_compared, .. } = *before.figures.lock();
        let figures = BackOffFigures { share: share(level), compared, not_compared, ..BackOffFigures::default() };
        BackOff { level: AtomicU32::new(level), figures: Mutex::new(figures), ..BackOff::new(settings) }
    }
    /// Already backed off this far.
    #[cfg(test)]
    pub(super) fn back_to(&self, level: u32) {
        self.level.store(level, Relaxed);
    }
    /// For metrics; `None` where it is turned off.
    pub(super) fn figures(&self) -> Option<BackOffFigures> {
        self.settings.map(|_| *self.figures.lock())
    }
    /// How many of 10,000 clients are mirrored, of so many that would be: never none of some.
    pub(super) fn basis_points(&self, of: u32) -> u32 {
        match self.level.load(Relaxed) {
            0 => of,
            level => (of >> level).max(of.min(1)),
        }
    }
    /// One more request that is mirrored, or would be but for this. `own` is the live thread's own count.
    pub(super) fn count(&self, own: &Cell<u32>, in_flight: impl FnOnce() -> usize) {
        let Some(settings) = &self.settings else { return };
        let n = own.get() + 1;
        if n < settings.one_in {
            return own.set(n);
        }
        own.set(0);
        // Another thread that is just here costs a credit: never a wait.
        let Some(mut account) = self.account.try_lock() else { return };
        account.credits = (account.credits + 1).min(2 * account.size);
        if account.credits < account.size || self.busy.load(SeqCst) {
            return;
        }
        account.credits -= account.size;
        self.at_open.store(in_flight(), Relaxed);
        self.window.fetch_add(1, Relaxed);
        self.busy.store(true, SeqCst);
        self.left.store(account.size, SeqCst);
    }
    /// True while a window takes requests: the one look that each mirrored request pays for.
    pub(super) fn is_open(&self) -> bool {
        self.left.load(Relaxed) > 0
    }
    /// A place in the open window.
    pub(super) fn withhold(self: &Arc<Self>, in_flight: usize) -> Option<Withheld> {
        // Under way first, so that the window never looks done between the two.
        self.under_way.fetch_add(1, SeqCst);
        let taken = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        if !taken {
            self.under_way.fetch_sub(1, SeqCst);
            return None;
        }
        // Until what was mirrored before has all but ended, the primary still feels it.
        let settled = in_flight * 10 <= self.at_open.load(Relaxed);
        let window = self.window.load(Relaxed);
        Some(Withheld { back_off: self.clone(), window, settled, of: None, started: Instant::now() })
    }
    /// A window is open, or waits to be taken.
    fn is_busy(&self) -> bool {
        self.busy.load(Relaxed)
    }
    /// Ends the window early; what it did not take is paid back.
    fn close(&self) {
        let rest = self.left.swap(0, SeqCst);
        let mut account = self.account.lock();
        account.credits = (account.credits + rest).min(2 * account.size);
    }
    /// True once every control request of the window has its answer.
    fn is_done(&self) -> bool {
        self.left.load(SeqCst) == 0 && self.under_way.load(SeqCst) == 0
    }
    /// The control requests of the window.
    fn take(&self) -> impl Iterator<Item = Control> {
        let window = self.window.load(Relaxed);
        std::mem::take(&mut *self.ended.lock()).into_iter().filter(move |control| control.window == window)
    }
    /// The next window may open; of the last one, where it was full, so many started late enough to be compared.
    fn free(&self, compared: Option<usize>) {
        if let Some(compared) = compared {
            let mut account = self.account.lock();
            account.size = next_size(account.size, compared as u32);
        }
        self.busy.store(false, SeqCst);
    }
}

/// The share of clients at a level.
fn share(level: u32) -> f64 {
    0.5_f64.powi(level as i32)
}

/// Large enough for a quarter to start after the load has died down, and not much larger.
fn next_size(size: u32, compared: u32) -> u32 {
    match compared {
        few if few < size / 4 => (size * 2).min(LARGEST_SIZE),
        most if most > size / 4 * 3 => (size / 2).max(FIRST_SIZE),
        _ => size,
    }
}

/// A request that is not mirrored, so that it may be compared. Dropped without an answer, it is not compared.
pub struct Withheld {
    back_off: Arc<BackOff>,
    window: u32,
    settled: bool,
    of: Option<Of>,
    started: Instant,
}

impl Withheld {
    /// Says what it is compared with.
    pub fn of(mut self, of: impl FnOnce() -> Of) -> Withheld {
        self.of = self.settled.then(of);
        self
    }
    /// The head of the primary's answer is here.
    pub fn answered(mut self) {
        let Some(asked) = self.of.take() else { return };
        let us = u32::try_from(self.started.elapsed().as_micros()).unwrap_or(u32::MAX);
        let mut ended = self.back_off.ended.lock();
        // Bounded by itself, but for requests that outlive their window.
        if ended.len() < 2 * LARGEST_SIZE as usize {
            ended.push(Control { window: self.window, us, asked });
        }
    }
}

impl Drop for Withheld {
    fn drop(&mut self) {
        self.back_off.under_way.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod simulated;

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Option<config::BackOff> = Some(config::BackOff { slower_by: 1.1, one_in: 500 });

    fn of() -> Of {
        Of::Declared("GET /".into())
    }

    #[test]
    fn control_requests_are_never_more_than_one_in_500() {
        let back_off = Arc::new(BackOff::new(SETTINGS));
        let own = [Cell::new(0), Cell::new(0), Cell::new(0)];
        let mut control = 0;
        for n in 1..=200_000_usize {
            if back_off.is_open()
                && let Some(withheld) = back_off.withhold(0)
            {
                withheld.of(of).answered();
                control += 1;
            }
            back_off.count(&own[n % 3], || 5);
            if back_off.is_busy() && back_off.is_done() {
                assert!(back_off.take().count() > 0);
                back_off.free(Some(n % 7));
            }
            assert!(control * 500 <= n, "{control} of {n}");
        }
        assert!(control >= 10, "{control}");
    }

    #[test]
    fn a_window_is_done_when_the_last_answer_is_there_and_late_ones_are_not_of_the_next() {
        let back_off = Arc::new(BackOff::new(SETTINGS));
        let own = Cell::new(0);
        let open = || {
            (0..500 * LARGEST_SIZE).take_while(|_| !back_off.is_open()).for_each(|_| back_off.count(&own, || 20));
            assert!(back_off.is_open());
        };
        open();
        let early = back_off.withhold(3).map(|withheld| withheld.of(of));
        let late = back_off.withhold(2).map(|withheld| withheld.of(of));
        early.into_iter().for_each(Withheld::answered);
        back_off.close();
        assert!(!back_off.is_open() && !back_off.is_done());
        assert_eq!(back_off.take().count(), 0, "three of twenty were still in flight");
        back_off.free(None);
        open();
        late.into_iter().for_each(Withheld::answered);
        assert_eq!(back_off.withhold(0).map(|withheld| withheld.of(of).answered()), Some(()));
        back_off.close();
        assert!(back_off.is_done());
        assert_eq!(back_off.take().count(), 1);
    }

    #[test]
    fn windows_grow_until_enough_is_compared_and_shrink_again() {
        assert_eq!([0, 1, 2, 7, 10].map(|compared| next_size(10, compared)), [20, 20, 10, 10, 10]);
        assert_eq!([9, 10, 30, 31].map(|compared| next_size(40, compared)), [80, 40, 40, 20]);
        assert_eq!(next_size(LARGEST_SIZE, 0), LARGEST_SIZE);
    }

    #[test]
    fn turned_off_it_never_withholds_anything() {
        let back_off = BackOff::new(None);
        let own = Cell::new(0);
        (0..10_000).for_each(|_| back_off.count(&own, || 0));
        assert!(!back_off.is_open() && back_off.figures().is_none());
    }

    #[test]
    fn a_share_of_something_is_never_nothing() {
        let back_off = BackOff::new(SETTINGS);
        back_off.level.store(6, Relaxed);
        assert_eq!([10_000, 100, 10, 0].map(|of| back_off.basis_points(of)), [156, 1, 1, 0]);
    }
}
