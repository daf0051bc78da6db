//! What a connection costs against what it carries: floods of frames that mean nothing, and of streams that are opened to be
//! reset. Plain counting; whoever drives the connection looks at it.

use super::super::writes::writes_pass;
use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

/// Of all bytes read, an eighth must have carried something, in either direction …
const WORTH: u64 = 8;
/// … beyond this allowance: settings, pings, windows, priorities of a long quiet life.
const ALLOWANCE: u64 = 1 << 20;
/// So many streams may be reset by the client within …
const RESETS: u32 = 100;
/// … this time, whatever their share: a browser that leaves a page resets all it has open.
const RESETS_WITHIN: Duration = Duration::from_secs(10);

/// One connection's figures.
pub(super) struct Meter {
    read: Cell<u64>,
    carried: Cell<u64>,
    since: Cell<Instant>,
    opened: Cell<u32>,
    reset: Cell<u32>,
}

impl Meter {
    pub(super) fn new() -> Meter {
        Meter {
            read: Cell::new(0),
            carried: Cell::new(0),
            since: Cell::new(Instant::now()),
            opened: Cell::new(0),
            reset: Cell::new(0),
        }
    }
    /// Bytes read in all.
    pub(super) fn read(&self) -> u64 {
        self.read.get()
    }
    /// So many bytes of a head or a body passed, to the client or from it.
    pub(super) fn carried(&self, bytes: usize) {
        self.carried.set(self.carried.get() + bytes as u64);
    }
    /// One more request.
    pub(super) fn opened(&self) {
        if self.since.get().elapsed() >= RESETS_WITHIN {
            self.since.set(Instant::now());
            self.opened.set(0);
            self.reset.set(0);
        }
        self.opened.set(self.opened.get() + 1);
    }
    /// One that the client took back before its answer was whole.
    pub(super) fn reset(&self) {
        self.reset.set(self.reset.get() + 1);
    }
    /// Frames without end that carry nothing.
    pub(super) fn is_flood(&self) -> bool {
        self.read.get() / WORTH > self.carried.get() + ALLOWANCE
    }
    /// Most of what is asked for is taken back, again and again.
    pub(super) fn is_resetting(&self) -> bool {
        self.reset.get() > RESETS && self.reset.get() > self.opened.get() / 2
    }
}

/// A client's socket whose bytes are counted.
pub(super) struct Metered<S> {
    pub(super) stream: S,
    pub(super) meter: Rc<Meter>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.meter.read.set(self.meter.read.get() + (buf.filled().len() - before) as u64);
        read
    }
}

writes_pass!(Metered);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_bytes_that_carry_nothing_and_a_long_life_is_none() {
        let meter = Meter::new();
        meter.read.set(8 << 20);
        assert!(!meter.is_flood());
        meter.read.set((8 << 20) + 8);
        assert!(meter.is_flood());
        // 100 GiB to the client, a window of 13 bytes twice for each 32 KiB of them.
        let meter = Meter::new();
        meter.carried(100 << 30);
        meter.read.set((100_u64 << 30) / (32 << 10) * 26);
        assert!(!meter.is_flood());
        // Data in frames of five bytes, each under a head of nine.
        let meter = Meter::new();
        meter.carried(5 << 30);
        meter.read.set(14 << 30);
        assert!(!meter.is_flood());
    }

    #[tokio::test(start_paused = true)]
    async fn resets_count_against_what_was_asked_within_a_while() {
        let meter = Meter::new();
        let ask = |times: u32, reset: bool| {
            (0..times).for_each(|_| {
                meter.opened();
                if reset {
                    meter.reset();
                }
            });
        };
        ask(100, true);
        assert!(!meter.is_resetting(), "a page that is left");
        ask(200, false);
        ask(20, true);
        assert!(!meter.is_resetting(), "most are answered");
        ask(100, true);
        assert!(meter.is_resetting());
        tokio::time::advance(RESETS_WITHIN).await;
        ask(1, true);
        assert!(!meter.is_resetting());
    }
}
