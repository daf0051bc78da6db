//! Both origins: fast, threaded, each with its own count by request. The primary is well; the candidate's mood is set from outside.

use super::plan::{Leaves, Plan};
use crate::support::origin::{Fault, fail};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long a slow answer pauses, twice.
const PAUSE: Duration = Duration::from_millis(15);

/// A listener's filter (classic BPF over the TCP header): what opens a connection is dropped (SYN without ACK in the flags, byte
/// 13). Nothing else is: a filter of everything dropped the last word of a connection that its client had for open already,
/// and the request behind it came to nobody.
const NOBODY_ANEW: [socket2::SockFilter; 5] = [
    socket2::SockFilter::new(0x30, 0, 0, 13),
    socket2::SockFilter::new(0x54, 0, 0, 0x12),
    socket2::SockFilter::new(0x15, 0, 1, 0x02),
    socket2::SockFilter::new(0x06, 0, 0, 0),
    socket2::SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// What the candidate does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mood {
    Well,
    /// Nobody listens; what was connected is answered once more, told so, and closed.
    Closed,
    HangBeforeHead,
    HangInBody,
    Trickle,
    Reset,
    Garbage,
    EndlessHead,
    Broken,
    SpeaksTls,
    Cut,
    Surplus,
    Wrong,
}

impl Mood {
    pub(super) const FAULTS: [Mood; 12] = [
        Mood::Closed,
        Mood::HangBeforeHead,
        Mood::HangInBody,
        Mood::Trickle,
        Mood::Reset,
        Mood::Garbage,
        Mood::EndlessHead,
        Mood::Broken,
        Mood::SpeaksTls,
        Mood::Cut,
        Mood::Surplus,
        Mood::Wrong,
    ];
    fn known(byte: u8) -> Mood {
        Mood::FAULTS.into_iter().find(|mood| *mood as u8 == byte).unwrap_or(Mood::Well)
    }
}

/// What an origin has seen, by the number of the request.
pub(super) struct Book {
    seed: u64,
    /// How often each came.
    times: Vec<AtomicU8>,
    /// A hash of the exchange's id, at the candidate; 0 where it has not come.
    ids: Vec<AtomicU64>,
    /// Whether its last answer was one that no client's answer equals.
    spoilt: Vec<AtomicBool>,
    /// What must never be seen; the first of it.
    wrong: Mutex<Vec<String>>,
}

impl Book {
    fn new(seed: u64, room: usize) -> Arc<Book> {
        let ids = (0..room).map(|_| AtomicU64::new(0)).collect();
        let times = (0..room).map(|_| AtomicU8::new(0)).collect();
        let spoilt = (0..room).map(|_| AtomicBool::new(false)).collect();
        Arc::new(Book { seed, times, ids, spoilt, wrong: Mutex::default() })
    }
    /// True once the request's head is here.
    pub(super) fn has(&self, n: usize) -> bool {
        self.times[n].load(SeqCst) > 0
    }
    /// How many requests came, and how many came again.
    pub(super) fn count(&self) -> (u64, u64) {
        let times = self.times.iter().map(|times| u64::from(times.load(SeqCst)));
        times.fold((0, 0), |(once, again), times| (once + times.min(1), again + times.saturating_sub(1)))
    }
    pub(super) fn spoilt(&self) -> u64 {
        self.spoilt.iter().filter(|spoilt| spoilt.load(SeqCst)).count() as u64
    }
    pub(super) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }
    fn complain(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap();
        if wrong.len() < 20 {
            wrong.push(what);
        }
    }
    /// Counts a request by its head; `None` where it is none of the soak's.
    fn enter(&self, head: &str, as_candidate: bool) -> Option<(usize, Plan)> {
        let target = head.split(' ').nth(1)?;
        let n = target.rsplit('/').next()?.parse().ok().filter(|n| *n < self.times.len());
        let Some(n) = n else {
            self.complain(format!("not of the soak: {target}"));
            return None;
        };
        let plan = Plan::of(self.seed, n);
        let before = self.times[n].fetch_add(1, SeqCst);
        if !head.starts_with(plan.method) {
            self.complain(format!("{n}: {} became {head}", plan.method));
        }
        match field(head, "x-paritee-exchange") {
            Some(id) if as_candidate => {
                // Its id is its first part; the rest is signed, and the same as well.
                let known = self.ids[n].swap(xxhash_rust::xxh3::xxh3_64(id.as_bytes()).max(1), SeqCst);
                let same = known == self.ids[n].load(SeqCst);
                if before > 0 && !(same && before == 1 && plan.method != "POST") {
                    self.complain(format!("{n}: {} came {} times, same id: {same}", plan.method, before + 1));
                }
                if plan.outgrows_the_copy() || plan.leaves == Some(Leaves::InUpload) {
                    self.complain(format!("{n}: half a request was copied: {plan:?}"));
                }
            }
            None if !as_candidate => {}
            id => self.complain(format!("{n}: the exchange's id is {id:?}, and this the candidate: {as_candidate}")),
        }
        Some((n, plan))
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// An origin that can stop listening, and listen again on the same port.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) book: Arc<Book>,
    mood: Arc<AtomicU8>,
    is_candidate: bool,
    /// How often it stopped listening.
    pub(super) closings: AtomicUsize,
    listening: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Origin {
    pub(super) fn start(seed: u64, room: usize, is_candidate: bool) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Origin {
            address: listener.local_addr().unwrap(),
            book: Book::new(seed, room),
            mood: Arc::default(),
            is_candidate,
            closings: AtomicUsize::new(0),
            listening: Mutex::default(),
        };
        origin.listen(listener);
        origin
    }
    pub(super) fn is_in(&self, mood: Mood) {
        let before = Mood::known(self.mood.swap(mood as u8, SeqCst));
        if mood == Mood::Closed && before != mood {
            self.closings.fetch_add(1, SeqCst);
            // The thread lets go of its listener.
            if let Some(listening) = self.listening.lock().unwrap().take() {
                listening.join().unwrap();
            }
        } else if mood != Mood::Closed && before == Mood::Closed {
            self.listen(TcpListener::bind(self.address).unwrap());
        }
    }
    fn listen(&self, listener: TcpListener) {
        let (book, mood, is_candidate) = (self.book.clone(), self.mood.clone(), self.is_candidate);
        // Long enough to cost nothing, short enough to hear of a closing.
        socket2::SockRef::from(&listener).set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let gate = mood.clone();
        let take = move || loop {
            let closing = Mood::known(gate.load(SeqCst)) == Mood::Closed;
            if closing {
                // From here on nobody else gets in: who is in is served, so that no request is lost that counts as sent.
                socket2::SockRef::from(&listener).attach_filter(&NOBODY_ANEW).unwrap();
                thread::sleep(Duration::from_millis(1));
                listener.set_nonblocking(true).unwrap();
            }
            while let Ok((stream, _)) = listener.accept() {
                let (book, mood) = (book.clone(), mood.clone());
                let serve = move || _ = connection(stream, &book, &mood, is_candidate);
                thread::Builder::new().stack_size(256 << 10).spawn(serve).unwrap();
                if !closing && Mood::known(gate.load(SeqCst)) == Mood::Closed {
                    break;
                }
            }
            if closing {
                return;
            }
        };
        *self.listening.lock().unwrap() = Some(thread::spawn(take));
    }
}

