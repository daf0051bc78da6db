//! Whether every live thread is really turning: each counts twice a second, from a task of its own among those of its
//! clients. A thread that stands still stops counting, and whoever watches stops saying that all is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Ended because it was told to.
const ENDED: u64 = u64::MAX;

/// A count for each live thread.
#[derive(Debug)]
pub struct Heartbeats(Box<[AtomicU64]>);

impl Heartbeats {
    /// For so many threads, none of which has turned yet.
    pub fn new(threads: usize) -> Arc<Heartbeats> {
        Arc::new(Heartbeats((0..threads).map(|_| AtomicU64::new(0)).collect()))
    }
    /// This thread has come round.
    pub(super) fn beat(&self, thread: usize) {
        if let Some(count) = self.0.get(thread) {
            count.fetch_add(1, Relaxed);
        }
    }
    /// This thread has ended as it was told to.
    pub(super) fn ended(&self, thread: usize) {
        if let Some(count) = self.0.get(thread) {
            count.store(ENDED, Relaxed);
        }
    }
}

/// Says `well` again and again, at least twice in `within`, as long as every live thread has come round since it was said
/// last. Never ends.
pub async fn watch(beats: Arc<Heartbeats>, within: Duration, mut well: impl FnMut()) {
    let mut seen = vec![0; beats.0.len()];
    let every = (within / 4).clamp(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        tokio::time::sleep(every).await;
        let now: Vec<u64> = beats.0.iter().map(|count| count.load(Relaxed)).collect();
        if now.iter().zip(&seen).all(|(now, seen)| now != seen || *now == ENDED) {
            seen = now;
            well();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn one_thread_that_stands_still_is_enough_and_one_that_ended_as_told_is_not() {
        let (beats, said) = (Heartbeats::new(3), Cell::new(0));
        let watching = watch(beats.clone(), Duration::from_secs(4), || said.set(said.get() + 1));
        let turning = async {
            let second = || tokio::time::sleep(Duration::from_secs(1));
            let turn = |threads: &[usize]| threads.iter().for_each(|thread| beats.beat(*thread));
            tokio::time::sleep(Duration::from_millis(500)).await;
            second().await;
            assert_eq!(said.get(), 0, "none has begun");
            for n in 1..=10 {
                turn(&[0, 1, 2]);
                second().await;
                assert_eq!(said.get(), n);
            }
            for _ in 0..10 {
                turn(&[0, 2]);
                second().await;
            }
            assert_eq!(said.get(), 10, "the second stands still");
            turn(&[0, 1, 2]);
            second().await;
            assert_eq!(said.get(), 11);
            beats.ended(1);
            turn(&[0, 2]);
            second().await;
            turn(&[0, 2]);
            second().await;
            assert_eq!(said.get(), 13);
        };
        tokio::select! {
            () = watching => {}
            () = turning => {}
        }
    }
}
