//! `paritee serve`: the tee itself. Puts the rooms together, waits for signals, and takes them apart in order.

use super::Exit;
use super::log::{self, say};
use crate::config::{self, Config, Flags, Upstream};
use crate::mirror::{self, Control};
use crate::redact::{RedactOptions, Redactor};
use crate::store::{Opened, Options, StoreError, StoreHandle};
use crate::sys::{self, Service};
use crate::{admin, judge, proxy};
use anyhow::Context as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is under way may be answered within this after a stop was asked for …
const DRAIN_LIVE: Duration = Duration::from_secs(10);
/// … what was mirrored may be judged within this …
const DRAIN_SHADOW: Duration = Duration::from_secs(3);
/// … and what was judged may be written within this.
const CLOSE_STORE: Duration = Duration::from_millis(1_500);
/// Live threads end by themselves; this is for their last steps.
const GRACE: Duration = Duration::from_millis(300);
/// Fewer descriptors are told of.
const ENOUGH_DESCRIPTORS: u64 = 4_096;

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
    let set = |name| std::env::var(name).ok();
    if let Err(wrong) = log::start(set("PARITEE_LOG").as_deref(), set("PARITEE_LOG_FORMAT").as_deref()) {
        say(&wrong);
        return Exit::Usage;
    }
    let flags = Flags {
        listen: args.listen,
        primary: args.primary,
        candidate: args.candidate,
        admin: args.admin,
        store: args.store,
        workers: args.workers,
    };
    let config = match config::load(args.config.as_deref(), &flags) {
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
    let service = Arc::new(sys::Service::from_env());
    match serve(Arc::new(config), key, &service) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            say(&format!("{error:#}"));
            service.status(&format!("{error:#}"));
            Exit::CouldNotRun
        }
    }
}

fn serve(config: Arc<Config>, key: [u8; 32], service: &Arc<Service>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let guard = runtime.enter();
    let signals = Signals::new().context("cannot wait for signals")?;
    drop(guard);
    let listeners = proxy::bind(config.listen, config.workers)
        .with_context(|| format!("cannot listen on {}: name another address with --listen", config.listen))?;
    let admin_socket = config.admin.map(bind_admin).transpose()?;
    let incarnation = random()?;
    service.status("opening the store");
    let (store, opened) = open_store(&config, incarnation)?;
    let (control, _shadow) = mirror::start(mirror::Setup {
        config: config.clone(),
        store: store.clone(),
        base: opened.ledger,
        ownership: opened.ownership,
        key,
        redactor: redactor(&config, key),
        incarnation,
        judge: Arc::new(judge::judge),
    })
    .context("cannot start the shadow thread")?;
    let address = listeners.address();
    let admin_address = admin_socket.as_ref().and_then(|socket| socket.local_addr().ok());
    let proxy = proxy::start(listeners, control.clone(), DRAIN_LIVE).context("cannot start the live threads")?;
    let admin = match admin_socket {
        Some(socket) => {
            Some(admin::start(socket, control.clone(), config.clone()).context("cannot start the admin API")?)
        }
        None => None,
    };
    tell(&config, address, admin_address);
    tell_of_descriptors(sys::descriptor_limit(), control.health().taking_in.limit);
    service.ready(&format!("serving {address}"));
    runtime.block_on(async {
        if let Some(within) = service.watchdog() {
            let service = service.clone();
            tokio::spawn(proxy::watch(proxy.heartbeats(), within, move || service.alive()));
        }
        signals.until_stop(&control).await;
        say("stopping: what is under way is answered first");
        service.stopping(DRAIN_LIVE + GRACE + DRAIN_SHADOW + CLOSE_STORE);
        proxy.drain(DRAIN_LIVE + GRACE).await;
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
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            mirror_off: signal(SignalKind::user_defined1())?,
            mirror_on: signal(SignalKind::user_defined2())?,
        })
    }
    /// Works the mirror's switch until a stop is asked for.
    async fn until_stop(mut self, control: &Control) {
        loop {
            let on = tokio::select! {
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

fn redactor(config: &Config, key: [u8; 32]) -> Redactor {
    let redact = config.redact.clone();
    Redactor::new(RedactOptions { headers: redact.headers, paths: redact.paths, shapes: redact.shapes }, key)
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

/// Says what too low a limit of descriptors means; nothing where it is high enough.
fn tell_of_descriptors(limit: u64, clients: u64) {
    if limit < ENOUGH_DESCRIPTORS {
        say(&format!(
            "only {limit} descriptors may be open: at most {clients} clients are served at once, and more wait until one \
             leaves; raise it with LimitNOFILE= in the unit, or with ulimit -Hn before the start"
        ));
    }
}
