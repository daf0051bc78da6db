//! Bodies stream: events come at once, uploads go on at once, in both directions.

use super::client::{Client, PATIENCE};
use super::origin::{Gate, Origin, Step};
use super::tee::Tee;
use std::time::{Duration, Instant};

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn events_are_not_held_back() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    for (token, chunked) in [("case.events-chunked", true), ("case.events-until-close", false)] {
        let coding = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
        let mut steps = vec![Step::Send(
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{coding}\r\n").into_bytes(),
        )];
        let gates: Vec<Gate> = (0..5).map(|_| Gate::default()).collect();
        for (number, gate) in gates.iter().enumerate() {
            let event = format!("data: event-{number}\n\n");
            let event = if chunked { format!("{:x}\r\n{event}\r\n", event.len()) } else { event };
            steps.extend([Step::Await(gate.clone()), Step::Send(event.into_bytes())]);
        }
        steps.extend([Step::Send(if chunked { b"0\r\n\r\n".to_vec() } else { Vec::new() }), Step::Close]);
        primary.script(token, vec![steps]);
        let mut client = Client::connect(tee.address);
        client.send(format!("GET /{token} HTTP/1.1\r\nHost: a.test\r\nAccept: text/event-stream\r\n\r\n").as_bytes());
        assert!(client.arrives(b"\r\n\r\n", PATIENCE).is_some(), "{token}: the head waits for the first event");
        let delays: Vec<Duration> = gates
            .iter()
            .enumerate()
            .map(|(number, gate)| {
                let sent = Instant::now();
                gate.open();
                let came = client.arrives(format!("event-{number}\n").as_bytes(), PATIENCE);
                came.unwrap_or_else(|| panic!("{token}: event {number} does not come")).duration_since(sent)
            })
            .collect();
        assert!(middle(delays.clone()) < Duration::from_millis(150), "{token}: events are held back: {delays:?}");
    }
}

#[test]
fn an_upload_goes_on_while_the_client_pauses() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    for (method, lines, first, rest) in [
        ("POST", "Content-Length: 10", "h", "ellohello"),
        ("POST", "Transfer-Encoding: chunked", "1\r\nh\r\n", "9\r\nellohello\r\n0\r\n\r\n"),
        ("PUT", "Transfer-Encoding: chunked", "a\r\nh", "ellohello\r\n0\r\n\r\n"),
        ("GET", "Content-Length: 10", "h", "ellohello"),
    ] {
        let delays: Vec<Duration> = (0..3)
            .map(|round| {
                let token = format!("case.upload-{method}-{}-{round}", first.len());
                let mut client = Client::connect(tee.address);
                client.send(format!("{method} /{token} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n{first}").as_bytes());
                let sent = Instant::now();
                let came = |body: &[u8]| {
                    primary
                        .wait(PATIENCE, |log| log.requests.iter().any(|seen| seen.token == token && seen.body == body))
                };
                assert!(came(b"h"), "{method} {lines}: the first byte waits for the rest");
                let delay = sent.elapsed();
                client.send(rest.as_bytes());
                assert!(came(b"hellohello"), "{method} {lines}: the rest does not come");
                assert_eq!(client.answer(method).status(), 200);
                delay
            })
            .collect();
        assert!(
            middle(delays.clone()) < Duration::from_millis(300),
            "{method} {lines}: the upload is held back: {delays:?}"
        );
    }
}

#[test]
fn a_large_answer_and_a_large_upload_pass_whole() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    let large = vec![b'x'; 8 << 20];
    let answer =
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len()).into_bytes(), large.clone()].concat();
    for origin in [&primary, &candidate] {
        origin.script("case.large", vec![vec![Step::Body, Step::Send(answer.clone())]]);
    }
    let mut client = Client::connect(tee.address);
    client.send(b"GET /case.large HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let got = client.answer("GET");
    assert!(got.complete && got.body == large, "{} bytes came", got.body.len());
    let head = format!("PUT /case.large-put HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", large.len());
    client.send(&[head.into_bytes(), large.clone()].concat());
    assert_eq!(client.answer("PUT").status(), 200);
    assert!(primary.requests("case.large-put")[0].body == large, "the upload differs");
}

#[test]
fn a_client_that_leaves_frees_the_primary() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    let endless = Step::Repeat(b"data: tick\n\n".to_vec(), 1000, Duration::from_millis(10));
    primary.script("case.leaves", vec![vec![Step::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), endless]]);
    let mut client = Client::connect(tee.address);
    client.send(b"GET /case.leaves HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(client.arrives(b"tick", PATIENCE).is_some());
    drop(client);
    let freed = primary.wait(PATIENCE, |log| log.closed.iter().any(|token| token == "case.leaves"));
    assert!(freed, "the primary goes on answering nobody");
}
