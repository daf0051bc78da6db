//! Opening a directory: permissions, sled's lock, the format, and what to do when it does not open.
//!
//! **A damaged store never stops the tee**: it is set aside, what is readable is carried over, and a new one begins.

use super::disk::{Disk, Operations, Usage};
use super::generation::{self, Place};
use super::keys::Table;
use super::record::{self, Meta};
use super::{StoreError, salvage, sync};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The layout of keys and records that this version writes, and the highest that it reads. All before it are read too, and become
/// this one when they are opened for writing. 2: cells hold sums for each mismatching request, where 1 held requests alone.
/// 3: exemplars are chunks that the list of a signature names, shared by all signatures of an exchange, where 2 had a record
/// for each; a store may lie in a generation.
pub(super) const FORMAT: u32 = 3;
/// A store just closed keeps its lock for a moment, while sled's threads end.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// What was found when opening for writing.
pub(super) struct Found {
    pub(super) disk: Disk,
    /// Where a damaged store went, what was carried over and what was lost.
    pub(super) set_aside: Option<(PathBuf, u64, u64)>,
}

/// Runs what sled does on files that may be damaged. sled 0.34 panics on some of them (it asserts what it reads, and unwraps
/// IO when dropped), so this is the one place of the crate that turns a panic into an error. State touched by `work` is
/// thrown away by the callers.
pub(super) fn guarded<T>(dir: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(StoreError::Damaged { dir: dir.to_path_buf(), message: format!("sled gave up: {message}") })
    })
}

/// sled's errors in our words.
pub(super) fn translate(dir: &Path, error: sled::Error) -> StoreError {
    let dir = dir.to_path_buf();
    match error {
        sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => StoreError::Locked(dir),
        // reading beyond the end, or a file that ought to be there: the store is at fault, not the disk
        sled::Error::Io(source)
            if matches!(
                source.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound | io::ErrorKind::InvalidData
            ) =>
        {
            StoreError::Damaged { dir, message: source.to_string() }
        }
        sled::Error::Io(source) => StoreError::Io { dir, source },
        other => StoreError::Damaged { dir, message: other.to_string() },
    }
}

/// True for what sled and this room put into a store's directory.
fn is_ours(name: &str) -> bool {
    generation::is_sleds(name)
        || generation::number(name).is_some()
        || name == super::HAND_OVER
        || name.starts_with("damaged-")
}

/// True when the directory holds a sled database.
pub(super) fn holds_a_store(dir: &Path) -> bool {
    generation::current(dir).path.join("db").is_file()
}

/// Makes the directory, or checks that nothing but a store is in it; 0700 in both cases.
pub(super) fn prepare(dir: &Path) -> Result<(), StoreError> {
    let wrong = |source| StoreError::Io { dir: dir.to_path_buf(), source };
    if !dir.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(wrong)?;
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync::directory(parent).map_err(wrong)?;
    }
    for entry in fs::read_dir(dir).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        if !name.to_str().is_some_and(|name| is_ours(name) || name == "lost+found") {
            let message = format!("holds {} beside a store: name an empty or a new directory", name.to_string_lossy());
            return Err(wrong(io::Error::new(io::ErrorKind::DirectoryNotEmpty, message)));
        }
    }
    // a mounted volume may belong to somebody else: its owner keeps others out then
    if let Err(error) = fs::set_permissions(dir, fs::Permissions::from_mode(0o700)) {
        tracing::warn!(dir = %dir.display(), %error, "cannot make the store's directory private");
    }
    Ok(())
}

/// sled creates its files as the umask says; nobody else can reach them within a directory of 0700, and then they are 0600.
fn make_private(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600));
        }
    }
}

/// True while some process has the store in this directory open.
pub fn is_held(dir: &Path) -> bool {
    loop {
        let place = generation::current(dir);
        if is_locked(&place.path) {
            return true;
        }
        // another generation may have taken its place just then
        if generation::current(dir) == place {
            return false;
        }
    }
}

