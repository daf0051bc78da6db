//! What a tee leaves behind in its store: all of it after a stop, all that it acknowledged after a kill.

use crate::support::origin::{Fault, Origin, plain};
use crate::support::tee::{Tee, adds_up, at_rest, number};
use crate::support::until;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A ledger without what only a running tee or only a store can say.
fn totals(ledger: &Value) -> Value {
    let mut totals = ledger.clone();
    let fields = totals.as_object_mut().expect("an object");
    for key in ["durable_seq", "gaps"] {
        fields.remove(key);
    }
    totals
}

fn gaps(ledger: &Value) -> &Vec<Value> {
    ledger["gaps"].as_array().expect("gaps")
}

#[test]
fn a_clean_stop_leaves_no_gap_and_the_same_totals() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"other")));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = tee.client();
    (0..120).for_each(|n| assert_eq!(client.get(&format!("/{}", n % 7)).status, 200));
    (0..5).for_each(|_| assert_eq!(client.request("DELETE", "/a", "", b"").status, 200));
    let before = tee.settled();
    assert_eq!(number(&before, "received"), 125);
    // The client's connection stays idle over the stop.
    let dir = tee.stopped();
    let after = at_rest(dir.path(), &["ledger"]);
    adds_up(&after);
    assert_eq!((gaps(&after).len(), number(&after, "in_flight")), (0, 0), "{after}");
    assert_eq!(totals(&after), totals(&before));
    // So it stays over a second life.
    let tee = Tee::again(dir);
    assert_eq!(tee.client().get("/a").status, 200);
    assert_eq!(number(&tee.settled(), "received"), 126);
    let after = at_rest(tee.stopped().path(), &["ledger"]);
    assert_eq!((gaps(&after).len(), number(&after, "received")), (0, 126), "{after}");
}

#[test]
fn report_and_show_say_the_same_running_and_at_rest() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"other")));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = tee.client();
    (0..9).for_each(|n| assert_eq!(client.get(&format!("/{n}?token=secret")).status, 200));
    tee.settled();
    let running = |path: &str| -> Value {
        let answer = tee.admin("GET", path, "Host: localhost\r\n");
        serde_json::from_slice(&answer.body).expect("JSON")
    };
    let report = running("/api/report");
    let id = report["signatures"][0]["id"].as_str().expect("a signature").to_owned();
    let shown = running(&format!("/api/signatures/{id}"));
    assert!(shown["exemplars"][0].to_string().contains(&primary.url()), "curl lines name the sides: {shown}");
    let dir = tee.stopped();
    assert_eq!(at_rest(dir.path(), &["report"])["signatures"], report["signatures"]);
    assert_eq!(at_rest(dir.path(), &["show", &id]), shown);
}

#[test]
fn a_stop_with_a_hanging_candidate_leaves_no_gap() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::failing(Fault::HangBeforeHead));
    let config = "[mirror]\nmax_in_flight = 50\n[mirror.breaker]\nfailures = 100000\n";
    let tee = Tee::start(&primary, &candidate, config);
    let mut client = tee.client();
    (0..80).for_each(|_| assert_eq!(client.get("/a").status, 200));
    let after = at_rest(tee.stopped().path(), &["ledger"]);
    adds_up(&after);
    assert_eq!((gaps(&after).len(), number(&after, "in_flight")), (0, 0), "{after}");
    assert_eq!(number(&after, "received"), 80, "{after}");
}

#[test]
fn a_batch_is_never_empty() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = tee.client();
    for n in 1..=3 {
        assert_eq!(client.get("/a").status, 200);
        until("it is durable", || (number(&tee.ledger(), "durable_seq") == n).then_some(()));
        // Idle, the open batch comes to its end some ten times; none of them may be written.
        thread::sleep(Duration::from_millis(500));
        assert_eq!(number(&tee.ledger(), "durable_seq"), n);
    }
}

/// What was read of a running tee, for what must be there after its end.
struct Read {
    durable_seq: u64,
    /// Of each signature, how often it was seen: what a report shows is on the device.
    signatures: BTreeMap<String, u64>,
    sent: u64,
}

fn counts(report: &Value) -> BTreeMap<String, u64> {
    let signatures = report["signatures"].as_array().expect("signatures");
    signatures.iter().map(|one| (one["id"].as_str().expect("an id").to_owned(), number(one, "count"))).collect()
}

