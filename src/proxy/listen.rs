//! The listening sockets: one for each live thread, on one port; or those that somebody else has bound and passed on.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;

/// Sockets for all live threads.
pub struct Listeners {
    sockets: Vec<TcpListener>,
    threads: usize,
    address: SocketAddr,
}

impl Listeners {
    /// Where clients connect; with a real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
    /// Sockets that another process has bound. Each has a queue of its own in the system, so that all of them are served,
    /// whatever the number of threads; threads that are left without share one.
    pub fn inherited(sockets: Vec<TcpListener>, threads: usize) -> io::Result<Listeners> {
        let first = sockets.first().ok_or_else(|| io::Error::other("there is no socket"))?;
        let address = first.local_addr()?;
        for socket in &sockets {
            if socket.local_addr()? != address {
                return Err(io::Error::other(format!("{address} and {} are two addresses", socket.local_addr()?)));
            }
            socket.set_nonblocking(true)?;
        }
        Ok(Listeners { sockets, threads, address })
    }
    /// The same sockets once more, to be passed on.
    pub fn copies(&self) -> io::Result<Vec<TcpListener>> {
        self.sockets.iter().map(TcpListener::try_clone).collect()
    }
    /// What each thread serves.
    pub(super) fn dealt(self) -> io::Result<Vec<Vec<TcpListener>>> {
        let Listeners { sockets, threads, .. } = self;
        let shared = sockets.iter().cycle().take(threads).skip(sockets.len());
        let shared: Vec<TcpListener> = shared.map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        let mut each: Vec<Vec<TcpListener>> = (0..threads).map(|_| Vec::new()).collect();
        for (at, socket) in sockets.into_iter().chain(shared).enumerate() {
            if let Some(own) = each.get_mut(at % threads.max(1)) {
                own.push(socket);
            }
        }
        Ok(each)
    }
}

/// Binds. With port 0 the system picks one, and every thread shares it. An address that another process serves is refused,
/// although several sockets may share it: two tees on one port would each see half of the traffic.
pub fn bind(address: SocketAddr, threads: usize) -> io::Result<Listeners> {
    if address.port() != 0 {
        drop(socket(address, false)?);
    }
    let first = socket(address, true)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..threads {
        sockets.push(socket(address, true)?);
    }
    Ok(Listeners { sockets, threads, address })
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_a_picked_port_and_a_second_tee_is_refused() {
        let listeners = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = listeners.address();
        assert!(address.port() != 0);
        assert!(listeners.sockets.iter().all(|listener| listener.local_addr().unwrap() == address));
        assert!(bind(address, 1).is_err());
    }

    #[test]
    fn every_inherited_socket_is_served_and_every_thread_has_one() {
        for (sockets, threads, counts) in
            [(1, 3, vec![1, 1, 1]), (3, 2, vec![2, 1]), (2, 2, vec![1, 1]), (5, 1, vec![5])]
        {
            let bound = bind("127.0.0.1:0".parse().unwrap(), sockets).unwrap();
            let passed = Listeners::inherited(bound.copies().unwrap(), threads).unwrap();
            assert_eq!(passed.address(), bound.address());
            let dealt: Vec<usize> = passed.dealt().unwrap().iter().map(Vec::len).collect();
            assert_eq!(dealt, counts);
        }
        assert!(Listeners::inherited(Vec::new(), 1).is_err());
        let (one, other) =
            (bind("127.0.0.1:0".parse().unwrap(), 1).unwrap(), bind("127.0.0.1:0".parse().unwrap(), 1).unwrap());
        let two = one.copies().unwrap().into_iter().chain(other.copies().unwrap()).collect();
        assert!(Listeners::inherited(two, 2).is_err(), "one tee has one address");
    }
}
