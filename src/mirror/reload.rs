//! Reading the config again while the tee runs: all of it comes in force at once, or none of it.

use super::Control;
use super::in_force::InForce;
use crate::config::ConfigError;
use crate::sys::now_ms;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What has become of reading the config again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadState {
    /// The number of the config in force, from 1.
    pub number: u64,
    /// Configs that came in force after the first.
    pub applied: u64,
    /// Configs that were refused.
    pub refused: u64,
    /// When the one in force was read, milliseconds since the Unix epoch.
    pub in_force_since_ms: u64,
    /// Why the last one was refused, and when; `None` where the last one came in force.
    pub refusal: Option<Refused>,
}

/// A config that did not come in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The whole error, over several lines. It shows a line of the file, which may hold a secret.
    pub error: String,
}

/// A config that came in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// Its number.
    pub number: u64,
    /// What is to be said of it, and was not said of the one before.
    pub warnings: Vec<String>,
}

/// The account of it.
pub(super) struct Reloads {
    /// One at a time.
    turn: Mutex<()>,
    state: Mutex<ReloadState>,
}

impl Reloads {
    /// The first config is in force.
    pub(super) fn new(now_ms: u64) -> Reloads {
        let state = ReloadState { number: 1, in_force_since_ms: now_ms, ..ReloadState::default() };
        Reloads { turn: Mutex::default(), state: Mutex::new(state) }
    }
    pub(super) fn state(&self) -> ReloadState {
        self.state.lock().clone()
    }
}

impl Control {
    /// Reads the config again, and every file that it names. A request whose head is complete after this has returned is
    /// served under it; whatever began before ends under the one that it began with. A config that is refused changes
    /// nothing. Waits for the disk: not for a thread that serves.
    pub fn reload(&self) -> Result<Reloaded, ConfigError> {
        let shared = &self.shared;
        let _turn = shared.reloads.turn.lock();
        // Whoever stops has said so, and would take this back.
        let is_stopping = || shared.draining.load(Relaxed);
        if !is_stopping() {
            shared.service.reloading();
        }
        let outcome = self.take_up();
        if !is_stopping() {
            let number = shared.reloads.state().number;
            let refused = if outcome.is_err() { ": the one read last was refused" } else { "" };
            shared.service.ready(&format!("serving under config {number}{refused}"));
        }
        outcome
    }
    fn take_up(&self) -> Result<Reloaded, ConfigError> {
        let shared = &self.shared;
        let was = shared.force();
        match shared.given.load_again(&was.config) {
            Ok(config) => {
                let warnings: Vec<String> =
                    config.warnings.iter().filter(|warning| !was.config.warnings.contains(warning)).cloned().collect();
                let next = Arc::new(InForce::new(Arc::new(config), &shared.key, Some(&was)));
                let number = next.number;
                shared.put_in_force(next);
                let mut state = shared.reloads.state.lock();
                state.number = number;
                state.applied += 1;
                (state.in_force_since_ms, state.refusal) = (now_ms(), None);
                drop(state);
                tracing::info!(number, "the config was read again and is in force");
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                Ok(Reloaded { number, warnings })
            }
            Err(error) => {
                let mut state = shared.reloads.state.lock();
                state.refused += 1;
                state.refusal = Some(Refused { at_ms: now_ms(), error: error.to_string() });
                drop(state);
                tracing::error!("the config was refused, the one before stays in force: {error}");
                Err(error)
            }
        }
    }
    /// What has become of reading the config again.
    pub fn reloads(&self) -> ReloadState {
        self.shared.reloads.state()
    }
}
