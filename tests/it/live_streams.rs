//! Sides that are asked over HTTP/2: many requests on few connections, trailers, and connections that leave.

use crate::support::front::{Ca, Manner, TlsFront, socket};
use crate::support::multi::{Keeping, Multi, Reply};
use crate::support::origin::{Fault, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use http::Response;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

const ALLOW_POST: &str = "[[route]]\nmatch = \"POST /{any}\"\nmirror = \"allow\"\n";

/// A tee with one live thread that asks the primary over HTTP/2, the candidate as its table says.
fn tee(primary: &str, candidate: &str, config: &str) -> Tee {
    let text = format!(
        "listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nworkers = 1\n\
         [upstreams.primary]\nhttp2 = true\n{primary}\n[upstreams.candidate]\n{candidate}\n\
         [mirror]\nmax_in_flight = 1000\n{config}"
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("paritee.toml"), text).unwrap();
    Tee::again(dir)
}

fn at(url: &str) -> String {
    format!("url = \"{url}\"")
}

/// So many clients at once, each asking once; their answers' status and body.
fn at_once(tee: &Tee, clients: usize, method: &'static str) -> Vec<(u16, Vec<u8>)> {
    let asking: Vec<_> = (0..clients)
        .map(|n| {
            let mut client = tee.client();
            std::thread::spawn(move || {
                let answer = client.request(method, &format!("/{n}"), "", if method == "POST" { b"x" } else { b"" });
                (answer.status, answer.body)
            })
        })
        .collect();
    asking.into_iter().map(|asked| asked.join().unwrap()).collect()
}

#[test]
fn heads_bodies_and_trailers_pass_both_ways() {
    let serve = |asked: crate::support::multi::Asked| async move {
        let mut response = Response::new(asked.body);
        response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        response.headers_mut().insert("trailer", "grpc-status".parse().unwrap());
        Reply::Answer(response, vec![("grpc-status", "0")])
    };
    let (primary, candidate) = (Multi::start(Keeping::default(), serve), Multi::start(Keeping::default(), serve));
    let tee = tee(&at(&primary.url()), &format!("http2 = true\n{}", at(&candidate.url())), ALLOW_POST);
    let mut client = tee.client();
    client.send(
        b"POST /svc HTTP/1.1\r\nHost: shop.example\r\nTE: trailers\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\n\
          X-Mixed-Case: Yes\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
          5\r\n\0\0\0\0\0\r\n0\r\nX-Sum: 9\r\n\r\n",
    );
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let expected = b"5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 0\r\n\r\n";
    assert_eq!(client.exactly(expected.len()).unwrap(), expected);
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "judgements.match"), 1, "{ledger}");
    for (side, trailers) in [(&primary, true), (&candidate, false)] {
        let asked = &side.seen()[0];
        let field = |name: &str| asked.parts.headers.get(name).map(|value| value.to_str().unwrap());
        let uri = &asked.parts.uri;
        assert_eq!(
            (uri.scheme_str(), uri.authority().unwrap().as_str(), uri.path()),
            (Some("http"), "shop.example", "/svc")
        );
        assert_eq!((field("te"), field("x-mixed-case")), (Some("trailers"), Some("Yes")));
        for gone in ["host", "connection", "x-mine", "transfer-encoding", "keep-alive"] {
            assert_eq!(field(gone), None, "{gone}");
        }
        assert_eq!(asked.body, [0; 5]);
        // A copy is sent with the body that was kept; what a client's trailers say is not kept.
        assert_eq!(asked.trailers.is_some(), trailers);
    }
    assert_eq!(primary.seen()[0].trailers.as_ref().unwrap()["x-sum"], "9");
}

