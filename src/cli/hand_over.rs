//! The hand-over: a new process asks the one that runs for its listening sockets, and goes on where that one stops. The
//! sockets are never closed, so that no connection in their queues is lost.
//!
//! Words, one a line, over a socket in the store's directory, which only its owner can reach:
//! `paritee hand-over 1` (new) · `sockets N admin 0|1 held 0|1` and the descriptors (old) · `ready INCARNATION` (new) ·
//! `yours mirroring on|off` (old, which takes no connection from then on). Whoever says anything else, or nothing for ten seconds, has
//! given up, and the old process goes on as if nobody had asked.

use crate::store::{self, HAND_OVER, StoreHandle};
use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use std::fs::{File, Permissions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const HELLO: &str = "paritee hand-over 1";
const YOURS: &str = "yours mirroring ";
/// For each word.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a word at most.
const WORD: usize = 128;
/// Descriptors in one message; the system takes up to 253.
const AT_ONCE: usize = 128;
/// Sockets for clients at most: as many as there may be threads.
const SOCKETS: usize = 1_024;
/// Between two looks whether the store is open, or whether somebody who has it can be asked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a tee has to give.
pub(super) struct Sockets {
    /// For clients.
    pub(super) live: Vec<TcpListener>,
    /// The admin API's.
    pub(super) admin: Option<TcpListener>,
    /// Somebody else holds them too (systemd): they outlive every process.
    pub(super) held: bool,
}

/// A new process that has the sockets and is ready to serve.
pub(super) struct Successor {
    stream: UnixStream,
    /// Who it is in the store.
    pub(super) incarnation: u64,
}

impl Successor {
    /// Gives it the word, and how the mirror's switch stands; false where it is gone.
    pub(super) fn begin(&mut self, mirroring: bool) -> bool {
        writeln!(self.stream, "{YOURS}{}", if mirroring { "on" } else { "off" }).is_ok()
    }
}

/// The tee before, which has passed its sockets and still serves.
pub(super) struct Before(UnixStream);

impl Before {
    /// Asks the tee that has the store in this directory; `None` where none does. Somebody who has the store and cannot be
    /// asked is waited for: a tee that has only just opened it, or one that is about to end.
    pub(super) fn ask(dir: &Path) -> anyhow::Result<Option<(Before, Sockets)>> {
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match near(dir).and_then(|(_folder, path)| UnixStream::connect(path)) {
                Ok(stream) => break stream,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                    if !store::is_held(dir) || Instant::now() >= deadline {
                        return Ok(None);
                    }
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot ask for {}", dir.join(HAND_OVER).display()));
                }
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let sockets = talk(&stream, || receive(&stream)).context("the tee before did not pass its sockets")?;
        Ok(Some((Before(stream), sockets)))
    }
    /// Says that everything is prepared, and waits for the word: from then on the tee before takes no connection. How the
    /// mirror's switch stands.
    pub(super) fn ready(self, incarnation: u64) -> anyhow::Result<bool> {
        let mut stream = &self.0;
        let word = talk(stream, || {
            writeln!(stream, "ready {incarnation}")?;
            read_word(stream)
        });
        let word = word.context("the tee before did not hand over")?;
        match word.strip_prefix(YOURS) {
            Some(mirroring) => Ok(mirroring == "on"),
            None => anyhow::bail!("the tee before said {word:?} instead of handing over; it goes on"),
        }
    }
}

/// The sockets, until they are taken back.
type Held = Arc<Mutex<Option<Sockets>>>;

/// What a tee has to give, and who comes for it.
pub(super) struct Offering {
    sockets: Held,
    dir: PathBuf,
    /// Those who are ready.
    pub(super) successors: mpsc::Receiver<Successor>,
}

impl Offering {
    /// Nobody gets anything any more: these copies of the sockets are closed, and the place in the directory is free.
    pub(super) fn end(&self) {
        if self.sockets.lock().take().is_some_and(|_| !self.successors.is_closed()) {
            // There is none where it could not be put there.
            let _ = std::fs::remove_file(self.dir.join(HAND_OVER));
        }
    }
}

/// Lets others take over, from when the store is open.
pub(super) fn offer(store: StoreHandle, dir: PathBuf, sockets: Sockets) -> Offering {
    let (ready, successors) = mpsc::channel(1);
    let sockets: Held = Arc::new(Mutex::new(Some(sockets)));
    let offering = Offering { sockets: sockets.clone(), dir: dir.clone(), successors };
    let body = move || {
        // Before that the directory is somebody else's.
        while store.opened().is_none() {
            if ready.is_closed() {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        drop(store);
        let listener = match bind(&dir) {
            Ok(listener) => listener,
            Err(error) => return tracing::warn!(%error, "no process can take over from this one"),
        };
        for stream in listener.incoming() {
            let asked = stream.and_then(|stream| Ok((talk(&stream, || give(&stream, &sockets))?, stream)));
            match asked {
                Ok((incarnation, stream)) => {
                    if ready.blocking_send(Successor { stream, incarnation }).is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "a process that wanted to take over gave up; this one goes on"),
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("paritee-hand-over".to_owned()).spawn(body) {
        tracing::warn!(%error, "no process can take over from this one");
    }
    offering
}

/// The socket by a path that is short, however long the directory's is: a socket's name has 108 bytes at most.
fn near(dir: &Path) -> io::Result<(File, PathBuf)> {
    let folder = File::open(dir)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(HAND_OVER);
    Ok((folder, path))
}

fn bind(dir: &Path) -> io::Result<UnixListener> {
    // What a killed process left, if anything: the store's lock says that nobody else lives here.
    let _ = std::fs::remove_file(dir.join(HAND_OVER));
    let (_folder, path) = near(dir)?;
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// A conversation with a process of the same user, within bounds of time.
fn talk<T>(stream: &UnixStream, words: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    if peer.uid != rustix::process::geteuid() && !peer.uid.is_root() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the other process is another user's"));
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    words().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, format!("it said nothing for {PATIENCE:?}"))
        }
        _ => error,
    })
}

/// The old process's part, up to the word that the new one is ready; who that is.
fn give(stream: &UnixStream, sockets: &Held) -> io::Result<u64> {
    let hello = read_word(stream)?;
    if hello != HELLO {
        return Err(unexpected(&hello, HELLO));
    }
    pass(stream, sockets)?;
    let word = read_word(stream)?;
    let incarnation = word.strip_prefix("ready ").and_then(|number| number.parse().ok());
    incarnation.ok_or_else(|| unexpected(&word, "ready"))
}

fn pass(mut stream: &UnixStream, sockets: &Held) -> io::Result<()> {
    let sockets = sockets.lock();
    let Some(Sockets { live, admin, held }) = &*sockets else { return Err(io::Error::other("this tee stops")) };
    writeln!(stream, "sockets {} admin {} held {}", live.len(), u8::from(admin.is_some()), u8::from(*held))?;
    let all: Vec<BorrowedFd<'_>> = live.iter().chain(admin).map(AsFd::as_fd).collect();
    for some in all.chunks(AT_ONCE) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(some));
        rustix::net::sendmsg(stream, &[IoSlice::new(b"s")], &mut control, SendFlags::NOSIGNAL)?;
    }
    Ok(())
}

/// The new process's part, up to the sockets.
fn receive(mut stream: &UnixStream) -> io::Result<Sockets> {
    writeln!(stream, "{HELLO}")?;
    let word = read_word(stream)?;
    let parts: Vec<&str> = word.split(' ').collect();
    let ["sockets", count, "admin", admin, "held", held] = parts[..] else {
        return Err(unexpected(&word, "sockets"));
    };
    let count = count.parse().ok().filter(|count| (1..=SOCKETS).contains(count));
    let count: usize = count.ok_or_else(|| unexpected(&word, "a number of sockets"))?;
    let all = count + usize::from(admin == "1");
    let mut received: Vec<OwnedFd> = Vec::new();
    while received.len() < all {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let message = rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
        if message.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                received.extend(some);
            }
        }
    }
    let mut sockets = received.into_iter().map(TcpListener::from);
    let live: Vec<TcpListener> = sockets.by_ref().take(count).collect();
    Ok(Sockets { live, admin: sockets.next(), held: held == "1" })
}

