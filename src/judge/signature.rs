//! The stable id of a kind of mismatch: route + kind + generalised place + value shape.
//!
//! Stable across runs, machines and versions: nothing here depends on a seed, an order or a rule set.

use crate::compare::{Difference, Place, general_pointer};
use std::fmt;

/// 64 bits of BLAKE3 over route, place, kind, detail, generalised path and shape; printed as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct SignatureId(pub u64);

impl fmt::Display for SignatureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
impl fmt::Debug for SignatureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::str::FromStr for SignatureId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(SignatureId)
    }
}

/// A difference's path with array indices and id-like member names replaced by `*`.
pub fn general_path(difference: &Difference) -> String {
    match difference.place {
        Place::Body => general_pointer(&difference.path),
        Place::Status | Place::Header => difference.path.clone(),
    }
}

/// The signature that a difference of this route belongs to.
pub fn signature(route: &str, difference: &Difference) -> SignatureId {
    let path = general_path(difference);
    let parts = [
        route,
        difference.place.as_str(),
        difference.kind.as_str(),
        difference.detail.as_deref().unwrap_or(""),
        &path,
        &difference.shape,
    ];
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"paritee signature 1");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    SignatureId(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}
