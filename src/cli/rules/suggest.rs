//! `rules suggest`: rules that the evidence speaks for, each tried on all that is kept of its route.

use super::kept::Kept;
use crate::cli::failure::Failure;
use crate::cli::source::{Source, Where};
use crate::cli::{Exit, out};
use crate::config::Config;
use crate::evidence::{Known, OnRoute, Sample};
use crate::exchange::Route;
use crate::judge::Context;
use crate::report::rules::{SuggestView, suggest_text};
use crate::rules::RuleSpec;
use std::collections::{BTreeMap, BTreeSet};

/// Signatures of one route that are tried together: the worst of more.
const OF_A_ROUTE: usize = 256;

/// Arguments of `rules suggest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Only prints: whether a difference is noise, a person says.\n\
                  Exit codes: 0 printed, 4 nothing is kept that a rule could be made of\n\n\
                  Examples:\n  paritee rules suggest --config paritee.toml\n  \
                  paritee rules suggest --config paritee.toml --route 'GET /api/review/{review_id}' > proposed.toml")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// Only this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// Runs `rules suggest`.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let Some(config) = args.place.config()? else {
        return Err(Failure::usage("a proposal is tried beside the rules that hold now: name them with --config FILE"));
    };
    let source = Source::under(&args.place, Some(&config))?;
    let kept = Kept::of(&source)?;
    let route = args.route.as_deref();
    let routes: BTreeSet<&str> = kept.signatures(route).map(|view| view.route.as_str()).collect();
    let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    kept.samples(route, |sample| {
        samples.entry(sample.key.route.clone()).or_default().push(sample);
        Ok(())
    })?;
    let mut view = SuggestView::default();
    let mut judged = false;
    for route in routes {
        let of_route = kept.signatures(Some(route)).filter(|view| view.route == route).take(OF_A_ROUTE);
        let known: Vec<Known> = of_route.map(|view| kept.known(view)).collect::<Result<_, _>>()?;
        judged |= known.iter().any(|known| !known.exemplars.is_empty());
        let samples = samples.remove(route).unwrap_or_default();
        let (rules, context) = under(&config, route);
        let on = OnRoute { rules: &rules, context: &context, signatures: &known, samples: &samples };
        known.iter().zip(on.suggest()).for_each(|(known, (_, found))| view.add(known, found));
    }
    args.format.print(&view, suggest_text)?;
    Ok(if judged { Exit::Ok } else { Exit::Nothing })
}

/// The rules that hold on a route today, and what judging depends on beside them.
fn under(config: &Config, route: &str) -> (Vec<RuleSpec>, Context) {
    let route = Route::declared_of(route);
    let mut rules: Vec<RuleSpec> = Vec::new();
    // an expired rule is declared and compiled no longer
    let live = super::list::live_names(config, route);
    for rule in config.rules.iter().filter(|rule| rule.route.as_deref().is_none_or(|own| own == route)) {
        if live.contains(&*rule.spec.name) {
            rules.push(rule.spec.clone());
        }
    }
    (rules, Context::clone(&config.context))
}
