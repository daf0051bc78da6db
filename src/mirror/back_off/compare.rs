//! Control requests held against mirrored ones of the same route, from shortly before and shortly after their window. Pure.
//!
//! Routes differ by far more than a tenth, so that only equals are compared; and both before and after, so that a primary that
//! slowly gets faster or slower by itself looks like neither.

use std::collections::HashMap;

/// Mirrored requests of a route that are remembered, and as many after a window.
const KEPT: usize = 32;
/// Fewer on either side, and the route's control requests are not compared.
const LEAST: usize = 8;
/// A window with fewer control requests compared tells nothing.
const LEAST_COMPARED: usize = 3;
/// Control requests of one window at most.
const CONTROLS: usize = 1_024;
/// Routes told apart: as many as may be declared and inferred.
const STRATA: usize = 12_000;
/// Compared control requests that the medians are of.
const RECENT: usize = 256;

/// The latest so many latencies.
#[derive(Clone, Copy)]
struct Ring {
    us: [u32; KEPT],
    next: u8,
    len: u8,
}

impl Ring {
    const EMPTY: Ring = Ring { us: [0; KEPT], next: 0, len: 0 };
    fn push(&mut self, us: u32) {
        self.us[usize::from(self.next)] = us;
        self.next = (self.next + 1) % KEPT as u8;
        self.len = (self.len + 1).min(KEPT as u8);
    }
    fn all(&self) -> &[u32] {
        &self.us[..usize::from(self.len)]
    }
    fn is_full(&self) -> bool {
        usize::from(self.len) == KEPT
    }
}

/// A route's control requests of one window, and what was mirrored of it afterwards.
struct Held {
    controls: Vec<u32>,
    after: Ring,
}

/// What a window tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    /// The mean, over its control requests, of the share of mirrored ones that took longer by more than the factor.
    pub(super) figure: f64,
    /// Control requests compared.
    pub(super) compared: usize,
}

/// Latencies by route. Until a window opens, those of mirrored requests are kept; then they stand until it is judged.
pub(super) struct Comparison {
    slower_by: f64,
    before: HashMap<u64, Ring>,
    held: HashMap<u64, Held>,
    controls: usize,
    /// For each control request compared lately: its latency, and the median of the mirrored ones beside it.
    recent: Vec<(u32, u32)>,
    at: usize,
}

impl Comparison {
    /// Nothing compared.
    pub(super) fn new(slower_by: f64) -> Comparison {
        let (before, held) = (HashMap::new(), HashMap::new());
        Comparison { slower_by, before, held, controls: 0, recent: Vec::new(), at: 0 }
    }
    /// A mirrored request's latency, while no window is open or waits to be judged.
    pub(super) fn before(&mut self, route: u64, us: u32) {
        if let Some(ring) = self.before.get_mut(&route) {
            return ring.push(us);
        }
        if self.before.len() < STRATA {
            self.before.entry(route).or_insert(Ring::EMPTY).push(us);
        }
    }
    /// A control request's latency.
    pub(super) fn control(&mut self, route: u64, us: u32) {
        if self.controls < CONTROLS {
            self.controls += 1;
            let held = self.held.entry(route).or_insert_with(|| Held { controls: Vec::new(), after: Ring::EMPTY });
            held.controls.push(us);
        }
    }
    /// A mirrored request's latency, once the shadow's load is back after a window.
    pub(super) fn after(&mut self, route: u64, us: u32) {
        if let Some(held) = self.held.get_mut(&route)
            && !held.after.is_full()
        {
            held.after.push(us);
        }
    }
    /// True when more would not be looked at.
    pub(super) fn is_complete(&self) -> bool {
        self.held.values().all(|held| held.after.is_full())
    }
    /// True when the window has no control request.
    pub(super) fn is_empty(&self) -> bool {
        self.controls == 0
    }
    /// What the window tells; the next one begins.
    pub(super) fn judge(&mut self) -> Option<Told> {
        let (mut total, mut compared) = (0.0, 0);
        let mut seen = Vec::new();
        for (route, held) in self.held.drain() {
            let Some(before) = self.before.get(&route).filter(|ring| usize::from(ring.len) >= LEAST) else { continue };
            if usize::from(held.after.len) < LEAST {
                continue;
            }
            let mirrored: Vec<u32> = before.all().iter().chain(held.after.all()).copied().collect();
            let median = median(mirrored);
            for us in held.controls {
                total += (slower(before, us, self.slower_by) + slower(&held.after, us, self.slower_by)) / 2.0;
                compared += 1;
                seen.push((us, median));
            }
        }
        self.controls = 0;
        if compared < LEAST_COMPARED {
            return None;
        }
        seen.into_iter().for_each(|pair| self.note(pair));
        Some(Told { figure: total / compared as f64, compared })
    }
    /// The share has changed: what was seen under the other one is forgotten.
    pub(super) fn forget(&mut self) {
        self.before.clear();
    }
    /// Medians over the control requests compared lately: with the mirror, without it.
    pub(super) fn medians(&self) -> (u32, u32) {
        let with = self.recent.iter().map(|(_, with)| *with).collect();
        let without = self.recent.iter().map(|(without, _)| *without).collect();
        (median(with), median(without))
    }
    fn note(&mut self, pair: (u32, u32)) {
        match self.recent.get_mut(self.at) {
            Some(place) => *place = pair,
            None => self.recent.push(pair),
        }
        self.at = (self.at + 1) % RECENT;
    }
}

