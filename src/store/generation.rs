//! Generations: where in a store's directory the database in use lies, and how the next one takes its place.
//!
//! sled gives no space back. So now and then what lives is copied into a new directory, and the old one goes. **A generation
//! is in use as soon as it holds the file [`WHOLE`]**, and the one with the highest number counts. Making that file is one step
//! that a crash does not split, so whoever opens the store finds the old or the new one; what else lies there is a leftover of
//! a crash, and is removed by the next who opens the store for writing.

use super::sync;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = "generation-";
/// Says that a generation was copied to its end.
const WHOLE: &str = "whole";

/// Where a database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The store's directory.
    pub(super) root: PathBuf,
    /// Which generation; 0 lies in the store's directory itself, as every store begins.
    pub(super) number: u64,
    /// The database's directory.
    pub(super) path: PathBuf,
}

fn place(root: &Path, number: u64) -> Place {
    let dir = if number == 0 { root.to_path_buf() } else { root.join(format!("{PREFIX}{number}")) };
    Place { root: root.to_path_buf(), number, path: dir }
}

/// The number that a directory's name says.
pub(super) fn number(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok().filter(|number| *number > 0)
}

/// True for the files that sled makes.
pub(super) fn is_sleds(name: &str) -> bool {
    matches!(name, "db" | "conf" | "blobs") || name.starts_with("snap.")
}

fn numbers(root: &Path) -> impl Iterator<Item = u64> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries.filter_map(|entry| number(entry.file_name().to_str()?))
}

/// The generation in use.
pub(super) fn current(root: &Path) -> Place {
    let whole = numbers(root).filter(|number| place(root, *number).path.join(WHOLE).is_file());
    place(root, whole.max().unwrap_or(0))
}

/// Makes the directory of the next generation, private and empty.
pub(super) fn next(root: &Path) -> io::Result<Place> {
    let next = place(root, numbers(root).max().unwrap_or(0) + 1);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&next.path)?;
    sync::directory(root)?;
    Ok(next)
}

/// From here on the generation is the one in use. All that it holds is on the device first.
pub(super) fn put_in_use(place: &Place) -> io::Result<()> {
    for entry in fs::read_dir(&place.path)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    sync::directory(&place.path)?;
    let whole = place.path.join(WHOLE);
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(whole)?.sync_all()?;
    sync::directory(&place.path)
}

/// Removes a generation that is not in use.
pub(super) fn remove(place: &Place) -> io::Result<()> {
    if place.number == 0 {
        for entry in fs::read_dir(&place.path)?.flatten() {
            if entry.file_name().to_str().is_some_and(is_sleds) {
                match entry.file_type()?.is_dir() {
                    true => fs::remove_dir_all(entry.path())?,
                    false => fs::remove_file(entry.path())?,
                }
            }
        }
    } else {
        fs::remove_dir_all(&place.path)?;
    }
    sync::directory(&place.root)
}

/// Removes every generation but the one in use, which the caller has locked. What cannot be removed stays for the next time.
pub(super) fn sweep(kept: &Place) {
    let root = &kept.root;
    let any =
        || fs::read_dir(root).into_iter().flatten().flatten().any(|e| e.file_name().to_str().is_some_and(is_sleds));
    let first = (kept.number > 0 && any()).then_some(0);
    for number in numbers(root).chain(first).filter(|number| *number != kept.number) {
        let place = place(root, number);
        if let Err(error) = remove(&place) {
            tracing::warn!(dir = %place.path.display(), %error, "a former generation of the store could not be removed");
        }
    }
}

/// Bytes that the files of all generations take. What was set aside as damaged is not counted.
pub(super) fn size(root: &Path) -> u64 {
    let own = |path: &Path| -> u64 {
        let files = fs::read_dir(path).into_iter().flatten().flatten();
        files.filter(|entry| entry.file_name().to_str().is_some_and(is_sleds)).map(|entry| deep(&entry.path())).sum()
    };
    own(root) + numbers(root).map(|number| own(&place(root, number).path)).sum::<u64>()
}

/// As much as a file holds, or takes where that is more.
fn deep(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| deep(&entry.path())).sum()
        }
        Ok(found) => found.len().max(found.blocks() * 512),
        Err(_) => 0,
    }
}

/// Bytes that are free for us on the store's device; `None` where the system does not say.
pub(super) fn free(root: &Path) -> Option<u64> {
    rustix::fs::statvfs(root).ok().map(|device| device.f_bavail.saturating_mul(device.f_frsize))
}

/// The numbers of the generations that have a directory, in order.
#[cfg(test)]
pub(super) fn directories(root: &Path) -> Vec<u64> {
    let mut all: Vec<u64> = numbers(root).collect();
    all.sort_unstable();
    all
}
