//! `paritee diff`: two answers out of files, judged as the tee judges.

use super::failure::Failure;
use super::{Exit, out, sides};
use crate::compare;
use crate::config::{Config, Flags, RouteIndex, load};
use crate::document::json::{Document, ParseError, ParseOptions};
use crate::document::{DecodeError, Decoded, Media, canonical_pair, decode_as};
use crate::exchange::{
    Answer, Body, CandidateSession, Client, Exchange, ExchangeId, Outcome, Provenance, Request, Response, Route,
};
use crate::judge::{Context, Verdict, judge};
use crate::report::{DiffView, build, diff, json, patch};
use crate::rules::RuleSet;
use http::{HeaderMap, HeaderValue, Method};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "Each file is a body, or a whole HTTP/1 message as `curl -i` prints it; `-` is standard input.\n\n\
Examples:\n  \
    paritee diff old.json new.json\n  \
    paritee diff old.http new.http --config paritee.toml --route 'GET /api/review/{id}'\n  \
    curl -s http://127.0.0.1:9000/api/review/7 | paritee diff old.json - --format json\n  \
    paritee diff old.json new.json --format patch > old-to-new.json";

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What the monolith answered
    primary: PathBuf,
    /// What the new API answered
    candidate: PathBuf,
    /// Take rules and header policy from this config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The route whose rules hold (METHOD /template/{id}, or a concrete path)
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// The content type of bare bodies; else by the file's extension, else by a look
    #[arg(long, value_name = "TYPE")]
    content_type: Option<HeaderValue>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// What differs, for people
    Text,
    /// The judgement as data
    Json,
    /// An RFC 6902 patch that turns the primary's JSON into the candidate's, whatever the rules
    Patch,
}

/// Runs `diff`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = match &args.config {
        Some(file) => Some(load(Some(file), &Flags::default())?),
        None => None,
    };
    let (route, method, target) = route(args.route.as_deref(), config.as_ref())?;
    let (rules, context) = match &config {
        Some(config) => (config.rules_of(&route.name).clone(), config.context.clone()),
        None => (Arc::new(RuleSet::default()), Arc::new(Context { hash_key: random_key()?, ..Context::default() })),
    };
    let (primary, candidate) = sides::read(&args.primary, &args.candidate, args.content_type.as_ref())?;
    let exchange = Exchange {
        id: ExchangeId(0),
        received_at_ms: 0,
        route,
        principal: "anonymous".into(),
        subject: None,
        request: Request { method, target, headers: HeaderMap::new(), body: Body::empty() },
        primary: Answer { outcome: primary, elapsed_us: 0 },
        candidate: Answer { outcome: candidate, elapsed_us: 0 },
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    };
    let judgement = judge(&exchange, &rules, &context);
    let view = build::diff(&judgement);
    match args.format {
        Format::Text => print_text(args, &exchange, (&rules, &context), &view)?,
        Format::Json => out::print_raw(|out| json::write(out, &view))?,
        Format::Patch => print_patch(args, &exchange, &context)?,
    }
    Ok(match judgement.verdict {
        Verdict::Match | Verdict::Normalised => Exit::Ok,
        Verdict::Mismatch => Exit::Mismatch,
        Verdict::Inconclusive(_) | Verdict::Vacuous(_) => Exit::Nothing,
    })
}

/// Whoever wrote the files must not know the key of the hashes.
fn random_key() -> Result<u64, Failure> {
    let mut key = [0; 8];
    getrandom::fill(&mut key).map_err(|error| Failure::could_not_run(format!("no randomness: {error}")))?;
    Ok(u64::from_ne_bytes(key))
}

/// The route as declared, with a method and a target that belong to it.
fn route(text: Option<&str>, config: Option<&Config>) -> Result<(Route, Method, String), Failure> {
    let Some(text) = text else { return Ok((Route::declared("GET /"), Method::GET, "/".to_owned())) };
    let bad = || Failure::usage(format!("`{text}` is not a route: METHOD /template/{{id}}"));
    let (method, rest) = text.split_once(' ').ok_or_else(bad)?;
    let method: Method = method.parse().map_err(|_| bad())?;
    let slash = rest.find('/').ok_or_else(bad)?;
    let (host, path) = rest.split_at(slash);
    let (host, target) = ((!host.is_empty()).then_some(host), path.to_owned());
    let Some(config) = config else { return Ok((Route::declared(text), method, target)) };
    // A route as `report` names it: its operation behind it.
    if let Some((declared, operation)) = text.split_once('#')
        && let Some(found) = config.routes.by_name(declared)
        && config.routes.get(found).split_by.is_some()
    {
        let target = target.split('#').next().unwrap_or(&target).to_owned();
        return Ok((config.routes.get(found).route.operation(operation), method, target));
    }
    let found: Option<RouteIndex> = config
        .routes
        .by_name(text)
        .or_else(|| config.routes.find(host, &method, path.split('?').next().unwrap_or(path)));
    if let Some(found) = found {
        return Ok((config.routes.get(found).route.clone(), method, target));
    }
    let names: Vec<&str> = config.routes.iter().map(|route| &*route.route.name).collect();
    let near = names.iter().max_by(|a, b| strsim::jaro_winkler(a, text).total_cmp(&strsim::jaro_winkler(b, text)));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(Failure::usage(format!("no [[route]] of the config is `{text}`{hint}")))
}

