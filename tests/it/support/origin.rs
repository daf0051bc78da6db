//! Upstreams: one that answers, and those that fail in every way a side can.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A request as an upstream saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// False where the connection ended first.
    pub(crate) whole: bool,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("")
    }
}

/// What an upstream does once it has a whole request (or, for faults that need none, the connection).
type Serve = Arc<dyn Fn(&Seen, &mut TcpStream) -> Next + Send + Sync>;

/// Whether the connection goes on.
pub(crate) enum Next {
    Again,
    Close,
}

/// An upstream on a port of its own.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: Arc<AtomicUsize>,
}

/// How a candidate fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Closed,
    HangBeforeHead,
    HangInBody,
    Trickle,
    Reset,
    Garbage,
    EndlessHead,
    EndlessBody,
    SpeaksTls,
}

impl Fault {
    pub(crate) const ALL: [Fault; 9] = [
        Fault::Closed,
        Fault::HangBeforeHead,
        Fault::HangInBody,
        Fault::Trickle,
        Fault::Reset,
        Fault::Garbage,
        Fault::EndlessHead,
        Fault::EndlessBody,
        Fault::SpeaksTls,
    ];
}

pub(crate) fn plain(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Kept-Case: Yes\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

impl Origin {
    /// Answers every request alike.
    pub(crate) fn answering(bytes: Vec<u8>) -> Origin {
        Origin::start(Arc::new(move |_, stream| {
            let sent = stream.write_all(&bytes);
            if sent.is_ok() { Next::Again } else { Next::Close }
        }))
    }
    /// The same, but to this target only once it is told to go on.
    pub(crate) fn holding(target: &'static str, bytes: Vec<u8>) -> (Origin, mpsc::Sender<()>) {
        let (go, gone) = mpsc::channel::<()>();
        let gone = Mutex::new(gone);
        let origin = Origin::start(Arc::new(move |seen, stream| {
            if seen.target() == target {
                gone.lock().unwrap().recv().unwrap();
            }
            if stream.write_all(&bytes).is_ok() { Next::Again } else { Next::Close }
        }));
        (origin, go)
    }
    /// Fails.
    pub(crate) fn failing(fault: Fault) -> Origin {
        if let Fault::Closed = fault {
            let origin = Origin::answering(Vec::new());
            let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            return Origin { address: unused, ..origin };
        }
        Origin::start(Arc::new(move |_, stream| fail(fault, stream)))
    }
    pub(crate) fn start(serve: Serve) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Origin {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            seen: Arc::default(),
            count: Arc::default(),
        };
        let (connections, seen, count) = (origin.connections.clone(), origin.seen.clone(), origin.count.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, SeqCst);
                let (serve, seen, count) = (serve.clone(), seen.clone(), count.clone());
                std::thread::spawn(move || connection(stream, &serve, &seen, &count));
            }
        });
        origin
    }
    /// The first thousand requests seen.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
    /// How many requests came, cut ones included.
    pub(crate) fn count(&self) -> usize {
        self.count.load(SeqCst)
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn connection(stream: TcpStream, serve: &Serve, seen: &Mutex<Vec<Seen>>, count: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    // The tee has its own; without it answers in two writes would wait.
    writer.set_nodelay(true).unwrap();
    while let Some(request) = read(&mut reader) {
        count.fetch_add(1, SeqCst);
        let mut list = seen.lock().unwrap();
        if list.len() < 1_000 {
            list.push(request.clone());
        }
        drop(list);
        if !request.whole {
            return;
        }
        match serve(&request, &mut writer) {
            Next::Again => {}
            Next::Close => return,
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return (!head.is_empty()).then_some(Seen { head, body: Vec::new(), whole: false });
        }
    }
    let mut seen = Seen { head, body: Vec::new(), whole: true };
    if seen.header("transfer-encoding").is_some() {
        seen.whole = chunks(reader, &mut seen.body).is_some();
    } else if let Some(length) = seen.header("content-length").and_then(|length| length.parse::<u64>().ok()) {
        let read = reader.take(length).read_to_end(&mut seen.body);
        seen.whole = read.is_ok_and(|read| read as u64 == length);
    }
    Some(seen)
}

fn chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(());
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

pub(crate) fn fail(fault: Fault, stream: &mut TcpStream) -> Next {
    // What the tee does meanwhile to the connection is its own business: every write may fail.
    let ends = |stream: &mut TcpStream| std::io::copy(stream, &mut std::io::sink()).is_ok();
    match fault {
        Fault::Closed => {}
        Fault::HangBeforeHead => _ = ends(stream),
        Fault::HangInBody => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it");
            ends(stream);
        }
        Fault::Trickle => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while stream.write_all(b"1\r\nx\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Fault::Reset => {
            let socket = socket2::SockRef::from(&*stream);
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
        Fault::Garbage => _ = stream.write_all(b"\x00\xffthis is not HTTP\r\n\r\n\r\n"),
        Fault::EndlessHead => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(b"X-More: and more and more and more and more and more and more\r\n").is_ok() {}
        }
        Fault::EndlessBody => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = [b"1000\r\n", &*vec![b'x'; 0x1000], b"\r\n"].concat();
            while stream.write_all(&chunk).is_ok() {}
        }
        // An alert: what a TLS server says to words that are none.
        Fault::SpeaksTls => _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 0x28]),
    }
    Next::Close
}
