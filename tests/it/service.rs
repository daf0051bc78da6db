//! The service manager's side: a socket that hears what the tee says of itself, a watchdog that a stuck thread silences, and
//! the unit file.

use crate::support::origin::{Origin, plain};
use crate::support::tee::Tee;
use crate::support::until;
use crate::support::wire::Client;
use paritee::config::{self, Flags, Given};
use paritee::store::{Options, StoreHandle};
use paritee::sys::Service;
use paritee::{judge, mirror, proxy};
use std::io::Write;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

fn heard(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 4_096];
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = manager.recv(&mut buffer).expect("the manager is told something");
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

/// The first that holds this; what else comes before must be one of the others.
fn hears(manager: &UnixDatagram, what: &str, others: &[&str]) -> String {
    loop {
        let text = heard(manager);
        if text.contains(what) {
            return text;
        }
        assert!(others.iter().any(|other| text.contains(other)), "{text:?} before {what}");
    }
}

fn managed(socket: &str, watchdog: Option<u64>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paritee"));
    command.env("NOTIFY_SOCKET", socket);
    watchdog.iter().for_each(|usec| _ = command.env("WATCHDOG_USEC", usec.to_string()));
    command
}

fn sides() -> (Origin, String) {
    let origin = Origin::answering(plain(b"same"));
    let config = format!("[upstreams.primary]\nurl = \"{}\"\n", origin.url());
    (origin, config)
}

#[test]
fn a_manager_hears_that_it_serves_that_it_lives_and_that_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let (_origin, config) = sides();
    let tee = Tee::by(managed(path.to_str().unwrap(), Some(2_000_000)), 0, &config);
    let ready = hears(&manager, "READY=1", &["STATUS=opening the store"]);
    assert_eq!(ready, format!("READY=1\nMAINPID={}\nSTATUS=serving {}", tee.process(), tee.live));
    assert_eq!(tee.client().get("/a").status, 200, "what it says is so");
    (0..3).for_each(|_| assert_eq!(heard(&manager), "WATCHDOG=1"));
    tee.signal("-TERM");
    let stopping = hears(&manager, "STOPPING=1", &["WATCHDOG=1"]);
    assert!(stopping.contains("\nEXTEND_TIMEOUT_USEC=14800000\nSTATUS=stopping"), "{stopping}");
    assert!(tee.ended().success());
}

#[test]
fn a_manager_with_a_name_that_is_no_file_hears_it_too_and_none_is_no_error() {
    let name = format!("paritee-service-{}", std::process::id());
    let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let (_origin, config) = sides();
    let tee = Tee::by(managed(&format!("@{name}"), None), 0, &config);
    hears(&manager, "READY=1", &["STATUS=opening the store"]);
    tee.signal("-TERM");
    hears(&manager, "STOPPING=1", &[]);
    assert!(tee.ended().success());
    for nowhere in ["/nowhere/at/all", "not a socket", ""] {
        let tee = Tee::by(managed(nowhere, Some(1_000_000)), 0, &config);
        assert_eq!(tee.client().get("/a").status, 200);
        assert!(!nowhere.is_empty() || tee.lines().iter().all(|line| !line.contains("manager")), "{:?}", tee.lines());
        tee.signal("-TERM");
        assert!(tee.ended().success());
    }
}

/// Whatever asks for it, and whatever becomes of it: a manager that hears of a reload waits for its end.
#[test]
fn a_manager_hears_of_each_reload_and_of_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let (_origin, config) = sides();
    let tee = Tee::by(managed(path.to_str().unwrap(), None), 0, &config);
    hears(&manager, "READY=1", &["STATUS=opening the store"]);
    tee.rewrite(&format!("{config}timeout = \"2s\"\n"));
    tee.signal("-HUP");
    assert!(heard(&manager).starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(heard(&manager), "READY=1\nSTATUS=serving under config 2");
    tee.rewrite("nonsense = 1\n");
    assert_eq!(tee.reload().status, 422);
    assert!(heard(&manager).starts_with("RELOADING=1\n"));
    assert_eq!(heard(&manager), "READY=1\nSTATUS=serving under config 2: the one read last was refused");
    tee.signal("-TERM");
    hears(&manager, "STOPPING=1", &[]);
    assert!(tee.ended().success());
}

/// The one before is no longer the main process: that it ends must not look like the service's end.
#[test]
fn a_manager_hears_of_the_process_that_took_over_and_no_more_of_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let (_origin, config) = sides();
    let mut before = Tee::by(managed(path.to_str().unwrap(), Some(2_000_000)), 0, &config);
    hears(&manager, "READY=1", &["STATUS=opening the store"]);
    let after = before.successor_by(managed(path.to_str().unwrap(), None));
    let ready = hears(&manager, "READY=1", &["STATUS=opening the store", "WATCHDOG=1"]);
    assert!(ready.starts_with(&format!("READY=1\nMAINPID={}\n", after.process())), "{ready}");
    assert!(before.ended().success());
    // Nobody told it how often.
    hears(&manager, "WATCHDOG=1", &[]);
    after.signal("-TERM");
    hears(&manager, "STOPPING=1", &["WATCHDOG=1"]);
    assert!(after.ended().success());
}

