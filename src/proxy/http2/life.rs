//! How long a connection is kept: while it has something to do and the client is there. The peer of an idle one is told
//! (GOAWAY) before it closes, so that no request falls between.

use super::super::connection::HEAD_WITHIN;
use h2::{Ping, PingPong};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Without a stream for so long, a connection retires: as long as one of HTTP/1.1. What is in the middle of a head or of its
/// frames has no stream yet, so that this bounds a head too.
const IDLE_AT_MOST: Duration = HEAD_WITHIN;
/// With streams and without a byte for so long, the client is asked whether it is there …
const SILENT_AT_MOST: Duration = Duration::from_secs(30);
/// … and must answer within this.
const PONG_WITHIN: Duration = Duration::from_secs(15);
/// A client that was told that the connection retires, or that the tee stops, and has nothing under way, may take so long to
/// close it.
const RETIRED_FOR: Duration = Duration::from_secs(1);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    /// Tell the client, and let it close.
    Retire,
    /// Close.
    End,
}

/// A connection's life so far.
pub(super) struct Life {
    ping: Option<PingPong>,
    asked: Option<Instant>,
    read: u64,
    heard: Instant,
    busy: Instant,
    /// Told to close.
    retired: bool,
    /// Ended for what the client did: only the word for it still goes out.
    cut_off: Option<Instant>,
    look: Instant,
}

impl Life {
    pub(super) fn new(ping: Option<PingPong>) -> Life {
        let now = Instant::now();
        Life {
            ping,
            asked: None,
            read: 0,
            heard: now,
            busy: now,
            retired: false,
            cut_off: None,
            look: now + LOOK_EVERY,
        }
    }
    /// Waits until it is time to look again.
    pub(super) fn next_look(&self) -> tokio::time::Sleep {
        tokio::time::sleep_until(self.look)
    }
    /// There is a request.
    pub(super) fn used(&mut self) {
        self.busy = Instant::now();
    }
    /// The client was told that the tee stops.
    pub(super) fn close_soon(&mut self) {
        self.retired = true;
    }
    /// The connection is ended for what the client did.
    pub(super) fn cut_off(&mut self) {
        self.cut_off.get_or_insert_with(Instant::now);
    }
    pub(super) fn is_cut_off(&self) -> bool {
        self.cut_off.is_some()
    }
    /// Takes the answer to a ping, so that there can be another one.
    pub(super) fn hear_pong(&mut self, cx: &mut Context<'_>) {
        if let (Some(ping), true) = (&mut self.ping, self.asked.is_some())
            && let Poll::Ready(Ok(_)) = ping.poll_pong(cx)
        {
            self.asked = None;
        }
    }
    /// Looks at what is open, and at how many bytes have come in all.
    pub(super) fn look(&mut self, busy: bool, read: u64) -> Next {
        let now = Instant::now();
        self.look = now + LOOK_EVERY;
        if self.read != read {
            (self.read, self.heard) = (read, now);
        }
        if self.cut_off.is_some_and(|since| now - since >= RETIRED_FOR) {
            return Next::End;
        }
        if busy {
            self.busy = now;
            return self.look_at_peer(now);
        }
        let idle = now - self.busy;
        match self.retired {
            true if idle >= RETIRED_FOR => Next::End,
            false if idle >= IDLE_AT_MOST => {
                (self.retired, self.busy) = (true, now);
                Next::Retire
            }
            _ => Next::GoOn,
        }
    }
    fn look_at_peer(&mut self, now: Instant) -> Next {
        let silent = now - self.heard;
        match self.asked {
            Some(asked) if silent >= PONG_WITHIN && now - asked >= PONG_WITHIN => Next::End,
            None if silent >= SILENT_AT_MOST => {
                if let Some(ping) = &mut self.ping {
                    // One that cannot be sent is not asked again: the connection is at its end.
                    let _ = ping.send_ping(Ping::opaque());
                    self.asked = Some(now);
                }
                Next::GoOn
            }
            _ => Next::GoOn,
        }
    }
}