#[test]
fn a_hundred_requests_at_once_share_one_connection() {
    let all = Arc::new(tokio::sync::Barrier::new(100));
    // None is answered before all have come.
    let primary = Multi::start(Keeping::default(), move |_| {
        let all = all.clone();
        async move {
            all.wait().await;
            Reply::ok(b"same")
        }
    });
    let candidate = Multi::answering(b"same");
    let tee = tee(&at(&primary.url()), &format!("http2 = true\n{}", at(&candidate.url())), "");
    let answers = at_once(&tee, 100, "GET");
    assert!(answers.iter().all(|answer| *answer == (200, b"same".to_vec())), "{answers:?}");
    assert_eq!((primary.connections.load(SeqCst), primary.most.load(SeqCst)), (1, 100));
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.match"), 100, "{ledger}");
    assert!(candidate.connections.load(SeqCst) <= 2, "{}", candidate.connections.load(SeqCst));
}

#[test]
fn a_side_is_never_asked_more_at_once_than_it_allows() {
    let keeping = Keeping { streams: Some(5), ..Keeping::default() };
    let primary = Multi::start(keeping, |_| async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Reply::ok(b"same")
    });
    let candidate = Origin::answering(plain(b"same"));
    let tee = tee(&at(&primary.url()), &at(&candidate.url()), "");
    assert_eq!(tee.client().get("/first").status, 200);
    let answers = at_once(&tee, 60, "GET");
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let connections = primary.connections.load(SeqCst);
    assert!((2..=8).contains(&connections), "what one may not carry goes to another, up to a bound: {connections}");
    assert!(primary.seen().len() == 61 && primary.most.load(SeqCst) <= 40);
}

#[test]
fn connections_that_leave_in_the_middle_of_load_cost_no_request() {
    let keeping = Keeping { leave_after: Some(7), ..Keeping::default() };
    let primary = Multi::start(keeping, |_| async { Reply::ok(b"same") });
    let candidate = Origin::answering(plain(b"same"));
    let tee = tee(&at(&primary.url()), &at(&candidate.url()), ALLOW_POST);
    let asking: Vec<_> = (0..8)
        .map(|client_number| {
            let mut client = tee.client();
            std::thread::spawn(move || {
                for n in 0..60 {
                    let path = format!("/{client_number}-{n}");
                    let method = if n % 3 == 0 { "POST" } else { "GET" };
                    let body: &[u8] = if method == "POST" { b"x" } else { b"" };
                    let answer = client.request(method, &path, "", body);
                    assert_eq!((answer.status, &*answer.body), (200, &b"same"[..]), "{method} {path}");
                }
            })
        })
        .collect();
    asking.into_iter().for_each(|asked| asked.join().unwrap());
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    primary.seen().iter().for_each(|asked| *times.entry(asked.parts.uri.path().to_owned()).or_default() += 1);
    assert_eq!(times.len(), 480);
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(primary.connections.load(SeqCst) > 40, "they did leave: {}", primary.connections.load(SeqCst));
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Takes two requests on its first connection, says that it did nothing with the second, answers the first and is gone; on
/// any other it answers all. Counts requests by connection.
fn leaving() -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, taken) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let counts = taken.clone();
    std::thread::spawn(move || {
        for (number, mut stream) in listener.incoming().flatten().enumerate() {
            counts.lock().unwrap().push(0);
            let counts = counts.clone();
            std::thread::spawn(move || {
                stream.read_exact(&mut [0; 24]).unwrap();
                stream.write_all(&frame(4, 0, 0, &[])).unwrap();
                let mut head = [0; 9];
                while stream.read_exact(&mut head).is_ok() {
                    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                    stream.read_exact(&mut vec![0; length]).unwrap();
                    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    let ok = |id| frame(1, 5, id, &[0x88]);
                    match (head[3], id) {
                        (4, _) if head[4] == 0 => stream.write_all(&frame(4, 1, 0, &[])).unwrap(),
                        (1, id) => {
                            counts.lock().unwrap()[number] += 1;
                            match (number, id) {
                                (0, 1) => {}
                                (0, _) => {
                                    let last = [1_u32.to_be_bytes(), 0_u32.to_be_bytes()].concat();
                                    stream.write_all(&[frame(7, 0, 0, &last), ok(1)].concat()).unwrap();
                                    // Reads on to the end: what is left unread would reset the connection.
                                    stream.shutdown(std::net::Shutdown::Write).unwrap();
                                    _ = std::io::copy(&mut stream, &mut std::io::sink());
                                    return;
                                }
                                (_, id) => stream.write_all(&ok(id)).unwrap(),
                            }
                        }
                        _ => {}
                    }
                }
            });
        }
    });
    (address, taken)
}

