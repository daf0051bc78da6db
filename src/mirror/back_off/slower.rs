//! Whether the primary is slower with the mirror, told from control windows, and how much is mirrored then. Pure arithmetic.
//!
//! A window's figure lies between 0 and 1, and its mean is at most a half while the primary is not slower by more than the
//! configured factor. Whether it has come to be more is a question of change detection: the sums below are e-detectors of the
//! Shiryaev-Roberts kind (Shin, Ramdas, Rinaldo: E-detectors, a nonparametric framework for sequential change detection,
//! arXiv:2203.03532), in which each window is a bet on "above a half". They ask for no distribution and for no independence
//! within a window; and the mean number of windows from one false alarm to the next is at least [`ALARM`], even where the
//! primary is slower by exactly the factor that is allowed.

/// The sum at which "slower" is said, and so the mean number of windows between two false alarms at least.
pub(super) const ALARM: f64 = 400.0;
/// What is bet on each window: little against small and noisy differences, nearly all against large ones.
const STAKES: [f64; 3] = [0.4, 1.0, 1.9];
/// The smallest share is 1/64.
pub(super) const LEAST_LEVEL: u32 = 6;
/// Windows without a sign of slowness after which the share doubles …
const CLEAN: u32 = 4;
/// … and at most so many, where it had to be halved again soon after it was doubled.
const CLEAN_AT_MOST: u32 = 32;

/// What became of the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The primary is slower with the mirror: half as much is mirrored from now on.
    Halved,
    /// There was no sign of it for a while: twice as much is mirrored from now on.
    Doubled,
}

/// What has been seen, and what follows from it.
pub(super) struct Slower {
    sums: [f64; STAKES.len()],
    level: u32,
    clean: Run,
    /// Windows that have to be clean before the share doubles.
    needed: u32,
    /// Windows since the share was last doubled.
    since_doubled: u32,
}

/// Windows since the share last changed.
#[derive(Default)]
struct Run {
    windows: u32,
    compared: u32,
    total: f64,
}

impl Slower {
    /// Nothing seen yet at this share.
    pub(super) fn at(level: u32) -> Slower {
        Slower { sums: [0.0; STAKES.len()], level, clean: Run::default(), needed: CLEAN, since_doubled: u32::MAX }
    }
    /// The share that is mirrored is one in two to the power of this.
    pub(super) fn level(&self) -> u32 {
        self.level
    }
    /// How near it is to saying "slower": 1 says it.
    pub(super) fn evidence(&self) -> f64 {
        self.sums.iter().sum::<f64>() / (ALARM * STAKES.len() as f64)
    }
    /// One more window: its figure; `None` where nothing could be compared in it.
    pub(super) fn window(&mut self, figure: Option<f64>) -> Option<Change> {
        self.since_doubled = self.since_doubled.saturating_add(1);
        self.clean.windows += 1;
        if let Some(figure) = figure {
            self.clean.compared += 1;
            self.clean.total += figure;
            for (sum, stake) in self.sums.iter_mut().zip(STAKES) {
                *sum = (*sum + 1.0) * (1.0 + stake * (figure.clamp(0.0, 1.0) - 0.5));
            }
            if self.evidence() >= 1.0 {
                return self.slower();
            }
        }
        self.perhaps_double()
    }
    fn slower(&mut self) -> Option<Change> {
        self.start_over();
        if self.since_doubled <= self.needed.saturating_mul(4) {
            self.needed = (self.needed * 2).min(CLEAN_AT_MOST);
        }
        if self.level == LEAST_LEVEL {
            return None;
        }
        self.level += 1;
        Some(Change::Halved)
    }
    /// While little is mirrored, a window in which nothing could be compared is a sign of nothing: without this, a share in
    /// which nobody asks would be the last word.
    fn perhaps_double(&mut self) -> Option<Change> {
        if self.level == 0 {
            if self.since_doubled > self.needed.saturating_mul(4) {
                self.needed = CLEAN;
            }
            return None;
        }
        if self.clean.windows < self.needed {
            return None;
        }
        let clean = self.clean.total <= 0.5 * f64::from(self.clean.compared);
        if !clean {
            self.clean = Run::default();
            return None;
        }
        self.start_over();
        self.level -= 1;
        self.since_doubled = 0;
        Some(Change::Doubled)
    }
    fn start_over(&mut self) {
        self.sums = [0.0; STAKES.len()];
        self.clean = Run::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_halves_down_to_a_64th_and_comes_all_the_way_back() {
        let mut slower = Slower::at(0);
        let halved = (0..200).filter(|_| slower.window(Some(1.0)) == Some(Change::Halved)).count();
        assert_eq!((halved, slower.level()), (6, LEAST_LEVEL));
        let doubled = (0..400).filter(|_| slower.window(Some(0.4)) == Some(Change::Doubled)).count();
        assert_eq!((doubled, slower.level()), (6, 0));
    }

    #[test]
    fn a_large_difference_is_told_within_ten_windows_and_one_bad_window_is_not() {
        let mut slower = Slower::at(0);
        let until = (1..100).find(|_| slower.window(Some(1.0)).is_some());
        assert!(until.is_some_and(|windows| (5..=10).contains(&windows)), "{until:?}");
        let mut slower = Slower::at(0);
        for n in 0..1_000 {
            let figure = if n % 10 == 0 { 1.0 } else { 0.4 };
            assert_eq!(slower.window(Some(figure)), None);
        }
    }

    #[test]
    fn a_share_in_which_nobody_asks_is_not_the_last_word() {
        let mut slower = Slower::at(0);
        while slower.window(Some(1.0)).is_none() {}
        let until = (1..100).find(|_| slower.window(None) == Some(Change::Doubled));
        assert_eq!((until, slower.level()), (Some(CLEAN), 0));
    }

    #[test]
    fn a_relapse_waits_longer_before_it_tries_again() {
        let mut slower = Slower::at(0);
        let mut waits = Vec::new();
        for _ in 0..5 {
            while slower.window(Some(1.0)) != Some(Change::Halved) {}
            waits.push((1..100).find(|_| slower.window(Some(0.4)) == Some(Change::Doubled)).unwrap_or(0));
        }
        assert_eq!(waits, [CLEAN, 8, 16, 32, 32]);
    }
}
