//! The real program, started on free ports, asked through its own ports alone.

use super::origin::Origin;
use super::until;
use super::wire::{Answer, Client};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A running tee; killed when dropped.
pub(crate) struct Tee {
    pub(crate) live: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    dir: Option<tempfile::TempDir>,
}

impl Tee {
    /// In front of these two, with this `[mirror]` and whatever follows.
    pub(crate) fn start(primary: &Origin, candidate: &Origin, config: &str) -> Tee {
        Tee::between(&primary.url(), &candidate.url(), config)
    }
    pub(crate) fn between(primary: &str, candidate: &str, config: &str) -> Tee {
        Tee::at(0, primary, candidate, config)
    }
    pub(crate) fn at(port: u16, primary: &str, candidate: &str, config: &str) -> Tee {
        Tee::with(port, &sides(primary, candidate, config))
    }
    /// With this config, but for where it listens.
    pub(crate) fn with(port: u16, config: &str) -> Tee {
        Tee::by(Command::new(env!("CARGO_BIN_EXE_paritee")), port, config)
    }
    /// The same, by a command that runs it with the arguments that follow.
    pub(crate) fn by(command: Command, port: u16, config: &str) -> Tee {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("paritee.toml");
        std::fs::write(&file, places(port, &on_time(config))).unwrap();
        Tee::run(serving(command, dir.path(), &[]), dir)
    }
    /// Again, in the same directory.
    pub(crate) fn again(dir: tempfile::TempDir) -> Tee {
        Tee::run(serve(dir.path(), &[]), dir)
    }
    /// A process that takes this one's place, and its directory with it.
    pub(crate) fn successor(&mut self) -> Tee {
        self.successor_by(Command::new(env!("CARGO_BIN_EXE_paritee")))
    }
    /// The same, by a command that runs it with the arguments that follow.
    pub(crate) fn successor_by(&mut self, command: Command) -> Tee {
        let dir = self.dir.take().unwrap();
        Tee::run(serving(command, dir.path(), &["--take-over"]), dir)
    }
    /// A process that would like to live in the same directory, and cannot: how it ends, and what it says.
    pub(crate) fn rival(&self, flags: &[&str]) -> (Option<i32>, String) {
        let output = serve(self.dir.as_ref().unwrap().path(), flags).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
    /// In a directory with a config, on sockets that are passed as systemd does it: the first for clients, the second for the
    /// admin API.
    pub(crate) fn activated(sockets: [&TcpListener; 2], dir: tempfile::TempDir) -> Tee {
        let mut command = Command::new("sh");
        let script = "exec 3<&0 4>&1 0</dev/null 1>/dev/null\nLISTEN_FDS=2 LISTEN_FDNAMES=web:admin LISTEN_PID=$$\n\
                      export LISTEN_FDS LISTEN_FDNAMES LISTEN_PID\nexec \"$@\"";
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_paritee"), "serve", "--config"]);
        command.arg(dir.path().join("paritee.toml")).arg("--store").arg(dir.path().join("store"));
        let [live, admin] = sockets.map(|socket| OwnedFd::from(socket.try_clone().unwrap()));
        command.stdin(live).stdout(admin);
        Tee::run(command, dir)
    }
    fn run(mut command: Command, dir: tempfile::TempDir) -> Tee {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let kept = lines.clone();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        let line = until("the line that says where the tee listens", || {
            let ended = child.try_wait().unwrap();
            let lines = lines.lock().unwrap();
            let line = lines.iter().find(|line| line.contains("listening on ")).cloned();
            assert!(line.is_some() || ended.is_none(), "it ended with {ended:?} instead: {lines:#?}");
            line
        });
        let after = |mark: &str| {
            let rest = &line[line.find(mark).expect(mark) + mark.len()..];
            rest.split([' ', ',', '"']).next().unwrap().parse().expect("an address")
        };
        Tee { live: after("listening on "), admin: after("admin on "), child, lines, dir: Some(dir) }
    }
    /// Puts another config in the place of the one it was started with; it is the one that must be read again.
    pub(crate) fn rewrite(&self, config: &str) {
        self.write(&places(0, &on_time(config)));
    }
    pub(crate) fn write(&self, text: &str) {
        let (file, beside) = (self.file("paritee.toml"), self.file("paritee.toml.new"));
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, file).unwrap();
    }
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.as_ref().unwrap().path().join(name)
    }
    /// Has the config read again.
    pub(crate) fn reload(&self) -> Answer {
        self.admin("POST", "/api/reload", "Host: localhost\r\n")
    }
    /// What it says of a whole number, by the name in its metrics.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = String::from_utf8(self.admin("GET", "/metrics", "Host: localhost\r\n").body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }
    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
    /// Its memory in KiB, and its open descriptors.
    pub(crate) fn weighs(&self) -> (u64, usize) {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(process.join("status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib = resident.trim().trim_end_matches(" kB").parse().unwrap();
        (kib, std::fs::read_dir(process.join("fd")).unwrap().count())
    }
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.live)
    }
    pub(crate) fn ledger(&self) -> Value {
        let answer = self.admin("GET", "/api/ledger", "Host: localhost\r\n");
        assert_eq!(answer.status, 200, "{}", answer.head);
        serde_json::from_slice(&answer.body).expect("the ledger is JSON")
    }
    /// Asks the admin API with these header lines alone; it answers to its own names only.
    pub(crate) fn admin(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut client = Client::connect(self.admin);
        client.send(format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").as_bytes());
        client.answer(method == "HEAD").expect("an answer")
    }
    /// The ledger once nothing is in flight.
    pub(crate) fn settled(&self) -> Value {
        until("nothing in flight", || Some(self.ledger()).filter(|ledger| number(ledger, "in_flight") == 0))
    }
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
    /// Kills it as no program can prevent; what it leaves behind.
    pub(crate) fn killed(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.dir.take().unwrap()
    }
    /// Stops it with SIGTERM; what it leaves behind.
    pub(crate) fn stopped(mut self) -> tempfile::TempDir {
        self.signal("-TERM");
        assert!(self.wait().success());
        self.dir.take().unwrap()
    }
    /// Everything that the tee has said, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
    /// Waits for its end, and for its last line.
    pub(crate) fn lines_at_the_end(mut self) -> Vec<String> {
        assert!(self.wait().success());
        until("the last line", || (Arc::strong_count(&self.lines) == 1).then_some(()));
        self.lines()
    }
    /// What the tee has said.
    pub(crate) fn said(&self, what: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(what))
    }
    /// Waits for its end.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.wait()
    }
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the tee does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// `paritee serve` in a directory with a config.
fn serve(dir: &Path, flags: &[&str]) -> Command {
    serving(Command::new(env!("CARGO_BIN_EXE_paritee")), dir, flags)
}

