//! A side's name and the addresses behind it: looked up beside the live threads, kept while the name does not resolve.

use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The system's resolver tells no lifetime: what it said is good for so long.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// Between two look-ups of a name that cannot be resolved, or whose addresses do not answer.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// An address that did not take a connection is tried last for so long.
const LAST_FOR: Duration = Duration::from_secs(10);
/// Addresses of one name that are used.
const ADDRESSES: usize = 32;

/// What a look-up comes to.
pub(super) type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// How names are looked up.
pub(super) type Lookup = Arc<dyn Fn(Arc<str>, u16) -> Found + Send + Sync>;

/// The addresses of one side, for all threads that ask it.
pub(super) struct Names {
    side: &'static str,
    name: Arc<str>,
    port: u16,
    /// Where the name is an address itself.
    fixed: Option<Arc<[SocketAddr]>>,
    lookup: Lookup,
    state: Mutex<State>,
    changed: Notify,
    epoch: AtomicU64,
}

#[derive(Default)]
struct State {
    known: Arc<[SocketAddr]>,
    looking: bool,
    looked_at: Option<Instant>,
    /// Why the last look-up came to nothing.
    trouble: Option<String>,
    /// Those that did not take a connection, and when.
    refused: Vec<(SocketAddr, Instant)>,
}

impl State {
    fn is_due(&self, after: Duration) -> bool {
        !self.looking && self.looked_at.is_none_or(|at| at.elapsed() >= after)
    }
}

/// The system's resolver, on a thread where it may block.
pub(super) fn system() -> Lookup {
    Arc::new(|name, port| Box::pin(async move { Ok(tokio::net::lookup_host((&*name, port)).await?.collect()) }))
}

impl Names {
    pub(super) fn new(side: &'static str, name: &str, port: u16, lookup: Lookup) -> Arc<Names> {
        let fixed = name.parse::<IpAddr>().ok().map(|ip| Arc::from([SocketAddr::from((ip, port))]));
        Arc::new(Names {
            side,
            name: name.into(),
            port,
            fixed,
            lookup,
            state: Mutex::default(),
            changed: Notify::new(),
            epoch: AtomicU64::new(0),
        })
    }
    /// Grows whenever an address is no longer behind the name: older connections then serve out what is on them.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Relaxed)
    }
    /// The addresses, in the order in which to try them. Waits only while none has ever been known; `Err` says why.
    pub(super) async fn addresses(self: &Arc<Self>) -> Result<Vec<SocketAddr>, String> {
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.to_vec());
        }
        loop {
            // Made before the look, so that no change falls between the two.
            let changed = self.changed.notified();
            {
                let mut state = self.state.lock();
                let due_after = if state.known.is_empty() { AGAIN_AFTER } else { GOOD_FOR };
                self.look_if_due(&mut state, due_after);
                if !state.known.is_empty() {
                    return Ok(in_order(&mut state));
                }
                if !state.looking {
                    let why = state.trouble.as_deref().unwrap_or("it has no address");
                    return Err(format!("`{}` does not resolve: {why}", self.name));
                }
            }
            changed.await;
        }
    }
    /// What else there is once none of these took a connection: the name may stand for others by now.
    pub(super) async fn others(self: &Arc<Self>, tried: &[SocketAddr]) -> Vec<SocketAddr> {
        if self.fixed.is_some() {
            return Vec::new();
        }
        let changed = self.changed.notified();
        let wait = {
            let mut state = self.state.lock();
            self.look_if_due(&mut state, AGAIN_AFTER);
            state.looking
        };
        if wait {
            changed.await;
        }
        let mut left = in_order(&mut self.state.lock());
        left.retain(|address| !tried.contains(address));
        left
    }
    /// Looks the name up again where that is due, so that connections in steady use learn of a move.
    pub(super) fn refresh(self: &Arc<Self>) {
        if self.fixed.is_none() {
            let mut state = self.state.lock();
            if !state.known.is_empty() {
                self.look_if_due(&mut state, GOOD_FOR);
            }
        }
    }
    /// Whether an address took a connection.
    pub(super) fn note(&self, address: SocketAddr, took: bool) {
        if self.fixed.is_some() {
            return;
        }
        let mut state = self.state.lock();
        state.refused.retain(|(refused, _)| *refused != address);
        if !took && state.refused.len() < ADDRESSES {
            state.refused.push((address, Instant::now()));
        }
    }
    fn look_if_due(self: &Arc<Self>, state: &mut State, after: Duration) {
        if state.is_due(after) {
            state.looking = true;
            let looking = Looking(self.clone());
            tokio::spawn(async move {
                let names = &looking.0;
                let found = (names.lookup)(names.name.clone(), names.port).await;
                names.learn(found);
            });
        }
    }
    fn learn(&self, found: io::Result<Vec<SocketAddr>>) {
        let mut state = self.state.lock();
        let (side, name) = (self.side, &*self.name);
        let why = match found {
            Ok(found) if !found.is_empty() => {
                let found = alternating(found);
                if state.known.iter().any(|known| !found.contains(known)) {
                    self.epoch.fetch_add(1, Relaxed);
                }
                if state.trouble.take().is_some() {
                    tracing::info!(side, name, "the name resolves again");
                }
                state.known = found.into();
                return;
            }
            Ok(_) => "it has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        if state.trouble.is_none() && !state.known.is_empty() {
            tracing::warn!(side, name, why, "the name does not resolve any more: its last known addresses are used");
        }
        state.trouble = Some(why);
    }
}

