//! What is kept, as a running tee gives it to whoever judges it again: stored exchanges as they are, redacted.

use crate::evidence::{Exemplar, Sample};
use crate::report::SCHEMA;
use crate::store::SamplePage;
use serde::{Deserialize, Serialize};

/// A signature's exemplars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// In order of their hash.
    pub exemplars: Vec<Exemplar>,
}

impl KeptView {
    /// Of these.
    pub fn of(exemplars: Vec<Exemplar>) -> KeptView {
        KeptView { schema: SCHEMA, exemplars }
    }
}

/// Some of the exchanges that rules made equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplesView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// By route and rule.
    pub samples: Vec<Sample>,
    /// What to ask for next (`after`); left out where these are the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl SamplesView {
    /// Of a page.
    pub fn of(page: SamplePage) -> SamplesView {
        SamplesView { schema: SCHEMA, samples: page.samples, next: page.next }
    }
}
