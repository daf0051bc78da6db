//! The shadow side blocked entirely: its thread stands still inside the judge, and live traffic completes all the same.

use crate::support::origin::{Origin, plain};
use crate::support::wire::Client;
use paritee::config::{self, Flags};
use paritee::judge::{Judgement, Vacuous, Verdict};
use paritee::store::{Options, StoreHandle};
use paritee::{mirror, proxy};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

#[test]
fn with_the_shadow_thread_blocked_live_traffic_completes() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let dir = tempfile::tempdir().unwrap();
    let flags = Flags {
        listen: Some("127.0.0.1:0".into()),
        primary: Some(primary.url()),
        candidate: Some(candidate.url()),
        admin: None,
        store: Some(dir.path().join("store")),
        workers: Some(1),
    };
    let config = Arc::new(config::load(None, &flags).unwrap());
    let options =
        Options { cache_bytes: config.store.cache_bytes, exemplars: config.store.exemplars, ..Options::default() };
    let (store, _) = StoreHandle::start(&config.store.dir, &options, 1, 1, 0).unwrap();
    let (entered, blocked) = mpsc::channel();
    let (let_go, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let (control, _shadow) = mirror::start(mirror::Setup {
        config: config.clone(),
        given: config::Given { file: None, flags },
        store: store.clone(),
        key: [0; 32],
        service: Arc::default(),
        incarnation: 1,
        judge: Arc::new(move |_, _, _| {
            // Nobody listens after the first.
            let _ = entered.send(());
            // Ends when the test lets go of its end.
            let _ = held.lock().unwrap().recv();
            Judgement::undecided(Verdict::Vacuous(Vacuous::NotModified))
        }),
    })
    .unwrap();
    let listeners = proxy::bind(config.listen, 1).unwrap();
    let address = listeners.address();
    let live = proxy::start(listeners, control.clone(), Duration::from_secs(1)).unwrap();
    let mut client = Client::connect(address);
    assert_eq!(client.get("/first").status, 200);
    blocked.recv_timeout(Duration::from_secs(10)).unwrap();
    for n in 0..2_000 {
        assert_eq!(client.get(&format!("/{n}")).body, b"same");
    }
    let ledger = control.ledger();
    assert_eq!((ledger.received(), ledger.counts.judged()), (2_001, 0));
    assert_eq!(ledger.in_flight, config.mirror.max_in_flight as u64, "the rest was refused: {ledger:?}");
    drop(client);
    drop(let_go);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert!(live.drain(proxy::Stop::ForGood, Duration::from_secs(2)).await);
        assert!(control.drain(Duration::from_secs(2)).await);
    });
    let ledger = control.ledger();
    assert_eq!((ledger.in_flight, ledger.received()), (0, 2_001));
    assert!(store.close(Duration::from_secs(5)));
    assert_eq!(store.ledger().counts, ledger.counts, "the store holds all of it");
}
