//! Sides over TLS, over sockets, and by every address of their name.

use crate::support::front::{Ca, Manner, Signed, TlsFront, socket};
use crate::support::origin::{Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use paritee::config::{Flags, load};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

/// A tee whose upstreams are what these tables say.
fn tee(primary: &str, candidate: &str) -> Tee {
    let text = format!(
        "listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nworkers = 1\n\
         [upstreams.primary]\n{primary}\n[upstreams.candidate]\n{candidate}\n"
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("paritee.toml"), text).unwrap();
    Tee::again(dir)
}

fn over_tls(front: &TlsFront, ca: &Ca, more: &str) -> String {
    format!("url = \"{}\"\nca = \"{}\"\n{more}", front.url(), ca.file().display())
}

fn over_http(origin: &Origin) -> String {
    format!("url = \"{}\"", origin.url())
}

fn shown(signed: &Signed) -> String {
    format!("cert = \"{}\"\nkey = \"{}\"\n", signed.cert.display(), signed.key.display())
}

#[test]
fn both_sides_over_tls_with_a_ca_of_their_own_and_sessions_are_resumed() {
    let (ca, origin) = (Ca::new(), Origin::answering(plain(b"same")));
    let signed = ca.sign(&["localhost"]);
    let (primary, candidate) = (
        TlsFront::start(origin.address, &signed, &Manner::default()),
        TlsFront::start(origin.address, &signed, &Manner { alpn: &["http/1.1"], ..Manner::default() }),
    );
    let tee = tee(&over_tls(&primary, &ca, ""), &over_tls(&candidate, &ca, ""));
    let mut client = tee.client();
    (0..3).for_each(|_| assert_eq!(client.get("/a").body, b"same"));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "judgements.match"), 3, "{ledger}");
    assert_eq!(primary.full.load(SeqCst), 1, "one connection serves all three");
    assert_eq!(origin.seen()[0].header("host"), Some("shop.example"), "the Host is the client's");
    // Connections that lie idle are let go; the next one resumes.
    until("the primary's connection is made again, by resumption", || {
        assert_eq!(tee.client().get("/a").status, 200);
        (primary.resumed.load(SeqCst) > 0).then_some(()).or_else(|| {
            std::thread::sleep(std::time::Duration::from_millis(1_600));
            None
        })
    });
    assert_eq!(primary.full.load(SeqCst), 1);
}

#[test]
fn a_certificate_that_is_not_trusted_is_a_502_and_says_what_to_do() {
    let (ca, other, origin) = (Ca::new(), Ca::new(), Origin::answering(plain(b"same")));
    let signed = ca.sign(&["localhost"]);
    let front = TlsFront::start(origin.address, &signed, &Manner::default());
    let elsewhere = TlsFront::start(origin.address, &ca.sign(&["api.example"]), &Manner::default());
    let plain_port = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_url = format!("https://{}", plain_port.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in plain_port.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    // The system takes the connection, and nobody says anything on it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("https://{}", silent.local_addr().unwrap());
    let modern = TlsFront::start(origin.address, &signed, &Manner { alpn: &["h2"], ..Manner::default() });
    let wrong = [
        (over_tls(&modern, &ca, ""), "try the other value of `http2`"),
        (over_tls(&front, &other, ""), "name its CA in `ca`"),
        (over_tls(&elsewhere, &ca, ""), "not for `localhost`: name in `server_name`"),
        (format!("url = \"{plain_url}\"\nca = \"{}\"", ca.file().display()), "does not speak TLS on this port"),
        (
            format!("url = \"{silent_url}\"\nconnect_timeout = \"300ms\"\nca = \"{}\"", ca.file().display()),
            "did not end the TLS handshake within 300ms",
        ),
    ];
    for (primary, says) in wrong {
        let tee = tee(&primary, &over_http(&origin));
        let answer = tee.client().get("/a");
        assert_eq!(answer.status, 502);
        assert_eq!(answer.body, b"paritee: the primary cannot be reached over TLS\n");
        until(&format!("the log to say {says}"), || (tee.said(says) && tee.said("kind=\"tls\"")).then_some(()));
        let ledger = tee.settled();
        adds_up(&ledger);
        assert_eq!(number(&ledger, "inconclusive.primary_aborted"), 1, "{ledger}");
    }
    assert_eq!(
        tee(&over_tls(&elsewhere, &ca, "server_name = \"api.example\""), &over_http(&origin)).client().get("/a").status,
        200
    );
}

#[test]
fn a_candidate_that_is_not_trusted_is_a_mismatch_and_harms_nobody() {
    let (ca, other, origin) = (Ca::new(), Ca::new(), Origin::answering(plain(b"same")));
    let front = TlsFront::start(origin.address, &ca.sign(&["localhost"]), &Manner::default());
    let tee = tee(&over_http(&origin), &over_tls(&front, &other, ""));
    assert_eq!(tee.client().get("/a").body, b"same");
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "judgements.mismatch"), 1, "{ledger}");
    let dir = tee.stopped();
    let report = crate::support::tee::at_rest(dir.path(), &["report"]).to_string();
    assert!(report.contains("answer→tls"), "{report}");
}

