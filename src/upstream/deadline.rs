//! Deadlines of requests, kept coarsely: nearly every one is dropped long before it is over, and a timer of the runtime for
//! each costs more than the request's own way through the pool.
//!
//! Each thread has one list, and one task that looks at it while there is something in it. A deadline is noticed up to
//! [`LOOK_EVERY`] late and never early.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks at an empty list before the task ends: an idle thread sleeps, a busy one does not start the task again and again.
const EMPTY_LOOKS: u32 = 50;

/// It was not done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late;

/// Waits for a future until a deadline, which is asked for once it has to be waited for; call it inside a runtime of one thread.
pub async fn by<F: Future>(deadline: impl Fn() -> Instant, future: F) -> Result<F::Output, Late> {
    let mut future = pin!(future);
    let mut place = Place(None);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending if place.is_over(&deadline, cx) => Poll::Ready(Err(Late)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// A waiting future's place in its thread's list; left when it is dropped.
struct Place(Option<usize>);

impl Place {
    /// True once the deadline is over; until then the task is woken when it is.
    fn is_over(&mut self, deadline: impl Fn() -> Instant, cx: &Context<'_>) -> bool {
        LIST.with_borrow_mut(|list| match self.0 {
            None => {
                let deadline = deadline();
                self.0 = Some(list.enter(deadline, cx.waker()));
                list.looked.is_some_and(|looked| deadline <= looked)
            }
            Some(at) => list.is_over(at, cx.waker()),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(at) = self.0 {
            // A thread that ends has no list any more.
            let _ = LIST.try_with(|list| list.borrow_mut().leave(at));
        }
    }
}

/// The timers of a client's connection, one for each head that it waits for, by the same list.
#[derive(Clone, Copy, Debug)]
pub struct CoarseTimer;

/// One of them.
struct CoarseSleep {
    deadline: Instant,
    place: Place,
}

impl Future for CoarseSleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        if self.place.is_over(|| deadline, cx) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl hyper::rt::Sleep for CoarseSleep {}

impl hyper::rt::Timer for CoarseTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(CoarseSleep { deadline: Instant::now() + duration, place: Place(None) })
    }
    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(CoarseSleep { deadline: deadline.into(), place: Place(None) })
    }
    fn now(&self) -> std::time::Instant {
        Instant::now().into()
    }
}

thread_local! {
    static LIST: RefCell<List> = RefCell::default();
}

/// Who waits, and until when.
#[derive(Default)]
struct List {
    waiting: Vec<Option<Waiting>>,
    free: Vec<usize>,
    looked_at: bool,
    /// When it was looked at last: what was over by then is over, though it has never waited.
    looked: Option<Instant>,
}

struct Waiting {
    deadline: Instant,
    over: bool,
    waker: Waker,
}

impl List {
    fn enter(&mut self, deadline: Instant, waker: &Waker) -> usize {
        if !std::mem::replace(&mut self.looked_at, true) {
            tokio::spawn(look());
        }
        let waiting = Some(Waiting { deadline, over: false, waker: waker.clone() });
        match self.free.pop() {
            Some(at) => {
                self.waiting[at] = waiting;
                at
            }
            None => {
                self.waiting.push(waiting);
                self.waiting.len() - 1
            }
        }
    }
    fn is_over(&mut self, at: usize, waker: &Waker) -> bool {
        let Some(Some(waiting)) = self.waiting.get_mut(at) else { return false };
        if !waiting.waker.will_wake(waker) {
            waiting.waker.clone_from(waker);
        }
        waiting.over
    }
    fn leave(&mut self, at: usize) {
        if self.waiting.get_mut(at).and_then(Option::take).is_some() {
            self.free.push(at);
        }
    }
    fn is_empty(&self) -> bool {
        self.free.len() == self.waiting.len()
    }
    /// Wakes whoever has waited too long.
    fn wake_late(&mut self, now: Instant) {
        self.looked = Some(now);
        for waiting in self.waiting.iter_mut().flatten().filter(|waiting| !waiting.over && waiting.deadline <= now) {
            waiting.over = true;
            waiting.waker.wake_by_ref();
        }
    }
}

/// Says that nobody looks any more, however the look ends: a runtime may be dropped before its thread is.
struct Looking;

impl Drop for Looking {
    fn drop(&mut self) {
        // A thread that ends has no list any more.
        let _ = LIST.try_with(|list| list.borrow_mut().looked_at = false);
    }
}

async fn look() {
    let _looking = Looking;
    let mut empty = 0;
    while empty < EMPTY_LOOKS {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = Instant::now();
        empty = LIST.with_borrow_mut(|list| {
            list.wake_late(now);
            if list.is_empty() { empty + 1 } else { 0 }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_noticed_late_by_one_look_at_most_and_never_early() {
        for wait_ms in [0, 1, 19, 20, 21, 1_000, 30_000] {
            let (start, wait) = (Instant::now(), Duration::from_millis(wait_ms));
            assert_eq!(by(|| start + wait, pending::<()>()).await, Err(Late));
            let waited = start.elapsed();
            assert!(waited >= wait && waited <= wait + LOOK_EVERY + Duration::from_millis(1), "{wait:?}: {waited:?}");
        }
    }

    /// A body that came faster than it was read was read for ever: each of its frames waited for no more than a turn.
    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_holds_for_many_short_waits_ends_them() {
        let (start, mut turns) = (Instant::now(), 0);
        let over = start + Duration::from_millis(100);
        while by(|| over, tokio::task::yield_now()).await.is_ok() {
            turns += 1;
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!((100..=100 + 2 * LOOK_EVERY.as_millis()).contains(&turns), "{turns}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_in_time_is_given_and_leaves_no_place_behind() {
        let soon = |ms| tokio::time::sleep(Duration::from_millis(ms));
        for _ in 0..1_000 {
            let deadline = Instant::now() + Duration::from_millis(500);
            let (a, b) = tokio::join!(by(|| deadline, soon(5)), by(|| deadline, soon(900)));
            assert_eq!((a, b), (Ok(()), Err(Late)));
        }
        LIST.with_borrow(|list| assert!(list.is_empty() && list.waiting.len() <= 2));
        soon(60_000).await;
        LIST.with_borrow(|list| assert!(!list.looked_at, "an idle thread sleeps"));
        assert_eq!(by(Instant::now, pending::<()>()).await, Err(Late), "and is woken again");
    }
}