/// The share of mirrored requests that took longer than a control request by more than the factor; a tie is half of one. Where
/// the primary is not slower by more than that, a half is expected at most.
fn slower(mirrored: &Ring, control_us: u32, slower_by: f64) -> f64 {
    let line = f64::from(control_us) * slower_by;
    let longer = |us: &u32| match f64::from(*us) {
        us if us > line => 1.0,
        us if us == line => 0.5,
        _ => 0.0,
    };
    mirrored.all().iter().map(longer).sum::<f64>() / mirrored.all().len() as f64
}

fn median(mut list: Vec<u32>) -> u32 {
    list.sort_unstable();
    list.get(list.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(comparison: &mut Comparison, before: u32, control: u32, after: u32) -> Option<Told> {
        (0..40).for_each(|_| comparison.before(1, before));
        (0..5).for_each(|_| comparison.control(1, control));
        (0..40).for_each(|_| comparison.after(1, after));
        comparison.judge()
    }

    #[test]
    fn what_is_slower_by_the_factor_is_a_tie() {
        let mut comparison = Comparison::new(1.1);
        let mut figure =
            |mirrored, control| window(&mut comparison, mirrored, control, mirrored).map(|told| told.figure);
        assert_eq!(figure(1_099, 1_000), Some(0.0));
        assert_eq!(figure(1_101, 1_000), Some(1.0));
        let mut comparison = Comparison::new(1.5);
        assert_eq!(window(&mut comparison, 1_500, 1_000, 1_500), Some(Told { figure: 0.5, compared: 5 }));
        assert_eq!(comparison.medians(), (1_500, 1_000));
    }

    #[test]
    fn a_drift_of_the_primary_itself_is_no_difference() {
        let mut comparison = Comparison::new(1.1);
        let faster = window(&mut comparison, 1_300, 1_000, 700);
        let slower = window(&mut comparison, 700, 1_000, 1_300);
        assert_eq!(faster.map(|told| told.figure), Some(0.5));
        assert_eq!(slower.map(|told| told.figure), Some(0.5));
    }

    #[test]
    fn only_equals_are_compared_and_too_few_tell_nothing() {
        let mut comparison = Comparison::new(1.1);
        (0..40).for_each(|_| comparison.before(1, 90_000));
        (0..5).for_each(|_| comparison.control(2, 100));
        assert!(!comparison.is_complete());
        (0..40).for_each(|_| comparison.after(2, 100));
        assert!(comparison.is_complete());
        assert_eq!(comparison.judge(), None, "nothing is known of this route from before");
        assert!(comparison.is_empty());
        (0..40).for_each(|_| comparison.before(3, 100));
        (0..2).for_each(|_| comparison.control(3, 100));
        (0..40).for_each(|_| comparison.after(3, 100));
        assert_eq!(comparison.judge(), None, "two are too few");
    }
}
