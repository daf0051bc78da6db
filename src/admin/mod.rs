//! The admin listener: the JSON API over the running tee, on a thread and a runtime of its own, so that neither the live
//! path nor the shadow side ever waits for whoever asks.

mod api;
mod gate;
mod guard;
mod metrics;
mod reload;
mod rules;
mod seen;

use crate::mirror::Control;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Connections served at once; more wait to be accepted.
const CONNECTIONS: usize = 128;
/// For a request's head.
const HEAD: Duration = Duration::from_secs(5);
/// For connections to end after a stop.
const DRAIN: Duration = Duration::from_secs(2);

/// What every handler sees.
struct Shared {
    control: Arc<Control>,
    /// Where the listener is bound: one of the names it answers to.
    bound: SocketAddr,
}

/// A running admin listener. Dropping it stops it too, without waiting.
pub struct Handle {
    bound: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.bound
    }
    /// Stops it: what is being answered may end, within two seconds.
    pub fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

/// Starts answering on a listener that the caller has bound.
pub fn start(listener: std::net::TcpListener, control: Arc<Control>) -> io::Result<Handle> {
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = watch::channel(false);
    let router = router(Arc::new(Shared { control, bound }));
    let thread = std::thread::Builder::new()
        .name("paritee-admin".to_owned())
        .spawn(move || runtime.block_on(accept(listener, router, stopped)))?;
    Ok(Handle { bound, stop, thread: Some(thread) })
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/ledger", get(api::ledger))
        .route("/api/report", get(api::report))
        .route("/api/gate", get(gate::answer))
        .route("/api/coverage", get(seen::of_routes))
        .route("/api/roles", get(seen::of_roles))
        .route("/api/rules", get(rules::rules))
        .route("/api/samples", get(rules::samples))
        .route("/api/signatures/{id}/kept", get(rules::kept))
        .route("/api/signatures/{id}", get(api::signature))
        .route("/api/mirror", get(api::mirror))
        .route("/api/mirror/{switch}", post(api::switch))
        .route("/api/reload", get(reload::state).post(reload::reload))
        .route("/healthz", get(api::healthz))
        .route("/readyz", get(api::readyz))
        .route("/metrics", get(metrics::metrics))
        .fallback(api::not_found)
        .method_not_allowed_fallback(api::method_not_allowed)
        .layer(from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared)
}

async fn accept(listener: tokio::net::TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ended(&mut stopped) => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors: wait for some to come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (service, mut stopped) = (TowerToHyperService::new(router.clone()), stopped.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(64 << 10)
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => {}
                () = ended(&mut stopped) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(DRAIN, connection).await;
                }
            }
            drop(permit);
        });
    }
    // Every permit back means every connection has ended.
    let _ = tokio::time::timeout(DRAIN, connections.acquire_many(CONNECTIONS as u32)).await;
}

async fn ended(stopped: &mut watch::Receiver<bool>) {
    // An error means that the handle is gone, which is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
