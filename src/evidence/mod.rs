//! Folds over judgements, all arithmetic: the ledger, batches, cells, marks, exemplars. No IO, no clock.
//!
//! **Everything that changes stored evidence is an [`EvidenceBatch`]**: additive, mergeable in any order, applied once.

mod batch;
mod bound;
mod build;
mod cell;
mod confirm;
mod coverage;
mod distinct;
mod excerpt;
mod exemplar;
mod fold;
mod gate;
mod hours;
mod ids;
mod ledger;
mod mark;
mod mismatches;
mod noise;
mod ownership;
mod pairs;
mod preview;
mod rebuild;
mod rejudge;
mod sample;
mod stats;
mod suggest;
mod suppress;
mod traces;
mod witnesses;

pub use batch::{EvidenceBatch, SignatureDelta, SignatureFacts, Source};
pub use bound::{clean_requests_needed, upper_rate};
pub use build::stored_request;
pub use cell::{CellDelta, CellKey, Histogram};
pub use confirm::{Change, Confirming, Marked};
pub use coverage::{CoverageDelta, Types};
pub use distinct::Distinct;
pub use exemplar::{Exemplar, StoreBodies, StoredAnswer, StoredDifference, StoredRequest, exemplar_rank};
pub use fold::{Added, Fold, Look, Marking, Session, Versions, request_key};
pub use gate::{
    Against, BranchNeed, EvidenceFrom, Finding, Policy, Pool, Ratio, Reason, ReasonKind, RouteKnown, VersionsPooled,
    Word, decide, p95_ratio, pool,
};
pub use hours::Hours;
pub use ids::{IdCounts, SessionName};
pub use ledger::{Counts, Gap, Ledger, NotJudged, NotMirrored};
pub use mark::{Mark, MarkCounts};
pub use mismatches::Mismatches;
pub use noise::{Noise, Paired, Subject, may_be_noise, tell as tell_noise};
pub use ownership::{Owner, Ownership};
pub use pairs::{Builds, Found, Group, NoisePlace, PairDelta, PairKey, Shape};
pub use preview::{Appearing, FateWord, Preview, Previewing, SampleFate, SignatureFate};
pub use rebuild::Undecidable;
pub use rejudge::{Fate, Rejudged, rejudge};
pub use sample::{Sample, SampleKey, trimmed_samples};
pub use suggest::{Known, OnRoute, Proposal, Refusal, Suggested};
pub use suppress::{Suppressed, Suppression, suppress};
pub use witnesses::Witnesses;
