//! What is noise, as it is printed: the places with their counts, and what is left of a signature's marks.

use super::text::grouped;
use crate::compare::{Kind, Place, Severity};
use crate::evidence::{MarkCounts, Suppressed, Suppression};
use crate::judge::SignatureId;
use crate::store::SignatureRecord;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A place where the monolith disagrees with itself, and the candidate no more than it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressedView {
    /// The route's name.
    pub route: String,
    /// Which part of the answer.
    #[serde(rename = "in")]
    pub place: Place,
    /// Indices and id-like names as `*`.
    pub path: String,
    /// What kind.
    pub kind: Kind,
    /// The builds under which it is noise.
    pub versions: VersionsView,
    /// Requests of which all three sides were compared.
    pub pairs: u64,
    /// The candidate differs from the primary there, and the secondary does not.
    pub candidate_only: u64,
    /// The secondary does, and the candidate does not.
    pub secondary_only: u64,
    /// Both do.
    pub both: u64,
    /// The signatures under it that are noise.
    pub signatures: Vec<String>,
}

/// Two builds; what a side does not tell is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionsView {
    /// The primary's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// The candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
}

impl SuppressedView {
    /// The counts in one line, without an end mark: every format says them in the same words.
    pub fn in_one_line(&self) -> String {
        format!(
            "the monolith disagreed with itself in {} of {}, the candidate in {}",
            grouped(self.secondary_only + self.both),
            grouped(self.pairs),
            grouped(self.candidate_only + self.both)
        )
    }
    /// The builds in brackets with a space before them; nothing where neither side tells one.
    pub fn builds(&self) -> String {
        let side = |name: &str, build: &Option<String>| build.as_ref().map(|build| format!("{name} {build}"));
        let told = [side("primary", &self.versions.primary), side("candidate", &self.versions.candidate)];
        match told.into_iter().flatten().collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => none,
            builds => format!(" ({builds})"),
        }
    }
}

/// The marks of a signature with what the pairs say now; what is critical is never noise.
pub(super) fn marks_now(record: &SignatureRecord, suppression: &Suppression) -> MarkCounts {
    let mut marks = record.marks;
    if record.facts.severity != Severity::Critical {
        marks.move_to_noise(suppression.noise_of(record.id, &record.builds));
    }
    marks
}

/// A place that is noise, as it is printed, with those of its signatures that are asked for; `None` where none is.
fn suppressed(one: &Suppressed, asked: &BTreeSet<SignatureId>) -> Option<SuppressedView> {
    let told = |build: &String| Some(build.clone()).filter(|build| !build.is_empty());
    let signatures: Vec<String> = one.signatures.intersection(asked).map(SignatureId::to_string).collect();
    let (builds, paired) = (&one.key.builds, &one.paired);
    (!signatures.is_empty()).then(|| SuppressedView {
        route: one.key.route.clone(),
        place: one.at.place,
        path: one.at.path.clone(),
        kind: one.at.kind,
        versions: VersionsView { primary: told(&builds.primary), candidate: told(&builds.candidate) },
        pairs: one.pairs,
        candidate_only: paired.candidate_only,
        secondary_only: paired.secondary_only,
        both: paired.both,
        signatures,
    })
}

/// The places that are noise for these signatures.
pub(super) fn all_suppressed(records: &[&SignatureRecord], suppression: &Suppression) -> Vec<SuppressedView> {
    let kept = records.iter().filter(|record| record.facts.severity != Severity::Critical);
    let asked: BTreeSet<SignatureId> = kept.map(|record| record.id).collect();
    suppression.places.iter().filter_map(|one| suppressed(one, &asked)).collect()
}
