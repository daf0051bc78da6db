//! How late the live threads' own timers come. A thread that is late has no time to mirror: its requests are not (`lag`), until
//! a whole second has passed in which it was on time.

use parking_lot::Mutex;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(20);
/// A thread is well again after so long without being late.
const WELL_AFTER: Duration = Duration::from_secs(1);
/// The largest lag is told of a time between one and two of this.
const TOLD_OF: Duration = Duration::from_secs(10);
/// At most one line of log in so long; what is not said is counted.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// What the live threads say of themselves.
#[derive(Default)]
pub(super) struct Lags(Mutex<Vec<Arc<ThreadLag>>>);

/// One live thread's.
#[derive(Default)]
struct ThreadLag {
    /// The largest lag lately.
    worst_us: AtomicU64,
    /// Its requests are not mirrored.
    late: AtomicBool,
}

/// Lag over all live threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LagFigures {
    /// The largest lag of any live thread in the last ten to twenty seconds, microseconds.
    pub worst_us: u64,
    /// Live threads whose requests are not mirrored at present, since they are late.
    pub late: u64,
}

impl Lags {
    /// Over all live threads.
    pub(super) fn figures(&self) -> LagFigures {
        let threads = self.0.lock();
        LagFigures {
            worst_us: threads.iter().map(|thread| thread.worst_us.load(Relaxed)).max().unwrap_or(0),
            late: threads.iter().filter(|thread| thread.late.load(Relaxed)).count() as u64,
        }
    }
    fn open(&self) -> Arc<ThreadLag> {
        let thread = Arc::new(ThreadLag::default());
        self.0.lock().push(thread.clone());
        thread
    }
}

/// One live thread and how late it may be.
#[derive(Default)]
pub(super) struct Lateness {
    /// It is late: what admission looks at.
    pub(super) late: Cell<bool>,
    /// By the config that is in force; `None` where nothing is too late.
    pub(super) max: Cell<Option<Duration>>,
}

/// A live thread's clock: polled on that thread for as long as it lives.
pub struct LagWatch {
    told: Arc<ThreadLag>,
    lateness: Rc<Lateness>,
    well_at: Instant,
    /// The largest lag of this time and of the one before it.
    worst: [Duration; 2],
    turn_at: Instant,
    said_at: Option<Instant>,
    /// The last line said that the thread is late.
    said_late: bool,
    unsaid: u32,
}

