//! A live thread that stands still has no time to mirror: it says so, and mirrors again once it has been on time for a second.

use crate::support::origin::{Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use std::thread;
use std::time::Duration;

#[test]
fn a_tee_that_stood_still_does_not_mirror_for_a_second() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, "[mirror]\nmax_lag = \"250ms\"");
    let mut client = tee.client();
    assert_eq!(client.get("/before").status, 200);
    tee.signal("-STOP");
    // This is what is tested: nothing runs in the tee for so long.
    thread::sleep(Duration::from_millis(700));
    tee.signal("-CONT");
    until("requests that are not mirrored for lag", || {
        assert_eq!(client.get("/late").status, 200);
        (number(&tee.ledger(), "not_mirrored.lag") > 0).then_some(())
    });
    assert!(tee.said("a live thread is late"));
    let metrics = tee.admin("GET", "/metrics", "Host: localhost\r\n");
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = metrics.lines().find_map(|line| line.strip_prefix("paritee_live_lag_seconds "));
    assert!(line.and_then(|lag| lag.parse::<f64>().ok()).is_some_and(|lag| lag >= 0.4), "{metrics}");
    let mirrored = number(&tee.settled(), "mirrored");
    until("mirroring again", || {
        assert_eq!(client.get("/after").status, 200);
        (number(&tee.ledger(), "mirrored") > mirrored).then_some(())
    });
    until("the line that says so", || tee.said("on time again").then_some(()));
    adds_up(&tee.settled());
}

#[test]
fn turned_off_a_tee_that_stood_still_mirrors_at_once() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, "[mirror]\nmax_lag = false");
    let mut client = tee.client();
    tee.signal("-STOP");
    thread::sleep(Duration::from_millis(700));
    tee.signal("-CONT");
    (0..50).for_each(|_| assert_eq!(client.get("/a").status, 200));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "not_mirrored.lag"), number(&ledger, "mirrored")), (0, 50), "{ledger}");
}
