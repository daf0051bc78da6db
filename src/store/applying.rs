//! Batches into changes, and changes onto the disk.

use super::StoreError;
use super::disk::{Disk, OPERATIONS};
use super::index::Changed;
use super::state::{Change, State};
use crate::evidence::EvidenceBatch;

/// Batches that wait at once become one change until it has so many operations: some room is left for one batch more.
const TOGETHER: usize = OPERATIONS / 5;

/// Bytes of one change, about: between two of them the store is kept within its caps.
const BYTES: usize = 256 << 10;

/// Applies batches, as few changes as may be: what several batches set is written once. `write` writes a change, and says whether
/// to go on. Gives what has changed, and how many batches that were.
pub(super) fn apply(
    batches: &[EvidenceBatch],
    state: &mut State,
    disk: &Disk,
    mut write: impl FnMut(&Disk, &Change) -> Result<bool, StoreError>,
) -> Result<(Changed, usize), StoreError> {
    let (mut changed, mut change) = (Changed::default(), Change::default());
    for (index, batch) in batches.iter().enumerate() {
        state.apply(batch, &mut change, disk)?;
        let next = batches.get(index + 1);
        let due = next.is_none_or(|next| state.needs_room(next)) || change.len() >= TOGETHER || change.bytes() >= BYTES;
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
