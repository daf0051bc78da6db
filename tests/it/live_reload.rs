//! The config read again while the tee runs: all of it comes in force or none of it, and no client notices.

use crate::support::http2::Http2;
use crate::support::origin::{Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, at_rest, number, sides};
use crate::support::tls::Authority;
use crate::support::until;
use crate::support::wire::Client;
use paritee::store::AtRest;
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

fn json(body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}

fn differing() -> (Origin, Origin) {
    (Origin::answering(json(r#"{"a":1,"t":1}"#)), Origin::answering(json(r#"{"a":1,"t":2}"#)))
}

const IGNORE_T: &str = "[[route.rule]]\nname = \"t\"\npath = \"$.t\"\nignore = true\nreason = \"a clock\"\n";

/// `GET /a` with the rule.
fn with_rule() -> String {
    format!("[[route]]\nmatch = \"GET /a\"\n{IGNORE_T}")
}

impl Tee {
    /// Has it read again by the signal, and waits until that was done.
    fn hang_up(&self) {
        let (applied, refused) =
            ("paritee_config_reloads_total{outcome=\"applied\"}", "paritee_config_reloads_total{outcome=\"refused\"}");
        let done = || self.metric(applied) + self.metric(refused);
        let before = done();
        self.signal("-HUP");
        until("the config is read again", || (done() > before).then_some(()));
    }
}

#[test]
fn a_rule_that_is_added_hides_a_mismatch_from_then_on() {
    let (primary, candidate) = differing();
    let plain = "[[route]]\nmatch = \"GET /a\"\n";
    let tee = Tee::start(&primary, &candidate, plain);
    let mut client = tee.client();
    client.get("/a");
    assert_eq!(number(&tee.settled(), "judgements.mismatch"), 1);
    tee.rewrite(&sides(&primary.url(), &candidate.url(), &with_rule()));
    client.get("/a");
    assert_eq!(number(&tee.settled(), "judgements.mismatch"), 2, "nobody has said that it is to be read");
    tee.hang_up();
    client.get("/a");
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "judgements.mismatch"), number(&ledger, "judgements.normalised")), (2, 1), "{ledger}");
    assert!(tee.said("the config was read again and is in force number=2"));
    // And back, on the connection that was open all the time.
    tee.rewrite(&sides(&primary.url(), &candidate.url(), plain));
    tee.hang_up();
    client.get("/a");
    assert_eq!(number(&tee.settled(), "judgements.mismatch"), 3);
    // What was found under other rules is another cell's.
    let dir = tee.stopped();
    let mut verdicts = BTreeMap::<u64, Vec<String>>::new();
    for (key, cell) in AtRest::open(&dir.path().join("store")).unwrap().cells().unwrap() {
        verdicts.entry(key.rule_set).or_default().extend(cell.verdicts.into_keys());
    }
    verdicts.values_mut().for_each(|words| words.dedup());
    let mut verdicts: Vec<_> = verdicts.into_values().collect();
    verdicts.sort();
    assert_eq!(verdicts, [["mismatch"], ["normalised"]]);
}

#[test]
fn a_route_can_be_kept_out_by_whoever_may_change_things_here() {
    let (primary, candidate) = differing();
    let tee = Tee::start(&primary, &candidate, "[[route]]\nmatch = \"GET /a\"\n");
    let mut client = tee.client();
    client.get("/a");
    tee.rewrite(&sides(&primary.url(), &candidate.url(), "[[route]]\nmatch = \"GET /a\"\nmirror = \"never\"\n"));
    let foreign = tee.admin("POST", "/api/reload", "Host: localhost\r\nOrigin: http://evil.example\r\n");
    assert_eq!(foreign.status, 403);
    client.get("/a");
    assert_eq!(number(&tee.settled(), "mirrored"), 2, "it was not read");
    let answer = tee.reload();
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &told["config"]), (200, &2.into()), "{told}");
    client.get("/a");
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "mirrored"), number(&ledger, "not_mirrored.route")), (2, 1), "{ledger}");
}

