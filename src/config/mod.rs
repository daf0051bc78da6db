//! The TOML file: raw structs as typed, then validated config as meant. `toml` is named in this room only.
//!
//! Refuse early, name the key, point at the span. No `Option` without a meaning.

mod address;
mod branch;
mod confirm;
mod error;
mod files;
mod fixed;
mod gate;
mod guards;
mod load;
mod raw;
mod raw_rule;
mod resolve;
mod role;
mod routes;
mod rule;
mod rule_kind;
mod sections;
mod session;
mod side;
mod source;
mod spelling;
mod split;
mod tls;
mod trust;

pub use crate::evidence::StoreBodies;
pub use branch::Branches;
pub use error::{ConfigError, Place, Told};
pub use load::{Given, load, secret_key};
pub use role::Role;
pub use routes::{RouteConfig, RouteIndex, RouteTable};
pub use rule::DeclaredRule;
pub use split::SplitBy;

use crate::judge::Context;
use crate::principal::Classifier;
use crate::rules::RuleSet;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where clients connect unless the config says so.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7070);

/// What the command line says; each flag wins over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen ADDR`.
    pub listen: Option<String>,
    /// `--primary URL`.
    pub primary: Option<String>,
    /// `--candidate URL`.
    pub candidate: Option<String>,
    /// `--admin ADDR`.
    pub admin: Option<String>,
    /// `--store DIR`.
    pub store: Option<PathBuf>,
    /// `--workers N`.
    pub workers: Option<usize>,
}

/// Where a side is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A port.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// The port.
        port: u16,
        /// For `https`.
        tls: Option<Tls>,
    },
    /// A socket by its path.
    Unix(PathBuf),
}

/// How a side is known to be the one it should be.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whom to trust, and what to show; sessions are resumed over all connections of one config.
    pub client: Arc<rustls::ClientConfig>,
    /// Whom the side's certificate must be for.
    pub server_name: ServerName<'static>,
}

/// One side's address and patience.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Where it is.
    pub endpoint: Endpoint,
    /// `host:port` as in the URL, `localhost` for a socket: the Host of a client of HTTP/1.0 that names none.
    pub authority: String,
    /// It is asked over HTTP/2: at once over `http` and sockets, where it offers it over `https`.
    pub http2: bool,
    /// A path in front of every target (`/base`), empty for none.
    pub base_path: String,
    /// From the first byte sent to the end of the answer's head, and between two body frames.
    pub timeout: Duration,
    /// For a connection alone.
    pub connect_timeout: Duration,
    /// The header (lower case) in which the side tells its build.
    pub version_header: Option<http::HeaderName>,
}

impl Upstream {
    /// Its address as a URL, with its base path.
    pub fn url(&self) -> String {
        let Upstream { authority, base_path, .. } = self;
        match &self.endpoint {
            Endpoint::Tcp { tls: None, .. } => format!("http://{authority}{base_path}"),
            Endpoint::Tcp { tls: Some(_), .. } => format!("https://{authority}{base_path}"),
            Endpoint::Unix(path) if base_path.is_empty() => format!("unix:{}", path.display()),
            Endpoint::Unix(path) => format!("unix:{}:{base_path}", path.display()),
        }
    }
    /// True where a connection that was made for the one serves the other. Never over TLS: the certificates may have been
    /// changed in their files.
    pub fn shares_connections(&self, other: &Upstream) -> bool {
        let same_place = match (&self.endpoint, &other.endpoint) {
            (Endpoint::Tcp { host, port, tls: None }, Endpoint::Tcp { host: theirs, port: at, tls: None }) => {
                (host, port) == (theirs, at)
            }
            (Endpoint::Unix(path), Endpoint::Unix(other)) => path == other,
            _ => false,
        };
        same_place && (self.http2, self.connect_timeout) == (other.http2, other.connect_timeout)
    }
}

/// What decides whether a request belongs to the sampled percentage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleKey {
    /// A cookie's value; without it the client's address.
    Cookie(String),
    /// A header's value; without it the client's address.
    Header(http::HeaderName),
    /// The client's address.
    Address,
}

/// When the candidate's breaker opens and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures …
    pub failures: u32,
    /// … within this time open it …
    pub window: Duration,
    /// … for this long …
    pub cooldown: Duration,
    /// … after which one request is let through, with this deadline.
    pub probe_timeout: Duration,
}

/// When less is mirrored for the primary's sake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackOff {
    /// By this factor the primary may be slower with the mirror than without.
    pub slower_by: f64,
    /// One request in so many, at most, is not mirrored, so that it may be compared.
    pub one_in: u32,
}

/// A rate limit; absent means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Shadow requests a second.
    pub per_second: std::num::NonZeroU32,
    /// At most so many at once.
    pub burst: std::num::NonZeroU32,
}