/// Prints what differs, with what it stands in where the bodies tell.
fn print_text(
    args: &Args,
    exchange: &Exchange,
    (rules, context): (&RuleSet, &Context),
    view: &DiffView,
) -> Result<(), Failure> {
    let name = |path: &Path| match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let names = [name(&args.primary), name(&args.candidate)];
    let layout = diff::Layout { names: [&names[0], &names[1]], width: out::width(), colour: out::colour() };
    let print = |bodies: diff::Bodies<'_, '_>| out::print(|out| diff::write(out, view, bodies, &layout));
    let reading = rules.body().map(|(_, media)| media);
    let read = |side: Option<_>| side.and_then(|response| decode_body(response, context, reading).ok());
    let (Some(mine), Some(theirs)) =
        (read(exchange.primary.outcome.response()), read(exchange.candidate.outcome.response()))
    else {
        return print(diff::Bodies::Unknown);
    };
    let mut depth = context.limits.depth;
    let (primary, candidate) = match (mine.media, &mine.text, &theirs.text) {
        (Media::Json, ..) => (Cow::Borrowed(&*mine.bytes), Cow::Borrowed(&*theirs.bytes)),
        (Media::Html | Media::Xml | Media::Form, Some(a), Some(b)) => {
            let [Ok(a), Ok(b)] = canonical_pair(mine.media, [Some(a), Some(b)], depth) else {
                return print(diff::Bodies::Unknown);
            };
            // what was too deep is so already
            depth = usize::MAX;
            (Cow::Owned(a.into_bytes()), Cow::Owned(b.into_bytes()))
        }
        (_, Some(mine), Some(theirs)) => return print(diff::Bodies::Text(mine, theirs)),
        _ => return print(diff::Bodies::Unknown),
    };
    let options = ParseOptions::new(depth, context.hash_key);
    match (Document::parse(&primary, &options), Document::parse(&candidate, &options)) {
        (Ok(primary), Ok(candidate)) => print(diff::Bodies::Trees(&primary, &candidate)),
        _ => print(diff::Bodies::Unknown),
    }
}

/// Prints the patch from the one raw body to the other; what is not JSON cannot be patched.
fn print_patch(args: &Args, exchange: &Exchange, context: &Context) -> Result<(), Failure> {
    let mine = decoded(&args.primary, &exchange.primary.outcome, context)?;
    let theirs = decoded(&args.candidate, &exchange.candidate.outcome, context)?;
    let (primary, candidate) = (document(&args.primary, &mine, context)?, document(&args.candidate, &theirs, context)?);
    let operations = compare::patch(&primary, &candidate).map_err(|error| {
        let file = if error.of_candidate { &args.candidate } else { &args.primary };
        Failure::usage(format!("{}: {error}", file.display()))
    })?;
    out::print_raw(|out| patch::write(out, &operations, &candidate))
}

fn decoded<'a>(file: &Path, outcome: &'a Outcome, context: &Context) -> Result<Decoded<'a>, Failure> {
    let file = file.display();
    match outcome {
        Outcome::Answered(response) => {
            decode_body(response, context, None).map_err(|error| Failure::usage(format!("{file}: {error}")))
        }
        Outcome::Failed(failure) => Err(Failure::usage(format!("{file}: no whole answer: {}", failure.message))),
    }
}

fn decode_body<'a>(
    response: &'a Response,
    context: &Context,
    reading: Option<Media>,
) -> Result<Decoded<'a>, DecodeError> {
    decode_as(response.body.kept().contiguous(), &response.headers, context.limits.decoded_bytes, reading)
}

fn document<'a>(file: &Path, body: &'a Decoded<'_>, context: &Context) -> Result<Document<'a>, Failure> {
    let options = ParseOptions::new(context.limits.depth, context.hash_key);
    Document::parse(&body.bytes, &options).map_err(|error| match error {
        ParseError::Syntax { .. } => {
            Failure::usage(format!("{}: not JSON, so there is no patch: {error}", file.display()))
        }
        ParseError::TooDeep { .. } | ParseError::TooLarge => {
            Failure::inconclusive(format!("{}: {error}", file.display()))
        }
    })
}
