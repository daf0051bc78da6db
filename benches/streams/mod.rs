//! Streams through the tee: the first byte of an upload whose client pauses, and the delay of server-sent events.

use crate::children::head;
use crate::program::Program;
use crate::{Line, at_most, median};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const UPLOADS: usize = 10;
const UPLOAD: usize = 200_000;
/// Sent before the client pauses.
const FIRST: usize = 1_000;
const EVENTS: usize = 30;
const BETWEEN: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(2);

/// A side that tells when it saw the first byte of a body, and when it wrote an event.
struct Side {
    address: SocketAddr,
    told: mpsc::Receiver<Instant>,
}

impl Side {
    fn start() -> Side {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (tell, told) = mpsc::channel();
        // It lives as long as the bench, and waits for connections that no longer come.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tell = tell.clone();
                std::thread::spawn(move || serve(stream, &tell));
            }
        });
        Side { address, told }
    }
}

/// Ends with the connection. Nobody listens to what the candidate tells.
fn serve(mut stream: TcpStream, tell: &mpsc::Sender<Instant>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut kept = Vec::new();
    loop {
        let head = head(&mut stream, &mut kept)?;
        if head.starts_with("GET") {
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(answer.as_bytes()).ok()?;
            for n in 0..EVENTS {
                std::thread::sleep(BETWEEN);
                let event = format!("data: {n:04}\n\n");
                let _ = tell.send(Instant::now());
                write!(stream, "{:x}\r\n{event}\r\n", event.len()).ok()?;
            }
            stream.write_all(b"0\r\n\r\n").ok()?;
            continue;
        }
        let mut buffer = [0; 32 << 10];
        let mut came = std::mem::take(&mut kept).len();
        let mut is_told = false;
        while came < UPLOAD {
            if came > 0 && !std::mem::replace(&mut is_told, true) {
                let _ = tell.send(Instant::now());
            }
            came += stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").ok()?;
    }
}

fn connect(tee: &Program) -> TcpStream {
    let stream = TcpStream::connect(tee.address).expect("the tee");
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// How long the first byte took while the client waits for nothing but that; `PATIENCE` where it did not come.
fn upload(tee: &Program, primary: &Side) -> f64 {
    let mut client = connect(tee);
    let head = format!("POST /upload HTTP/1.1\r\nHost: bench.example\r\nContent-Length: {UPLOAD}\r\n\r\n");
    let sent = Instant::now();
    client.write_all(&[head.as_bytes(), &[b'a'; FIRST]].concat()).expect("the first part");
    let took = primary.told.recv_timeout(PATIENCE).map_or(PATIENCE, |seen| seen.duration_since(sent));
    client.write_all(&[b'a'; UPLOAD - FIRST]).expect("the rest");
    let answer = crate::children::head(&mut client, &mut Vec::new()).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    took.as_secs_f64() * 1e3
}

/// How long each event took from the primary to the client.
fn events(tee: &Program, primary: &Side) -> Vec<f64> {
    let mut client = connect(tee);
    client.write_all(b"GET /events HTTP/1.1\r\nHost: bench.example\r\n\r\n").expect("a request");
    let (mut came, mut buffer, mut took) = (Vec::new(), [0; 4 << 10], Vec::new());
    while took.len() < EVENTS {
        let read = client.read(&mut buffer).expect("an event within two seconds");
        assert!(read > 0, "the stream ended after {} events", took.len());
        let now = Instant::now();
        came.extend_from_slice(&buffer[..read]);
        while memchr::memmem::find(&came, format!("data: {:04}\n\n", took.len()).as_bytes()).is_some() {
            let sent = primary.told.recv_timeout(PATIENCE).expect("when it was sent");
            took.push(now.duration_since(sent).as_secs_f64() * 1e3);
        }
    }
    took
}

fn lines_of(name: &str, took: Vec<f64>, most: f64, bound: &'static str) -> [Line; 2] {
    let slowest = took.iter().copied().fold(0.0, f64::max);
    let typical = format!("{:.2} ms", median(took));
    [
        Line { name: format!("streams: {name}, median"), figure: typical, bound: "", holds: true },
        at_most(&format!("streams: {name}, the slowest"), slowest, most, " ms", bound),
    ]
}

/// Both figures; uploads are mirrored too.
pub(crate) fn lines() -> Vec<Line> {
    let (primary, candidate) = (Side::start(), Side::start());
    let sides = [&primary, &candidate].map(|side| format!("http://{}", side.address));
    let tee = Program::start(&sides[0], &sides[1], "[[route]]\nmatch = \"POST /upload\"\nmirror = \"allow\"\n");
    let uploads = (0..UPLOADS).map(|_| upload(&tee, &primary)).collect();
    let uploads = lines_of("an upload's first byte", uploads, 300.0, "300 ms");
    uploads.into_iter().chain(lines_of("an event's delay", events(&tee, &primary), 150.0, "150 ms")).collect()
}
