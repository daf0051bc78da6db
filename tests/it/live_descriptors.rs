//! Few descriptors: it is told, whoever finds no place waits and is served, and nobody is refused.

use crate::support::origin::{Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};

/// Runs the tee where so many descriptors may be open.
fn limited(descriptors: u32) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_paritee")]);
    command
}

fn metric(tee: &Tee, name: &str) -> u64 {
    let page = String::from_utf8(tee.admin("GET", "/metrics", "Host: localhost\r\n").body).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

/// Dropped, it lets everybody leave.
struct Leaving(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Leaving {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[test]
fn with_128_descriptors_32_clients_are_served_at_once_and_a_hundred_in_the_end() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let sides = format!(
        "[upstreams.primary]\nurl = \"{}\"\n[upstreams.candidate]\nurl = \"{}\"\n[mirror]\nmax_in_flight = 1000\n",
        primary.url(),
        candidate.url()
    );
    let tee = Tee::by(limited(128), 0, &sides);
    until("it is told", || tee.said("at most 32 clients are served at once").then_some(()));
    assert!(tee.said("only 128 descriptors") && tee.said("LimitNOFILE="), "{:?}", tee.lines());
    assert_eq!((metric(&tee, "paritee_descriptors_limit"), metric(&tee, "paritee_connections_limit")), (128, 32));
    let answered = AtomicU64::new(0);
    let leave = Arc::new((Mutex::new(false), Condvar::new()));
    std::thread::scope(|scope| {
        // However this ends: whoever stays leaves then.
        let _leaving = Leaving(leave.clone());
        for _ in 0..100 {
            scope.spawn(|| {
                let mut client = tee.client();
                assert_eq!(client.get("/a").body, b"same");
                answered.fetch_add(1, SeqCst);
                // Stays until it is told, as a browser would.
                let (told, changed) = &*leave;
                drop(changed.wait_while(told.lock().unwrap(), |told| !*told).unwrap());
            });
        }
        until("every place is taken", || (metric(&tee, "paritee_connections") == 32).then_some(()));
        until("they are served", || (answered.load(SeqCst) == 32).then_some(()));
        assert!(metric(&tee, "paritee_connections_waited_total") >= 2, "both threads had no place for another");
        assert!(metric(&tee, "paritee_descriptors_open") <= 128);
        assert_eq!(answered.load(SeqCst), 32);
        drop(Leaving(leave.clone()));
        until("all are served", || (answered.load(SeqCst) == 100).then_some(()));
    });
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), number(&ledger, "judgements.match")), (100, 100), "{ledger}");
    assert!(tee.said("every place for a client is taken"), "{:?}", tee.lines());
}

#[test]
fn with_enough_descriptors_nothing_is_said() {
    let primary = Origin::answering(plain(b"same"));
    let tee = Tee::by(limited(4_096), 0, &format!("[upstreams.primary]\nurl = \"{}\"\n", primary.url()));
    assert_eq!(tee.client().get("/a").status, 200);
    assert!(!tee.said("descriptors"), "{:?}", tee.lines());
    let (open, limit) = (metric(&tee, "paritee_descriptors_open"), metric(&tee, "paritee_descriptors_limit"));
    assert!((10..100).contains(&open) && limit == 4_096, "{open} of {limit}");
    let connections = metric(&tee, "paritee_connections_limit");
    assert_eq!(connections, (4_096 - 128 - 2 * 256) / 2, "whatever sides the next config has");
}
