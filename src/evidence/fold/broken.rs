//! Broken maps of ids as signatures of their own, beside the judgement's: no verdict changes and no cell counts them.

use super::{EXEMPLARS_OF_ONE, Fold, SIGNATURES, Versions, short};
use crate::evidence::build::BrokenMap;
use crate::evidence::ids::{At, Broken};
use crate::evidence::{IdCounts, Mark, MarkCounts, SessionName, SignatureDelta, SignatureFacts};
use crate::exchange::Exchange;
use crate::judge::{Judgement, SignatureId};
use crate::redact::Redactor;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Broken places that an exemplar tells of.
const TOLD: usize = 32;

impl Fold {
    /// What was done about ids that map one to one over a session or a run.
    pub fn ids(&self) -> IdCounts {
        self.ids.counts()
    }

    /// Holds a judgement's claims against those before it, and counts what breaks; gives what an exemplar is to tell of it.
    pub(super) fn count_broken(
        &mut self,
        exchange: &Exchange,
        judgement: &Judgement,
        session: Option<SessionName>,
        versions: Versions<'_>,
        redactor: &Redactor,
        entering: &mut SmallVec<[SignatureId; EXEMPLARS_OF_ONE]>,
    ) -> Vec<BrokenMap> {
        let at = At {
            route: &exchange.route.name,
            inferred: exchange.route.inferred,
            received_at_ms: exchange.received_at_ms,
            session,
        };
        let (mut told, mut seen) = (Vec::new(), BTreeSet::new());
        for broken in self.ids.add(at, &judgement.ids) {
            let id = (self.naming.signature)(&broken.route, &broken.difference);
            let first = seen.insert(id);
            if !self.ranks.contains_key(&id) && self.ranks.len() >= SIGNATURES {
                self.overflow += u64::from(first);
                continue;
            }
            if broken.count > 0 {
                self.count_one(id, &broken, versions.1, redactor);
            }
            if first && broken.count > 0 {
                self.enter(id, exchange, entering);
            }
            if told.len() < TOLD {
                let Broken { route, mut difference, elsewhere, .. } = broken;
                if elsewhere {
                    difference.detail = Some(format!("same_id (said by {route})"));
                }
                told.push(BrokenMap { id, difference, elsewhere });
            }
        }
        told
    }

    fn count_one(&mut self, id: SignatureId, broken: &Broken, version: Option<&str>, redactor: &Redactor) {
        let Broken { difference, count, .. } = broken;
        let mut marks = MarkCounts::default();
        marks.0[Mark::Unconfirmed as usize] = i64::try_from(*count).unwrap_or(i64::MAX);
        let delta = SignatureDelta {
            facts: SignatureFacts {
                route: broken.route.to_string(),
                inferred: broken.inferred,
                place: difference.place,
                path: redactor.text(&(self.naming.general_path)(difference)),
                kind: difference.kind,
                detail: difference.detail.clone(),
                shape: difference.shape.clone(),
                severity: difference.severity,
            },
            count: *count,
            marks,
            first_seen_ms: broken.first_seen_ms,
            last_seen_ms: broken.last_seen_ms,
            candidate_versions: version.map(|version| short(version).to_owned()).into_iter().collect(),
            // of no builds: an id with two partners is never the monolith's own noise
            builds: Default::default(),
            agreed_after_ms: Default::default(),
        };
        self.ranks.entry(id).or_default();
        match self.signatures.entry(id) {
            std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(delta)),
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(&delta),
        }
    }
}
