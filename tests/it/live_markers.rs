//! Loops end, and what the candidate fetched from the monolith proves nothing.

use crate::support::origin::{Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::wire::Client;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

#[allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
/// A candidate that asks the monolith through the tee, and passes on what `forward` leaves of the head.
fn proxying(tee: Arc<OnceLock<SocketAddr>>, with_markers: bool) -> Origin {
    Origin::start(Arc::new(move |seen, stream| {
        let mut back = Client::connect(*tee.get().unwrap());
        let marker = seen.header("x-paritee-exchange").filter(|_| with_markers);
        let headers = marker.map_or(String::new(), |marker| format!("X-Paritee-Exchange: {marker}\r\n"));
        let answer = back.request("GET", seen.target(), &headers, b"");
        assert_eq!(answer.header("x-paritee-echo").is_some(), with_markers);
        let _ = stream.write_all(answer.head.as_bytes());
        let _ = stream.write_all(&answer.body);
        Next::Again
    }))
}

#[test]
fn a_candidate_that_passes_the_request_back_is_vacuous() {
    let primary = Origin::answering(plain(b"same"));
    let address = Arc::new(OnceLock::new());
    let candidate = proxying(address.clone(), true);
    let tee = Tee::start(&primary, &candidate, "");
    address.set(tee.live).unwrap();
    let answer = tee.client().get("/a");
    assert!(answer.header("x-paritee-echo").is_none(), "echoes are for the candidate");
    let ledger = tee.settled();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    assert_eq!((n("received"), n("not_mirrored.marked"), n("vacuous.proxied")), (2, 1, 1), "{ledger}");
    assert_eq!((primary.count(), candidate.count()), (2, 1));
    assert!(primary.seen().iter().all(|seen| seen.header("x-paritee-exchange").is_none()), "the marker ends here");
}

#[test]
fn without_markers_the_monoliths_build_gives_it_away() {
    let bytes = "HTTP/1.1 200 OK\r\nX-Build: monolith-7\r\nContent-Length: 4\r\n\r\nsame";
    let (primary, candidate) = (Origin::answering(bytes.into()), Origin::answering(bytes.into()));
    let tee = Tee::start(&primary, &candidate, "");
    tee.client().get("/a");
    assert_eq!(number(&tee.settled(), "vacuous.proxied"), 1);
}

#[test]
fn a_tee_pointed_at_itself_answers_once() {
    let candidate = Origin::answering(plain(b"same"));
    // A port that is free now and the tee's in a moment.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let own = format!("http://localhost:{port}");
    let tee = Tee::at(port, &own, &candidate.url(), "");
    assert_eq!(tee.client().get("/a").status, 508);
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), number(&ledger, "not_mirrored.marked")), (2, 1), "{ledger}");
    let primary = Origin::answering(plain(b"same"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tee = Tee::at(port, &primary.url(), &format!("http://localhost:{port}"), "");
    assert_eq!(tee.client().get("/a").status, 200);
    let ledger = tee.settled();
    assert_eq!((number(&ledger, "received"), number(&ledger, "vacuous.proxied")), (2, 1), "{ledger}");
    assert_eq!(primary.count(), 2);
}

/// Without a marker each copy comes back as a request like any other; copied again and again, one request would become
/// thousands at the monolith.
#[test]
fn a_candidate_that_strips_markers_does_not_turn_one_request_into_many() {
    let bytes = "HTTP/1.1 200 OK\r\nX-Build: monolith-7\r\nContent-Length: 4\r\n\r\nsame";
    let primary = Origin::answering(bytes.into());
    let address = Arc::new(OnceLock::new());
    let candidate = proxying(address.clone(), false);
    let tee = Tee::start(&primary, &candidate, "");
    address.set(tee.live).unwrap();
    let mut client = tee.client();
    for n in 0..50 {
        assert_eq!(client.get(&format!("/a/{n}")).status, 200);
    }
    let ledger = tee.settled();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    // What the first copies brought back before the route was known to be passed on may have been copied once more each.
    assert!((100..=150).contains(&n("received")) && (100..=150).contains(&primary.count()), "{ledger}");
    assert_eq!(n("vacuous.proxied"), n("judged"), "{ledger}");
    assert!(n("not_mirrored.marked") >= 45, "{ledger}");
}

/// An API may own a route and still pass a sub-case of it back to the monolith, through the tee.
#[test]
fn what_an_owner_passes_back_is_the_monoliths_to_answer() {
    let primary = Origin::answering(plain(b"same"));
    let address = Arc::new(OnceLock::new());
    let candidate = proxying(address.clone(), true);
    let tee = Tee::start(&primary, &candidate, "[[route]]\nmatch = \"GET /a\"\nowner = \"candidate\"\n");
    address.set(tee.live).unwrap();
    let answer = tee.client().get("/a");
    assert_eq!((answer.status, &*answer.body, answer.header("x-paritee-echo")), (200, &b"same"[..], None));
    let ledger = tee.settled();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    assert_eq!((n("received"), n("not_mirrored.owned"), n("not_mirrored.marked")), (2, 1, 1), "{ledger}");
    assert_eq!((primary.count(), candidate.count()), (1, 1));
    assert!(primary.seen()[0].header("x-paritee-exchange").is_none(), "the marker ends here");
    assert!(candidate.seen()[0].header("x-shadow-request").is_none(), "it is no copy");
}
