//! Another process goes on where this one stops: on sockets that systemd holds, or on those that the one passes to the other.
//! No request fails, and each is in the ledger.

use crate::support::http2::Http2;
use crate::support::origin::{Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, at_rest, number, sides};
use crate::support::until;
use crate::support::wire::Client;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// What the clients of one load were given.
#[derive(Default)]
struct Load {
    answered: AtomicU64,
    /// The longest wait, in milliseconds.
    slowest: AtomicU64,
    over: AtomicBool,
}

impl Load {
    fn timed(&self, ask: impl FnOnce() -> Vec<u8>) {
        let start = Instant::now();
        assert_eq!(ask(), b"same");
        self.slowest.fetch_max(start.elapsed().as_millis() as u64, SeqCst);
        self.answered.fetch_add(1, SeqCst);
    }
    fn fresh(&self, live: SocketAddr) {
        while !self.over.load(SeqCst) {
            self.timed(|| Client::connect(live).request("GET", "/fresh", "Connection: close\r\n", b"").body);
        }
    }
    /// Keeps its connection for as long as it is allowed to.
    fn kept(&self, live: SocketAddr) {
        let mut client = Client::connect(live);
        while !self.over.load(SeqCst) {
            let mut last = false;
            self.timed(|| {
                let answer = client.get("/kept");
                last = answer.header("connection") == Some("close");
                answer.body
            });
            if last {
                client = Client::connect(live);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Load {
    /// Over HTTP/2, on a new connection once the one before has said that it takes no more.
    fn multiplexed(&self, live: SocketAddr) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Http2::connect(live).await;
            while !self.over.load(SeqCst) {
                let start = Instant::now();
                match client.send.clone().ready().await {
                    Ok(mut ready) => {
                        let head = client.request("GET", "/multiplexed").body(()).unwrap();
                        match ready.send_request(head, true) {
                            Ok((response, _)) => {
                                let answer = crate::support::http2::whole(response.await.unwrap()).await.unwrap();
                                assert_eq!(answer.body, b"same");
                                self.slowest.fetch_max(start.elapsed().as_millis() as u64, SeqCst);
                                self.answered.fetch_add(1, SeqCst);
                            }
                            // Told before it was sent.
                            Err(_) => client = Http2::connect(live).await,
                        }
                    }
                    Err(error) => {
                        assert!(error.is_go_away(), "{error}");
                        client = Http2::connect(live).await;
                    }
                }
            }
        });
    }
    /// Waits for so many answers more.
    fn goes_on(&self, more: u64) {
        let before = self.answered.load(SeqCst);
        until("traffic", || (self.answered.load(SeqCst) > before + more).then_some(()));
    }
}

/// An upload that takes a second and an answer that takes one; both are whole.
fn slow(live: SocketAddr) -> [thread::JoinHandle<()>; 2] {
    let upload = thread::spawn(move || {
        let mut client = Client::connect(live);
        client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
        for _ in 0..10 {
            client.send(&[b'x'; 10]);
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(client.answer(false).unwrap().body, b"same");
    });
    let download = thread::spawn(move || {
        assert_eq!(Client::connect(live).get("/slow").body, [b'y'; 100]);
    });
    [upload, download]
}

fn with_slow_answers() -> Origin {
    Origin::start(Arc::new(|seen, stream| {
        if seen.target() != "/slow" {
            return if stream.write_all(&plain(b"same")).is_ok() { Next::Again } else { Next::Close };
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(100));
            let _ = stream.write_all(&[b'y'; 10]);
        }
        Next::Again
    }))
}

#[test]
fn three_hand_overs_under_load_fail_no_request_and_lose_none() {
    let (primary, candidate) = (with_slow_answers(), with_slow_answers());
    let mut tee = Tee::start(&primary, &candidate, "[mirror]\nmax_in_flight = 1000");
    let (live, load) = (tee.live, Load::default());
    let (tee, slow_ones) = thread::scope(|scope| {
        scope.spawn(|| load.fresh(live));
        scope.spawn(|| load.fresh(live));
        scope.spawn(|| load.kept(live));
        scope.spawn(|| load.multiplexed(live));
        let mut slow_ones = 0;
        for round in 0..3 {
            load.goes_on(100);
            // Ask where whoever had the store before has it no more: else there is nobody to take over from.
            until("the ledger", || {
                (tee.admin("GET", "/api/ledger", "Host: localhost\r\n").status == 200).then_some(())
            });
            let under_way = slow(live);
            load.goes_on(20);
            let mut before = tee;
            tee = before.successor();
            assert_eq!((tee.live, tee.admin), (before.live, before.admin), "round {round}");
            load.goes_on(50);
            under_way.into_iter().for_each(|slow| slow.join().unwrap());
            slow_ones += 2;
            assert!(before.said("handed over: what is under way is answered first"));
            assert!(before.ended().success(), "round {round}");
        }
        load.goes_on(50);
        load.over.store(true, SeqCst);
        (tee, slow_ones)
    });
    let mut settled = serde_json::Value::Null;
    until("the store is open", || {
        let answer = tee.admin("GET", "/api/ledger", "Host: localhost\r\n");
        (answer.status == 200).then(|| settled = tee.settled())
    });
    adds_up(&settled);
    let dir = tee.stopped();
    let ledger = at_rest(dir.path(), &["ledger"]);
    adds_up(&ledger);
    let answered = load.answered.load(SeqCst) + slow_ones;
    assert_eq!((number(&ledger, "received"), primary.count() as u64), (answered, answered), "{ledger}");
    assert_eq!(number(&ledger, "judgements.match"), number(&ledger, "mirrored"), "{ledger}");
    assert_eq!(number(&ledger, "mirrored"), candidate.count() as u64, "{ledger}");
    assert!(number(&ledger, "not_mirrored.draining") > 0, "{ledger}");
    assert!(ledger["gaps"].as_array().is_none_or(Vec::is_empty), "{ledger}");
    // Some ten milliseconds; a queue that nobody serves would make it a second or more.
    let slowest = load.slowest.load(SeqCst);
    println!("{answered} requests, the slowest took {slowest} ms");
    assert!(slowest < 900, "somebody waited {slowest} ms");
}

#[test]
fn a_process_that_cannot_take_over_leaves_the_one_before_as_it_was() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, "");
    let good = std::fs::read_to_string(tee.file("paritee.toml")).unwrap();
    let (mut kept, load) = (tee.client(), Load::default());
    thread::scope(|scope| {
        scope.spawn(|| load.fresh(tee.live));
        // A config that is none, and one that wants what it cannot get once the sockets are passed.
        tee.write(&good.replace("[mirror]\n", "[mirror]\npercnt = 1\n"));
        let (code, said) = tee.rival(&["--take-over"]);
        assert!(code == Some(2) && said.contains("percnt"), "{said}");
        let taken = primary.address;
        tee.write(&good.replace("admin = \"127.0.0.1:0\"", &format!("admin = \"{taken}\"")));
        let (code, said) = tee.rival(&["--take-over"]);
        assert!(code == Some(3) && said.contains("cannot listen on"), "{said}");
        tee.write(&good);
        // Without the flag it is refused as ever.
        let (code, said) = tee.rival(&["--listen", &tee.live.to_string()]);
        assert!(code == Some(3) && said.contains("cannot listen on"), "{said}");
        let (code, said) = tee.rival(&[]);
        assert!(code == Some(3) && said.contains("is in use by another process"), "{said}");
        // Some that die at each word, and one that says nothing.
        let socket = tee.file("store/hand-over");
        let _silent = UnixStream::connect(&socket).unwrap();
        load.goes_on(20);
        drop(_silent);
        for words in ["", "GET / HTTP/1.1\r\n\r\n", "paritee hand-over 1\n", "paritee hand-over 1\nready x\n"] {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream.write_all(words.as_bytes()).unwrap();
            let _ = stream.read(&mut [0; 16]);
            drop(stream);
            load.goes_on(20);
        }
        // Ready, and gone before it hears the word: nobody was told to stop.
        load.over.store(true, SeqCst);
    });
    assert_eq!(kept.get("/kept").body, b"same");
    assert!(tee.said("a process that wanted to take over gave up; this one goes on"));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "received"), load.answered.load(SeqCst) + 1, "{ledger}");
    let live = tee.live;
    drop(kept);
    tee.stopped();
    assert!(TcpListener::bind(live).is_ok(), "no copy of the socket is left");
}