/// A route is a position in a table. What was admitted under one config must not be looked up in the next one's.
#[test]
fn an_exchange_under_way_is_judged_under_the_config_that_it_began_with() {
    let (primary, go) = Origin::holding("/a", json(r#"{"a":1,"t":1}"#));
    let candidate = Origin::answering(json(r#"{"a":1,"t":2}"#));
    let tee = Tee::start(&primary, &candidate, &with_rule());
    let mut held = tee.client();
    held.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the primary is asked", || (primary.count() == 1).then_some(()));
    // Neither the first route nor that of this name has the rule now.
    let others = "[[route]]\nmatch = \"GET /b\"\n[[route]]\nmatch = \"GET /a\"\n";
    tee.rewrite(&sides(&primary.url(), &candidate.url(), others));
    assert_eq!(tee.reload().status, 200);
    go.send(()).unwrap();
    assert_eq!(held.answer(false).unwrap().status, 200);
    let ledger = tee.settled();
    assert_eq!((number(&ledger, "judgements.normalised"), number(&ledger, "judgements.mismatch")), (1, 0), "{ledger}");
    go.send(()).unwrap();
    held.get("/a");
    assert_eq!(number(&tee.settled(), "judgements.mismatch"), 1, "the next one on the same connection");
    // A table without any route: an index would point behind its end.
    held.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the primary is asked", || (primary.count() == 3).then_some(()));
    tee.rewrite(&sides(&primary.url(), &candidate.url(), ""));
    assert_eq!(tee.reload().status, 200);
    go.send(()).unwrap();
    assert_eq!(held.answer(false).unwrap().status, 200);
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "judgements.mismatch"), 2, "{ledger}");
}

/// Asks on connections that are kept and on new ones until it is told to stop; how often, and never without the answer.
fn load(live: SocketAddr, over: &AtomicBool, want: &[u8]) -> u64 {
    let mut asked = 0;
    let mut kept = Client::connect(live);
    while !over.load(SeqCst) {
        assert_eq!(kept.get("/a").body, want);
        asked += 1;
        if asked % 16 == 0 {
            assert_eq!(Client::connect(live).get("/a").body, want);
            asked += 1;
        }
    }
    asked
}

/// Runs `meanwhile` under load; how many requests were answered.
fn under_load(live: SocketAddr, want: &[u8], meanwhile: impl FnOnce()) -> u64 {
    let over = AtomicBool::new(false);
    let asked = AtomicU64::new(0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(|| load(live, &over, want))).collect();
        meanwhile();
        over.store(true, SeqCst);
        clients.into_iter().for_each(|client| {
            asked.fetch_add(client.join().unwrap(), SeqCst);
        });
    });
    asked.into_inner()
}

#[test]
fn the_candidate_moves_under_load_and_no_client_notices() {
    let (primary, first) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let second = Origin::answering(plain(b"same"));
    let wide = "[mirror]\nmax_in_flight = 1000\n";
    let tee = Tee::start(&primary, &first, wide);
    let asked = under_load(tee.live, b"same", || {
        until("the first is asked", || (first.count() > 100).then_some(()));
        tee.rewrite(&sides(&primary.url(), &second.url(), wide));
        assert_eq!(tee.reload().status, 200);
        until("the second is asked", || (second.count() > 100).then_some(()));
        let count = first.count();
        until("more", || (second.count() > 300).then_some(()));
        assert_eq!(first.count(), count, "the first is asked no more");
    });
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), primary.count() as u64), (asked, asked), "{ledger}");
    assert_eq!(number(&ledger, "mirrored"), (first.count() + second.count()) as u64, "{ledger}");
    assert_eq!(number(&ledger, "judgements.match"), number(&ledger, "mirrored"), "{ledger}");
}

