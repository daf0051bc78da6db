//! Batches into changes, and changes onto the disk.

use super::StoreError;
use super::disk::{Disk, OPERATIONS};
use super::index::Changed;
use super::state::{Change, State};
use crate::evidence::EvidenceBatch;

/// How much one change may hold: between two of them the store is kept within its caps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Together {
    /// Operations; some room is left for one batch more.
    pub(super) operations: usize,
    /// Bytes, about.
    pub(super) bytes: usize,
}

impl Together {
    /// Of a store that is far from any cap.
    pub(super) const MOST: Together = Together { operations: OPERATIONS / 2, bytes: 8 << 20 };
}

/// Applies batches, as few changes as may be: what several batches set is written once. `write` writes a change, and says whether
/// to go on. Gives what has changed, and how many batches that were.
pub(super) fn apply(
    batches: &[EvidenceBatch],
    state: &mut State,
    disk: &Disk,
    together: Together,
    mut write: impl FnMut(&Disk, &Change) -> Result<bool, StoreError>,
) -> Result<(Changed, usize), StoreError> {
    let (mut changed, mut change) = (Changed::default(), Change::default());
    for (index, batch) in batches.iter().enumerate() {
        state.apply(batch, &mut change, disk)?;
        let next = batches.get(index + 1);
        let full = change.len() >= together.operations || change.bytes() >= together.bytes;
        let due = full || next.is_none_or(|next| state.needs_room(next));
        // batches that came twice change nothing
        if due && change.len() > 0 {
            state.finish(&mut change, disk)?;
            let go_on = write(disk, &change)?;
            state.applied(batch);
            changed.add(std::mem::take(&mut change));
            if !go_on {
                return Ok((changed, index + 1));
            }
        }
    }
    Ok((changed, batches.len()))
}

/// What is referred to goes first, then everything else at once.
pub(super) fn commit(disk: &Disk, change: &Change) -> Result<(), StoreError> {
    disk.in_parts(&change.ahead)?;
    disk.commit(&change.operations)
}
