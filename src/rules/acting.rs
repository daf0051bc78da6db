//! Which rules act at one place: of each slot the most specific.

use super::set::{Entry, RuleId};

/// Of each of these, one rule acts at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Ignore,
    FallbackPrimary,
    FallbackCandidate,
    RewritePrimary,
    RewriteCandidate,
    Number,
    Timestamp,
    Shape,
    Url,
    Decode,
    SameId,
    Array,
    Added,
    Absent,
    Rename,
    Text,
}
const SLOTS: usize = 16;

/// The slots whose rules accept two different values, in the order in which they are asked.
pub(super) const ACCEPTING: [Slot; 5] = [Slot::Number, Slot::Timestamp, Slot::Shape, Slot::Url, Slot::Decode];
const NONE: u32 = u32::MAX;

/// The rules that act at one place, at most one in each slot.
#[derive(Clone, Copy, Debug)]
pub struct Acting {
    slots: [u32; SLOTS],
    any: bool,
}

impl Default for Acting {
    fn default() -> Acting {
        Acting { slots: [NONE; SLOTS], any: false }
    }
}

impl Acting {
    pub(super) fn of(entries: &[Entry], rules: impl Iterator<Item = u32>) -> Acting {
        let mut acting = Acting::default();
        for rule in rules {
            let Some(entry) = entries.get(rule as usize) else { continue };
            acting.any = true;
            for slot in &entry.slots {
                let held = &mut acting.slots[*slot as usize];
                let wins = entries.get(*held as usize).is_none_or(|other| entry.weight > other.weight);
                if wins {
                    *held = rule;
                }
            }
        }
        acting
    }
    /// True where no rule acts.
    pub fn is_empty(&self) -> bool {
        !self.any
    }
    pub(super) fn get(&self, slot: Slot) -> Option<RuleId> {
        let rule = self.slots[slot as usize];
        (rule != NONE).then_some(RuleId(rule))
    }
    /// The rule that leaves this place out.
    pub fn ignore(&self) -> Option<RuleId> {
        self.get(Slot::Ignore)
    }
    /// The rule that allows a member of the candidate alone.
    pub fn added(&self) -> Option<RuleId> {
        self.get(Slot::Added)
    }
    /// The rule that lets ids differ while they map one to one.
    pub fn same_id(&self) -> Option<RuleId> {
        self.get(Slot::SameId)
    }
    /// The rule by which no member and an empty one are the same.
    pub fn absent(&self) -> Option<RuleId> {
        self.get(Slot::Absent)
    }
    /// The rule by which a member of this object has another name at the candidate.
    pub fn rename(&self) -> Option<RuleId> {
        self.get(Slot::Rename)
    }
    /// The rule that matches elements in any order.
    pub fn array(&self) -> Option<RuleId> {
        self.get(Slot::Array)
    }
    /// True where a fallback may fill an empty value of either side.
    pub fn fills(&self) -> bool {
        self.get(Slot::FallbackPrimary).is_some() || self.get(Slot::FallbackCandidate).is_some()
    }
    pub(super) fn fallback(&self, primary: bool) -> Option<RuleId> {
        self.get(if primary { Slot::FallbackPrimary } else { Slot::FallbackCandidate })
    }
    pub(super) fn rewrite(&self, primary: bool) -> Option<RuleId> {
        self.get(if primary { Slot::RewritePrimary } else { Slot::RewriteCandidate })
    }
}