#[test]
fn a_config_that_is_refused_changes_nothing_and_says_why() {
    let (primary, candidate) = differing();
    let tee = Tee::start(&primary, &candidate, &with_rule());
    let good = std::fs::read_to_string(tee.file("paritee.toml")).unwrap();
    let mut client = tee.client();
    let still_in_force = |client: &mut Client| {
        let before = number(&tee.settled(), "judgements.normalised");
        client.get("/a");
        assert_eq!(number(&tee.settled(), "judgements.normalised"), before + 1, "the rule is still there");
        let health = String::from_utf8(tee.admin("GET", "/healthz", "Host: localhost\r\n").body).unwrap();
        assert!(health.contains("\"config\":1,\"config_refused\":true"), "{health}");
        assert_eq!(tee.metric("paritee_config_refused"), 1);
    };
    // Each with what else would come in force: all of it stays out.
    let never = good.replace("match = \"GET /a\"\n", "match = \"GET /a\"\nmirror = \"never\"\n");
    let cases: [(String, &[&str]); 5] = [
        (
            never.replace("[mirror]\n", "[mirror]\npercnt = 5\n"),
            &["unknown key `percnt`", "did you mean `percent`?", "^^^^^^"],
        ),
        (
            never.replace("workers = 2", "workers = 3"),
            &[":3:11: workers: cannot change while the tee runs: it is 2", "restart (or hand over)"],
        ),
        (never.replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\""), &[":1:10: listen: cannot change"]),
        (format!("{never}[redact]\nkey_file = \"/none/key\"\n"), &["redact.key_file: cannot change", "it is not set"]),
        (format!("{never}[tls]\ncert = \"none.pem\"\nkey = \"none.pem\"\n"), &["tls.cert: cannot read", "none.pem"]),
    ];
    for (at, (text, says)) in cases.iter().enumerate() {
        tee.write(text);
        let answer = tee.reload();
        let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let error = told["error"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 422, "{told}");
        says.iter().for_each(|says| assert!(error.contains(says), "{says}: {error}"));
        still_in_force(&mut client);
        let state: serde_json::Value =
            serde_json::from_slice(&tee.admin("GET", "/api/reload", "Host: localhost\r\n").body).unwrap();
        assert_eq!((&state["refusal"]["error"], &state["refused"]), (&told["error"], &(at as u64 + 1).into()));
    }
    assert!(tee.said("the config was refused, the one before stays in force: "));
    std::fs::remove_file(tee.file("paritee.toml")).unwrap();
    tee.hang_up();
    still_in_force(&mut client);
    tee.write(&good);
    tee.hang_up();
    assert_eq!((tee.metric("paritee_config_refused"), tee.ledger()["received"].as_u64()), (0, Some(6)));
    assert_eq!(tee.metric("paritee_config_reloads_total{outcome=\"refused\"}"), 6);
}

