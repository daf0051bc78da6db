//! The account of every request. Law 2: `received = not_mirrored + mirrored`,
//! `mirrored = in_flight + not_judged + judged`, `judged = match + normalised + mismatch + inconclusive + vacuous`.

use crate::compare::words;
use crate::judge::{Inconclusive, Vacuous, Verdict};
use serde::{Deserialize, Serialize};

/// Why a request was not mirrored; decided before any body byte. A closed list, used by metrics too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotMirrored {
    /// Its method is not mirrored on this route.
    Method,
    /// Its route is kept out by the config.
    Route,
    /// The sampling percentage left it out.
    Percent,
    /// The rate limit.
    Rate,
    /// Too many exchanges in flight.
    InFlight,
    /// Too many bytes of copies in flight.
    Bytes,
    /// Its body is larger than the cap.
    Body,
    /// The candidate's breaker is open.
    Breaker,
    /// The primary is slower while mirroring is on.
    BackOff,
    /// An unmirrored control period.
    Control,
    /// The live event loop lags.
    Lag,
    /// Mirroring is switched off.
    Off,
    /// The route is owned by the candidate.
    Owned,
    /// It carries a marker: the candidate asked for it, or it runs in a loop.
    Marked,
    /// A protocol upgrade.
    Upgrade,
    /// No candidate is configured.
    NoCandidate,
    /// The tee is shutting down.
    Draining,
}
words!(NotMirrored {
    Method = "method", Route = "route", Percent = "percent", Rate = "rate", InFlight = "in_flight", Bytes = "bytes",
    Body = "body", Breaker = "breaker", BackOff = "back_off", Control = "control", Lag = "lag", Off = "off",
    Owned = "owned", Marked = "marked", Upgrade = "upgrade", NoCandidate = "no_candidate", Draining = "draining",
});

/// Why an admitted exchange was not judged: shed after admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotJudged {
    /// The hand-over to the shadow side was full.
    Queue,
    /// Its copies went over a cap while streaming.
    Bytes,
    /// The mirror was switched off, or the exchange was given up, before it was judged.
    Cancelled,
    /// The tee stopped first.
    Shutdown,
}
words!(NotJudged { Queue = "queue", Bytes = "bytes", Cancelled = "cancelled", Shutdown = "shutdown" });

/// Terminal outcomes, as counters. Additive; what is still in flight is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By [`NotMirrored`], in its order.
    pub not_mirrored: [u64; 17],
    /// By [`NotJudged`], in its order.
    pub not_judged: [u64; 4],
    /// Equal as sent.
    pub matched: u64,
    /// Equal only after rules.
    pub normalised: u64,
    /// The sides disagree.
    pub mismatched: u64,
    /// By [`Inconclusive`], in its order.
    pub inconclusive: [u64; 8],
    /// By [`Vacuous`], in its order.
    pub vacuous: [u64; 3],
}