/// A look-up under way: however it ends, the next one may begin.
struct Looking(Arc<Names>);

impl Drop for Looking {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        (state.looking, state.looked_at) = (false, Some(Instant::now()));
        drop(state);
        self.0.changed.notify_waiters();
    }
}

/// Those that lately did not take a connection last.
fn in_order(state: &mut State) -> Vec<SocketAddr> {
    state.refused.retain(|(_, at)| at.elapsed() < LAST_FOR);
    let refused = |address: &SocketAddr| state.refused.iter().any(|(refused, _)| refused == address);
    let (last, mut first): (Vec<_>, Vec<_>) = state.known.iter().copied().partition(refused);
    first.extend(last);
    first
}

/// Each address once, families in turn, the resolver's own order within each (RFC 8305, 4).
fn alternating(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (a, b): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let mut list = Vec::new();
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() || list.len() >= ADDRESSES {
            return list;
        }
        x.into_iter().chain(y).for_each(|address| {
            if !list.contains(&address) {
                list.push(address);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn at(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 80))
    }
    /// Answers from a script, in turn; the last answer stays. Counts.
    fn scripted(script: Vec<Option<Vec<SocketAddr>>>) -> (Arc<Names>, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let lookup: Lookup = Arc::new(move |_, _| {
            let turn = counted.fetch_add(1, Relaxed).min(script.len() - 1);
            let found = script[turn].clone().ok_or_else(|| io::Error::other("gone"));
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                found
            })
        });
        (Names::new("primary", "app.test", 80, lookup), count)
    }
    async fn later(names: &Arc<Names>) {
        tokio::time::sleep(GOOD_FOR).await;
        names.refresh();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_once_for_all_who_wait_and_again_when_it_is_due() {
        let (names, count) = scripted(vec![Some(vec![at(1)]), Some(vec![at(1), at(2)])]);
        let (a, b) = tokio::join!(names.addresses(), names.addresses());
        assert_eq!((a, b), (Ok(vec![at(1)]), Ok(vec![at(1)])));
        assert_eq!(names.addresses().await, Ok(vec![at(1)]));
        assert_eq!(count.load(Relaxed), 1);
        later(&names).await;
        assert_eq!(names.addresses().await, Ok(vec![at(1), at(2)]));
        assert_eq!((count.load(Relaxed), names.epoch()), (2, 0), "nothing has gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_no_longer_resolves_keeps_its_addresses_and_one_that_never_did_says_why() {
        let (names, _) = scripted(vec![Some(vec![at(1)]), None, Some(vec![at(2)])]);
        assert_eq!(names.addresses().await, Ok(vec![at(1)]));
        later(&names).await;
        assert_eq!(names.addresses().await, Ok(vec![at(1)]));
        assert!(names.state.lock().trouble.is_some());
        later(&names).await;
        assert_eq!(names.addresses().await, Ok(vec![at(2)]));
        assert_eq!(names.epoch(), 1, "what went to the first address serves out");
        let (names, count) = scripted(vec![None, Some(vec![at(1)])]);
        assert_eq!(names.addresses().await, Err("`app.test` does not resolve: gone".to_owned()));
        assert!(names.addresses().await.is_err(), "not looked up for every request");
        assert_eq!(count.load(Relaxed), 1);
        tokio::time::sleep(AGAIN_AFTER).await;
        assert_eq!(names.addresses().await, Ok(vec![at(1)]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_refused_is_tried_last_and_a_moved_name_is_found_at_once() {
        let (names, _) = scripted(vec![Some(vec![at(1), at(2)]), Some(vec![at(3)])]);
        assert_eq!(names.addresses().await, Ok(vec![at(1), at(2)]));
        names.note(at(1), false);
        assert_eq!(names.addresses().await, Ok(vec![at(2), at(1)]));
        tokio::time::sleep(AGAIN_AFTER).await;
        assert_eq!(names.others(&[at(1), at(2)]).await, [at(3)]);
        assert_eq!(names.others(&[at(3)]).await, []);
    }

    #[test]
    fn families_take_turns() {
        let six = |n: u16| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, n], 80));
        let found = vec![six(1), six(2), six(1), at(1), at(2), at(3)];
        assert_eq!(alternating(found), [six(1), at(1), six(2), at(2), at(3)]);
        assert_eq!(alternating(vec![at(1), six(1)]), [at(1), six(1)]);
    }
}
