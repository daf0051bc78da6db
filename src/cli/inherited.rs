//! Sockets that whoever started this process has bound for it: systemd's socket activation. They stay open while the tee is
//! restarted, so that nobody is refused meanwhile.

use anyhow::Context as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;

/// The name (`FileDescriptorName=`) of the admin API's socket; whatever has another is for clients.
const ADMIN: &str = "admin";
/// Sockets that are taken.
const MOST: i32 = 1_024;

/// What was passed.
#[derive(Default)]
pub(super) struct Inherited {
    /// For clients.
    pub(super) live: Vec<TcpListener>,
    /// For the admin API.
    pub(super) admin: Option<TcpListener>,
}

impl Inherited {
    /// Takes the sockets that the environment says are there. To be called once, before anything is opened.
    pub(super) fn take() -> anyhow::Result<Inherited> {
        let env = |name: &str| std::env::var(name).ok();
        let count = expected(env, std::process::id());
        let names = env("LISTEN_FDNAMES").unwrap_or_default();
        Inherited::from(crate::sys::passed_descriptors(count), &names)
    }
    fn from(passed: Vec<OwnedFd>, names: &str) -> anyhow::Result<Inherited> {
        let mut inherited = Inherited::default();
        let names = names.split(':').chain(std::iter::repeat(""));
        for (socket, name) in passed.into_iter().zip(names) {
            let socket =
                listening(socket).with_context(|| format!("the socket `{name}` that was passed to this process"))?;
            match (name, &inherited.admin) {
                (ADMIN, None) => inherited.admin = Some(socket),
                (ADMIN, Some(_)) => anyhow::bail!("two sockets named `{ADMIN}` were passed: the admin API has one"),
                _ => inherited.live.push(socket),
            }
        }
        Ok(inherited)
    }
}

/// How many sockets are there for the process of this id.
fn expected(env: impl Fn(&str) -> Option<String>, process: u32) -> i32 {
    let number = |name| env(name).and_then(|value| value.trim().parse::<u32>().ok());
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(meant), Some(count)) if meant == process => i32::try_from(count).unwrap_or(MOST).min(MOST),
        _ => 0,
    }
}

fn listening(socket: OwnedFd) -> anyhow::Result<TcpListener> {
    let listens = rustix::net::sockopt::socket_acceptconn(&socket).unwrap_or(false);
    let socket = TcpListener::from(socket);
    anyhow::ensure!(
        listens && socket.local_addr().is_ok(),
        "does not listen on a TCP port: ListenStream= wants an address with a port"
    );
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_for_the_process_that_is_named() {
        let env = |pid: &'static str, fds: &'static str| {
            move |name: &str| match name {
                "LISTEN_PID" => Some(pid.to_owned()),
                "LISTEN_FDS" => Some(fds.to_owned()),
                _ => None,
            }
        };
        assert_eq!(expected(env("7", "2"), 7), 2);
        assert_eq!(expected(env("8", "2"), 7), 0, "a child of the one that was meant");
        assert_eq!(expected(env("7", "-1"), 7), 0);
        assert_eq!(expected(env("7", "4000000000"), 7), MOST);
        assert_eq!(expected(|_| None, 7), 0);
    }

    #[test]
    fn the_admin_socket_is_known_by_its_name() {
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, two) = (listener(), listener());
        let addresses = (one.local_addr().unwrap(), two.local_addr().unwrap());
        let inherited = Inherited::from(vec![one.into(), two.into()], "admin:web").unwrap();
        assert_eq!(inherited.admin.unwrap().local_addr().unwrap(), addresses.0);
        assert_eq!(inherited.live[0].local_addr().unwrap(), addresses.1);
        let unnamed = Inherited::from(vec![listener().into()], "").unwrap();
        assert_eq!((unnamed.live.len(), unnamed.admin.is_none()), (1, true));
        let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        assert!(Inherited::from(vec![file], "x").is_err());
    }
}
