//! The mirror hurts the primary through the back door, by a database that both sides use: the tee notices, backs off, and
//! comes back. And it does not where the primary is no slower.

use crate::support::origin::{Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use serde_json::Value;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const CLIENTS: usize = 6;
/// More control requests than by default, so that a decision takes seconds.
const CONFIG: &str = "[mirror]\nback_off = { control = 5 }";

/// One database: whoever asks while the candidate works waits longer, as long as it is a slow one.
#[derive(Default)]
struct Database {
    candidates: AtomicUsize,
    slow: AtomicBool,
}

fn sides(database: &Arc<Database>) -> (Origin, Origin) {
    let (at_primary, at_candidate) = (database.clone(), database.clone());
    let primary = Origin::start(Arc::new(move |_, stream| {
        let crowded = at_primary.slow.load(SeqCst) && at_primary.candidates.load(SeqCst) > 0;
        thread::sleep(Duration::from_micros(if crowded { 1_500 } else { 300 }));
        if stream.write_all(&plain(b"same")).is_ok() { Next::Again } else { Next::Close }
    }));
    let candidate = Origin::start(Arc::new(move |_, stream| {
        at_candidate.candidates.fetch_add(1, SeqCst);
        thread::sleep(Duration::from_micros(1_500));
        at_candidate.candidates.fetch_sub(1, SeqCst);
        if stream.write_all(&plain(b"same")).is_ok() { Next::Again } else { Next::Close }
    }));
    (primary, candidate)
}

/// True in the long runs: what is compared here is latencies of half a millisecond, which other tests on the same cores drown. The
/// test by which windows are judged is held by seeded simulations in `src/mirror/back_off` in every run.
fn quiet() -> bool {
    std::env::var_os("PARITEE_ALL").is_some()
}

/// Asks from many sessions until what is looked for is there, a minute and a half at most.
fn load_until(tee: &Tee, one_in: u64, look: impl Fn(&Value) -> bool) -> bool {
    let (over, start) = (AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let over = &over;
            scope.spawn(move || {
                let mut session = client;
                let mut client = tee.client();
                while !over.load(SeqCst) {
                    session = (session + CLIENTS) % 900;
                    let cookie = format!("Cookie: sessionid=s{session}\r\n");
                    let path = ["/api/review/7", "/api/book/9", "/about"][session % 3];
                    assert_eq!(client.request("GET", path, &cookie, b"").body, b"same");
                }
            });
        }
        let mut found = false;
        while !found && start.elapsed() < Duration::from_secs(90) {
            thread::sleep(Duration::from_millis(100));
            let ledger = tee.ledger();
            adds_up(&ledger);
            let (control, received) = (number(&ledger, "not_mirrored.control"), number(&ledger, "received"));
            assert!(control * one_in <= received, "{control} control requests of {received}");
            found = look(&ledger);
        }
        over.store(true, SeqCst);
        found
    })
}

fn metric(tee: &Tee, name: &str) -> f64 {
    let answer = tee.admin("GET", "/metrics", "Host: localhost\r\n");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn the_tee_backs_off_from_a_primary_that_the_mirror_slows_down_and_comes_back() {
    if !quiet() {
        return;
    }
    let database = Arc::new(Database::default());
    database.slow.store(true, SeqCst);
    let (primary, candidate) = sides(&database);
    let tee = Tee::start(&primary, &candidate, CONFIG);
    let backed_off = load_until(&tee, 20, |ledger| number(ledger, "not_mirrored.back_off") > 100);
    assert!(backed_off, "{}", String::from_utf8_lossy(&tee.admin("GET", "/metrics", "Host: localhost\r\n").body));
    assert!(tee.said("the primary is slower with the mirror"), "it is said");
    assert!(metric(&tee, "paritee_back_off_share") < 1.0);
    let (with, without) = (
        metric(&tee, "paritee_primary_latency_seconds{mirror=\"with\"}"),
        metric(&tee, "paritee_primary_latency_seconds{mirror=\"without\"}"),
    );
    assert!(with > 1.1 * without, "the comparison shows it: {with} s against {without} s");
    database.slow.store(false, SeqCst);
    let back = load_until(&tee, 20, |_| metric(&tee, "paritee_back_off_share") >= 1.0);
    assert!(
        back,
        "mirroring comes back: {}",
        String::from_utf8_lossy(&tee.admin("GET", "/metrics", "Host: localhost\r\n").body)
    );
    assert!(tee.said("twice as much is mirrored again"));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert!(number(&ledger, "not_mirrored.control") > 0, "{ledger}");
}

#[test]
fn a_primary_that_is_no_slower_is_never_backed_off_from() {
    if !quiet() {
        return;
    }
    let (primary, candidate) = sides(&Arc::default());
    let tee = Tee::start(&primary, &candidate, CONFIG);
    let compared = |_: &Value| metric(&tee, "paritee_control_windows_total{outcome=\"compared\"}") >= 12.0;
    assert!(load_until(&tee, 20, compared), "windows are compared");
    let ledger = tee.settled();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    assert_eq!((n("not_mirrored.back_off"), metric(&tee, "paritee_back_off_share")), (0, 1.0), "{ledger}");
    assert!(n("not_mirrored.control") >= 9, "{ledger}");
    assert_eq!(candidate.count() as u64, n("mirrored"), "{ledger}");
}

#[test]
fn by_default_one_request_in_500_is_a_control_request_and_turned_off_none_is() {
    let sides = || (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let (primary, candidate) = sides();
    let tee = Tee::start(&primary, &candidate, "[mirror]\nmax_in_flight = 4096");
    assert!(load_until(&tee, 500, |ledger| number(ledger, "not_mirrored.control") > 0), "control requests come");
    let (primary, candidate) = sides();
    let tee = Tee::start(&primary, &candidate, "[mirror]\nmax_in_flight = 4096\nback_off = false");
    assert!(load_until(&tee, 500, |ledger| number(ledger, "mirrored") > 8_000));
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "not_mirrored.control"), 0, "{ledger}");
    let metrics = tee.admin("GET", "/metrics", "Host: localhost\r\n");
    assert!(!String::from_utf8_lossy(&metrics.body).contains("paritee_back_off"));
}
