//! A live thread: one runtime, one listener, its own pools.

use super::heartbeat::Heartbeats;
use super::listen::Listeners;
use super::tls::Tls;
use super::upload::ToSide;
use super::{connection, http2, places};
use crate::config::{RouteConfig, Upstream};
use crate::mirror::{Control, Lane, flush_when_parked};
use crate::upstream::{Dialect, Pool, Reach};
use http::HeaderValue;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bytes of a side connection's read buffer, and so of an answer's head: a body of 256 KiB fits beside its head, which would cost
/// another read and another write otherwise.
const BUFFER: usize = (256 + 8) << 10;
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
    /// The connections of the one before serve on where they went the same way.
    fn new(name: &'static str, side: &Upstream, way: &Arc<Reach>, before: Option<&Live>) -> Live {
        let same = before.map(|before| &before.pool).filter(|pool| Arc::ptr_eq(pool.reach(), way));
        let pool =
            same.cloned().unwrap_or_else(|| Pool::new(way.clone(), Dialect { preserve_case: true, buffer: BUFFER }));
        Live { name, pool, base_path: side.base_path.clone(), timeout: side.timeout }
    }
}

/// What the requests of one thread share that began under one config.
pub(super) struct Worker {
    pub(super) lane: Rc<Lane>,
    /// What a client of HTTP/1.0 that names no host has asked for.
    pub(super) default_host: Option<HeaderValue>,
    primary: Live,
    candidate: Option<Live>,
}

