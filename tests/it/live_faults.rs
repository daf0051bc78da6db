//! Whatever the candidate does, no client notices: nine faults, ten thousand requests each.

use crate::support::origin::{Fault, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use std::thread;

const CLIENTS: usize = 4;
const EACH: usize = 2_500;

#[test]
fn no_fault_of_the_candidate_reaches_a_client() {
    for fault in Fault::ALL {
        let primary = Origin::answering(plain(b"the monolith's answer"));
        let candidate = Origin::failing(fault);
        let tee = Tee::start(&primary, &candidate, "");
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut client = tee.client();
                    for n in 0..EACH {
                        let answer = client.get(&format!("/review/{n}"));
                        assert_eq!((answer.status, &*answer.body), (200, &b"the monolith's answer"[..]), "{fault:?}");
                    }
                });
            }
        });
        let ledger = tee.settled();
        adds_up(&ledger);
        assert_eq!(number(&ledger, "received"), (CLIENTS * EACH) as u64, "{fault:?}");
        assert_eq!(number(&ledger, "judgements.match"), 0, "{fault:?}: {ledger}");
        assert!(number(&ledger, "judgements.mismatch") > 0, "{fault:?}: {ledger}");
        assert_eq!(primary.count(), CLIENTS * EACH, "{fault:?}");
    }
}

#[test]
fn mirroring_comes_back_after_the_candidate_does() {
    let primary = Origin::answering(plain(b"same"));
    let candidate = Origin::start(std::sync::Arc::new({
        let broken = std::sync::atomic::AtomicUsize::new(0);
        move |_, stream| {
            // Fails five times, and is well from then on.
            if broken.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 5 {
                return crate::support::origin::Next::Close;
            }
            let _ = std::io::Write::write_all(stream, &plain(b"same"));
            crate::support::origin::Next::Again
        }
    }));
    let config = "[mirror]\nbreaker = { failures = 5, window = \"10s\", cooldown = \"200ms\", probe_timeout = \"1s\" }";
    let tee = Tee::start(&primary, &candidate, config);
    let mut client = tee.client();
    crate::support::until("matches again", || {
        client.get("/a");
        let ledger = tee.ledger();
        adds_up(&ledger);
        (number(&ledger, "not_mirrored.breaker") > 0 && number(&ledger, "judgements.match") > 10).then_some(())
    });
}
