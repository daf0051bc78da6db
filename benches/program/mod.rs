//! The released program, started with the settings that it has by itself, and what the system says of its memory.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A running tee; killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    _dir: tempfile::TempDir,
}

/// Built once, where it is not there as the sources have it.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new(cargo).args(["build", "--quiet", "--release", "--locked"]).current_dir(root).status();
        assert!(built.expect("cargo").success(), "the release build fails");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        target.join("release/paritee")
    })
}

impl Program {
    /// Between these two, with this config.
    pub(crate) fn start(primary: &str, candidate: &str, config: &str) -> Program {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("paritee.toml");
        std::fs::write(&file, config).expect("a config");
        let mut child = Command::new(built())
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--primary", primary, "--candidate", candidate, "--config"])
            .arg(file)
            .arg("--store")
            .arg(dir.path().join("store"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tee starts");
        let mut lines = BufReader::new(child.stderr.take().expect("what it says")).lines().map_while(Result::ok);
        let listening = lines.find_map(|line| {
            let (_, rest) = line.split_once("listening on ")?;
            rest.split(' ').next()?.parse().ok()
        });
        // What it says later is read, so that it can go on saying it.
        std::thread::spawn(move || lines.for_each(drop));
        let Some(address) = listening else {
            let _ = child.kill();
            panic!("the tee does not say where it listens: {:?}", child.wait());
        };
        Program { child, address, _dir: dir }
    }
    pub(crate) fn resident_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }
    /// The most since [`Program::forget_peak`].
    pub(crate) fn peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }
    /// How many it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}")).count()
    }
    /// From now on the peak is what is resident now.
    pub(crate) fn forget_peak(&self) {
        let file = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(&file, "5").unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    fn memory(&self, key: &str) -> u64 {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect(key);
        line.trim().trim_end_matches(" kB").parse().expect("KiB")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again, for a minute at most.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}
