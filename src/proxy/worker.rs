//! A live thread: one runtime, one listener, its own pools.

use super::heartbeat::Heartbeats;
use super::listen::Listeners;
use super::tls::Tls;
use super::upload::ToSide;
use super::{connection, http2, places};
use crate::config::{Config, RouteConfig, Upstream};
use crate::mirror::{Control, Lane, flush_when_parked};
use crate::upstream::{Dialect, Pool, Reach};
use http::HeaderValue;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;

/// Bytes of a side connection's read buffer, and so of an answer's head.
const BUFFER: usize = 256 << 10;
/// Between two looks for idle connections, and between two signs that the thread is turning.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// What a stopping thread waits between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A side that answers clients.
pub(super) struct Live {
    /// `primary` or `candidate`.
    pub(super) name: &'static str,
    pub(super) pool: Rc<Pool<ToSide>>,
    pub(super) base_path: String,
    pub(super) timeout: Duration,
}

impl Live {
    fn new(name: &'static str, side: &Upstream, reach: Arc<Reach>) -> Live {
        let pool = Pool::new(reach, Dialect { preserve_case: true, buffer: BUFFER });
        Live { name, pool, base_path: side.base_path.clone(), timeout: side.timeout }
    }
}

/// How the sides that answer clients are reached, for all live threads.
struct Ways {
    primary: Arc<Reach>,
    candidate: Option<Arc<Reach>>,
}

impl Ways {
    fn new(config: &Config) -> Ways {
        Ways {
            primary: Reach::new("primary", &config.primary),
            candidate: config.candidate.as_ref().map(|side| Reach::new("candidate", side)),
        }
    }
}

/// What the requests of one thread share.
pub(super) struct Worker {
    pub(super) lane: Rc<Lane>,
    pub(super) settings: hyper::server::conn::http1::Builder,
    pub(super) http2: h2::server::Builder,
    /// Where clients speak TLS.
    pub(super) tls: Option<Tls>,
    /// Room for connections and what may stand behind them; streams of HTTP/2 take it too.
    pub(super) places: Arc<Semaphore>,
    /// What a client of HTTP/1.0 that names no host has asked for.
    pub(super) default_host: Option<HeaderValue>,
    primary: Live,
    candidate: Option<Live>,
}

impl Worker {
    fn new(lane: Rc<Lane>, config: &Config, ways: &Ways, places: Arc<Semaphore>) -> Rc<Worker> {
        Rc::new(Worker {
            lane,
            settings: connection::settings(),
            http2: http2::settings(),
            tls: config.tls.as_ref().map(Tls::new),
            places,
            default_host: HeaderValue::from_str(&config.primary.authority).ok(),
            primary: Live::new("primary", &config.primary, ways.primary.clone()),
            candidate: config
                .candidate
                .as_ref()
                .zip(ways.candidate.clone())
                .map(|(side, reach)| Live::new("candidate", side, reach)),
        })
    }
    /// True where the candidate's answer goes to the client: on routes that were cut over.
    pub(super) fn owns(&self, route: Option<&RouteConfig>) -> bool {
        self.candidate.is_some() && route.is_some_and(|route| route.owned_by_candidate)
    }
    /// The side whose answer the client gets.
    pub(super) fn side(&self, owned: bool) -> &Live {
        self.candidate.as_ref().filter(|_| owned).unwrap_or(&self.primary)
    }
}

/// The running live threads.
pub struct Proxy {
    control: Arc<Control>,
    stop: watch::Sender<bool>,
    ended: mpsc::Receiver<()>,
    beats: Arc<Heartbeats>,
}

impl Proxy {
    /// Whether its threads are turning, for [`super::watch`].
    pub fn heartbeats(&self) -> Arc<Heartbeats> {
        self.beats.clone()
    }
    /// Stops accepting, lets what is under way be answered within `at_most`, and cuts the rest. True when nothing was cut.
    pub async fn drain(mut self, at_most: Duration) -> bool {
        self.control.set_draining();
        self.control.set_accepting(false);
        self.stop.send_replace(true);
        let all = async { while self.ended.recv().await.is_some() {} };
        tokio::time::timeout(at_most, all).await.is_ok()
    }
}