/// Where what is logged goes: whoever writes from a live thread waits here, once it is armed.
#[derive(Clone)]
struct Trap {
    armed: Arc<AtomicBool>,
    caught: mpsc::Sender<()>,
    let_go: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Write for Trap {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let live = std::thread::current().name().is_some_and(|name| name.starts_with("paritee-live-"));
        if live && self.armed.swap(false, SeqCst) {
            self.caught.send(()).unwrap();
            self.let_go.lock().unwrap().recv().unwrap();
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_live_thread_that_stands_still_silences_the_watchdog() {
    // Nobody listens there: the live thread that finds out says so in the log, and there it is held.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let flags = Flags {
        listen: Some("127.0.0.1:0".into()),
        primary: Some(format!("http://{gone}")),
        store: Some(dir.path().join("store")),
        workers: Some(2),
        ..Flags::default()
    };
    let config = Arc::new(config::load(None, &flags).unwrap());
    let options = Options { cache_bytes: 1 << 20, exemplars: 1, ..Options::default() };
    let (store, _) = StoreHandle::start(&config.store.dir, &options, 1, 1, 0).unwrap();
    let (control, _shadow) = mirror::start(mirror::Setup {
        config: config.clone(),
        given: Given { file: None, flags },
        service: Arc::new(Service::default()),
        store,
        key: [0; 32],
        incarnation: 1,
        judge: Arc::new(judge::judge),
    })
    .unwrap();
    let (caught, is_caught) = mpsc::channel();
    let (go, let_go) = mpsc::channel();
    let trap = Trap { armed: Arc::new(AtomicBool::new(true)), caught, let_go: Arc::new(Mutex::new(let_go)) };
    let subscriber = tracing_subscriber::fmt().with_writer(move || trap.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test of this process logs");
    let listeners = proxy::bind(config.listen, 2).unwrap();
    let address = listeners.address();
    let live = proxy::start(listeners, control, Duration::from_secs(1)).unwrap();
    let (beats, well) = (live.heartbeats(), Arc::new(AtomicUsize::new(0)));
    let said = well.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(proxy::watch(beats, Duration::from_secs(1), move || _ = said.fetch_add(1, SeqCst)));
    let more_than = |before: usize| move |well: usize| (well > before).then_some(well);
    until("all is well", || more_than(1)(well.load(SeqCst)));
    let mut client = Client::connect(address);
    client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    is_caught.recv_timeout(Duration::from_secs(10)).expect("a live thread says that there is no connection");
    // What was said of the time before has been said after this; nothing is said of the time since.
    std::thread::sleep(Duration::from_millis(1_000));
    let before = well.load(SeqCst);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(well.load(SeqCst), before, "one of two threads stands still");
    go.send(()).unwrap();
    assert_eq!(client.answer(false).unwrap().status, 502);
    until("all is well again", || more_than(before)(well.load(SeqCst)));
    runtime.block_on(live.drain(proxy::Stop::ForGood, Duration::from_secs(2)));
    let ended = well.load(SeqCst);
    until("threads that ended as they were told are well", || more_than(ended + 1)(well.load(SeqCst)));
}

fn unit() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/paritee.service")).unwrap()
}

#[test]
fn the_unit_file_names_flags_that_there_are_and_times_that_suffice() {
    let unit = unit();
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    let start = value("ExecStart");
    let mut words = start.split(' ');
    assert!(words.next().unwrap().ends_with("/paritee") && words.next() == Some("serve"));
    let help = Command::new(env!("CARGO_BIN_EXE_paritee")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
    assert!(!flags.is_empty() && flags.iter().all(|flag| help.contains(&format!("{flag} <"))), "{flags:?}");
    let state = value("StateDirectory");
    assert!(start.contains(&format!("--store /var/lib/{state}/")), "the store is where it may write");
    assert_eq!((value("Type"), value("NotifyAccess")), ("notify".into(), "all".into()));
    assert!(value("ExecReload").contains("-HUP $MAINPID"));
    assert!(value("TimeoutStopSec").parse::<u64>().unwrap() >= 16, "a drain takes up to 15 s");
    assert!(value("WatchdogSec").parse::<u64>().unwrap() >= 2, "threads give a sign twice a second");
    assert!(value("LimitNOFILE").parse::<u64>().unwrap() >= 65_536);
    assert_eq!((value("LimitCORE"), value("UMask")), ("0".into(), "0077".into()));
    assert_eq!(value("RestartPreventExitStatus"), "2");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_file() {
    let is_there =
        Command::new("systemd-analyze").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("paritee.service");
    std::fs::write(&file, unit().replace("/usr/local/bin/paritee", env!("CARGO_BIN_EXE_paritee"))).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("paritee")).collect();
    assert!(ours.is_empty() && output.status.success(), "{said}");
}
