//! The edge of this room: reads the file, the environment, the clock and the key.

use super::error::ConfigError;
use super::files::Found;
use super::fixed;
use super::resolve::{Surroundings, resolve};
use super::source::Source;
use super::{Config, Flags};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A config is written by people: more than this is something else.
const MOST_BYTES: u64 = 4 << 20;

/// The system's own certificates.
fn roots() -> Result<rustls::RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    // Some of a system's own may be too old to be read; the others still count.
    roots.add_parsable_certificates(found.certs);
    match (roots.is_empty(), found.errors.first()) {
        (false, _) => Ok(roots),
        (true, Some(error)) => Err(error.to_string()),
        (true, None) => Err("there are none".to_owned()),
    }
}

/// What the command line gave to make a config from, kept so that it can be read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// What wins over it.
    pub flags: Flags,
}

impl Given {
    /// Reads it.
    pub fn load(&self) -> Result<Config, ConfigError> {
        load(self.file.as_deref(), &self.flags)
    }
    /// Reads it again, and every file that it names, for a tee that runs under `running`. What a running tee cannot change
    /// is refused; so is a tee that has no file.
    pub fn load_again(&self, running: &Config) -> Result<Config, ConfigError> {
        match &self.file {
            Some(file) => under(Some(file), &self.flags, Some(running)),
            None => Err(ConfigError::plain("the flags", "this tee was started without a config file")
                .allowing("start it with --config FILE, then the file can be read again")),
        }
    }
}

/// Reads a config file (or none) and lays the flags over it.
pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Config, ConfigError> {
    under(file, flags, None)
}

fn under(file: Option<&Path>, flags: &Flags, running: Option<&Config>) -> Result<Config, ConfigError> {
    let text = file.map(read).transpose()?;
    let name = file.map_or_else(|| "the flags".to_owned(), |file| file.display().to_string());
    let base = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let cores = || std::thread::available_parallelism().map_or(2, usize::from);
    let around = Surroundings {
        env: &|name| std::env::var(name).ok(),
        today: (seconds / 86_400) as i64,
        // A machine that has lost or gained cores meanwhile is no change of the config.
        cores: running.map_or_else(cores, |running| running.workers),
        base,
        roots: &roots,
        files: &found,
    };
    let mut config = resolve(text.as_deref(), &name, flags, &around)?;
    let hash_key = match running {
        Some(running) => {
            let source = Source::new(&name, text.as_deref().unwrap_or(""), around.env);
            fixed::check(&source, &source.parse()?, running, &config)?;
            // What was hashed before is held against what is hashed from now on.
            running.context.hash_key
        }
        None => {
            let mut seed = [0; 8];
            getrandom::fill(&mut seed)
                .map_err(|error| ConfigError::plain("the system's randomness", error.to_string()))?;
            u64::from_ne_bytes(seed)
        }
    };
    Arc::make_mut(&mut config.context).hash_key = hash_key;
    Ok(config)
}

/// A file that the config names; one that is larger than any of its kind is refused.
fn found(file: &Path) -> std::io::Result<Found> {
    let opened = std::fs::File::open(file)?;
    let mode = opened.metadata()?.permissions().mode();
    let mut bytes = Vec::new();
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MOST_BYTES {
        true => Err(std::io::Error::other("it is larger than 4 MiB")),
        false => Ok(Found { bytes, mode }),
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    let name = file.display().to_string();
    let fail = |error: std::io::Error| ConfigError::plain(&name, format!("cannot read this config: {error}"));
    let mut bytes = Vec::new();
    std::fs::File::open(file).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(fail)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ConfigError::plain(name, "this is too large for a config").allowing("at most 4 MiB of TOML"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ConfigError::plain(name, format!("byte {at} is not UTF-8")).allowing("TOML in UTF-8")
    })
}

/// The key of redaction tokens and markers, and whether it comes from a file (`false`: random, good for this run only).
///
/// The file may hold anything of at least 16 bytes; the key is derived from it.
pub fn secret_key(config: &Config) -> Result<([u8; 32], bool), ConfigError> {
    let Some(file) = &config.redact.key_file else {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| ConfigError::plain("the system's randomness", error.to_string()))?;
        return Ok((key, false));
    };
    let name = file.display().to_string();
    let fail = |error: std::io::Error| {
        ConfigError::plain(&name, format!("cannot read the key that [redact] key_file names: {error}"))
            .allowing(format!("make one: (umask 077; head -c 32 /dev/urandom > {name})"))
    };
    let opened = std::fs::File::open(file).map_err(fail)?;
    let mode = opened.metadata().map_err(fail)?.permissions().mode();
    if mode & 0o077 != 0 {
        let message = format!("others can read this key (mode {:04o})", mode & 0o7777);
        return Err(ConfigError::plain(&name, message).allowing(format!("chmod 600 {name}")));
    }
    let mut bytes = Vec::new();
    opened.take(4_096).read_to_end(&mut bytes).map_err(fail)?;
    let end = bytes.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
    match bytes.get(..end) {
        Some(key) if key.len() >= 16 => Ok((blake3::derive_key("paritee 2026 redaction key file", key), true)),
        _ => {
            Err(ConfigError::plain(name, "this key is too short").allowing("at least 16 bytes, better 32 random ones"))
        }
    }
}
