//! `rules list` and `rules unused`.

use crate::cli::failure::Failure;
use crate::cli::source::{Source, Where};
use crate::cli::{Exit, out};
use crate::config::Config;
use crate::report::rules::{self, Asked, RuleWord, RulesView};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Arguments of `rules list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  paritee rules list --config paritee.toml\n  \
                  paritee rules list --admin http://127.0.0.1:7079 --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// Ask for the rules of this route alone
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// Arguments of `rules unused`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 printed, 1 with --fail and a rule that is unused or expired, 4 nothing was compared\n\n\
                  Examples:\n  paritee rules unused --config paritee.toml\n  \
                  paritee rules unused --config paritee.toml --fail --format json"
)]
pub(crate) struct UnusedArgs {
    #[command(flatten)]
    list: Args,
    /// End with 1 when a rule is unused or expired
    #[arg(long)]
    fail: bool,
}

fn view(args: &Args) -> Result<RulesView, Failure> {
    let config = args.place.config()?;
    Source::under(&args.place, config.as_ref())?.rules(config.as_ref(), &Asked { route: args.route.clone() })
}

/// Runs `rules list`.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let view = view(args)?;
    args.format.print(&view, |out, view| rules::list_text(out, view, out::colour()))?;
    Ok(Exit::Ok)
}

/// Runs `rules unused`.
pub(super) fn unused(args: &UnusedArgs) -> Result<Exit, Failure> {
    let mut view = view(&args.list)?;
    view.rules.retain(|rule| !matches!(rule.state, RuleWord::Used | RuleWord::Undeclared));
    args.list.format.print(&view, |out, view| rules::unused_text(out, view, out::colour()))?;
    let is = |word: RuleWord| view.rules.iter().any(|rule| rule.state == word);
    Ok(match () {
        () if args.fail && (is(RuleWord::Unused) || is(RuleWord::Expired)) => Exit::Mismatch,
        () if view.compared == 0 => Exit::Nothing,
        () => Exit::Ok,
    })
}

/// Names of the rules that act on a route: those that have not expired.
pub(super) fn live_names(config: &Config, route: &str) -> BTreeSet<Arc<str>> {
    config.rules_of(route).names().into_iter().collect()
}
