//! A real browser: headless Chromium driven over its DevTools protocol, by the events that a mouse and a keyboard make.
//!
//! A `Browser` is one process group with an empty profile; a `Page` is a tab with cookies of its own. Nothing sleeps: what a
//! page is to show is watched for inside the page. Where no Chromium is installed the tests say so and pass, unless
//! `PARITEE_REQUIRE_BROWSER=1` (as `tests/run` sets once it has made sure of one).

mod page;
mod protocol;
mod tests;

pub(crate) use page::{Asked, Page};

use protocol::Protocol;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// By which names it goes.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// Nothing asked, nothing fetched, nothing kept but what a test does.
const SWITCHES: [&str; 14] = [
    "--headless",
    // Root has no sandbox; the pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--no-proxy-server",
    // Whatever else it may think of asking for is not found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--window-size=1000,1200",
    "--remote-debugging-port=0",
];

/// Ends the whole process group once the standard input closes, which it does however the test ends. Its own standard error
/// is closed at once, so that the end of that pipe is the end of the browser.
const TIED: &str = r#""$@" & exec 2>&-; cat >/dev/null; kill -9 0"#;

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(10);

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    NAMES
        .iter()
        .find_map(|name| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists()))
}

/// True when there is a browser. False only where `tests/run` could not install one, and then it says so.
pub(crate) fn available() -> bool {
    let found = installed().is_some();
    assert!(
        found || std::env::var_os("PARITEE_REQUIRE_BROWSER").is_none(),
        "Chromium is missing, though it was to be there"
    );
    if !found {
        eprintln!("skipped: no Chromium on the PATH; on Debian, as root, ./tests/run installs it");
    }
    found
}

/// A running browser; it and everything that it started are killed when dropped.
pub(crate) struct Browser {
    child: Child,
    address: SocketAddr,
    protocol: Protocol,
    /// What it says; disconnected when its last process has ended.
    said: Receiver<String>,
    /// Profile, home and temporary files.
    folder: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Browser {
        let folder = tempfile::Builder::new().prefix("paritee-browser-").tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", TIED, "sh"])
            .arg(installed().expect("Chromium"))
            .args(SWITCHES)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg("about:blank")
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, said) = channel();
        // Nobody listens at the end; the pipe is read all the same.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| _ = sender.send(line)));
        let (address, path) = listening(&said);
        Browser { child, address, protocol: Protocol::connect(address, &path), said, folder }
    }
    /// A new tab with no cookies, no cache and nothing open.
    pub(crate) fn page(&mut self) -> Page {
        let context = self.protocol.call("Target.createBrowserContext", json!({})).expect("a context");
        let asked = json!({ "url": "about:blank", "browserContextId": context["browserContextId"] });
        let target = self.protocol.call("Target.createTarget", asked).expect("a tab");
        let id = target["targetId"].as_str().expect("a tab has an id");
        Page::new(Protocol::connect(self.address, &format!("/devtools/page/{id}")))
    }
}

/// Where it listens, by its own words.
fn listening(said: &Receiver<String>) -> (SocketAddr, String) {
    let deadline = Instant::now() + START;
    let mut words = Vec::new();
    loop {
        let Ok(line) = said.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
            panic!("the browser does not listen after {START:?}, or has ended; it said:\n{}", words.join("\n"));
        };
        if let Some((address, rest)) = line.split_once("listening on ws://").and_then(|(_, rest)| rest.split_once('/'))
        {
            return (address.parse().expect("an address"), format!("/{rest}"));
        }
        words.push(line);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        // Its processes write to the folder until the last has ended, and with it what they say.
        let deadline = Instant::now() + STOP;
        while self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
        // Killed is not gone: on a busy machine one that had closed everything was still there.
        while Instant::now() < deadline && !alive(self.child.id()).is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Processes of a group that still run, by Linux's own account; the dead wait there for whoever collects them.
fn alive(group: u32) -> Vec<String> {
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let running = |stat: &String| {
        // the name in brackets may hold anything
        let rest: Vec<_> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        rest.get(2) == Some(&group.to_string().as_str()) && rest.first() != Some(&"Z")
    };
    stats.filter(running).collect()
}
