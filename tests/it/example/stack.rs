//! One running example: started by the same script as the demo, stopped by closing its standard input.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the example lives.
pub(crate) fn folder() -> PathBuf {
    root().join("scenarios/bookreviews")
}

fn binaries() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_paritee")).parent().expect("a folder of binaries").to_path_buf()
}

/// True when the real programs can be started. False only outside `tests/run`, and then it says why.
pub(crate) fn available() -> bool {
    let target = binaries().parent().expect("the target folder").to_path_buf();
    let missing = if !target.join("bookreviews/stamp").exists() {
        "the monolith's Python environment"
    } else if !binaries().join("bookreviews-api").exists() {
        "the example's API (cargo build --workspace)"
    } else {
        return true;
    };
    assert!(std::env::var_os("PARITEE_REQUIRE_REAL").is_none(), "{missing} is missing, though it was to be there");
    eprintln!("skipped: {missing} is missing; ./tests/run installs it");
    false
}

/// Everything that runs: monolith, gRPC worker, new API, tee.
pub(crate) struct Stack {
    child: Child,
    lines: BufReader<ChildStdout>,
    info: Value,
}

impl Stack {
    /// Starts it with these mistakes in the new API; panics with the script's own words when it does not come up.
    pub(crate) fn start(faults: &[&str]) -> Stack {
        Stack::with(faults, &[])
    }
    /// The same with more words for the script.
    pub(crate) fn with(faults: &[&str], more: &[&str]) -> Stack {
        let mut command = Command::new("python3");
        command.arg(folder().join("stack.py")).arg("--no-build").args(more);
        for fault in faults {
            command.args(["--fault", fault]);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("python3");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut stack = Stack { child, lines, info: Value::Null };
        stack.read_info();
        stack
    }
    /// The API and the tee anew with these mistakes, on the data as it was at first; the monolith stays, which is what takes
    /// long to start.
    pub(crate) fn again(&mut self, faults: &[&str]) {
        let mut stdin = self.child.stdin.as_ref().expect("its input");
        writeln!(stdin, "{}", serde_json::json!(faults)).expect("a script that listens");
        self.read_info();
    }
    fn read_info(&mut self) {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        self.info = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the example did not start: {line:?}"));
    }
    /// An address or path by its name in the script's line.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.info[name].as_str().unwrap_or_else(|| panic!("the example has no {name}: {}", self.info))
    }
    /// The process ids of what was started.
    pub(crate) fn pids(&self) -> Vec<i64> {
        self.info["pids"].as_object().map(|pids| pids.values().filter_map(Value::as_i64).collect()).unwrap_or_default()
    }
    /// The process id of one of them.
    pub(crate) fn pid(&self, name: &str) -> i64 {
        self.info["pids"][name].as_i64().unwrap_or_else(|| panic!("no {name} runs: {}", self.info))
    }
    /// Sends the front ends' traffic through the tee, log-ins and writes included; gives the driver's summary.
    pub(crate) fn traffic(&self, seed: u64) -> Value {
        self.traffic_of(seed, 400)
    }
    /// The same with about so many requests.
    pub(crate) fn traffic_of(&self, seed: u64, requests: u32) -> Value {
        let output = Command::new("python3")
            .arg(folder().join("traffic.py"))
            .args([self.get("tee"), "--admin", self.get("admin"), "--monolith", self.get("monolith")])
            .args(["--seed", &seed.to_string(), "--requests", &requests.to_string(), "--rate", "200"])
            .output()
            .expect("the driver");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "the driver failed: {text} {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(text.trim()).expect("the driver's summary")
    }
    /// `report` in JSON.
    pub(crate) fn report(&self) -> Value {
        let (code, text) = self.query(&["report", "--format", "json"]);
        assert_eq!(code, 0, "{text}");
        serde_json::from_str(&text).expect("a report")
    }
    /// Runs a query command of the real binary against the running tee.
    pub(crate) fn query(&self, words: &[&str]) -> (i32, String) {
        paritee(&[words, &["--admin", self.get("admin")]].concat())
    }
    /// The ledger, once nothing is in flight any more.
    pub(crate) fn settled_ledger(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (code, text) = self.query(&["ledger", "--format", "json"]);
            assert_eq!(code, 0, "{text}");
            let ledger: Value = serde_json::from_str(&text).expect("a ledger");
            if ledger["in_flight"] == 0 {
                return ledger;
            }
            assert!(Instant::now() < deadline, "still in flight: {ledger}");
            std::thread::park_timeout(Duration::from_millis(30));
        }
    }
    /// Stops it and waits until nothing of it is left.
    pub(crate) fn stop(mut self) {
        self.end();
    }
    fn end(&mut self) {
        drop(self.child.stdin.take());
        // The script stops its children in order and ends by itself.
        let _ = self.child.wait();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs the real binary to its end: exit code and standard output.
pub(crate) fn paritee(words: &[&str]) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_paritee"))
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut text = String::new();
    child.stdout.take().expect("its output").read_to_string(&mut text).expect("text");
    let output = child.wait_with_output().expect("its end");
    if !output.status.success() {
        eprintln!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    (output.status.code().unwrap_or(-1), text)
}
