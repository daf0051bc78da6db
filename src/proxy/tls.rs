//! TLS handshakes of one live thread: bounded in time and number. One that stands still holds nobody up: each has a task of
//! its own, and where there are too many, the oldest makes room for the newest.

use super::worker::Worker;
use crate::mirror::TurnedAway;
use rustls::ServerConfig;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A handshake must end within this: slow phones need a few round trips of a second.
const WITHIN: Duration = Duration::from_secs(10);
/// Handshakes under way on one thread, of some 40 KiB each. Ten seconds of silent newcomers at 25 a second fit; beyond that
/// those who wait longest are the likeliest never to speak.
const UNDER_WAY: usize = 256;

/// How one live thread shakes hands.
pub(super) struct Tls {
    acceptor: RefCell<TlsAcceptor>,
    /// In the order in which they began.
    under_way: RefCell<VecDeque<(u64, oneshot::Sender<()>)>>,
    next: Cell<u64>,
}

/// A handshake's place among those under way, given up when dropped.
struct Place<'t> {
    tls: &'t Tls,
    number: u64,
    pushed_out: oneshot::Receiver<()>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.tls.under_way.borrow_mut().retain(|(number, _)| *number != self.number);
    }
}

impl Tls {
    pub(super) fn new(config: &Arc<ServerConfig>) -> Tls {
        Tls { acceptor: RefCell::new(config.clone().into()), under_way: RefCell::default(), next: Cell::new(0) }
    }
    /// Handshakes that begin from now on show another certificate.
    pub(super) fn renew(&self, config: &Arc<ServerConfig>) {
        self.acceptor.replace(config.clone().into());
    }
    /// Shakes hands; `None` where it came to nothing, which is counted.
    pub(super) async fn handshake(&self, stream: TcpStream, worker: Rc<Worker>) -> Option<TlsStream<TcpStream>> {
        let mut place = self.place();
        let acceptor = self.acceptor.borrow().clone();
        let shaken = tokio::time::timeout(WITHIN, acceptor.accept(stream));
        let reason = tokio::select! {
            biased;
            shaken = shaken => match shaken {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    TurnedAway::TlsFailed
                }
                Err(_) => TurnedAway::TlsSlow,
            },
            _ = &mut place.pushed_out => TurnedAway::TlsCrowded,
        };
        worker.lane.turned_away(reason);
        None
    }
    fn place(&self) -> Place<'_> {
        let number = self.next.replace(self.next.get() + 1);
        let (push_out, pushed_out) = oneshot::channel();
        let mut under_way = self.under_way.borrow_mut();
        if under_way.len() >= UNDER_WAY
            && let Some((_, oldest)) = under_way.pop_front()
        {
            // Gone meanwhile: then there is room as well.
            let _ = oldest.send(());
        }
        under_way.push_back((number, push_out));
        Place { tls: self, number, pushed_out }
    }
}