/// Loads a tee until this long has passed, and kills it; what was last read of it, and what it leaves behind.
fn load_and_kill(tee: Tee, after: Duration, before: u64) -> (Read, tempfile::TempDir) {
    let (over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    let mut read = Read { durable_seq: 0, signatures: BTreeMap::new(), sent: 0 };
    let live = tee.live;
    let dir = thread::scope(|scope| {
        for load in 0..3 {
            let (over, sent) = (&over, &sent);
            scope.spawn(move || {
                let mut client = crate::support::wire::Client::connect(live);
                for n in 0u64.. {
                    let bytes = format!("GET /{}/{n} HTTP/1.1\r\nHost: a\r\n\r\n", (n + load) % 9);
                    // Counted before it is sent: nothing can be received and not be counted here.
                    sent.fetch_add(1, SeqCst);
                    let fine = client.try_send(bytes.as_bytes()) && client.answer(false).is_ok();
                    if over.load(SeqCst) {
                        return;
                    }
                    assert!(fine, "the live path failed under load");
                }
            });
        }
        while start.elapsed() < after || read.durable_seq == 0 || read.signatures.is_empty() {
            let ledger = tee.ledger();
            adds_up(&ledger);
            let report = tee.admin("GET", "/api/report", "Host: localhost\r\n");
            read.signatures = counts(&serde_json::from_slice(&report.body).expect("the report is JSON"));
            read.durable_seq = number(&ledger, "durable_seq");
        }
        over.store(true, SeqCst);
        tee.killed()
    });
    read.sent = before + sent.load(SeqCst);
    (read, dir)
}

/// Counts and exemplars agree: of the account, the report, and each signature.
fn agree(dir: &Path, ledger: &Value) {
    let report = at_rest(dir, &["report"]);
    let signatures = report["signatures"].as_array().expect("signatures");
    let mismatches = number(ledger, "judgements.mismatch");
    assert_eq!(signatures.is_empty(), mismatches == 0, "{ledger}");
    for signature in signatures {
        let (id, count) = (signature["id"].as_str().expect("an id"), number(signature, "count"));
        let shown = at_rest(dir, &["show", id]);
        let exemplars = shown["exemplars"].as_array().expect("exemplars").len() as u64;
        assert!((1..=count).contains(&exemplars) && count <= mismatches, "{signature}: {exemplars} of {mismatches}");
    }
    let most = signatures.iter().map(|signature| number(signature, "count")).sum::<u64>();
    assert!(most >= mismatches, "each mismatch is of some signature: {most} of {mismatches}");
}

#[test]
fn what_was_acknowledged_outlives_kill_9_under_load() {
    let rounds = if std::env::var_os("PARITEE_ALL").is_some() { 20 } else { 3 };
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"other")));
    let mut tee = Tee::start(&primary, &candidate, "[mirror]\nrate = \"none\"");
    let (mut known, mut accounted) = (0, 0);
    for round in 1..=rounds {
        // Not the same moment in any two runs; the moment is told where it fails.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let after = Duration::from_millis(150 + u64::from(now) % 700);
        let (read, dir) = load_and_kill(tee, after, accounted);
        let ledger = at_rest(dir.path(), &["ledger"]);
        adds_up(&ledger);
        let n = |path| number(&ledger, path);
        let told = format!("round {round}, killed after {after:?}: {ledger}");
        assert!(n("durable_seq") >= read.durable_seq, "{} read, {told}", read.durable_seq);
        // A batch stands for at least one exchange at its end.
        assert!(n("received") >= n("durable_seq") && n("received") >= accounted, "{told}");
        let rest = counts(&at_rest(dir.path(), &["report"]));
        for (id, count) in &read.signatures {
            let left = rest.get(id).copied().unwrap_or(0);
            assert!(left >= *count && n("judged") >= *count, "{id}: {count} read, {left} left, {told}");
        }
        assert_eq!(n("in_flight"), 0, "{told}");
        let gap = gaps(&ledger).last().expect("the gap of this kill");
        assert_eq!(gaps(&ledger).len(), known + 1, "{told}");
        assert!(number(gap, "up_to") >= read.sent - n("received"), "{} sent, {told}", read.sent);
        agree(dir.path(), &ledger);
        tee = Tee::again(dir);
        assert!(tee.said("the tee was stopped without a chance to write"), "what the store logs is seen");
        let again = tee.ledger();
        adds_up(&again);
        assert_eq!(totals(&again), totals(&ledger), "{told}");
        assert_eq!(gaps(&again).len(), known + 1, "{again}");
        (known, accounted) = (known + 1, number(&again, "received"));
    }
    let dir = tee.stopped();
    let ledger = at_rest(dir.path(), &["ledger"]);
    assert_eq!((gaps(&ledger).len(), number(&ledger, "received")), (known, accounted), "a clean stop adds no gap");
    agree(dir.path(), &ledger);
}
