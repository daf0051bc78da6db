//! What a person does to a store that no tee has open: give back its space, and have somebody's data erased.

use super::applying::commit;
use super::disk::{Disk, Usage};
use super::making::renew;
use super::retire::Goal;
use super::signature::leave;
use super::state::{Bounds, Change, State};
use super::upkeep;
use super::{Caps, StoreError, generation, handle, open, read};
use crate::evidence::EvidenceBatch;
use crate::judge::SignatureId;
use std::fs;
use std::path::{Path, PathBuf};

const CACHE: u64 = 8 << 20;

/// What compacting did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes that its files took.
    pub before: u64,
    /// Bytes that they take now.
    pub after: u64,
    /// Bytes of keys and values in it.
    pub live_bytes: u64,
    /// Keys in it.
    pub keys: u64,
}

/// What erasing did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Exemplars, once for each signature that kept one.
    pub exemplars: u64,
    /// Signatures that themselves said what was to be erased.
    pub signatures: u64,
    /// Pairs of routes and builds, likewise.
    pub pairs: u64,
    /// Routes whose coverage did.
    pub routes: u64,
}

/// Opens a store that is there for a change by hand: it is brought to this version's format, and one that is damaged is an
/// error.
pub(super) fn open_to_change(dir: &Path, bounds: Bounds) -> Result<(Disk, State), StoreError> {
    if !open::holds_a_store(dir) {
        return Err(StoreError::Missing(dir.to_path_buf()));
    }
    let disk = open::disk(dir, CACHE)?;
    let meta = open::meta(&disk)?.ok_or_else(|| StoreError::Missing(dir.to_path_buf()))?;
    let meta = open::raised(&disk, meta)?;
    let state = open::guarded(dir, || State::load(&disk, &meta, bounds))?;
    generation::sweep(disk.place());
    Ok((disk, state))
}

/// Copies what lives into a new generation and removes the old one; with caps, what is over them goes first.
pub fn compact(dir: &Path, caps: Option<(&Caps, u64)>) -> Result<Compacted, StoreError> {
    let (disk, mut state) = open_to_change(dir, handle::bounds(EvidenceBatch::EXEMPLARS))?;
    let before = generation::size(dir);
    // what lives in a store of an earlier version shows when it is copied
    let disk = if caps.is_some() && disk.usage().is_none() { renew(disk, CACHE)? } else { disk };
    if let Some((caps, now_ms)) = caps {
        let most = upkeep::most(caps);
        let goal = Goal::new(caps, now_ms, most, state.bounds.signatures);
        while let Some(change) = open::guarded(dir, || state.retire(&goal, &disk))? {
            open::guarded(dir, || commit(&disk, &change))?;
        }
    }
    let disk = renew(disk, CACHE)?;
    let Usage { keys, bytes } = disk.usage().unwrap_or_default();
    Ok(Compacted { before, after: generation::size(dir), live_bytes: bytes, keys })
}

/// Erases every exemplar with a text of which `says` says so, and every signature and pair whose own words do; then what is
/// left is copied and the old files are removed, since sled keeps the bytes of what was removed. A dry run only counts.
pub fn erase(dir: &Path, says: &dyn Fn(&str) -> bool, dry_run: bool) -> Result<Erased, StoreError> {
    let (disk, mut state) = open_to_change(dir, Bounds::NONE)?;
    let mut erased = Erased::default();
    let mut ids: Vec<SignatureId> = state.signatures.keys().copied().collect();
    ids.sort_unstable();
    for id in ids {
        let Some(entry) = state.signatures.get_mut(&id) else { continue };
        let mut change = Change::default();
        let facts = &entry.record.facts;
        if [&facts.route, &facts.path, &facts.shape].into_iter().chain(&facts.detail).any(|text| says(text)) {
            let exemplars = entry.kept.len() as u64;
            erased.signatures += 1;
            erased.exemplars += exemplars;
            state.forget(id, &mut change);
            // they did not make room for anything
            state.totals.left_out.exemplars -= exemplars;
            state.totals.left_out.erased += exemplars;
        } else {
            let (mut kept, mut gone) = (Vec::new(), Vec::new());
            for one in std::mem::take(&mut entry.kept) {
                let exemplar = open::guarded(dir, || read::exemplar(&disk, id, &one))?;
                if exemplar.texts().into_iter().any(says) { gone.push(one) } else { kept.push(one) }
            }
            entry.kept = kept;
            if gone.is_empty() {
                continue;
            }
            erased.exemplars += gone.len() as u64;
            state.totals.left_out.erased += gone.len() as u64;
            gone.into_iter().for_each(|one| leave(id, one, &mut state.bodies, &mut change));
            state.write_signature(id, &mut change, &disk)?;
        }
        if !dry_run {
            state.write_account(&mut change, &disk)?;
            open::guarded(dir, || commit(&disk, &change))?;
        }
    }
    let mut change = Change::default();
    erased.pairs = state.pairs.erase(says, &mut state.totals, &mut change);
    erased.routes = state.coverage.erase(says, &mut state.totals, &mut change);
    let sampled = open::guarded(dir, || state.samples.erase(says, &mut state.totals, &mut change, &disk))?;
    erased.exemplars += sampled;
    state.totals.left_out.erased += sampled;
    if !dry_run {
        state.write_account(&mut change, &disk)?;
        open::guarded(dir, || commit(&disk, &change))?;
        renew(disk, CACHE)?;
    }
    Ok(erased)
}

/// What was set aside as damaged of this store: it holds what the store held then, and is nobody's but a person's to remove.
pub fn set_aside_of(dir: &Path) -> Vec<PathBuf> {
    let beside = || {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = format!("{}.damaged-", dir.file_name()?.to_str()?);
        Some((parent.to_path_buf(), name))
    };
    let inside = (dir.to_path_buf(), "damaged-".to_owned());
    let mut found: Vec<PathBuf> = beside()
        .into_iter()
        .chain([inside])
        .flat_map(|(folder, prefix)| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.filter(move |entry| entry.file_name().to_string_lossy().starts_with(&prefix)).map(|e| e.path())
        })
        .collect();
    found.sort();
    found
}
