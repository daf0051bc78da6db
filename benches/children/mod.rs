//! Processes of their own beside the tee that is measured, run from the bench's own program: origins that answer or stay
//! silent, and a load generator that keeps its pace whatever comes back. Each ends with its input or by its own time.

use crate::origin::{Fault, fail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// So many requests may be under way at once; one that is due while all are waits, and its wait counts.
const CLIENTS: u64 = 32;
/// Whoever is asked answers within this, or the request is an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// While it is flapping a side is well and resets by turns, each for so long.
const FLAP: u128 = 150;

/// Runs what these arguments name, where they name a child.
pub(crate) fn run(arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["child", "origin"] => origin(),
        ["child", "load", address, rate, seconds, bytes] => {
            let number = |text: &str| text.parse().expect("a number");
            load(address.parse().expect("an address"), number(rate), number(seconds), number(bytes));
        }
        _ => return false,
    }
    true
}

fn own(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg("child").args(words).stdout(Stdio::piped());
    command
}

/// A side that answers with as many bytes of JSON as it is asked for.
pub(crate) struct Origin {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Origin {
    pub(crate) fn start() -> Origin {
        let mut child = own(&["origin"]).stdin(Stdio::piped()).spawn().expect("an origin");
        let input = child.stdin.take().expect("its input");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let address = line(&mut output).parse().expect("its address");
        Origin { child, input, output, address }
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
    /// How requests are answered from now on.
    pub(crate) fn is(&mut self, mood: Mood) {
        self.ask(&mood.number().to_string());
    }
    /// Requests that it has read since it started, and those of them that it has answered.
    pub(crate) fn counts(&mut self) -> (u64, u64) {
        let told = self.ask("count");
        let mut numbers = told.split(' ').map(|number| number.parse().expect("a count"));
        (numbers.next().expect("read"), numbers.next().expect("answered"))
    }
    fn ask(&mut self, what: &str) -> String {
        writeln!(self.input, "{what}").expect("it reads");
        line(&mut self.output)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("a line");
    line.trim().to_owned()
}

/// How a side answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Requests are read and not answered.
    Hanging,
    Flapping,
    Failing(Fault),
}

impl Mood {
    pub(crate) const FAULTS: [Mood; 10] = [
        Mood::Hanging,
        Mood::Flapping,
        Mood::Failing(Fault::Closed),
        Mood::Failing(Fault::HangInBody),
        Mood::Failing(Fault::Trickle),
        Mood::Failing(Fault::Reset),
        Mood::Failing(Fault::Garbage),
        Mood::Failing(Fault::EndlessHead),
        Mood::Failing(Fault::EndlessBody),
        Mood::Failing(Fault::SpeaksTls),
    ];
    /// 0 where it is well.
    fn number(self) -> usize {
        Mood::FAULTS.into_iter().position(|mood| mood == self).map_or(0, |at| at + 1)
    }
    fn known(number: usize) -> Mood {
        number.checked_sub(1).and_then(|at| Mood::FAULTS.get(at)).copied().unwrap_or(Mood::Well)
    }
    /// What it does instead of answering; `None` where it answers or stays silent.
    fn fault(self, up: Duration) -> Option<Fault> {
        match self {
            Mood::Well | Mood::Hanging => None,
            Mood::Flapping => (up.as_millis() / FLAP % 2 == 1).then_some(Fault::Reset),
            Mood::Failing(fault) => Some(fault),
        }
    }
    fn is_closed(self) -> bool {
        self == Mood::Failing(Fault::Closed)
    }
}

struct Counted {
    started: Instant,
    mood: AtomicUsize,
    read: AtomicU64,
    answered: AtomicU64,
}

impl Counted {
    fn mood(&self) -> Mood {
        Mood::known(self.mood.load(SeqCst))
    }
}

fn origin() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    println!("{address}");
    let (mood, read, answered) = Default::default();
    let counted = Arc::new(Counted { started: Instant::now(), mood, read, answered });
    let mut listening = Some(listen(listener, counted.clone()));
    for told in std::io::stdin().lines().map_while(Result::ok) {
        if let Ok(mood) = told.parse() {
            counted.mood.store(mood, SeqCst);
        }
        match (counted.mood().is_closed(), listening.take()) {
            (true, Some(thread)) => {
                // It looks at its mood when somebody comes.
                let _ = TcpStream::connect(address);
                thread.join().expect("it stops listening");
            }
            (true, None) => {}
            (false, Some(thread)) => listening = Some(thread),
            (false, None) => {
                listening = Some(listen(TcpListener::bind(address).expect("the same port"), counted.clone()));
            }
        }
        println!("{} {}", counted.read.load(SeqCst), counted.answered.load(SeqCst));
    }
}

/// Until the mood is to be closed.
fn listen(listener: TcpListener, counted: Arc<Counted>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if counted.mood().is_closed() {
                return;
            }
            let counted = counted.clone();
            std::thread::spawn(move || answer_all(stream, &counted));
        }
    })
}

