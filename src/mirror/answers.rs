//! What the sides answer and how fast, for metrics: counted on the shadow thread from what each exchange holds. Only what the
//! tee had to answer itself is counted on a live thread, where a side has just failed.

use crate::exchange::{Answer, Exchange, FailureKind, Outcome};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the classes of time, in microseconds.
pub const BOUNDS_US: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
];
/// What an answer is counted as.
pub const CLASSES: [&str; 6] = ["2xx", "3xx", "4xx", "5xx", "other", "failed"];
/// How a side fails, in the order of the numbers.
pub const FAILURES: [FailureKind; 6] = [
    FailureKind::Connect,
    FailureKind::Timeout,
    FailureKind::Reset,
    FailureKind::Protocol,
    FailureKind::TooLarge,
    FailureKind::Tls,
];
/// The sides that are counted, in the order of their numbers.
pub const SIDES: [&str; 2] = ["primary", "candidate"];

/// One side's answers at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerCounts {
    /// By class.
    pub classes: [u64; CLASSES.len()],
    /// By time: up to each bound and not to the one before, then those above all.
    pub times: [u64; BOUNDS_US.len() + 1],
    /// Microseconds in all.
    pub total_us: u64,
    /// Copies, for the candidate, and clients' requests, for whoever should have answered them, without an answer; by kind.
    pub failures: [u64; FAILURES.len()],
}

#[derive(Default)]
struct Side {
    classes: [AtomicU64; CLASSES.len()],
    times: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
    failures: [AtomicU64; FAILURES.len()],
}

/// Counted since the start.
#[derive(Default)]
pub(super) struct Answers([Side; 2]);

impl Answers {
    /// Both answers of an exchange that the client saw the end of.
    pub(super) fn note(&self, exchange: &Exchange) {
        let [primary, candidate] = &self.0;
        primary.note(&exchange.primary);
        candidate.note(&exchange.candidate);
        if let Outcome::Failed(failure) = &exchange.candidate.outcome {
            candidate.failed(failure.kind);
        }
    }
    /// A client's request that this side did not answer.
    pub(super) fn unanswered(&self, side: &str, kind: FailureKind) {
        let at = SIDES.iter().position(|known| *known == side);
        at.and_then(|at| self.0.get(at)).into_iter().for_each(|side| side.failed(kind));
    }
    /// What has been counted, in the order of [`SIDES`].
    pub(super) fn counts(&self) -> [AnswerCounts; 2] {
        let read = |numbers: &[AtomicU64], at: usize| numbers.get(at).map_or(0, |number| number.load(Relaxed));
        let [primary, candidate] = &self.0;
        [primary, candidate].map(|side| AnswerCounts {
            classes: std::array::from_fn(|at| read(&side.classes, at)),
            times: std::array::from_fn(|at| read(&side.times, at)),
            total_us: side.total_us.load(Relaxed),
            failures: std::array::from_fn(|at| read(&side.failures, at)),
        })
    }
}

impl Side {
    fn note(&self, answer: &Answer) {
        let class = match answer.outcome.response().map(|response| response.status.as_u16()) {
            Some(status @ 200..=599) => usize::from(status / 100 - 2),
            Some(_) => 4,
            None => 5,
        };
        let slot = BOUNDS_US.iter().position(|bound| answer.elapsed_us <= *bound).unwrap_or(BOUNDS_US.len());
        for number in [self.classes.get(class), self.times.get(slot)].into_iter().flatten() {
            number.fetch_add(1, Relaxed);
        }
        self.total_us.fetch_add(answer.elapsed_us, Relaxed);
    }
    fn failed(&self, kind: FailureKind) {
        let at = FAILURES.iter().position(|known| *known == kind);
        at.and_then(|at| self.failures.get(at)).into_iter().for_each(|number| _ = number.fetch_add(1, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Body, Failure, Response};
    use http::{HeaderMap, StatusCode};

    fn answer(status: u16, elapsed_us: u64) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response { status, headers: HeaderMap::new(), body: Body::empty(), trailers: None };
        Answer { outcome: Outcome::Answered(response), elapsed_us }
    }

    #[test]
    fn each_answer_is_in_one_class_and_one_class_of_time() {
        let side = Side::default();
        for (status, elapsed_us) in
            [(200, 0), (204, 1_000), (301, 1_001), (404, 10_000_000), (503, 10_000_001), (999, 9)]
        {
            side.note(&answer(status, elapsed_us));
        }
        let failure = Failure { kind: FailureKind::Tls, status: None, message: String::new() };
        side.note(&Answer { outcome: Outcome::Failed(failure), elapsed_us: 5 });
        let answers = Answers([side, Side::default()]);
        answers.unanswered("primary", FailureKind::Connect);
        answers.unanswered("candidate", FailureKind::TooLarge);
        answers.unanswered("secondary", FailureKind::TooLarge);
        let [primary, candidate] = answers.counts();
        assert_eq!(primary.classes, [2, 1, 1, 1, 1, 1]);
        assert_eq!((primary.times[0], primary.times[1], primary.times[12], primary.times[13]), (4, 1, 1, 1));
        assert_eq!(primary.times.iter().sum::<u64>(), primary.classes.iter().sum::<u64>());
        assert_eq!(primary.total_us, 20_002_016);
        assert_eq!((primary.failures, candidate.failures), ([1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]));
    }
}
