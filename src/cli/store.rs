//! `paritee store`: what a person does to a store that no tee has open.

mod erase;

use super::failure::Failure;
use super::{Exit, out, serve};
use crate::config::{Config, Flags, load};
use crate::store::{self, AtRest, ExportError, ImportError, Imported, StoreError, Verified};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Arguments of `store`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// Which store.
#[derive(Debug, clap::Args)]
struct Place {
    /// The store; no tee may have it open [default: the config's, else ./paritee-store]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Take the store, its caps and the redaction key from this config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check every record, and say how many there are
    #[command(after_help = "Exit codes: 0 sound, 2 damaged or no store, 3 locked or newer\n\n\
                      Example:\n  paritee store verify --store ./paritee-store")]
    Verify {
        #[command(flatten)]
        place: Place,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Give back the space of what no longer lives; with --config what is over its caps goes first
    #[command(after_help = "Example:\n  paritee store compact --config paritee.toml")]
    Compact {
        #[command(flatten)]
        place: Place,
    },
    /// Write everything in it as JSON lines, redacted as it is stored
    #[command(after_help = "Example:\n  paritee store export evidence.jsonl --store ./paritee-store")]
    Export {
        #[command(flatten)]
        place: Place,
        /// A new file, for its owner alone; `-` is standard output
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
    },
    /// Read such lines into a new store, or add them to one that is there; all of them or none
    #[command(after_help = "Example:\n  paritee store import evidence.jsonl --store ./another-store")]
    Import {
        #[command(flatten)]
        place: Place,
        /// The lines; `-` is standard input
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
    },
    /// Erase what is stored of somebody, in the files too
    Erase(erase::Args),
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Place {
    fn config(&self) -> Result<Option<Config>, Failure> {
        Ok(self.config.as_deref().map(|file| load(Some(file), &Flags::default())).transpose()?)
    }
    fn dir(&self, config: Option<&Config>) -> PathBuf {
        let said = self.store.clone().or_else(|| config.map(|config| config.store.dir.clone()));
        said.unwrap_or_else(|| PathBuf::from("paritee-store"))
    }
}

/// Runs `store`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Verify { place, format } => verify(&place.dir(place.config()?.as_ref()), *format),
        Command::Compact { place } => {
            let config = place.config()?;
            compact(&place.dir(config.as_ref()), config.as_ref())
        }
        Command::Export { place, file } => export(&place.dir(place.config()?.as_ref()), file),
        Command::Import { place, file } => import(&place.dir(place.config()?.as_ref()), file),
        Command::Erase(args) => erase::run(args),
    }
}

/// A store that cannot be read is unreadable input here; elsewhere it is what keeps a command from running.
fn failed(error: StoreError) -> Failure {
    match error {
        StoreError::Damaged { .. } => Failure::usage(format!(
            "{error}; the next `paritee serve` sets it aside, carries over what reads and counts what does not"
        )),
        other => other.into(),
    }
}

fn verify(dir: &Path, format: Format) -> Result<Exit, Failure> {
    let found = AtRest::open(dir).and_then(|store| store.verify()).map_err(failed)?;
    let all = figures(&found);
    match format {
        Format::Text => out::print(|out| {
            writeln!(out, "{}: sound", dir.display())?;
            all.iter().try_for_each(|(name, n)| writeln!(out, "  {:<14}{n:>12}", name.replace('_', " ")))
        })?,
        Format::Json => out::print_raw(|out| {
            let mut object: serde_json::Map<String, serde_json::Value> =
                all.iter().map(|(name, n)| ((*name).to_owned(), (*n).into())).collect();
            object.insert("schema".to_owned(), 1.into());
            object.insert("tee".to_owned(), format!("{:016x}", found.tee).into());
            serde_json::to_writer_pretty(&mut *out, &object)?;
            writeln!(out)
        })?,
    }
    Ok(Exit::Ok)
}

fn figures(found: &Verified) -> [(&'static str, u64); 13] {
    [
        ("format", found.format.into()),
        ("generation", found.generation),
        ("signatures", found.signatures),
        ("exemplars", found.exemplars),
        ("contents", found.contents),
        ("cells", found.cells),
        ("pairs", found.pairs),
        ("coverage", found.coverage),
        ("samples", found.samples),
        ("sessions", found.sessions),
        ("keys", found.keys),
        ("live_bytes", found.live_bytes),
        ("file_bytes", found.file_bytes),
    ]
}

fn compact(dir: &Path, config: Option<&Config>) -> Result<Exit, Failure> {
    let now_ms = crate::sys::now_ms();
    let caps = config.map(serve::caps);
    let done = store::compact(dir, caps.as_ref().map(|caps| (caps, now_ms))).map_err(failed)?;
    let store::Compacted { before, after, live_bytes, keys } = done;
    out::print(|out| {
        writeln!(out, "{}: {before} bytes before, {after} now; {keys} keys of {live_bytes} bytes live", dir.display())
    })?;
    Ok(Exit::Ok)
}

fn export(dir: &Path, file: &Path) -> Result<Exit, Failure> {
    let at_rest = AtRest::open(dir).map_err(failed)?;
    if file == Path::new("-") {
        let mut wrong = None;
        out::print_raw(|out| match at_rest.export(out) {
            Ok(_) => Ok(()),
            Err(ExportError::Out(error)) => Err(error),
            Err(ExportError::Store(error)) => {
                wrong = Some(error);
                Ok(())
            }
        })?;
        return wrong.map_or(Ok(Exit::Ok), |error| Err(failed(error)));
    }
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!("{} is there already: name a new file", file.display())),
        _ => Failure::could_not_run(format!("cannot write {}: {error}", file.display())),
    };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(cannot)?;
    let mut out = BufWriter::new(made);
    let written = at_rest.export(&mut out).and_then(|lines| {
        out.get_ref().sync_all()?;
        Ok(lines)
    });
    match written {
        Ok(lines) => {
            out::print(|out| writeln!(out, "{}: {lines} lines", file.display()))?;
            Ok(Exit::Ok)
        }
        Err(error) => {
            // half an export is none
            let _ = std::fs::remove_file(file);
            Err(match error {
                ExportError::Store(error) => failed(error),
                ExportError::Out(error) => cannot(error),
            })
        }
    }
}

fn import(dir: &Path, file: &Path) -> Result<Exit, Failure> {
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let lines: Box<dyn BufRead> = match file == Path::new("-") {
        true => Box::new(BufReader::new(io::stdin())),
        false => {
            let opened = File::open(file).map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
            Box::new(BufReader::new(opened))
        }
    };
    let done = store::import(dir, lines).map_err(|error| match error {
        ImportError::Line { .. } => Failure::usage(format!("{name}: {error}; nothing was imported")),
        ImportError::Store(error) => failed(error),
    })?;
    let dir = dir.display();
    out::print(|out| match done {
        Imported::Added(lines) => writeln!(out, "{dir}: {lines} lines imported"),
        Imported::AlreadyThere => writeln!(out, "{dir}: has all of it already; nothing was changed"),
    })?;
    Ok(Exit::Ok)
}
