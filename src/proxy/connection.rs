//! One client connection, from accept to close: what it speaks, and how HTTP/1.1 is served.

use super::first::{Begun, Spoken};
use super::from_client::FromClient;
use super::heads::{RawHead, Watched};
use super::http2;
use super::serve::serve;
use super::worker::{LiveThread, Stop};
use crate::upstream::Hop;
use crate::upstream::deadline::CoarseTimer;
use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A head must be complete within this, and a connection without a request says something within this.
pub(super) const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// A client that has not said a word when the tee is told to stop has so long for the first one.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bytes of a head at most: an 8 KiB target and 32 KiB of fields are served.
pub(super) const HEAD_BYTES: usize = 64 << 10;
/// Bytes of a connection's read buffer at most.
const BUFFER: usize = 256 << 10;

/// How every client connection of HTTP/1.1 is served.
pub(super) fn settings() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(CoarseTimer)
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
pub(super) async fn run(thread: Rc<LiveThread>, stream: TcpStream, peer: IpAddr, mut stop: watch::Receiver<Stop>) {
    // Without it small answers wait for acknowledgements; a socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    let hop = Hop::new(peer, thread.tls.is_some());
    // What is only of some connections is boxed, since its state would else take its room in the task of every one.
    match &thread.tls {
        None => match before_stop(&mut stop, Begun::hear(stream)).await {
            Some((Spoken::Http1, begun)) => serve_http1(thread, begun, hop, stop).await,
            Some((Spoken::Http2, begun)) => Box::pin(http2::run(thread, begun, hop, stop)).await,
            None => {}
        },
        Some(tls) => {
            let shaken = Box::pin(tls.handshake(stream, thread.worker()));
            let Some(begun) = before_stop(&mut stop, shaken).await.map(Begun::new) else {
                return;
            };
            match begun.chosen() {
                Spoken::Http1 => Box::pin(serve_http1(thread.clone(), begun, hop, stop)).await,
                Spoken::Http2 => Box::pin(http2::run(thread.clone(), begun, hop, stop)).await,
            }
        }
    }
}

/// What the client's first words make of the connection; `None` where they do not come in time.
async fn before_stop<T>(stop: &mut watch::Receiver<Stop>, words: impl Future<Output = Option<T>>) -> Option<T> {
    let too_late = async {
        let at_most = tokio::time::timeout(HEAD_WITHIN, stopped(stop)).await;
        match at_most {
            Ok(Stop::PassedOn(idle)) => tokio::time::sleep(idle.max(LAST_WORDS)).await,
            Ok(_) => tokio::time::sleep(LAST_WORDS).await,
            Err(_) => {}
        }
    };
    tokio::select! {
        biased;
        words = words => words,
        () = too_late => None,
    }
}

async fn serve_http1<S>(thread: Rc<LiveThread>, stream: Begun<S>, hop: Hop, mut stop: watch::Receiver<Stop>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head = RawHead::new();
    let (requests, watched) = (thread.clone(), Watched { stream, head: head.clone() });
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (worker, hop, head) = (requests.worker(), hop.clone(), head.clone());
        async move {
            let mut response = serve(&worker, &hop, &head, request.map(FromClient::Http1)).await;
            if worker.lane.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                // The client learns that this was the last one, instead of finding out with the next.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = thread.settings.serve_connection(TokioIo::new(watched), service).with_upgrades();
    let mut connection = pin!(connection);
    let Some(stopped) = until_told(connection.as_mut(), &mut stop).await else {
        // How a connection ends was told to its exchanges.
        return;
    };
    let idle = if let Stop::PassedOn(idle) = stopped { idle } else { Duration::ZERO };
    if tokio::time::timeout(idle, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Drives a connection until it ends, or until the tee is told to stop, and how. That is waited for once: asking again at each
/// of a request's turns would cost as much as its route.
async fn until_told<C: Future>(mut connection: Pin<&mut C>, stop: &mut watch::Receiver<Stop>) -> Option<Stop> {
    let (news, mut told, mut waiting) = (stop.clone(), pin!(stopped(stop)), false);
    poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        // An error means that the sender is gone, which is news as well.
        if std::mem::replace(&mut waiting, true) && !news.has_changed().unwrap_or(true) {
            return Poll::Pending;
        }
        told.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Waits until the tee is told to stop, and how.
pub(super) async fn stopped(stop: &mut watch::Receiver<Stop>) -> Stop {
    // An error means that the sender is gone, which is a stop as well.
    stop.wait_for(|stop| *stop != Stop::No).await.map_or(Stop::ForGood, |stop| *stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What a client of these settings reads from the last byte that it sends until the connection ends, and after how long.
    async fn silent_after(sent: &str, answers: usize) -> (String, Duration) {
        let (mut client, server) = tokio::io::duplex(4_096);
        let service = hyper::service::service_fn(|_| async {
            Ok::<_, Infallible>(http::Response::new(super::super::answer::ToClient::Empty))
        });
        let served = settings().serve_connection(TokioIo::new(server), service);
        let asked = async move {
            client.write_all(sent.as_bytes()).await.unwrap();
            let mut text = String::new();
            while text.matches("\r\n\r\n").count() < answers {
                text.push(char::from(client.read_u8().await.unwrap()));
            }
            let idle_since = tokio::time::Instant::now();
            let mut rest = String::new();
            client.read_to_string(&mut rest).await.unwrap();
            (rest, idle_since.elapsed())
        };
        let ended = async move {
            // It says that the head never came; nobody is there to be told. Dropped here, the connection closes.
            let _ = served.await;
        };
        tokio::join!(ended, asked).1
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_closed_after_thirty_seconds_without_a_byte() {
        let whole = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for (sent, answers) in [(whole, 1), ("", 0), ("GET / HTTP/1.1\r\nHo", 0), (&*whole.repeat(3), 3)] {
            let (rest, after) = silent_after(sent, answers).await;
            assert_eq!(rest, "", "{sent:?}");
            assert!((HEAD_WITHIN..HEAD_WITHIN + Duration::from_secs(1)).contains(&after), "{sent:?}: {after:?}");
        }
    }
}
