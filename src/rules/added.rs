//! `added`: a member that only the candidate has is allowed. Never an element of an array, and never a value that differs.

use super::selector::{Pick, Selector};

pub(super) fn check(selector: &Selector) -> Result<(), String> {
    match selector.segments.last().map(|segment| &segment.pick) {
        None => Err("`$` is never an added member; name the member".into()),
        Some(Pick::Index(_)) => Err("an element is never an added member; the path must end in a name or `*`".into()),
        Some(_) => Ok(()),
    }
}
