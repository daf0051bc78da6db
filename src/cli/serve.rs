//! `paritee serve`: the tee itself. Puts the rooms together, waits for signals, and takes them apart in order.

use super::Exit;
use super::hand_over::{self, Before, Offering, Sockets};
use super::inherited::Inherited;
use super::log::{self, say};
use super::signals::{Signals, Told};
use crate::config::{self, Config, Flags, Given, StoreConfig, Upstream};
use crate::mirror::{self, Control};
use crate::proxy::{Listeners, Proxy, Stop};
use crate::store::{Caps, Options, StoreError, StoreHandle};
use crate::sys::{self, Service};
use crate::{admin, judge, proxy};
use anyhow::Context as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What is under way may be answered within this after a stop was asked for …
const DRAIN_LIVE: Duration = Duration::from_secs(10);
/// … what was mirrored may be judged within this …
const DRAIN_SHADOW: Duration = Duration::from_secs(3);
/// … and what was judged may be written within this.
const CLOSE_STORE: Duration = Duration::from_millis(1_500);
/// Where the sockets outlive the process, an idle connection may ask once more within this. Whoever connects anew waits for the
/// next process as long.
const IDLE_AT_RESTART: Duration = Duration::from_millis(250);
/// Where another process serves already, an idle connection may ask once more within this. What is still idle then has been
/// silent for longer than most servers allow.
const IDLE_HANDED_OVER: Duration = Duration::from_secs(8);
/// Live threads end by themselves; this is for their last steps.
const GRACE: Duration = Duration::from_millis(300);
/// Where a service manager may wait for signs and did not say how often, one is given at least so often.
const BEAT_WITHIN: Duration = Duration::from_secs(4);
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
    /// Take the place of the tee that has this store: no connection is refused, no request fails
    #[arg(long)]
    take_over: bool,
}

/// Runs `serve`.
pub(crate) fn run(args: Args) -> Exit {
    // First of all: what was passed is found by its numbers.
    let inherited = Inherited::take();
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
    let service = Arc::new(Service::from_env());
    let (config, take_over) = (Arc::new(config), args.take_over);
    let start = |inherited| Start { config, given, key, inherited, take_over, service: service.clone() };
    match inherited.and_then(|inherited| serve(start(inherited))) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            say(&format!("{error:#}"));
            service.status(&format!("{error:#}"));
            Exit::CouldNotRun
        }
    }
}

/// What a tee is started from.
struct Start {
    config: Arc<Config>,
    given: Given,
    key: [u8; 32],
    inherited: Inherited,
    take_over: bool,
    service: Arc<Service>,
}

fn serve(start: Start) -> anyhow::Result<()> {
    let Start { config, given, key, inherited, take_over, service } = start;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let guard = runtime.enter();
    let signals = Signals::new().context("cannot wait for signals")?;
    drop(guard);
    let before = if take_over { Before::ask(&config.store.dir)? } else { None };
    if take_over && before.is_none() {
        say("there is no tee to take over from: this one starts as usual");
    }
    let (before, passed) = before.map_or_else(
        || (None, Sockets { held: !inherited.live.is_empty(), live: inherited.live, admin: inherited.admin }),
        |(before, sockets)| (Some(before), sockets),
    );
    let held = passed.held;
    let (listeners, admin_socket) = places(&config, passed)?;
    let admin_copy = admin_socket.as_ref().map(TcpListener::try_clone).transpose().context("the admin socket")?;
    let own = Sockets { live: listeners.copies().context("the sockets")?, admin: admin_copy, held };
    let incarnation = random()?;
    service.status("opening the store");
    let (store, mirroring) = match before {
        None => (open_store(&config, incarnation)?, true),
        Some(before) => {
            let mirroring = before.ready(incarnation)?;
            say("taking over: the store follows when the tee before has ended");
            (store_when_free(&config, incarnation)?, mirroring)
        }
    };
    let (control, _shadow) = mirror::start(mirror::Setup {
        config: config.clone(),
        store: store.clone(),
        key,
        given,
        service: service.clone(),
        incarnation,
        judge: Arc::new(judge::judge),
    })
    .context("cannot start the shadow thread")?;
    control.set_mirroring(mirroring);
    let address = listeners.address();
    let admin_address = admin_socket.as_ref().and_then(|socket| socket.local_addr().ok());
    let proxy = proxy::start(listeners, control.clone(), DRAIN_LIVE).context("cannot start the live threads")?;
    let admin = admin_socket.map(|socket| admin::start(socket, control.clone())).transpose();
    let admin = admin.context("cannot start the admin API")?;
    tell(&config, address, admin_address);
    tell_of_descriptors(sys::descriptor_limit(), control.health().taking_in.limit);
    service.serving(&format!("serving {address}"));
    let offering = hand_over::offer(store.clone(), config.store.dir.clone(), own);
    let told = (signals, offering, Watchdog { service, take_over });
    runtime.block_on(until_the_end(told, control, proxy, admin, (store, held)));
    runtime.shutdown_background();
    Ok(())
}