/// Two configs in turn, as unlike as they can be: routes in another order, other rules, other candidates, other primaries.
#[test]
fn fifty_reloads_under_load_cost_nobody_anything() {
    let primaries = [Origin::answering(plain(b"same")), Origin::answering(plain(b"same"))];
    let candidates = [Origin::answering(plain(b"same")), Origin::answering(plain(b"same"))];
    let config = |n: usize| {
        let routes =
            ["[[route]]\nmatch = \"GET /a\"\n".to_owned() + IGNORE_T, "[[route]]\nmatch = \"GET /b\"\n".into()];
        let routes = if n.is_multiple_of(2) { routes.concat() } else { routes[1].clone() };
        let mirror = format!("[mirror]\nmax_in_flight = {}\nrate = \"{}/s\"\n", 500 + n % 2, 1_000 + n % 2);
        // Many, so that one that is kept shows.
        let many: String = (0..1_000).map(|n| format!("[[route]]\nmatch = \"GET /a/route/numbered/{n}\"\n")).collect();
        sides(&primaries[n / 2 % 2].url(), &candidates[n % 2].url(), &format!("{mirror}{routes}{many}"))
    };
    let tee = Tee::with(0, &config(0));
    let reload = |n: usize| {
        tee.rewrite(&config(n));
        assert_eq!(tee.reload().status, 200);
        let seen = tee.ledger()["received"].as_u64().unwrap();
        until("requests under it", || (tee.ledger()["received"].as_u64().unwrap() > seen + 20).then_some(()));
    };
    let mut weights = Vec::new();
    let asked = under_load(tee.live, b"same", || {
        for n in 1..=50 {
            reload(n);
            if (6..=10).contains(&n) || (46..=50).contains(&n) {
                weights.push(tee.weighs());
            }
        }
    });
    let ledger = tee.settled();
    adds_up(&ledger);
    let served: usize = primaries.iter().map(Origin::count).sum();
    assert_eq!((number(&ledger, "received"), served as u64), (asked, asked), "{ledger}");
    let copied: usize = candidates.iter().map(Origin::count).sum();
    let sent = number(&ledger, "judgements.match") + number(&ledger, "judgements.mismatch");
    assert!(copied as u64 >= sent && sent + 50 > number(&ledger, "mirrored"), "{copied} {ledger}");
    // What is under way weighs too, and is not always as much: the least of five looks each.
    let least = |weights: &[(u64, usize)]| weights.iter().copied().min().expect("five of them");
    let (before, after) = (least(&weights[..5]), least(&weights[5..]));
    assert!(after.0 < before.0 + 8 * 1_024, "{} KiB, then {} KiB", before.0, after.0);
    let descriptors = weights.iter().take(5).map(|(_, open)| *open).min().expect("five of them");
    until("descriptors are given back", || (tee.weighs().1 <= descriptors + 4).then_some(()));
    assert_eq!(tee.metric("paritee_config_reloads_total{outcome=\"applied\"}"), 50);
}

#[test]
fn an_owner_that_changes_is_dated_as_at_a_start() {
    let (primary, candidate) = (Origin::answering(plain(b"old")), Origin::answering(plain(b"new")));
    let tee = Tee::start(&primary, &candidate, "[[route]]\nmatch = \"GET /a\"\n");
    let mut client = tee.client();
    assert_eq!(client.get("/a").body, b"old");
    let owned = sides(&primary.url(), &candidate.url(), "[[route]]\nmatch = \"GET /a\"\nowner = \"candidate\"\n");
    tee.rewrite(&owned);
    assert_eq!(tee.reload().status, 200);
    assert_eq!(client.get("/a").body, b"new");
    let report = || -> serde_json::Value {
        serde_json::from_slice(&tee.admin("GET", "/api/report", "Host: localhost\r\n").body).unwrap()
    };
    let first =
        until("the date is in the report", || Some(report()["owned"][0].clone()).filter(|owned| !owned.is_null()));
    assert_eq!(first["route"], "GET /a");
    // Another change keeps the date; the way back removes it.
    tee.rewrite(&format!("{owned}[[route]]\nmatch = \"GET /b\"\n"));
    assert_eq!(tee.reload().status, 200);
    client.get("/b");
    assert_eq!(report()["owned"][0], first);
    tee.rewrite(&owned.replace("owner = \"candidate\"", "owner = \"primary\""));
    assert_eq!(tee.reload().status, 200);
    assert_eq!(client.get("/a").body, b"old");
    assert!(at_rest(tee.stopped().path(), &["report"])["owned"][0].is_null());
}