fn connection(stream: TcpStream, book: &Book, mood: &AtomicU8, is_candidate: bool) -> std::io::Result<()> {
    // The listener's patience is inherited, and is not this one's.
    stream.set_read_timeout(None)?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(16 << 10, stream.try_clone()?);
    let mut writer = stream;
    let mut head = String::new();
    loop {
        head.clear();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let Some((n, plan)) = book.enter(&head, is_candidate) else { return Ok(()) };
        let body = upload(&mut reader, &head)?;
        if body != plan.upload_body() {
            book.complain(format!("{n}: a body of {} bytes, and not the {} sent", body.len(), plan.upload));
        }
        let mood = Mood::known(mood.load(SeqCst));
        let spoils = !matches!(mood, Mood::Well | Mood::Closed | Mood::Surplus);
        // What is wrong with an answer to HEAD, or beyond the cap, need not be seen.
        let compared = plan.method != "HEAD" && plan.answer <= super::plan::MAX_BODY;
        book.spoilt[n].store(spoils && compared, SeqCst);
        if !answer(&mut writer, n, &plan, mood, is_candidate)? {
            return Ok(());
        }
    }
}

fn upload(reader: &mut BufReader<TcpStream>, head: &str) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if field(head, "transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(|_| ErrorKind::UnexpectedEof)?;
            let start = body.len();
            body.resize(start + length + 2, 0);
            reader.read_exact(&mut body[start..])?;
            body.truncate(start + length);
            if length == 0 {
                return Ok(body);
            }
        }
    }
    body.resize(field(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0), 0);
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// Answers as the mood is; true where the connection goes on.
fn answer(stream: &mut TcpStream, n: usize, plan: &Plan, mood: Mood, is_candidate: bool) -> std::io::Result<bool> {
    let fault = match mood {
        Mood::HangBeforeHead => Fault::HangBeforeHead,
        Mood::HangInBody => Fault::HangInBody,
        Mood::Trickle => Fault::Trickle,
        Mood::Reset => Fault::Reset,
        Mood::Garbage => Fault::Garbage,
        Mood::EndlessHead => Fault::EndlessHead,
        Mood::SpeaksTls => Fault::SpeaksTls,
        Mood::Well | Mood::Closed | Mood::Broken | Mood::Cut | Mood::Surplus | Mood::Wrong => {
            return speak(stream, n, plan, mood, is_candidate);
        }
    };
    fail(fault, stream);
    Ok(false)
}

fn speak(stream: &mut TcpStream, n: usize, plan: &Plan, mood: Mood, is_candidate: bool) -> std::io::Result<bool> {
    let (mut bytes, head_ends) = plan.answer_bytes(n);
    match mood {
        Mood::Broken => {
            stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")?;
            return Ok(true);
        }
        Mood::Cut => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\nbut not so many")?;
            return Ok(false);
        }
        Mood::Wrong => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\nX-N: {n}\r\nContent-Length: 5\r\n\r\n").as_bytes())?;
            let body: &[u8] = if plan.method == "HEAD" { b"" } else { b"wrong" };
            return stream.write_all(body).map(|()| true);
        }
        Mood::Surplus => bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        // Said, so that no request crosses the end: a write that does is lost, and nobody has counted it.
        Mood::Closed => drop(bytes.splice(head_ends - 2..head_ends - 2, *b"Connection: close\r\n")),
        _ if plan.slow && !is_candidate => {
            thread::sleep(PAUSE);
            let half = head_ends + (bytes.len() - head_ends) / 2;
            stream.write_all(&bytes[..half])?;
            thread::sleep(PAUSE);
            stream.write_all(&bytes[half..])?;
            return Ok(true);
        }
        _ => {}
    }
    stream.write_all(&bytes)?;
    // Whoever sends on behind a surplus is heard: that it came counts.
    Ok(mood != Mood::Closed)
}