/// It served, and what it counted was in its memory alone.
#[test]
fn a_successor_that_is_killed_before_it_has_the_store_leaves_a_gap() {
    let (primary, go) = Origin::holding("/slow", plain(b"same"));
    let candidate = Origin::answering(plain(b"same"));
    let mut first = Tee::start(&primary, &candidate, "");
    let mut held = first.client();
    assert_eq!(held.get("/a").status, 200);
    held.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the primary is asked", || (primary.count() == 2).then_some(()));
    let second = first.successor();
    assert_eq!(second.client().get("/b").status, 200);
    assert_eq!(second.admin("GET", "/api/ledger", "Host: localhost\r\n").status, 503, "half an account is none");
    assert_eq!(second.admin("GET", "/readyz", "Host: localhost\r\n").status, 200);
    let dir = second.killed();
    go.send(()).unwrap();
    assert_eq!(held.answer(false).unwrap().body, b"same");
    assert!(first.ended().success());
    let third = Tee::again(dir);
    let ledger = third.ledger();
    assert_eq!((number(&ledger, "received"), ledger["gaps"].as_array().map_or(0, Vec::len)), (2, 1), "{ledger}");
}

/// One that has the store is like any other: what is lost with it is bounded by what it wrote last.
#[test]
fn a_successor_that_is_killed_later_leaves_a_gap_with_a_bound() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let mut first = Tee::start(&primary, &candidate, "");
    let second = first.successor();
    assert!(first.ended().success());
    until("the ledger", || (second.admin("GET", "/api/ledger", "Host: localhost\r\n").status == 200).then_some(()));
    let durable = || number(&second.ledger(), "durable_seq");
    let before = durable();
    assert_eq!(second.client().get("/a").status, 200);
    until("it is on the device", || (durable() > before).then_some(()));
    let gaps = Tee::again(second.killed()).ledger()["gaps"].clone();
    let bound = gaps[0]["up_to"].as_u64();
    assert!(bound.is_some_and(|bound| bound < 1_000_000), "{gaps}");
}

