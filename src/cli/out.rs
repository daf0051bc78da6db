//! Standard output: colours on a terminal only, and a reader that went away is not an error.

use super::failure::Failure;
use crate::report::json;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

/// Whether standard output shows colours (a terminal, no `NO_COLOR`).
pub(crate) fn colour() -> bool {
    io::stdout().is_terminal() && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Columns of a line: the terminal's, else what `COLUMNS` says, else a fair width for logs and files.
pub(crate) fn width() -> usize {
    let terminal = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    let told = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal.filter(|width| *width > 0).or_else(told).unwrap_or(100)
}

/// Prints what `write` writes; styles are stripped where nobody sees them.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(anstream::AutoStream::auto(io::stdout().lock()));
    settle(write(&mut out).and_then(|()| out.flush()))
}

/// How a view is printed: for people, or as data.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    #[value(alias = "table")]
    Text,
    Json,
}

impl Format {
    /// Prints a view: for people as `text` writes it.
    pub(crate) fn print<T: serde::Serialize>(
        self,
        view: &T,
        text: impl FnOnce(&mut dyn Write, &T) -> io::Result<()>,
    ) -> Result<(), Failure> {
        match self {
            Format::Text => print(|out| text(out, view)),
            Format::Json => print_raw(|out| json::write(out, view)),
        }
    }
}

/// Prints data as it is, byte for byte.
pub(crate) fn print_raw(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    settle(write(&mut out).and_then(|()| out.flush()))
}

fn settle(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::could_not_run(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
