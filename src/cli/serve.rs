//! `paritee serve`: the tee itself. Puts the rooms together, waits for signals, and takes them apart in order.

use super::Exit;
use super::inherited::Inherited;
use crate::config::{self, Config, Flags, Given, Upstream};
use crate::mirror::{self, Control};
use crate::proxy::{Listeners, Stop};
use crate::store::{Opened, Options, StoreError, StoreHandle};
use crate::{admin, judge, proxy, sys};
use anyhow::Context as _;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What is under way may be answered within this after a stop was asked for …
const DRAIN_LIVE: Duration = Duration::from_secs(10);
/// … what was mirrored may be judged within this …
const DRAIN_SHADOW: Duration = Duration::from_secs(3);
/// … and what was judged may be written within this.
const CLOSE_STORE: Duration = Duration::from_millis(1_500);
/// Where the sockets outlive the process, an idle connection may ask once more within this. Whoever connects anew waits for the
/// next process as long.
const IDLE_AT_RESTART: Duration = Duration::from_millis(250);
/// Live threads end by themselves; this is for their last steps.
const GRACE: Duration = Duration::from_millis(300);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The config file; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where clients connect
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The monolith, whose answers go to the clients
    #[arg(long, value_name = "URL")]
    primary: Option<String>,
    /// The new API, whose answers are only compared; without it the tee only proxies
    #[arg(long, value_name = "URL")]
    candidate: Option<String>,
    /// Where the admin API listens
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// The store's directory
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Live threads
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

/// Runs `serve`.
pub(crate) fn run(args: Args) -> Exit {
    sys::keep_freed_memory();
    // First of all: what was passed is found by its numbers.
    let inherited = Inherited::take();
    log_to_stderr();
    let flags = Flags {
        listen: args.listen,
        primary: args.primary,
        candidate: args.candidate,
        admin: args.admin,
        store: args.store,
        workers: args.workers,
    };
    let given = Given { file: args.config, flags };
    let config = match given.load() {
        Ok(config) => config,
        Err(error) => {
            say(&error.to_string());
            return Exit::Usage;
        }
    };
    let key = match config::secret_key(&config) {
        // The config has said it where the key is a random one.
        Ok((key, _)) => key,
        Err(error) => {
            say(&error.to_string());
            return Exit::Usage;
        }
    };
    match inherited.and_then(|inherited| serve(Arc::new(config), given, key, inherited)) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            say(&format!("{error:#}"));
            Exit::CouldNotRun
        }
    }
}

/// What the rooms log goes to stderr as plain lines, with times of RFC 3339; `PARITEE_LOG` says how much (`info` where it is
/// not set, or not a filter). Nothing above `debug` may name a path, a header or a body.
fn log_to_stderr() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).with_env_var("PARITEE_LOG");
    let lines = tracing_subscriber::fmt().with_env_filter(filter.from_env_lossy()).with_ansi(false);
    // Only a second call in one process could fail, and the first one's lines go on.
    let _ = lines.with_writer(std::io::stderr).try_init();
}

/// The tee's own lines go to stderr, without a log level, since they are for whoever started it.
fn say(line: &str) {
    // Nobody may be reading.
    let _ = writeln!(anstream::stderr(), "paritee: {line}");
}

fn serve(config: Arc<Config>, given: Given, key: [u8; 32], inherited: Inherited) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let guard = runtime.enter();
    let signals = Signals::new().context("cannot wait for signals")?;
    drop(guard);
    let how = if inherited.live.is_empty() { Stop::ForGood } else { Stop::PassedOn(IDLE_AT_RESTART) };
    let (listeners, admin_socket) = sockets(&config, inherited)?;
    let incarnation = random()?;
    let (store, opened) = open_store(&config, incarnation)?;
    let (control, _shadow) = mirror::start(mirror::Setup {
        config: config.clone(),
        store: store.clone(),
        base: opened.ledger,
        ownership: opened.ownership,
        key,
        given,
        incarnation,
        judge: Arc::new(judge::judge),
    })
    .context("cannot start the shadow thread")?;
    let address = listeners.address();
    let admin_address = admin_socket.as_ref().and_then(|socket| socket.local_addr().ok());
    let proxy = proxy::start(listeners, control.clone(), DRAIN_LIVE).context("cannot start the live threads")?;
    let admin = match admin_socket {
        Some(socket) => Some(admin::start(socket, control.clone()).context("cannot start the admin API")?),
        None => None,
    };
    tell(&config, address, admin_address);
    runtime.block_on(async {
        signals.until_stop(&control).await;
        say("stopping: what is under way is answered first");
        proxy.drain(how, DRAIN_LIVE + GRACE).await;
        if !control.drain(DRAIN_SHADOW).await {
            say("the shadow side did not end in time: what it still held is not judged");
        }
    });
    drop(admin);
    if !store.close(CLOSE_STORE) {
        say("the store did not take everything in time: its ledger will show a gap");
    }
    runtime.shutdown_background();
    Ok(())
}

