//! What the live tests are written in: the real program, raw clients, and upstreams that fake nothing but faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

pub(crate) mod browser;
pub(crate) mod frames;
pub(crate) mod front;
pub(crate) mod http2;
pub(crate) mod multi;
pub(crate) mod origin;
pub(crate) mod tee;
pub(crate) mod tls;
pub(crate) mod wire;

use std::time::{Duration, Instant};

/// Looks again and again until it holds; panics with `what` after ten seconds.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited ten seconds for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