/// The certificate's issuer is another one after the reload; who is connected already goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_handshakes_see_the_new_certificate_and_open_connections_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new("the old authority"), Authority::new("the new authority"));
    old.identity("shop.example").write(folder.path());
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tls = format!("[tls]\ncert = \"{0}/cert.pem\"\nkey = \"{0}/key.pem\"\n", folder.path().display());
    let tee = Tee::start(&primary, &candidate, &tls);
    let live = tee.live;
    let shake = async |authority: &Authority, offers: &[&str]| {
        let stream = TcpStream::connect(live).await?;
        let connector = TlsConnector::from(Arc::new(authority.client(offers, None)));
        connector.connect(ServerName::try_from("shop.example").unwrap(), stream).await
    };
    let mut http2 = Http2::over(shake(&old, &["h2"]).await.unwrap(), "https").await;
    let mut http1 = shake(&old, &["http/1.1"]).await.unwrap();
    assert!(shake(&new, &["h2"]).await.is_err());
    new.identity("shop.example").write(folder.path());
    assert_eq!(tee.reload().status, 200);
    for _ in 0..4 {
        assert!(shake(&old, &["h2"]).await.is_err(), "no thread shows the old one");
        let mut fresh = Http2::over(shake(&new, &["h2"]).await.unwrap(), "https").await;
        assert_eq!(fresh.get("/a").await.unwrap().body, b"same");
    }
    assert_eq!(http2.get("/a").await.unwrap().body, b"same");
    http1.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    http1.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("same"), "{answer}");
    // A certificate without its key is refused, and the one before goes on.
    std::fs::write(folder.path().join("cert.pem"), old.pem()).unwrap();
    assert_eq!(tee.reload().status, 422);
    assert!(shake(&new, &["h2"]).await.is_ok());
}

/// An upload and a long answer that are under way when the primary moves end where they began.
#[test]
fn what_is_under_way_ends_at_the_side_that_it_began_with() {
    let (more, go) = mpsc::channel::<()>();
    let go = Mutex::new(go);
    let first = Origin::start(Arc::new(move |seen, stream| {
        if seen.target() == "/slow" {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
            go.lock().unwrap().recv().unwrap();
            let _ = stream.write_all(b"-half");
            return Next::Again;
        }
        if stream.write_all(&plain(b"first")).is_ok() { Next::Again } else { Next::Close }
    }));
    let (second, candidate) = (Origin::answering(plain(b"second")), Origin::answering(plain(b"first")));
    let tee = Tee::start(&first, &candidate, "");
    let (mut slow, mut upload) = (tee.client(), tee.client());
    slow.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(slow.head().unwrap().starts_with("HTTP/1.1 200"));
    upload.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
    until("the upload is under way", || (tee.weighs().1 > 0 && first.connections.load(SeqCst) == 2).then_some(()));
    tee.rewrite(&sides(&second.url(), &candidate.url(), ""));
    assert_eq!(tee.reload().status, 200);
    assert_eq!(tee.client().get("/a").body, b"second");
    upload.send(b"half");
    assert_eq!(upload.answer(false).unwrap().body, b"first");
    more.send(()).unwrap();
    assert_eq!(slow.exactly(10).unwrap(), b"first-half");
    assert_eq!((slow.get("/a").body, upload.get("/a").body), (b"second".to_vec(), b"second".to_vec()));
    adds_up(&tee.settled());
}

/// Operations are told apart by the table of the config that an exchange began under.
#[test]
fn backing_off_and_operations_follow_the_config() {
    let (primary, candidate) = differing();
    let config =
        |mirror: &str, routes: &str| sides(&primary.url(), &candidate.url(), &format!("[mirror]\n{mirror}\n{routes}"));
    let tee = Tee::start(&primary, &candidate, "[mirror]\nback_off = false\n");
    let page = || String::from_utf8(tee.admin("GET", "/metrics", "Host: localhost\r\n").body).unwrap();
    assert!(!page().contains("\nparitee_back_off_share") && !page().contains("\nparitee_operations"));
    let split = "[[route]]\nmatch = \"GET /a\"\nsplit_by = \"query:op\"\n";
    let mut client = tee.client();
    for routes in [split.to_owned(), format!("[[route]]\nmatch = \"GET /b\"\n{split}")] {
        tee.rewrite(&config("", &routes));
        assert_eq!(tee.reload().status, 200);
        client.get("/a?op=One");
        client.get("/b?op=One");
        tee.settled();
        assert_eq!((tee.metric("paritee_back_off_share"), tee.metric("paritee_operations")), (1, 1));
    }
    let report = tee.admin("GET", "/api/report", "Host: localhost\r\n");
    let report = String::from_utf8(report.body).unwrap();
    assert!(report.contains("GET /a#One") && !report.contains("GET /b#One"), "{report}");
}