/// The signals that a tee listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    mirror_off: Signal,
    mirror_on: Signal,
    reload: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            mirror_off: signal(SignalKind::user_defined1())?,
            mirror_on: signal(SignalKind::user_defined2())?,
            reload: signal(SignalKind::hangup())?,
        })
    }
    /// Works the mirror's switch, and reads the config again, until a stop is asked for.
    async fn until_stop(mut self, control: &Control) {
        loop {
            let on = tokio::select! {
                _ = self.reload.recv() => {
                    // Said in the log, whoever asked for it.
                    let _ = control.reload();
                    continue;
                }
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.mirror_off.recv() => false,
                _ = self.mirror_on.recv() => true,
            };
            control.set_mirroring(on);
            say(if on { "mirroring is on" } else { "mirroring is off" });
        }
    }
}

/// Where clients and the admin API are listened to: what was inherited, else what the config says.
fn sockets(config: &Config, inherited: Inherited) -> anyhow::Result<(Listeners, Option<TcpListener>)> {
    let listeners = match inherited.live.is_empty() {
        true => proxy::bind(config.listen, config.workers)
            .with_context(|| format!("cannot listen on {}: name another address with --listen", config.listen))?,
        false => Listeners::inherited(inherited.live, config.workers).context("the sockets that were passed")?,
    };
    let admin = match inherited.admin {
        None => config.admin.map(bind_admin).transpose()?,
        Some(socket) => {
            let address = socket.local_addr().context("the admin socket")?;
            let is_open = !address.ip().is_loopback() && config.admin_token.is_none();
            anyhow::ensure!(!is_open, "the admin socket that was passed can be reached from outside: set admin_token");
            Some(socket)
        }
    };
    for (what, said, is) in [
        ("listen", Some(config.listen).filter(|said| *said != config::LISTEN), Some(listeners.address())),
        ("admin", config.admin, admin.as_ref().and_then(|socket| socket.local_addr().ok())),
    ] {
        if let (Some(said), Some(is)) = (said, is)
            && said != is
            && said.port() != 0
        {
            say(&format!("{what} is {said}, and the socket that was passed is at {is}: the socket counts"));
        }
    }
    Ok((listeners, admin))
}

fn bind_admin(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address}: name another address with --admin"))?;
    socket.set_nonblocking(true).context("the admin socket")?;
    Ok(socket)
}

fn random() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system has no randomness: {error}"))?;
    Ok(u64::from_ne_bytes(bytes))
}

fn open_store(config: &Config, incarnation: u64) -> Result<(StoreHandle, Opened), StoreError> {
    let options = Options {
        cache_bytes: config.store.cache_bytes,
        exemplars: config.store.exemplars,
        sides: std::iter::once(&config.primary).chain(&config.candidate).map(Upstream::url).collect(),
    };
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let (store, opened) =
        StoreHandle::start(&config.store.dir, &options, incarnation, now_ms, config.mirror.shadow_nice)?;
    if let Some((aside, salvaged, lost)) = &opened.set_aside {
        say(&format!(
            "THE STORE WAS DAMAGED. It is set aside as {}; {salvaged} records were saved, {lost} are lost; a new one begins",
            aside.display()
        ));
    }
    Ok((store, opened))
}

/// A side as people know it: its port, or its URL where there is more to say.
fn told(side: &Upstream) -> String {
    side.url().strip_prefix("http://").map_or_else(|| side.url(), |_| side.authority.clone())
}

/// Says what was started, on which addresses, and what whoever started it should know.
fn tell(config: &Config, address: SocketAddr, admin: Option<SocketAddr>) {
    let candidate = config.candidate.as_ref().map_or_else(|| "none: it only proxies".to_owned(), told);
    let admin = admin.map_or_else(|| "no admin API".to_owned(), |admin| format!("admin on {admin}"));
    let secondary = config.secondary.as_ref().map_or_else(String::new, |side| format!(", secondary {}", told(side)));
    let over = if config.tls.is_some() { " over TLS" } else { "" };
    let primary = told(&config.primary);
    say(&format!("listening on {address}{over} (primary {primary}, candidate {candidate}{secondary}), {admin}"));
    config.warnings.iter().for_each(|warning| say(warning));
}
