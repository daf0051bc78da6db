//! Connections that lie idle: last in, first out, so that few stay warm and the rest run out.

use std::cell::RefCell;
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection may lie idle: below the keep-alive of common servers (gunicorn 2 s, Node 5 s).
pub(super) const IDLE_AT_MOST: Duration = Duration::from_millis(1_500);
/// Idle longer than this, a connection may have been closed by the side without our having looked.
pub(super) const LOOK_AFTER: Duration = Duration::from_millis(50);
/// Connections kept idle by one thread to one side.
const CONNECTIONS: usize = 512;

/// One thread's idle connections to one side.
pub(super) struct Idle<C>(RefCell<Vec<Lying<C>>>);

/// One of them.
struct Lying<C> {
    connection: C,
    /// Of the way that it was made by.
    epoch: u64,
    since: Instant,
}

impl<C> Idle<C> {
    /// There is none.
    pub(super) fn new() -> Idle<C> {
        Idle(RefCell::default())
    }
    /// The one that has lain least, with its epoch; whether it still serves, its taker looks. `looked` says that the sockets have
    /// been looked at for this taker, since it is done once.
    pub(super) async fn take(&self, looked: &mut bool) -> Option<(C, u64)> {
        let Lying { connection, epoch, since } = self.0.borrow_mut().pop()?;
        let lay = since.elapsed();
        if lay >= IDLE_AT_MOST {
            // All below it lie longer still.
            self.0.borrow_mut().clear();
            return None;
        }
        if lay >= LOOK_AFTER && !std::mem::replace(looked, true) {
            // Lets the runtime look at its sockets once, so that a connection closed meanwhile says so.
            tokio::task::yield_now().await;
        }
        Some((connection, epoch))
    }
    /// Keeps one, unless there are enough.
    pub(super) fn put(&self, connection: C, epoch: u64) {
        let mut all = self.0.borrow_mut();
        if all.len() < CONNECTIONS {
            all.push(Lying { connection, epoch, since: Instant::now() });
        }
    }
    /// Closes those that lay too long, are of another epoch, or serve no more.
    pub(super) fn sweep(&self, epoch: u64, mut serves: impl FnMut(&mut C) -> bool) {
        self.0.borrow_mut().retain_mut(|lying| {
            lying.since.elapsed() < IDLE_AT_MOST && lying.epoch == epoch && serves(&mut lying.connection)
        });
    }
}
