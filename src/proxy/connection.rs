//! One client connection, from accept to close.

use super::heads::{RawHead, Watched};
use super::serve::serve;
use super::worker::Worker;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A head must be complete within this.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a head at most: an 8 KiB target and 32 KiB of fields are served.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes of a connection's read buffer at most.
const BUFFER: usize = 256 << 10;

/// How every client connection is served.
pub(super) fn settings() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER)
        // A client that has sent all it has to say still gets its answer.
        .half_close(true)
        .preserve_header_case(true);
    // The number of fields stays hyper's 100: setting it moves the parser's table from the stack to the heap.
    builder
}

/// Serves a connection until it closes, or, once told to stop, until what is under way on it is answered.
pub(super) async fn run(worker: Rc<Worker>, stream: TcpStream, peer: IpAddr, mut stop: watch::Receiver<bool>) {
    // Without it small answers wait for acknowledgements; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    let head = RawHead::new();
    let (requests, watched) = (worker.clone(), Watched { stream, head: head.clone() });
    let service = hyper::service::service_fn(move |request| {
        let (worker, head) = (requests.clone(), head.clone());
        async move { Ok::<_, Infallible>(serve(&worker, peer, &head, request).await) }
    });
    let connection = worker.settings.serve_connection(TokioIo::new(watched), service).with_upgrades();
    let mut connection = pin!(connection);
    let stopped = async {
        // An error means that the sender is gone, which is a stop as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        // How a connection ends was told to its exchanges.
        let _ = connection.await;
    }
}
