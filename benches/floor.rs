//! The yardstick: what a mirror costs that does the least it can and still compares. The primary's answer streams to the
//! client and is kept as it passes, the same request goes to the candidate, and the bytes of both answers are held against
//! each other. No limits, no rules, no account, no store, no protection: not for use.
//!
//! `cargo bench --bench floor -- LISTEN PRIMARY CANDIDATE [THREADS]`, each an address; it serves until it is stopped.

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use tokio::sync::oneshot;

type Asker = Client<HttpConnector, Full<Bytes>>;

static EQUAL: AtomicU64 = AtomicU64::new(0);
static DIFFERENT: AtomicU64 = AtomicU64::new(0);

/// The primary's answer on its way to the client, kept.
struct Tap {
    incoming: Incoming,
    kept: Vec<Bytes>,
    told: Option<oneshot::Sender<Vec<Bytes>>>,
}

impl Tap {
    fn end(&mut self) {
        if let Some(told) = self.told.take() {
            let _ = told.send(std::mem::take(&mut self.kept));
        }
    }
}

impl Body for Tap {
    type Data = Bytes;
    type Error = hyper::Error;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let tap = self.get_mut();
        let frame = ready!(Pin::new(&mut tap.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => tap.kept.extend(frame.data_ref().cloned()),
            _ => tap.end(),
        }
        if tap.incoming.is_end_stream() {
            tap.end();
        }
        Poll::Ready(frame)
    }
    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }
    fn size_hint(&self) -> http_body::SizeHint {
        self.incoming.size_hint()
    }
}

fn aimed(head: &http::request::Parts, body: &Bytes, side: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body.clone()));
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = format!("http://{side}{target}").parse::<Uri>().unwrap_or_default();
    *request.method_mut() = head.method.clone();
    *request.headers_mut() = head.headers.clone();
    request
}

async fn serve(asker: Asker, primary: String, candidate: String, request: Request<Incoming>) -> Response<Tapped> {
    let (head, body) = request.into_parts();
    let failed = || {
        let mut answer = Response::new(http_body_util::Either::Right(Full::new(Bytes::from_static(b"no answer"))));
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    };
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else { return failed() };
    let Ok(answer) = asker.request(aimed(&head, &body, &primary)).await else { return failed() };
    let (told, kept) = oneshot::channel::<Vec<Bytes>>();
    tokio::spawn(async move {
        let Ok(theirs) = asker.request(aimed(&head, &body, &candidate)).await else { return };
        let (Ok(theirs), Ok(kept)) = (theirs.into_body().collect().await, kept.await) else { return };
        let equal = *theirs.to_bytes() == *kept.concat();
        if equal { &EQUAL } else { &DIFFERENT }.fetch_add(1, Relaxed);
    });
    answer.map(|incoming| http_body_util::Either::Left(Tap { incoming, kept: Vec::new(), told: Some(told) }))
}

type Tapped = http_body_util::Either<Tap, Full<Bytes>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [listen, primary, candidate, rest @ ..] = &arguments[..] else {
        return println!("floor: LISTEN PRIMARY CANDIDATE [THREADS]; nothing is measured here by itself");
    };
    let threads = rest.first().and_then(|threads| threads.parse().ok()).unwrap_or(1_usize);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.expect("an address to listen on");
        let asker: Asker = Client::builder(TokioExecutor::new()).build_http();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let (asker, primary, candidate) = (asker.clone(), primary.clone(), candidate.clone());
            let service = hyper::service::service_fn(move |request| {
                let (asker, primary, candidate) = (asker.clone(), primary.clone(), candidate.clone());
                async move { Ok::<_, Infallible>(serve(asker, primary, candidate, request).await) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}
