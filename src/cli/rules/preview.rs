//! `rules preview`: stored exchanges judged again under a changed config, by the judge of this command.

use super::kept::Kept;
use crate::cli::failure::Failure;
use crate::cli::source::{Source, Where};
use crate::cli::{Exit, out};
use crate::config::{Flags, load};
use crate::evidence::Previewing;
use crate::report::rules::{self, Asked, WhatView};
use std::path::PathBuf;

/// Arguments of `rules preview`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The changed config is only read: neither the store nor a running tee changes.\n\
                  Exit codes: 0 printed, 2 the changed config is wrong, 4 no stored exchange could be judged again\n\n\
                  Examples:\n  paritee rules preview changed.toml --store ./paritee-store\n  \
                  paritee rules preview changed.toml --admin http://127.0.0.1:7079 --format json")]
pub(crate) struct Args {
    /// The config with the changed rules; without it, the one that --config names
    #[arg(value_name = "CHANGED")]
    changed: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
    /// Only this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// Runs `rules preview`.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let place = args.place.clone().or_config(args.changed.as_ref());
    let Some(file) = args.changed.as_ref().or(place.config_file()) else {
        return Err(Failure::usage("which rules? name the changed config: paritee rules preview CHANGED.toml"));
    };
    let changed = load(Some(file), &Flags::default())?;
    let source = Source::find(&place)?;
    let kept = Kept::of(&source)?;
    let of_route = |route: &str| changed.rules_of(route).clone();
    let route = args.route.as_deref();
    let mut previewing = Previewing::new(&of_route, &changed.context);
    let mut what = Vec::new();
    for view in kept.signatures(route) {
        let known = kept.known(view)?;
        what.push(WhatView::of(known.id, &known.facts));
        previewing.signature(known.id, known.count, &known.exemplars);
    }
    kept.samples(route, |sample| {
        previewing.sample(&sample.key, &sample.exemplars);
        Ok(())
    })?;
    let preview = previewing.end();
    let now = source.rules(Some(&changed), &Asked::default())?;
    let specs = changed.rules.iter().map(|rule| &rule.spec);
    let view = rules::preview(&preview, what, &now, specs);
    args.format.print(&view, rules::preview_text)?;
    let told = preview.exchanges > preview.undecidable.values().sum::<u64>()
        || preview.signatures.iter().any(|fate| fate.gone + fate.stays > 0);
    Ok(if told { Exit::Ok } else { Exit::Nothing })
}
