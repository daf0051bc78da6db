//! The listening sockets: one for each live thread, on one port.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;

/// One listener for each live thread.
pub struct Listeners {
    pub(super) each: Vec<TcpListener>,
    address: SocketAddr,
}

impl Listeners {
    /// Where clients connect; with a real port.
    pub fn address(&self) -> SocketAddr {
        self.address
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
    let mut each = vec![first];
    for _ in 1..threads {
        each.push(socket(address, true)?);
    }
    Ok(Listeners { each, address })
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
        assert!(listeners.each.iter().all(|listener| listener.local_addr().unwrap() == address));
        assert!(bind(address, 1).is_err());
    }
}
