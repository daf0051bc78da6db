//! What makes a write durable: sled's flush ends in `sync_file_range`, which does not flush the device's cache or the
//! file's metadata, so the file is synced again on a handle of our own.

use std::fs::File;
use std::io;
use std::path::Path;

/// A handle of sled's `db` file, for syncing alone. sled's lock is a `flock` on its own open file, so opening and closing
/// another handle does not drop it.
pub(super) struct Syncer {
    db: File,
}

impl Syncer {
    /// Opens the handle; the directory is synced too, since sled has just created files in it or renamed some.
    pub(super) fn open(dir: &Path) -> io::Result<Syncer> {
        let syncer = Syncer { db: File::open(dir.join("db"))? };
        syncer.db.sync_all()?;
        directory(dir)?;
        Ok(syncer)
    }
    /// Returns when everything that sled has written is on the device.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.db.sync_data()
    }
}

/// Syncs a directory's entries.
pub(super) fn directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