/// `[mirror]`.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// Hundredths of a percent, 0 to 10,000.
    pub basis_points: u32,
    /// Whose decision it is.
    pub key: SampleKey,
    /// Methods mirrored without a word on the route.
    pub methods: Vec<http::Method>,
    /// Niceness of the shadow and store threads, 0 to 19.
    pub shadow_nice: i32,
    /// The rate limit.
    pub rate: Option<Rate>,
    /// Exchanges admitted and not yet at an end.
    pub max_in_flight: usize,
    /// Bytes of both sides' copies together.
    pub max_in_flight_bytes: usize,
    /// Larger requests are not mirrored; larger answers are judged by digest.
    pub max_body: usize,
    /// The candidate's breaker.
    pub breaker: Breaker,
    /// When less is mirrored for the primary's sake; `None` where that is not looked at.
    pub back_off: Option<BackOff>,
    /// A live thread that is later than this does not mirror; `None` where it always does.
    pub max_lag: Option<Duration>,
    /// How a client's session is known at the candidate.
    pub session: Option<Session>,
}

/// `[mirror.session]`: the candidate has sessions of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The cookie by which the primary knows a client's session.
    pub cookie: String,
    /// A request to the candidate that exchanges the primary's session for the candidate's credential.
    pub bridge: Option<Bridge>,
    /// Sessions remembered at once; of more, the one longest unused is forgotten.
    pub max_sessions: NonZeroUsize,
    /// The candidate's credential is forgotten after this, or earlier where its cookie says so.
    pub expires_after: Duration,
}

/// `bridge = "POST /internal/session"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The method.
    pub method: http::Method,
    /// The path, at the candidate alone.
    pub path: String,
}

/// `[confirm]`: a sample of the mismatches is asked again of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// After so long each, the shortest first; at least one.
    pub after: Vec<Duration>,
    /// Looks a second; each asks either side once.
    pub budget: std::num::NonZeroU32,
}

/// `[redact]`.
#[derive(Clone, Debug)]
pub struct Redact {
    /// Header fields (lower case) beside the built-in list.
    pub headers: Vec<String>,
    /// Selectors (RFC 9535 subset) into bodies.
    pub paths: Vec<String>,
    /// Where the key is, outside the store.
    pub key_file: Option<PathBuf>,
    /// `jwt`, `card`, `email`.
    pub shapes: Vec<String>,
    /// How much of a body is kept.
    pub store_bodies: StoreBodies,
}

/// `[store]`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The directory.
    pub dir: PathBuf,
    /// sled's page cache.
    pub cache_bytes: u64,
    /// Exemplars kept for each signature.
    pub exemplars: usize,
    /// Evidence older than this goes.
    pub max_age: Duration,
    /// What all its files may take.
    pub max_bytes: u64,
    /// Keys in it.
    pub max_keys: u64,
}

/// A validated configuration; immutable once built, swapped whole on reload.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where the admin API listens.
    pub admin: Option<SocketAddr>,
    /// The token asked on any admin address that is not loopback.
    pub admin_token: Option<Arc<str>>,
    /// Live threads.
    pub workers: usize,
    /// TLS towards the clients; without it they speak in the clear.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The monolith.
    pub primary: Upstream,
    /// The new API; without it the tee only proxies.
    pub candidate: Option<Upstream>,
    /// A second copy of the monolith.
    pub secondary: Option<Upstream>,
    /// Mirroring.
    pub mirror: Mirror,
    /// Asking mismatches again; `None` where nobody said so.
    pub confirm: Option<Confirm>,
    /// Declared routes, each with its compiled rules.
    pub routes: RouteTable,
    /// Who asks, as a label.
    pub classifier: Arc<Classifier>,
    /// Every rule as declared, expired ones too: the general ones, then each route's own.
    pub rules: Arc<[DeclaredRule]>,
    /// The rules of every route that is not declared.
    pub general_rules: Arc<RuleSet>,
    /// What judging depends on beside rules.
    pub context: Arc<Context>,
    /// Redaction.
    pub redact: Redact,
    /// The store.
    pub store: StoreConfig,
    /// Gates, at least one.
    pub gates: Vec<crate::evidence::Policy>,
    /// The monolith's responsibilities, as declared.
    pub roles: Vec<Role>,
    /// Sections and settings that were read but do not act in this version, and other things said at start.
    pub warnings: Vec<String>,
}

impl Config {
    /// The rules of a route by its name: of an operation those of its route, of an undeclared one the general ones.
    pub fn rules_of(&self, route: &str) -> &Arc<RuleSet> {
        self.routes.declaring(route).map_or(&self.general_rules, |declared| &declared.rules)
    }
}