impl Worker {
    fn new(lane: Rc<Lane>, before: Option<&Worker>) -> Rc<Worker> {
        let config = lane.config().clone();
        let primary =
            Live::new("primary", &config.primary, lane.way_to_primary(), before.map(|before| &before.primary));
        let earlier = before.and_then(|before| before.candidate.as_ref());
        let candidate = config.candidate.as_ref().zip(lane.way_to_candidate());
        let candidate = candidate.map(|(side, way)| Live::new("candidate", side, way, earlier));
        let default_host = HeaderValue::from_str(&config.primary.authority).ok();
        Rc::new(Worker { lane, default_host, primary, candidate })
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

/// What the connections of one thread share, whatever config is in force.
pub(super) struct LiveThread {
    worker: RefCell<Rc<Worker>>,
    pub(super) settings: hyper::server::conn::http1::Builder,
    pub(super) http2: h2::server::Builder,
    /// Where clients speak TLS.
    pub(super) tls: Option<Tls>,
    /// Room for connections and what may stand behind them; streams of HTTP/2 take it too.
    pub(super) places: Arc<Semaphore>,
}

impl LiveThread {
    fn new(lane: Rc<Lane>, places: Arc<Semaphore>) -> Rc<LiveThread> {
        let tls = lane.config().tls.as_ref().map(Tls::new);
        let (settings, http2) = (connection::settings(), http2::settings());
        Rc::new(LiveThread { worker: RefCell::new(Worker::new(lane, None)), settings, http2, tls, places })
    }
    /// For one request or handshake, under the config that is in force now: whoever asks keeps it to the end.
    pub(super) fn worker(&self) -> Rc<Worker> {
        let worker = self.worker.borrow().clone();
        if worker.lane.is_current() { worker } else { self.renewed(&worker) }
    }
    #[cold]
    fn renewed(&self, before: &Worker) -> Rc<Worker> {
        let worker = Worker::new(before.lane.renewed(), Some(before));
        if let (Some(tls), Some(config)) = (&self.tls, &worker.lane.config().tls) {
            tls.renew(config);
        }
        self.worker.replace(worker.clone());
        worker
    }
}

/// How the live threads are told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not at all.
    No,
    /// What has been promised an answer gets one; nobody else will give it.
    ForGood,
    /// The listening sockets live on with somebody else, and so does what waits in their queues. A connection that lies idle
    /// is kept for so long: its next request is answered, with the word that it was the last.
    PassedOn(Duration),
}

/// The running live threads.
pub struct Proxy {
    control: Arc<Control>,
    stop: watch::Sender<Stop>,
    ended: mpsc::Receiver<()>,
    beats: Arc<Heartbeats>,
}

impl Proxy {
    /// Whether its threads are turning, for [`super::watch`].
    pub fn heartbeats(&self) -> Arc<Heartbeats> {
        self.beats.clone()
    }
    /// Stops accepting, lets what is under way be answered within `at_most`, and cuts the rest. True when nothing was cut.
    pub async fn drain(mut self, how: Stop, at_most: Duration) -> bool {
        self.control.set_draining();
        self.control.set_accepting(false);
        self.stop.send_replace(how);
        let all = async { while self.ended.recv().await.is_some() {} };
        tokio::time::timeout(at_most, all).await.is_ok()
    }
}

/// Starts one thread for each listener. A thread that is told to stop ends by itself after `drain_at_most`.
pub fn start(listeners: Listeners, control: Arc<Control>, drain_at_most: Duration) -> io::Result<Proxy> {
    let (stop, stopping) = watch::channel(Stop::No);
    let (alive, ended) = mpsc::channel(1);
    let dealt = listeners.dealt()?;
    let threads = dealt.len();
    let connections = places::for_each_thread(crate::sys::raise_descriptor_limit(), threads);
    control.taking_in().set_limit((connections * threads) as u64);
    let beats = Heartbeats::new(threads);
    for (number, listeners) in dealt.into_iter().enumerate() {
        let (control, stopping, alive) = (control.clone(), stopping.clone(), alive.clone());
        let (beats, told) = (beats.clone(), stopping.clone());
        let runtime = Builder::new_current_thread();
        let thread = move || {
            let _alive = alive;
            let mut runtime = runtime;
            let runtime = runtime.enable_all().on_thread_park(flush_when_parked).build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    let lane = control.lane();
                    lane.install();
                    let beat = {
                        let beats = beats.clone();
                        move || beats.beat(number)
                    };
                    runtime.block_on(accept(listeners, lane, connections, stopping, drain_at_most, beat));
                    runtime.shutdown_background();
                    flush_when_parked();
                    if *told.borrow() != Stop::No {
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
    listeners: Vec<std::net::TcpListener>,
    lane: Rc<Lane>,
    connections: usize,
    stop: watch::Receiver<Stop>,
    drain_at_most: Duration,
    beat: impl Fn() + 'static,
) {
    let free = Arc::new(Semaphore::new(connections));
    let thread = LiveThread::new(lane.clone(), free.clone());
    sweep(&thread, beat);
    tokio::task::spawn_local(lane.lag_watch().run());
    drop(lane);
    let mut accepting = JoinSet::new();
    for listener in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => drop(accepting.spawn_local(accept_on(listener, thread.clone(), stop.clone()))),
            Err(error) => tracing::error!(%error, "a live thread cannot listen"),
        }
    }
    while accepting.join_next().await.is_some() {}
    let deadline = Instant::now() + drain_at_most;
    while free.available_permits() < connections && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Takes connections of one socket until the tee is told to stop.
async fn accept_on(listener: TcpListener, thread: Rc<LiveThread>, mut stop: watch::Receiver<Stop>) {
    let (free, told) = (thread.places.clone(), stop.clone());
    let spawn = |stream: tokio::net::TcpStream, peer: std::net::SocketAddr, permit| {
        let (thread, stop) = (thread.clone(), told.clone());
        tokio::task::spawn_local(async move {
            thread.worker().lane.connection_opened();
            connection::run(thread.clone(), stream, peer.ip(), stop).await;
            thread.worker().lane.connection_closed();
            drop(permit);
        });
    };
    let how = loop {
        let next = async {
            // Over the limit, connections wait in the system's queue.
            let permit = match free.clone().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => {
                    thread.worker().lane.taking_in().full();
                    free.clone().acquire_owned().await.ok()
                }
            };
            (listener.accept().await, permit)
        };
        tokio::select! {
            biased;
            how = connection::stopped(&mut stop) => break how,
            (accepted, permit) = next => match accepted {
                Ok((stream, peer)) => spawn(stream, peer, permit),
                // Out of descriptors, or a connection that was gone before it was taken: neither is a reason to stop.
                Err(error) => {
                    thread.worker().lane.taking_in().failed(&error);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            },
        }
    };
    if how != Stop::ForGood {
        return;
    }
    // Whoever is in the system's queue already has been promised an answer.
    while let Ok(Ok((stream, peer))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        spawn(stream, peer, free.clone().try_acquire_owned().ok());
    }
}

/// Closes what is idle, and shows that the thread is turning.
fn sweep(thread: &Rc<LiveThread>, beat: impl Fn() + 'static) {
    let thread = Rc::downgrade(thread);
    tokio::task::spawn_local(async move {
        while let Some(thread) = thread.upgrade() {
            beat();
            // A thread without requests lets go of an earlier config here.
            let worker = thread.worker();
            worker.primary.pool.sweep();
            worker.candidate.iter().for_each(|candidate| candidate.pool.sweep());
            drop((worker, thread));
            tokio::time::sleep(SWEEP_EVERY).await;
        }
    });
}
