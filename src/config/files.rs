//! Files that a config names: read by the edge of this room, told by the key that names them.

use super::error::ConfigError;
use super::raw::Text;
use super::source::Source;
use std::io;
use std::path::{Path, PathBuf};

/// A file as the edge of this room read it.
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    /// Permission bits.
    pub(super) mode: u32,
}

/// How files are read.
pub(super) type Files<'a> = &'a dyn Fn(&Path) -> io::Result<Found>;

/// One file that a key names.
pub(super) struct Named<'a> {
    text: &'a Text,
    pub(super) path: PathBuf,
    pub(super) found: Found,
}

impl Named<'_> {
    /// An error that says what is wrong with it, at the key that names it.
    pub(super) fn error(&self, source: &Source<'_>, what: impl std::fmt::Display, allowed: &str) -> ConfigError {
        source.error(self.text.span(), format!("{} {what}", self.path.display())).allowing(allowed)
    }
}

/// Reads the file that a key names.
pub(super) fn read<'a>(
    source: &Source<'_>,
    text: &'a Text,
    base: &Path,
    files: Files<'_>,
    allowed: &str,
) -> Result<Named<'a>, ConfigError> {
    let path = base.join(source.expand(text)?);
    match files(&path) {
        Ok(found) => Ok(Named { text, path, found }),
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            Err(source.error(text.span(), message).allowing(allowed))
        }
    }
}