/// The same, by a command that runs the program with the arguments that follow.
fn serving(mut command: Command, dir: &Path, flags: &[&str]) -> Command {
    command.args(["serve", "--config"]).arg(dir.join("paritee.toml")).arg("--store").arg(dir.join("store")).args(flags);
    command
}

/// A config between these two.
pub(crate) fn sides(primary: &str, candidate: &str, config: &str) -> String {
    format!(
        "[upstreams.primary]\nurl = \"{primary}\"\nversion_header = \"x-build\"\n\
         [upstreams.candidate]\nurl = \"{candidate}\"\nversion_header = \"x-build\"\ntimeout = \"1s\"\n{config}"
    )
}

fn places(port: u16, config: &str) -> String {
    format!("listen = \"127.0.0.1:{port}\"\nadmin = \"127.0.0.1:0\"\nworkers = 2\n{config}")
}

impl Drop for Tee {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A machine under test is late now and then, which is not what a test is about that does not name it.
fn on_time(config: &str) -> String {
    const OFF: &str = "[mirror]\nmax_lag = false\n";
    match config.contains("[mirror]\n") {
        _ if config.contains("max_lag") => config.to_owned(),
        true => config.replacen("[mirror]\n", OFF, 1),
        false => format!("{config}\n{OFF}"),
    }
}

/// What the command line says of a store at rest, as JSON.
pub(crate) fn at_rest(dir: &Path, command: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_paritee"))
        .args(command)
        .arg("--store")
        .arg(dir.join("store"))
        .args(["--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A number of the ledger by its path; what is not there is 0.
pub(crate) fn number(ledger: &Value, path: &str) -> u64 {
    path.split('.').try_fold(ledger, |node, key| node.get(key)).and_then(Value::as_u64).unwrap_or(0)
}

fn sum(ledger: &Value, table: &str) -> u64 {
    ledger.get(table).and_then(Value::as_object).map_or(0, |table| table.values().filter_map(Value::as_u64).sum())
}

/// Law 2.
pub(crate) fn adds_up(ledger: &Value) {
    let n = |path| number(ledger, path);
    assert_eq!(n("received"), sum(ledger, "not_mirrored") + n("mirrored"), "{ledger}");
    assert_eq!(n("mirrored"), n("in_flight") + sum(ledger, "not_judged") + n("judged"), "{ledger}");
    assert_eq!(n("judged"), sum(ledger, "judgements"), "{ledger}");
    assert_eq!(n("judgements.inconclusive"), sum(ledger, "inconclusive"), "{ledger}");
    assert_eq!(n("judgements.vacuous"), sum(ledger, "vacuous"), "{ledger}");
}