/// Ends with the connection.
fn answer_all(mut stream: TcpStream, counted: &Counted) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut kept = Vec::new();
    let (mut answer, mut of) = (Vec::new(), 0);
    loop {
        let head = head(&mut stream, &mut kept)?;
        counted.read.fetch_add(1, SeqCst);
        let mood = counted.mood();
        if mood == Mood::Hanging {
            continue;
        }
        if let Some(fault) = mood.fault(counted.started.elapsed()) {
            fail(fault, &mut stream);
            return None;
        }
        let bytes = number_after(&head, "bytes=").unwrap_or(2).max(2) as usize;
        if bytes != of {
            (answer, of) = (answer_of(bytes), bytes);
        }
        // Before the last byte is out: whoever has the answer finds it counted.
        counted.answered.fetch_add(1, SeqCst);
        stream.write_all(&answer).ok()?;
    }
}

fn answer_of(bytes: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n");
    format!("{head}\"{}\"", "a".repeat(bytes - 2)).into_bytes()
}

/// The next head of a connection; what came behind it stays in `kept`.
pub(crate) fn head(stream: &mut TcpStream, kept: &mut Vec<u8>) -> Option<String> {
    let mut buffer = [0; 32 << 10];
    loop {
        if let Some(end) = memchr::memmem::find(kept, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&kept[..end + 4]).into_owned();
            kept.drain(..end + 4);
            return Some(head);
        }
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        kept.extend_from_slice(&buffer[..read]);
    }
}

pub(crate) fn number_after(text: &str, mark: &str) -> Option<u64> {
    let digits = &text[text.find(mark)? + mark.len()..];
    digits.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

/// What a load gave; times in µs from when each request was due.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) sent: u64,
    pub(crate) errors: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// A running load generator.
pub(crate) struct Loading(Child);

impl Loading {
    pub(crate) fn start(address: SocketAddr, rate: u64, seconds: u64, bytes: u64) -> Loading {
        let words = [address.to_string(), rate.to_string(), seconds.to_string(), bytes.to_string()];
        let [address, rate, seconds, bytes] = &words;
        Loading(own(&["load", address, rate, seconds, bytes]).spawn().expect("a load generator"))
    }
    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Load {
        let told = line(&mut BufReader::new(self.0.stdout.take().expect("its output")));
        let numbers: Vec<f64> = told.split(' ').map(|number| number.parse().expect("a figure")).collect();
        let [sent, errors, p50, p99] = numbers[..] else { panic!("a load generator said {told}") };
        Load { sent: sent as u64, errors: errors as u64, p50, p99 }
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn load(address: SocketAddr, rate: u64, seconds: u64, bytes: u64) {
    let (period, total) = (Duration::from_secs(1) / rate as u32, rate * seconds);
    let (next, errors) = (AtomicU64::new(0), AtomicU64::new(0));
    let request = format!("GET /answer?bytes={bytes} HTTP/1.1\r\nHost: bench.example\r\n\r\n");
    // Every connection is there before the first request is due.
    let start = Instant::now() + Duration::from_millis(200);
    let mut took: Vec<u64> = std::thread::scope(|scope| {
        let ask = || {
            // The system's usual 50 µs of a sleep's slack would be the most of what is measured.
            let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
            let mut client = connect(address);
            let mut took = Vec::new();
            loop {
                let n = next.fetch_add(1, SeqCst);
                if n >= total {
                    return took;
                }
                let due = start + period * n as u32;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if client.as_mut().and_then(|client| exchange(client, request.as_bytes())).is_none() {
                    errors.fetch_add(1, SeqCst);
                    client = connect(address);
                }
                took.push(due.elapsed().as_nanos() as u64);
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!("{total} {} {:.1} {:.1}", errors.load(SeqCst), at(0.5), at(0.99));
}

fn connect(address: SocketAddr) -> Option<(TcpStream, Vec<u8>)> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some((stream, Vec::new()))
}

/// One whole answer of status 200.
fn exchange((stream, kept): &mut (TcpStream, Vec<u8>), request: &[u8]) -> Option<()> {
    stream.write_all(request).ok()?;
    let head = head(stream, kept).filter(|head| head.starts_with("HTTP/1.1 200 "))?;
    let length = number_after(&head.to_ascii_lowercase(), "content-length: ")? as usize;
    let mut buffer = [0; 32 << 10];
    while kept.len() < length {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        kept.extend_from_slice(&buffer[..read]);
    }
    kept.clear();
    Some(())
}
