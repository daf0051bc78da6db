//! An upstream that speaks HTTP/2 alone: answers, refuses, and leaves in the ways that the protocol has.

use super::front::in_background;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;

/// A request as the upstream saw it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) parts: http::request::Parts,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

/// What the upstream does with a request.
pub(crate) enum Reply {
    /// A head, a body, and trailers where there are any.
    Answer(Response<Vec<u8>>, Vec<(&'static str, &'static str)>),
    /// `REFUSED_STREAM`: nothing was done.
    Refuse,
    /// `CANCEL`: who knows what was done.
    Break,
    /// A head and some of a body, and then `INTERNAL_ERROR`.
    Cut,
    /// The same with `NO_ERROR`.
    Stop,
}

impl Reply {
    pub(crate) fn ok(body: &[u8]) -> Reply {
        Reply::Answer(Response::new(body.to_vec()), Vec::new())
    }
}

type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;
type Serve = Arc<dyn Fn(Asked) -> Answering + Send + Sync>;

/// How it keeps its connections.
#[derive(Clone, Copy, Default)]
pub(crate) struct Keeping {
    /// Streams that it allows at once.
    pub(crate) streams: Option<u32>,
    /// After so many requests a connection is left with GOAWAY; what came by then is answered.
    pub(crate) leave_after: Option<usize>,
    /// So many requests are refused when the first of their body has come.
    pub(crate) refuse_early: usize,
}

/// An upstream on a port of its own.
pub(crate) struct Multi {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    /// The most streams that were under way at once, over all connections.
    pub(crate) most: Arc<AtomicUsize>,
    /// Requests refused early.
    pub(crate) refused: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Asked>>>,
}

struct Shared {
    serve: Serve,
    seen: Arc<Mutex<Vec<Asked>>>,
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Multi {
    pub(crate) fn start<F>(keeping: Keeping, serve: impl Fn(Asked) -> F + Send + Sync + 'static) -> Multi
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let multi = Multi {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            most: Arc::default(),
            refused: Arc::default(),
            seen: Arc::default(),
        };
        let shared = Arc::new(Shared {
            serve: Arc::new(move |asked| Box::pin(serve(asked))),
            seen: multi.seen.clone(),
            now: AtomicUsize::new(0),
            most: multi.most.clone(),
            refused: multi.refused.clone(),
        });
        let connections = multi.connections.clone();
        in_background(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                connections.fetch_add(1, SeqCst);
                tokio::spawn(connection(stream, keeping, shared.clone()));
            }
        });
        multi
    }
    /// Answers every request alike.
    pub(crate) fn answering(body: &'static [u8]) -> Multi {
        Multi::start(Keeping::default(), move |_| async move { Reply::ok(body) })
    }
    pub(crate) fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn connection(stream: TcpStream, keeping: Keeping, shared: Arc<Shared>) {
    let mut builder = h2::server::Builder::new();
    keeping.streams.into_iter().for_each(|streams| _ = builder.max_concurrent_streams(streams));
    // Whoever speaks something else is not served.
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let mut taken = 0;
    while let Some(Ok((request, respond))) = connection.accept().await {
        taken += 1;
        if keeping.leave_after == Some(taken) {
            connection.graceful_shutdown();
        }
        tokio::spawn(stream_of(request, respond, keeping, shared.clone()));
    }
}

async fn stream_of(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    keeping: Keeping,
    shared: Arc<Shared>,
) {
    let (parts, mut incoming) = request.into_parts();
    if keeping.refuse_early > shared.refused.load(SeqCst) {
        let _ = incoming.data().await;
        respond.send_reset(h2::Reason::REFUSED_STREAM);
        shared.refused.fetch_add(1, SeqCst);
        return;
    }
    let mut asked = Asked { parts, body: Vec::new(), trailers: None };
    shared.most.fetch_max(shared.now.fetch_add(1, SeqCst) + 1, SeqCst);
    while let Some(data) = incoming.data().await {
        let Ok(data) = data else {
            shared.now.fetch_sub(1, SeqCst);
            return;
        };
        incoming.flow_control().release_capacity(data.len()).unwrap();
        asked.body.extend_from_slice(&data);
    }
    asked.trailers = incoming.trailers().await.unwrap_or_default();
    shared.seen.lock().unwrap().push(asked.clone());
    let reply = (shared.serve)(asked).await;
    shared.now.fetch_sub(1, SeqCst);
    match reply {
        Reply::Refuse => respond.send_reset(h2::Reason::REFUSED_STREAM),
        Reply::Break => respond.send_reset(h2::Reason::CANCEL),
        Reply::Cut | Reply::Stop => {
            let code = if matches!(reply, Reply::Cut) { h2::Reason::INTERNAL_ERROR } else { h2::Reason::NO_ERROR };
            let Ok(mut stream) = respond.send_response(Response::new(()), false) else { return };
            // The tee may have left.
            let _ = stream.send_data(Bytes::from_static(b"half"), false);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stream.send_reset(code);
        }
        Reply::Answer(response, trailers) => {
            let (parts, body) = response.into_parts();
            let Ok(mut stream) = respond.send_response(Response::from_parts(parts, ()), false) else { return };
            // The tee may have left.
            let _ = stream.send_data(body.into(), trailers.is_empty());
            if !trailers.is_empty() {
                let fields = trailers
                    .into_iter()
                    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
                let _ = stream.send_trailers(fields.collect());
            }
        }
    }
}