impl Counts {
    /// Counts one request that was not mirrored.
    pub fn count_not_mirrored(&mut self, reason: NotMirrored) {
        self.not_mirrored[reason as usize] += 1;
    }
    /// Counts one admitted exchange that was not judged.
    pub fn count_not_judged(&mut self, reason: NotJudged) {
        self.not_judged[reason as usize] += 1;
    }
    /// Counts one judgement.
    pub fn count_verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Match => self.matched += 1,
            Verdict::Normalised => self.normalised += 1,
            Verdict::Mismatch => self.mismatched += 1,
            Verdict::Inconclusive(reason) => self.inconclusive[reason as usize] += 1,
            Verdict::Vacuous(reason) => self.vacuous[reason as usize] += 1,
        }
    }
    /// Exchanges judged.
    pub fn judged(&self) -> u64 {
        self.matched
            + self.normalised
            + self.mismatched
            + self.inconclusive.iter().sum::<u64>()
            + self.vacuous.iter().sum::<u64>()
    }
    /// Admitted exchanges that reached an end.
    pub fn mirrored_and_done(&self) -> u64 {
        self.judged() + self.not_judged.iter().sum::<u64>()
    }
    /// Requests that reached an end.
    pub fn done(&self) -> u64 {
        self.mirrored_and_done() + self.not_mirrored.iter().sum::<u64>()
    }
    /// True when nothing was counted.
    pub fn is_zero(&self) -> bool {
        *self == Counts::default()
    }
    /// Adds another's counters.
    pub fn add(&mut self, other: &Counts) {
        self.zip(other, |mine, theirs| *mine += theirs);
    }
    /// Takes an earlier state of the same counters away: what was counted since.
    pub fn subtract(&mut self, earlier: &Counts) {
        self.zip(earlier, |mine, theirs| *mine = mine.saturating_sub(theirs));
    }
    fn zip(&mut self, other: &Counts, apply: impl Fn(&mut u64, u64)) {
        let arrays = [
            (&mut self.not_mirrored[..], &other.not_mirrored[..]),
            (&mut self.not_judged[..], &other.not_judged[..]),
            (&mut self.inconclusive[..], &other.inconclusive[..]),
            (&mut self.vacuous[..], &other.vacuous[..]),
        ];
        for (mine, theirs) in arrays {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| apply(a, *b));
        }
        apply(&mut self.matched, other.matched);
        apply(&mut self.normalised, other.normalised);
        apply(&mut self.mismatched, other.mismatched);
    }
    /// Reasons and their counts, zeros left out.
    pub fn by_not_mirrored(&self) -> impl Iterator<Item = (NotMirrored, u64)> + '_ {
        NotMirrored::ALL.iter().map(|r| (*r, self.not_mirrored[*r as usize])).filter(|(_, n)| *n > 0)
    }
    /// Reasons and their counts, zeros left out.
    pub fn by_not_judged(&self) -> impl Iterator<Item = (NotJudged, u64)> + '_ {
        NotJudged::ALL.iter().map(|r| (*r, self.not_judged[*r as usize])).filter(|(_, n)| *n > 0)
    }
    /// Reasons and their counts, zeros left out.
    pub fn by_inconclusive(&self) -> impl Iterator<Item = (Inconclusive, u64)> + '_ {
        Inconclusive::ALL.iter().map(|r| (*r, self.inconclusive[*r as usize])).filter(|(_, n)| *n > 0)
    }
    /// Reasons and their counts, zeros left out.
    pub fn by_vacuous(&self) -> impl Iterator<Item = (Vacuous, u64)> + '_ {
        Vacuous::ALL.iter().map(|r| (*r, self.vacuous[*r as usize])).filter(|(_, n)| *n > 0)
    }
}

/// A stretch of time whose requests nobody can account for any more: the tee was stopped without a chance to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The last moment that is accounted for, milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// When accounting went on.
    pub to_ms: u64,
    /// At most this many requests are missing.
    pub up_to: u64,
}

/// The whole account at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Terminal outcomes since the store began.
    pub counts: Counts,
    /// Admitted and not yet at an end.
    pub in_flight: u64,
    /// Marks of the mismatches, as far as confirmation has come.
    pub marks: super::MarkCounts,
    /// What is missing, and says so.
    pub gaps: Vec<Gap>,
    /// How many batches are flushed and synced to the device, since the store began.
    pub durable_seq: u64,
}

impl Ledger {
    /// Requests received.
    pub fn received(&self) -> u64 {
        self.counts.done() + self.in_flight
    }
    /// Requests admitted to the mirror.
    pub fn mirrored(&self) -> u64 {
        self.counts.mirrored_and_done() + self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrays_are_as_long_as_their_lists() {
        let counts = Counts::default();
        assert_eq!(counts.not_mirrored.len(), NotMirrored::ALL.len());
        assert_eq!(counts.not_judged.len(), NotJudged::ALL.len());
        assert_eq!(counts.inconclusive.len(), Inconclusive::ALL.len());
        assert_eq!(counts.vacuous.len(), Vacuous::ALL.len());
    }
}