#[test]
fn what_a_leaving_side_has_not_done_is_asked_once_more_whatever_it_is() {
    for method in ["GET", "DELETE", "POST"] {
        let (address, taken) = leaving();
        let candidate = Origin::failing(Fault::Closed);
        let tee = tee(&at(&format!("http://{address}")), &at(&candidate.url()), "");
        let answers = at_once(&tee, 2, method);
        assert!(answers.iter().all(|(status, _)| *status == 200), "{method}: {answers:?}");
        assert_eq!(*taken.lock().unwrap(), [2, 1], "{method}");
    }
}

#[test]
fn what_a_side_refuses_is_asked_once_more_and_what_it_breaks_off_never() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let primary = Multi::start(Keeping::default(), move |asked| {
        let n = counted.fetch_add(1, SeqCst);
        async move {
            match asked.parts.uri.path() {
                "/refused" if n == 0 => Reply::Refuse,
                "/always" => Reply::Refuse,
                "/broken" => Reply::Break,
                _ => Reply::ok(b"same"),
            }
        }
    });
    let candidate = Origin::answering(plain(b"same"));
    let tee = tee(&at(&primary.url()), &at(&candidate.url()), ALLOW_POST);
    let mut client = tee.client();
    assert_eq!(client.request("POST", "/refused", "", b"all of it").status, 200);
    assert_eq!(client.request("DELETE", "/always", "", b"").status, 502);
    assert_eq!(client.request("POST", "/broken", "", b"x").status, 502);
    let paths: Vec<_> = primary.seen().iter().map(|asked| asked.parts.uri.path().to_owned()).collect();
    assert_eq!(paths, ["/refused", "/refused", "/always", "/always", "/broken"]);
    assert_eq!(primary.seen()[1].body, b"all of it");
}

#[test]
fn an_upload_that_is_refused_half_way_passes_again_from_its_start() {
    let keeping = Keeping { refuse_early: 1, ..Keeping::default() };
    let primary = Multi::start(keeping, |asked| async move { Reply::ok(&asked.body) });
    let candidate = Multi::start(Keeping::default(), |asked| async move { Reply::ok(&asked.body) });
    let tee = tee(&at(&primary.url()), &format!("http2 = true\n{}", at(&candidate.url())), ALLOW_POST);
    let mut client = tee.client();
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n6\r\nfirst \r\n");
    until("the side has refused it", || (primary.refused.load(SeqCst) == 1).then_some(()));
    client.send(b"4\r\nlast\r\n0\r\nX-Sum: 9\r\n\r\n");
    let answer = client.answer(false).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"first last"[..]));
    assert_eq!(primary.seen()[0].trailers.as_ref().unwrap()["x-sum"], "9");
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.match"), 1, "the copy is whole, and once: {ledger}");
}

#[test]
fn an_upload_too_long_to_keep_is_not_sent_again() {
    let keeping = Keeping { refuse_early: 1, ..Keeping::default() };
    let primary = Multi::start(keeping, |asked| async move { Reply::ok(&asked.body) });
    let candidate = Origin::answering(plain(b"same"));
    let tee = tee(&at(&primary.url()), &at(&candidate.url()), ALLOW_POST);
    let mut client = tee.client();
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    client.send(&[b'x'; 100_000]);
    assert_eq!(client.answer(false).unwrap().status, 502);
    assert!(primary.seen().is_empty());
}