/// Serves until it is told to end, and takes the rooms apart in order.
async fn until_the_end(
    (signals, mut offering, watchdog): (Signals, Offering, Watchdog),
    control: Arc<Control>,
    proxy: Proxy,
    mut admin: Option<admin::Handle>,
    (store, held): (StoreHandle, bool),
) {
    let beating = watchdog.start(&proxy);
    let told = signals.until_told(&control, &mut offering).await;
    offering.end();
    let (how, successor) = match told {
        Told::HandedOver(successor) => {
            say("handed over: what is under way is answered first");
            // Whoever asks from now on means the other one, and the service manager hears of that one alone.
            admin = None;
            beating.into_iter().for_each(|beating| beating.abort());
            (Stop::PassedOn(IDLE_HANDED_OVER), Some(successor))
        }
        Told::Stop => {
            say("stopping: what is under way is answered first");
            watchdog.service.stopping(DRAIN_LIVE + GRACE + DRAIN_SHADOW + CLOSE_STORE);
            (if held { Stop::PassedOn(IDLE_AT_RESTART) } else { Stop::ForGood }, None)
        }
    };
    proxy.drain(how, DRAIN_LIVE + GRACE).await;
    if !control.drain(DRAIN_SHADOW).await {
        say("the shadow side did not end in time: what it still held is not judged");
    }
    drop(admin);
    if !store.close_for(successor, CLOSE_STORE) {
        say("the store did not take everything in time: its ledger will show a gap");
    }
}

/// Who is told that the live threads are turning.
struct Watchdog {
    service: Arc<Service>,
    take_over: bool,
}

impl Watchdog {
    /// A process that took over was not told how often; the one before may have been.
    fn start(&self, proxy: &Proxy) -> Option<tokio::task::JoinHandle<()>> {
        let untold = (self.take_over && self.service.is_managed()).then_some(BEAT_WITHIN);
        let within = self.service.watchdog().or(untold)?;
        let service = self.service.clone();
        Some(tokio::spawn(proxy::watch(proxy.heartbeats(), within, move || service.alive())))
    }
}

/// Where clients and the admin API are listened to. What systemd holds counts, whatever the config says; what another tee has
/// passed is used where the config means the same place.
fn places(config: &Config, passed: Sockets) -> anyhow::Result<(Listeners, Option<TcpListener>)> {
    let Sockets { live, admin, held } = passed;
    let is_meant = |socket: &TcpListener, said: SocketAddr| {
        held || said.port() == 0 || socket.local_addr().is_ok_and(|address| address == said)
    };
    let listeners = match live.first().is_some_and(|first| is_meant(first, config.listen)) {
        true => Listeners::inherited(live, config.workers).context("the sockets that were passed")?,
        false => proxy::bind(config.listen, config.workers)
            .with_context(|| format!("cannot listen on {}: name another address with --listen", config.listen))?,
    };
    let passed = admin.filter(|socket| held || config.admin.is_some_and(|said| is_meant(socket, said)));
    let admin = match passed {
        None => config.admin.map(bind_admin).transpose()?,
        Some(socket) => {
            let address = socket.local_addr().context("the admin socket")?;
            let is_open = !address.ip().is_loopback() && config.admin_token.is_none();
            anyhow::ensure!(!is_open, "the admin socket that was passed can be reached from outside: set admin_token");
            Some(socket)
        }
    };
    let admin_address = admin.as_ref().and_then(|socket| socket.local_addr().ok());
    let said = Some(config.listen).filter(|said| *said != config::LISTEN);
    for (what, said, is) in [("listen", said, Some(listeners.address())), ("admin", config.admin, admin_address)] {
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

fn store_options(config: &Config) -> (Options, u64) {
    let options = Options {
        cache_bytes: config.store.cache_bytes,
        exemplars: config.store.exemplars,
        sides: std::iter::once(&config.primary).chain(&config.candidate).map(Upstream::url).collect(),
        caps: caps(config),
    };
    let now_ms = crate::sys::now_ms();
    (options, now_ms)
}

/// What the config lets a store grow to.
pub(super) fn caps(config: &Config) -> Caps {
    let StoreConfig { max_age, max_bytes, max_keys, .. } = config.store;
    Caps { max_age_ms: u64::try_from(max_age.as_millis()).unwrap_or(u64::MAX), max_bytes, max_keys }
}

fn open_store(config: &Config, incarnation: u64) -> Result<StoreHandle, StoreError> {
    let (options, now_ms) = store_options(config);
    let (store, opened) =
        StoreHandle::start(&config.store.dir, &options, incarnation, now_ms, config.mirror.shadow_nice)?;
    if let Some((aside, salvaged, lost)) = &opened.set_aside {
        say(&format!(
            "THE STORE WAS DAMAGED. It is set aside as {}; {salvaged} records were saved, {lost} are lost; a new one begins",
            aside.display()
        ));
    }
    Ok(store)
}

/// The same, once the tee before has closed it.
fn store_when_free(config: &Config, incarnation: u64) -> Result<StoreHandle, StoreError> {
    let (options, now_ms) = store_options(config);
    StoreHandle::start_when_free(&config.store.dir, &options, incarnation, now_ms, config.mirror.shadow_nice)
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
