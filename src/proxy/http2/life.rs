//! How long a connection is kept: while it has something to do and the client is there. The peer of an idle one is told
//! (GOAWAY) before it closes, so that no request falls between.

use super::super::connection::HEAD_WITHIN;
use h2::{Ping, PingPong};
use std::task::Context;
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
        if let Some(ping) = &mut self.ping {
            // Whatever comes is a sign of life: that a byte came is what is looked at.
            let _ = ping.poll_pong(cx);
        }
    }
    /// Looks at what is open, and at how many bytes have come in all.
    pub(super) fn look(&mut self, busy: bool, read: u64) -> Next {
        let now = Instant::now();
        self.look = now + LOOK_EVERY;
        if self.read != read {
            (self.read, self.heard, self.asked) = (read, now, None);
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
            Some(asked) if now - asked >= PONG_WITHIN => Next::End,
            None if silent >= SILENT_AT_MOST => {
                if let Some(ping) = &mut self.ping {
                    // One that cannot be sent is not asked again: the connection is at its end.
                    let _ = ping.send_ping(Ping::opaque());
                }
                self.asked = Some(now);
                Next::GoOn
            }
            _ => Next::GoOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each second, with what `state` says of that second: busy, and bytes read. The first look that says more than
    /// "go on", and after how many seconds.
    async fn lived(life: &mut Life, mut state: impl FnMut(u64) -> (bool, u64)) -> (Next, u64) {
        for second in 1.. {
            tokio::time::advance(LOOK_EVERY).await;
            let (busy, read) = state(second);
            match life.look(busy, read) {
                Next::GoOn if second < 1_000 => {}
                next => return (next, second),
            }
        }
        unreachable!("a thousand looks are the end")
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_retires_and_then_ends_whatever_else_it_sends() {
        let mut life = Life::new(None);
        assert_eq!(lived(&mut life, |second| (false, second)).await, (Next::Retire, 30));
        assert_eq!(lived(&mut life, |second| (false, second)).await, (Next::End, 1));
        let mut life = Life::new(None);
        assert_eq!(lived(&mut life, |second| (second <= 40, second)).await, (Next::Retire, 70));
        let mut life = Life::new(None);
        // Requests that are too short to be seen by a look count too.
        for _ in 0..100 {
            tokio::time::advance(LOOK_EVERY).await;
            life.used();
            assert_eq!(life.look(false, 0), Next::GoOn);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn told_to_stop_it_stays_while_something_is_under_way() {
        let mut life = Life::new(None);
        life.close_soon();
        assert_eq!(lived(&mut life, |second| (second <= 50, second)).await, (Next::End, 51));
        let mut life = Life::new(None);
        life.cut_off();
        assert_eq!(lived(&mut life, |second| (true, second)).await, (Next::End, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_gone_without_a_word_is_found_out() {
        let mut life = Life::new(None);
        assert_eq!(lived(&mut life, |_| (true, 7)).await, (Next::End, 1 + 30 + 15), "the first byte is one");
        // One that reads a stream of events for long says little, and answers.
        let mut life = Life::new(None);
        assert_eq!(lived(&mut life, |second| (true, second / 40)).await, (Next::GoOn, 1_000));
    }
}