#[test]
fn a_connection_that_is_dead_takes_no_further_request_and_one_that_lives_does() {
    let primary = Multi::start(Keeping::default(), |asked| async move {
        if asked.parts.uri.path() == "/hang" {
            std::future::pending::<()>().await;
        }
        Reply::ok(b"same")
    });
    let candidate = Origin::answering(plain(b"same"));
    let tee = tee(&format!("timeout = \"400ms\"\n{}", at(&primary.url())), &at(&candidate.url()), "");
    let mut client = tee.client();
    assert_eq!(client.get("/hang").status, 504);
    assert_eq!(client.get("/a").status, 200);
    assert_eq!(primary.connections.load(SeqCst), 2, "nobody had heard anything on the first");
    let mut waiting = tee.client();
    waiting.send(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the hanging request has come", || (primary.seen().len() == 3).then_some(()));
    assert_eq!(client.get("/b").status, 200);
    assert_eq!(waiting.answer(false).unwrap().status, 504);
    assert_eq!(client.get("/c").status, 200);
    assert_eq!(primary.connections.load(SeqCst), 2, "somebody else had an answer meanwhile");
}

#[test]
fn a_cut_answer_is_cut_and_heads_and_empty_answers_end() {
    let primary = Multi::start(Keeping::default(), |asked| async move {
        let mut response = Response::new(Vec::new());
        match asked.parts.uri.path() {
            "/cut" => return Reply::Cut,
            "/stop" => return Reply::Stop,
            "/none" => *response.status_mut() = http::StatusCode::NO_CONTENT,
            "/head" => _ = response.headers_mut().insert("content-length", 4.into()),
            _ => *response.body_mut() = asked.body,
        }
        Reply::Answer(response, Vec::new())
    });
    let candidate = Multi::answering(b"");
    let tee = tee(&at(&primary.url()), &format!("http2 = true\n{}", at(&candidate.url())), "");
    let mut client = tee.client();
    client.send(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.answer(false).is_err(), "a cut answer never looks whole");
    // hyper takes a reset without an error for the end of a body
    let mut client = tee.client();
    client.send(b"GET /stop HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.answer(false).is_err(), "nor one that was stopped");
    let mut client = tee.client();
    assert_eq!(client.request("HEAD", "/head", "", b"").header("content-length"), Some("4"));
    assert_eq!(client.get("/none").status, 204);
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 100"));
    client.send(b"hello");
    assert_eq!(client.answer(false).unwrap().body, b"hello");
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "inconclusive.primary_aborted"), 2, "{ledger}");
}

#[test]
fn over_tls_it_is_spoken_where_the_side_offers_it() {
    let (ca, multi, single) = (Ca::new(), Multi::answering(b"same"), Origin::answering(plain(b"same")));
    let signed = ca.sign(&["localhost"]);
    let both = TlsFront::start(multi.address, &signed, &Manner { alpn: &["h2", "http/1.1"], ..Manner::default() });
    let old = TlsFront::start(single.address, &signed, &Manner { alpn: &["http/1.1"], ..Manner::default() });
    let table = |front: &TlsFront| format!("{}\nca = \"{}\"", at(&front.url()), ca.file().display());
    let compared = "[compare]\nheaders = [\"content-type\"]\n";
    let tee = tee(&table(&both), &format!("http2 = true\n{}", table(&old)), compared);
    let mut client = tee.client();
    (0..5).for_each(|_| assert_eq!(client.get("/a").body, b"same"));
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.match"), 5, "{ledger}");
    assert_eq!(multi.seen()[0].parts.uri.scheme_str(), Some("https"));
    assert_eq!((multi.connections.load(SeqCst), multi.seen().len(), single.count()), (1, 5, 5));
}

#[test]
fn it_is_spoken_over_a_socket() {
    let (multi, candidate) = (Multi::answering(b"same"), Origin::answering(plain(b"same")));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    socket(&path, multi.address);
    let tee = tee(&at(&format!("unix:{}", path.display())), &at(&candidate.url()), "");
    assert_eq!(tee.client().get("/a").body, b"same");
    assert_eq!(multi.seen()[0].parts.uri.authority().unwrap().as_str(), "shop.example");
}

