//! `paritee store erase`: what is stored of somebody, found by a value or by the token that stands for it.

use super::super::failure::Failure;
use super::super::log::say;
use super::super::{Exit, out};
use super::{Place, failed};
use crate::config::{Config, secret_key};
use crate::redact::{RedactOptions, Redactor, decoded};
use crate::store;
use std::io::BufRead;

/// A shorter value stands in too much that has nothing to do with it.
const SHORTEST: usize = 3;

/// Arguments of `store erase`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is looked for: the value itself in every text that is stored, also as JSON, HTML and URLs\n\
                  spell it, and (with --config and its key_file) every token that redaction put in its place,\n\
                  that of the `subject` of a [[principal]] too.\n\n\
                  Example:\n  echo alice@example.org | paritee store erase - --config paritee.toml"
)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// What names them: a user's id, a name, an address, a session's cookie; `-` reads it from standard input
    #[arg(value_name = "VALUE")]
    value: String,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
}

/// Everything that a value is found by.
struct Needles(Vec<String>);

impl Needles {
    fn of(value: &str, redactor: Option<&Redactor>) -> Needles {
        let quoted = serde_json::Value::from(value).to_string();
        let json = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
        let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let mut all = vec![value.to_owned(), json, html];
        all.extend(redactor.map(|redactor| redactor.trace(value)));
        all.sort();
        all.dedup();
        Needles(all)
    }
    fn are_in(&self, text: &str) -> bool {
        let found = |text: &str| self.0.iter().any(|needle| text.contains(needle.as_str()));
        found(text) || (text.contains(['%', '+']) && found(&decoded(text)))
    }
}

/// The redactor under the config's key; `None` where it names none.
fn redactor(config: Option<&Config>) -> Result<Option<Redactor>, Failure> {
    let Some(config) = config else { return Ok(None) };
    let (key, from_file) = secret_key(config)?;
    Ok(from_file.then(|| Redactor::new(RedactOptions::default(), key)))
}

/// Runs `store erase`.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let dir = args.place.dir(config.as_ref());
    let mut value = args.value.clone();
    if value == "-" {
        value.clear();
        let read = std::io::stdin().lock().read_line(&mut value);
        read.map_err(|error| Failure::usage(format!("cannot read the value: {error}")))?;
        value.truncate(value.trim_end_matches(['\n', '\r']).len());
    }
    if value.chars().count() < SHORTEST {
        let message = format!("a value of fewer than {SHORTEST} characters stands in too much else: name a longer one");
        return Err(Failure::usage(message));
    }
    let redactor = redactor(config.as_ref())?;
    if redactor.is_none() {
        say(
            "without --config and its [redact] key_file only what is stored in the clear is found: tokens are not looked for",
        );
    }
    let needles = Needles::of(&value, redactor.as_ref());
    let erased = store::erase(&dir, &|text| needles.are_in(text), args.dry_run).map_err(failed)?;
    for aside in store::set_aside_of(&dir) {
        say(&format!("{} was set aside as damaged and was not looked at: remove it", aside.display()));
    }
    let store::Erased { exemplars, signatures, pairs, routes } = erased;
    let done = if args.dry_run { "would be erased" } else { "erased, in its files too" };
    let (dir, others) = (dir.display(), pairs + routes);
    out::print(|out| {
        writeln!(out, "{dir}: {exemplars} exemplars, {signatures} signatures, {others} other records {done}")
    })?;
    Ok(Exit::Ok)
}
