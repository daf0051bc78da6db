//! What a service manager is told (`sd_notify`): datagrams to the socket that it names. Without one nothing is sent.
//!
//! Written here, since it is a few lines of text to a socket: see `sd_notify(3)`, "well-known assignments".

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A manager that does not read is waited for so long.
const PATIENCE: Duration = Duration::from_millis(500);

/// The service manager that started this process, if any did.
#[derive(Debug, Default)]
pub struct Service {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Service {
    /// The manager that the environment names. A socket that cannot be used is logged, and nothing is sent.
    pub fn from_env() -> Service {
        let text = |name| std::env::var(name).ok();
        let socket = std::env::var_os("NOTIFY_SOCKET");
        let watchdog = watchdog(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref(), std::process::id());
        Service::at(socket.as_deref(), watchdog).unwrap_or_else(|error| {
            tracing::warn!(%error, "NOTIFY_SOCKET cannot be used: the service manager is not told anything");
            Service::default()
        })
    }
    /// The manager behind this socket: a path, or `@` and a name that is no file.
    pub fn at(socket: Option<&OsStr>, watchdog: Option<Duration>) -> io::Result<Service> {
        let Some(name) = socket.filter(|name| !name.is_empty()) else { return Ok(Service::default()) };
        let unbound = UnixDatagram::unbound()?;
        unbound.set_write_timeout(Some(PATIENCE))?;
        Ok(Service { socket: Some((unbound, address(name)?)), watchdog })
    }
    /// True where somebody is told.
    pub fn is_managed(&self) -> bool {
        self.socket.is_some()
    }
    /// How often the manager wants to hear that all is well; longer silence ends the process.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }
    /// Clients are served by this process from now on: it is the main one, whoever was before.
    pub fn serving(&self, status: &str) {
        self.send(&format!("READY=1\nMAINPID={}\n{}", std::process::id(), line(status)));
    }
    /// After a reload: clients are served as before.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\n{}", line(status)));
    }
    /// The config is read again; [`Service::ready`] must follow, whether it was taken or refused.
    pub fn reloading(&self) {
        let now = super::monotonic_us();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}\n{}", line("reading the config again")));
    }
    /// No new clients are served; what is under way ends within `at_most`.
    pub fn stopping(&self, at_most: Duration) {
        let status = line("stopping: what is under way is answered first");
        self.send(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\n{status}", at_most.as_micros()));
    }
    /// What is being done, in one line.
    pub fn status(&self, status: &str) {
        self.send(&line(status));
    }
    /// All is well.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }
    fn send(&self, lines: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(lines.as_bytes(), address) {
            tracing::warn!(%error, "the service manager was not told");
        }
    }
}

fn line(status: &str) -> String {
    format!("STATUS={}", status.replace(['\n', '\r'], " "))
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    use std::os::unix::ffi::OsStrExt;
    match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, format!("{name:?} is neither a path nor an @name"))),
    }
}

/// The watchdog's time, where it is meant for this process.
fn watchdog(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let meant = pid.is_none_or(|pid| pid.parse() == Ok(own));
    usec.filter(|_| meant)?.parse().ok().filter(|usec| *usec > 0).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 1_000];
        manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn speaks(service: &Service, manager: &UnixDatagram) {
        service.ready("serving\nhere");
        assert_eq!(heard(manager), "READY=1\nSTATUS=serving here");
        service.serving("here");
        assert_eq!(heard(manager), format!("READY=1\nMAINPID={}\nSTATUS=here", std::process::id()));
        let before = crate::sys::monotonic_us();
        service.reloading();
        let text = heard(manager);
        let rest = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        let at: u64 = rest.strip_suffix("\nSTATUS=reading the config again").unwrap().parse().unwrap();
        assert!((before..=crate::sys::monotonic_us()).contains(&at));
        service.alive();
        assert_eq!(heard(manager), "WATCHDOG=1");
        service.stopping(Duration::from_secs(2));
        assert!(heard(manager).starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=2000000\nSTATUS=stopping"));
    }

    #[test]
    fn a_path_and_a_name_that_is_no_file_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        speaks(&Service::at(Some(path.as_os_str()), None).unwrap(), &manager);
        let name = format!("paritee-test-{}", std::process::id());
        let address = <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        speaks(&Service::at(Some(OsStr::new(&format!("@{name}"))), None).unwrap(), &manager);
    }

    #[test]
    fn without_a_manager_or_with_one_that_is_gone_nothing_happens() {
        for service in [
            Service::default(),
            Service::at(None, None).unwrap(),
            Service::at(Some(OsStr::new("")), None).unwrap(),
            Service::at(Some(OsStr::new("/nowhere/at/all")), None).unwrap(),
        ] {
            service.ready("x");
            service.alive();
        }
        assert!(Service::at(Some(OsStr::new("vsock:2:1")), None).is_err());
        // One that does not read is not waited for.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let service = Service::at(Some(path.as_os_str()), None).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed() < PATIENCE {
            service.alive();
        }
        assert!(start.elapsed() < PATIENCE * 4, "{:?}", start.elapsed());
    }

    #[test]
    fn a_watchdog_is_for_the_process_that_it_names() {
        let ten = Some(Duration::from_secs(10));
        assert_eq!(watchdog(Some("10000000"), None, 7), ten);
        assert_eq!(watchdog(Some("10000000"), Some("7"), 7), ten);
        assert_eq!(watchdog(Some("10000000"), Some("8"), 7), None);
        assert_eq!([watchdog(Some("0"), None, 7), watchdog(Some("x"), None, 7), watchdog(None, None, 7)], [None; 3]);
    }
}
