//! Starts the real program between two origins and stops it by its process id.

use super::origin::Origin;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A port below the ephemeral range, so that no outgoing connection takes it, and never handed out twice.
pub(super) fn free_port() -> SocketAddr {
    let start = 20_000 + u16::try_from(std::process::id() % 60).unwrap_or(0) * 200;
    loop {
        let port = start + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % 10_000 % 600;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A running tee; it is stopped when dropped.
pub(super) struct Tee {
    pub(super) address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Tee {
    pub(super) fn between(primary: &Origin, candidate: &Origin) -> Tee {
        Tee::start(primary.address, candidate.address, None)
    }

    pub(super) fn start(primary: SocketAddr, candidate: SocketAddr, config: Option<&str>) -> Tee {
        let folder = TempDir::new().expect("a folder");
        let (address, admin) = (free_port(), free_port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_paritee"));
        command.args(["serve", "--workers", "1", "--listen", &address.to_string(), "--admin", &admin.to_string()]);
        command.args(["--primary", &format!("http://{primary}"), "--candidate", &format!("http://{candidate}")]);
        command.arg("--store").arg(folder.path().join("store"));
        if let Some(text) = config {
            let file = folder.path().join("paritee.toml");
            std::fs::write(&file, text).expect("a written config");
            command.arg("--config").arg(file);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
        let until = Instant::now() + Duration::from_secs(15);
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the tee ended with {status} instead of listening");
            }
            assert!(Instant::now() < until, "the tee does not listen");
            thread::yield_now();
            thread::park_timeout(Duration::from_millis(10));
        }
        Tee { address, child, _folder: folder }
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
