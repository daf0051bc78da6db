//! How a side is reached: its addresses in turn, TLS, and whether HTTP/2 is spoken there. Shared by all threads that ask it.

use super::failure::{of_handshake, untold};
use super::names::{Lookup, Names, system};
use super::wire::Wire;
use crate::config::{Endpoint, Tls, Upstream};
use crate::exchange::{Failure, FailureKind};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// Between two lines that say that a side cannot be reached.
const SAY_EVERY: Duration = Duration::from_secs(30);

/// The way to one side.
pub struct Reach {
    side: &'static str,
    way: Way,
    http2: bool,
    connect_timeout: Duration,
    said_at: Mutex<Option<Instant>>,
}

enum Way {
    Tcp { names: Arc<Names>, tls: Option<(TlsConnector, ServerName<'static>)> },
    Unix(PathBuf),
}

/// A connection, and what is spoken on it.
pub(super) struct Dialled {
    pub(super) wire: Wire,
    pub(super) http2: bool,
}

impl Reach {
    /// The way to this side; `side` is what it is called in the log.
    pub fn new(side: &'static str, upstream: &Upstream) -> Arc<Reach> {
        Reach::looking_up(side, upstream, system())
    }
    fn looking_up(side: &'static str, upstream: &Upstream, lookup: Lookup) -> Arc<Reach> {
        let way = match &upstream.endpoint {
            Endpoint::Unix(path) => Way::Unix(path.clone()),
            Endpoint::Tcp { host, port, tls } => {
                let connector = |tls: &Tls| (TlsConnector::from(tls.client.clone()), tls.server_name.clone());
                Way::Tcp { names: Names::new(side, host, *port, lookup), tls: tls.as_ref().map(connector) }
            }
        };
        let (http2, connect_timeout) = (upstream.http2, upstream.connect_timeout);
        Arc::new(Reach { side, way, http2, connect_timeout, said_at: Mutex::default() })
    }
    /// True where HTTP/2 may be spoken.
    pub(super) fn may_multiplex(&self) -> bool {
        self.http2
    }
    /// What a request over HTTP/2 says of the way it came.
    pub(super) fn scheme(&self) -> http::uri::Scheme {
        match &self.way {
            Way::Tcp { tls: Some(_), .. } => http::uri::Scheme::HTTPS,
            _ => http::uri::Scheme::HTTP,
        }
    }
    /// For a connection, all told.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }
    /// Connections of an earlier epoch serve out what is on them, and no more.
    pub(super) fn epoch(&self) -> u64 {
        match &self.way {
            Way::Tcp { names, .. } => names.epoch(),
            Way::Unix(_) => 0,
        }
    }
    /// Sees to it that connections in steady use learn of a name that has moved.
    pub(super) fn refresh(&self) {
        if let Way::Tcp { names, .. } = &self.way {
            names.refresh();
        }
    }
    /// A new connection, or, within the connect timeout, why there is none.
    pub(super) async fn dial(&self) -> Result<Dialled, Failure> {
        let deadline = Instant::now() + self.connect_timeout;
        let dialled = match &self.way {
            Way::Tcp { names, tls } => self.by_name(names, tls.as_ref(), deadline).await,
            Way::Unix(path) => match timeout_at(deadline, UnixStream::connect(path)).await {
                Ok(Ok(stream)) => Ok(Dialled { wire: Wire::Unix(stream), http2: self.http2 }),
                Ok(Err(error)) => Err(untold(FailureKind::Connect, error.to_string())),
                Err(_) => Err(self.late("no connection")),
            },
        };
        if let Err(failure) = &dialled {
            self.say(failure);
        }
        dialled
    }
    async fn by_name(
        &self,
        names: &Arc<Names>,
        tls: Option<&(TlsConnector, ServerName<'static>)>,
        deadline: Instant,
    ) -> Result<Dialled, Failure> {
        let mut left = match timeout_at(deadline, names.addresses()).await {
            Ok(found) => found.map_err(|why| untold(FailureKind::Connect, why))?,
            Err(_) => return Err(self.late("its name was not resolved")),
        };
        let (mut tried, mut told): (Vec<SocketAddr>, Option<Failure>) = (Vec::new(), None);
        loop {
            for (n, address) in left.iter().enumerate() {
                // None may use up what the others need.
                let now = Instant::now();
                let until = now + deadline.saturating_duration_since(now) / (left.len() - n) as u32;
                let attempt = self.attempt(*address, tls, until).await;
                names.note(*address, attempt.is_ok());
                match attempt {
                    Ok(dialled) => return Ok(dialled),
                    // A certificate tells more than a closed port.
                    Err(_) if told.as_ref().is_some_and(|told| told.kind == FailureKind::Tls) => {}
                    Err(failure) => told = Some(failure),
                }
            }
            let again = tried.is_empty();
            tried.append(&mut left);
            if again {
                left = timeout_at(deadline, names.others(&tried)).await.unwrap_or_default();
            }
            if left.is_empty() {
                let failure = told.unwrap_or_else(|| self.late("no connection"));
                return Err(match tried.len() {
                    1 => failure,
                    n => Failure {
                        message: format!("none of {n} addresses took a connection; {}", failure.message),
                        ..failure
                    },
                });
            }
        }
    }
    async fn attempt(
        &self,
        address: SocketAddr,
        tls: Option<&(TlsConnector, ServerName<'static>)>,
        until: Instant,
    ) -> Result<Dialled, Failure> {
        let stream = match timeout_at(until, TcpStream::connect(address)).await {
            Ok(stream) => stream.map_err(|error| untold(FailureKind::Connect, error.to_string()))?,
            Err(_) => return Err(self.late("no connection")),
        };
        // Without it small requests wait for acknowledgements; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        let Some((connector, server_name)) = tls else {
            return Ok(Dialled { wire: Wire::Tcp(stream), http2: self.http2 });
        };
        let stream = match timeout_at(until, connector.connect(server_name.clone(), stream)).await {
            Ok(stream) => stream.map_err(|error| of_handshake(&error, server_name))?,
            Err(_) => {
                let Failure { message, .. } = self.late("it took the connection, and did not end the TLS handshake");
                return Err(untold(FailureKind::Tls, message));
            }
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Dialled { wire: Wire::Tls(Box::new(stream)), http2 })
    }
    fn late(&self, what: &str) -> Failure {
        untold(FailureKind::Connect, format!("{what} within {:?}", self.connect_timeout))
    }
    /// Requests fail one by one, each with its answer; the log says it once in a while.
    pub(super) fn say(&self, failure: &Failure) {
        let mut said_at = self.said_at.lock();
        if said_at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            *said_at = Some(Instant::now());
            let (side, kind, why) = (self.side, failure.kind.as_str(), &*failure.message);
            tracing::warn!(side, kind, why, "no connection");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn upstream(port: u16) -> Upstream {
        Upstream {
            endpoint: Endpoint::Tcp { host: "app.test".into(), port, tls: None },
            authority: format!("app.test:{port}"),
            http2: false,
            base_path: String::new(),
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            version_header: None,
        }
    }
    fn behind(addresses: Vec<SocketAddr>) -> Lookup {
        Arc::new(move |_, _| {
            let addresses = addresses.clone();
            Box::pin(async move { Ok(addresses) })
        })
    }
    async fn closed_port() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_passed_over_and_tried_last_from_then_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (open, closed) = (listener.local_addr().unwrap(), closed_port().await);
        let reach = Reach::looking_up("primary", &upstream(80), behind(vec![closed, open]));
        let dialled = reach.dial().await.map_err(|failure| failure.message).unwrap();
        let Wire::Tcp(stream) = dialled.wire else { panic!("plain") };
        assert_eq!(stream.peer_addr().unwrap(), open);
        let Way::Tcp { names, .. } = &reach.way else { panic!("by name") };
        assert_eq!(names.addresses().await.unwrap(), [open, closed]);
    }

    #[tokio::test]
    async fn where_none_answers_the_failure_says_how_many_were_tried() {
        let (a, b) = (closed_port().await, closed_port().await);
        let reach = Reach::looking_up("primary", &upstream(80), behind(vec![a, b]));
        let Err(failure) = reach.dial().await else { panic!("both are closed") };
        assert_eq!(failure.kind, FailureKind::Connect);
        assert!(failure.message.starts_with("none of 2 addresses took a connection; "), "{}", failure.message);
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_hangs_costs_the_connect_deadline_and_no_more() {
        let hangs: Lookup = Arc::new(|_, _| Box::pin(std::future::pending()));
        let reach = Reach::looking_up("candidate", &upstream(80), hangs);
        let start = Instant::now();
        let (a, b) = tokio::join!(reach.dial(), reach.dial());
        assert!(a.is_err() && b.is_err());
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }
}