/// A server that closes an idle connection may cross a request on its way.
#[test]
fn an_idle_connection_is_answered_once_more_and_learns_that_it_was_the_last_time() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let mut first = Tee::start(&primary, &candidate, "");
    let (mut idle, mut silent) = (first.client(), first.client());
    assert_eq!(idle.get("/a").header("connection"), None);
    let second = first.successor();
    until("handed over", || first.said("handed over").then_some(()));
    // Longer than a stop would leave them.
    thread::sleep(Duration::from_millis(1_500));
    for client in [&mut idle, &mut silent] {
        let answer = client.get("/b");
        assert_eq!((&*answer.body, answer.header("connection")), (&b"same"[..], Some("close")));
        assert_eq!(client.rest(), b"");
    }
    assert!(first.ended().success());
    assert_eq!(second.client().get("/c").header("connection"), None);
}

#[test]
fn the_mirrors_switch_and_a_new_number_of_threads_are_taken_over() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let mut first = Tee::start(&primary, &candidate, "");
    assert_eq!(first.admin("POST", "/api/mirror/off", "Host: localhost\r\n").status, 200);
    let config = std::fs::read_to_string(first.file("paritee.toml")).unwrap();
    for workers in [1, 3] {
        first.write(&config.replace("workers = 2", &format!("workers = {workers}")));
        let second = first.successor();
        assert!(first.ended().success());
        // Each of the sockets is served, whoever hashes where.
        (0..40).for_each(|_| assert_eq!(second.client().get("/a").body, b"same"));
        until("the ledger", || (second.admin("GET", "/api/ledger", "Host: localhost\r\n").status == 200).then_some(()));
        assert!(number(&second.settled(), "not_mirrored.off") >= 40);
        first = second;
    }
    assert_eq!(candidate.count(), 0);
}

#[test]
fn on_sockets_of_systemd_a_restart_refuses_nobody() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let sockets = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [live, admin] = [0, 1].map(|at| sockets[at].local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let config = format!("workers = 2\n{}", sides(&primary.url(), &candidate.url(), "[mirror]\nmax_in_flight = 1000"));
    std::fs::write(dir.path().join("paritee.toml"), config).unwrap();
    let mut tee = Tee::activated([&sockets[0], &sockets[1]], dir);
    assert_eq!((tee.live, tee.admin), (live, admin));
    let load = Load::default();
    let dir = thread::scope(|scope| {
        scope.spawn(|| load.fresh(live));
        scope.spawn(|| load.fresh(live));
        scope.spawn(|| load.kept(live));
        for _ in 0..3 {
            let before = load.answered.load(SeqCst);
            until("traffic", || (load.answered.load(SeqCst) > before + 100).then_some(()));
            tee = Tee::activated([&sockets[0], &sockets[1]], tee.stopped());
        }
        let before = load.answered.load(SeqCst);
        until("traffic", || (load.answered.load(SeqCst) > before + 100).then_some(()));
        load.over.store(true, SeqCst);
        tee
    });
    adds_up(&dir.settled());
    let dir = dir.stopped();
    let ledger = at_rest(dir.path(), &["ledger"]);
    let answered = load.answered.load(SeqCst);
    assert_eq!((number(&ledger, "received"), primary.count() as u64), (answered, answered), "{ledger}");
    assert!(ledger["gaps"].as_array().is_none_or(Vec::is_empty), "{ledger}");
}

/// Ends the process whose number is in this file.
struct Started(std::path::PathBuf);

impl Drop for Started {
    fn drop(&mut self) {
        if let Ok(number) = std::fs::read_to_string(&self.0) {
            let _ = std::process::Command::new("kill").arg(number.trim()).status();
        }
    }
}

/// The commands of the page, in the folder of a tee that runs.
#[test]
fn the_commands_of_the_page_work() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, "[store]\ndir = \"store\"\n");
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_paritee")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let commands = crate::readme::commands("docs/upgrades.md");
    assert!(commands.len() >= 6, "{commands:?}");
    let _ends = Started(tee.file("paritee.pid"));
    for command in commands {
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &command]).current_dir(tee.file(".")).env("PATH", &path);
        let output = bash.env("PID", tee.process().to_string()).env("ADMIN", format!("http://{}", tee.admin)).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !said.contains("error"), "$ {command}\n{said}");
    }
    until("both were read", || tee.said("in force number=3").then_some(()));
    assert_eq!(tee.client().get("/a").body, b"same");
    let log = std::fs::read_to_string(tee.file("paritee.log")).unwrap();
    assert!(log.contains("taking over"), "{log}");
    assert!(tee.said("handed over"));
}
