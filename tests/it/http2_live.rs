//! HTTP/2 to clients: what passes is what passes on HTTP/1.1, the ledger and the markers are the same.

use crate::support::http2::{Http2, reset_code, soon, whole};
use crate::support::origin::{Fault, Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use bytes::Bytes;
use std::future::poll_fn;
use std::io::Write;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

const ALLOW_POST: &str = "[[route]]\nmatch = \"POST /{any}\"\nmirror = \"allow\"\n";

fn answering(bytes: &'static str) -> (Origin, Origin) {
    (Origin::answering(bytes.into()), Origin::answering(bytes.into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_request_is_what_it_is_over_http_1_1() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, ALLOW_POST);
    let mut client = Http2::connect(tee.live).await;
    let head = client
        .request("POST", "/a?b=%20c")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .header("x-forwarded-for", "1.2.3.4")
        .header("x-shadow-request", "1")
        .header("x-paritee-exchange", "forged")
        .header("x-paritee-echo", "forged");
    let answer = client.post(head, b"hello").await.unwrap();
    assert_eq!((answer.status(), &*answer.body), (200, &b"same"[..]));
    assert_eq!((answer.header("content-length"), answer.header("x-kept-case")), (Some("4"), Some("Yes")));
    assert!(answer.header("date").is_some() && answer.header("connection").is_none(), "{:?}", answer.head);
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "judgements.match"), 1, "{ledger}");
    for origin in [&primary, &candidate] {
        let seen = &origin.seen()[0];
        assert_eq!((seen.target(), &*seen.body, seen.whole), ("/a?b=%20c", &b"hello"[..], true));
        let lines = |name: &str| seen.head.lines().filter(|line| line.to_lowercase().starts_with(name)).count();
        assert_eq!((seen.header("host"), lines("host:")), (Some("shop.example"), 1));
        assert_eq!((seen.header("cookie"), lines("cookie:")), (Some("a=1; b=2"), 1));
        assert_eq!(seen.header("x-forwarded-for"), Some("1.2.3.4, 127.0.0.1"));
        assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
        assert_eq!(seen.header("te"), Some("trailers"));
        assert!(seen.header("x-paritee-echo").is_none());
    }
    assert!(primary.seen()[0].header("x-shadow-request").is_none());
    assert!(primary.seen()[0].header("x-paritee-exchange").is_none());
    assert_eq!(candidate.seen()[0].header("x-shadow-request"), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_client_cannot_tell_whether_mirroring_is_on() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, ALLOW_POST);
    let mut client = Http2::connect(tee.live).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut answers = vec![client.get("/a").await.unwrap()];
        let head = client.request("POST", "/a");
        answers.push(client.post(head, b"x").await.unwrap());
        let mut heads = answers.into_iter().map(|mut answer| {
            answer.head.headers.remove("date");
            (answer.status(), format!("{:?}", answer.head.headers), answer.body)
        });
        seen.push([heads.next(), heads.next()]);
        tee.settled();
        tee.signal("-USR1");
        until("off", || tee.said("mirroring is off").then_some(()));
    }
    assert_eq!(seen[0], seen[1]);
    let ledger = tee.settled();
    assert_eq!((number(&ledger, "judgements.match"), number(&ledger, "not_mirrored.off")), (2, 2), "{ledger}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn loops_end_and_the_candidates_own_requests_are_known() {
    let candidate = Origin::answering(plain(b"same"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let own = format!("http://localhost:{port}");
    let tee = Tee::at(port, &own, &candidate.url(), "");
    let mut client = Http2::connect(tee.live).await;
    assert_eq!(client.get("/a").await.unwrap().status(), 508);
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), number(&ledger, "not_mirrored.marked")), (2, 1), "{ledger}");
    // What the candidate asks back over HTTP/2 is told by its marker, and the answer carries the echo.
    let marker = Arc::new(Mutex::new(None));
    let candidate = Origin::start(Arc::new({
        let marker = marker.clone();
        move |seen, stream| {
            *marker.lock().unwrap() = seen.header("x-paritee-exchange").map(str::to_owned);
            if stream.write_all(&plain(b"same")).is_ok() { Next::Again } else { Next::Close }
        }
    }));
    let primary = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    assert!(client.get("/a").await.unwrap().header("x-paritee-echo").is_none());
    let marker = until("a copy", || marker.lock().unwrap().take());
    let head = client.request("GET", "/a").header("x-paritee-exchange", marker);
    let (response, _) = client.start(head, true).await;
    assert!(whole(soon(response).await.unwrap()).await.unwrap().header("x-paritee-echo").is_some());
    assert_eq!(number(&tee.settled(), "not_mirrored.marked"), 1);
    assert_eq!(candidate.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn heads_without_a_body_and_failures_have_none() {
    let (primary, candidate) = answering("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nKeep-Alive: timeout=5\r\n\r\n");
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    let answer = client.get("/a").await.unwrap();
    assert_eq!((answer.status(), answer.body.len(), answer.header("etag")), (304, 0, Some("\"x\"")));
    assert_eq!(answer.header("keep-alive"), None);
    let (primary, candidate) = answering("HTTP/1.1 204 No Content\r\n\r\n");
    let tee = Tee::start(&primary, &candidate, "");
    let answer = Http2::connect(tee.live).await.get("/a").await.unwrap();
    assert_eq!((answer.status(), answer.body.len()), (204, 0));
    let (primary, candidate) = answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("HEAD", "/a");
    let (response, _) = client.start(head, true).await;
    let response = soon(response).await.unwrap();
    assert!(response.body().is_end_stream(), "it ends with its head");
    assert_eq!(response.headers()["content-length"], "9");
    // The tee's own answers too.
    let dead = Origin::failing(Fault::Closed);
    let tee = Tee::start(&dead, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    let answer = client.get("/a").await.unwrap();
    assert_eq!((answer.status(), &*answer.body), (502, &b"paritee: the primary cannot be reached\n"[..]));
    let head = client.request("HEAD", "/a");
    let (response, _) = client.start(head, true).await;
    let response = soon(response).await.unwrap();
    assert!(response.status() == 502 && response.body().is_end_stream());
    assert_eq!(response.headers()["content-length"], answer.body.len().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn trailers_pass_both_ways() {
    let chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nsame\r\n0\r\nX-Sum: 9\r\n\r\n";
    // This one reads trailers, which the others do not: up to `x-sum`, for a head may end in a 9 too (seen once).
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, tells) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(b": 9\r\n\r\n") && std::io::Read::read_exact(&mut stream, &mut byte).is_ok() {
            seen.push(byte[0]);
        }
        stream.write_all(chunks.as_bytes()).unwrap();
        told.send(String::from_utf8(seen).unwrap().to_lowercase()).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let candidate = Origin::answering(chunks.into());
    let tee = Tee::between(&format!("http://{address}"), &candidate.url(), "");
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("POST", "/a").header("trailer", "x-sum");
    let (response, mut stream) = client.start(head, false).await;
    stream.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let trailers = [("x-sum".parse().unwrap(), "9".parse().unwrap())].into_iter().collect();
    stream.send_trailers(trailers).unwrap();
    let answer = whole(soon(response).await.unwrap()).await.unwrap();
    assert_eq!((answer.status(), &*answer.body), (200, &b"same"[..]));
    assert_eq!(answer.trailers.expect("trailers")["x-sum"], "9");
    assert_eq!(answer.head.headers.get("transfer-encoding"), None);
    let seen = tells.recv().unwrap();
    assert!(seen.ends_with("\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 9\r\n\r\n"), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hints_pass_and_a_client_that_waits_to_send_is_told_to() {
    let primary = Origin::start(Arc::new(|seen, stream| {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-a\r\nX-A: 1\r\n\r\n\
                     HTTP/1.1 100 Continue\r\n\r\n";
        let sent = stream.write_all(&[hints.as_bytes(), &plain(&seen.body)].concat());
        if sent.is_ok() { Next::Again } else { Next::Close }
    }));
    let candidate = Origin::answering(plain(b"hello"));
    let tee = Tee::start(&primary, &candidate, ALLOW_POST);
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("POST", "/a").header("expect", "100-continue").header("content-length", "5");
    let (mut response, mut stream) = client.start(head, false).await;
    let interim = soon(poll_fn(|cx| response.poll_informational(cx))).await.expect("a 100").unwrap();
    assert_eq!(interim.status(), 100);
    assert_eq!(primary.count(), 0, "it was told so before it sent anything");
    stream.send_data(Bytes::from_static(b"hello"), true).unwrap();
    let interim = soon(poll_fn(|cx| response.poll_informational(cx))).await.expect("a 103").unwrap();
    assert_eq!((interim.status().as_u16(), &interim.headers()["link"]), (103, &"</a.css>".parse().unwrap()));
    assert!(interim.headers().get("x-a").is_none() && interim.headers().get("connection").is_none());
    let answer = whole(soon(response).await.unwrap()).await.unwrap();
    assert_eq!((answer.status(), &*answer.body), (200, &b"hello"[..]));
    assert_eq!(number(&tee.settled(), "judgements.match"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn events_come_at_once_and_an_upload_goes_on_while_the_client_pauses() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let primary = Origin::start(Arc::new(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        while gone.lock().unwrap().recv().is_ok() {
            stream.write_all(b"9\r\ndata: x\n\n\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        Next::Again
    }));
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("GET", "/events");
    let (response, _) = client.start(head, true).await;
    let mut events = soon(response).await.unwrap().into_body();
    let mut delays = Vec::new();
    for _ in 0..5 {
        let sent = Instant::now();
        go.send(()).unwrap();
        assert_eq!(events.data().await.unwrap().unwrap(), "data: x\n\n");
        delays.push(sent.elapsed());
    }
    drop(go);
    // The end may come in a frame of its own, which is empty.
    while let Some(data) = events.data().await {
        assert_eq!(data.unwrap(), "");
    }
    delays.sort_unstable();
    assert!(delays[2] < Duration::from_millis(150), "{delays:?}");
    // An upload: the first byte is at the primary while the rest is not sent yet.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, tells) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        let mut byte = [0];
        while std::io::Read::read_exact(&mut stream, &mut byte).is_ok() {
            seen.push(byte[0]);
            if seen.ends_with(b"first") {
                told.send(Instant::now()).unwrap();
            }
            if seen.ends_with(b"last\r\n0\r\n\r\n") {
                stream.write_all(&plain(b"same")).unwrap();
            }
        }
    });
    let tee = Tee::between(&format!("http://{address}"), &candidate.url(), "");
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("PUT", "/a");
    let (response, mut stream) = client.start(head, false).await;
    let sent = Instant::now();
    stream.send_data(Bytes::from_static(b"first"), false).unwrap();
    let there = tokio::task::block_in_place(|| tells.recv_timeout(Duration::from_secs(5))).unwrap();
    assert!(there - sent < Duration::from_millis(300), "{:?}", there - sent);
    stream.send_data(Bytes::from_static(b"last"), true).unwrap();
    assert_eq!(whole(soon(response).await.unwrap()).await.unwrap().body, b"same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_requests_on_one_connection_while_the_candidate_fails() {
    let primary = Origin::answering(plain(b"the monolith's answer"));
    let candidate = Origin::failing(Fault::Reset);
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    // Fifty at a time.
    for round in 0..20 {
        let mut answers = Vec::new();
        for number in 0..50 {
            let head = client.request("GET", &format!("/review/{round}/{number}"));
            answers.push(client.start(head, true).await.0);
        }
        for answer in answers {
            let answer = whole(soon(answer).await.unwrap()).await.unwrap();
            assert_eq!((answer.status(), &*answer.body), (200, &b"the monolith's answer"[..]));
        }
    }
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), primary.count()), (1_000, 1_000), "{ledger}");
    assert!(number(&ledger, "judgements.mismatch") > 0 && number(&ledger, "judgements.match") == 0, "{ledger}");
    assert!(!client.driver.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_takes_back_one_stream_keeps_the_others() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let primary = Origin::start(Arc::new(move |seen, stream| match seen.target() {
        "/slow" => {
            gone.lock().unwrap().recv().unwrap();
            if stream.write_all(&plain(b"slow")).is_ok() { Next::Again } else { Next::Close }
        }
        "/endless" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
            while stream.write_all(&[b'x'; 65_536]).is_ok() {}
            Next::Close
        }
        _ => {
            let _ = std::io::copy(stream, &mut std::io::sink());
            Next::Close
        }
    }));
    let candidate = Origin::answering(plain(b"slow"));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("GET", "/slow");
    let slow = client.start(head, true).await.0;
    let head = client.request("GET", "/hangs");
    let hangs = client.start(head, true).await;
    // Its window is full soon, and holds up nobody else.
    let head = client.request("GET", "/endless");
    let endless = soon(client.start(head, true).await.0).await.unwrap();
    until("all are asked", || (primary.count() == 3).then_some(()));
    let (response, mut stream) = hangs;
    stream.send_reset(h2::Reason::CANCEL);
    drop((response, endless));
    until("two clients left", || (number(&tee.ledger(), "inconclusive.client_left") == 2).then_some(()));
    go.send(()).unwrap();
    assert_eq!(whole(soon(slow).await.unwrap()).await.unwrap().body, b"slow");
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "judgements.match"), candidate.count()), (1, 1), "{ledger}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_body_of_any_size_passes_whole_and_an_early_answer_ends_the_upload() {
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let primary =
        Origin::start(Arc::new(
            |seen, stream| {
                if stream.write_all(&plain(&seen.body)).is_ok() { Next::Again } else { Next::Close }
            },
        ));
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("PUT", "/a");
    let (response, mut stream) = client.start(head, false).await;
    // The client's library cuts it by the windows that the tee gives.
    stream.send_data(large.clone().into(), true).unwrap();
    let answer = whole(soon(response).await.unwrap()).await.unwrap();
    assert!(answer.body == large && primary.seen()[0].body == large);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 1_024]);
            let _ = stream
                .write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!");
        }
    });
    let tee = Tee::between(&format!("http://{address}"), &candidate.url(), "");
    let mut client = Http2::connect(tee.live).await;
    let head = client.request("PUT", "/a");
    let (response, mut stream) = client.start(head, false).await;
    stream.send_data(Bytes::from(vec![b'x'; 100_000]), false).unwrap();
    let answer = whole(soon(response).await.unwrap()).await.unwrap();
    assert_eq!((answer.status(), &*answer.body), (413, &b"no!"[..]));
    let reset = soon(poll_fn(|cx| stream.poll_reset(cx))).await.unwrap();
    assert_eq!(reset, h2::Reason::NO_ERROR, "whoever has its answer is asked to stop, not told that it failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn told_to_stop_it_says_so_and_answers_what_is_under_way() {
    let (primary, go) = Origin::holding("/slow", plain(b"same"));
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let (mut idle, mut busy) = (Http2::connect(tee.live).await, Http2::connect(tee.live).await);
    let silent = std::net::TcpStream::connect(tee.live).unwrap();
    assert_eq!(idle.get("/a").await.unwrap().status(), 200);
    let head = busy.request("GET", "/slow");
    let slow = busy.start(head, true).await.0;
    until("the primary is asked", || (primary.count() == 2).then_some(()));
    let start = Instant::now();
    tee.signal("-TERM");
    assert!(soon(idle.driver).await.unwrap().is_ok(), "an idle connection closes without an error");
    let refused = loop {
        // Until it is told, a request may still be sent; then the library knows.
        let head = busy.request("GET", "/late").body(()).unwrap();
        match busy.send.clone().ready().await {
            Err(error) => break error,
            Ok(mut ready) => match ready.send_request(head, true) {
                Err(error) => break error,
                Ok((response, _)) => {
                    if let Err(error) = soon(response).await {
                        break error;
                    }
                }
            },
        }
    };
    assert!(refused.is_go_away() || reset_code(&refused) == Some(h2::Reason::REFUSED_STREAM), "{refused}");
    go.send(()).unwrap();
    assert_eq!(whole(soon(slow).await.unwrap()).await.unwrap().body, b"same");
    assert!(soon(busy.driver).await.unwrap().is_ok());
    assert!(tee.ended().success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}: nobody who said nothing holds it up", start.elapsed());
    drop(silent);
    assert_eq!(candidate.connections.load(SeqCst) > 0, candidate.count() > 0);
}