#[test]
fn every_side_is_asked_alike() {
    let (ca, sides) = (Ca::new(), [(); 3].map(|()| Multi::answering(b"same")));
    let signed = ca.sign(&["localhost"]);
    let manner = Manner { alpn: &["h2"], ..Manner::default() };
    let fronts: Vec<_> = sides.iter().map(|side| TlsFront::start(side.address, &signed, &manner)).collect();
    let table = |front: &TlsFront| format!("{}\nca = \"{}\"", at(&front.url()), ca.file().display());
    let secondary = format!("[upstreams.secondary]\nhttp2 = true\n{}\n", table(&fronts[2]));
    let tee = tee(&table(&fronts[0]), &format!("http2 = true\n{}", table(&fronts[1])), &secondary);
    let mut client = tee.client();
    (0..3).for_each(|_| assert_eq!(client.get("/a").body, b"same"));
    assert_eq!(number(&tee.settled(), "judgements.match"), 3);
    until("the secondary has been asked as often", || (sides[2].seen().len() == 3).then_some(()));
    assert!(sides.iter().all(|side| side.connections.load(SeqCst) == 1));
}

#[test]
fn an_upgrade_is_refused_with_the_reason_and_a_side_without_http_2_says_so() {
    let (primary, old) = (Multi::answering(b"same"), Origin::answering(plain(b"same")));
    let refusing = tee(&at(&primary.url()), &at(&old.url()), "");
    let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n";
    let answer = refusing.client().request("GET", "/ws", headers, b"");
    assert_eq!(answer.status, 501);
    assert!(String::from_utf8_lossy(&answer.body).contains("set http2 = false"), "{answer:?}");
    assert_eq!(refusing.client().get("/a").status, 200);
    let wrong = tee(&at(&old.url()), &at(&old.url()), "");
    assert_eq!(wrong.client().get("/a").status, 502);
}

#[test]
fn no_fault_of_a_candidate_asked_over_http_2_reaches_a_client() {
    let primary = Multi::answering(b"same");
    for fault in Fault::ALL {
        let candidate = Origin::failing(fault);
        let table = format!("http2 = true\ntimeout = \"500ms\"\n{}", at(&candidate.url()));
        let tee = tee(&at(&primary.url()), &table, "");
        let mut client = tee.client();
        (0..5).for_each(|_| assert_eq!(client.get("/a").body, b"same", "{fault:?}"));
        let ledger = tee.settled();
        adds_up(&ledger);
        assert_eq!(number(&ledger, "judgements.mismatch"), 5, "{fault:?}: {ledger}");
    }
}

#[test]
fn a_slow_reader_holds_up_neither_the_side_nor_another_reader() {
    const SIZE: usize = 8 << 20;
    let primary = Multi::start(Keeping::default(), |asked| async move {
        let length = if asked.parts.uri.path() == "/large" { SIZE } else { 4 };
        let mut response = Response::new(vec![b'x'; length]);
        response.headers_mut().insert("content-length", length.into());
        Reply::Answer(response, Vec::new())
    });
    let candidate = Origin::failing(Fault::Closed);
    let tee = tee(&at(&primary.url()), &at(&candidate.url()), "");
    let mut slow: Vec<_> = (0..20).map(|_| tee.client()).collect();
    for client in &mut slow {
        client.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    }
    // None of them reads on, and whoever asks now is answered on the same connection.
    let mut quick = tee.client();
    (0..20).for_each(|_| assert_eq!(quick.get("/small").body, b"xxxx"));
    assert_eq!(primary.connections.load(SeqCst), 1);
    for client in &mut slow {
        assert!(client.exactly(SIZE).unwrap().iter().all(|byte| *byte == b'x'));
    }
}