impl LagWatch {
    pub(super) fn new(lags: &Lags, lateness: Rc<Lateness>) -> LagWatch {
        let now = Instant::now();
        LagWatch {
            told: lags.open(),
            lateness,
            well_at: now,
            worst: [Duration::ZERO; 2],
            turn_at: now + TOLD_OF,
            said_at: None,
            said_late: false,
            unsaid: 0,
        }
    }
    /// Never ends. However long the thread stood still, it is one lag.
    pub async fn run(mut self) {
        loop {
            let due = Instant::now() + TICK;
            tokio::time::sleep_until(due).await;
            let now = Instant::now();
            self.seen(now.saturating_duration_since(due), now);
        }
    }
    fn seen(&mut self, lag: Duration, now: Instant) {
        if now >= self.turn_at {
            self.worst = [Duration::ZERO, self.worst[0]];
            self.turn_at = now + TOLD_OF;
        }
        self.worst[0] = self.worst[0].max(lag);
        self.told.worst_us.store(self.worst[0].max(self.worst[1]).as_micros() as u64, Relaxed);
        let max = self.lateness.max.get();
        if max.is_some_and(|max| lag > max) {
            self.well_at = now + WELL_AFTER;
        }
        let late = max.is_some() && now < self.well_at;
        if late != self.lateness.late.get() {
            self.lateness.late.set(late);
            self.told.late.store(late, Relaxed);
            self.say(late, lag, max, now);
        }
    }
    /// Who was told that a thread is late is told when it no longer is.
    fn say(&mut self, late: bool, lag: Duration, max: Option<Duration>, now: Instant) {
        if !late {
            if std::mem::take(&mut self.said_late) {
                tracing::info!("a live thread is on time again: its requests are mirrored");
            }
            return;
        }
        if self.said_at.is_some_and(|at| now < at + SAID_EVERY) {
            self.unsaid += 1;
            return;
        }
        let unsaid = std::mem::take(&mut self.unsaid);
        (self.said_at, self.said_late) = (Some(now), true);
        tracing::warn!(?lag, max = ?max.unwrap_or_default(), unsaid, "a live thread is late: its requests are not mirrored until it is on time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(ms: u64) -> Rc<Lateness> {
        let lateness = Lateness::default();
        lateness.max.set(Some(Duration::from_millis(ms)));
        Rc::new(lateness)
    }

    #[test]
    fn one_lag_is_a_second_without_mirroring_and_the_worst_is_told_for_a_while() {
        let (lags, lateness) = (Lags::default(), up_to(50));
        let mut watch = LagWatch::new(&lags, lateness.clone());
        let start = Instant::now();
        let mut at = |ms: u64, lag_ms: u64| {
            watch.seen(Duration::from_millis(lag_ms), start + Duration::from_millis(ms));
            lateness.late.get()
        };
        assert!(!at(20, 50), "the bound itself is not late");
        assert!(at(100, 51) && at(600, 0) && at(1_090, 3));
        assert!(!at(1_120, 0), "a whole second on time");
        assert!(at(2_000, 400) && at(2_500, 60) && at(3_490, 0) && !at(3_510, 0), "a second after the last one");
        assert_eq!(lags.figures(), LagFigures { worst_us: 400_000, late: 0 });
        let mut at = |s: u64| watch.seen(Duration::ZERO, start + Duration::from_secs(s));
        at(11);
        assert_eq!(lags.figures().worst_us, 400_000);
        at(22);
        assert_eq!(lags.figures().worst_us, 0);
    }

    #[test]
    fn a_thread_that_really_stands_still_is_late_and_gets_well() {
        let (lags, lateness) = (Lags::default(), up_to(250));
        let watch = LagWatch::new(&lags, lateness.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        runtime.unwrap().block_on(async move {
            tokio::task::spawn_local(watch.run());
            tokio::time::sleep(TICK).await;
            assert!(!lateness.late.get());
            // The thread itself, not a task: nothing else runs on it meanwhile.
            std::thread::sleep(Duration::from_millis(400));
            let start = Instant::now();
            while !lateness.late.get() {
                assert!(start.elapsed() < Duration::from_secs(5), "it was not noticed");
                tokio::time::sleep(TICK).await;
            }
            assert!(lags.figures().late == 1 && lags.figures().worst_us >= 300_000, "{:?}", lags.figures());
            while lateness.late.get() {
                assert!(start.elapsed() < Duration::from_secs(20), "it does not get well");
                tokio::time::sleep(TICK).await;
            }
            assert!(start.elapsed() >= Duration::from_millis(900) && lags.figures().late == 0);
        });
    }

    #[test]
    fn turned_off_it_still_tells_and_a_reload_acts_at_once() {
        let (lags, lateness) = (Lags::default(), Rc::new(Lateness::default()));
        let mut watch = LagWatch::new(&lags, lateness.clone());
        let start = Instant::now();
        let mut at = |ms: u64, lag_ms: u64| {
            watch.seen(Duration::from_millis(lag_ms), start + Duration::from_millis(ms));
            lateness.late.get()
        };
        assert!(!at(0, 3_000));
        assert_eq!(lags.figures().worst_us, 3_000_000);
        lateness.max.set(Some(Duration::from_millis(50)));
        assert!(!at(20, 0) && at(40, 60), "from now on");
        lateness.max.set(None);
        assert!(!at(60, 60), "no second of waiting");
        assert_eq!(lags.figures().late, 0);
    }
}