/// One line. Byte by byte, since descriptors come with the bytes behind it.
fn read_word(mut stream: &UnixStream) -> io::Result<String> {
    let mut word = Vec::new();
    let mut byte = [0];
    while word.len() < WORD {
        stream.read_exact(&mut byte)?;
        match byte {
            [b'\n'] => return Ok(String::from_utf8_lossy(&word).into_owned()),
            [other] => word.push(other),
        }
    }
    Err(unexpected("a long line", "a word"))
}

fn unexpected(word: &str, wanted: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it said {word:?} where {wanted:?} was expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(count: usize, admin: bool) -> Held {
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let live = (0..count).map(|_| listener()).collect();
        Arc::new(Mutex::new(Some(Sockets { live, admin: admin.then(listener), held: true })))
    }

    #[test]
    fn sockets_pass_in_their_order_however_many_there_are() {
        for (count, admin) in [(1, false), (2, true), (AT_ONCE + 1, true)] {
            let given = sockets(count, admin);
            let (old, new) = UnixStream::pair().unwrap();
            let place = |socket: &TcpListener| socket.local_addr().unwrap();
            std::thread::scope(|scope| {
                let giving = scope.spawn(|| talk(&old, || give(&old, &given)).unwrap());
                let taken = talk(&new, || receive(&new)).unwrap();
                let given = given.lock();
                let given = given.as_ref().unwrap();
                assert!(taken.live.iter().map(place).eq(given.live.iter().map(place)));
                assert_eq!(taken.admin.as_ref().map(place), given.admin.as_ref().map(place));
                assert!(taken.held);
                (&new).write_all(b"ready 77\n").unwrap();
                assert_eq!(giving.join().unwrap(), 77);
            });
        }
    }

    #[test]
    fn whoever_says_something_else_gets_nothing() {
        let given = sockets(1, false);
        for said in ["GET / HTTP/1.1\n", "paritee hand-over 2\n", &"x".repeat(500), ""] {
            let (old, new) = UnixStream::pair().unwrap();
            (&new).write_all(said.as_bytes()).unwrap();
            drop(new);
            assert!(give(&old, &given).is_err(), "{said}");
        }
    }

    /// A second process was started right after the first had opened its store: it asked before there was anybody to ask, and
    /// ended because of the lock.
    #[test]
    fn whoever_has_only_just_opened_the_store_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let db = File::create(dir.path().join("db")).unwrap();
        rustix::fs::flock(&db, rustix::fs::FlockOperation::LockExclusive).unwrap();
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| Before::ask(dir.path()).unwrap().map(|(_, sockets)| sockets.live.len()));
            std::thread::sleep(LOOK_EVERY * 3);
            assert!(!asking.is_finished(), "the store is held, and nobody can be asked yet");
            let (stream, _) = bind(dir.path()).unwrap().accept().unwrap();
            let _ = talk(&stream, || give(&stream, &sockets(3, false)));
            assert_eq!(asking.join().unwrap(), Some(3));
        });
        std::fs::remove_file(dir.path().join(HAND_OVER)).unwrap();
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| Before::ask(dir.path()).unwrap().is_none());
            drop(db);
            assert!(asking.join().unwrap(), "it has ended meanwhile");
        });
    }

    #[test]
    fn a_directory_with_a_long_name_has_one_too() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("x".repeat(120)).join("y".repeat(120));
        std::fs::create_dir_all(&dir).unwrap();
        assert!(Before::ask(&dir).unwrap().is_none());
        let listener = bind(&dir).unwrap();
        let mode = std::fs::metadata(dir.join(HAND_OVER)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (_folder, path) = near(&dir).unwrap();
        UnixStream::connect(path).unwrap();
        drop(listener);
        assert!(Before::ask(&dir).unwrap().is_none(), "what a killed process leaves is nobody");
    }
}
