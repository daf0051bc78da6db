//! What one document says of ids beyond itself: which of the primary's and which of the candidate's name one thing.

use super::place::general_pointer;
use crate::document::json::{Document, NodeId, NumberKey, escape};
use crate::rules::{IdScope, IdSpace, Operand};
use std::collections::HashSet;
use std::sync::Arc;

/// Bytes of an id that are kept to be shown; of a longer one its length.
const SHOWN: usize = 128;

/// Two ids that a document takes for one thing, at one of its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaim {
    /// What is named.
    pub space: Arc<str>,
    /// How far the map reaches; never the document alone.
    pub scope: IdScope,
    /// The primary's id, by [`id_hash`].
    pub primary: u128,
    /// The candidate's, likewise.
    pub candidate: u128,
    /// Where in the body, as an RFC 6901 pointer into the primary's document.
    pub path: String,
    /// Both as received, the primary's first; raw, and redacted before anything is stored. What is long or out of a page is
    /// told by its length.
    pub values: [String; 2],
}

/// What a judgement claims of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdClaims {
    /// Each pair once at each general place, in document order: pairs that differ, then ids that are equal on both sides.
    pub kept: Vec<IdClaim>,
    /// How many there were beyond the limit.
    pub left_out: u64,
    /// The bodies were equal and too large to be read: what they claim is not known.
    pub unread: bool,
}

/// Collects claims up to a limit; nothing where nobody wants them.
#[derive(Debug, Default)]
pub(crate) struct Claiming {
    claims: IdClaims,
    /// `None` where no rule's ids reach beyond the document.
    limit: Option<usize>,
    seen: HashSet<(Arc<str>, IdScope, [u128; 2], String)>,
}

impl Claiming {
    pub(crate) fn up_to(limit: usize) -> Claiming {
        Claiming { limit: Some(limit), ..Claiming::default() }
    }
    pub(crate) fn is_wanted(&self) -> bool {
        self.limit.is_some()
    }
    /// The bodies cannot be read.
    pub(crate) fn unread(&mut self) {
        self.claims.unread |= self.is_wanted();
    }
    pub(crate) fn into_claims(self) -> IdClaims {
        self.claims
    }
    /// Claims a pair of ids whose space reaches beyond the document.
    pub(super) fn add(&mut self, space: &IdSpace, ids: [u128; 2], path: String, values: [String; 2]) {
        let Some(limit) = self.limit.filter(|_| space.scope != IdScope::Document) else { return };
        let key = (space.name.clone(), space.scope, ids, general_pointer(&path));
        if self.seen.contains(&key) {
            return;
        }
        if self.claims.kept.len() >= limit {
            self.claims.left_out += 1;
            return;
        }
        self.seen.insert(key);
        let [primary, candidate] = ids;
        let (space, scope) = (space.name.clone(), space.scope);
        self.claims.kept.push(IdClaim { space, scope, primary, candidate, path, values });
    }
}

/// An id to be shown, beside another exchange's too. A long one is not cut: half a secret no longer looks like one. Neither
/// is one of a page told: what makes a secret of it stands around it, and is not there any more.
pub(super) fn shown(document: &Document<'_>, node: NodeId) -> String {
    let raw = document.raw(node);
    if raw.len() <= SHOWN && !document.is_markup() {
        return raw.to_owned();
    }
    escape(format!("({} bytes)", raw.len()).as_bytes())
}

/// The hash of an id by which judgements agree on it, in every process: no key of the comparison shows in a result.
pub(super) fn id_hash(value: &Operand<'_>) -> u128 {
    let mut hasher = blake3::Hasher::new();
    match value {
        Operand::Text(text) => hasher.update(b"s").update(text),
        Operand::Number(raw) => match NumberKey::of(raw) {
            NumberKey::Small { negative, magnitude } => {
                hasher.update(b"i").update(&[u8::from(negative)]).update(&magnitude.to_le_bytes())
            }
            NumberKey::Float(bits) => hasher.update(b"f").update(&bits.to_le_bytes()),
            NumberKey::Exact(decimal) => {
                hasher.update(b"d").update(&[u8::from(decimal.negative)]);
                hasher.update(&decimal.exponent.to_le_bytes()).update(&decimal.digits)
            }
            NumberKey::Literal(text) => hasher.update(b"l").update(text.as_bytes()),
        },
        Operand::Absent | Operand::Other(_) => &mut hasher,
    };
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    u128::from_le_bytes(hash)
}