/// True while some process has the database in this directory open.
fn is_locked(dir: &Path) -> bool {
    fs::File::open(dir.join("db"))
        .is_ok_and(|db| rustix::fs::flock(&db, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err())
}

/// Waits a moment until nobody holds sled's lock; true when it is free.
pub(super) fn wait_for_lock(dir: &Path) -> bool {
    let started = Instant::now();
    loop {
        if !is_locked(dir) {
            return true;
        }
        if started.elapsed() > LOCK_PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process killed while sled wrote a snapshot leaves `snap.….generating`, which sled then takes for the newest one and
/// refuses to open. It is never needed: the log has everything. Removed only while nobody has the store.
fn drop_half_snapshots(dir: &Path) {
    let half = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".generating");
    let found: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().filter(half).collect();
    if found.is_empty() {
        return;
    }
    let Ok(db) = fs::File::open(dir.join("db")) else { return };
    if rustix::fs::flock(&db, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok() {
        found.iter().for_each(|entry| drop(fs::remove_file(entry.path())));
    }
}

/// Opens the database in use of a directory that exists.
pub(super) fn disk(root: &Path, cache_bytes: u64) -> Result<Disk, StoreError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        let place = generation::current(root);
        if !wait_for_lock(&place.path) {
            return Err(StoreError::Locked(root.to_path_buf()));
        }
        drop_half_snapshots(&place.path);
        let opened = disk_at(&place, cache_bytes);
        // whoever had it may have put another generation in its place just then
        let moved = generation::current(root) != place;
        match opened {
            Ok(disk) if !moved => return Ok(disk),
            // Somebody else looked just then whether it is free, which takes the lock for a moment.
            Err(StoreError::Locked(_)) if Instant::now() < deadline => {}
            Ok(_) | Err(_) if moved && Instant::now() < deadline => {}
            Ok(_) => return Err(StoreError::Locked(root.to_path_buf())),
            Err(error) => return Err(error),
        }
    }
}

/// Opens the database of one generation.
pub(super) fn disk_at(place: &Place, cache_bytes: u64) -> Result<Disk, StoreError> {
    guarded(&place.root, || {
        let config = sled::Config::new().path(&place.path).cache_capacity(cache_bytes).flush_every_ms(None);
        let db = config.open().map_err(|e| translate(&place.root, e))?;
        make_private(&place.path);
        Disk::new(db, place)
    })
}

/// What the store says of itself; `None` when nothing was ever written.
pub(super) fn meta(disk: &Disk) -> Result<Option<Meta>, StoreError> {
    guarded(disk.dir(), || {
        let Some(meta) = disk.record::<Meta>(&Table::Meta.prefix())? else {
            return if disk.is_empty()? { Ok(None) } else { Err(disk.damaged("it does not say its format")) };
        };
        if meta.format > FORMAT {
            return Err(StoreError::Newer { dir: disk.dir().to_path_buf(), found: meta.format, known: FORMAT });
        }
        Ok(Some(meta))
    })
}

/// Opens for writing; creates what is not there and sets aside what is damaged. `check` reads what the writer needs, so
/// that damage shows here and not later; `give_up` sets the store aside without trying it.
pub(super) fn for_writing<T>(
    dir: &Path,
    cache_bytes: u64,
    now_ms: u64,
    give_up: bool,
    check: impl Fn(&Disk, &Meta) -> Result<T, StoreError>,
) -> Result<(Found, T), StoreError> {
    prepare(dir)?;
    let opened = || -> Result<(Disk, T), StoreError> {
        let disk = disk(dir, cache_bytes)?;
        let meta = match meta(&disk)? {
            Some(meta) => raised(&disk, meta)?,
            None => begin(&disk, now_ms)?,
        };
        let checked = guarded(dir, || check(&disk, &meta))?;
        generation::sweep(disk.place());
        Ok((disk, checked))
    };
    let why = match if give_up { Err(unusable(dir)) } else { opened() } {
        Ok((disk, checked)) => return Ok((Found { disk, set_aside: None }, checked)),
        Err(StoreError::Damaged { message, .. }) => message,
        Err(other) => return Err(other),
    };
    let aside = set_aside(dir, now_ms)?;
    tracing::error!(store = %dir.display(), set_aside = %aside.display(), why, "the store is damaged: beginning a new one");
    prepare(dir)?;
    let new = disk(dir, cache_bytes)?;
    new.set_usage(Some(Usage::default()));
    let carried = salvage::carry_over(&aside, &new, now_ms)?;
    let meta = raised(&new, meta(&new)?.ok_or_else(|| new.damaged("the new store is empty"))?)?;
    let checked = guarded(dir, || check(&new, &meta))?;
    tracing::error!(salvaged = carried.0, lost = carried.1, "records carried over from the damaged store");
    Ok((Found { disk: new, set_aside: Some((aside, carried.0, carried.1)) }, checked))
}

fn unusable(dir: &Path) -> StoreError {
    StoreError::Damaged { dir: dir.to_path_buf(), message: "it opens, but does not take what is to be written".into() }
}

/// Moves a store away: beside its directory, or into it where the directory itself cannot be moved (a mounted volume).
fn set_aside(dir: &Path, now_ms: u64) -> Result<PathBuf, StoreError> {
    let wrong = |source| StoreError::Io { dir: dir.to_path_buf(), source };
    let mut name = dir.as_os_str().to_owned();
    name.push(format!(".damaged-{now_ms}"));
    let beside = PathBuf::from(name);
    if !beside.exists() && fs::rename(dir, &beside).is_ok() {
        return Ok(beside);
    }
    let inside = dir.join(format!("damaged-{now_ms}"));
    fs::DirBuilder::new().mode(0o700).create(&inside).map_err(wrong)?;
    for entry in fs::read_dir(dir).map_err(wrong)?.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| is_ours(name) && !name.starts_with("damaged-")) {
            fs::rename(entry.path(), inside.join(name)).map_err(wrong)?;
        }
    }
    Ok(inside)
}

/// Writes a new store's first record.
pub(super) fn begin(disk: &Disk, now_ms: u64) -> Result<Meta, StoreError> {
    if disk.usage().is_none() && disk.is_empty()? {
        disk.set_usage(Some(Usage::default()));
    }
    let mut tee = [0; 8];
    getrandom::fill(&mut tee).map_err(|error| StoreError::Io {
        dir: disk.dir().to_path_buf(),
        source: io::Error::other(format!("no randomness for the tee's id: {error}")),
    })?;
    write_meta(disk, Meta { format: FORMAT, tee: u64::from_be_bytes(tee), created_ms: now_ms })
}

/// From now on the store is of this version's format.
pub(super) fn raised(disk: &Disk, meta: Meta) -> Result<Meta, StoreError> {
    if meta.format == FORMAT {
        return Ok(meta);
    }
    tracing::info!(from = meta.format, to = FORMAT, "the store is brought to a newer format");
    write_meta(disk, Meta { format: FORMAT, ..meta })
}

pub(super) fn write_meta(disk: &Disk, meta: Meta) -> Result<Meta, StoreError> {
    let bytes = record::encode(&meta).map_err(|e| disk.damaged(e))?;
    guarded(disk.dir(), || {
        disk.commit(&Operations::from([(Table::Meta.prefix(), Some(bytes))]))?;
        disk.sync()
    })?;
    Ok(meta)
}