/// Starts one thread for each listener. A thread that is told to stop ends by itself after `drain_at_most`.
pub fn start(listeners: Listeners, control: Arc<Control>, drain_at_most: Duration) -> io::Result<Proxy> {
    let (stop, stopping) = watch::channel(false);
    let (alive, ended) = mpsc::channel(1);
    let threads = listeners.each.len();
    let connections = places::for_each_thread(crate::sys::raise_descriptor_limit(), threads, control.config());
    control.taking_in().set_limit((connections * threads) as u64);
    let (ways, beats) = (Arc::new(Ways::new(control.config())), Heartbeats::new(threads));
    for (number, listener) in listeners.each.into_iter().enumerate() {
        let (control, stopping, alive, ways) = (control.clone(), stopping.clone(), alive.clone(), ways.clone());
        let (beats, told) = (beats.clone(), stopping.clone());
        let runtime = Builder::new_current_thread();
        let thread = move || {
            let _alive = alive;
            let mut runtime = runtime;
            let runtime = runtime.enable_all().on_thread_park(flush_when_parked).build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    let lane = control.lane();
                    Lane::install(Some(lane.clone()));
                    let beat = {
                        let beats = beats.clone();
                        move || beats.beat(number)
                    };
                    runtime.block_on(accept(listener, lane.clone(), &ways, connections, stopping, drain_at_most, beat));
                    runtime.shutdown_background();
                    lane.flush();
                    Lane::install(None);
                    if *told.borrow() {
                        beats.ended(number);
                    }
                }
                Err(error) => tracing::error!(%error, "no runtime for a live thread"),
            }
        };
        std::thread::Builder::new().name(format!("paritee-live-{number}")).spawn(thread)?;
    }
    control.set_accepting(true);
    Ok(Proxy { control, stop, ended, beats })
}

async fn accept(
    listener: std::net::TcpListener,
    lane: Rc<Lane>,
    ways: &Ways,
    connections: usize,
    mut stop: watch::Receiver<bool>,
    drain_at_most: Duration,
    beat: impl Fn() + 'static,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a live thread cannot listen"),
    };
    let config = lane.config().clone();
    let free = Arc::new(Semaphore::new(connections));
    let worker = Worker::new(lane, &config, ways, free.clone());
    sweep(&worker, beat);
    tokio::task::spawn_local(worker.lane.lag_watch().run());
    let told = stop.clone();
    let spawn = |stream: tokio::net::TcpStream, peer: std::net::SocketAddr, permit| {
        let (worker, stop) = (worker.clone(), told.clone());
        tokio::task::spawn_local(async move {
            worker.lane.connection_opened();
            connection::run(worker.clone(), stream, peer.ip(), stop).await;
            worker.lane.connection_closed();
            drop(permit);
        });
    };
    loop {
        let next = async {
            // Over the limit, connections wait in the system's queue.
            let permit = match free.clone().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => {
                    worker.lane.taking_in().full();
                    free.clone().acquire_owned().await.ok()
                }
            };
            (listener.accept().await, permit)
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            (accepted, permit) = next => match accepted {
                Ok((stream, peer)) => spawn(stream, peer, permit),
                // Out of descriptors, or a connection that was gone before it was taken: neither is a reason to stop.
                Err(error) => {
                    worker.lane.taking_in().failed(&error);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            },
        }
    }
    // Whoever is in the system's queue already has been promised an answer.
    while let Ok(Ok((stream, peer))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        spawn(stream, peer, free.clone().try_acquire_owned().ok());
    }
    drop(listener);
    let deadline = Instant::now() + drain_at_most;
    while free.available_permits() < connections && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Closes what is idle, and shows that the thread is turning.
fn sweep(worker: &Rc<Worker>, beat: impl Fn() + 'static) {
    let worker = Rc::downgrade(worker);
    tokio::task::spawn_local(async move {
        while let Some(worker) = worker.upgrade() {
            beat();
            worker.primary.pool.sweep();
            worker.candidate.iter().for_each(|candidate| candidate.pool.sweep());
            drop(worker);
            tokio::time::sleep(SWEEP_EVERY).await;
        }
    });
}