#[test]
fn a_side_that_asks_for_a_certificate_gets_one_or_says_that_it_wants_one() {
    let (ca, origin) = (Ca::new(), Origin::answering(plain(b"same")));
    let manner = Manner { clients_of: Some(&ca), ..Manner::default() };
    let front = TlsFront::start(origin.address, &ca.sign(&["localhost"]), &manner);
    let with = tee(&over_tls(&front, &ca, &shown(&ca.sign(&["tee.example"]))), &over_http(&origin));
    assert_eq!(with.client().get("/a").body, b"same");
    let without = tee(&over_tls(&front, &ca, ""), &over_http(&origin));
    assert_eq!(without.client().get("/a").status, 502);
    let elsewhere = Ca::new();
    let stranger = elsewhere.sign(&["tee.example"]);
    let wrong = tee(&over_tls(&front, &ca, &shown(&stranger)), &over_http(&origin));
    assert_eq!(wrong.client().get("/a").status, 502);
    until("the log says what is wanted", || without.said("name `cert` and `key`").then_some(()));
}

#[test]
fn what_a_key_file_lacks_is_told_when_the_config_is_read() {
    let ca = Ca::new();
    let (one, two) = (ca.sign(&["a.example"]), ca.sign(&["b.example"]));
    let dir = tempfile::tempdir().unwrap();
    let refused = |lines: &str| {
        let file = dir.path().join("paritee.toml");
        let text =
            format!("[upstreams.primary]\nurl = \"https://a.example\"\nca = \"{}\"\n{lines}", ca.file().display());
        std::fs::write(&file, text).unwrap();
        load(Some(&file), &Flags::default()).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let show = |path: &Path| path.display().to_string();
    assert_eq!(refused(&shown(&one)), "");
    let told = refused(&format!("cert = \"{}\"\n", show(&one.cert)));
    assert!(told.contains("primary.cert: a certificate without its private key"), "{told}");
    let told = refused(&format!("key = \"{}\"\n", show(&one.key)));
    assert!(told.contains("primary.key: a private key without its certificate"), "{told}");
    let told = refused(&format!("cert = \"{}\"\nkey = \"{}\"\n", show(&one.cert), show(&two.key)));
    assert!(told.contains("primary.key: this key does not serve with `cert`"), "{told}");
    let told = refused(&format!("cert = \"{}\"\nkey = \"{}\"\n", show(&one.cert), show(&one.cert)));
    assert!(told.contains("primary.key: there is no private key in this file"), "{told}");
    let told = refused("cert = \"nowhere.pem\"\nkey = \"nowhere.pem\"\n");
    assert!(told.contains("primary.cert: cannot read") && told.contains("nowhere.pem"), "{told}");
    assert!(refused("server_name = \"a b\"\n").contains("no certificate can be for `a b`"));
}

#[test]
fn a_websocket_passes_over_tls() {
    let ca = Ca::new();
    let origin = Origin::start(Arc::new(|_, stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        let mut copy = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut copy, stream);
        Next::Close
    }));
    let front = TlsFront::start(origin.address, &ca.sign(&["localhost"]), &Manner::default());
    let tee = tee(&over_tls(&front, &ca, ""), &over_http(&origin));
    let mut client = tee.client();
    client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 101"));
    client.send(b"\x00raw\xff");
    assert_eq!(client.exactly(5).unwrap(), b"\x00raw\xff");
}

#[test]
fn both_sides_over_sockets_with_a_base_path() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.sock"), dir.path().join("b.sock"));
    socket(&a, primary.address);
    socket(&b, candidate.address);
    let tee = tee(&format!("url = \"unix:{}\"", a.display()), &format!("url = \"unix:{}:/v2\"", b.display()));
    let mut client = tee.client();
    assert_eq!(client.get("/a?b=1").body, b"same");
    client.send(b"GET /old HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer(false).unwrap().status, 200);
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.match"), 2, "{ledger}");
    let seen = primary.seen();
    assert_eq!((seen[0].target(), seen[0].header("host")), ("/a?b=1", Some("shop.example")));
    assert_eq!(seen[1].header("host"), Some("localhost"));
    assert!(candidate.seen().iter().any(|seen| seen.target() == "/v2/a?b=1"));
    assert!(tee.said(&format!("(primary unix:{}", a.display())));
}

#[test]
fn a_socket_that_is_not_there_is_a_502() {
    let origin = Origin::answering(plain(b"same"));
    let tee = tee("url = \"unix:/nowhere/app.sock\"", &over_http(&origin));
    let answer = tee.client().get("/a");
    assert_eq!((answer.status, &*answer.body), (502, &b"paritee: the primary cannot be reached\n"[..]));
}

#[test]
fn a_candidate_whose_name_does_not_resolve_costs_the_clients_nothing() {
    let origin = Origin::answering(plain(b"same"));
    let tee = tee(&over_http(&origin), "url = \"http://no-such-host.invalid:9000\"");
    let mut client = tee.client();
    (0..5).for_each(|_| assert_eq!(client.get("/a").body, b"same"));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "judgements.mismatch"), 5, "{ledger}");
}

#[test]
fn a_name_serves_by_whichever_of_its_addresses_answers() {
    // Where `localhost` has two addresses, one of them refuses; where it has one, the name itself is what is tested.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let origin = Origin::answering(plain(b"same"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsame");
        }
    });
    let tee = tee(&format!("url = \"http://localhost:{port}\""), &over_http(&origin));
    (0..3).for_each(|_| assert_eq!(tee.client().get("/a").body, b"same"));
}
