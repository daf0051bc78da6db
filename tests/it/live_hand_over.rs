//! Another process goes on where this one stops: on sockets that systemd holds, or on those that the one passes to the other.
//! No request fails, and each is in the ledger.

use crate::support::origin::{Origin, plain};
use crate::support::tee::{Tee, adds_up, at_rest, number, sides};
use crate::support::wire::Client;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// What the clients of one load were given.
#[derive(Default)]
struct Load {
    answered: AtomicU64,
    /// The longest wait, in milliseconds.
    slowest: AtomicU64,
    over: AtomicBool,
}

impl Load {
    fn timed(&self, ask: impl FnOnce() -> Vec<u8>) {
        let start = Instant::now();
        assert_eq!(ask(), b"same");
        self.slowest.fetch_max(start.elapsed().as_millis() as u64, SeqCst);
        self.answered.fetch_add(1, SeqCst);
    }
    fn fresh(&self, live: SocketAddr) {
        while !self.over.load(SeqCst) {
            self.timed(|| Client::connect(live).request("GET", "/fresh", "Connection: close\r\n", b"").body);
        }
    }
    /// Keeps its connection for as long as it is allowed to.
    fn kept(&self, live: SocketAddr) {
        let mut client = Client::connect(live);
        while !self.over.load(SeqCst) {
            let mut last = false;
            self.timed(|| {
                let answer = client.get("/kept");
                last = answer.header("connection") == Some("close");
                answer.body
            });
            if last {
                client = Client::connect(live);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn on_sockets_of_systemd_a_restart_refuses_nobody() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let sockets = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [live, admin] = [0, 1].map(|at| sockets[at].local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let config = format!("workers = 2\n{}", sides(&primary.url(), &candidate.url(), "[mirror]\nmax_in_flight = 1000"));
    std::fs::write(dir.path().join("paritee.toml"), config).unwrap();
    let mut tee = Tee::activated([&sockets[0], &sockets[1]], dir);
    assert_eq!((tee.live, tee.admin), (live, admin));
    let load = Load::default();
    let dir = thread::scope(|scope| {
        scope.spawn(|| load.fresh(live));
        scope.spawn(|| load.fresh(live));
        scope.spawn(|| load.kept(live));
        for _ in 0..3 {
            let before = load.answered.load(SeqCst);
            crate::support::until("traffic", || (load.answered.load(SeqCst) > before + 100).then_some(()));
            tee = Tee::activated([&sockets[0], &sockets[1]], tee.stopped());
        }
        let before = load.answered.load(SeqCst);
        crate::support::until("traffic", || (load.answered.load(SeqCst) > before + 100).then_some(()));
        load.over.store(true, SeqCst);
        tee
    });
    adds_up(&dir.settled());
    let dir = dir.stopped();
    let ledger = at_rest(dir.path(), &["ledger"]);
    let answered = load.answered.load(SeqCst);
    assert_eq!((number(&ledger, "received"), primary.count() as u64), (answered, answered), "{ledger}");
    assert!(ledger["gaps"].as_array().is_none_or(Vec::is_empty), "{ledger}");
}
